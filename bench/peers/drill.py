"""A model that asks for so many tools so many times and then answers, and tools that do nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..world.mind import Asked, Done, Event, Ready, Said, Text, Wait
from ..world.systems.client import Turn, think
from .base import Wiring

ANSWER = "All of it was looked up."
TOOL = "registry"
_NUMBERS = itertools.count()


@dataclass(slots=True)
class Drill:
    """One run: what the model does in it.

    Attributes:
        turns: how often it asks for tools.
        tools: calls it asks for each time.
        model_seconds: what a model call takes; without, it does not even wait.
        tool_seconds: what a tool takes, likewise.
        called: how many calls of tools there were.
    """

    turns: int
    tools: int
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    called: int = 0
    scale: float = field(default=1.0, init=False)
    _number: int = field(default_factory=_NUMBERS.__next__, init=False)

    @property
    def mind(self) -> Drill:
        """The model is the drill itself."""
        return self

    @property
    def scene(self) -> Drill:
        """Likewise the stage."""
        return self

    def respond(
        self, messages: Sequence[Said], tools: Collection[str], *, most_tokens: int | None = None
    ) -> Iterator[Event]:
        """One model call: it counts the calls that were made so far."""
        asked = sum(len(message.calls) for message in messages)
        if self.model_seconds:
            yield Wait(self.model_seconds)
        if asked >= self.turns * self.tools or not tools:
            yield Text(ANSWER)
            yield Done("stop", 100, 10)
            return
        for n in range(asked, asked + self.tools):
            # A key of its own: runs at the same time are no chance to ask a tool only once.
            yield Ready(Asked(f"call-{n}", TOOL, {"key": f"ID-{self._number}-{n}", "field": "berth"}))
        yield Done("tool_calls", 100, 10)

    async def call(self, tool: str, key: str, field: str) -> Any:
        """A tool."""
        self.called += 1
        if self.tool_seconds:
            await asyncio.sleep(self.tool_seconds)
        return "ok"


DRILL: ContextVar[Drill] = ContextVar("DRILL")
"""The run of the task that asks."""


async def ask(messages: Sequence[Said], tools: Collection[str]) -> Turn:
    """The model of the run."""
    return await think(DRILL.get(), messages, tools, 1.0)  # type: ignore[arg-type]  # of a mind it has what is asked


async def call(tool: str, key: str, field: str) -> Any:
    """The tool of the run."""
    return await DRILL.get().call(tool, key, field)


WIRING = Wiring(ask=ask, call=call, tools=(TOOL,))
