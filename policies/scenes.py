"""A source beside one answer as the check of bindings reads it: which records hold a word, what belongs to a slot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .anchors import Anchor, Key, Kind
from .equality import same
from .layout import PARENT, once
from .lexicon import stem
from .names import senses_of
from .passages import Reading
from .records import Record
from .sentences import refers
from .spans import beginnings, places
from .views import View

MAX_RIVALS = 16
"""Records of a source that are searched for a value that fits a claim better, the likeliest first."""

VERBATIM = 20
"""Characters of the shortest sentence that needs no more than to stand in a source as it is."""

_BEFORE = re.compile(r"(?:\A|\n|[.!?]\s) *\Z")
_DIGIT = re.compile(r"\d")
_PRONOUN = re.compile(r"\b(?:it|its|them|they|their|he|his|him|she|her|there|this|that|these|those)\b")
_AFTER = re.compile(r"[.!](?:\s|\Z)|\Z|\n")

GIVEN = 0.25
"""What is left of a link to the call."""


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
    """The records of one source beside one answer."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.layout = reading.page.layout
        self.text, self.lower = reading.page.text, reading.page.lower
        self._equal: dict[str, dict[int, Record]] = {}
        self._givens: dict[Key, float] = {}

    def presence(self, record: Record, anchor: Anchor) -> float:
        """How much a record holds an anchor, or what it rests on does."""
        own = self.layout.view(record).presence(anchor)
        keyed = (
            record.cells
            and not anchor.fact
            and anchor.senses
            and anchor.senses[-1] in senses_of(record.cells[0].labels[:-1])
        )
        return max(own, float(bool(keyed)), self._context(record, anchor))

    def numbers(self, text: str) -> bool:
        """Whether a name bears another number here, as `Voyager 1` for `Voyager 2`."""
        word = text.rpartition(" ")[0] + " "
        return any(
            self.text[at + len(word)].isdigit()
            for at in beginnings(self.lower, word, 20)
            if at + len(word) < len(self.text)
        )

    def knows(self, word: str) -> bool:
        """Whether a word in lower case stands here in any form, or as a part of another word or a key."""
        root = stem(word)
        return root in self.lower or word[:4] in self.lower or bool(self.reading.page.postings.holding(root))

    def counts(self, text: str) -> bool:
        """Whether a name with a number stands here as a common noun with a number: `job 7`, and never `Job 7`."""
        at = next(places(self.lower, text, 20), None)
        return at is not None and self.text[at].islower() and text.capitalize() not in self.text

    def says(self, sentence: str) -> bool:
        """Whether a whole sentence with its own subject stands here word for word."""
        words = sentence.strip().rstrip(".!").lower()
        if len(words) < VERBATIM or (refers(sentence) and not self._alone(words)):
            return False
        at = self.lower.find(words)
        ends = self.text[at + len(words) : at + len(words) + 2]
        return (
            at >= 0 and _BEFORE.search(self.text[max(0, at - 12) : at]) is not None and _AFTER.match(ends) is not None
        )

    def _alone(self, words: str) -> bool:
        """Whether a sentence of a common noun is the only one that begins so: `The last train leaves at …`."""
        first = _DIGIT.search(words)
        head = words[: first.start()] if first is not None else ""
        return len(head) >= VERBATIM - 4 and not _PRONOUN.search(words) and self.lower.count(head) == 1

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
                    total = 0.0
                    for others, each in held:
                        if key in others:
                            total += each
                    likely[key] = (total, record)
        best = sorted((each for each in likely.values() if each[0] > least), key=lambda each: -each[0])
        return [record for _, record in best[:MAX_RIVALS]]

    def holding(self, anchor: Anchor) -> dict[int, Record]:
        """The records that hold an anchor, by their identity, the first of them."""
        if anchor.fact is None or anchor.text.isalpha():
            return self.layout.holding(anchor.text) if anchor.text else {}
        if anchor.text not in self._equal:
            equal = (each for each in self.reading.candidates(anchor.fact) if same(anchor.fact, each))
            found = (self.layout.at(each.start) for each in equal)
            self._equal[anchor.text] = once(record for record in found if record is not None)
        return self._equal[anchor.text]

    def link(self, slot: Slot, anchor: Anchor) -> float:
        """How much an anchor belongs to a slot: within its record, or in what the record rests on."""
        near = slot.view.link(slot.start, slot.end, slot.kind, anchor)
        record = slot.view.record
        return max(near, self._context(record, anchor)) if near < PARENT and record is not None else near

    def could_exceed(self, view: View, anchors: Sequence[Anchor], score: float) -> bool:
        """Whether a slot of a view could score more, if nothing lay between its words, and what it rests on.

        Values are looked at last: the words rule out most records, whose values then need not be read.
        """
        record, left = view.record, sum(each.weight for each in anchors)
        for each in sorted(anchors, key=_is_value):
            if record is not None and not view.may_link(each):
                left -= each.weight * (1 - self._context(record, each))
            if left <= score:
                return False
        return True

    def _context(self, record: Record, anchor: Anchor) -> float:
        best = 0.0
        for left, view in self.layout.rests_on(record):
            if left > best:
                best = max(best, left * view.presence(anchor))
        return GIVEN * self._given(anchor) if best == 0 and self.layout.givens and not record.given else best

    def _given(self, anchor: Anchor) -> float:
        """Whether the call's arguments hold an anchor that nothing else of the source does; asked once."""
        found = self._givens.get(anchor.key)
        if found is None:
            views = map(self.layout.view, self.layout.givens)
            found = float(any(view.presence(anchor) for view in views))
            if found and any(not each.given for each in self.holding(anchor).values()):
                found = 0.0
            self._givens[anchor.key] = found
        return found


def _is_value(anchor: Anchor) -> bool:
    return anchor.fact is not None
