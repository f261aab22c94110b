"""What becomes of a run at its end: its result, with its status and its warnings."""

from __future__ import annotations

from ..policies.budget import Spend
from ..tools.call import Evidence
from .ending import Answer, Ending
from .kind import note
from .result import Result, Status
from .run import Run


def close(run: Run, answer: Answer) -> Result:
    """The result of the run with `answer`, made once; later calls, from any thread, return the same."""
    return run.conclude(lambda: _result(run, answer))


def _result(run: Run, answer: Answer) -> Result:
    elapsed = run.elapsed
    ending = run.ending or Ending(stop_reason="deadline", reason="the deadline came first")
    status = _status(run, answer, ending)
    spend = run.ledger.spend(elapsed)
    verified = answer.verdict.outcome == "pass"
    run.tick()
    _account_early(run, answer)
    if not run.conversation.waits:
        note(run, answer, ending.stop_reason)
    run.bring()
    run.trace.end_run(status, ending.stop_reason, verified, spend, answer=answer.text)
    if run.voice is not None:
        run.voice.end(answer.text)
    return Result(
        answer=answer.text if run.output is None else answer.value,
        model=answer.by,
        answered=not (answer.unanswered or answer.misfit),
        status=status,
        stop_reason=ending.stop_reason,
        verified=verified,
        verdict=answer.verdict,
        evidence=tuple(run.evidence),
        spend=spend,
        budget=run.budget,
        warnings=tuple(_warnings(run, answer, ending, spend)),
        elapsed=elapsed,
        trace_id=run.trace.trace_id,
        decided=run.trace.made,
        pending=run.conversation.waiting,
        thread_id=run.conversation.thread_id,
    )


def _account_early(run: Run, answer: Answer) -> None:
    """Say how what was begun early ended, where anything was."""
    used = run.calls.used()
    if answer.composed or run.handed_over is not None:  # such an answer is put together from whatever was found
        used |= {item.id for item in run.evidence if item.usable}
    counts = run.calls.early.counts(used)
    if counts.launched:
        reason = f"{counts.adopted} of {counts.launched} early starts were asked for in the end"
        run.trace.decision("speculation", "account", reason, launched=counts.launched, adopted=counts.adopted,
                           wasted=counts.wasted)  # fmt: skip


def _status(run: Run, answer: Answer, ending: Ending) -> Status:
    """How the answer came about, in one word."""
    if run.conversation.waits:
        return "suspended"
    if answer.composed or run.handed_over is not None:
        return "fallback"
    skipped = any(item.outcome.name in ("skipped", "timed_out", "cancelled") for item in run.evidence)
    if answer.unanswered or answer.gap or answer.verdict.outcome == "fail":
        return "partial"
    if skipped or _failed(run) or ending.stop_reason not in ("answered", "enough"):
        return "partial"
    return "complete"


def _warnings(run: Run, answer: Answer, ending: Ending, spend: Spend) -> list[str]:
    """What the user should be told."""
    warnings = list(run.warnings)
    if run.conversation.waits:
        return [*warnings, *(f"{call.tool} waits for approval: {call.reason}." for call in run.conversation.waiting)]
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
