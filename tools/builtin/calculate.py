"""Arithmetic as people write it: percentages, words, thousands separators and signs such as × and √."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from ...policies.errors import ToolError
from ..tool import tool
from .arithmetic import Number, evaluate
from .expression import read

MAX_LENGTH = 500
"""Characters an expression may have."""
SIGNIFICANT_DIGITS = 12
"""Digits shown of a value that has no exact decimal form, or one of more than `EXACT_DIGITS`."""
EXACT_DIGITS = 17
"""Digits up to which a decimal is shown whole: what a float still tells apart."""


class Calculation(TypedDict):
    """What came out: the `expression` as it was read, its `value`, whether that is `exact`, and a `summary`
    sentence."""

    expression: str
    value: int | float
    exact: bool
    summary: str


@tool(read_only=True, isolation="loop")
def calculate(
    expression: Annotated[
        str,
        Field(
            description="Arithmetic as text. log is to base 10, ln natural; angles are radians unless marked °.",
            examples=["17.5% of 2,480", "(12.5 + 7) * 3^2", "sqrt(2) / 2", "20% off 50"],
            json_schema_extra={"format": "expression"},
        ),
    ],
) -> Calculation:
    """Calculate exactly: + - * / ^ %, percentages, brackets, sqrt, log, ln, sin, round, min, max, mean, factorial."""
    text = _stripped(expression)
    for pattern, formula, sentence in _RATIOS:
        match = pattern.fullmatch(text)
        if match:
            parts = {name: part.strip() for name, part in match.groupdict().items()}
            value, exact, shown = _presented(evaluate(read(formula.format(**parts))))
            summary = sentence.format(value=shown, is_="is" if exact else "is about", **parts)
            return Calculation(expression=text, value=value, exact=exact, summary=_grouped(summary))
    value, exact, shown = _presented(evaluate(read(text)))
    summary = f"{_grouped(text)} {'=' if exact else '≈'} {shown}"
    return Calculation(expression=text, value=value, exact=exact, summary=summary)


_LEAD = re.compile(
    r"(?:please|what(?:['’]?s| is| are)|how much (?:is|are)|calculate|compute|evaluate|work out|solve"
    r"|the (?:value|result) of)\b[\s:]*",
    re.IGNORECASE,
)

_RATIOS = [
    (re.compile(pattern, re.IGNORECASE), formula, sentence)
    for pattern, formula, sentence in (
        (
            r"(?P<part>.+) is what (?:per ?cent|percentage|%) of (?P<whole>.+)",
            "({part}) / ({whole}) * 100",
            "{part} {is_} {value}% of {whole}",
        ),
        (
            r"(?:what )?(?:per ?cent|percentage|%) of (?P<whole>.+) is (?P<part>.+)",
            "({part}) / ({whole}) * 100",
            "{part} {is_} {value}% of {whole}",
        ),
        (
            r"(?P<part>.+) as (?:a )?(?:per ?cent|percentage|%) of (?P<whole>.+)",
            "({part}) / ({whole}) * 100",
            "{part} {is_} {value}% of {whole}",
        ),
        (
            r"(?:the )?(?:per ?cent|percentage|%) (?:change|increase|decrease) from (?P<old>.+) to (?P<new>.+)",
            "(({new}) - ({old})) / abs({old}) * 100",
            "the change from {old} to {new} {is_} {value}%",
        ),
    )
]


def _stripped(expression: str) -> str:
    """The expression without the words of a question around it."""
    if len(expression) > MAX_LENGTH:
        raise ToolError(f"expression has {len(expression):,} characters, at most {MAX_LENGTH} are read; split it up")
    text = re.sub(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))", ",", expression)
    text = " ".join(text.split())
    while match := _LEAD.match(text):
        text = text[match.end() :]
    text = text.rstrip("=? ").removesuffix(".").lstrip("= ")
    if not text:
        raise ToolError("expression is empty; give arithmetic such as 17.5% of 2,480")
    return text


# Presenting: a value, whether it is exact, and how people write it.


def _presented(number: Number) -> tuple[int | float, bool, str]:
    if isinstance(number, Fraction) and number.denominator == 1:
        return int(number), True, f"{int(number):,}"
    decimal = _decimal(number, EXACT_DIGITS)
    exact = isinstance(number, Fraction) and Fraction(decimal) == number
    if not exact:
        decimal = _decimal(number, SIGNIFICANT_DIGITS)
    if decimal and abs(decimal.adjusted()) > 300:
        raise ToolError("the result is beyond 1e300 and not a whole number; calculate with smaller numbers")
    return float(decimal), exact, _written(decimal)


def _decimal(number: Number, digits: int) -> Decimal:
    context = Context(prec=digits)
    if isinstance(number, float):
        return context.create_decimal(repr(number))
    return context.divide(Decimal(number.numerator), Decimal(number.denominator))


def _written(decimal: Decimal) -> str:
    plain = decimal.normalize()
    if not plain or -7 <= plain.adjusted() < 15:
        return f"{plain:,f}"
    return f"{plain:e}".replace("e+", "e")


def _grouped(text: str) -> str:
    """The text with thousands separators in its whole numbers of four and more digits."""
    return re.sub(r"(?<![\w.,])[1-9]\d{3,}(?!\w|,\d)", lambda match: f"{int(match[0]):,}", text)
