"""Calls that a person has to approve: asked for beside the rest of their turn, and made or refused when they answer."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import math
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from ..policies.approval import Ask, Unasked
from ..policies.errors import UsageError
from ..policies.outcome import Skipped, Verdict
from ..tools.call import Call, Evidence, PendingCall
from ..tools.isolation import in_time, spawn
from ..tools.landing import message_of
from ..tools.pipeline import APPROVAL
from ..tools.threads import ThreadPool
from .events import CallFinished
from .judging import held
from .replies import Approver, Decided, decided, read_replies
from .run import Run, live
from .state import State, Suspended
from .suspension import pending_of

UNASKED: Final = "unasked"
"""The verifier of a call that was refused without a person having denied it."""

_POOL: Final = ThreadPool(limit=32, name="approval")
"""Threads for plain functions that ask a person: they may well wait for a key to be pressed, and hold up no tool."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_POOL.forget)


async def approve(state: State, runtime: Runtime[Run]) -> Command[Literal["act"]]:
    """Interrupt the graph until a person has answered for every call that waits, and go on to make what they approved.

    Nothing but the interruption happens here, because the node runs from its start again when the run is resumed.
    """
    run, kept = live(runtime), state.get("suspended")
    assert kept is not None, "only a turn with calls that wait comes here"
    calls, problem = pending_of(kept), ""
    run.conversation.pending = calls
    while True:
        asked: dict[str, Any] = {"calls": kept["calls"]} | ({"problem": problem} if problem else {})
        replies = interrupt(asked)
        try:
            read = read_replies(replies, calls, run.toolbox)
        except UsageError as error:  # a graph around this one was resumed with something else: it is asked again
            problem = str(error)
        else:
            run.conversation.pending = ()
            return Command(goto="act", update={"suspended": Suspended(**{**kept, "replies": read})})


def asked_of(run: Run, call: Call) -> Ask | Unasked | None:
    """Whether a person has to approve the call, and can be asked; `None` where nobody has to."""
    tool = run.toolbox.get(call.tool)
    if tool is None or not run.approves(tool):
        return None
    return run.pipeline.question(call, denied=any(_denied(item, call) for item in run.evidence))


class Asking:
    """A call that a person has to approve, under way: they are asked, and it is made or refused.

    Args:
        run: the run it belongs to.
        call: the call.
        ask: why they are asked.
        make: makes a call, once it may be made.

    Attributes:
        pending: the call as it is put to a person.
        open: the same once nobody has answered; nothing before, and where somebody has.
        since: since when nothing but the person is waited for: always.
    """

    since = -math.inf

    def __init__(self, run: Run, call: Call, ask: Ask, make: Callable[[Run, Call], Awaitable[Evidence]]) -> None:
        self.pending = PendingCall(id=call.id, tool=call.tool, arguments=dict(call.arguments), reason=ask.reason)
        self.open: tuple[PendingCall, ...] = ()
        self._run = run
        self._call = call
        self._make = make
        self._task = asyncio.get_running_loop().create_task(self._answer(), name=f"shotclock approval {call.tool}")
        run.own(self._task)

    def release(self) -> None:
        """It waits for its person alone."""

    async def finish(self) -> dict[str, Evidence]:
        """What the call gave, or why it was not made; nothing where it is still to be answered."""
        found = await self._task
        if found is None:
            self.open = (self.pending,)
            return {}
        return {"": found}

    def stop(self) -> None:
        """Ask nobody any more."""
        self._task.cancel()

    async def _answer(self) -> Evidence | None:
        run, call = self._run, self._call
        if (kept_back := await held(run, call)) is not None:  # nobody is asked for what would be refused anyway
            run.evidence.append(kept_back)
            return kept_back
        if run.conversation.approver is None:
            return None
        began = run.now()
        reply = await _heard(run, run.conversation.approver, self.pending)
        if isinstance(reply, Unasked) and not run.conversation.suspends:
            return refused(run, call, reply)
        if isinstance(reply, Unasked):
            run.trace.decision("approval", "open", reply.reason, call=call.id, waited=run.now() - began)
            return None
        return await replied(
            run, call, Replied(pending=self.pending, reply=reply, waited=run.now() - began), self._make
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """A call as it was put to a person, what they said of it, and after how many seconds."""

    pending: PendingCall
    reply: Decided
    waited: float


async def replied(run: Run, call: Call, said: Replied, make: Callable[[Run, Call], Awaitable[Evidence]]) -> Evidence:
    """What becomes of a call to which a person has replied: it is made as it was put to them, or as they changed it."""
    reply, call = said.reply, replace(call, arguments=said.pending.arguments)
    run.trace.decision("approval", reply.choice, reply.reason, call=call.id, tool=call.tool, waited=said.waited)
    if reply.choice == "deny":
        return _unmade(run, call, reply.reason, APPROVAL)
    if reply.arguments is not None:
        run.conversation.edited[call.id] = json.dumps(dict(reply.arguments), ensure_ascii=False, default=str)
        call = replace(call, arguments=reply.arguments)
    return await make(run, replace(call, approved=True))


def refused(run: Run, call: Call, why: Unasked) -> Evidence:
    """A call that nobody was asked about: it is not made, and the model is told why."""
    return _unmade(run, call, why.reason, UNASKED)


def _unmade(run: Run, call: Call, reason: str, verifier: str) -> Evidence:
    evidence = Evidence(
        id=call.id,
        tool=call.tool,
        arguments=call.arguments,
        outcome=Skipped(APPROVAL, reason),
        content=f"{call.tool} was not called: {reason}.",
        verdict=Verdict.failed(verifier, reason),
        origin=call.tool,
    )
    run.evidence.append(evidence)
    run.warn(evidence.content)
    run.tell(CallFinished(evidence=evidence, at=run.elapsed))
    return evidence


def _denied(item: Evidence, call: Call) -> bool:
    """Whether it is the same call, and a person has denied it."""
    return item.verdict.verifier == APPROVAL and item.tool == call.tool and dict(item.arguments) == dict(call.arguments)


async def _heard(run: Run, approver: Approver, pending: PendingCall) -> Decided | Unasked:
    """What the product's function says, waited for as long as calls may run; else why it said nothing."""
    # That the run waits has to be kept in time, where it can.
    until = run.soft if run.conversation.suspends else run.last
    left = until.remaining(run.now())
    future = _begun(approver, pending)
    run.own(future)
    if not await in_time(future, None if until.never else left):
        return Unasked(f"it needs approval, and nobody had answered after {left:.2f} s")
    if (error := future.exception()) is not None:
        return Unasked(f"it needs approval, and asking for it failed: {type(error).__name__}: {message_of(error)}")
    return _understood(run, pending, future.result())


def _understood(run: Run, pending: PendingCall, reply: Any) -> Decided | Unasked:
    if reply is None:
        return Unasked("it needs approval, and whoever was asked left it open")
    try:
        return decided(read_replies({pending.id: reply}, (pending,), run.toolbox)[pending.id])
    except UsageError as error:
        return Unasked(f"it needs approval, and the answer could not be read: {error}")


def _begun(approver: Approver, pending: PendingCall) -> asyncio.Future[Any]:
    call = getattr(approver, "__call__", None)  # noqa: B004  # an object's method is wanted
    if inspect.iscoroutinefunction(approver) or inspect.iscoroutinefunction(call):
        return spawn(_awaited(approver, pending), "approval")
    return _POOL.run(functools.partial(approver, pending), owner=approver)


async def _awaited(approver: Any, pending: PendingCall) -> Any:
    try:
        return await approver(pending)
    except (SystemExit, KeyboardInterrupt) as error:  # in a task they would end the loop
        raise RuntimeError(type(error).__name__) from error
