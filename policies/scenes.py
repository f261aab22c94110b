"""A source as the check of bindings reads it: its records, which hold a word, what belongs to a slot."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .lexicon import stem
from .names import senses_of
from .passages import Reading
from .quantities import same
from .records import Cell, Record, flags_of, goes_on, record_at, records_of, refers
from .spans import beginnings
from .views import Anchor, Kind, View

MAX_RIVALS = 16
"""Records of a source that are searched for a value that fits a claim better, the likeliest first."""

VERBATIM = 20
"""Characters of the shortest sentence that needs no more than to stand in a source as it is."""

_BEFORE = re.compile(r"(?:\A|\n|[.!?]\s)\Z")
_AFTER = re.compile(r"[.!](?:\s|\Z)|\Z|\n")

MAX_HITS = 400
"""Places of a word in a source that are looked at."""

CARRIED, HEADING, PARENT, GIVEN = 0.4, 0.3, 0.7, 0.25
"""What is left of a link to the sentence whose subject is carried on, the heading, the object around, the call."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A value, name or word of a source in its view."""

    scene: Scene
    view: View
    start: int
    end: int
    kind: Kind

    @property
    def given(self) -> bool:
        """Whether it stands in the arguments of a call."""
        return self.view.record is not None and self.view.record.given

    @property
    def text(self) -> str:
        """As it is written."""
        return self.scene.text[self.start : self.end]


class Scene:
    """The records of one source, and views of those that a claim may be about."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.text, self.lower = reading.text, reading.lower
        self.records = sorted(records_of(reading.text, reading.records), key=lambda record: record.start)
        self._givens = [record for record in self.records if record.given]
        self._starts = [record.start for record in self.records]
        self._views: dict[int, View] = {}
        self._has_data: bool | None = None
        self._flags: dict[str, list[tuple[Record, Cell]]] | None = None
        self._holding: dict[str, dict[int, Record]] = {}

    def view(self, record: Record) -> View:
        """The view of a record, made once."""
        found = self._views.get(id(record))
        if found is None:
            found = self._views[id(record)] = View(self.text, record.start, record.end, record)
        return found

    @property
    def flags(self) -> dict[str, list[tuple[Record, Cell]]]:
        """Its cells that say yes or no, by the senses of their keys."""
        if self._flags is None:
            self._flags = {}
            for record, cell in flags_of(self.text, self.records):
                for each in senses_of(cell.labels[-1:]):
                    self._flags.setdefault(each, []).append((record, cell))
        return self._flags

    def presence(self, record: Record, anchor: Anchor) -> float:
        """How much a record holds an anchor, or what it rests on does."""
        own = self.view(record).presence(anchor)
        keyed = (
            record.cells
            and not anchor.fact
            and anchor.senses
            and anchor.senses[-1] in senses_of(record.cells[0].labels[:-1])
        )
        return max(own, float(bool(keyed)), self._context(record, anchor))

    def at(self, place: int) -> Record | None:
        """The record that holds a place."""
        return record_at(self.records, self._starts, place)

    def numbers(self, text: str) -> bool:
        """Whether a name bears another number here, as `Voyager 1` for `Voyager 2`."""
        word = text.rpartition(" ")[0] + " "
        return any(
            self.text[at + len(word)].isdigit()
            for at in beginnings(self.lower, word, 20)
            if at + len(word) < len(self.text)
        )

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

    def says(self, sentence: str) -> bool:
        """Whether a whole sentence with its own subject stands here word for word."""
        words = sentence.strip().rstrip(".!").lower()
        if len(words) < VERBATIM or refers(sentence):
            return False
        at = self.lower.find(words)
        ends = self.text[at + len(words) : at + len(words) + 2]
        return at >= 0 and _BEFORE.search(self.text[max(0, at - 3) : at]) is not None and _AFTER.match(ends) is not None

    @property
    def has_data(self) -> bool:
        """Whether it has rows or objects beside the arguments of its call."""
        if self._has_data is None:
            self._has_data = any(each.data and not each.given for each in self.records)
        return self._has_data

    def weights(self, anchors: Sequence[Anchor]) -> dict[int, float]:
        """The weight of the anchors that each record holds, by the record's identity."""
        found: dict[int, float] = {}
        for each in anchors:
            for key in self.holding(each):
                found[key] = found.get(key, 0.0) + each.weight
        return found

    def holding_words(self, text: str) -> dict[int, Record]:
        """The records that hold the last word of a name."""
        return self.holding(Anchor("name", 0, 0, text=text.split()[-1].lower()))

    def likely(self, anchors: Sequence[Anchor], least: float) -> list[Record]:
        """The records that hold more than `least` of the anchors, by weight; the likeliest first."""
        held = sorted(((self.holding(each), each.weight) for each in anchors), key=lambda each: len(each[0]))
        left = sum(weight for found, weight in held if found)
        likely: dict[int, tuple[float, Record]] = {}
        for found, weight in held:
            if left <= least:
                break  # what holds none of the rarer ones cannot hold enough
            left -= weight if found else 0.0
            for key, record in found.items():
                if key not in likely:
                    likely[key] = (sum(each for others, each in held if key in others), record)
        best = sorted((each for each in likely.values() if each[0] > least), key=lambda each: -each[0])
        return [record for _, record in best[:MAX_RIVALS]]

    def holding(self, anchor: Anchor) -> dict[int, Record]:
        """The records that hold an anchor, by their identity, the first of them."""
        if anchor.fact is not None and not anchor.text.isalpha():
            key = anchor.text
            if key not in self._holding:
                found = (
                    self.at(each.start) for each in self.reading.candidates(anchor.fact) if same(anchor.fact, each)
                )
                self._holding[key] = _once(record for record in found if record is not None)
            return self._holding[key]
        word = anchor.text
        if word and word not in self._holding:
            root = stem(word)
            root = root if len(root) > 2 and word.startswith(root) else word
            hits = beginnings(self.lower, root, MAX_HITS)
            self._holding[word] = _once(record for place in hits for record in self._at_or_below(place))
        return self._holding[word] if word else {}

    def _at_or_below(self, place: int) -> Iterator[Record]:
        """The record that holds a place, and the one that it is the key of."""
        record = self.at(place)
        if record is None:
            return
        yield record
        if record.data and self.view(record).cell_at(place) is None:
            at = bisect_right(self._starts, place)
            if at < len(self._starts) and self._starts[at] - place < 80:
                yield self.records[at]

    def link(self, slot: Slot, anchor: Anchor) -> float:
        """How much an anchor belongs to a slot: within its record, or in what the record rests on."""
        near = slot.view.link(slot.start, slot.end, slot.kind, anchor)
        record = slot.view.record
        return max(near, self._context(record, anchor)) if near < PARENT and record is not None else near

    def _context(self, record: Record, anchor: Anchor) -> float:
        best, left, above = 0.0, PARENT, record.parent
        while above is not None and left > 0.2:
            best = max(best, left * self.view(above).presence(anchor))
            above, left = above.parent, left * PARENT
        before, left = self.carried(record), CARRIED
        while before is not None and left > 0.1:
            best = max(best, left * self.view(before).presence(anchor))
            before, left = self.carried(before), left * CARRIED
        if record.heading is not None:
            best = max(best, HEADING * self.view(record.heading).presence(anchor))
        if best == 0 and not record.given:
            return GIVEN * self._given(anchor)
        return best

    def carried(self, record: Record) -> Record | None:
        """The record of prose before one that it goes on with, as `It has …` does."""
        if record.goes_on is None:
            record.goes_on = record.before is not None and goes_on(self.text[record.start : record.end])
        return record.before if record.goes_on else None

    def _given(self, anchor: Anchor) -> float:
        """Whether the call's arguments hold an anchor that nothing else of the source does."""
        if max((self.view(each).presence(anchor) for each in self._givens), default=0) == 0:
            return 0.0
        return 0.0 if any(not each.given for each in self.holding(anchor).values()) else 1.0


def _once(records: Iterable[Record]) -> dict[int, Record]:
    return {id(each): each for each in records}
