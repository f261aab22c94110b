"""The records of a JSON text: its objects, and the sentences of the long strings in them.

Everything is linear in the text, and what is broken or cut is read as far as it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from .records import KEY, Cell, Record
from .sentences import pieces, split

_PROSE = 60
"""Characters beyond which a string of an object is read as prose."""

_TOLD = 8
"""Spaces that it then has more of."""

_VALUE = r'(?:"[^"]{0,58}"|[^\s"{}\[\]:,]++)'  # none so long that it is read as prose
_MEMBER = rf"{KEY}\s*+:\s*+{_VALUE}\s*+"
_FLAT = rf"\{{\s*+{_MEMBER}(?:,\s*+{_MEMBER})*+\}}"
_TOKEN = re.compile(rf'{_FLAT}|"[^"]*"?|[{{}}\[\]:,]|[^\s"{{}}\[\]:,]+')
_MEMBERS = re.compile(rf"({KEY})\s*+:\s*+({_VALUE})")


@dataclass(slots=True)
class _Frame:
    """An object or array that is open: the record its values go to and the keys that lead to it."""

    record: Record
    labels: tuple[str, ...]
    is_object: bool
    key: str | None = None

    def path(self) -> tuple[str, ...]:
        """The keys that lead to what comes next in it, the last few of them."""
        return (*self.labels[-3:], self.key) if self.key is not None else self.labels

    def name(self, text: str, place: tuple[int, int]) -> None:
        """What stands at a place is the key of what comes next, and no value."""
        self.key = text[place[0] : place[1]].strip('"')
        if self.record.read and self.record.read[-1].start == place[0]:
            self.record.read.pop()


def objects_of(text: str, start: int, end: int) -> Iterator[Record]:
    """The records of a stretch of JSON, outer ones before the ones within them; the first is the whole of it."""
    root = Record(start, end, data=True)
    yield root
    stack = [_Frame(root, (), is_object=False)]
    pending: tuple[int, int] | None = None
    for match in _TOKEN.finditer(text, start, end):
        token, frame = match[0], stack[-1]
        if token[0] == "{" and len(token) > 1:
            yield Record(*match.span(), partial(_members, text, *match.span(), frame.path()), frame.record, data=True)
            frame.record.inner.append(match.span())
            frame.key, pending = None, None
        elif token in "{[":
            record = frame.record
            if token == "{" or (not frame.is_object and len(stack) > 1):  # a list in a list is a row of its own
                record = Record(match.start(), end, parent=frame.record, data=True)
                yield record
            stack.append(_Frame(record, frame.path(), is_object=token == "{"))
            pending = None
        elif token in "}]":
            _close(stack, match.end())
            pending = None
        elif token == ":":
            if frame.is_object and pending is not None:
                frame.name(text, pending)
        elif token == ",":
            frame.key, pending = None, None
        else:
            pending = match.span()
            if len(token) > _PROSE and token.count(" ") > _TOLD:
                yield from _told(text, match.start() + 1, match.end() - 1, frame.record)
                frame.record.inner.append(pending)
            else:
                frame.record.read.append(Cell(*pending, frame.path()))


def _close(stack: list[_Frame], end: int) -> None:
    """The innermost object or array ends; what closes nothing is passed over."""
    if len(stack) == 1:
        return
    closed, around = stack.pop(), stack[-1]
    if closed.record is not around.record:
        closed.record.end = end
        around.record.inner.append((closed.record.start, end))
    around.key = None


def _members(text: str, start: int, end: int, path: tuple[str, ...]) -> list[Cell]:
    """The cells of an object without others in it."""
    found = _MEMBERS.finditer(text, start, end)
    return [Cell(*each.span(2), (*path[-3:], each[1].strip('"'))) for each in found]


def _told(text: str, start: int, end: int, parent: Record) -> Iterator[Record]:
    """The sentences of a long string of an object."""
    before: Record | None = None
    for each in (piece for long in split(text[start:end]) for piece in pieces(long)):
        record = Record(start + each.start, start + each.end, parent=parent)
        record.before = before
        yield record
        before = record
