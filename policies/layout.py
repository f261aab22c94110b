"""The records of one source, found by place, by word and by flag, and their views; the same for every answer."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from math import isnan, nan

from .lexicon import stem
from .lines import lines_of
from .names import senses_of
from .objects import objects_of
from .records import NO, YES, Cell, Record, flag_keys, flags_of, record_at
from .senses import sense
from .sentences import Stretch, goes_on, pieces
from .spans import beginnings
from .views import View

MAX_HITS = 400
"""Places of a word in a source that are looked at."""

CARRIED, HEADING, PARENT = 0.4, 0.3, 0.7
"""What is left of a link to the sentence whose subject is carried on, the heading, and the object around."""

MAX_WORDS = 2_000
"""Words whose records are kept; of more they are forgotten and found again."""

MAX_CELLS = 5_000
"""Cells of a source whose columns are added up."""

MAX_RUN = 12
"""Numbers of a record whose sums are looked at."""

_PLAIN = re.compile(r"[\"$€£]{0,2}(-?\d[\d,]{0,20}(?:\.\d{1,10})?)[\"%]{0,2}")
_CALL = re.compile(r"\s*[\w.-]{1,80}[\s:(]{0,3}(?=\{)")
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[{\[\"\]]|\[\s*-?[\d.]+\s*,)")


class Layout:
    """The records of one source. What is asked of them is found once and kept."""

    def __init__(self, text: str, lower: str, stretches: Sequence[Stretch]) -> None:
        self.text, self.lower = text, lower
        self.records = sorted(records_of(text, stretches), key=lambda record: record.start)
        self.givens = [record for record in self.records if record.given]
        self._starts = [record.start for record in self.records]
        self._views: dict[int, View] = {}
        self._rests: dict[int, Sequence[tuple[float, View]]] = {}
        self._holding: dict[str, dict[int, Record]] = {}

    def view(self, record: Record) -> View:
        """The view of a record, made once."""
        found = self._views.get(id(record))
        if found is None:
            found = self._views.setdefault(id(record), View(self.text, record.start, record.end, record))
        return found

    @cached_property
    def has_data(self) -> bool:
        """Whether it has rows or objects beside the arguments of its call."""
        return any(each.data and not each.given for each in self.records)

    @cached_property
    def has_headings(self) -> bool:
        """Whether any record of it stands under a heading."""
        return any(each.heading is not None for each in self.records)

    @cached_property
    def flag_words(self) -> frozenset[str]:
        """The senses of all keys whose cells may say yes or no; a quick look that spares most answers `flags`."""
        return frozenset().union(*(senses_of((key,)) for key in flag_keys(self.text, self.records)))

    @cached_property
    def flags(self) -> dict[str, list[tuple[Record, Cell]]]:
        """Its cells that say yes or no, by the senses of their keys."""
        found: dict[str, list[tuple[Record, Cell]]] = {}
        for record, cell in flags_of(self.text, self.records):
            for each in senses_of(cell.labels[-1:]):
                found.setdefault(each, []).append((record, cell))
        return found

    def at(self, place: int) -> Record | None:
        """The record that holds a place."""
        return record_at(self.records, self._starts, place)

    def carried(self, record: Record) -> Record | None:
        """The record of prose before one that it goes on with, as `It has …` does."""
        if record.goes_on is None:
            record.goes_on = record.before is not None and goes_on(self.text[record.start : record.end])
        return record.before if record.goes_on else None

    def rests_on(self, record: Record) -> Sequence[tuple[float, View]]:
        """The views of what a record rests on, and what of a link to each is left; made once."""
        found = self._rests.get(id(record))
        if found is None:
            found = self._rests[id(record)] = [(left, self.view(each)) for left, each in self._below(record)]
        return found

    def _below(self, record: Record) -> Iterator[tuple[float, Record]]:
        left, above = PARENT, record.parent
        while above is not None and left > 0.2:
            yield left, above
            above, left = above.parent, left * PARENT
        left, before = CARRIED, self.carried(record)
        while before is not None and left > 0.1:
            yield left, before
            before, left = self.carried(before), left * CARRIED
        if record.heading is not None:
            yield HEADING, record.heading

    def holding(self, word: str) -> dict[int, Record]:
        """The records that hold a word, by their identity, the first of them."""
        found = self._holding.get(word)
        if found is None:
            if len(self._holding) >= MAX_WORDS:
                self._holding.clear()
            root = stem(word)
            root = root if len(root) > 2 and word.startswith(root) else word
            hits = beginnings(self.lower, root, MAX_HITS)
            found = self._holding[word] = once(record for place in hits for record in self._at_or_below(place))
        return found

    def _at_or_below(self, place: int) -> Iterator[Record]:
        """The record that holds a place, and the one that it is the key of."""
        record = self.at(place)
        if record is None:
            return
        yield record
        if record.data and record.cell_at(place) is None:
            at = bisect_right(self._starts, place)
            if at < len(self._starts) and self._starts[at] - place < 80:
                yield self.records[at]

    @cached_property
    def totals(self) -> frozenset[float]:
        """The sums and means of its columns, and of the numbers beside each other in a record, and how many values each
        has that has several; of the first `MAX_CELLS` cells."""
        columns: dict[tuple[tuple[str, ...], int], list[float]] = {}
        left, found = MAX_CELLS, set[float]()
        for record in self.records:
            cells = record.cells[:left] if record.data and not record.given else []
            left -= len(cells)
            numbers = [self._plain(cell) for cell in cells]
            found |= _runs([each for each in numbers if not isnan(each)][:MAX_RUN])
            for at, (cell, number) in enumerate(zip(cells, numbers, strict=True)):
                place = at if record.header is None and cell.labels == cells[0].labels else -1  # of a row of a list
                columns.setdefault((cell.labels[-1:], place), []).append(number)
        whole = [column for column in columns.values() if len(column) > 1 and not any(map(isnan, column))]
        found |= {float(len(column)) for column in columns.values() if len(column) > 1}
        return frozenset(found | {sum(each) for each in whole} | {sum(each) / len(each) for each in whole})

    @cached_property
    def own_cells(self) -> dict[str, tuple[Record, Cell]]:
        """The cells of one word that no other row has, by the word's sense; of the first `MAX_CELLS` cells."""
        found: dict[str, tuple[Record, Cell] | None] = {}
        left = MAX_CELLS
        for record in self.records:
            cells = record.cells[:left] if record.data and not record.given else []
            left -= len(cells)
            for cell in cells:
                word = self.text[cell.start : cell.end].strip('" ').casefold()
                if word.isalpha() and word not in NO | YES:
                    root = sense(word)
                    found[root] = (record, cell) if root not in found else None
        return {root: own for root, own in found.items() if own is not None}

    def _plain(self, cell: Cell) -> float:
        """The number that a cell is; NaN where it is none."""
        value = _PLAIN.fullmatch(self.text[cell.start : cell.end].strip())
        return float(value[1].replace(",", "")) if value else nan

    def column(self, label: str, most: int) -> list[tuple[int, Decimal]]:
        """The numbers under a label, one for each record, with their places; none where there are more than `most`."""
        homes = [(record, cell) for record in self.records for cell in record.cells if cell.labels[-1:] == (label,)]
        if len(homes) > most:
            return []
        return [
            (each.start, each.value)
            for record, cell in homes
            for each in self.view(record).facts
            if cell.start <= each.start < cell.end and isinstance(each.value, Decimal)
        ]


def _runs(numbers: Sequence[float]) -> set[float]:
    """The sums and means of three and more numbers beside each other."""
    found = set[float]()
    for start in range(len(numbers) - 2):
        for end in range(start + 3, len(numbers) + 1):
            found |= {sum(numbers[start:end]), sum(numbers[start:end]) / (end - start)}
    return found


def records_of(text: str, stretches: Sequence[Stretch]) -> list[Record]:
    """All records of a source in the order of the text; `stretches` are its sentences and lines."""
    found: list[Record] = []
    call = _CALL.match(text)
    at = 0
    if call is not None:
        at = text.find("\n", call.end())
        at = len(text) if at < 0 else at
        given = list(objects_of(text, call.end(), at))
        for record in given:
            record.given = True
        found += given
    if _JSON.match(text, at):
        found += objects_of(text, at, len(text))
        return sorted(found, key=lambda record: record.start)
    rest = [_after(each, at) for each in stretches if each.start >= at or each.end > at + 1]
    return found + list(lines_of(text, [piece for each in rest for piece in pieces(each)]))


def _after(stretch: Stretch, at: int) -> Stretch:
    if stretch.start >= at:
        return stretch
    return Stretch(stretch.text[at - stretch.start :], at, stretch.end)


def once(records: Iterable[Record]) -> dict[int, Record]:
    """Records by their identity."""
    return {id(each): each for each in records}
