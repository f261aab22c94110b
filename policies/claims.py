"""A sentence of an answer as the check of bindings reads it: what can be asked for, and what is said beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .anchors import Anchor, Kind
from .lexicon import CURRENCIES, STOP_WORDS
from .names import Name
from .scenes import Slot
from .senses import LIGHT, sense
from .spans import Fact
from .views import View

NAME, FACT, WORD, ROLE, ASKED = 3.0, 2.0, 1.0, 2.0, 1.5
"""What a name, a value, a word and a preposition beside a value, and a name of the question, say about which slot is
meant."""

SUBJECT = 1.5
"""How much more the first word or name of a clause says."""

ELSEWHERE = 0.4
"""What is left of what another clause says, where a clause has a name or a value of its own."""


@dataclass(frozen=True, slots=True)
class Target:
    """What of a claim is taken out and asked for."""

    kind: Kind
    start: int
    end: int
    text: str
    senses: tuple[str, ...] = ()
    fact: Fact | None = None

    def __hash__(self) -> int:
        return hash((self.start, self.text))


_ARTICLES = frozenset(["the", "a", "an", "in", "on", "at", "of", "for", "all", "most"])
"""Words that may stand before what a sentence speaks of."""


class Claim:
    """A sentence of the answer: what can be taken out of it, and what then says which slot is meant."""

    def __init__(self, view: View, asked: Sequence[str]) -> None:
        self.view = view
        self.values = _once(Target("fact", each.start, each.end, each.text, fact=each) for each in view.facts)
        self.names = _once(self._name(each) for each in view.names)
        self.targets = _once([*self.values, *self.names, *self._subject()])
        self.numbered = [
            Anchor("name", view.start + at, view.start + at + len(each), (each,), weight=NAME, text=each)
            for at, each in view.codes
            if " " in each
        ]
        self._anchors = self._all()
        self._beside: dict[Target, list[Anchor]] = {}
        self.own: dict[Target, list[Slot]] = {}
        self._asked = asked if not self.names else ()

    def without(self, numbered: Sequence[Anchor]) -> Claim:
        """The claim without some names with a number, which are common nouns in the sources."""
        dropped = {each.text for each in numbered}
        self.numbered = [each for each in self.numbered if each.text not in dropped]
        nouns = {each.rpartition(" ")[0] for each in dropped}
        self.names = [each for each in self.names if each.text.lower() not in nouns | dropped]
        ids = {each.rpartition(" ")[2] for each in dropped}
        values = [each for each in self.values if each.text not in ids]  # an id says which record is meant
        self.targets = _once([*values, *self.names, *self._subject()])
        self._anchors = self._all()
        return self

    def _name(self, name: Name) -> Target:
        text = self.view.text[name.start - self.view.start : name.end - self.view.start]
        text = text.removesuffix("'s").removesuffix("’s")
        return Target("name", name.start, name.start + len(text), text, _senses(text))

    def _subject(self) -> list[Target]:
        found = self.view.first_word
        if found is None:
            return []
        start, word = found
        before = self.view.text[: start - self.view.start].casefold().split()
        if any(each.start <= start < each.end for each in self.names) or not _ARTICLES.issuperset(before):
            return []
        return [Target("word", start, start + len(word), word, (sense(word.casefold()),))]

    def _all(self) -> list[Anchor]:
        found = [
            Anchor("fact", each.start, each.end, fact=each.fact, weight=FACT, text=each.text) for each in self.values
        ]
        for at, each in enumerate(self.names):
            weight = NAME * (SUBJECT if at == 0 and not self.view.text[: each.start - self.view.start].strip() else 1)
            last = each.text.split()[-1].lower()
            found.append(Anchor("name", each.start, each.end, each.senses, weight=weight, text=last))
        found += self.numbered + [
            Anchor("name", self.view.start + at, self.view.start + at + len(code), (code,), weight=NAME, text=code)
            for at, code in self.view.codes
            if code.isalnum() and self.view.text[at].islower()
        ]
        taken = [(each.start, each.end) for each in (*self.values, *self.names)]
        seen: set[str] = set()
        for start, word in self.view.each_word:
            if word in LIGHT or word in seen or len(word) < 2 or any(low <= start < high for low, high in taken):
                continue
            seen.add(word)
            found.append(Anchor("word", start, start + len(word), (sense(word),), weight=WORD, text=word))
        return found

    def anchors(self, target: Target) -> list[Anchor]:
        """What is said beside a target, weighed by how near it stands."""
        if target not in self._beside:
            self._beside[target] = self._weighed(target)
        return self._beside[target]

    def _weighed(self, target: Target) -> list[Anchor]:
        found = []
        others = [each for each in self._anchors if not overlaps(each, target)]
        named = any(each.kind == "name" and not self.view.broken(target, each) for each in others)
        for each in others:
            link = self.view.link(target.start, target.end, target.kind, each)
            if self.view.broken(target, each) and (_like_values(each, target) or (named and each.kind == "name")):
                link *= ELSEWHERE
            if link >= 0.05:
                found.append(each.weighing(each.weight * link))
        role = self.view.role_before(target.start)
        if role:
            found.append(Anchor("word", 0, 0, weight=ROLE, role=role))
        for text in self._asked:
            last = text.split()[-1].lower()
            found.append(Anchor("name", 0, 0, _senses(text), weight=ASKED, text=last))
        return found

    @property
    def words(self) -> list[Anchor]:
        """What it says beside its names and values."""
        return [each for each in self._anchors if each.kind == "word"]

    def is_called(self, target: Target) -> bool:
        """Whether a target is the number of a name, as in `Voyager 2`."""
        return target.fact is not None and any(overlaps(each, target) for each in self.numbered)

    def pointers(self) -> list[Anchor]:
        """Everything that says which record is meant: all words, names and values, and the question's names."""
        asked = [Anchor("name", 0, 0, _senses(each), weight=ASKED, text=each) for each in self._asked]
        return [*self._anchors, *asked]

    def required(self, target: Target) -> list[Anchor]:
        """The names that are said right beside a target, which its record must hold."""
        return [
            each
            for each in self._anchors
            if each.kind == "name"
            and not (each.start < target.end and target.start < each.end)
            and self.view.link(target.start, target.end, target.kind, each) >= 0.5
            and self.view.beside(target, each)
        ]


def _once(targets: Iterable[Target]) -> list[Target]:
    """The targets without those that were there before."""
    return list({each.text: each for each in reversed(list(targets))}.values())[::-1]


def _like_values(anchor: Anchor, target: Target) -> bool:
    return anchor.fact is not None and target.fact is not None and _sort(anchor.fact) == _sort(target.fact)


def overlaps(anchor: Anchor, target: Target) -> bool:
    """Whether they share a character."""
    return anchor.start < target.end and target.start < anchor.end


def _senses(text: str) -> tuple[str, ...]:
    found = [sense(word.casefold()) for word in text.split() if word.casefold() not in STOP_WORDS]
    return tuple(found) or (text.casefold(),)


def alike(one: Fact, two: Fact, in_cell: bool = False) -> bool:
    """Whether one value could be taken for another: years and dates for each other, lengths for lengths.

    In a cell a number may be a year and may be none.
    """
    if _sort(one) != _sort(two) and not (in_cell and one.kind == two.kind and _sort(two) != "date"):
        return False
    if "percent" in (one.unit, two.unit):
        return one.unit == two.unit
    if _is_money(one) and _is_money(two):
        return "cent" in (one.unit, two.unit) or one.unit == two.unit
    return one.unit is None or two.unit is None or one.unit == two.unit


def _is_money(fact: Fact) -> bool:
    return fact.unit == "cent" or fact.unit in CURRENCIES


def _sort(fact: Fact) -> str:
    if fact.kind == "time" and isinstance(fact.value, tuple) and fact.value[0] < 0:
        return "offset"
    if fact.kind != "number" or fact.unit is not None or len(fact.text) != 4:
        return fact.kind
    return "date" if fact.text[:2] in _CENTURIES and fact.text.isdigit() else "number"


_CENTURIES = frozenset(str(each) for each in range(10, 21))
