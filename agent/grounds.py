"""An answer beside the run's evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

from ..policies.grounding import MAX_SOURCE, Grounding, Source, ground
from ..policies.outcome import Failed, Ok, Verdict
from ..tools.call import Evidence
from .accord import DISPUTE, disputed
from .models.compose import EMPTY
from .run import Run


def grounding_seconds(answer: int, evidence: int) -> float:
    """Seconds the check of so many characters of an answer against so many of evidence takes at most where none of it
    was read before; twice what an idle machine takes, as one that is busy does: 1,200 against 21,000 took 57 to 121 ms.
    One that does not fit is left out rather than late."""
    return 0.002 + evidence / 800_000 + answer / 16_000 * (1 + evidence / 200_000)


def grounded(run: Run, text: str, *, unanswered: bool = False, asked: str = "", doubts: str = "") -> Grounding:
    """What the check of an answer against the evidence finds; it is left out where it would come too late.

    Args:
        run: whose evidence it is.
        text: the answer.
        unanswered: whether it says that there is none.
        asked: what was asked for beside the question, such as the names of fields: the evidence need not hold them.
        doubts: what was said against an earlier answer.
    """
    if unanswered:
        return left_open("it says that the question was not answered")
    sources = [_source(item) for item in run.evidence]
    doubted = disputed(run.evidence)
    question = f"{run.query}\n{asked}" if asked else run.query
    left = run.deadline.remaining(run.now())
    size = min(MAX_SOURCE, sum(len(source.text) for source in sources if source.gave == "result"))
    if grounding_seconds(len(text), size) > left:
        return left_open(f"{left:.3f} s are too little to check it against {size:,} characters")
    found = ground(text, question=question, sources=sources, doubts=doubts)
    if run.media is not None and found.verdict.outcome == "fail" and (opaque := run.media.opaque):
        open_reason = f"it may rest on {opaque}, which no check here can read: {found.verdict.reason}"
        return replace(found, verdict=Verdict.unsure("grounding", open_reason))
    if found.verdict.outcome != "pass" or not doubted:
        return found
    ids = {item.id for item in doubted}
    without = ground(text, question=question, sources=[source for source in sources if source.id not in ids])
    if without.verdict.outcome == "pass":
        return found
    return replace(
        found, verdict=Verdict.unsure(DISPUTE, f"it rests on results that differ: {doubted[0].verdict.reason}")
    )


def left_open(reason: str) -> Grounding:
    """An answer of which the check says nothing, for a reason."""
    return Grounding(verdict=Verdict.unsure("grounding", reason))


def _source(item: Evidence) -> Source:
    """A call's result as the check reads it; of one that gave nothing usable what was asked for, and why it failed."""
    content = item.content if item.usable else _message(item)
    gave: Literal["result", "nothing", "failure"] = "result"
    if not item.usable:
        gave = "nothing" if isinstance(item.outcome, Ok) and item.verdict.verifier == EMPTY else "failure"
    return Source(id=item.id, text=_source_text(item.tool, item.arguments, content), origin=item.origin, gave=gave)


def _message(item: Evidence) -> str:
    """What a call that failed said of it; empty where its result is withheld for what it holds."""
    if isinstance(item.outcome, Failed):
        return item.outcome.message
    return item.content if item.verdict.verifier == "error_shape" else ""


def _source_text(tool: str, arguments: object, content: str) -> str:
    """A call as the check reads it: its name backs what is claimed done, its arguments say what the result is of."""
    return f"{tool} {json.dumps(arguments, ensure_ascii=False, default=str)}\n{content}"
