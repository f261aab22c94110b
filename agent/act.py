"""The node that acts: the turn's calls, and the steps of its plans, side by side through the pipeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.approval import Ask
from ..policies.errors import InvalidThread
from ..policies.outcome import Skipped, Verdict
from ..policies.plan import CallPlan, Flaw
from ..policies.speculation import Begin, EarlySituation
from ..tools.call import Call, Evidence, PendingCall
from ..tools.landing import message_of
from ..tools.pipeline import rejected
from .approving import Asking, Replied, asked_of, refused, replied
from .conversation import LEASE
from .early import Started
from .events import CallStarted
from .judging import held, settle
from .models.base import CallDelta, CallMessage
from .plan import PlanRun, may_begin_early, plan_again, plan_of
from .plan_text import PLAN, takes_plans
from .replies import decided
from .run import Run, live
from .state import State, Suspended
from .suspension import pending_of, suspended


async def act(state: State, runtime: Runtime[Run]) -> Command[Literal["verify", "approve"]]:
    """Run every call of the last message at once; one that hangs costs only itself. Those that a person has to approve
    do not hold up the rest; where they are still to be answered, the run waits for that when the rest is done."""
    run = live(runtime)
    run.calls.early.taken = 0
    asked = [_call(message) for message in state["messages"][-1].get("calls", [])]
    if (kept := state.get("suspended")) is not None:
        begun = _go_on(run, asked, kept)
        return await _ended(run, [call for call in asked if call.id in begun], begun, kept)
    within = _within(run, asked)
    begun = {c.id: run.calls.begun.pop(c.id) if c.id in run.calls.begun else _start(run, c) for c in within}
    run.calls.stop()
    for started in begun.values():
        started.release()
    return await _ended(run, asked, begun, None)


async def _ended(
    run: Run, asked: list[Call], begun: Mapping[str, Started], kept: Suspended | None
) -> Command[Literal["verify", "approve"]]:
    """Wait for the calls, and take in what people have said meanwhile; the run is suspended for what they have not."""
    asking = {call.id: each for call in asked if isinstance(each := begun.get(call.id), (Asking, PlanRun))}
    gave = {call.id: await _gave(run, call, begun.get(call.id)) for call in asked if call.id not in asking}
    # From here on nothing but people is waited for, and what they hold up: that is not charged to a run that is
    # suspended for them.
    began, waiting = run.now(), list[PendingCall]()
    for call in asked:
        if (each := asking.get(call.id)) is not None:
            gave[call.id] = await _gave(run, call, each)
            waiting += each.open
            began = max(began, each.since)
    before = set() if kept is None else {each for ids in kept["gave"].values() for each in ids.values()}
    found = [item.to_dict() for call in asked for item in gave[call.id] if item.id not in before]
    if waiting:
        await settle(run)
        return Command(goto="approve", update={"evidence": found, "suspended": suspended(run, waiting, began)})
    over = {"evidence": found} if kept is None else {"evidence": found, "suspended": None}
    return Command(goto="verify", update=over)


async def _gave(run: Run, call: Call, started: Started | None) -> list[Evidence]:
    gave = {"": _surplus(run, call)} if started is None else await started.finish()
    if gave:
        run.calls.gave[call.id] = {step: item.id for step, item in gave.items()}
    return [*gave.values()]


def _go_on(run: Run, asked: list[Call], kept: Suspended) -> dict[str, Started]:
    """What goes on of a turn that has waited: calls that were approved are made, denied ones are refused, and plans go
    on with both. The rest of the turn was made before.

    Raises:
        InvalidThread: it took so long to come here that somebody else may have taken the run up.
    """
    if time.time() >= run.conversation.leased:
        raise InvalidThread(
            f"thread_id={run.conversation.thread_id!r} was taken up more than {LEASE:g} s ago, and may be resumed by "
            "somebody else since; nothing that waited was called here"
        )
    pending, since = {call.id: call for call in pending_of(kept)}, kept["asked_at"]
    replies = {
        call: Replied(pending=pending[call], reply=decided(reply), waited=max(0.0, time.time() - since))
        for call, reply in kept.get("replies", {}).items()
    }
    begun: dict[str, Started] = {}
    for call in asked:
        if call.id in replies:
            begun[call.id] = _Single(replied(run, call, replies[call.id], _begin))
        elif call.tool == PLAN and (steps := _of_plan(call, replies)):
            found = {item.id: item for item in run.evidence}
            had = {step: found[each] for step, each in run.calls.gave.get(call.id, {}).items() if each in found}
            begun[call.id] = PlanRun(run, call.id, plan_again(call), _begin, found=had, replies=steps)
    return begun


def _of_plan(call: Call, replies: Mapping[str, Replied]) -> dict[str, Replied]:
    """The replies to steps of a plan, by the steps' ids."""
    prefix = f"{call.id}."
    return {each.removeprefix(prefix): reply for each, reply in replies.items() if each.startswith(prefix)}


def begin_early(run: Run, call: Call) -> None:
    """Start a call whose arguments are complete while the model still writes, or what can be started of a plan, where
    that cannot change anything."""
    plan = plan_of(run, call)
    run.calls.early.taken += _width(plan)
    if isinstance(plan, CallPlan):
        _plan_run(run, call.id).grow(plan)
    elif isinstance(plan, Flaw):
        if call.id in run.calls.begun:
            run.calls.begun.pop(call.id).stop()
    elif call.malformed is None and (early := may_begin_early(run, call.tool)) is not None:
        run.calls.begun[call.id] = _Single(_begin(run, call, early))


def begin_partly(run: Run, delta: CallDelta) -> None:
    """Start what can be started of a plan that is still being written."""
    if delta.tool == PLAN and takes_plans(run) and run.speculation.eager:
        _plan_run(run, delta.id).write(delta.text)


def _plan_run(run: Run, call: str) -> PlanRun:
    """The plan of a call that is not complete yet, or whose turn is not."""
    begun = run.calls.begun.get(call)
    if not isinstance(begun, PlanRun):
        begun = run.calls.begun[call] = PlanRun(run, call, CallPlan(steps=()), _begin, held=True)
    return begun


class _Single:
    """A call that is under way."""

    def __init__(self, made: Awaitable[Evidence]) -> None:
        self._future = asyncio.ensure_future(made)

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
    if plan is None and run.asks and (question := asked_of(run, call)) is not None:
        if isinstance(question, Ask):
            return Asking(run, call, question, _begin)
        return _Single(_over(refused(run, call, question)))
    return _Single(_begin(run, call) if plan is None else _flawed(run, call, plan))


def _begin(run: Run, call: Call, early: EarlySituation | None = None) -> asyncio.Task[Evidence]:
    """Start a call, or take over what a failed turn had begun of the same; the run lets go of it at its end. `early` is
    what was known where it was decided to begin it before its turn was complete."""
    task = run.calls.early.find(call)
    if task is None:
        task = asyncio.get_running_loop().create_task(_one(run, call), name=f"shotclock call {call.tool}")
        run.own(task)
        if early is not None:
            run.calls.early.launch(call, task)
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
        run.voice.finished(evidence)
    return evidence


def _flawed(run: Run, call: Call, flaw: Flaw) -> asyncio.Future[Evidence]:
    """A plan that cannot be run: it costs no call, and the model is told what is wrong with it."""
    evidence = rejected(call, "InvalidPlan", flaw.message)
    run.evidence.append(evidence)
    return _over(evidence)


def _over(evidence: Evidence) -> asyncio.Future[Evidence]:
    """What there is to wait for of a call that was not made."""
    over: asyncio.Future[Evidence] = asyncio.get_running_loop().create_future()
    over.set_result(evidence)
    return over


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
