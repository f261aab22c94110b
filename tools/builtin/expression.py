"""Reading arithmetic as people write it into an expression that `arithmetic.evaluate` takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ...policies.errors import ToolError
from .arithmetic import FUNCTIONS, NAMES


def read(text: str) -> str:
    """Rewrite what people write as an expression for `evaluate`: `17.5% of 2,480` becomes `17.5[pct]*2480`.

    Raises:
        ToolError: it is not arithmetic, or could be read in two ways; the message quotes the part.
    """
    if re.search(r"\b0x", text, re.IGNORECASE):
        raise ToolError("hexadecimal numbers are not read; write decimal ones")
    text = re.sub(r"[⁰¹²³⁴-⁹⁻]+", lambda raised: f"^({raised[0].translate(_RAISED)})", text)
    text = re.sub(r"[$€£](?=\s*[\d.])", "", text.translate(_SIGNS))
    reader = _Reader(_tokens(text.strip()))
    return reader.read()


_SIGNS = str.maketrans(
    {"×": "*", "✕": "*", "⋅": "*", "·": "*", "∙": "*", "•": "*", "÷": "/", "∕": "/", "⁄": "/"}
    | dict.fromkeys("−–—‐‑", "-")
    | {"√": " sqrt ", "∛": " cbrt ", "π": " pi ", "°": " degrees ", "[": "(", "]": ")", "{": "(", "}": ")"}
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

_INFIX = {
    "+": "+",
    "-": "-",
    "*": "*",
    "/": "/",
    "//": "//",
    "**": "**",
    "^": "**",
    "x": "*",
    "plus": "+",
    "minus": "-",
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
    "over": "/",
    "mod": "%",
    "modulo": "%",
    "to the power of": "**",
    "to the power": "**",
    "raised to the power of": "**",
    "raised to": "**",
    "increased by": "+",
    "decreased by": "-",
    "reduced by": "-",
}
_POSTFIX = {
    "!": "[fac]",
    "squared": "**2",
    "cubed": "**3",
    "degrees": "[deg]",
    "degree": "[deg]",
    "deg": "[deg]",
    **{word: f"[{word}]" for word in ("thousand", "million", "billion", "trillion")},
}
_PERCENT = {
    f"{sign}{rest}": mark
    for sign in ("%", "percent", "per cent")
    for rest, mark in {
        "": "[pct]",
        " of": "[pct]*",
        " off of": "[off]*",
        " off": "[off]*",
        " more than": "[more]*",
        " less than": "[off]*",
    }.items()
}
_PREFIX = {
    "half of": "(1/2)*",
    "a third of": "(1/3)*",
    "two thirds of": "(2/3)*",
    "a quarter of": "(1/4)*",
    "three quarters of": "(3/4)*",
    "twice": "2*",
    "double": "2*",
    "triple": "3*",
}
_FUNCTION_WORDS = {name: name for name in FUNCTIONS} | {
    "square root": "sqrt",
    "cube root": "cbrt",
    "absolute value": "abs",
    "natural logarithm": "ln",
    "logarithm": "log",
    "maximum": "max",
    "minimum": "min",
    "avg": "mean",
    "total": "sum",
    "ceiling": "ceil",
}


def _alternatives(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first; none of them may end inside a word or a number."""
    return "|".join(map(_word, sorted(words, key=len, reverse=True)))


def _word(word: str) -> str:
    end = r"(?![a-z])" if word[-1].isalpha() else r"(?!\d)" if word[-1].isdigit() else ""
    return r"\s*".join(map(re.escape, word.split())) + end


_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>(?:\d+(?:,\d+)*\.?\d*|\.\d+)(?:e[+-]?\d+(?![\d.]))?)
    |(?P<percent>{_alternatives(_PERCENT)})
    |(?P<prefix>{_alternatives(_PREFIX)})
    |(?P<postfix>{_alternatives(_POSTFIX)})
    |(?P<infix>{_alternatives(_INFIX)})
    |(?:the\s+)?(?P<function>{_alternatives(_FUNCTION_WORDS)})(?:\s*of\b)?
    |(?P<name>{_alternatives(NAMES)})
    |(?P<open>\()
    |(?P<close>\))
    |(?P<comma>[,;](?:\s*and\b)?|and\b)
    )""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    word: str
    spaced: bool
    """Whether a space follows."""


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ToolError(
                f"{text[at : at + 30].strip()!r} is not arithmetic; write numbers, + - * / ^ %, brackets and functions "
                "such as sqrt(2)"
            )
        at = match.end()
        word = " ".join(match[match.lastgroup].lower().split())
        tokens.append(_Token(match.lastgroup, word, text[at : at + 1] == " "))
    return tokens


@dataclass(slots=True)
class _Frame:
    """What is open: a bracket, the arguments of a function, or those of a function written without brackets."""

    kind: Literal["group", "call", "words"]
    many: bool = False
    last: str = ""
    """The last operator, to see what a multiplication that is not written would bind to."""
    tight: bool = False
    loose: bool = False
    """Whether commas were seen without and with a space after them."""


class _Reader:
    """Turns tokens into text, one method a kind of token."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._out: list[str] = []
        self._frames = [_Frame("group")]
        self._operand = False
        self._calling: str | None = None

    def read(self) -> str:
        for at, token in enumerate(self._tokens):
            self._at = at
            getattr(self, f"_{token.kind}")(token)
        self._close_words(everything=True)
        if len(self._frames) > 1:
            raise ToolError("a bracket is opened and not closed; close it")
        self._need_operand("at the end")
        return "".join(self._out)

    @property
    def _next(self) -> _Token | None:
        return self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else None

    def _need_operand(self, where: str) -> None:
        if not self._operand:
            raise ToolError(f"a number is missing {where}; write for example 2 * 3")

    def _emit(self, text: str, *, operand: bool) -> None:
        self._out.append(text)
        self._operand = operand

    def _number(self, token: _Token) -> None:
        if self._operand:
            raise ToolError(f"there is no operator before {token.word!r}; write one, such as + or *")
        self._emit(self._digits(token.word), operand=True)

    def _digits(self, word: str) -> str:
        frame = self._frames[-1]
        if "," not in word:
            return _without_zeros(word)
        grouped = _GROUPED.fullmatch(word) is not None
        if frame.kind == "call" and frame.many:
            frame.tight = frame.tight or grouped
            return ",".join(map(_without_zeros, word.split(",")))
        if not grouped:
            raise ToolError(
                f"{word!r} could be read in two ways; write a decimal point for fractions (1.5) and commas only "
                "between groups of three digits (1,500)"
            )
        return word.replace(",", "")

    def _percent(self, token: _Token) -> None:
        self._need_operand(f"before {token.word!r}")
        mark = _PERCENT[token.word]
        if token.word == "%" and self._next is not None and self._next.kind in _STARTS:
            self._operate("%")
        elif mark.endswith("*"):
            self._emit(mark[:-1], operand=True)
            self._operate("*")
        else:
            self._emit(mark, operand=True)

    def _prefix(self, token: _Token) -> None:
        self._multiply_where_unwritten(token.word)
        self._emit(_PREFIX[token.word], operand=False)

    def _postfix(self, token: _Token) -> None:
        self._need_operand(f"before {token.word!r}")
        if token.word == "!" and self._out[-1] == _POSTFIX["!"]:
            raise ToolError("'!!' could be read in two ways; write factorial(...) or brackets")
        self._emit(_POSTFIX[token.word], operand=True)

    def _infix(self, token: _Token) -> None:
        if not self._operand and token.word in ("+", "-", "plus", "minus"):
            self._emit(_INFIX[token.word], operand=False)
        else:
            self._need_operand(f"before {token.word!r}")
            self._operate(_INFIX[token.word])

    def _operate(self, operator: str) -> None:
        self._close_words()
        self._frames[-1].last = operator
        self._emit(operator, operand=False)

    def _function(self, token: _Token) -> None:
        name = _FUNCTION_WORDS[token.word]
        bracket = self._next is not None and self._next.kind == "open"
        if name == "factorial" and self._operand and not bracket:
            self._emit("[fac]", operand=True)
            return
        self._multiply_where_unwritten(token.word)
        self._emit(name, operand=False)
        if bracket:
            self._calling = name
        else:
            self._emit("(", operand=False)
            self._frames.append(_Frame("words", _takes_many(name)))

    def _name(self, token: _Token) -> None:
        self._multiply_where_unwritten(token.word)
        self._emit(token.word, operand=True)

    def _open(self, token: _Token) -> None:
        if self._calling is not None:
            self._frames.append(_Frame("call", _takes_many(self._calling)))
            self._calling = None
        else:
            self._multiply_where_unwritten(token.word)
            self._frames.append(_Frame("group"))
        self._emit("(", operand=False)

    def _close(self, token: _Token) -> None:
        self._close_words(everything=True)
        if len(self._frames) == 1:
            raise ToolError("a bracket is closed that was not opened; remove it")
        self._need_operand("before ')'")
        frame = self._frames.pop()
        if frame.tight and frame.loose:
            raise ToolError("commas separate both digits and numbers here; write the numbers without commas: 1200")
        self._emit(")", operand=True)

    def _comma(self, token: _Token) -> None:
        self._need_operand(f"before {token.word!r}")
        self._close_words()
        frame = self._frames[-1]
        if not frame.many:
            raise ToolError(f"{token.word!r} may only stand between the numbers of a function, as in max(2, 3)")
        frame.loose = frame.loose or token.spaced
        frame.last = ""
        self._emit(",", operand=False)

    def _close_words(self, *, everything: bool = False) -> None:
        """Close functions written without brackets: at an operator those of one number, at a bracket or the end all."""
        while self._frames[-1].kind == "words" and (everything or not self._frames[-1].many):
            self._need_operand("after a function")
            self._frames.pop()
            self._emit(")", operand=True)

    def _multiply_where_unwritten(self, word: str) -> None:
        """`2(3 + 4)` and `2 pi` mean a product; in `1/2(3)` and `sqrt 2 pi` nobody can say of what."""
        if not self._operand:
            return
        frame = self._frames[-1]
        if frame.kind == "words" or frame.last in ("/", "//", "%", "**"):
            raise ToolError(f"what stands before {word!r} could be read in two ways; write * and brackets")
        self._operate("*")


_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?(?:e[+-]?\d+)?")
_STARTS = ("number", "open", "function", "name", "prefix")


def _takes_many(name: str) -> bool:
    return FUNCTIONS[name].most != 1


def _without_zeros(digits: str) -> str:
    return re.sub(r"^0+(?=\d)", "", digits)
