"""Shotclock, as a product would use it: tools that say that they only read, a check of results and of answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from shotclock import Agent, Answered, Budget, Policy, Result, Tool, Verdict
from shotclock.agent.models.base import (
    CallDelta,
    CallReady,
    Finish,
    ModelEvent,
    ModelRequest,
    Pace,
    Price,
    TextDelta,
    Usage,
)
from shotclock.policies.errors import ModelError
from shotclock.tools.call import Call

from ..mind import INPUT_USD, OUTPUT_USD, Asked, Done, Event, Piece, Ready, Refused, Said, Text, Wait
from ..stage import ABOUT, Reply, Stage, sound


class WorldModel:
    """The scripted model behind the protocol of this package."""

    name, provider = "world", "bench"

    def __init__(self, stage: Stage) -> None:
        self.price: Price | None = Price(input_per_million=INPUT_USD * 1e6, output_per_million=OUTPUT_USD * 1e6)
        self.pace = Pace()
        self._stage = stage

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """One call of the model."""
        messages = [_said(message) for message in request.messages]
        tools = {spec.name for spec in request.tools}
        piecewise = {spec.name for spec in request.tools if spec.piecewise}
        scene = self._stage.scene
        for event in scene.mind.respond(messages, tools, most_tokens=request.max_tokens):
            if isinstance(event, Wait):
                await asyncio.sleep(event.seconds * scene.scale)
            elif isinstance(event, Refused):
                raise ModelError("429 Too Many Requests", kind="status", status=429)
            elif not isinstance(event, Piece) or event.tool in piecewise:
                for each in _told(event):
                    yield each


def _said(message: Any) -> Said:
    calls = tuple(Asked(call["id"], call["tool"], call["arguments"]) for call in message.get("calls", ()))
    return Said(message["role"], message.get("content", ""), calls, message.get("call_id", ""))


def _told(event: Event) -> tuple[ModelEvent, ...]:
    match event:
        case Text(text=text):
            return (TextDelta(text),)
        case Piece(id=identity, tool=tool, text=text):
            return (CallDelta(identity, tool, text),)
        case Ready(call=call):
            return (CallReady(Call(id=call.id, tool=call.tool, arguments=call.arguments)),)
        case Done(reason=reason, input_tokens=sent, output_tokens=written):
            return (Usage(input_tokens=sent, output_tokens=written), Finish(reason=reason))
    return ()


class Ours:
    """An agent with the default policies, unless another is given.

    Args:
        stage: where it plays.
        name: what the report calls it.
        policy: its policies.
        retry: what its tools say of further attempts; `None` leaves it to the policy.
    """

    def __init__(
        self, stage: Stage, name: str = "ours", *, policy: Policy | None = None, retry: int | None = None
    ) -> None:
        self.name = name
        tools = [_tool(stage, each, retry) for each in stage.tools]
        self.agent = Agent(WorldModel(stage), tools, verify=[_auditor(stage)], policy=policy)
        self.result: Result | None = None
        """The last result, for those who look at single queries."""

    async def answer(self, stage: Stage, deadline: float) -> Reply:
        """Run the agent."""
        return self._reply(await self.agent.run(stage.scene.query.text, budget=_budget(stage, deadline)))

    def answer_sync(self, stage: Stage, deadline: float) -> Reply:
        """The same for a caller without an event loop."""
        return self._reply(self.agent.run_sync(stage.scene.query.text, budget=_budget(stage, deadline)))

    def _reply(self, result: Result) -> Reply:
        self.result = result
        return Reply(text=result.answer, verified=result.verified, detail=f"{result.status} {result.stop_reason}")


def _budget(stage: Stage, deadline: float) -> Budget:
    calls = stage.scene.query.calls
    return Budget(latency=deadline * stage.scale, tool_calls=calls, cost_usd=stage.cost_usd)


def _tool(stage: Stage, name: str, retry: int | None) -> Tool:
    async def look_up(key: str, field: str) -> Any:
        return await stage.scene.call(name, key, field)

    def is_sound(result: Any, arguments: dict[str, Any]) -> str | bool:
        return sound(result, arguments["key"], arguments["field"]) or True

    look_up.__doc__ = ABOUT
    return Tool(look_up, name, read_only=True, retry=retry, checks=[is_sound])


def _auditor(stage: Stage) -> Any:
    async def audit(answered: Answered) -> Verdict | str:
        """A second register confirms the values."""
        return await stage.scene.audit(answered.text) or Verdict.passed("audit", "the second register confirms it")

    return audit
