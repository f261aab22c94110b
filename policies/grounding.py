"""The check of an answer against its evidence: what in it stands in a source, and what does not.

`ground` reads texts and judges; it runs nothing, asks no model and takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from .comparison import CARRIED, FEW_WORDS, MAX_ANSWER, MAX_FACTS, MAX_SOURCE, WEAK, Comparison, Judged
from .grounded import GroundedFact, Grounding, Sentence
from .outcome import Verdict
from .passages import Source
from .placing import QUESTION

__all__ = [
    "CARRIED",
    "FEW_WORDS",
    "MAX_ANSWER",
    "MAX_FACTS",
    "MAX_SOURCE",
    "WEAK",
    "GroundedFact",
    "Grounding",
    "Sentence",
    "Source",
    "ground",
]


def ground(answer: str, *, question: str, sources: Sequence[Source], doubts: str = "") -> Grounding:
    """Check an answer against its evidence.

    1. Every number, date, time, quotation, URL, citation and proper name must stand in a source or in the question. A
       result of a calculation is a source like any other. What stands nowhere but may follow by one step of reckoning
       (a sum, a difference, a share, a unit, a span of time) is neither verified nor refused, and so is a name that may
       be another word for what a source has. Formats do not matter (`2,480` is `2480.0`, `twelve` is 12, `2:05 pm` is
       `14:05`, in German `2.480` is 2480), signs and units do: `42 km` is not grounded by `42 miles`. A number may be
       rounded to the decimals it shows if it shows two digits or more.
    2. What a sentence says together must stand together: each value and name is taken out of its sentence, and the
       rest must not fit another slot of the sources better (a sentence with the names it carries on, a table's row
       with its header, an object with its keys). `"paid": false`, `null` and 0 deny their key.
    3. A sentence's content words (stems, without stop words and the question's words) must be held by one source, at
       least `CARRIED` of them within a record and its neighbours. It is `weak` above `WEAK`, and unsupported below. It
       must not deny what the best record says, or say what that denies, or turn a rise into a fall.
    4. A claim that something was or is being done (`I have booked …`, `It is cancelled.`, `Done.`) takes a source that
       shows it. It is refused where no call does anything of the kind, and else left open.
    5. What is said not to be found (`The price could not be found.`, `There is no data on Oslo.`) fails where a source
       holds it, and is carried where a call that looked for it found nothing. Where such a call failed it is allowed
       and verifies nothing; where nothing shows that it was looked for, it is weak.
    6. Sentences that report on the run (`I could not finish search (timed out).`) are allowed and verify nothing.

    Args:
        answer: the answer as text.
        question: what was asked.
        sources: the usable evidence as texts, and what was looked for in vain.
        doubts: why another check refused values of the sources; what it names may be left out as not found.

    Returns:
        `fail` where it is sure: a fact is grounded nowhere and follows from nothing, a sentence says the opposite of a
        record that it alone can mean, or claims a deed where no call did any; `unsure` where a sentence is weakly
        covered or unsupported, a value or name stands with others in the sources, a fact may follow from them, a unit
        is in no source, all facts come from the question alone, there was nothing to check, or the answer was too long
        to be read whole; else `pass`. The score is the share of facts and sentences that are grounded. English is read
        whole; of other languages in Latin letters the numbers, dates, quotations and URLs are, and other scripts are
        compared by words or pairs of characters.
    """
    check = Comparison(answer[:MAX_ANSWER], question, sources, doubts)
    facts = [found for fact in check.facts if (found := check.placing.place(fact)) is not None]
    sentences = [check.sentence(stretch, facts) for stretch in check.stretches]
    whole = len(answer) <= MAX_ANSWER and not check.more_facts
    resting = [each for each in facts if check.rests(each)]
    grounding = _conclude(facts, resting, sentences, check.doubts, whole)
    stands = any(each.source not in (None, QUESTION) for each in resting) or any(each.carried for each in sentences)
    if check.answer != answer[:MAX_ANSWER]:
        grounding = _as_written(grounding, answer)
    return replace(grounding, vain=bool(check.denying) and not stands and grounding.verdict.outcome == "unsure")


def _as_written(grounding: Grounding, answer: str) -> Grounding:
    """What was found, in the answer's own notation of numbers and dates."""
    facts = tuple(replace(each, text=answer[slice(*each.span)]) for each in grounding.facts)
    sentences = tuple(replace(each, text=answer[slice(*each.span)]) for each in grounding.sentences)
    return replace(grounding, facts=facts, sentences=sentences)


def _conclude(
    facts: Sequence[GroundedFact],
    resting: Sequence[GroundedFact],
    judged: Sequence[Judged],
    doubts: Sequence[str],
    whole: bool,
) -> Grounding:
    failures = tuple(each.failure for each in judged if each.failure is not None)
    carried = sum(each.carried for each in judged)
    good = sum(fact.source is not None for fact in facts) + carried
    score = good / max(1, len(facts) + carried + len(failures))
    outcome, reason = _outcome(facts, resting, failures, carried, doubts, whole)
    verdict = Verdict(outcome=outcome, reason=reason, verifier="grounding", score=round(score, 3))
    return Grounding(verdict=verdict, facts=tuple(facts), sentences=failures)


def _outcome(
    facts: Sequence[GroundedFact],
    resting: Sequence[GroundedFact],
    failures: Sequence[Sentence],
    carried: int,
    doubts: Sequence[str],
    whole: bool,
) -> tuple[Literal["pass", "fail", "unsure"], str]:
    missing = next((fact for fact in facts if fact.source is None), None)
    wrong = next((each for each in failures if each.problem in ("contradicted", "claim")), None)
    if missing is not None or wrong is not None:
        return "fail", missing.problem if missing is not None else wrong.reason if wrong is not None else ""
    if not resting and not carried and not failures:
        return "unsure", doubts[0] if doubts else "nothing in the answer could be checked"
    if failures:
        return "unsure", failures[0].reason
    if not carried and all(fact.source == QUESTION for fact in resting):
        return "unsure", "everything the answer says is in the question, and no source bears it out"
    if doubts:
        return "unsure", doubts[0]
    if not whole:
        return (
            "unsure",
            f"the answer is too long to be checked whole (over {MAX_ANSWER} characters or {MAX_FACTS} facts)",
        )
    return "pass", f"all facts ({len(facts)}) and sentences ({carried}) stand in the sources"
