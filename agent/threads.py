"""The threads of an agent's checkpointer: what waits for approval in them, and who takes it up."""

from __future__ import annotations

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


async def claim(graph: Graph, waiting: Waiting, thread_id: str) -> None:
    """Take up a suspended run, before anything of it goes on; only one process can.

    A checkpointer keeps the first write of a task, so whoever finds their own there is the one.

    Raises:
        InvalidThread: another one has taken it up.
    """
    saver, own = graph.checkpointer, uuid.uuid4().hex
    await saver.aput_writes(waiting.config, [(_CLAIM, own)], _CLAIM)  # type: ignore[union-attr]  # a thread has one
    stored = await saver.aget_tuple(waiting.config)  # type: ignore[union-attr]
    writes = () if stored is None else stored.pending_writes or ()
    if [value for task, _, value in writes if task == _CLAIM] != [own]:
        raise InvalidThread(
            f"thread_id={thread_id!r} is being resumed by somebody else; where that process has died, ask again under "
            "another thread_id: nothing that waited was called"
        )


def _waiting(snapshot: StateSnapshot) -> Waiting | None:
    kept = snapshot.values.get("suspended") if isinstance(snapshot.values, Mapping) else None
    if not kept or not snapshot.interrupts or snapshot.next != ("approve",):
        return None
    values: Any = snapshot.values
    return Waiting(kept=kept, state=values, interrupt=snapshot.interrupts[0].id, config=snapshot.config)
