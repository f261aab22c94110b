"""The OpenAI Agents SDK with `max_turns`, timeouts of its tools and an outer timeout; its tracing is off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, FunctionTool, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from ..world.mind import Asked, Said
from ..world.stage import ABOUT
from .base import Peer, Wiring

_PLAIN = RunConfig(tracing_disabled=True)


class Scripted(Model):
    """The scripted model."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def get_response(  # type: ignore[override]  # what it does not look at is left open
        self, *, input: Any, tools: Any, **_: Any
    ) -> ModelResponse:
        """One call of the model."""
        turn = await self._wiring.ask(_said(input), [tool.name for tool in tools])
        output: list[Any] = [
            ResponseFunctionToolCall(
                arguments=json.dumps(call.arguments), call_id=call.id, name=call.tool, type="function_call"
            )
            for call in turn.calls
        ]
        if not output:
            text = ResponseOutputText(annotations=[], text=turn.text, type="output_text")
            output.append(
                ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")
            )
        tokens = turn.input_tokens + turn.output_tokens
        usage = Usage(1, input_tokens=turn.input_tokens, output_tokens=turn.output_tokens, total_tokens=tokens)
        return ModelResponse(output=output, usage=usage, response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """It is not asked for."""
        raise NotImplementedError("whole turns only")


def _said(items: str | list[Any]) -> list[Said]:
    return [Said("user", items)] if isinstance(items, str) else [_item(item) for item in items]


def _item(item: dict[str, Any]) -> Said:
    match item.get("type"):
        case "function_call":
            return Said("assistant", "", (Asked(item["call_id"], item["name"], json.loads(item["arguments"])),))
        case "function_call_output":
            return Said("tool", str(item["output"]), call_id=item["call_id"])
    content = item.get("content", "")
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return Said("assistant" if item.get("role") == "assistant" else "user", text)


class OpenAIAgents(Peer):
    """One agent."""

    name = "openai-agents"
    distribution = "openai-agents"
    ways = ({}, {"in_place": True})

    def build(self) -> None:
        """The agent with its tools."""
        tools: list[Any] = [self._tool(name) for name in self.wiring.tools]
        self._agent = Agent(name="bench", model=Scripted(self.wiring), tools=tools)

    def _tool(self, name: str) -> FunctionTool:
        async def look_up(key: str, field: str) -> str:
            return str(await self.wiring.call(name, key, field))

        timeout = self.limits.seconds[name] if self.limits else None
        return function_tool(look_up, name_override=name, description_override=ABOUT, timeout=timeout)

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the agent within an outer timeout; there is none of its own for a whole run, and no limit of calls."""
        said = [*(before or ()), {"role": "user", "content": text}]
        turns = self.limits.turns if self.limits else None
        running = Runner.run(self._agent, said, max_turns=turns, run_config=_PLAIN)
        result = await asyncio.wait_for(running, seconds)
        return str(result.final_output), result.to_input_list()
