"""What the check of an answer finds: its facts with their sources, the sentences no source carries, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .outcome import Verdict
from .spans import FactKind

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


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a sentence says the opposite of a record, and whether it can mean no other one."""

    reason: str
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """What was found of an answer.

    Attributes:
        verdict: what follows.
        facts: every fact.
        sentences: the sentences that are not carried.
        vain: whether all it says is that something could not be found, and no search shows that it is not there.
    """

    verdict: Verdict
    facts: tuple[GroundedFact, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    vain: bool = False
