"""The records of a source: its sentences, the rows of its tables, the objects of its JSON, each with what labels it.

Places are those of the text. Everything is linear in the text, and broken or cut JSON is read as far as it goes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from .sentences import Stretch, split

_DEEPEST = 40
"""Objects around a place that are tried for it."""

_LONGEST = 1_000
"""Characters of the longest record of prose; longer ones are read in pieces."""

_PROSE = 60
"""Characters beyond which a string of an object is read as prose."""


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

_CALL = re.compile(r"\s*[\w.-]{1,80}[\s:(]{0,3}(?=\{)")
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[{\[\"\]]|\[\s*-?[\d.]+\s*,)")
_TOLD = 8
"""Spaces that it then has more of."""

_KEY, _VALUE = r'"[^"]{0,58}"', r'(?:"[^"]{0,58}"|[^\s"{}\[\]:,]++)'  # none so long that it is read as prose
_MEMBER = rf"{_KEY}\s*+:\s*+{_VALUE}\s*+"
_FLAT = rf"\{{\s*+{_MEMBER}(?:,\s*+{_MEMBER})*+\}}"
_TOKEN = re.compile(rf'{_FLAT}|"[^"]*"?|[{{}}\[\]:,]|[^\s"{{}}\[\]:,]+')
_MEMBERS = re.compile(rf"({_KEY})\s*+:\s*+({_VALUE})")
_REFERS = re.compile(r"\b(?:it|its|them|they|their|he|his|him|she|her|there)\b", re.IGNORECASE)
_OWN_NAME = re.compile(r"\b[^\W\d_a-z]\w")
_GOES_ON = re.compile(
    r"\W*(?:(?:it|its|they|their|he|his|she|her|both|this|these|that|those|there)\b|(?:the|in|on|at|by|for)\s[^\W\d_A-Z])",
    re.IGNORECASE,
)
_PAIR = re.compile(r"(?<![\w=])([\w.-]{1,40})=(\"[^\"\n]*\"|[^\s,;]+)")
_KEYED = re.compile(r"([ \t]*)(?:- )?([^\W\d][\w .%()/-]{0,39}?)[ \t]*:(?:[ \t]+(.*)|$)")
_NAME = re.compile(r"[^\W\d_a-z][^\W\d_]")


def records_of(text: str, stretches: Sequence[Stretch]) -> list[Record]:
    """All records of a source in the order of the text; `stretches` are its sentences and lines."""
    found: list[Record] = []
    call = _CALL.match(text)
    at = 0
    if call is not None:
        at = text.find("\n", call.end())
        at = len(text) if at < 0 else at
        given = list(_objects(text, call.end(), at))
        for record in given:
            record.given = True
        found += given
    if _JSON.match(text, at):
        objects = list(_objects(text, at, len(text)))
        found += objects
        return sorted(found, key=lambda record: record.start)
    rest = [_after(each, at) for each in stretches if each.start >= at or each.end > at + 1]
    return found + list(_lines(text, [piece for each in rest for piece in _pieces(each)]))


def _pieces(stretch: Stretch) -> Iterator[Stretch]:
    if len(stretch.text) <= _LONGEST:
        yield stretch
        return
    for at in range(0, len(stretch.text), _LONGEST):
        text = stretch.text[at : at + _LONGEST]
        yield Stretch(text, stretch.start + at, stretch.start + at + len(text))


def _after(stretch: Stretch, at: int) -> Stretch:
    if stretch.start >= at:
        return stretch
    return Stretch(stretch.text[at - stretch.start :], at, stretch.end)


# -- JSON -------------------------------------------------------------------------------------------------------------


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


def _objects(text: str, start: int, end: int) -> Iterator[Record]:
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
            nested = not frame.is_object and len(stack) > 1 and token == "["
            record = (
                Record(match.start(), end, parent=frame.record, data=True) if token == "{" or nested else frame.record
            )
            if record is not frame.record:
                yield record
            stack.append(_Frame(record, frame.path(), is_object=token == "{"))
            pending = None
        elif token in "}]":
            if len(stack) > 1:
                closed = stack.pop()
                if closed.record is not stack[-1].record:
                    closed.record.end = match.end()
                    stack[-1].record.inner.append((closed.record.start, match.end()))
                stack[-1].key = None
            pending = None
        elif token == ":":
            if frame.is_object and pending is not None:
                frame.key = text[pending[0] : pending[1]].strip('"')
                if frame.record.read and frame.record.read[-1].start == pending[0]:
                    frame.record.read.pop()
        elif token == ",":
            frame.key, pending = None, None
        else:
            pending = match.span()
            if len(token) > _PROSE and token.count(" ") > _TOLD:
                yield from _told(text, match.start() + 1, match.end() - 1, frame.record)
                frame.record.inner.append(match.span())
                continue
            frame.record.read.append(Cell(match.start(), match.end(), frame.path()))


def _members(text: str, start: int, end: int, path: tuple[str, ...]) -> list[Cell]:
    """The cells of an object without others in it."""
    found = _MEMBERS.finditer(text, start, end)
    return [Cell(*each.span(2), (*path[-3:], each[1].strip('"'))) for each in found]


def _told(text: str, start: int, end: int, parent: Record) -> Iterator[Record]:
    """The sentences of a long string of an object."""
    before: Record | None = None
    for each in (piece for long in split(text[start:end]) for piece in _pieces(long)):
        record = Record(start + each.start, start + each.end, parent=parent)
        record.before = before
        yield record
        before = record


def goes_on(text: str) -> bool:
    """Whether a sentence goes on with the subject of the one before it."""
    return _GOES_ON.match(text) is not None or _REFERS.search(text) is not None or _NAME.search(text) is None


# -- lines ------------------------------------------------------------------------------------------------------------


def _lines(text: str, stretches: Sequence[Stretch]) -> Iterator[Record]:
    at, before, heading = 0, None, None
    while at < len(stretches):
        each = stretches[at]
        rows = (_table(text, stretches, at) or _keyed(text, stretches, at)) if _is_line(text, each) else None
        if rows is not None:
            taken, records = rows
            for record in records:
                record.heading = heading
                record.before = before if record.parent is None else None
                record.goes_on = record.before is not None
            yield from records
            at, before = at + taken, None
            continue
        record = _pairs(each) or Record(each.start, each.end)
        record.heading = heading
        body = each.text.strip()
        if _is_heading(body, text, each.end):
            heading, before = record, None
        else:
            record.before = before
            before = record
        yield record
        at += 1


def _is_line(text: str, stretch: Stretch) -> bool:
    """Whether a stretch is a whole line of the text."""
    if stretch.text[-1:] != "\n" and text[stretch.end : stretch.end + 1] not in ("", "\n"):
        return False
    before = text[0 if stretch.start < 400 else stretch.start - 40 : stretch.start].rstrip(" \t")
    return before[-1:] in ("", "\n")


def refers(text: str) -> bool:
    """Whether a sentence may speak of something that another has named: by a pronoun, or by no name of its own."""
    return _REFERS.search(text) is not None or _OWN_NAME.search(text, 2) is None


_BLANK = re.compile(r"\n[ \t]{0,80}\n")
"""An empty line; pages leave blanks in it."""


def _is_heading(body: str, text: str, end: int) -> bool:
    short = len(body) < 70 and body[-1:] not in ".!?…;,"
    return short and (body[:1] in "#[" or body[-1:] in ":]" or _BLANK.match(text, end) is not None)


def _pairs(stretch: Stretch) -> Record | None:
    """A line of `key=value` pairs."""
    pairs = list(_PAIR.finditer(stretch.text)) if stretch.text.count("=") > 1 else []
    if len(pairs) < 2:
        return None
    cells = [Cell(stretch.start + each.start(2), stretch.start + each.end(2), (each[1],)) for each in pairs]
    return Record(stretch.start, stretch.end, data=True, read=cells)


def _keyed(text: str, stretches: Sequence[Stretch], at: int) -> tuple[int, list[Record]] | None:
    """Lines of `key: value`, nested as they are indented, as one record for each level; at least two lines."""
    lines: list[tuple[Stretch, re.Match[str]]] = []
    for each in stretches[at:]:
        match = _KEYED.fullmatch(each.text.strip("\n"))
        if match is None or not _is_line(text, each) or (match[3] and len(match[3]) > 120):
            break
        lines.append((each, match))
    if len(lines) < 2:
        return None
    whole = Record(lines[0][0].start, lines[-1][0].end, data=True)
    records, levels = [whole], [(-1, "", whole)]
    for each, match in lines:
        indent = len(match[1])
        while levels[-1][0] >= indent:
            levels.pop()
        labels = tuple(name for _, name, _ in levels if name)
        shift = each.start + each.text.index(match[0])
        if match[3]:
            levels[-1][2].cells.append(Cell(shift + match.start(3), shift + match.end(3), (*labels, match[2])))
        else:
            record = Record(shift, lines[-1][0].end, parent=levels[-1][2], data=True)
            records.append(record)
            levels.append((indent, match[2], record))
    return len(lines), records


def _table(text: str, stretches: Sequence[Stretch], at: int) -> tuple[int, list[Record]] | None:
    """Rows with the same separators under a header line; at least the header and a row."""
    head = stretches[at].text.strip()
    mark = next((each for each in ("|", "\t", ";", ",") if _could_head(head, each)), None)
    if mark is None:
        return None
    columns, rows = head.strip("|").count(mark), []
    for each in stretches[at + 1 :]:
        body = each.text.strip()
        if not _is_line(text, each) or (
            body.strip("|").count(mark) != columns and not (mark == "," and body.count(",") > columns > 0)
        ):
            break
        rows.append(each)
    labels = tuple(part.strip(' *`"') for part in head.strip("|").split(mark))
    rows = [each for each in rows if set(each.text) - set("|-: \n\t")]
    rule = sum(1 for each in stretches[at + 1 : at + 2] if not set(each.text) - set("|-: \n\t"))
    if not rows or (mark == "," and any(". " in each.text for each in rows)):
        return None
    return 1 + rule + len(rows), [_row(each, mark, labels) for each in rows]


def _could_head(head: str, mark: str) -> bool:
    """Whether a line may be the header of a table: short labels, no sentence."""
    parts = head.strip("|").split(mark)
    if len(parts) < 2 or len(head) > 400 or (mark in ",;" and head[-1:] in ".!?:"):
        return False
    if mark in ",;":
        return all(0 < len(part.strip()) <= 30 and part.count(" ") < 4 for part in parts) and ", " not in head
    return all(len(part) <= 60 for part in parts)


def _row(stretch: Stretch, mark: str, labels: tuple[str, ...]) -> Record:
    return Record(stretch.start, stretch.end, partial(_columns, stretch, mark, labels), data=True, header=labels)


def _columns(stretch: Stretch, mark: str, labels: tuple[str, ...]) -> list[Cell]:
    """The cells of a row."""
    body = stretch.text
    lead = len(body) - len(body.lstrip("|\n"))
    cells, start = [], stretch.start + lead
    for at, part in enumerate(body[lead:].split(mark)):
        if part.strip():
            cells.append(Cell(start, start + len(part), labels[at : at + 1]))
        start += len(part) + 1
    return cells


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


_ANSWERS = "|".join(re.escape(each) for each in sorted(NO | YES, reverse=True) if each)
_FLAGGED = re.compile(
    rf'[{{,]\s*+({_KEY})\s*+:\s*+(?:"\s*+(?:{_ANSWERS})?\s*+"|(?:{_ANSWERS})(?=[\s,}}]))', re.IGNORECASE
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
