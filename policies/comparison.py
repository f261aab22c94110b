"""One answer beside its sources: where each fact stands, and which source carries each sentence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from .absence import Absence, Searches
from .actions import WRITING, acts, claimed, is_asked, is_mine, is_own, shows, speaks_of, told
from .binding import Binder
from .claims import Claim
from .contradiction import alike, flipped
from .denials import parted
from .extremes import exaggeration, wrong_end
from .facts import extract
from .figures import Wanted
from .findings import is_lone, shortened
from .grounded import GroundedFact, Problem, Sentence
from .notation import englished
from .opposites import trend, turned
from .order import reversal
from .pages import trimmed
from .passages import Reading, Source
from .placing import QUESTION, Placing
from .polarity import denial
from .postings import Postings, members, most
from .quantities import small_wholes
from .rows import mixed
from .sections import misfiled
from .senses import sense
from .sentences import Stretch, foreign, is_english, split, stems, without_report, words
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
"""Records that cover a sentence equally well, which are looked at one after the other."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence's standing: carried, not carried for a reason, or neither (nothing in it to check)."""

    carried: bool = False
    failure: Sentence | None = None


class Comparison:
    """One answer beside its sources: everything that is read once and asked often."""

    def __init__(self, answer: str, question: str, sources: Sequence[Source], doubts: str = "") -> None:
        self._is_foreign = foreign(answer)
        self.answer = answer = englished(answer) if self._is_foreign else answer
        facts = extract(answer)
        self.more_facts = len(facts) > MAX_FACTS
        facts = facts[:MAX_FACTS]
        self.stretches = [part for each in split(answer) for part in parted(each)]
        self._starts = [stretch.start for stretch in self.stretches]
        wanted, small = Wanted(facts), small_wholes(facts)
        self.readings = _read([each for each in sources if each.gave == "result"], wanted, small)
        self.question = Reading(Source(QUESTION, question), wanted, small, MAX_ANSWER)
        self._pages = [reading.page for reading in self.readings]
        self._stems = frozenset(stems(answer))
        self.asked = frozenset(stems(question[:MAX_ANSWER]))
        asked = extract(question[:MAX_ANSWER])
        surely = {fact.text for fact in (*facts, *asked) if fact.kind == "name" and not fact.initial}
        told = [each.text[:MAX_ANSWER].lower() for each in sources if each.gave == "failure"]
        self.placing = Placing(answer, facts, self.readings, self.question, asked, self.stretch_of, self.foreign, told)
        self.facts = [
            fact for fact in facts if not is_lone(fact) or fact.text in surely or self.placing.named(fact.text)
        ]
        self.asked_senses = frozenset(map(sense, words(question[:MAX_ANSWER])))
        self.doubts = self.placing.doubts
        self._binder = Binder(answer, self.facts, self.readings, question[:MAX_ANSWER])
        self._searches = Searches(question[:MAX_ANSWER], self._binder.scenes, sources, doubts)
        self.denying: set[int] = set()

    def stretch_of(self, fact: Fact) -> Stretch:
        """The sentence of the answer that a fact stands in."""
        return trimmed(self.stretches[max(0, bisect_right(self._starts, fact.start) - 1)], fact.start)

    def foreign(self, stretch: Stretch) -> bool:
        """Whether a sentence is not in English: by itself, or as a part of an answer that is not."""
        return foreign(stretch.text) or (self._is_foreign and not is_english(stretch.text))

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
            denied = disowned(self._binder, claim) or denial(self._binder, stretch)
            if denied is not None and denied.sure and not self.foreign(stretch):
                return _failure(stretch, 0.0, "contradicted", denied.reason)
            if denied is not None:
                self.doubts.append(denied.reason)
            if not self.doubts and (unbound := self._unbound(stretch, claim)):
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

    def _unbound(self, stretch: Stretch, claim: Claim) -> str:
        """Why what a sentence says together does not stand together; one reason is enough to leave an answer open."""
        return (
            self._binder.doubt(stretch)
            or reversal(self._binder, claim)
            or exaggeration(self._binder, claim)
            or wrong_end(self._binder, claim)
            or misplaced(self._binder, claim)
            or opposed(self._binder, claim)
            or misfiled(self._binder, claim)
            or mixed(self._binder, claim)
            or trend(self._binder, claim)
            or turned(stretch.text, self._pages)
        )

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
        if unshown is not None and self._surely_undone(unshown, stretch):
            return _failure(stretch, 0.0, "claim", f"nothing shows that it was {unshown}")
        if unshown is not None:
            self.doubts.append(f"nothing shows that it was {unshown}")
            return None
        return Judged(carried=True) if actions else None

    def _surely_undone(self, action: str, stretch: Stretch) -> bool:
        """Whether an action that nothing shows can be none that a call did or the sources speak of in other words, and
        none that is done by writing the answer: `I have added the two amounts`."""
        if any(map(acts, self._pages)):
            return False
        if is_asked(action, self.asked):
            return True
        if is_mine(stretch.text):
            return action not in WRITING
        return is_own(stretch.text) and not self._spoken_of(action)

    def _spoken_of(self, action: str) -> bool:
        return any(speaks_of(page, action) for page in self._pages)

    def _shown(self, action: str, stretch: Stretch) -> bool:
        whole = stretch.text.strip(" .!").lower()
        return any(shows(page, action) or (" " in whole and page.find(whole)) for page in self._pages)

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
            sure: Problem = "contradicted" if alike(stretch.text, best[1].text) else "weak"
            return _failure(stretch, coverage, sure, f"a source says the opposite: {shortened(best[1].text, 120)}")
        if coverage >= CARRIED:
            return Judged(carried=True)
        if self.foreign(stretch):
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
