"""Whether two results say the same: numbers within a tolerance, texts whatever their case, space and punctuation.

A result is read once into its `Meaning`, plain nested tuples; two meanings are compared as often as need be.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

MOST_TEXT = 4_000
"""Characters of the longest text that is read; a longer one says too much to be the same as another by meaning."""
MOST_NODES = 500
"""Values of the largest list or mapping that is read, those inside it included."""
DEEPEST = 20
"""Levels of nesting that are read."""

Meaning = tuple[Any, ...]
"""What a result says: a kind, then its parts. To be compared by `same` only."""

_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])[-+]?[0-9]+(?:,[0-9]{3})*(?!,?[0-9])(?:\.[0-9]+)?)|(?P<word>\w+)|(?P<sign>[^\w\s])"
)


class _Unread(Exception):
    """The value is too large, too deep or of a kind that is not compared."""


def meaning(value: Any, text: str = "") -> Meaning | None:
    """What a result says, or `None` where it says nothing that could be compared.

    Nothing is said by `None`, empty texts and containers, what is larger than `MOST_TEXT`, `MOST_NODES` or `DEEPEST`,
    and numbers that are none.

    Args:
        value: the result. Only Python's own types are looked into, so that no stranger's code runs.
        text: the result as text, read where `value` is of another type; JSON in it is read as what it holds.
    """
    for candidate in (value, _from_json(text), text):
        try:
            read = _read(candidate, [MOST_NODES], 0)
        except _Unread:
            continue
        return read if _says_something(read) else None
    return None


def same(one: Meaning, other: Meaning, tolerance: float) -> bool:
    """Whether two results say the same.

    | what            | is the same where                                                                       |
    |-----------------|-----------------------------------------------------------------------------------------|
    | numbers         | equal if both are whole, else within the relative `tolerance`                           |
    | texts           | the words and numbers are equal, in order, whatever their case, space and punctuation   |
    | text and number | the text is nothing but that number                                                     |
    | lists           | equally long, and the same item by item                                                 |
    | mappings        | the same keys, and the same value for each                                              |
    """
    if one[0] != other[0]:
        return False
    match one[0]:
        case "number":
            return _same_number(one, other, tolerance)
        case "list":
            return len(one) == len(other) and all(same(a, b, tolerance) for a, b in _pairs(one, other))
        case "mapping":
            return one[1] == other[1] and all(same(a, b, tolerance) for a, b in zip(one[2], other[2], strict=True))
    return one == other


def _pairs(one: Meaning, other: Meaning) -> Iterator[tuple[Meaning, Meaning]]:
    return zip(one[1:], other[1:], strict=True)


def _same_number(one: Meaning, other: Meaning, tolerance: float) -> bool:
    a, b = one[1], other[1]
    # Whole numbers count or name something (a year, an id); digits in texts may be a version.
    if a == b or (one[2] and other[2]) or (a == int(a) and b == int(b)):
        return bool(a == b)
    try:
        return math.isclose(a, b, rel_tol=tolerance)
    except OverflowError:
        return False


def _read(value: Any, left: list[int], depth: int) -> Meaning:
    left[0] -= 1
    if left[0] < 0 or depth > DEEPEST:
        raise _Unread
    kind = type(value)
    if kind is str:
        return _read_text(value)
    if kind is bool or value is None:
        return ("constant", value)
    if kind in (int, float):
        return _read_number(value)
    if kind in (list, tuple):
        return ("list", *(_read(item, left, depth + 1) for item in value))
    if kind is dict and all(type(key) is str for key in value):
        keys = sorted(value)
        return ("mapping", tuple(keys), tuple(_read(value[key], left, depth + 1) for key in keys))
    raise _Unread


def _read_number(value: float) -> Meaning:
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unread
    return ("number", value, False)


def _read_text(text: str) -> Meaning:
    if len(text) > MOST_TEXT:
        raise _Unread
    plain = unicodedata.normalize("NFKC", text).casefold().replace("−", "-")
    tokens = [token for found in _TOKEN.finditer(plain) if (token := _token(found)) is not None]
    if len(tokens) == 1 and isinstance(tokens[0], Decimal):
        return ("number", tokens[0], True)
    return ("text", *tokens)


def _token(found: re.Match[str]) -> str | Decimal | None:
    """A number, a word or a sign that counts: punctuation does not; money, degrees and percent do."""
    token = found.group()
    if found.lastgroup == "number":
        return Decimal(token.replace(",", ""))
    counts = found.lastgroup == "word" or token in "%‰" or unicodedata.category(token) in ("Sc", "Sm", "So")
    return token if counts else None


def _says_something(read: Meaning) -> bool:
    match read[0]:
        case "constant":
            return read[1] is not None
        case "list":
            return any(_says_something(item) for item in read[1:])
        case "mapping":
            return any(_says_something(item) for item in read[2])
    return len(read) > 1


def _from_json(text: str) -> Any:
    if text[:1] not in ("{", "[") or len(text) > MOST_TEXT:
        return _Unread  # a class, which is read as nothing
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _Unread
