"""A record or a sentence of an answer as the check of bindings sees it: where its words, names and values stand.

Two things that stand in one record belong together more or less: `View.link` says how much, from 0 to 1.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Protocol

from .anchors import Anchor, Kind
from .distance import nearest, within
from .equality import same
from .names import WORD, Name, codes, names_in, senses_of
from .quantities import anything, scan
from .records import Cell, Record
from .senses import LIGHT, RELATED, ROLES, sense
from .spans import Fact
from .values import values_of

MARGIN = 16
"""Blanks that are read around what stands between the records within one: more than any pattern looks over."""

MAX_SAME = 32
"""Values of claims whose places in one record are kept."""

RELATED_LINK = 0.5
"""The link to a key whose sense is only near to the word's."""

_BREAK = re.compile(r"[,;()|](?=\D|$)|\s[-–—]\s|:\s|\b(?:but|and|while|whereas|although|or|which|who)\b|\.\s")
_CAPS = re.compile(r"\b[A-Z]{2,5} $")
_HEAD = re.compile(r"(?:[,;()|:\s]|\b(?:but|and|while|whereas|although|or|the|a|an|in|on)\b)*([^\W\d_]{3,})")


class Span(Protocol):
    """Anything with a place."""

    @property
    def start(self) -> int:
        """Where it begins."""

    @property
    def end(self) -> int:
        """Where it ends."""


class View:
    """A stretch of a text, read once: words by sense, values, names and the ends of its clauses, by place."""

    def __init__(self, text: str, start: int, end: int, record: Record | None = None) -> None:
        self.record = record
        self.start, self.end = start, end
        self.text = _without(text, start, end, record.inner) if record is not None and record.inner else text[start:end]
        self.is_data = record is not None and record.data
        self._same: dict[int, tuple[Fact, list[int]]] = {}  # by identity: quicker than to compare them

    @cached_property
    def parts(self) -> list[tuple[int, str]]:
        """What stands between the larger records within it, with some of the blanks around it, and where; else all.

        The array around the rows of a source has little more than commas of its own.
        """
        if self.record is None or not self.record.inner:
            return [(0, self.text)]
        found, at = [], 0
        for first, last in (*self.record.inner, (self.end, self.end + 2 * MARGIN)):
            if last - first >= 2 * MARGIN:
                low, high = at, first - self.start
                if self.text[low:high].strip("[]{},: \n\r\t"):
                    low, high = max(0, low - MARGIN), high + MARGIN
                    found.append((low, self.text[low:high]))
                at = last - self.start
        return found

    @cached_property
    def words(self) -> dict[str, list[int]]:
        """The places of its words by sense, and of its codes; of data those in cells."""
        found: dict[str, list[int]] = {}
        for place, word in self._each_word():
            if self.is_data and self.cell_at(place) is None:
                continue
            if word.endswith(("'s", "’s")):
                word = word[:-2]
            found.setdefault(ROLES.get(word) or sense(word), []).append(place)
        for at, code in self.codes:
            found.setdefault(code, []).append(self.start + at)
        return found

    @cached_property
    def codes(self) -> list[tuple[int, str]]:
        """Its tokens of letters and digits, with their places in its own text."""
        return [(low + at, code) for low, part in self.parts for at, code in codes(part)]

    @cached_property
    def breaks(self) -> list[int]:
        """Where its clauses end."""
        return [self.start + match.start() for match in _BREAK.finditer(self.text)]

    @cached_property
    def head(self) -> int:
        """Where its first word stands that says something; -1 where there is none."""
        return self.first_word[0] if self.first_word is not None else -1

    @cached_property
    def cells(self) -> Sequence[Cell]:
        """Its values, where it is a row or an object."""
        return self.record.cells if self.record is not None else ()

    @cached_property
    def facts(self) -> list[Fact]:
        """Its numbers, dates and times, `no` as a zero; by place."""
        return values_of(self)

    @cached_property
    def fact_starts(self) -> list[int]:
        """Where its facts begin."""
        return [each.start for each in self.facts]

    def is_called(self, fact: Fact) -> bool:
        """Whether a number is a part of a name, as in `TGV 6173`."""
        start = fact.start - self.start
        return fact.kind == "number" and _CAPS.search(self.text[max(0, start - 7) : start]) is not None

    @cached_property
    def names(self) -> list[Name]:
        """Its names, by place."""
        return names_in(self.text, self.start)

    @cached_property
    def name_starts(self) -> list[int]:
        """Where its names begin."""
        return [each.start for each in self.names]

    def between(self, start: int, end: int) -> str:
        """What stands between two places, in lower case."""
        return self.text[max(0, start - self.start) : max(0, end - self.start)].casefold()

    @cached_property
    def each_word(self) -> list[tuple[int, str]]:
        """Its words in lower case with their places."""
        return list(self._each_word())

    def _each_word(self) -> Iterator[tuple[int, str]]:
        for low, part in self.parts:
            for match in WORD.finditer(part):
                yield self.start + low + match.start(), match[0].casefold()

    @cached_property
    def first_word(self) -> tuple[int, str] | None:
        """Its first word that says something, with its place."""
        return next((each for each in self._each_word() if len(each[1]) > 2 and each[1] not in LIGHT), None)

    def text_at(self, anchor: Anchor) -> str:
        """An anchor as it is written."""
        return self.text[anchor.start - self.start : anchor.end - self.start]

    def heads(self) -> list[Name]:
        """Its names, and the first words of its clauses."""
        found = list(self.names)
        for place in (0, *(each - self.start for each in self.breaks)):
            match = _HEAD.match(self.text, place)
            if match is not None and match[1].casefold() not in LIGHT:
                start, end = match.span(1)
                found.append(Name(self.start + start, self.start + end, frozenset((sense(match[1].casefold()),))))
        return found

    def presence(self, anchor: Anchor) -> float:
        """Whether this view holds an anchor at all: 1, or the share of a name's words."""
        if anchor.fact is not None:
            return float(bool(self._equals(anchor.fact)))
        if anchor.role:
            return 0.0
        if len(anchor.senses) == 1:
            return float(anchor.senses[0] in self.words)
        return sum(each in self.words for each in anchor.senses) / len(anchor.senses)

    # -- links ------------------------------------------------------------------------------------------------------

    def link(self, start: int, end: int, kind: Kind, anchor: Anchor) -> float:
        """How much an anchor belongs to what stands at a place of this view, from 0 to 1.

        Args:
            start: where the slot begins.
            end: where it ends.
            kind: what the slot holds.
            anchor: a word, name or value of a claim.
        """
        if self.is_data:
            return self._cell_link(start, anchor)
        if anchor.fact is not None:
            return nearest(self, start, end, kind, self._equals(anchor.fact), "fact")
        if anchor.role:
            return float(
                any(0 <= start - place < 14 and self._leads(place, start) for place in self.words.get(anchor.role, ()))
            )
        places = self.words.get(anchor.senses[-1]) or self._called(anchor)
        found = nearest(self, start, end, kind, places, anchor.kind)
        if len(anchor.senses) == 1 or not found:
            return found
        return found * (0.4 + 0.6 * sum(each in self.words for each in anchor.senses) / len(anchor.senses))

    def may_link(self, anchor: Anchor) -> bool:
        """Whether an anchor could belong to anything of this view: a quick look, which rules out most records."""
        if anchor.fact is not None:
            return bool(self._equals(anchor.fact)) or (self.is_data and self._is_numbered)
        senses = (anchor.role,) if anchor.role else anchor.senses[-1:] if self.is_data else anchor.senses
        for each in senses:
            if each in self.words or (self.is_data and not self._keys.isdisjoint((each, *RELATED.get(each, ())))):
                return True
        return False

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The senses of all its keys."""
        return frozenset().union(*{senses_of(cell.labels) for cell in self.cells})

    @cached_property
    def _is_numbered(self) -> bool:
        """Whether a key has a digit, and may be the value of a claim itself."""
        return any(_facts_in(cell.labels) for cell in self.cells)

    def _equals(self, fact: Fact) -> list[int]:
        """Where its values stand that are the same as one of a claim; asked once."""
        known = self._same.get(id(fact))
        if known is None or known[0] is not fact:
            if len(self._same) >= MAX_SAME:
                self._same.clear()
            known = self._same[id(fact)] = (fact, [each.start for each in self.facts if same(fact, each)])
        return known[1]

    def _called(self, anchor: Anchor) -> list[int]:
        """Where a name of several words stands by another of them alone: `Ines` for `Ines Duarte`, no other `Ines`."""
        if len(anchor.senses) < 2:
            return []
        found = [place for each in anchor.senses[:-1] for place in self.words.get(each, ())]
        spans = [(each, name) for each in found for name in self.names if name.start <= each < name.end]
        return [
            place
            for place, name in spans
            if name.words <= {*anchor.senses, anchor.text}
            or (
                len(name.words) <= 2
                and name.words & set(anchor.senses)
                and len(name.words - set(anchor.senses)) <= 1
                and " " not in self.text[name.start - self.start : name.end - self.start]
            )
        ]

    def _leads(self, place: int, start: int) -> bool:
        """Whether a preposition belongs to what begins at `start`."""
        between = self.text[place - self.start : start - self.start].split()
        return len(between) == 1 or (len(between) == 2 and between[1].lower() in ("the", "about", "a", "an"))

    def role_before(self, start: int) -> str:
        """The mark of the preposition that leads to a place; empty where none does."""
        for word, mark in ROLES.items():
            if any(
                self._leads(p, start) and self.text[p - self.start : start - self.start].lower().startswith(word)
                for p in self.words.get(mark, ())
                if 0 <= start - p < 14
            ):
                return mark
        return ""

    def broken(self, target: Span, anchor: Anchor) -> bool:
        """Whether the end of a clause stands between two things."""
        low, high = (target.end, anchor.start) if anchor.start >= target.end else (anchor.end, target.start)
        return within(self.breaks, low, high) > 0

    def beside(self, target: Span, anchor: Anchor) -> bool:
        """Whether a name is surely said of a thing: within one clause, or as what the sentence speaks of."""
        low, high = (target.end, anchor.start) if anchor.start >= target.end else (anchor.end, target.start)
        if not within(self.breaks, low, high):
            return True
        inside = [*(each.start for each in self.names), *(each.start for each in self.facts)]
        return anchor.start == self.head and not any(low <= each < high for each in inside)

    def cell_at(self, place: int) -> Cell | None:
        """The cell that holds a place."""
        at = bisect_right(self._cell_starts, place) - 1
        return self.cells[at] if at >= 0 and place < self.cells[at].end else None

    @cached_property
    def _cell_starts(self) -> list[int]:
        return [cell.start for cell in self.cells]

    def _cell_link(self, start: int, anchor: Anchor) -> float:
        own = self.cell_at(start)
        if anchor.fact is not None:
            if own is not None and _labelled(own, anchor.fact):
                return 1.0
            return 0.9 if self._equals(anchor.fact) else 0.0
        if anchor.role:
            return float(own is not None and anchor.role in senses_of(own.labels[-1:]))
        last = self._word_link(own, anchor.senses[-1])
        if len(anchor.senses) == 1:
            return last
        return (
            0.4 * last + 0.6 * sum(self._word_link(own, each) for each in anchor.senses) / len(anchor.senses)
            if last
            else 0.0
        )

    def _word_link(self, own: Cell | None, word: str) -> float:
        if own is not None and word in senses_of(own.labels):
            return 1.0
        best = RELATED_LINK if own is not None and RELATED.get(word, _NO_SENSES) & senses_of(own.labels) else 0.0
        for place in self.words.get(word, ()):
            cell = self.cell_at(place)
            best = max(best, 1.0 if cell is own else 0.9)
        return best

    def said(self) -> frozenset[str]:
        """The senses of all its words, of its keys, and of the sentence it goes on from."""
        labels = [senses_of(cell.labels) for cell in self.cells[:200]]
        return frozenset(self.words).union(*labels)

    def labels_at(self, start: int) -> frozenset[str]:
        """The senses of the keys of the cell at a place."""
        cell = self.cell_at(start)
        return senses_of(cell.labels) if cell is not None else frozenset()


_NO_SENSES: frozenset[str] = frozenset()


def _labelled(cell: Cell, fact: Fact) -> bool:
    return any(same(fact, each) for each in _facts_in(cell.labels))


@lru_cache(maxsize=4096)
def _facts_in(labels: tuple[str, ...]) -> tuple[Fact, ...]:
    """The values that stand in some keys."""
    return tuple(
        each for label in labels if any(map(str.isdigit, label)) for each in scan(label.replace("_", " "), anything)
    )


def _without(text: str, start: int, end: int, inner: Sequence[tuple[int, int]]) -> str:
    """A stretch of a text with blanks where the records within it stand."""
    parts, at = [], start
    for first, last in inner:
        parts += [text[at:first], " " * (last - first)]
        at = last
    return "".join([*parts, text[at:end]])
