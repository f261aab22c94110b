"""The Microsoft Agent Framework: its loop's limits of time and calls stop it in time for a last model call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    Content,
    FunctionInvocationContext,
    FunctionInvocationLayer,
    FunctionTool,
    Message,
    function_middleware,
)

from ..world.mind import Asked, Said
from ..world.stage import ABOUT
from .base import Peer, Wiring


class Scripted(FunctionInvocationLayer[Any], ChatMiddlewareLayer[Any], BaseChatClient[Any]):
    """The scripted model, in the layers that the framework's own clients are made of, without their telemetry."""

    def __init__(self, wiring: Wiring, configuration: Any = None) -> None:
        super().__init__(function_invocation_configuration=configuration)
        self._wiring = wiring

    async def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> ChatResponse[Any]:
        allowed = () if _mode(options.get("tool_choice")) == "none" else options.get("tools") or ()
        said = [each for message in messages for each in _said(message)]
        turn = await self._wiring.ask(said, [tool.name for tool in allowed])
        contents = [
            Content.from_function_call(call.id, call.tool, arguments=dict(call.arguments)) for call in turn.calls
        ]
        contents = contents or [Content.from_text(turn.text)]
        usage: Any = {
            "input_token_count": turn.input_tokens,
            "output_token_count": turn.output_tokens,
            "total_token_count": turn.input_tokens + turn.output_tokens,
        }
        return ChatResponse(messages=Message("assistant", contents), usage_details=usage)


def _mode(choice: Any) -> Any:
    return choice.get("mode") if isinstance(choice, Mapping) else choice


def _said(message: Message) -> list[Said]:
    results = [each for each in message.contents if each.type == "function_result"]
    if results:
        return [Said("tool", str(each.result or each.exception), call_id=each.call_id or "") for each in results]
    calls = tuple(
        Asked(each.call_id or "", each.name or "", each.parse_arguments() or {})
        for each in message.contents
        if each.type == "function_call"
    )
    return [Said("assistant" if message.role == "assistant" else "user", message.text, calls)]


class AgentFramework(Peer):
    """A client and an agent for each run, since the limits of time and calls are the client's."""

    name = "agent-framework"
    distribution = "agent-framework-core"
    clocks = (("agent_framework._tools", "perf_counter"),)
    ways = ({"reserve": 1.0}, {"reserve": 2.0}, {"reserve": 4.0})

    def build(self) -> None:
        """The tools, and the agent where it has no limits."""
        self._tools = [self._tool(name) for name in self.wiring.tools]
        self._bare = Agent(Scripted(self.wiring), tools=self._tools)

    def _tool(self, name: str) -> FunctionTool:
        async def look_up(key: str, field: str) -> Any:
            return await self.wiring.call(name, key, field)

        look_up.__annotations__ = {"key": str, "field": str, "return": Any}
        return FunctionTool(name=name, description=ABOUT, func=look_up)

    def _limited(self, seconds: float, calls: int | None) -> Agent[Any]:
        assert self.limits is not None
        configuration = {
            "max_iterations": self.limits.turns,
            "max_function_calls": calls,
            "max_duration_seconds": max(1e-6, seconds - self.limits.reserve),
            "max_consecutive_errors_per_request": self.limits.turns,
        }
        return Agent(Scripted(self.wiring, configuration), tools=self._tools, middleware=[self._retrying()])

    def _retrying(self) -> Any:
        """The middleware that its documentation has for retries."""
        limits = self.limits
        assert limits is not None

        @function_middleware
        async def retry(context: FunctionInvocationContext, call_next: Any) -> None:
            for attempt in range(limits.retries):
                try:
                    await call_next()
                except Exception:  # whatever a tool raises costs one attempt
                    await asyncio.sleep(limits.backoff * 2**attempt)
                else:
                    return
            await call_next()

        return retry

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the agent within an outer timeout: its own limit of time is looked at between turns only."""
        said = [*(before or ()), Message("user", [text])]
        agent = self._bare if self.limits is None or seconds is None else self._limited(seconds, calls)
        response = await asyncio.wait_for(agent.run(said), seconds)
        return response.text, [*said, *response.messages]
