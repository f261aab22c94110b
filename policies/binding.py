"""Whether what an answer says together stands together: each value of a claim is asked for, and the sources answer.

A value is taken out of its sentence; the rest of the sentence says which slot of the sources is meant. Where another
value fits the rest better, or the names beside it are said of something else, the claim is not bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, islice

from .anchors import Anchor
from .claims import Claim, Target, alike, overlaps
from .equality import same
from .names import kind_of_name
from .passages import Reading
from .ranges import end_of, share_range, side_of
from .records import Record
from .scenes import Scene, Slot
from .senses import LEAST, MOST, RELATED, sense
from .sentences import Stretch
from .spans import Fact, places
from .views import View

MARGIN = 0.08
"""By how much another slot must fit better before the claim is refused."""

ENOUGH = 0.8
"""The share of what a claim's own record holds of it that another record must hold to be searched."""

_SURELY = 1e-9
"""More than what sums of weights are off by."""

MAX_SLOTS, FEW_SLOTS = 60, 4
"""Places of a value that are looked at, and of those that are read."""

MAX_TARGETS = 16
"""Values and names of one sentence that are asked for; of a longer one the rest is doubted."""


class Binder:
    """The sentences of one answer beside the records of its sources."""

    def __init__(self, answer: str, facts: Sequence[Fact], readings: Sequence[Reading], question: str) -> None:
        self.answer = answer
        self.facts = facts
        self.question = question.casefold()
        self.scenes = [Scene(reading) for reading in readings]
        asked = View(question, 0, len(question))
        self._claims: dict[int, Claim] = {}
        self._asked = [question[each.start : each.end] for each in asked.names if each.start > 0]

    def doubt(self, stretch: Stretch) -> str:
        """Why a sentence is not bound to the sources; empty where it is."""
        if any(scene.says(stretch.text) for scene in self.scenes):
            return ""
        claim = self.claim(stretch)
        if len(claim.targets) > MAX_TARGETS:
            return "a sentence says too much at once to be checked"
        for name in claim.numbered:
            if not self._known(name) and any(scene.numbers(name.text) for scene in self.scenes):
                return f"{claim.view.text_at(name)} is in no source"
        prose = not any(scene.layout.has_data for scene in self.scenes)
        for target in claim.targets:
            if prose and target.kind != "fact" and claim.values:
                continue  # it is asked for with the values
            own = self._said(claim, target)
            if not own:
                continue
            reason = self._refuted(claim, target, own)
            if reason:
                return reason
        return self._crossed(claim)

    def covers(self, stretch: Stretch, asked: frozenset[str]) -> float:
        """The share of a sentence's words that the records of its values hold, their keys and synonyms included."""
        claim = self.claim(stretch)
        views = [
            slot.view
            for each in claim.targets
            if each.kind != "word"
            for slot in self.slots(claim, each)
            if not slot.given
        ]
        held = frozenset().union(*(view.said() for view in views[:40]))
        words = [each for each in claim.words if each.senses[0] not in asked and each.text not in _VAGUE]
        strange = [each for each in claim.pointers() if each.kind == "name" and each not in claim.numbered]
        strange = [each for each in strange if not self._known(each)]
        good = sum(_held(each, held) for each in words)
        return good / (len(words) + len(strange)) if words or strange else float(bool(views))

    def claim(self, stretch: Stretch) -> Claim:
        """A sentence of the answer, taken apart."""
        if stretch.start not in self._claims:
            claim = Claim(View(self.answer, stretch.start, stretch.end), self._asked)
            small = [each for each in claim.numbered if any(scene.counts(each.text) for scene in self.scenes)]
            self._claims[stretch.start] = claim.without(small) if small else claim
        return self._claims[stretch.start]

    def is_data(self, reading: Reading, place: int) -> bool:
        """Whether a place of a source stands in a row or an object."""
        scene = next(each for each in self.scenes if each.reading is reading)
        record = scene.layout.at(place)
        return record is not None and record.data

    # -- slots ------------------------------------------------------------------------------------------------------

    def slots(self, claim: Claim, target: Target) -> list[Slot]:
        """The slots of the sources that hold what is asked for, those in likely records; made once."""
        if target not in claim.own:
            found = [(scene, *each) for scene in self.scenes for each in _places(scene, target)]
            if len(found) > FEW_SLOTS:
                found = _likeliest(found, claim.anchors(target))
            claim.own[target] = [
                Slot(scene, scene.layout.view(record), start, end, target.kind) for scene, start, end, record in found
            ]
        return claim.own[target]

    def _said(self, claim: Claim, target: Target) -> list[Slot]:
        """The slots beside the call's arguments, or those if there are no others."""
        own = self.slots(claim, target)
        return [each for each in own if not each.given] or own

    def _rivals(
        self, claim: Claim, target: Target, anchors: Sequence[Anchor], own: Sequence[Slot], least: float, score: float
    ) -> Iterator[Slot]:
        """The other values of the same kind in records that hold more than `least` of the claim, by weight; those of
        records that can score more than `score`."""
        for scene in self.scenes:
            for each in own:
                if each.scene is scene:
                    yield from _slots(scene, each.view, target, claim)
            taken = {id(each.view.record) for each in own}
            for record in scene.likely(anchors, least):
                if id(record) not in taken and not record.given:
                    view = scene.layout.view(record)
                    if scene.could_exceed(view, anchors, score - _SURELY):
                        yield from _slots(scene, view, target, claim)

    # -- judging ----------------------------------------------------------------------------------------------------

    def _score(self, slot: Slot, anchors: Sequence[Anchor]) -> float:
        got = 0.0
        for anchor in anchors:
            got += anchor.weight * slot.scene.link(slot, anchor)
        return got

    def _exceeds(self, slot: Slot, anchors: Sequence[Anchor], score: float) -> bool:
        """Whether a slot scores more; it is given up as soon as what is left to be asked cannot make it so."""
        got, left = 0.0, sum(anchor.weight for anchor in anchors) + _SURELY
        for anchor in anchors:
            got += anchor.weight * slot.scene.link(slot, anchor)
            left -= anchor.weight
            if got + left <= score:
                return False
        return got > score

    def _inner(self, slot: Slot, anchors: Sequence[Anchor]) -> float:
        """What of a slot's score is due to anchors that stand in its record, and not in a header or around it."""
        record = slot.view.record
        inside = (each for each in anchors if record is not None and id(record) in slot.scene.holding(each))
        near = [(each.weight, slot.view.link(slot.start, slot.end, slot.kind, each)) for each in inside]
        return max(sum(weight * link for weight, link in near), ENOUGH * sum(weight for weight, link in near if link))

    def _refuted(self, claim: Claim, target: Target, own: Sequence[Slot]) -> str:
        anchors = claim.anchors(target)
        if target.kind != "fact" and claim.values and not any(slot.view.is_data for slot in own):
            return ""  # it has been asked for with the values
        if not anchors or any(slot.view.is_data and slot.view.cell_at(slot.start) is None for slot in own):
            return ""  # the name of an object, as a key: the values beside it are asked for
        scores = [(self._score(slot, anchors), slot) for slot in own]
        best = max(score for score, _ in scores)
        most = sum(each.weight for each in anchors)
        near = [slot for score, slot in scores if score >= best - MARGIN]
        needs_names = not own[0].given and (target.fact is not None or not claim.values)
        for name in claim.required(target) if needs_names else ():
            if not any(slot.scene.link(slot, name) > 0.02 for slot in near) and self._known(name):
                return f"{target.text} is not said of {claim.view.text_at(name)} in the evidence"
        if most <= best + MARGIN or (claim.is_called(target) and not any(slot.view.is_data for slot in own)):
            return ""
        least = max(self._inner(slot, anchors) for slot in near)
        side = side_of(claim, target)
        for rival in self._rivals(claim, target, anchors, [slot for _, slot in scores], least, best + MARGIN):
            if target.kind != "fact" and not _plays(rival, own, anchors):
                continue
            if side and any(end_of(slot) == side and share_range(slot, rival) for slot in own):
                continue  # the claim says which end of the range it means
            if self._exceeds(rival, anchors, best + MARGIN):
                return f"the evidence says {' '.join(rival.text.split())[:60]} there, not {target.text}"
        return ""

    def _known(self, name: Anchor) -> bool:
        return any(scene.holding(name) for scene in self.scenes)

    def _crossed(self, claim: Claim) -> str:
        """Why two values of a claim are each other's; empty where they are not."""
        for one, two in combinations(claim.targets, 2):
            if one.kind != two.kind or not _comparable(one, two) or claim.is_called(one) or claim.is_called(two):
                continue
            ones, twos = self._said(claim, one), self._said(claim, two)
            if (
                not ones
                or not twos
                or any(each.given for each in (*ones, *twos))
                or (one.kind != "fact" and _share_prose(ones, twos))
            ):
                continue
            first = [each for each in claim.anchors(one) if not overlaps(each, two)]
            second = [each for each in claim.anchors(two) if not overlaps(each, one)]
            straight = max(self._score(s, first) for s in ones) + max(self._score(s, second) for s in twos)
            crossed = max(self._score(s, first) for s in twos) + max(self._score(s, second) for s in ones)
            if crossed > straight + MARGIN:
                return f"{one.text} and {two.text} stand the other way round in the evidence"
        return ""


def _held(word: Anchor, held: frozenset[str]) -> bool:
    """Whether a word, a related one, or what it denies (`unpaid`) is among some senses."""
    root = word.senses[0]
    related = RELATED.get(root, frozenset()) & held
    return root in held or bool(related) or (word.text[:2] == "un" and sense(word.text[2:]) in held)


def _places(scene: Scene, target: Target) -> list[tuple[int, int, Record]]:
    """Where a source holds what is asked for, and in which record."""
    found: list[tuple[int, int]] = []
    if target.fact is not None and not target.text.isalpha():
        found = _equal(scene, target.fact)
    if not found:  # a name, a number within a quotation, or one written as a word
        text = target.text.lower()
        found = [(each, each + len(text)) for each in places(scene.lower, text, MAX_SLOTS)]
    if not found and target.fact is not None:
        found = _equal(scene, target.fact)
    homes = ((start, end, scene.layout.at(start)) for start, end in found)
    return [(start, end, record) for start, end, record in homes if record is not None]


def _equal(scene: Scene, fact: Fact) -> list[tuple[int, int]]:
    equal = (each for each in scene.reading.candidates(fact) if same(fact, each, fell=True))
    return [(each.start, each.end) for each in islice(equal, MAX_SLOTS)]


def _likeliest(
    found: Sequence[tuple[Scene, int, int, Record]], anchors: Sequence[Anchor]
) -> list[tuple[Scene, int, int, Record]]:
    """Of many places those whose records hold most of what is said beside a target."""
    weights = {id(scene): scene.weights(anchors) for scene in {id(each[0]): each[0] for each in found}.values()}
    ranked = sorted(
        ((weights[id(scene)].get(id(record), 0.0), at) for at, (scene, _, _, record) in enumerate(found)),
        key=lambda each: (-each[0], each[1]),
    )
    return [found[at] for held, at in ranked[:FEW_SLOTS] if held >= ENOUGH * ranked[0][0]]


def _plays(rival: Slot, own: Sequence[Slot], anchors: Sequence[Anchor]) -> bool:
    """Whether a name of a row or object could be meant: one of the same column, or one whose key the claim names."""
    cell = rival.view.cell_at(rival.start)
    if cell is None:
        return True
    homes = [each.view.cell_at(each.start) for each in own]
    if any(home is not None and home.labels[-1:] == cell.labels[-1:] and home is not cell for home in homes):
        return True
    labels = rival.view.labels_at(rival.start)
    return any(each.kind == "word" and (each.role or each.senses[-1]) in labels for each in anchors)


_VAGUE = frozenset(["lies", "lie", "come", "came", "out"]) | MOST | LEAST
"""Words that say nothing of their own beside a value; superlatives are asked for by `extremes`."""


def _share_prose(ones: Sequence[Slot], twos: Sequence[Slot]) -> bool:
    """Whether two names stand in one sentence, or in two of which one rests on the other: nothing tells them apart."""
    homes = [(each.scene.layout, each.view.record) for each in (*ones, *twos)]
    if any(record is not None and layout.carried(record) is not None for layout, record in homes):
        return True
    return any(one.view.record is two.view.record and not one.view.is_data for one in ones for two in twos)


def _comparable(one: Target, two: Target) -> bool:
    if one.fact is None or two.fact is None:
        return True
    return one.fact.value != two.fact.value and alike(one.fact, two.fact)


def _slots(scene: Scene, view: View, target: Target, claim: Claim) -> Iterator[Slot]:
    """The slots of a record that could stand where the target stands, other than those the claim itself has."""
    if target.fact is not None:
        said = [each.fact for each in claim.values if each.fact is not None]
        for fact in view.facts:
            if not alike(fact, target.fact, view.is_data) or same(target.fact, fact, fell=True):
                continue
            if target.fact.unit is not None and view.is_called(fact):
                continue
            if not any(same(each, fact, fell=True) for each in said):
                yield Slot(scene, view, fact.start, fact.end, "fact")
        return
    yield from _names(scene, view, target, claim)


def _names(scene: Scene, view: View, target: Target, claim: Claim) -> Iterator[Slot]:
    said = {word for each in claim.targets for word in each.senses}
    kind = kind_of_name(target.text)
    if view.is_data:
        for cell in view.cells:
            text = scene.text[cell.start : cell.end].strip('" ')
            words = {sense(word) for word in text.casefold().split()}
            if text[:1].isupper() and len(text) < 60 and words.isdisjoint(said) and kind_of_name(text) == kind:
                yield Slot(scene, view, cell.start, cell.end, "name")
        return
    for name in view.heads():
        text = scene.text[name.start : name.end]
        if said.isdisjoint(name.words) and name.words.isdisjoint(claim.view.words) and kind_of_name(text) == kind:
            yield Slot(scene, view, name.start, name.end, "name")
