"""The beginning of a run: what was asked is read, its limits become a deadline, and its live side is made."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..policies.budget import Budget
from ..policies.deadline import Deadline
from ..policies.errors import InvalidQuery
from ..policies.reserve import Plan, ReserveSituation
from ..tools.media.parts import Attachment
from ..tools.processes import refuse_unguarded
from ..tools.scope import ENCLOSING
from . import timing
from .attachments import Attachments, counts
from .conversation import Conversation
from .ladder import Ladder
from .query import Labels, Query, read_budget, read_metadata, read_query
from .run import Run
from .trace.spans import RunTrace
from .voice import Listener, Voice

if TYPE_CHECKING:
    from .agent import Agent
    from .resumption import Carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller asks of an agent, as `Agent.run` takes it."""

    query: Query
    budget: Budget | None = None
    metadata: Labels | None = None
    thread_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a run has to keep within.

    Attributes:
        budget: its limits, with what its files add.
        extra: seconds that its files add to the agent's own latency.
        started: when it begins, on its clock.
        deadline: the earlier of its own and an enclosing run's.
        latency: seconds until then; `None` is no deadline.
        reserve: what was known when it was planned how the run is to end.
        plan: what is kept back for that.
    """

    budget: Budget
    extra: float
    started: float
    deadline: Deadline
    latency: float | None
    reserve: ReserveSituation
    plan: Plan

    @classmethod
    def of(cls, agent: Agent, asked: Asked, files: Sequence[Attachment], carried: Carried | None, now: float) -> Bounds:
        """Those of a run that begins now. Files extend the agent's own latency, never one that the caller gave."""
        given, extra = read_budget(asked.budget), 0.0
        limits = agent.budget if given is None else given
        if files and given is None and limits.latency is not None:
            extra = agent.policy.media.extra(counts(files))
            limits = limits.replace(latency=limits.latency + extra)
        own = Deadline.after(now, limits.latency if carried is None else carried.left)
        deadline = own.earlier(ENCLOSING.get().deadline)
        latency = None if deadline.never else deadline.remaining(now)
        reserve, plan = timing.plan(agent.memory.history, agent.model, agent.policy.reserve, latency)
        return cls(
            budget=limits, extra=extra, started=now, deadline=deadline, latency=latency, reserve=reserve, plan=plan
        )


def begin(
    agent: Agent,
    asked: Asked,
    now: Callable[[], float] | None = None,
    emit: Listener | None = None,
    *,
    carried: Carried | None = None,
    suspends: bool | None = None,
) -> Run:
    """Begin a run.

    Args:
        agent: whose run it is.
        asked: what was asked.
        now: the run's clock; `None` is the running loop's.
        emit: told of each event; `None` where nobody listens.
        carried: what it takes over from a run that was suspended.
        suspends: whether a graph around it keeps its state; `None` where there is no such graph.

    Raises:
        InvalidQuery, InvalidBudget: what was asked is not what `Agent.run` takes.
    """
    refuse_unguarded()
    thread = _thread(agent, asked.thread_id) if suspends is None else ""
    text, files = read_query(asked.query, agent.policy)
    metadata = read_metadata(asked.metadata)
    now = now or asyncio.get_running_loop().time
    bounds = Bounds.of(agent, asked, files, carried, now())
    run = Run(
        query=text,
        media=Attachments.of(files) if files else None,
        budget=bounds.budget,
        policy=agent.policy,
        model=agent.model,
        toolbox=agent.toolbox,
        trace=agent._recorder.start_run(
            text,
            bounds.budget.replace(latency=bounds.latency),
            metadata,
            thread_id=asked.thread_id,
            reserve=bounds.plan.seconds,
            begun=bounds.started,
            clock=now,
        ),
        now=now,
        started=bounds.started,
        deadline=bounds.deadline,
        plan=bounds.plan,
        memory=agent.memory,
        instructions=agent._instructions,
        voice=None if emit is None else Voice(emit, lambda: now() - bounds.started),
        verifiers=agent.verifiers,
        tally=agent._tally,
        ladder=Ladder(agent.models),
        output=agent._output,
        scribe=agent._scribe,
        conversation=Conversation(
            thread_id=thread,
            named=asked.thread_id is not None,
            suspends=agent.resumable if suspends is None else suspends,
            approver=agent._approver,
            before=None if carried is None else carried.spent,
            origin="" if carried is None else carried.kept["run"],
        ),
    )
    _record(run.trace, bounds, len(files))
    if carried is not None:
        carried.hand_to(run)
    return run


def _record(trace: RunTrace, bounds: Bounds, files: int) -> None:
    trace.decision("reserve", bounds.plan.answer, bounds.plan.reason, bounds.reserve)
    if bounds.extra:
        reason = f"{files} attached files add {bounds.extra:g} s to the agent's own latency (media.extra_*)"
        trace.decision("media", "extend", reason, seconds=bounds.extra, files=files)


def _thread(agent: Agent, thread_id: str | None) -> str:
    """The thread of a run, which has one of its own where none is named; empty without a checkpointer."""
    if agent.resumable:
        return thread_id or uuid.uuid4().hex
    if thread_id is not None:
        raise InvalidQuery(
            f"thread_id={thread_id!r} needs a checkpointer; give the agent one: Agent(..., checkpointer=...)"
        )
    return ""
