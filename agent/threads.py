"""The threads of an agent's checkpointer: what waits for approval in them, and who takes it up."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..policies.errors import InvalidThread
from .models.base import Message
from .state import State, Suspended

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import StateSnapshot

    from .graph import Graph

_CLAIM: Final = "shotclock-resume"
"""The task under whose name it is written that a suspended run was taken up: the graph has none of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A thread that waits for approval.

    Attributes:
        kept: the run that was suspended.
        state: the state it was suspended in.
        interrupt: the id of its interruption.
        config: the checkpoint that it stands at.
    """

    kept: Suspended
    state: State
    interrupt: str
    config: RunnableConfig

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

    A checkpointer keeps the first write of a task, so of all who write their own name only one finds it there. Who was
    interrupted before anything of the run went on may take it up once more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._going_on: set[str] = set()

    async def take(self, graph: Graph, waiting: Waiting, thread_id: str) -> None:
        """Take up a run, before anything of it goes on, until it is let go.

        Raises:
            InvalidThread: another one has taken it up.
        """
        with self._lock:
            mine = waiting.place not in self._going_on
            name = self._named(waiting.place)
            self._going_on.add(waiting.place)
        try:
            if mine and await _first(graph, waiting, name) == name:
                return
        except BaseException:
            self.let_go(waiting)
            raise
        if mine:
            self.let_go(waiting)
        raise InvalidThread(
            f"thread_id={thread_id!r} is being resumed by somebody else; where that process has died, ask again under "
            "another thread_id: nothing that waited was called"
        )

    def let_go(self, waiting: Waiting) -> None:
        """It goes on no longer."""
        with self._lock:
            self._going_on.discard(waiting.place)

    def _named(self, place: str) -> str:
        """One's own name for a run that was taken up; the lock is held."""
        if place not in self._names and len(self._names) >= MOST_NAMES:
            self._names.pop(next(iter(self._names)))
        return self._names.setdefault(place, uuid.uuid4().hex)


async def _first(graph: Graph, waiting: Waiting, name: str) -> str | None:
    """Write one's name down, and read whose stands there."""
    saver: Any = graph.checkpointer
    await saver.aput_writes(waiting.config, [(_CLAIM, name)], _CLAIM)
    stored = await saver.aget_tuple(waiting.config)
    writes = () if stored is None else stored.pending_writes or ()
    return next((value for task, _, value in writes if task == _CLAIM), None)


def _waiting(snapshot: StateSnapshot) -> Waiting | None:
    kept = snapshot.values.get("suspended") if isinstance(snapshot.values, Mapping) else None
    if not kept or not snapshot.interrupts or snapshot.next != ("approve",):
        return None
    values: Any = snapshot.values
    return Waiting(kept=kept, state=values, interrupt=snapshot.interrupts[0].id, config=snapshot.config)
