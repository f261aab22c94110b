"""Answers of the type that an agent's answers have."""

from __future__ import annotations

from ..policies.outcome import Verdict
from .ending import Answer
from .grounds import grounded
from .models.rules import Rules
from .output import Misfit, Output
from .run import Run

OUTPUT = "output"
"""What the check of the type is called in verdicts."""


def of_type(run: Run, output: Output, text: str, by: str, *, partial: bool = False) -> Answer:
    """A model's text as a value of the type, with its verdict; one that does not fit is refused.

    The embedded model writes no JSON: what it says is composed from the evidence either way.
    """
    if by == Rules.name:
        return composed_of_type(run, output)
    found = output.read(text, partial=partial)
    if isinstance(found, Misfit):
        verdict = Verdict.failed(OUTPUT, found.reason)
        if run.voice is not None:
            run.voice.answer(text, verdict)
        return Answer(text=text, verdict=verdict, by=by, misfit=found.reason)
    return Answer(text=output.write(found), verdict=_verdict(run, output, found), by=by, value=found, gap=partial)


def composed_of_type(run: Run, output: Output) -> Answer:
    """The value of the type that the evidence holds; where it holds none, an answer that says so."""
    found = output.composed(run.evidence)
    if isinstance(found, Misfit):
        verdict = Verdict.unsure(OUTPUT, found.reason)
        return Answer(text=f"There is no answer: {found.reason}.", verdict=verdict, composed=True, unanswered=True,
                      misfit=found.reason)  # fmt: skip
    verdict = _verdict(run, output, found)
    return Answer(text=output.write(found), verdict=verdict, composed=True, value=found)


def _verdict(run: Run, output: Output, value: object) -> Verdict:
    span = run.trace.verify("answer", verifier="grounding", node="answer")
    verdict = grounded(run, output.spoken(value), asked=output.fields).verdict
    span.end(verdict)
    if run.voice is not None:
        run.voice.answer(output.write(value), verdict)
    return verdict
