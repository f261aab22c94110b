"""What a result says of how its answer came about: its status and its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..policies.budget import Spend
from ..tools.call import Evidence
from .result import Status

if TYPE_CHECKING:
    from .run import Answer, Ending, Run


def status_of(run: Run, answer: Answer, ending: Ending) -> Status:
    """How the answer came about, in one word."""
    if run.waits:
        return "suspended"
    if answer.composed or run.model_failed:
        return "fallback"
    skipped = any(item.outcome.name in ("skipped", "timed_out", "cancelled") for item in run.evidence)
    if answer.unanswered or answer.gap or answer.verdict.outcome == "fail":
        return "partial"
    if skipped or _failed(run) or ending.stop_reason not in ("answered", "enough"):
        return "partial"
    return "complete"


def warnings_of(run: Run, answer: Answer, ending: Ending, spend: Spend) -> list[str]:
    """What the user should be told."""
    warnings = list(run.warnings)
    if run.waits:
        return [*warnings, *(f"{call.tool} waits for approval: {call.reason}." for call in run.pending)]
    if ending.stop_reason not in ("answered", "enough"):
        warnings.append(f"Reasoning ended early: {ending.reason}.")
    warnings += _of_the_answer(run, answer)
    warnings += [f"Nothing came of {item.tool}: {item.content}" for item in _failed(run)]
    if spend.cost_usd is None and run.budget.cost_usd is not None:
        warnings.append("cost_usd could not be enforced: the price of the model is unknown.")
    warnings += [
        f"The result of {e.tool} was cut to {len(e.content):,} characters." for e in run.evidence if e.truncated
    ]
    return warnings


def _of_the_answer(run: Run, answer: Answer) -> list[str]:
    """What is to be said of the answer itself."""
    if run.output is not None and (answer.misfit or answer.value is None):
        return [f"There is no answer of the type {run.output.name}: {answer.misfit or answer.verdict.reason}."]
    said = []
    if answer.composed and not answer.unanswered:
        said.append("The answer was put together from the evidence, without the model.")
    if answer.unanswered:
        said.append("The question was not answered.")
    elif answer.verdict.outcome != "pass":
        said.append(f"The answer is not verified: {answer.verdict.reason}.")
    return said


def _failed(run: Run) -> list[Evidence]:
    """The last failure of each tool that gave nothing usable; a call that was written wrongly is the model's."""
    gave = {item.tool for item in run.evidence if item.usable}
    failed = [e for e in run.evidence if e.outcome.name == "error" and e.verdict.verifier != "arguments"]
    return list({item.tool: item for item in failed if item.tool not in gave}.values())
