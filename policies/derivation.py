"""Numbers of an answer that no source states, but that may follow from some: sums, differences, counts and bases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from .passages import Reading
from .quantities import anything, scan
from .spans import Fact

MAX_NUMBERS = 12
"""Numbers of all sources together up to which their sums and differences are looked at: of more, any could be met by
chance."""

MAX_READ = 20_000
"""Characters of the sources that are read for them."""

_YEAR = re.compile(r"(?:1\d|20)\d\d")
_PER = re.compile(r"\b(?:per|a|each|every)\s$", re.IGNORECASE)


def is_year(fact: Fact) -> bool:
    """Whether a number is most likely a year, which neither rises nor falls."""
    return fact.unit is None and _YEAR.fullmatch(fact.text) is not None


def derived(fact: Fact, answer: str, readings: Sequence[Reading]) -> str:
    """How a number that stands nowhere may follow from the sources, as a reason for doubt; empty where it does not.

    What may follow is not verified, and not refused either: `Two shipments` of a list, `17 degrees warmer`,
    `per 100 g`.
    """
    if fact.kind != "number" or not isinstance(fact.value, Decimal) or not readings:
        return ""
    spelled, _, unit = fact.text.partition(" ")
    if spelled.isalpha() and unit and fact.value <= 12 and _is_sum(fact, readings):
        return f"{fact.text} is a difference that no source states"
    if fact.text.isalpha() and fact.value <= 12:
        return f"{fact.text} is a count that no source states"
    if fact.value in (1, 100, 1000) and fact.unit is not None and _is_base(fact, answer):
        return f"no source names {fact.text} as what a value is said of"
    if fact.digits >= 2 and _is_sum(fact, readings):
        return f"{fact.text} is a sum or a difference that no source states"
    return ""


def _is_base(fact: Fact, answer: str) -> bool:
    before, after = answer[max(0, fact.start - 8) : fact.start], answer[fact.end : fact.end + 4].strip()
    return _PER.search(before) is not None or (fact.value == 1 and after[:1] in ("=", "≈", "i"))


def _is_sum(fact: Fact, readings: Sequence[Reading]) -> bool:
    """Whether a number is the sum or the difference of two of the sources'."""
    numbers: list[Decimal] = []
    left = MAX_READ
    for reading in readings:
        text = reading.page.text[:left]
        left -= len(text)
        numbers += [each.value for each in scan(text, anything) if isinstance(each.value, Decimal) and each.digits >= 1]
        if len(set(numbers)) > MAX_NUMBERS or left <= 0:
            return False
    return any(fact.value in (a + b, abs(a - b)) for a, b in combinations(set(numbers), 2))
