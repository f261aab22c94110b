"""A fact of a text with its place, and a text of which each stretch is read once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

FactKind = Literal["number", "date", "time", "quotation", "url", "citation", "name"]
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
        counts: whether a number without unit stands before a noun in prose, as in `twelve engineers`.
        quantum: the value of the last digit shown of a number.
        digits: significant digits shown of a number.
        power: the power of ten that the key of a number names beside a currency, as `volume_eur_m` does; 0 where none.
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
    counts: bool = False
    quantum: Decimal = Decimal(1)
    digits: int = 0
    power: int = 0
    weekday: int = -1
    initial: bool = False

    def __hash__(self) -> int:
        return hash((self.start, self.text))  # two facts of one text differ in one of these; the rest costs time


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


def beginnings(text: str, letters: str, most: int = 200) -> Iterator[int]:
    """Where words begin with `letters`; at most so many hits are looked at."""
    start = -1
    for _ in range(most):
        start = text.find(letters, start + 1)
        if start < 0:
            return
        if not start or not text[start - 1].isalnum():
            yield start


class Canvas:
    """A text of which each stretch is read once: what was taken is blanked, and the places stay."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = text

    def blank(self, pattern: re.Pattern[str]) -> None:
        """Put spaces in place of what matches, so that nothing reads it twice and places stay."""
        self.text = pattern.sub(lambda match: " " * len(match[0]), self.text)

    def blank_all(self, facts: list[Fact]) -> None:
        """Put spaces in place of facts that were found."""
        letters = list(self.text)
        for fact in facts:
            letters[fact.start : fact.end] = " " * (fact.end - fact.start)
        self.text = "".join(letters)

    def take(self, pattern: re.Pattern[str], read: Callable[[re.Match[str], str], Fact | None]) -> list[Fact]:
        """The facts that `read` makes of what matches; they are blanked, what it declines stays."""
        read_ones = (read(match, self.original) for match in pattern.finditer(self.text))
        found = [fact for fact in read_ones if fact is not None]
        if found:
            self.blank_all(found)  # by their places: a fact may be longer than what matched, as `five years` is
        return found
