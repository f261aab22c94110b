"""Going on with a run that was suspended for a person's approval."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph.types import Command

from ..policies.budget import Budget, Spend
from ..policies.deadline import Deadline
from ..policies.errors import InvalidBudget, InvalidThread
from ..tools.loops import LOOPS
from ..tools.processes import refuse_unguarded
from ..tools.scope import ENCLOSING
from .beginning import Asked, begin
from .events import Event
from .graph import config_of
from .query import Labels, read_budget, read_metadata, read_text
from .replies import Replies, read_replies
from .result import Result
from .run import Run
from .state import State, Suspended
from .streamed import streamed
from .supervisor import supervise, wait
from .suspension import budget_of, pending_of, raised, restore, spend_of
from .threads import Waiting, to_resume
from .voice import Listener

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from .agent import Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a run takes over from the one that was suspended.

    Attributes:
        kept: that run.
        state: the graph's state.
        budget: the limits on all that both spend.
        left: seconds from now on; `None` is no deadline.
        spent: what has been spent.
    """

    kept: Suspended
    state: State
    budget: Budget
    left: float | None
    spent: Spend

    @classmethod
    def of(cls, kept: Suspended, state: State, budget: Budget | None) -> Carried:
        """What was left then, or `budget` from now on."""
        spent = spend_of(kept)
        if budget is None:
            return cls(kept=kept, state=state, budget=budget_of(kept), left=kept["left"], spent=spent)
        return cls(kept=kept, state=state, budget=raised(budget, spent), left=budget.latency, spent=spent)

    def hand_to(self, run: Run) -> None:
        """Give the run what the other one knew, and record that it goes on with it."""
        restore(run, self.kept, self.state)
        waited = max(0.0, time.time() - self.kept["asked_at"])
        run.trace.decision("approval", "resume", f"it goes on with the run {self.kept['trace']}", waited=waited,
                           resumes=self.kept["trace"], left=self.left)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What a caller asks for who resumes a run; as `Agent.resume` takes it."""

    agent: Agent
    thread_id: str
    approve: Replies
    budget: Budget | None
    metadata: Labels | None

    async def run(self) -> Result:
        """Go on with it in the running loop."""
        now = asyncio.get_running_loop().time
        waiting, answer = await self._bounded(self._opened(), now)
        return await self._supervised(self._begun(waiting, now, None), waiting, answer)

    def run_sync(self, on_event: Listener | None = None) -> Result:
        """Go on with it on a loop thread."""
        with LOOPS.lent() as thread:
            opened = thread.submit(self._bounded(self._opened(), time.monotonic))
            try:
                waiting, answer = opened.result()
            except BaseException:
                opened.cancel()
                raise
            run = self._begun(waiting, time.monotonic, on_event)
            return wait(run, self._supervised(run, waiting, answer), thread)

    async def stream(self, tick: float | None) -> AsyncGenerator[Event, None]:
        """Go on with it, as an iterator of events with a budget tick every `tick` seconds."""
        now = asyncio.get_running_loop().time
        waiting, answer = await self._bounded(self._opened(), now)
        events = streamed(
            lambda emit: self._begun(waiting, now, emit), lambda run: self._supervised(run, waiting, answer), tick
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def _opened(self) -> tuple[Waiting, Command[Any]]:
        """What waits, once the answer to it is known to be one and nobody else has taken it up."""
        graph = self.agent.graph
        waiting = await to_resume(graph, self._config(), self.thread_id)
        replies = read_replies(self.approve, pending_of(waiting.kept), self.agent.toolbox)
        read_text(waiting.kept["query"], self.agent.policy)
        self._refuse_too_late(waiting.kept["left"])
        waiting = await self.agent.claims.take(graph, waiting, self.thread_id)
        return waiting, Command(resume={waiting.interrupt: replies})

    async def _bounded(self, opened: Coroutine[Any, Any, Any], now: Callable[[], float]) -> Any:
        """No longer than a run may take: a checkpointer that hangs holds up nobody for ever."""
        most = (self.budget or self.agent.budget).latency
        left = Deadline.after(now(), most).earlier(ENCLOSING.get().deadline).remaining(now())
        try:
            # Unlike wait_for, it loses no cancellation of the caller's.
            async with asyncio.timeout(None if math.isinf(left) else left):
                return await opened
        except TimeoutError:
            raise InvalidThread(
                f"thread_id={self.thread_id!r} could not be read within {left:g} s; nothing was called"
            ) from None

    def _refuse_too_late(self, left: float | None) -> None:
        """A run that was suspended with no time left could do nothing but say so, and its calls would be lost."""
        policy = self.agent.policy
        least = policy.reserve.compose + policy.reserve.margin + policy.admission.smallest
        if self.budget is None and left is not None and left <= least:
            raise InvalidBudget(
                f"the run had {left:.2f} s left when it was suspended, and a call with an answer needs {least:g} s; "
                "give it more: agent.resume(..., budget=Budget(latency=...))"
            )

    def _begun(self, waiting: Waiting, now: Callable[[], float], emit: Listener | None) -> Run:
        try:
            carried = Carried.of(waiting.kept, waiting.state, self.budget)
            asked = Asked(
                query=waiting.kept["query"], budget=carried.budget, metadata=self.metadata, thread_id=self.thread_id
            )
            run = begin(self.agent, asked, now, emit, carried=carried)
        except BaseException:
            self.agent.claims.let_go(waiting)
            raise
        run.conversation.leased = waiting.until
        return run

    async def _supervised(self, run: Run, waiting: Waiting, answer: Command[Any]) -> Result:
        try:
            return await supervise(run, self.agent.graph, self._config(), answer)
        finally:
            self.agent.claims.let_go(waiting)

    def _config(self) -> RunnableConfig:
        return config_of(self.agent.policy.limits.turns, self.thread_id)


def resumption(agent: Agent, thread_id: Any, approve: Replies, budget: Any, metadata: Any) -> Resumption:
    """What was asked for, read.

    Raises:
        InvalidThread: `thread_id` names none, or the agent has no checkpointer.
        InvalidBudget, InvalidQuery: `budget` or `metadata` is of another type.
    """
    refuse_unguarded()
    if not isinstance(thread_id, str) or not thread_id:
        raise InvalidThread(f"thread_id must be the text of result.thread_id, got {thread_id!r}")
    if not agent.resumable:
        raise InvalidThread("resume needs a checkpointer, which keeps what waits: Agent(..., checkpointer=...)")
    return Resumption(
        agent=agent,
        thread_id=thread_id,
        approve=approve,
        budget=read_budget(budget),
        metadata=read_metadata(metadata),
    )
