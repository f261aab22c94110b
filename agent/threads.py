"""The threads of an agent's checkpointer: what waits for approval in them, and who takes it up."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ..policies.errors import InvalidThread
from .conversation import LEASE
from .models.base import Message
from .state import State, Suspended

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import StateSnapshot

    from .graph import Graph

_CLAIM: Final = "shotclock-resume"
"""The task under whose name it is written that a suspended run was taken up, with a number: the graph has none of that
name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A thread that waits for approval.

    Attributes:
        kept: the run that was suspended.
        state: the state it was suspended in.
        interrupt: the id of its interruption.
        config: the checkpoint that it stands at.
        until: until when it is left to who has taken it up, in seconds since 1970.
    """

    kept: Suspended
    state: State
    interrupt: str
    config: RunnableConfig
    until: float = math.inf

    @property
    def place(self) -> str:
        """The id of that checkpoint."""
        return str(self.config["configurable"]["checkpoint_id"])


MOST_NAMES: Final = 1_000
"""Runs that were taken up last whose names an agent remembers."""

UNKNOWN: Final = "The run ended before the result was there; whether the call had an effect is unknown."
"""What the model is told of calls that a run in the same thread left behind."""


async def waiting_in(graph: Graph, config: RunnableConfig) -> Waiting | None:
    """What waits for approval in a thread; `None` where nothing does."""
    return _waiting(await graph.aget_state(config))


async def to_resume(graph: Graph, config: RunnableConfig, thread_id: str) -> Waiting:
    """What waits in the thread that is to be resumed.

    Raises:
        InvalidThread: nothing does.
    """
    snapshot = await graph.aget_state(config)
    if not snapshot.values:
        raise InvalidThread(f"no run has the thread_id={thread_id!r}; take it from result.thread_id")
    found = _waiting(snapshot)
    if found is not None:
        return found
    if snapshot.values.get("suspended") is not None:
        raise InvalidThread(
            f"thread_id={thread_id!r} was answered already, and its run ended before the calls were done with; "
            "whether they had their effect is unknown: look there before you ask again"
        )
    raise InvalidThread(f"thread_id={thread_id!r} does not wait for approval; it may have been resumed already")


async def left_behind(graph: Graph, config: RunnableConfig, thread_id: str) -> list[Message]:
    """What is missing in a conversation whose last run was interrupted among its calls: endpoints refuse a call that
    has no result.

    Raises:
        InvalidThread: the conversation waits for approval.
    """
    snapshot = await graph.aget_state(config)
    found = _waiting(snapshot)
    if found is not None:
        calls = ", ".join(f"{call['id']} ({call['tool']})" for call in found.kept["calls"])
        raise InvalidThread(
            f"thread_id={thread_id!r} waits for approval of {calls}; answer with agent.resume({thread_id!r}, "
            "approve=...), where False denies them, or take another thread_id"
        )
    last: Message = (snapshot.values.get("messages") or [Message()])[-1]
    return [Message(role="tool", content=UNKNOWN, call_id=call["id"], tool=call["tool"])
            for call in last.get("calls", [])]  # fmt: skip


class Claims:
    """The suspended runs that an agent has taken up; safe to use from several threads.

    A checkpointer keeps the first write of a task, so of all who write their own name only one finds it there. It is
    theirs for `LEASE` seconds; whoever comes later writes under the next number. Who was interrupted before anything of
    the run went on may take it up once more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._going_on: set[str] = set()

    async def take(self, graph: Graph, waiting: Waiting, thread_id: str) -> Waiting:
        """Take up a run, before anything of it goes on, until it is let go; what waits, with until when it is ours.

        Raises:
            InvalidThread: another one has taken it up.
        """
        with self._lock:
            if waiting.place in self._going_on:
                raise InvalidThread(f"thread_id={thread_id!r} is being resumed already, by this agent")
            name = self._named(waiting.place)
            self._going_on.add(waiting.place)
        try:
            return replace(waiting, until=await _leased(graph, waiting, name, thread_id))
        except BaseException:
            self.let_go(waiting)
            raise

    def let_go(self, waiting: Waiting) -> None:
        """It goes on no longer."""
        with self._lock:
            self._going_on.discard(waiting.place)

    def _named(self, place: str) -> str:
        """One's own name for a run that was taken up; the lock is held."""
        if place not in self._names and len(self._names) >= MOST_NAMES:
            self._names.pop(next(iter(self._names)))
        return self._names.setdefault(place, uuid.uuid4().hex)


async def _leased(graph: Graph, waiting: Waiting, name: str, thread_id: str) -> float:
    """Write one's name down under the first number that is free; until when the run is one's own.

    Raises:
        InvalidThread: it is somebody else's.
    """
    number = 0
    while True:
        number, now = number + 1, time.time()
        holder, until = await _first(graph, waiting, f"{_CLAIM}-{number}", (name, now + LEASE))
        if (holder, until) == (name, now + LEASE):
            return until
        if holder != name and until > now:
            raise InvalidThread(
                f"thread_id={thread_id!r} is being resumed by somebody else, and nothing that waited was called here; "
                f"where that process has died, the thread can be resumed again in {math.ceil(until - now)} s"
            )


async def _first(graph: Graph, waiting: Waiting, task: str, mine: tuple[str, float]) -> tuple[str, float]:
    """Write one's name down, with the end of the lease, and read whose stands there."""
    saver: Any = graph.checkpointer
    await saver.aput_writes(waiting.config, [(_CLAIM, [*mine])], task)
    stored = await saver.aget_tuple(waiting.config)
    writes = () if stored is None else stored.pending_writes or ()
    kept = next((value for each, _, value in writes if each == task), None)
    if kept is None:
        raise InvalidThread("the checkpointer gave back nothing of what it was to keep (aput_writes), so it cannot be "
                            "told who resumes the thread; nothing was called")  # fmt: skip
    name, until = kept
    return str(name), float(until)


def _waiting(snapshot: StateSnapshot) -> Waiting | None:
    kept = snapshot.values.get("suspended") if isinstance(snapshot.values, Mapping) else None
    if not kept or not snapshot.interrupts or snapshot.next != ("approve",):
        return None
    values: Any = snapshot.values
    return Waiting(kept=kept, state=values, interrupt=snapshot.interrupts[0].id, config=snapshot.config)
