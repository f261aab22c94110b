"""Arithmetic in a text: `12*37`, `17.5% of 2,480`, "the square root of 144", "the average of 3, 5 and 9"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,20})(?:\.\d{1,20})?|\.\d{1,20}"
"""Pattern of a plain number, with or without commas between thousands."""


def _split(text: str) -> list[str]:
    return text.split()


_SMALL = _split(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """
)
_TENS = _split("twenty thirty forty fifty sixty seventy eighty ninety")
NUMBER_WORDS: dict[str, int] = {word: n for n, word in enumerate(_SMALL)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
"""Numbers written as one word."""
NUMBER_WORDS |= {f"{tens}-{_SMALL[n]}": NUMBER_WORDS[tens] + n for tens in _TENS for n in range(1, 10)}
NUMBER_WORDS |= {"dozen": 12, "hundred": 100}

SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
"""Words that multiply the number before them."""

_SCALE = "hundred|thousand|million|billion|trillion"
_FUNCTION = "sqrt|cbrt|log10|log2|log|ln|sin|cos|tan|exp|abs|floor|ceil|factorial"
_SIGN = r"\*\*|//|[-+*/^×÷·−–]|x(?=[ ]?[\d(])"
_SPOKEN_SIGN = r"plus|minus|times|multiplied[ ]by|divided[ ]by|over|to[ ]the[ ]power[ ]of|mod(?:ulo)?"
_WORDS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_TOKEN = re.compile(
    rf"""[ \t]*(?:
      (?P<number>(?:[$€£][ ]?)?(?:{NUMBER})(?:[eE][+-]?\d{{1,3}})?(?!\w{{0,3}}[A-Za-wyz_])(?!\d))
        (?:[ ](?P<scale>{_SCALE})\b)?
    | (?P<percent>%|percent\b|per[ ]cent\b)
    | (?P<function>(?:square|cube)[ ]root[ ]of\b|\b(?:{_FUNCTION})\b(?:[ ]of\b)?)
    | (?P<power>squared\b|cubed\b)
    | (?P<share>(?:a[ ]|one[ ])?(?:half|third|quarter|fifth|tenth)[ ]of\b|double\b|twice\b)
    | (?P<operator>{_SIGN}|(?:{_SPOKEN_SIGN})\b)
    | (?P<of>of\b)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<constant>pi\b|π)
    | (?P<word>(?:{_WORDS})\b)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_OPERATORS = {
    "plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/", "over": "/", "x": "*",
    "to the power of": "**", "mod": "%", "modulo": "%", "×": "*", "÷": "/", "·": "*", "−": "-", "–": "-",
}  # fmt: skip
_FUNCTIONS = {"square root of": "sqrt", "cube root of": "cbrt"}
_SHARES = {"half": "1/2", "third": "1/3", "quarter": "1/4", "fifth": "1/5", "tenth": "1/10"}
_START = re.compile(
    r"\d|[$€£(.−-]|\b(?:square root|cube root|sqrt|cbrt|log|log10|log2|ln|sin|cos|tan|exp|abs|floor|ceil|factorial|"
    r"(?:(?:a|one) )?(?:half|third|quarter|fifth|tenth) of|double|twice|pi|" + "|".join(NUMBER_WORDS) + r")\b|π",
    re.IGNORECASE,
)
_TORN_BEFORE = re.compile(r"\d[.,']$")
_TORN_AFTER = re.compile(r"[.,']\d")
_SENTENCE = re.compile(r"(?:[^\n?!;.]|\.(?!\s)){1,1000}")
_SPOKEN_HINT = re.compile(
    r"%|\b(?:percent|percentage|per cent|sum|total|average|mean|product|add|difference|subtract|multiply|divide|"
    r"increase|raise|decrease|reduce)\b",
    re.IGNORECASE,
)
_HINT = re.compile(
    r"\d|\b(?:plus|minus|times|multiplied|divided|squared|cubed|root|half of|quarter of|double|twice)\b", re.IGNORECASE
)
_LIST = rf"(?:{NUMBER})(?:(?:\s?,\s?and\s|\s?,\s?|\sand\s)(?:{NUMBER}))+"
_N = rf"[$€£]?({NUMBER})"
_P = rf"({NUMBER})\s?(?:%|percent\b|per cent\b)"
_SPOKEN = tuple(
    (re.compile(pattern, re.IGNORECASE), form)
    for pattern, form in (
        (rf"\b(?:sum|total)\sof\s({_LIST})", "+"),
        (rf"\b(?:average|mean)\sof\s({_LIST})", "mean"),
        (rf"\bproduct\sof\s({_LIST})", "*"),
        (rf"\badd\s({_LIST})", "+"),
        (rf"\bdifference\sbetween\s{_N}\sand\s{_N}", "{0} - {1}"),
        (rf"\bsubtract\s{_N}\sfrom\s{_N}", "{1} - {0}"),
        (rf"\bmultiply\s{_N}\s(?:by|and)\s{_N}", "{0} * {1}"),
        (rf"\bdivide\s{_N}\sby\s{_N}", "{0} / {1}"),
        (rf"\b(?:percent|per cent|percentage|%)\sof\s{_N}\sis\s{_N}", "{1} / {0} * 100"),
        (rf"{_N}\sis\swhat\s(?:percent|per cent|percentage|%)\sof\s{_N}", "{0} / {1} * 100"),
        (rf"{_N}\sas\sa\s(?:percent|per cent|percentage|%)\sof\s{_N}", "{0} / {1} * 100"),
        (rf"{_P}\soff\s(?:of\s)?{_N}", "{1} * (1 - {0} / 100)"),
        (rf"\b(?:increase|raise)\s{_N}\sby\s{_P}", "{0} * (1 + {1} / 100)"),
        (rf"\b(?:decrease|reduce)\s{_N}\sby\s{_P}", "{0} * (1 - {1} / 100)"),
        (rf"\badd\s{_P}\sto\s{_N}", "{1} * (1 + {0} / 100)"),
        (rf"{_N}\s?(?:\+|plus)\s?{_P}", "{0} * (1 + {1} / 100)"),
        (rf"{_N}\s?(?:-|minus)\s?{_P}", "{0} * (1 - {1} / 100)"),
    )
)


class Expression(NamedTuple):
    """Arithmetic found in a text.

    `value` is the expression in the usual symbols; `weak` means that it could be something else, such as `24/7` or
    `2019-2021`, and counts only where nothing else is asked.
    """

    value: str
    weak: bool
    start: int
    end: int


def expressions(text: str) -> Iterator[Expression]:
    """The arithmetic of a text in order, without overlaps; time grows with the length of the text and no faster."""
    for sentence in _SENTENCE.finditer(text):
        if _HINT.search(text, sentence.start(), sentence.end()):
            yield from _in_sentence(text, sentence.start(), sentence.end())


def _in_sentence(text: str, place: int, end: int) -> Iterator[Expression]:
    spoken = _spoken(text, place, end) if _SPOKEN_HINT.search(text, place, end) else ()
    for found in sorted(spoken, key=lambda found: found.start):
        if found.start >= place:
            yield from _symbolic(text, place, found.start)
            yield found
            place = found.end
    yield from _symbolic(text, place, end)


def plain_number(text: str) -> str:
    """A number without currency sign, spaces and commas between thousands."""
    return text.lstrip("$€£ ").replace(",", "")


def _spoken(text: str, place: int, end: int) -> Iterator[Expression]:
    for pattern, form in _SPOKEN:
        for match in pattern.finditer(text, place, end):
            if not text[match.end() : match.end() + 1].isalnum():
                yield Expression(_in_symbols(form, match), False, match.start(), match.end())


def _in_symbols(form: str, match: re.Match[str]) -> str:
    if "{" in form:
        return form.format(*map(plain_number, match.groups()))
    numbers = [plain_number(number) for number in re.findall(NUMBER, match[1])]
    return f"({' + '.join(numbers)}) / {len(numbers)}" if form == "mean" else f" {form} ".join(numbers)


def _symbolic(text: str, place: int, end: int) -> Iterator[Expression]:
    while place < end and (start := _START.search(text, place, end)):
        if start.start() and (text[start.start() - 1].isalnum() or text[start.start() - 1] == "_"):
            place = start.start() + 1
            continue
        reader = _Reader(text, start.start(), end)
        found = reader.read()
        if found is not None and not _is_torn(text, found):
            yield found
        place = max(reader.place, start.end())


def _is_torn(text: str, found: Expression) -> bool:
    """Whether it begins or ends inside a number that is written in another way, such as `1,5`."""
    return _TORN_BEFORE.search(text[max(0, found.start - 2) : found.start]) is not None or (
        _TORN_AFTER.match(text, found.end) is not None
    )


class _Reader:
    """Reads the longest valid expression that starts at a place; `place` is then where reading stopped."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text, self.start, self.end, self.place = text, start, end, start
        self.parts: list[str] = []
        self.operators: list[str] = []
        self.wants_operand = True
        self.open: list[bool] = []
        self.good: tuple[int, int, int] | None = None

    def read(self) -> Expression | None:
        while (match := _TOKEN.match(self.text, self.place, self.end)) and match.end() > self.place:
            kind = match.lastgroup if match["scale"] is None else "number"
            if not getattr(self, f"_{kind}")(match[kind or 0].strip().lower(), match):
                break
            self.place = match.end()
            if not self.wants_operand and not any(self.open):
                self.good = (self.place, len(self.parts), len(self.operators))
        return self._found()

    def _found(self) -> Expression | None:
        if self.good is None or not self.good[2]:
            return None
        place, parts, operators = self.good
        value = re.sub(r"\s+", " ", "".join(self.parts[:parts]).replace("( ", "(")).strip()
        self.place = place
        used = self.operators[:operators]
        if self.text[place : place + 1].isalnum():
            return None
        return Expression(value, _is_weak(used), self.start, place)

    def _number(self, token: str, match: re.Match[str]) -> bool:
        value = plain_number(token)
        if match["scale"]:
            value = f"{float(value) * SCALES[match['scale'].lower()]:.12g}"
        return self._operand(value)

    def _word(self, token: str, match: re.Match[str]) -> bool:
        return self._operand(str(NUMBER_WORDS[token]))

    def _constant(self, token: str, match: re.Match[str]) -> bool:
        return self._operand("pi")

    def _operand(self, value: str) -> bool:
        if not self.wants_operand:
            return False
        self.parts.append(value)
        self.wants_operand = False
        while self.open and not self.open[-1]:  # a function without brackets takes one operand
            self.parts.append(")")
            self.open.pop()
        return True

    def _operator(self, token: str, match: re.Match[str]) -> bool:
        symbol = _OPERATORS.get(token, token)
        if self.wants_operand:
            self.parts.append(symbol)
            return symbol in "+-" and not (self.parts[:-1] and self.parts[-2] in "+-")
        spaced = match[0][:1].isspace() or len(token) > 2
        self.parts.append(f" {symbol} " if spaced else symbol)
        self.operators.append("word" if len(token) > 2 else token + " " if spaced else token)
        self.wants_operand = True
        return True

    def _percent(self, token: str, match: re.Match[str]) -> bool:
        if self.wants_operand:
            return False
        self.parts.append("%")
        return True

    def _of(self, token: str, match: re.Match[str]) -> bool:
        if self.wants_operand or not (self.parts[-1] == "%" or self._is_fraction()):
            return False
        self.parts.append(" of " if self.parts[-1] == "%" else " * ")
        self.operators.append("of")
        self.wants_operand = True
        return True

    def _is_fraction(self) -> bool:
        """Whether what was read is `3/4`, so that `of` multiplies."""
        return len(self.parts) >= 3 and self.parts[-2].strip() == "/" and self.parts[-1].isdigit()

    def _power(self, token: str, match: re.Match[str]) -> bool:
        if self.wants_operand:
            return False
        self.parts.append("**2" if token == "squared" else "**3")
        self.operators.append("**")
        return True

    def _share(self, token: str, match: re.Match[str]) -> bool:
        if not self.wants_operand:
            return False
        words = token.split()
        share = "2" if words[0] in ("double", "twice") else f"({_SHARES[words[-2]]})"
        self.parts.append(f"{share} * ")
        self.operators.append("*")
        return True

    def _function(self, token: str, match: re.Match[str]) -> bool:
        if not self.wants_operand:
            return False
        self.parts.append(f"{_FUNCTIONS.get(token, token.removesuffix(' of'))}(")
        self.operators.append("f")
        bracketed = self.text[match.end() : match.end() + 2].lstrip(" ").startswith("(")
        if bracketed:
            self.parts[-1] = self.parts[-1][:-1]
        else:
            self.open.append(False)
        return True

    def _open(self, token: str, match: re.Match[str]) -> bool:
        if not self.wants_operand:
            return False
        self.parts.append("(")
        self.open.append(True)
        return True

    def _close(self, token: str, match: re.Match[str]) -> bool:
        if self.wants_operand or not self.open:
            return False
        self.parts.append(")")
        self.open.pop()
        return True


def _is_weak(operators: list[str]) -> bool:
    """One lone dash, slash or x may as well be a range, `24/7` or a size; a written-out word never is."""
    return len(operators) == 1 and operators[0].strip() in ("-", "–", "/", "x") and operators[0] != "/ "
