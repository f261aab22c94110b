"""Shotclock beside its peers: an agent with its default policies, and nobody who records traces."""

from __future__ import annotations

from typing import Any

from shotclock import Agent, Budget, Tool

from ..world.stage import ABOUT
from ..world.systems.ours import WorldModel
from .base import Peer
from .drill import DRILL, Drill


class _Stage:
    """Where the model finds the run it is in."""

    @property
    def scene(self) -> Drill:
        """The drill of the task that asks."""
        return DRILL.get()


class Ours(Peer):
    """One agent; it plays in the world as `systems/ours.py` has it, not here."""

    name = "ours"
    distribution = ""

    def build(self) -> None:
        """The agent with its tools."""
        model: Any = WorldModel(_Stage())  # type: ignore[arg-type]  # of a stage it has what is asked
        self._agent = Agent(model, [self._tool(name) for name in self.wiring.tools])

    def _tool(self, name: str) -> Tool:
        async def look_up(key: str, field: str) -> Any:
            return await self.wiring.call(name, key, field)

        look_up.__doc__ = ABOUT
        return Tool(look_up, name, read_only=True)

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the agent."""
        result = await self._agent.run(text, budget=Budget(latency=seconds, tool_calls=calls))
        return result.answer, None
