"""The check of an answer against its evidence: what in it stands in a source, and what does not.

`ground` reads texts and judges; it runs nothing, asks no model and takes a few milliseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from .facts import Fact, FactKind, extract, magnitudes, same, scan, scan_words
from .lexicon import MONTHS, UNIT_ALIASES, WEEKDAYS, stem
from .outcome import Verdict
from .passages import Reading, Source, Wanted, names_in
from .sentences import Stretch, action_claimed, denied, direction, foreign, split, stems, without_report

__all__ = ["CARRIED", "MAX_ANSWER", "MAX_FACTS", "MAX_SOURCE", "WEAK", "GroundedFact", "Grounding", "Sentence", "Source", "ground"]

MAX_ANSWER = 50_000
"""Characters of an answer that are read; a longer answer is at best `unsure`."""

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

QUESTION = "question"
"""What stands for a source's id where a fact is found in the question only."""

Problem = Literal["weak", "unsupported", "contradicted", "claim"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedFact:
    """A fact of the answer and where it was found.

    Attributes:
        kind: number, date, time, quotation, url, citation or name.
        text: as the answer writes it.
        span: where it stands in the answer, as (start, end) in characters.
        source: the id of the source that holds it, `question`, or `None` where nothing does.
        source_span: where it stands in that source's text; `None` where that is the source's origin, or nothing.
        problem: why it is not grounded; empty where it is.
    """

    kind: FactKind
    text: str
    span: tuple[int, int]
    source: str | None = None
    source_span: tuple[int, int] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of the answer that no source carries.

    Attributes:
        text: the sentence.
        span: where it stands in the answer, as (start, end) in characters.
        coverage: the share of its content words that the best source holds.
        problem: `weak` (covered in part), `unsupported`, `contradicted` (a source says the opposite) or `claim` (an
            action is said to be done and nothing shows it).
        reason: what is missing, in one sentence.
    """

    text: str
    span: tuple[int, int]
    coverage: float
    problem: Problem
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """What was found of an answer: the verdict, every fact, and the sentences that are not carried."""

    verdict: Verdict
    facts: tuple[GroundedFact, ...] = ()
    sentences: tuple[Sentence, ...] = ()


def ground(answer: str, *, question: str, sources: Sequence[Source]) -> Grounding:
    """Check an answer against its evidence.

    1. Every number, date, time, quotation, URL, citation and proper name must stand in a source or in the question. A
       result of a calculation is a source like any other; nothing is calculated here but percentages and weekdays.
       Formats do not matter (`2,480` is `2480.0`, `twelve` is 12, `2:05 pm` is `14:05`), signs and units do: `42 km` is
       not grounded by `42 miles`. A number may be rounded to the decimals it shows if it shows two digits or more.
    2. A number must not stand with another name: where the source's clause or record names somebody else and has
       another number for the answer's name, it fails.
    3. A sentence's content words (stems, without stop words and the question's words) must be held by one source, at
       least `CARRIED` of them within a record and its neighbours. It is `weak` above `WEAK`, and unsupported below. It
       must not deny what the best record says, or say what that denies, or turn a rise into a fall.
    4. A claim that something was done (`I have booked …`, `Done.`) takes a source that shows it.
    5. Sentences that report on the run (`I could not finish search (timed out).`) are allowed and verify nothing.

    Args:
        answer: the answer as text.
        question: what was asked.
        sources: the usable evidence as texts.

    Returns:
        `fail` where a fact is grounded nowhere, or a sentence is unsupported, contradicted or an unshown claim;
        `unsure` where a sentence is weakly covered, a unit is in no source, all facts come from the question alone,
        there was nothing to check, or the answer was too long to be read whole; else `pass`. The score is the share of
        facts and sentences that are grounded. English is read whole; of other languages in Latin letters the numbers,
        dates, quotations and URLs are, and other scripts are compared by words or pairs of characters.
    """
    check = _Check(answer[:MAX_ANSWER], question, sources)
    facts = [found for fact in check.facts if (found := check.fact(fact)) is not None]
    sentences = [check.sentence(stretch, facts) for stretch in check.stretches]
    whole = len(answer) <= MAX_ANSWER and not check.more_facts
    return _conclude(facts, sentences, check.doubts, whole)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A sentence's standing: carried, not carried for a reason, or neither (nothing in it to check)."""

    carried: bool = False
    failure: Sentence | None = None


class _Check:
    """One answer beside its sources: everything that is read once and asked often."""

    def __init__(self, answer: str, question: str, sources: Sequence[Source]) -> None:
        self.answer = answer
        facts = extract(answer)
        self.facts, self.more_facts = facts[:MAX_FACTS], len(facts) > MAX_FACTS
        self.stretches = list(split(answer))
        self._starts = [stretch.start for stretch in self.stretches]
        wanted = Wanted(frozenset(stems(answer)), _keeper(self.facts), _small(self.facts))
        self.readings = _read(sources, wanted)
        self.question = Reading(Source(QUESTION, question), wanted, MAX_SOURCE)
        self.asked = frozenset(stems(question))
        names = (*self.facts, *extract(question[:MAX_ANSWER]))
        self.known = frozenset(word for fact in names if fact.kind == "name" for word in str(fact.value).split())
        self.doubts: list[str] = []
        self._found_dates: dict[int, Fact] = {}

    def stretch_of(self, fact: Fact) -> Stretch:
        return self.stretches[max(0, bisect_right(self._starts, fact.start) - 1)]

    # -- facts ------------------------------------------------------------------------------------------------------

    def fact(self, fact: Fact) -> GroundedFact | None:
        """The fact with its source; `None` where it needs none, such as a tool's name in a report on the run."""
        stretch = self.stretch_of(fact)
        if _excused(fact, stretch):
            return None
        found = self._value(fact) if fact.kind in ("number", "date", "time") else self._wording(fact)
        if found.source is None and fact.kind == "name" and foreign(stretch.text):
            return None
        return found

    def _value(self, fact: Fact) -> GroundedFact:
        stretch = self.stretch_of(fact)
        fell = direction(stretch.text) < 0
        problem = ""
        for reading in self.readings:
            for candidate in reading.candidates(fact):
                if same(fact, candidate, fell=fell):
                    problem = self._conflict(reading, candidate, fact, stretch)
                    if not problem:
                        return self._match(fact, reading, candidate)
        if problem:
            return _ungrounded(fact, problem)
        for candidate in self.question.candidates(fact):
            if same(fact, candidate, fell=fell):
                return _grounded(fact, self.question, (candidate.start, candidate.end))
        literal = self._wording(fact) if isinstance(fact.value, str) else None
        return literal or _ungrounded(fact, f"the {fact.kind} {_cut(fact.text)} is in no source")

    def _match(self, fact: Fact, reading: Reading, candidate: Fact) -> GroundedFact:
        wrong = _wrong_weekday(fact, candidate)
        if wrong:
            return _ungrounded(fact, wrong)
        if fact.kind == "date":
            self._found_dates[fact.start] = candidate
        if fact.unit and candidate.unit is None and fact.value == candidate.value and not self._unit_seen(fact.unit):
            self.doubts.append(f"the unit of {_cut(fact.text)} is in no source")
        return _grounded(fact, reading, (candidate.start, candidate.end))

    def _unit_seen(self, unit: str) -> bool:
        spellings = UNIT_ALIASES.get(unit, (unit,))
        return any(reading.find(each) for each in spellings for reading in (*self.readings, self.question))

    def _conflict(self, reading: Reading, found: Fact, fact: Fact, stretch: Stretch) -> str:
        """Why a number that stands in a source stands there for something else; empty where it does not."""
        mine = self._names_beside(fact, stretch)
        theirs = reading.names_near(found, self.known) if mine else frozenset()
        if theirs and not mine & theirs and any(self._elsewhere(name, reading, found) for name in mine):
            names = f"{_cut(', '.join(sorted(theirs)))}, not with {_cut(', '.join(sorted(mine)))}"
            return f"the {fact.kind} {_cut(fact.text)} stands with {names}"
        before = self.answer[stretch.start : fact.start]
        return reading.mislabelled(found, before)

    def _names_beside(self, fact: Fact, stretch: Stretch) -> frozenset[str]:
        names = [each for each in self.facts if each.kind == "name" and stretch.start <= each.start < stretch.end]
        if not names:
            return frozenset()
        first, last = clause_around(stretch.text, fact.start - stretch.start, fact.end - stretch.start)
        near = [each for each in names if first <= each.start - stretch.start < last]
        return frozenset(word for each in near or names for word in names_in(each.text, self.known))

    def _elsewhere(self, name: str, reading: Reading, found: Fact) -> bool:
        """Whether a name has a number of its own in another record, or in another clause of the same one."""
        return any(each.numbered_apart(name, found if each is reading else None) for each in self.readings)

    def _wording(self, fact: Fact) -> GroundedFact:
        for reading in (*self.readings, self.question):
            place = _place(fact, reading)
            if place is not None:
                return _grounded(fact, reading, place)
        calendar = self._calendar(fact) if fact.kind == "name" else None
        return calendar or _ungrounded(fact, f"the {fact.kind} {_cut(fact.text)} is in no source")

    def _calendar(self, fact: Fact) -> GroundedFact | None:
        """A weekday beside a date, or a month of a date: it follows from the date."""
        word = str(fact.value)
        if word in WEEKDAYS:
            dates = [each for each in self.facts if each.kind == "date" and 0 < each.start - fact.start < 14 + len(word)]
            grounded = self._value(dates[0]) if dates else None
            ok = grounded is not None and grounded.source is not None and dates[0].weekday == WEEKDAYS.index(word)
            return replace(_from(fact), source=grounded.source, source_span=grounded.source_span) if ok and grounded else None
        for reading in (*self.readings, self.question) if word in MONTHS else ():
            for date_ in reading.moments:
                if date_.kind == "date" and isinstance(date_.value, tuple) and date_.value[1] == MONTHS.index(word) + 1:
                    return _grounded(fact, reading, (date_.start, date_.end))
        return None

    # -- sentences --------------------------------------------------------------------------------------------------

    def sentence(self, stretch: Stretch, facts: Sequence[GroundedFact]) -> _Judged:
        """Whether a sentence is carried, given the facts found in it."""
        inside = [fact for fact in facts if stretch.start <= fact.span[0] < stretch.end]
        rests = any(fact.source not in (None, QUESTION) for fact in inside)
        action = action_claimed(stretch.text)
        if action is not None:
            shown = any(reading.shows(action) for reading in self.readings)
            return _Judged(carried=True) if shown else _failure(stretch, 0.0, "claim", f"nothing shows that it was {action}")
        said = self._said(stretch, inside)
        if said is None or not (said or rests):
            return _Judged()
        needed = said - self.asked
        if not needed and not rests:
            needed = said
        return self._judge(stretch, needed, rests)

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

    def _judge(self, stretch: Stretch, needed: frozenset[str], rests: bool) -> _Judged:
        whole = frozenset(stems(stretch.text))
        coverage, best = self._best(stretch, needed, whole)
        if best is not None and coverage >= CARRIED and _flipped(stretch.text, best[1].text):
            return _failure(stretch, coverage, "contradicted", f"a source says the opposite: {_cut(best[1].text, 120)}")
        if coverage >= CARRIED:
            other = self._other_name(stretch, best, needed)
            return _failure(stretch, coverage, "weak", other) if other else _Judged(carried=True)
        if foreign(stretch.text):
            return _Judged(carried=rests)
        problem: Problem = "weak" if coverage >= WEAK or len(needed) < FEW_WORDS else "unsupported"
        return _failure(stretch, coverage, problem, f"no source says {_cut(stretch.text.strip(), 120)}")

    def _best(
        self, stretch: Stretch, needed: frozenset[str], whole: frozenset[str]
    ) -> tuple[float, tuple[Reading, Stretch] | None]:
        """The share of needed words in the best window, and its best record; of equals one that says no opposite."""
        top, best, flipped = (-1, 0), None, True
        for reading in self.readings:
            for window, own, record in zip(reading.windows, reading.stems, reading.records, strict=True):
                rank = (len(needed & window), len(whole & own))
                if rank > top or (rank == top and flipped):
                    if rank == top and rank[1] == 0:
                        continue
                    top, best = rank, (reading, record)
                    flipped = rank[1] > 0 and _flipped(stretch.text, record.text)
        return (top[0] / len(needed) if needed else 1.0) if best else 0.0, best if top[1] else None

    def _other_name(self, stretch: Stretch, best: tuple[Reading, Stretch] | None, needed: frozenset[str]) -> str:
        """Why what a sentence says of one name is said of another; empty where it is not."""
        mine = frozenset(
            word
            for fact in self.facts
            if fact.kind == "name" and stretch.start <= fact.start < stretch.end
            for word in names_in(fact.text, self.known)
        )
        if best is None or not mine or not needed:
            return ""
        reading, record = best
        theirs = reading.names_of_best_clause(record, needed, self.known)
        if not theirs or mine & theirs or not any(reading.find(name) for name in mine):
            return ""
        return f"a source says it of {_cut(', '.join(sorted(theirs)))}, not of {_cut(', '.join(sorted(mine)))}"


def _read(sources: Sequence[Source], wanted: Wanted) -> list[Reading]:
    left, readings = MAX_SOURCE, []
    for source in sources:
        if left <= 0:
            break
        readings.append(Reading(source, wanted, left))
        left -= len(source.text)
    return readings


def _keeper(facts: Sequence[Fact]) -> Callable[[float], bool]:
    """Whether a source's digits lie in an interval that a number of the answer allows."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(interval for fact in facts for interval in magnitudes(fact)):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    lows = [low for low, _ in merged]

    def keep(digits: float) -> bool:
        at = bisect_right(lows, digits) - 1
        return at >= 0 and digits <= merged[at][1]

    return keep


def _small(facts: Sequence[Fact]) -> frozenset[int]:
    values = (fact.value for fact in facts if isinstance(fact.value, Decimal))
    return frozenset(int(value) for value in values if 0 <= value <= 20 and value == value.to_integral_value())


def _excused(fact: Fact, stretch: Stretch) -> bool:
    """Names, and times it took, in a report on the run: they say nothing of the world."""
    rest = without_report(stretch.text)
    if rest is None or fact.start >= stretch.end - len(rest):
        return False
    return fact.kind in ("name", "quotation") or fact.unit in ("s", "ms", "minute")


def _place(fact: Fact, reading: Reading) -> tuple[int, int] | None:
    value = str(fact.value)
    if fact.kind == "quotation":
        return reading.find_quote(value)
    if fact.kind == "citation":
        return reading.find(value) or reading.find(value.replace(", page ", ", p. "))
    if fact.kind == "url":
        return reading.find_url(value)
    return _place_name(value, fact, reading)


def _place_name(value: str, fact: Fact, reading: Reading) -> tuple[int, int] | None:
    parts = value.split()
    place = reading.find(value) or (reading.find_together(parts) if len(parts) > 1 else None)
    if place is None and fact.initial and len(parts) > 1:
        return reading.find(" ".join(parts[1:])) or reading.find_together(parts[1:])
    return place


def _wrong_weekday(fact: Fact, candidate: Fact) -> str:
    if fact.weekday < 0 or not isinstance(candidate.value, tuple) or 0 in candidate.value:
        return ""
    try:
        weekday = date(*candidate.value).weekday()
    except ValueError:
        return f"the date {fact.text} does not exist"
    return "" if weekday == fact.weekday else f"{fact.text} is a {WEEKDAYS[weekday].title()}"


def _from(fact: Fact) -> GroundedFact:
    return GroundedFact(kind=fact.kind, text=fact.text, span=(fact.start, fact.end))


def _grounded(fact: Fact, reading: Reading, place: tuple[int, int]) -> GroundedFact:
    return replace(_from(fact), source=reading.id, source_span=reading.original(*place))


def _ungrounded(fact: Fact, problem: str) -> GroundedFact:
    return replace(_from(fact), problem=problem)


def _failure(stretch: Stretch, coverage: float, problem: Problem, reason: str) -> _Judged:
    text = stretch.text.strip()
    start = stretch.start + stretch.text.index(text)
    span = (start, start + len(text))
    return _Judged(failure=Sentence(text=text, span=span, coverage=round(coverage, 3), problem=problem, reason=reason))


def _flipped(answer: str, record: str) -> bool:
    """Whether one denies what the other says, or one speaks of a rise and the other of a fall."""
    if direction(answer) * direction(record) < 0:
        return True
    mine, theirs = denied(answer), denied(record)
    if not (mine or theirs) or mine & theirs:
        return False
    return bool((mine & frozenset(stems(record))) or (theirs & frozenset(stems(answer))))


def _cut(text: str, most: int = 60) -> str:
    text = " ".join(text[: 2 * most].split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _conclude(facts: Sequence[GroundedFact], judged: Sequence[_Judged], doubts: Sequence[str], whole: bool) -> Grounding:
    failures = tuple(each.failure for each in judged if each.failure is not None)
    carried = sum(each.carried for each in judged)
    good = sum(fact.source is not None for fact in facts) + carried
    score = good / max(1, len(facts) + carried + len(failures))
    outcome, reason = _outcome(facts, failures, carried, doubts, whole)
    verdict = Verdict(outcome=outcome, reason=reason, verifier="grounding", score=round(score, 3))
    return Grounding(verdict=verdict, facts=tuple(facts), sentences=failures)


def _outcome(
    facts: Sequence[GroundedFact], failures: Sequence[Sentence], carried: int, doubts: Sequence[str], whole: bool
) -> tuple[Literal["pass", "fail", "unsure"], str]:
    missing = next((fact for fact in facts if fact.source is None), None)
    wrong = next((each for each in failures if each.problem != "weak"), None)
    if missing is not None or wrong is not None:
        return "fail", missing.problem if missing is not None else wrong.reason if wrong is not None else ""
    if not facts and not carried and not failures:
        return "unsure", "nothing in the answer could be checked"
    if failures:
        return "unsure", failures[0].reason
    if not carried and all(fact.source == QUESTION for fact in facts):
        return "unsure", "everything the answer says is in the question, and no source bears it out"
    if doubts:
        return "unsure", doubts[0]
    if not whole:
        return "unsure", f"the answer is too long to be checked whole (over {MAX_ANSWER} characters or {MAX_FACTS} facts)"
    return "pass", f"{len(facts)} facts and {carried} sentences stand in the sources"
