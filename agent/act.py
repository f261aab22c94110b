"""The node that acts: the turn's calls, and the steps of its plans, side by side through the pipeline."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.outcome import Skipped, Verdict
from ..policies.plan import CallPlan, Flaw
from ..policies.speculation import Begin, EarlySituation
from ..tools.call import Call, Evidence
from ..tools.landing import message_of
from ..tools.pipeline import rejected
from .early import Started
from .events import CallFinished, CallStarted
from .judging import held
from .models.base import CallDelta, CallMessage
from .plan import PlanRun, may_begin_early, plan_of
from .plan_text import PLAN, takes_plans
from .run import Run
from .state import State


async def act(state: State, runtime: Runtime[Run]) -> Command[Literal["verify"]]:
    """Run every call of the last message at once; one that hangs costs only itself."""
    run = runtime.context
    run.early.taken = 0
    asked = [_call(message) for message in state["messages"][-1].get("calls", [])]
    within = _within(run, asked)
    begun = {c.id: run.begun.pop(c.id) if c.id in run.begun else _start(run, c) for c in within}
    _stop_rest(run)
    for started in begun.values():
        started.release()
    found: list[Evidence] = []
    for call in asked:
        gave = await begun[call.id].finish() if call.id in begun else {"": _surplus(run, call)}
        run.gave[call.id] = {step: item.id for step, item in gave.items()}
        found += gave.values()
    return Command(goto="verify", update={"evidence": [item.to_dict() for item in found]})


def begin_early(run: Run, call: Call) -> None:
    """Start a call whose arguments are complete while the model still writes, or what can be started of a plan, where
    that cannot change anything."""
    plan = plan_of(run, call)
    run.early.taken += _width(plan)
    if isinstance(plan, CallPlan):
        _plan_run(run, call.id).grow(plan)
    elif isinstance(plan, Flaw):
        if call.id in run.begun:
            run.begun.pop(call.id).stop()
    elif call.malformed is None and (early := may_begin_early(run, call.tool)) is not None:
        run.begun[call.id] = _Single(_begin(run, call, early))


def begin_partly(run: Run, delta: CallDelta) -> None:
    """Start what can be started of a plan that is still being written."""
    if delta.tool == PLAN and takes_plans(run) and run.speculation.eager:
        _plan_run(run, delta.id).write(delta.text)


def strand(run: Run) -> None:
    """The turn came to nothing: its plans begin no further step, and what was begun is there for who asks the same."""
    _stop_rest(run)
    run.early.strand(each for gave in run.gave.values() for each in gave.values())


def _stop_rest(run: Run) -> None:
    for begun in run.begun.values():
        begun.stop()
    run.begun.clear()


def _plan_run(run: Run, call: str) -> PlanRun:
    """The plan of a call that is not complete yet, or whose turn is not."""
    begun = run.begun.get(call)
    if not isinstance(begun, PlanRun):
        begun = run.begun[call] = PlanRun(run, call, CallPlan(steps=()), _begin, held=True)
    return begun


class _Single:
    """A call that is under way."""

    def __init__(self, future: asyncio.Future[Evidence]) -> None:
        self._future = future

    def release(self) -> None:
        """It waits for nothing."""

    async def finish(self) -> dict[str, Evidence]:
        return {"": await self._future}

    def stop(self) -> None:
        """There is nothing further to begin."""


def _start(run: Run, call: Call) -> Started:
    plan = plan_of(run, call)
    if isinstance(plan, CallPlan):
        return PlanRun(run, call.id, plan, _begin)
    return _Single(_begin(run, call) if plan is None else _refused(run, call, plan))


def _begin(run: Run, call: Call, early: EarlySituation | None = None) -> asyncio.Task[Evidence]:
    """Start a call, or take over what a failed turn had begun of the same; the run lets go of it at its end. `early` is
    what was known where it was decided to begin it before its turn was complete."""
    task = run.early.find(call)
    if task is None:
        task = asyncio.get_running_loop().create_task(_one(run, call), name=f"shotclock call {call.tool}")
        run.own(task)
        if early is not None:
            run.early.launch(call, task)
            run.trace.decision("eager", call.tool, Begin().reason, early, call=call.id)
    return task


async def _one(run: Run, call: Call) -> Evidence:
    if run.voice is not None:
        run.tell(CallStarted(call=call, at=run.elapsed))
    try:
        evidence = await held(run, call) or await run.pipeline.call(call)
    except Exception as error:  # a fault of ours costs this call, not its siblings, and is reported as one
        message = f"{call.tool} failed inside the pipeline: {message_of(error)}"
        # Not the arguments' fault: it is among what the run says that nothing came of.
        verdict = Verdict.failed("pipeline", message)
        evidence = replace(rejected(call, type(error).__name__, message), verdict=verdict)
    run.evidence.append(evidence)
    if isinstance(evidence.outcome, Skipped) and evidence.outcome.limit == "trust":
        run.warn(f"{call.tool} was not called: {evidence.outcome.reason}.")
    if run.voice is not None:
        run.tell(CallFinished(evidence=evidence, at=run.elapsed))
        run.voice.result(evidence)
    return evidence


def _refused(run: Run, call: Call, flaw: Flaw) -> asyncio.Future[Evidence]:
    """A plan that cannot be run: it costs no call, and the model is told what is wrong with it."""
    evidence = rejected(call, "InvalidPlan", flaw.message)
    run.evidence.append(evidence)
    refused: asyncio.Future[Evidence] = asyncio.get_running_loop().create_future()
    refused.set_result(evidence)
    return refused


def _within(run: Run, calls: list[Call]) -> list[Call]:
    """The calls, from the first on, that fit into `limits.parallel` together; a plan is as wide as it has steps."""
    width, kept = 0, []
    for call in calls:
        width += _width(plan_of(run, call))
        if width > run.policy.limits.parallel:
            break
        kept.append(call)
    return kept


def _width(plan: CallPlan | Flaw | None) -> int:
    return len(plan.steps) if isinstance(plan, CallPlan) else 1


def _surplus(run: Run, call: Call) -> Evidence:
    """More calls than one turn may have: skipped, and the model is told."""
    most = run.policy.limits.parallel
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
        id=message.get("key", message["id"]),
        tool=message["tool"],
        arguments=message["arguments"],
        malformed=message.get("malformed"),
    )
