"""Strands Agents with `limits`, `cancel_signal`, retries of tools by its hooks, and an outer timeout."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from strands import Agent, tool
from strands.hooks import AfterToolCallEvent
from strands.models import Model

from ..world.mind import Asked, Said
from ..world.stage import ABOUT
from .base import Peer, Wiring


class Scripted(Model):
    """The scripted model."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def update_config(self, **_: Any) -> None:
        """It has no settings."""

    def get_config(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    def structured_output(self, *_: Any, **__: Any) -> Any:
        """It is not asked for."""
        raise NotImplementedError("texts only")

    async def stream(self, messages: Any, tool_specs: Any = None, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """One call of the model; its events come when the turn is whole."""
        said = [each for message in messages for each in _said(message)]
        turn = await self._wiring.ask(said, [spec["name"] for spec in tool_specs or ()])
        yield {"messageStart": {"role": "assistant"}}
        for call in turn.calls:
            yield {"contentBlockStart": {"start": {"toolUse": {"toolUseId": call.id, "name": call.tool}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(call.arguments)}}}}
            yield {"contentBlockStop": {}}
        if not turn.calls:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": turn.text}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if turn.calls else "end_turn"}}
        tokens = {"inputTokens": turn.input_tokens, "outputTokens": turn.output_tokens}
        usage = tokens | {"totalTokens": sum(tokens.values())}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 0}}}


def _said(message: Any) -> list[Said]:
    results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
    if results:
        return [Said("tool", str(result["content"]), call_id=result["toolUseId"]) for result in results]
    uses = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    calls = tuple(Asked(use["toolUseId"], use["name"], use["input"]) for use in uses)
    text = "".join(block.get("text", "") for block in message["content"])
    return [Said(message["role"], text, calls)]


class Strands(Peer):
    """An agent for each conversation, since it holds it."""

    name = "strands"
    distribution = "strands-agents"

    def build(self) -> None:
        """The model and the tools."""
        self._model = Scripted(self.wiring)
        self._tools = [self._tool(name) for name in self.wiring.tools]

    def _tool(self, name: str) -> Any:
        async def look_up(key: str, field: str) -> str:
            return str(await self.wiring.call(name, key, field))

        return tool(look_up, name=name, description=ABOUT)

    def _retrying(self) -> Any:
        tries: Counter[str] = Counter()
        limits = self.limits
        assert limits is not None

        async def retry(event: AfterToolCallEvent[Any]) -> None:
            use = event.tool_use["toolUseId"]
            if event.result["status"] == "error" and tries[use] < limits.retries:
                await asyncio.sleep(limits.backoff * 2 ** tries[use])
                tries[use] += 1
                event.retry = True

        return retry

    def _agent(self, said: list[Any]) -> Agent:
        hooks = [self._retrying()] if self.limits else []
        return Agent(
            self._model, messages=said, tools=self._tools, hooks=hooks, callback_handler=None, retry_strategy=None
        )

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the agent within an outer timeout as well, as the signal does not interrupt what goes on."""
        agent = self._agent(list(before or ()))
        if self.limits is None or seconds is None:
            return str(await agent.invoke_async(text)).strip(), agent.messages
        signal = threading.Event()
        timer = asyncio.get_running_loop().call_later(seconds, signal.set)
        try:
            running = agent.invoke_async(text, limits={"turns": self.limits.turns}, cancel_signal=signal)
            return str(await asyncio.wait_for(running, seconds)).strip(), agent.messages
        finally:
            timer.cancel()
