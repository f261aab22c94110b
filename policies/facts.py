"""What in a text can be checked: numbers, dates, times, quotations, URLs, citations and proper names, with their places.

`extract` reads an answer, `scan` reads numbers, dates and times out of a source, and `same` says whether two of them mean
the same. Everything is linear in the text: no pattern backtracks over more than a bounded stretch, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from .lexicon import ABBREVIATIONS, CARDINALS, CURRENCIES, MONTHS, MULTIPLIERS, ORDINALS, STOP_WORDS, WEEKDAYS, unit_named

FactKind = Literal["number", "date", "time", "quotation", "url", "citation", "name"]

MAX_NUMBER = 400
"""Characters of the longest run of digits read as a number; a longer one is compared as it is written."""

LABELS = frozenset({"page", "section", "chapter", "line", "row", "table", "figure", "step", "version"})
"""Words before a number that make it a place and not a quantity: `page 3` is never grounded by a bare 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A checkable piece of a text.

    Attributes:
        kind: what it is.
        text: as it is written.
        start: where it begins in the text, in characters.
        end: where it ends.
        value: what is compared: digits of a number, `(year, month, day)` of a date (0 where not said), `(hour, minute,
            second, offset)` of a time (-1 where not said, the offset in minutes), and the normalised words of the rest.
        unit: the unit beside a number by its one name, or the label before it (`page`); `None` where it has none.
        hinted: whether the unit stands elsewhere in the record, such as in a JSON key.
        quantum: the value of the last digit shown of a number.
        digits: significant digits shown of a number.
        weekday: the day of the week said beside a date, 0 for Monday; -1 where none was said.
        initial: whether a name begins its sentence, so that its first word may be an ordinary one.
    """

    kind: FactKind
    text: str
    start: int
    end: int
    value: Decimal | tuple[int, ...] | str
    unit: str | None = None
    hinted: bool = False
    quantum: Decimal = Decimal(1)
    digits: int = 0
    weekday: int = -1
    initial: bool = False


_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)(?!\w)\.?"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
_SCAN = re.compile(
    rf"""
    (?P<iso>\d{{4}}-\d{{2}}-\d{{2}}(?!\d)(?:[T ](?P<iso_time>{_CLOCK})(?!\d)\s?(?P<zone>Z|[+\-−]\d{{2}}:?\d{{2}})?)?)
  | (?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]{{1,2}}(?:of[ ])?(?P<month>{_MONTH})(?:,?[\s-]{{1,2}}(?P<year>\d{{4}})(?![\d:]))?
  | (?P<slashed>\d{{1,2}}([/.])\d{{1,2}}\9\d{{4}}(?![\d/])|\d{{4}}/\d{{1,2}}/\d{{1,2}}(?![\d/]))
  | (?P<clock>{_CLOCK})(?![\d:])(?:\s?(?P<half>[ap])\.?m(?:\.|(?!\w)))?
  | (?P<hour>\d{{1,2}})\s?(?P<hour_half>[ap])\.?m(?:\.|(?!\w))
  | (?P<dotted>\d++(?:\.\d++){{2,}}+)
  | (?P<number>(?:\d{{1,3}}(?:[,\u00a0\u202f\u2009'’_]\d{{3}})++(?!\d)|\d++)(?:\.\d++)?)
    (?P<exponent>[eE][+\-−]?\d{{1,3}}(?!\w))?
    (?:[ \u00a0-]?(?P<times>(?:thousand|million|billion|trillion|bn|mn)(?!\w))|(?P<letter>[kKmMbB])(?!\w))?
    """,
    re.VERBOSE,
)
_MONTH_FIRST = re.compile(
    rf"(?P<month>{_MONTH})\s{{1,2}}(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.]\d|\d))?(?:,?\s{{0,2}}(?P<year>\d{{4}})(?![\d:]))?"
)
_OFFSET = re.compile(r"(?:UTC|GMT)\s?([+\-−])(\d{1,2})(?::?(\d{2}))?(?!\d)")
_URL = re.compile(r"https?://[^\s<>\"“”]+|(?<![\w.@/-])www\.[^\s<>\"“”]+")
_EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]{1,64}+@[\w-]{1,64}+(?:\.[\w-]{1,64}+){1,8}+")
_QUOTE = re.compile(r'"[^"\n]{1,4000}"|“[^“”\n]{1,4000}”|«[^«»\n]{1,4000}»|„[^„“”\n]{1,4000}[“”]|(?<!\w)\'[^\'\n]{2,400}\'(?!\w)')
_CITATION = re.compile(r"(?<![\w.-])([\w-][\w.-]{0,120}\.\w{1,5}),\s(?:pages?|pp?\.)\s?(\d{1,5})(?!\d)")
_CODE = re.compile(r"[^\W_]\w*+(?:[-_./]\w++)*+")
_WORD = re.compile(r"[^\W\d_][^\W_]*+(?:[-'’&.][^\W\d_][^\W_]*+)*+")
_MARKER = re.compile(r"(?m)^[ \t]{0,20}(?:\d{1,3}[.)]|[-*•])[ \t]")
_SPELLED = re.compile(r"(?i)\b(" + "|".join(CARDINALS[2:]) + r")\b")
_UNIT = re.compile(r"[\s\u00a0\u202f-]?([%°℃℉$€£¥₹]\s?[CF]?(?!\w)|[^\W\d_]+[²³23]?(?:/[^\W\d_]+)?)(?:[ -]([^\W\d_]+))?(?:[ -]([^\W\d_]+))?")
_LABEL = re.compile(r"(?i)\b(page|pp?|section|chapter|line|row|table|figure|step|version)\b[.:\"]{0,2}\s?#?$")
_KEY = re.compile(r"([\w%°$€£]{1,40})\)?\"?\s{0,2}[:=]\s{0,2}\"?$")
_UNIT_AFTER = re.compile(r'"?\s{0,2},\s{0,2}"(?:\w{0,20}units?|currency|from)"\s{0,2}:\s{0,2}"([^"]{1,30})"')
_UNIT_BEFORE = re.compile(r'"(?:units?|currency)"\s{0,2}:\s{0,2}"([^"]{1,30})"\s{0,2},\s{0,2}"\w{1,40}"\s{0,2}:\s{0,2}$')
_RANGE = re.compile(r"\s?(?:-|–|—|to|and|or)\s?")
_CURRENCY_BEFORE = re.compile(r"(?:(?:US)?([$€£¥₹])|\b([A-Z]{3}))\s?$")
_HYPHEN = "-−–"


def extract(text: str) -> tuple[Fact, ...]:
    """All facts of an answer, in the order in which they stand; list markers such as `1.` are none."""
    canvas = _Canvas(text)
    canvas.blank(_MARKER)
    canvas.take(_CITATION, _citation)
    canvas.take(_URL, _url)
    canvas.take(_EMAIL, _url)
    canvas.take(_QUOTE, _quotation)
    canvas.found.extend(_scan_canvas(canvas, _anything, codes=True))
    canvas.take(_SPELLED, _spelled)
    canvas.found.extend(_names(canvas))
    return tuple(_with_ranges(canvas.found, text))


def scan(text: str, keep: Callable[[float], bool]) -> list[Fact]:
    """The dates and times of a source, and those of its numbers whose digits `keep` wants."""
    canvas = _Canvas(text)
    if "http" in text or "www." in text:
        canvas.blank(_URL)
    return _with_ranges(_scan_canvas(canvas, keep, codes=False), text)


def scan_words(text: str, lower: str, values: set[int]) -> list[Fact]:
    """Those of a source's numbers that are written in words, up to twenty and twentieth, and are among `values`."""
    return [
        _in_words(text, start, start + len(word), value)
        for value in values
        if 0 <= value < len(CARDINALS)
        for word in (CARDINALS[value], ORDINALS[value])
        for start in places(lower, word)
    ]


def places(text: str, words: str, most: int = 200) -> Iterator[int]:
    """Where `words` stand in a text as whole words; at most so many hits are looked at."""
    start = -1
    for _ in range(most):
        start = text.find(words, start + 1)
        if start < 0:
            return
        end = start + len(words)
        if not (start and text[start - 1].isalnum() and words[0].isalnum()) and not text[end : end + 1].isalnum():
            yield start


def same(answer: Fact, source: Fact, *, fell: bool = False) -> bool:
    """Whether a fact of a source says what a fact of the answer says.

    Args:
        answer: a number, date or time of the answer.
        source: one of a source.
        fell: whether the answer's sentence says that something fell, so that `5 %` may stand for `-5 %`.
    """
    if isinstance(answer.value, Decimal):
        return _same_number(answer, source, fell)
    if answer.kind != source.kind or isinstance(answer.value, str) or isinstance(source.value, str):
        return answer.kind == source.kind and answer.value == source.value
    unsaid = 0 if answer.kind == "date" else -1
    return all(a == unsaid or a == b for a, b in zip(answer.value, source.value, strict=True))


def magnitudes(fact: Fact) -> Iterator[tuple[float, float]]:
    """The intervals in which a source's bare digits may lie to stand for this number; used to skip all others."""
    if not isinstance(fact.value, Decimal):
        return
    value, slack = abs(float(fact.value)), _slack(fact)
    for scale in (1.0, 1e3, 1e6, 1e9, 1e12, *((1e2,) if fact.unit == "percent" else ())):
        room = (slack + 1e-9 * value) / scale
        yield value / scale - room, value / scale + room


class _Canvas:
    """A text of which each stretch is read once: what was taken is blanked, and the places stay."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = text
        self.found: list[Fact] = []

    def blank(self, pattern: re.Pattern[str]) -> None:
        self.text = pattern.sub(lambda match: " " * len(match[0]), self.text)

    def blank_all(self, facts: list[Fact]) -> None:
        letters = list(self.text)
        for fact in facts:
            letters[fact.start : fact.end] = " " * (fact.end - fact.start)
        self.text = "".join(letters)

    def take(self, pattern: re.Pattern[str], read: Callable[[re.Match[str], str], Fact | None]) -> None:
        def replacement(match: re.Match[str]) -> str:
            fact = read(match, self.original)
            if fact is None:
                return match[0]
            self.found.append(fact)
            return " " * (fact.end - fact.start) + match[0][fact.end - fact.start :]

        self.text = pattern.sub(replacement, self.text)


def normal_url(text: str) -> str:
    """A URL without what a sentence or a browser adds to its end."""
    return text.rstrip("/")


def normal_quote(text: str) -> str:
    """A quotation with plain quote marks and single spaces, its first letter in lower case."""
    text = plain(text).rstrip(".,;:!?…")
    return text[:1].lower() + text[1:]


def plain(text: str) -> str:
    """A text with plain quote marks and single spaces."""
    return " ".join(text.translate(_QUOTE_MARKS).split())


_QUOTE_MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "\u00a0": " "})


def _anything(_: float) -> bool:
    return True


def _citation(match: re.Match[str], _: str) -> Fact:
    value = f"{match[1].lower()}, page {int(match[2])}"
    return Fact(kind="citation", text=match[0], start=match.start(), end=match.end(), value=value)


def _url(match: re.Match[str], _: str) -> Fact:
    text = match[0].rstrip(".,;:!?'’*")
    while text and text[-1] in ")]}" and text.count("([{"[")]}".index(text[-1])]) < text.count(text[-1]):
        text = text[:-1].rstrip(".,;:!?'’*")
    return Fact(kind="url", text=text, start=match.start(), end=match.start() + len(text), value=normal_url(text))


def _quotation(match: re.Match[str], text: str) -> Fact | None:
    value = normal_quote(match[0][1:-1])
    is_key = text.lstrip()[:1] in ("{", "[") and text[match.end() : match.end() + 2].lstrip()[:1] == ":"
    if not value or (is_key and match[0][0] == '"'):
        return None
    return Fact(kind="quotation", text=match[0], start=match.start(), end=match.end(), value=value)


def _spelled(match: re.Match[str], text: str) -> Fact:
    return _in_words(text, match.start(), match.end(), CARDINALS.index(match[0].lower()))


def _in_words(text: str, start: int, end: int, value: int) -> Fact:
    unit, length = _unit_at(text[end : end + 48])
    end += length
    return Fact(kind="number", text=text[start:end], start=start, end=end, value=Decimal(value), unit=unit)


def _scan_canvas(canvas: _Canvas, keep: Callable[[float], bool], *, codes: bool) -> list[Fact]:
    canvas.take(_OFFSET, _offset)
    canvas.take(_MONTH_FIRST, _month_first)
    found = canvas.found
    canvas.found = []
    if codes:
        canvas.take(_CODE, _code)
        found.extend(canvas.found)
        canvas.found = []
    scanned = [fact for match in _SCAN.finditer(canvas.text) for fact in _read(match, canvas.text, keep)]
    if codes:
        canvas.blank_all(scanned)
    return found + scanned


def _read(match: re.Match[str], text: str, keep: Callable[[float], bool]) -> Iterator[Fact]:
    raw = match["number"]
    if raw is not None:
        yield from _numbers(match, raw, text, keep)
    elif match["iso"] is not None:
        yield from _iso(match, text)
    elif match["month"] is not None:
        yield _date(text, match.start(), match.end(), match["year"], match["month"], match["day"])
    elif match["slashed"] is not None:
        yield _slashed(match, text)
    elif match["dotted"] is not None:
        yield Fact(kind="name", text=match[0], start=match.start(), end=match.end(), value=match[0])
    else:
        yield _time(match["clock"] or match["hour"], match["half"] or match["hour_half"], None, match.start(), match[0])


def _iso(match: re.Match[str], text: str) -> Iterator[Fact]:
    year, month, day = match["iso"][:10].split("-")
    yield _date(text, match.start(), match.start() + 10, year, month, day)
    if match["iso_time"] is not None:
        start = match.start("iso_time")
        yield _time(match["iso_time"], None, match["zone"], start, match.string[start : match.end()])


def _slashed(match: re.Match[str], text: str) -> Fact:
    parts = [int(part) for part in re.split(r"[/.]", match[0])]
    if len(match[0].split("/")[0]) == 4:
        return _date(text, match.start(), match.end(), *parts)
    first, second, year = parts
    if first > 12 or first == second:
        return _date(text, match.start(), match.end(), year, second, first)
    if second > 12:
        return _date(text, match.start(), match.end(), year, first, second)
    return Fact(kind="date", text=match[0], start=match.start(), end=match.end(), value=match[0])


def _month_first(match: re.Match[str], text: str) -> Fact | None:
    if match["day"] is None and match["year"] is None:
        return None
    return _date(text, match.start(), match.end(), match["year"], match["month"], match["day"])


def _date(text: str, start: int, end: int, year: object, month: object, day: object) -> Fact:
    written = text[start:end].rstrip()
    return Fact(
        kind="date",
        text=written,
        start=start,
        end=start + len(written),
        value=(int(str(year or 0)), _month_number(str(month)), int(str(day or 0))),
        weekday=_weekday_before(text[max(0, start - 14) : start]),
    )


def _month_number(month: str) -> int:
    if month.isdigit():
        return int(month)
    return next((n for n, name in enumerate(MONTHS, 1) if name.startswith(month[:3].lower())), 0)


def _weekday_before(text: str) -> int:
    words = text.replace(",", " ").split()
    word = words[-1].lower() if words else ""
    return WEEKDAYS.index(word) if word in WEEKDAYS else -1


def _time(clock: str, half: str | None, zone: str | None, start: int, written: str) -> Fact:
    parts = [int(part[:2]) for part in clock.split(":")] + [0 if half and ":" not in clock else -1, -1]
    hour, minute, second = parts[0], parts[1], parts[2]
    if half is not None and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    offset = -1 if zone is None else _minutes(zone)
    end = start + len(written)
    return Fact(kind="time", text=written, start=start, end=end, value=(hour, minute, second, offset))


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:] or 0)) or 0


def _offset(match: re.Match[str], _: str) -> Fact:
    zone = f"{match[1]}{int(match[2]):02d}{match[3] or '00'}"
    value = (-1, -1, -1, _minutes(zone))
    return Fact(kind="time", text=match[0], start=match.start(), end=match.end(), value=value)


def _code(match: re.Match[str], text: str) -> Fact | None:
    """A token of letters and digits, such as `AB-1234` or `handbook.pdf`; a number with its unit is none."""
    token = match[0]
    has_digit, has_alpha = any(map(str.isdigit, token)), any(map(str.isalpha, token))
    is_file = "." in token and token.rpartition(".")[2].lower() in _FILES
    if not (is_file or (has_digit and has_alpha)) or _is_quantity(token):
        return None
    end = match.start() + len(token)
    return Fact(kind="name", text=token, start=match.start(), end=end, value=token.lower())


_FILES = frozenset("pdf txt md csv tsv json xml html htm doc docx xls xlsx ppt pptx png jpg jpeg py yaml yml toml log zip".split())
_TAIL = re.compile(r"[\d.,:/eE+-]*+([^\W\d]*+)(.*)", re.DOTALL)
_DASHED = re.compile(r"\d[\d.]*[eE]-\d{1,3}|[a-z]+-\d[\d.,]*|\d[\d.,]*(?:-[a-z]+)+|\d{4}-\d\d-\d\dT[\d:.]+Z?|\d{1,2}-[A-Z][a-z]{2,8}-\d{4}")


def _is_quantity(token: str) -> bool:
    if not token[0].isdigit() or "-" in token:
        return _DASHED.fullmatch(token) is not None or unit_named(token) is not None
    match = _TAIL.fullmatch(token)
    tail, rest = (match[1], match[2]) if match else ("", "")
    known = tail.lower() in ("st", "nd", "rd", "th", "am", "pm", "a", "p", "x") or tail.lower() in MULTIPLIERS
    return known or unit_named(tail + rest) is not None or (not tail and not rest)


def _numbers(match: re.Match[str], raw: str, text: str, keep: Callable[[float], bool]) -> Iterator[Fact]:
    start = match.start("number")
    before = text[start - 1] if start else " "
    if before.isalpha() or before == "_" or (before == "-" and text[max(0, start - 2)].isupper()):
        return
    digits = raw.translate(_SEPARATORS)
    if len(raw) > MAX_NUMBER:
        yield Fact(kind="name", text=raw, start=start, end=start + len(raw), value=raw)
    elif keep(float(digits + _exponent(match))):
        yield _number(match, digits, text)
    if "," in raw and (before in ",[" or text[match.end() : match.end() + 1] in (",", "]")) and keep is not _anything:
        yield from _cells(raw, start, keep)


_SEPARATORS = str.maketrans("", "", ",\u00a0\u202f\u2009'’_")


def _cells(raw: str, start: int, keep: Callable[[float], bool]) -> Iterator[Fact]:
    """`120,300` in a row of CSV or a compact JSON array may be two numbers."""
    for cell in raw.split(","):
        if keep(float(cell)):
            yield Fact(kind="number", text=cell, start=start, end=start + len(cell), value=Decimal(cell))
        start += len(cell) + 1


def _exponent(match: re.Match[str]) -> str:
    return (match["exponent"] or "").replace("−", "-")


def _number(match: re.Match[str], shown: str, text: str) -> Fact:
    start, end = match.start("number"), match.end("exponent") if match["exponent"] else match.end("number")
    sign, currency, start = _prefix(text, start)
    power, end = _power(match, currency, end)
    unit, hinted, end = _unit_of(text, start, end, currency)
    value = Decimal(shown + _exponent(match)).scaleb(power)
    decimals = len(shown.partition(".")[2])
    quantum = Decimal(1).scaleb(power - decimals + int(_exponent(match)[1:] or 0))
    digits = len(shown.replace(".", "").lstrip("0"))
    text = text[start:end]
    return Fact(
        kind="number",
        text=text,
        start=start,
        end=end,
        value=-value if sign else value,
        unit=unit,
        hinted=hinted,
        quantum=quantum,
        digits=digits,
    )


def _prefix(text: str, start: int) -> tuple[bool, str | None, int]:
    """Sign and currency before the digits, and where the number begins with them."""
    before = text[max(0, start - 10) : start]
    sign = before[-1:] in _HYPHEN and before != "" and _signs(before[:-1])
    if sign:
        before = before[:-1]
    match = _CURRENCY_BEFORE.search(before)
    currency = unit_named(match[1] or match[2]) if match else None
    if match and currency in CURRENCIES:
        start -= len(before) - match.start() + sign
        before = before[: match.start()]
        if not sign and before[-1:] != "" and before[-1:] in _HYPHEN and _signs(before[:-1]):
            return True, currency, start - 1
        return sign, currency, start
    if not sign and before.lower().endswith(("minus ", "negative ")):
        return True, None, start - (6 if before.lower().endswith("minus ") else 9)
    return sign, None, start - sign


def _signs(before: str) -> bool:
    """Whether a hyphen after this text is a sign, not a range, a subtraction or a word's hyphen."""
    return before == "" or not (before[-1].isalnum() or before[-1] in ")]%." or (before[-1] == " " and before[-2:-1].isdigit()))


def _power(match: re.Match[str], currency: str | None, end: int) -> tuple[int, int]:
    if match["times"]:
        return MULTIPLIERS[match["times"]], match.end("times")
    letter = match["letter"]
    if letter and (currency or letter in "kB"):
        return MULTIPLIERS[letter.lower()], match.end("letter")
    if letter == "M":
        return 6, match.end("letter")
    return 0, end


def _unit_of(text: str, start: int, end: int, currency: str | None) -> tuple[str | None, bool, int]:
    """The unit of the number at this place, whether it is only hinted at, and where the number ends with it."""
    if currency is not None:
        return currency, False, end
    label = _LABEL.search(text[max(0, start - 12) : start])
    if label is not None:
        name = label[1].lower()
        return ("page" if name in ("p", "pp") else name), False, end
    unit, length = _unit_at(text[end : end + 48])
    if unit is not None:
        return unit, False, end + length
    unit = _hint(text, start, end)
    return unit, unit is not None, end


def _unit_at(after: str) -> tuple[str | None, int]:
    match = _UNIT.match(after)
    if match is None:
        return None, 0
    for count in (3, 2, 1):
        words = [word for word in match.groups()[:count] if word]
        unit = unit_named(" ".join(words).replace("° ", "°")) if len(words) == count else None
        if unit is not None:
            return unit, match.end(count)
    return None, 0


def _hint(text: str, start: int, end: int) -> str | None:
    after = _UNIT_AFTER.match(text[end : end + 90])
    if after is not None:
        return unit_named(after[1])
    before = text[max(0, start - 90) : start]
    key = _KEY.search(before[-48:])
    if key is not None:
        unit = _key_unit(key[1])
        if unit is not None:
            return unit
    earlier = _UNIT_BEFORE.search(before)
    return unit_named(earlier[1]) if earlier else None


def _key_unit(key: str) -> str | None:
    parts = re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower().split("_")
    if parts[-1] in LABELS:
        return parts[-1]
    tail = {"c": "celsius", "f": "fahrenheit"}.get(parts[-1]) if len(parts) > 1 else None
    return tail or (unit_named(parts[-1]) if len(parts) > 1 or len(parts[-1]) > 2 else None)


def _with_ranges(found: list[Fact], text: str) -> list[Fact]:
    """`5 to 10 km`: the first number takes the unit of the second."""
    found.sort(key=lambda fact: fact.start)
    return [_with_unit_of(one, two, text) for one, two in zip(found, [*found[1:], None], strict=True)]


def _with_unit_of(one: Fact, two: Fact | None, text: str) -> Fact:
    if two is None or not one.kind == two.kind == "number" or one.unit is not None or two.hinted:
        return one
    if two.unit is None or two.unit in CURRENCIES or two.start - one.end > 8:
        return one
    return replace(one, unit=two.unit) if _RANGE.fullmatch(text[one.end : two.start]) else one


def _same_number(answer: Fact, source: Fact, fell: bool) -> bool:
    if source.kind == "date" and not isinstance(source.value, str) and answer.unit is None:
        return answer.value == (source.value[2] if answer.text[-2:] in ("st", "nd", "rd", "th") else source.value[0])
    if not isinstance(answer.value, Decimal) or not isinstance(source.value, Decimal):
        return False
    value = source.value
    if answer.unit == "percent" and source.unit is None and abs(value) <= 1 and "." in source.text:
        return _close(answer, value * 100, fell) or _close(answer, value, fell)
    return _units_agree(answer, source) and _close(answer, value, fell)


def _close(answer: Fact, value: Decimal, fell: bool) -> bool:
    assert isinstance(answer.value, Decimal)
    if fell and value < 0 < answer.value:
        value = -value
    return answer.value == value or abs(answer.value - value) <= Decimal(_slack(answer))


def _slack(answer: Fact) -> float:
    return float(answer.quantum) / 2 if answer.digits >= 2 else 0.0


def _units_agree(answer: Fact, source: Fact) -> bool:
    """A unit beside the source's number must be the answer's; a bare number agrees with any unit but a label."""
    if answer.unit == source.unit:
        return True
    if answer.unit is None:
        return source.hinted or (source.unit != "percent" and source.unit not in LABELS)
    return source.unit is None and answer.unit not in LABELS


def _names(canvas: _Canvas) -> Iterator[Fact]:
    """Runs of capitalised words; one alone at a sentence's beginning counts only where it is a name elsewhere."""
    runs = list(_runs(canvas))
    known = {run.text for run in runs if not run.initial}
    for run in runs:
        if not run.initial or " " in run.text or run.text in known:
            yield run


def _runs(canvas: _Canvas) -> Iterator[Fact]:
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(canvas.text):
        if run and not (_is_name(match[0]) and canvas.text[run[-1].end() : match.start()] == " "):
            yield _name(run, canvas.original)
            run = []
        if _is_name(match[0]):
            run.append(match)
    if run:
        yield _name(run, canvas.original)


def _is_name(word: str) -> bool:
    if not word[0].isupper():
        return False
    lower = re.split("['’]", word.lower())[0]
    return lower not in STOP_WORDS and unit_named(word) is None


def _name(run: list[re.Match[str]], text: str) -> Fact:
    start, end = run[0].start(), run[-1].end()
    written = re.sub(r"['’]s$", "", text[start:end])
    end = start + len(written)
    initial = _begins_sentence(text, start)
    return Fact(kind="name", text=written, start=start, end=end, value=written.lower(), initial=initial)


def _begins_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 40) : start].rstrip(" \t*#>-•_`\"'“‘([")
    if before[-1:] == "." and before[:-1].rpartition(" ")[2].lower() in ABBREVIATIONS:
        return False
    return not before or before[-1] in ".!?\n" or _MARKER.fullmatch(before.rpartition("\n")[2] + " ") is not None
