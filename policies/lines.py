"""The records of a text that is no JSON: its sentences, its lines of keys and values, and the rows of its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from .records import Cell, Record
from .sentences import Stretch

_PAIR = re.compile(r"(?<![\w=])([\w.-]{1,40})=(\"[^\"\n]*\"|[^\s,;]+)")
_KEYED = re.compile(r"([ \t]*)(?:- )?([^\W\d][\w .%()/-]{0,39}?)[ \t]*:(?:[ \t]+(.*)|$)")


def lines_of(text: str, stretches: Sequence[Stretch]) -> Iterator[Record]:
    """The records of sentences and lines, in their order, each with the heading above it."""
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
