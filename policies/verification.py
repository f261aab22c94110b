"""What the checks of an answer say together, and whether a model is asked again after one refused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import InvalidPolicy
from .outcome import Verdict

MOST_RESAMPLES = 5
"""Answers that may be asked for again: further ones bring little (resampling limits, arXiv 2411.17501)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainSituation:
    """What is known when an answer was refused.

    Attributes:
        reason: why.
        resampled: how often the model was asked again so far.
        remaining: seconds to write another answer in; infinite where there is no deadline.
        expected: seconds an answer usually takes.
        embedded: whether the embedded model wrote it, which would say the same again.
        refusal: the limit that has no model call left; empty where none refuses.
        unfounded: whether it was refused for want of evidence, of which there is none: another one would be too.
    """

    reason: str
    resampled: int
    remaining: float
    expected: float
    embedded: bool = False
    refusal: str = ""
    unfounded: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Tell the model why, and ask once more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep the answer, marked as what it is."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Ask again where a check refused an answer and another one fits.

    Attributes:
        resamples: how often a model is asked again after its answer was refused, from 0 to 5. Default 1.
    """

    resamples: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.resamples <= MOST_RESAMPLES:
            raise InvalidPolicy(f"verification.resamples must be from 0 to {MOST_RESAMPLES}, got {self.resamples!r}")

    def again(self, s: AgainSituation) -> Again | Keep:
        """Whether the model is asked once more."""
        if s.embedded:
            return Keep("the embedded model would say the same again")
        if s.unfounded:
            return Keep("no tool has found anything that another answer could rest on")
        if s.resampled >= self.resamples:
            return Keep(f"it was asked {s.resampled} times more, verification.resamples={self.resamples}")
        if s.refusal:
            return Keep(s.refusal)
        if s.remaining < s.expected:
            return Keep(f"an answer takes about {s.expected:.2f} s and {max(0.0, s.remaining):.2f} s are left")
        return Again(f"the answer was refused ({s.reason}), and another one fits")


def together(grounding: Verdict, said: Sequence[tuple[Verdict, bool]]) -> Verdict:
    """The verdict of an answer, from the check against the evidence and what the product's verifiers said.

    Each comes with whether it vouches: it is a `Verdict` of the author's own, not a mere `True`, which only says that
    there is no objection.

    | evidence        | verifiers                       | together                   |
    |-----------------|---------------------------------|----------------------------|
    | fail            | not asked                       | fail                       |
    | pass or unsure  | one fails                       | fail, with its reason      |
    | pass            | none fails                      | pass                       |
    | unsure          | one passes and vouches          | pass, with its reason      |
    | unsure          | none does                       | unsure, as the evidence is |
    """
    if grounding.outcome == "fail":
        return grounding
    failed = next((verdict for verdict, _ in said if verdict.outcome == "fail"), None)
    if failed is not None:
        return failed
    vouching = next((verdict for verdict, vouches in said if vouches and verdict.outcome == "pass"), None)
    return vouching if grounding.outcome == "unsure" and vouching is not None else grounding
