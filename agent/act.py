"""The node that acts: the turn's calls side by side through the pipeline."""

from __future__ import annotations

import asyncio
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.outcome import Skipped, Verdict
from ..tools.call import Call, Evidence
from ..tools.landing import message_of
from ..tools.pipeline import rejected
from .events import CallFinished, CallStarted
from .models.base import CallMessage
from .run import Run
from .state import State


async def act(state: State, runtime: Runtime[Run]) -> Command[Literal["verify"]]:
    """Run every call of the last message at once; one that hangs costs only itself."""
    run = runtime.context
    asked = state["messages"][-1].get("calls", [])
    calls = [_call(message) for message in asked]
    most = run.policy.limits.parallel
    tasks = [run.begun.pop(call.id) if call.id in run.begun else begin(run, call) for call in calls[:most]]
    evidence = [await task for task in tasks]
    evidence += [_surplus(run, call, most) for call in calls[most:]]
    return Command(goto="verify", update={"evidence": [item.to_dict() for item in evidence]})


def begin(run: Run, call: Call) -> asyncio.Task[Evidence]:
    """Start a call; the run lets go of it at its end."""
    task = asyncio.get_running_loop().create_task(_one(run, call), name=f"shotclock call {call.tool}")
    run.own(task)
    return task


def begin_early(run: Run, call: Call) -> None:
    """Start a call whose arguments are complete while the model still writes, where that cannot change anything."""
    tool = run.toolbox.get(call.tool)
    if tool is None or not tool.read_only or call.malformed is not None:
        return
    if len(run.begun) < run.policy.limits.parallel:
        run.begun[call.id] = begin(run, call)
        run.trace.decision("eager", call.tool, "it is read only and its arguments are complete", call=call.id)


async def _one(run: Run, call: Call) -> Evidence:
    run.tell(CallStarted(call=call, at=run.elapsed))
    try:
        evidence = await run.pipeline.call(call)
    except Exception as error:  # a fault of ours costs this call, not its siblings, and is reported as one
        evidence = rejected(call, type(error).__name__, f"{call.tool} failed inside the pipeline: {message_of(error)}")
    run.evidence.append(evidence)
    run.tell(CallFinished(evidence=evidence, at=run.elapsed))
    return evidence


def _surplus(run: Run, call: Call, most: int) -> Evidence:
    """More calls than one turn may have: skipped, and the model is told."""
    reason = f"limits.parallel={most} calls of one turn were taken; ask for it again"
    run.trace.decision("skip", call.tool, reason, call=call.id, limit="parallel", allowed=most)
    evidence = Evidence(
        id=call.id,
        tool=call.tool,
        arguments=call.arguments,
        outcome=Skipped("parallel", reason),
        content=f"{call.tool} was skipped: {reason}.",
        verdict=Verdict.failed("limits", reason),
    )
    run.evidence.append(evidence)
    return evidence


def _call(message: CallMessage) -> Call:
    return Call(
        id=message["id"],
        tool=message["tool"],
        arguments=message["arguments"],
        malformed=message.get("malformed"),
    )
