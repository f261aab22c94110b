"""One answer beside its sources: where each fact stands, and which source carries each sentence."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from .absence import Absence, Searches
from .actions import claimed, shows, speaks_of, told
from .binding import Binder
from .contradiction import flipped
from .denials import parted, subject_of
from .derivation import derived, is_year
from .extremes import exaggeration, wrong_end
from .facts import extract
from .figures import Wanted
from .findings import (
    excused,
    grounded,
    is_lone,
    is_share,
    place_of,
    shortened,
    ungrounded,
    unplaced,
    without_first,
    wrong_weekday,
)
from .grounded import GroundedFact, Problem, Sentence
from .lexicon import CURRENCIES, FALL, MONTHS, RISE, UNIT_ALIASES, WEEKDAYS
from .order import reversal
from .pages import signed, trimmed
from .passages import Reading, Source
from .polarity import denial
from .postings import Postings, members, most
from .quantities import same, small_wholes
from .sections import misfiled
from .senses import sense
from .sentences import (
    Stretch,
    clause_around,
    direction,
    foreign,
    split,
    stems,
    without_report,
    words,
)
from .spans import Fact
from .states import disowned, misplaced, opposed

MAX_ANSWER = 20_000
"""Characters of an answer, and of the question, that are read; a longer answer is at best `unsure`."""

MAX_SOURCE = 200_000
"""Characters of all sources together that are read, the first sources first; what is cut off grounds nothing."""

MAX_FACTS = 400
"""Facts of an answer that are looked up; an answer with more is at best `unsure`."""

CARRIED = 0.6
"""Least share of a sentence's content words that one source must hold, within a record and its neighbours."""

WEAK = 0.3
"""Share of content words below which a sentence counts as unsupported instead of weakly covered."""

FEW_WORDS = 3
"""A sentence with fewer content words than this is at worst weakly covered: a word or two may be a paraphrase."""

MAX_EQUALS = 20
"""Records that cover a sentence equally well, or places that hold a number, which are looked at one after the other."""

_JOINT = re.compile(r"[,;]\s|\s(?:and|but|while|whereas|although)\s")

QUESTION = "question"
"""What stands for a source's id where a fact is found in the question only."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence's standing: carried, not carried for a reason, or neither (nothing in it to check)."""

    carried: bool = False
    failure: Sentence | None = None


class Comparison:
    """One answer beside its sources: everything that is read once and asked often."""

    def __init__(self, answer: str, question: str, sources: Sequence[Source], doubts: str = "") -> None:
        self.answer = answer
        facts = extract(answer)
        self.more_facts = len(facts) > MAX_FACTS
        facts = facts[:MAX_FACTS]
        self.stretches = [part for each in split(answer) for part in parted(each)]
        self._starts = [stretch.start for stretch in self.stretches]
        wanted, small = Wanted(facts), small_wholes(facts)
        self.readings = _read([each for each in sources if each.gave == "result"], wanted, small)
        self.question = Reading(Source(QUESTION, question), wanted, small, MAX_ANSWER)
        self._stems = frozenset(stems(answer))
        self.asked = frozenset(stems(question[:MAX_ANSWER]))
        asked = [fact for fact in extract(question[:MAX_ANSWER]) if not fact.initial]
        surely = {fact.text for fact in (*facts, *asked) if fact.kind == "name" and not fact.initial}
        self.facts = [fact for fact in facts if not is_lone(fact) or fact.text in surely or self._named(fact.text)]
        self.asked_senses = frozenset(map(sense, words(question[:MAX_ANSWER])))
        self.doubts: list[str] = []
        self._binder = Binder(answer, self.facts, self.readings, question[:MAX_ANSWER])
        self._searches = Searches(question[:MAX_ANSWER], self._binder.scenes, sources, doubts)
        self._falls: dict[int, bool] = {}
        self.denying: set[int] = set()

    def _named(self, word: str) -> bool:
        return any(reading.page.names(word) for reading in self.readings)

    def stretch_of(self, fact: Fact) -> Stretch:
        """The sentence of the answer that a fact stands in."""
        return trimmed(self.stretches[max(0, bisect_right(self._starts, fact.start) - 1)], fact.start)

    # -- facts ------------------------------------------------------------------------------------------------------

    def fact(self, fact: Fact) -> GroundedFact | None:
        """The fact with its source; `None` where it needs none, such as a tool's name in a report on the run."""
        stretch = self.stretch_of(fact)
        if excused(fact, stretch):
            return None
        found = self._value(fact) if fact.kind in ("number", "date", "time") else self._wording(fact)
        if found.source is None and (doubt := derived(fact, self.answer, self.readings)):
            self.doubts.append(doubt)
            return None
        if found.source is None and (
            (fact.kind == "name" and foreign(stretch.text)) or subject_of(stretch.text) is not None
        ):
            return None  # what is said not to be found need not be there
        return found

    def _value(self, fact: Fact) -> GroundedFact:
        stretch = self.stretch_of(fact)
        fell = self._fell(stretch) or self._fell_beside(fact, stretch)
        problem = ""
        matches = ((each, c) for each in self.readings for c in each.candidates(fact) if same(fact, c, fell=fell))
        for reading, candidate in islice(matches, MAX_EQUALS):
            problem = self._conflict(reading, candidate, fact, stretch)
            if not problem:
                return self._match(fact, reading, candidate)
        if problem:
            return ungrounded(fact, problem)
        for candidate in self.question.candidates(fact):
            if same(fact, candidate, fell=fell):
                return grounded(fact, self.question, (candidate.start, candidate.end))
        for reading in self.readings:
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
            return ungrounded(fact, wrong)
        if fact.unit and candidate.unit is None and not is_share(fact, candidate) and not self._unit_seen(fact.unit):
            self.doubts.append(f"the unit of {shortened(fact.text)} is in no source")
        return grounded(fact, reading, (candidate.start, candidate.end))

    def _unit_seen(self, unit: str) -> bool:
        spellings = UNIT_ALIASES.get(unit, (unit,))
        asked = () if unit in CURRENCIES else (self.question,)
        return any(reading.page.find(each) for each in spellings for reading in (*self.readings, *asked))

    def _conflict(self, reading: Reading, found: Fact, fact: Fact, stretch: Stretch) -> str:
        """Why a number that stands in a source went the other way there; empty where it did not."""
        if is_year(fact):
            return ""
        first, last = clause_around(stretch.text, fact.start - stretch.start, fact.end - stretch.start)
        if signed(direction(stretch.text[first:last]), fact) * reading.page.direction_at(found) < 0:
            return f"{shortened(fact.text)} went the other way, or bounds the other side, in the evidence"
        return ""

    def _wording(self, fact: Fact) -> GroundedFact:
        for reading in (*self.readings, self.question):
            place = place_of(fact, reading.page)
            if place is not None:
                return grounded(fact, reading, place)
        if fact.kind == "name" and fact.initial and " " in fact.text and not self._named(fact.text.split()[0]):
            return self._wording(without_first(fact))
        calendar = self._calendar(fact) if fact.kind == "name" else None
        return calendar or ungrounded(fact, f"the {fact.kind} {shortened(fact.text)} is in no source")

    def _calendar(self, fact: Fact) -> GroundedFact | None:
        """A weekday beside a date, or a month of a date: it follows from the date."""
        word = str(fact.value)
        if word in WEEKDAYS:
            dates = [
                each for each in self.facts if each.kind == "date" and 0 < each.start - fact.start < 14 + len(word)
            ]
            dated = self._value(dates[0]) if dates else None
            ok = dated is not None and dated.source is not None and dates[0].weekday == WEEKDAYS.index(word)
            return replace(unplaced(fact), source=dated.source, source_span=dated.source_span) if ok and dated else None
        for reading in (*self.readings, self.question) if word in MONTHS else ():
            for found in reading.moments.in_month(MONTHS.index(word) + 1):
                return grounded(fact, reading, (found.start, found.end))
        return None

    # -- sentences --------------------------------------------------------------------------------------------------

    def sentence(self, stretch: Stretch, facts: Sequence[GroundedFact]) -> Judged:
        """Whether a sentence is carried, given the facts found in it."""
        inside = [fact for fact in facts if stretch.start <= fact.span[0] < stretch.end]
        absence = self._searches.judge(stretch.text)
        if absence is not None and absence.standing != "said":
            return self._denied(stretch, absence)
        rests = any(fact.source not in (None, QUESTION) for fact in inside)
        asked = next((fact for fact in inside if fact.kind == "name" and fact.source == QUESTION), None)
        if rests and asked is not None:
            self.doubts.append(f"{shortened(asked.text)} is in the question, but in no source")
        if without_report(stretch.text) != "":
            claim = self._binder.claim(stretch)
            denied = denial(self._binder, stretch) or disowned(self._binder, claim)
            if denied:
                return _failure(stretch, 0.0, "contradicted", denied)
            unbound = self._binder.doubt(stretch) or reversal(self._binder, claim) or exaggeration(self._binder, claim)
            unbound = unbound or wrong_end(self._binder, claim) or misplaced(self._binder, claim)
            unbound = unbound or opposed(self._binder, claim) or misfiled(self._binder, claim)
            if unbound:
                self.doubts.append(unbound)
        done = self._done(stretch)
        if done is not None:
            return done
        said = self._said(stretch, inside)
        if said is None or not (said or rests):
            return Judged()
        needed = said - self.asked
        if not needed and not rests:
            needed = said
        return self._judge(stretch, said, needed, rests)

    def _denied(self, stretch: Stretch, absence: Absence) -> Judged:
        """A sentence that says that something could not be found; its facts verify nothing."""
        self.denying.add(stretch.start)
        match absence.standing:
            case "held":
                return _failure(stretch, 0.0, "contradicted", absence.reason)
            case "absent":
                return Judged(carried=True)
            case "failed":
                return Judged()
        return _failure(stretch, 0.0, "weak", absence.reason)

    def rests(self, fact: GroundedFact) -> bool:
        """Whether a fact verifies something: not where it only says what could not be found."""
        at = max(0, bisect_right(self._starts, fact.span[0]) - 1)
        return not self.stretches or self.stretches[at].start not in self.denying

    def _done(self, stretch: Stretch) -> Judged | None:
        """A sentence that claims that something was done; `None` where it claims nothing of the kind."""
        actions = claimed(stretch.text)
        unshown = next((action for action in actions if not self._shown(action, stretch)), None)
        if unshown is None and not actions:
            strange = (each for each in told(stretch.text) if not self._shown(each, stretch))
            unshown = next((each for each in strange if not self._spoken_of(each)), None)
        if unshown is not None:
            return _failure(stretch, 0.0, "claim", f"nothing shows that it was {unshown}")
        return Judged(carried=True) if actions else None

    def _spoken_of(self, action: str) -> bool:
        return any(speaks_of(reading.page, action) for reading in self.readings)

    def _shown(self, action: str, stretch: Stretch) -> bool:
        whole = stretch.text.strip(" .!").lower()
        pages = [reading.page for reading in self.readings]
        return any(shows(page, action) or (" " in whole and page.find(whole)) for page in pages)

    def _said(self, stretch: Stretch, inside: Sequence[GroundedFact]) -> frozenset[str] | None:
        """The stems of what a sentence says beside its facts; `None` where it only reports on the run."""
        letters = list(stretch.text)
        for fact in inside:
            first, last = fact.span[0] - stretch.start, min(fact.span[1], stretch.end) - stretch.start
            letters[first:last] = " " * (last - first)
        rest = without_report("".join(letters))
        if rest == "":
            return None
        return frozenset(stems("".join(letters) if rest is None else rest))

    def _judge(self, stretch: Stretch, said: frozenset[str], needed: frozenset[str], rests: bool) -> Judged:
        coverage, best = self._best(stretch, said, needed)
        if coverage < CARRIED and rests:
            coverage = max(coverage, self._binder.covers(stretch, self.asked_senses))
        if best is not None and coverage >= CARRIED and self._opposite(stretch, *best):
            return _failure(
                stretch, coverage, "contradicted", f"a source says the opposite: {shortened(best[1].text, 120)}"
            )
        if coverage >= CARRIED:
            return Judged(carried=True)
        if foreign(stretch.text):
            return Judged(carried=rests)
        problem: Problem = "weak" if coverage >= WEAK or len(needed) < FEW_WORDS else "unsupported"
        return _failure(stretch, coverage, problem, f"no source says {shortened(stretch.text.strip(), 120)}")

    def _opposite(self, stretch: Stretch, reading: Reading, record: Stretch) -> bool:
        """Whether a sentence denies what a sentence of a source says; of data the flags have been asked."""
        is_table = record.text.lstrip().startswith("|")  # the header of one too, which is no row
        return not (is_table or self._binder.is_data(reading, record.start)) and flipped(stretch.text, record.text)

    def _best(
        self, stretch: Stretch, said: frozenset[str], needed: frozenset[str]
    ) -> tuple[float, tuple[Reading, Stretch] | None]:
        """The share of needed words in the best window, and its best record; of equals one that says no opposite."""
        top, equals = (-1, 0, 0), list[tuple[Reading, Stretch]]()
        asked = [each & self._stems for each in (needed, said, frozenset(stems(stretch.text)))]
        for reading in self.readings:
            rank, records = _closest(reading.page.postings, *asked)
            if records and rank >= top:
                best = islice(members(records), MAX_EQUALS if rank[2] else 1)
                found = [(reading, reading.page.records[at]) for at in best]
                equals = found if rank > top else [*equals, *found][: MAX_EQUALS if rank[2] else 1]
                top = rank
        if not equals:
            return 0.0, None
        coverage = top[0] / len(needed) if needed else 1.0
        agreeing = (each for each in equals if not self._opposite(stretch, *each))
        return coverage, next(agreeing, equals[0]) if top[2] else None


def _closest(
    postings: Postings, needed: frozenset[str], said: frozenset[str], whole: frozenset[str]
) -> tuple[tuple[int, int, int], int]:
    """How many of the needed words the best records and their neighbours hold, how many of what is said and of the
    whole sentence they hold themselves, and which records those are."""
    held, records = most(map(postings.near, needed), postings.all)
    told, records = most(map(postings.holding, said), records)
    shared, records = most(map(postings.holding, whole), records)
    return (held, told, shared), records


def _read(sources: Sequence[Source], wanted: Wanted, small: Sequence[int]) -> list[Reading]:
    left, readings = MAX_SOURCE, []
    for source in sources:
        if left <= 0:
            break
        readings.append(Reading(source, wanted, small, left))
        left -= len(source.text)
    return readings


def _failure(stretch: Stretch, coverage: float, problem: Problem, reason: str) -> Judged:
    text = stretch.text.strip()
    start = stretch.start + stretch.text.index(text)
    span = (start, start + len(text))
    return Judged(failure=Sentence(text=text, span=span, coverage=round(coverage, 3), problem=problem, reason=reason))
