"""The records of a source: its sentences, the rows of its tables, the objects of its JSON, each with what labels it.

Places are those of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_DEEPEST = 40
"""Objects around a place that are tried for it."""


@dataclass(slots=True)
class Cell:
    """A value of a table or an object: where it stands, and the keys that lead to it, the nearest last."""

    start: int
    end: int
    labels: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Record:
    """A stretch of a source that says something of one thing.

    Attributes:
        start: where it begins in the text.
        end: where it ends.
        unread: what reads its cells; they are read when they are first asked for, as most records of a source never
            matter to an answer.
        parent: the record it is a part of.
        before: the record of prose before it.
        goes_on: whether it goes on with that one's subject; `None` until that is asked.
        heading: where the heading above it stands, if any.
        data: whether it is a row or an object, if one without values of its own.
        header: the labels of a row, which stand in a header and not in itself.
        inner: where the records within it stand, which are read for themselves.
        given: whether it is the arguments of a call, which say what a result is of.
        read: its cells as far as they are read; `cells` is asked for them.
    """

    start: int
    end: int
    unread: Callable[[], list[Cell]] | None = None
    parent: Record | None = None
    before: Record | None = None
    goes_on: bool | None = None
    heading: Record | None = None
    given: bool = False
    data: bool = False
    header: tuple[str, ...] | None = None
    inner: list[tuple[int, int]] = field(default_factory=list)
    read: list[Cell] = field(default_factory=list)
    _starts: list[int] | None = None

    @property
    def cells(self) -> list[Cell]:
        """Its values by place, where it is a row or an object; none where it is prose."""
        unread = self.unread
        if unread is not None:
            self.read = unread()
            self.unread = None
        return self.read

    def cell_at(self, place: int) -> Cell | None:
        """The cell that holds a place."""
        cells = self.cells
        if self._starts is None:
            self._starts = [cell.start for cell in cells]
        at = bisect_right(self._starts, place) - 1
        return cells[at] if at >= 0 and place < cells[at].end else None


NO = frozenset(["false", "null", "none", "no", "off", "0", "0.0", "never", "disabled", "n/a"]) | {""}
"""Values that deny their key."""

YES = frozenset(["true", "yes", "on", "enabled"])
"""Values that affirm their key."""


def record_at(records: Sequence[Record], starts: Sequence[int], place: int) -> Record | None:
    """The innermost record that holds a place."""
    at = bisect_right(starts, place) - 1
    if at < 0:
        return None
    record: Record | None = records[at]
    for _ in range(_DEEPEST):
        if record is None or record.start <= place < max(record.end, record.start + 1):
            return record
        record = record.parent
    return None


KEY = r'"[^"]{0,58}"'
"""A key of an object as it is written; none so long that it is read as prose."""

_ANSWERS = "|".join(re.escape(each) for each in sorted(NO | YES, reverse=True) if each)
_FLAGGED = re.compile(
    rf'[{{,]\s*+({KEY})\s*+:\s*+(?:"\s*+(?:{_ANSWERS})?\s*+"|(?:{_ANSWERS})(?=[\s,}}]))', re.IGNORECASE
)


def flag_keys(text: str, records: Sequence[Record]) -> frozenset[str]:
    """All keys whose cells may say yes or no; the cells that are still unread stay so."""
    found = {key.strip('"') for key in _FLAGGED.findall(text)}
    for record in records:
        if record.header is not None:
            found.update(record.header)
        elif record.read:
            found.update(key for cell in _flags(text, record) for key in cell.labels[-1:])
    return frozenset(found)


def flags_of(text: str, records: Sequence[Record]) -> list[tuple[Record, Cell]]:
    """The cells of a source that say yes or no."""
    return [(record, cell) for record in records for cell in _flags(text, record)]


def _flags(text: str, record: Record) -> Iterator[Cell]:
    for cell in record.cells if not record.given else ():
        if cell.end - cell.start < 12 and text[cell.start : cell.end].strip('" ').lower() in NO | YES:
            yield cell
