"""A typed piece of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "quoted", "uri", "email", "sql", "path", "date", "expression", "number", "quantity", "unit", "currency", "place",
    "zone", "proper", "code", "after-colon",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A typed piece of text.

    Attributes:
        kind: what it is.
        text: as written.
        value: as a tool takes it: a number for `number`, an ISO date for `date`, a `Unit` for `unit`.
        start: place of the first character in the text.
        end: place behind the last one.
        sure: from 0 to 1, how sure it is that it is of this kind.
    """

    kind: Kind
    text: str
    value: Any
    start: int
    end: int
    sure: float = 1.0
