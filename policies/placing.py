"""Where in the sources the facts of an answer stand, and what is to be thought of those that stand nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from .denials import subject_of
from .derivation import Derivations, is_year
from .equality import same
from .findings import (
    excused,
    grounded,
    is_share,
    place_of,
    shortened,
    ungrounded,
    unplaced,
    without_first,
    wrong_weekday,
)
from .grounded import GroundedFact
from .lexicon import CURRENCIES, FALL, MONTHS, RISE, UNIT_ALIASES, WEEKDAYS
from .pages import signed
from .passages import Reading
from .sentences import Stretch, changes, clause_around, direction, words
from .spans import Fact, places
from .strangers import may_stand

QUESTION = "question"
"""What stands for a source's id where a fact is found in the question only."""

TURNED = "went the other way, or bounds the other side, in the evidence"
"""What is said of a number that stands beside a fall where the sources tell of a rise, or the other way round."""

MAX_EQUALS = 20
"""Places that hold a number, which are looked at one after the other."""

_JOINT = re.compile(r"[,;]\s|\s(?:and|but|while|whereas|although)\s")


class Placing:
    """The facts of one answer beside its sources.

    Args:
        answer: the answer.
        facts: its facts.
        readings: its sources.
        question: the question, read as one.
        asked: the facts of the question.
        stretch_of: the sentence that a fact stands in.
        foreign: whether a sentence is not in English.
        told: what the calls that failed were and said, in lower case.
    """

    def __init__(
        self,
        answer: str,
        facts: Sequence[Fact],
        readings: Sequence[Reading],
        question: Reading,
        asked: Sequence[Fact],
        stretch_of: Callable[[Fact], Stretch],
        foreign: Callable[[Stretch], bool],
        told: Sequence[str],
    ) -> None:
        self._answer, self._facts, self._readings, self._question = answer, facts, readings, question
        self._stretch_of, self._foreign, self._told = stretch_of, foreign, told
        self._derivations = Derivations(answer, facts, readings, asked)
        self._falls: dict[int, bool] = {}
        self._sure: set[str] = set()
        self.doubts: list[str] = []

    def named(self, word: str) -> bool:
        """Whether a source has a capitalised word as a name."""
        return any(reading.page.names(word) for reading in self._readings)

    def place(self, fact: Fact) -> GroundedFact | None:
        """The fact with its source, or without one where it is surely in none; `None` where it needs none, such as a
        tool's name in a report on the run, or is doubted."""
        stretch = self._stretch_of(fact)
        if excused(fact, stretch):
            return None
        found = self._value(fact) if fact.kind in ("number", "date", "time") else self._wording(fact)
        if found.source is not None or found.problem in self._sure:
            return found
        if (fact.kind == "name" and self._foreign(stretch)) or subject_of(stretch.text) is not None:
            return None  # what is said not to be found need not be there
        doubt = self._derivations.doubt(fact)
        if not doubt and (may_stand(fact, self._readings, self._foreign(stretch)) or self._is_told(fact)):
            doubt = found.problem
        if not doubt and found.problem.endswith(TURNED):
            doubt = found.problem
        if doubt:
            self.doubts.append(doubt)
            return None
        return found

    def _is_told(self, fact: Fact) -> bool:
        """Whether it stands in the message of a call that failed: of that an answer may speak."""
        return any(next(places(each, fact.text.lower()), None) is not None for each in self._told)

    def _value(self, fact: Fact) -> GroundedFact:
        stretch = self._stretch_of(fact)
        fell = self._fell(stretch) or self._fell_beside(fact, stretch)
        problem = ""
        matches = ((each, c) for each in self._readings for c in each.candidates(fact) if same(fact, c, fell=fell))
        for reading, candidate in islice(matches, MAX_EQUALS):
            problem = self._conflict(reading, candidate, fact, stretch)
            if not problem:
                return self._match(fact, reading, candidate)
        if problem:
            if changes(stretch.text):
                self._sure.add(problem)
            return ungrounded(fact, problem)
        for candidate in self._question.candidates(fact):
            if same(fact, candidate, fell=fell):
                return grounded(fact, self._question, (candidate.start, candidate.end))
        for reading in self._readings:
            place = reading.page.find_in_key(fact.text)
            if place is not None:
                return grounded(fact, reading, place)
        literal = self._wording(fact) if isinstance(fact.value, str) else None
        return literal or ungrounded(fact, f"the {fact.kind} {shortened(fact.text)} is in no source")

    def _fell(self, stretch: Stretch) -> bool:
        if stretch.start not in self._falls:
            self._falls[stretch.start] = direction(stretch.text) < 0
        return self._falls[stretch.start]

    def _fell_beside(self, fact: Fact, stretch: Stretch) -> bool:
        """Whether the part of a sentence around a number says that it fell: `A is up 3 % and B is down 2 %`."""
        before = stretch.text[: max(0, fact.start - stretch.start)]
        said = [each for each in words(_JOINT.split(before)[-1]) if each in RISE or each in FALL]
        return said[-1:] != [] and said[-1] in FALL  # the last one: a name may have another, as `Fjord Growth`

    def _match(self, fact: Fact, reading: Reading, candidate: Fact) -> GroundedFact:
        wrong = wrong_weekday(fact, candidate)
        if wrong:
            self._sure.add(wrong)
            return ungrounded(fact, wrong)
        if fact.unit and candidate.unit is None and not is_share(fact, candidate) and not self._unit_seen(fact.unit):
            self.doubts.append(f"the unit of {shortened(fact.text)} is in no source")
        return grounded(fact, reading, (candidate.start, candidate.end))

    def _unit_seen(self, unit: str) -> bool:
        spellings = UNIT_ALIASES.get(unit, (unit,))
        asked = () if unit in CURRENCIES else (self._question,)
        return any(reading.page.find(each) for each in spellings for reading in (*self._readings, *asked))

    def _conflict(self, reading: Reading, found: Fact, fact: Fact, stretch: Stretch) -> str:
        """Why a number that stands in a source went the other way there; empty where it did not."""
        if is_year(fact):
            return ""
        first, last = clause_around(stretch.text, fact.start - stretch.start, fact.end - stretch.start)
        if signed(direction(stretch.text[first:last]), fact) * reading.page.direction_at(found) < 0:
            return f"{shortened(fact.text)} {TURNED}"
        return ""

    def _wording(self, fact: Fact) -> GroundedFact:
        for reading in (*self._readings, self._question):
            place = place_of(fact, reading.page)
            if place is not None:
                return grounded(fact, reading, place)
        if fact.kind == "name" and fact.initial and " " in fact.text and not self.named(fact.text.split()[0]):
            return self._wording(without_first(fact))
        calendar = self._calendar(fact) if fact.kind == "name" else None
        return calendar or ungrounded(fact, f"the {fact.kind} {shortened(fact.text)} is in no source")

    def _calendar(self, fact: Fact) -> GroundedFact | None:
        """A weekday beside a date, or a month of a date: it follows from the date."""
        word = str(fact.value)
        if word in WEEKDAYS:
            dates = [
                each for each in self._facts if each.kind == "date" and 0 < each.start - fact.start < 14 + len(word)
            ]
            dated = self._value(dates[0]) if dates else None
            ok = dated is not None and dated.source is not None and dates[0].weekday == WEEKDAYS.index(word)
            return replace(unplaced(fact), source=dated.source, source_span=dated.source_span) if ok and dated else None
        for reading in (*self._readings, self._question) if word in MONTHS else ():
            for found in reading.moments.in_month(MONTHS.index(word) + 1):
                return grounded(fact, reading, (found.start, found.end))
        return None
