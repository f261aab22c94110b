"""A bare loop and bare LangGraph: what the same turns cost with nothing, and with only the graph, around them."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

from ..world.mind import Asked, Said
from .base import Peer, Wiring


async def _acted(wiring: Wiring, calls: tuple[Asked, ...]) -> list[Said]:
    """The results of a turn's calls, side by side."""
    results = await asyncio.gather(*(wiring.call(call.tool, **call.arguments) for call in calls))
    return [Said("tool", str(result), call_id=call.id) for call, result in zip(calls, results, strict=True)]


class Plain(Peer):
    """Ten lines of asyncio."""

    name = "asyncio"
    distribution = ""

    def build(self) -> None:
        """There is nothing to make."""

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Go through the turns."""
        said: list[Said] = [*(before or ()), Said("user", text)]
        async with asyncio.timeout(seconds):
            while True:
                turn = await self.wiring.ask(said, self.wiring.tools)
                said.append(Said("assistant", turn.text, turn.calls))
                if not turn.calls:
                    return turn.text, said
                said += await _acted(self.wiring, turn.calls)


class State(TypedDict):
    """What the graph's steps hand on."""

    said: list[Said]


class LangGraph(Peer):
    """The nodes of our graph with nothing in them but the calls of the model and of the tools."""

    name = "langgraph"
    distribution = "langgraph"

    def build(self) -> None:
        """The compiled graph."""
        from langgraph.graph import END, START, StateGraph
        from langgraph.types import Command

        async def reason(state: State) -> Command[str]:
            turn = await self.wiring.ask(state["said"], self.wiring.tools)
            said = [*state["said"], Said("assistant", turn.text, turn.calls)]
            return Command(goto="act" if turn.calls else "answer", update={"said": said})

        async def act(state: State) -> Command[str]:
            results = await _acted(self.wiring, state["said"][-1].calls)
            return Command(goto="verify", update={"said": [*state["said"], *results]})

        async def verify(state: State) -> Command[str]:
            return Command(goto="reason")

        async def answer(state: State) -> State:
            return state

        graph = StateGraph(State)
        for node in (reason, act, verify, answer):
            graph.add_node(node.__name__, node)  # type: ignore[type-var]
        graph.add_edge(START, "reason")
        graph.add_edge("answer", END)
        self._graph = graph.compile()

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the graph."""
        start: State = {"said": [*(before or ()), Said("user", text)]}
        state = await asyncio.wait_for(self._graph.ainvoke(start, {"recursion_limit": 1_000}), seconds)
        return state["said"][-1].text, state["said"]
