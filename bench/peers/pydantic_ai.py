"""Pydantic AI with `run(timeout=)`, `UsageLimits` and timeouts and retries of its tools, which ask the model again."""

from __future__ import annotations

from typing import Any

from pydantic_ai import Agent, ModelRetry, Tool, UsageLimits
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage

from ..world.mind import ASKS, Asked, Said
from ..world.stage import ABOUT
from .base import Peer, Wiring


class Scripted(Model):
    """The scripted model."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__()
        self._wiring = wiring

    @property
    def model_name(self) -> str:
        """What it is called."""
        return "scripted"

    @property
    def system(self) -> str:
        """Who provides it."""
        return "bench"

    async def request(self, messages: list[ModelMessage], model_settings: Any, parameters: Any) -> ModelResponse:
        """One call of the model."""
        model_settings, parameters = self.prepare_request(model_settings, parameters)
        said = [each for message in messages for each in _said(message)]
        turn = await self._wiring.ask(said, [tool.name for tool in parameters.function_tools])
        parts: list[Any] = [ToolCallPart(call.tool, dict(call.arguments), call.id) for call in turn.calls]
        usage = RequestUsage(input_tokens=turn.input_tokens, output_tokens=turn.output_tokens)
        return ModelResponse(parts=parts or [TextPart(turn.text)], usage=usage, model_name=self.model_name)


def _said(message: ModelMessage) -> list[Said]:
    if isinstance(message, ModelResponse):
        calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
        asked = tuple(Asked(call.tool_call_id, call.tool_name, call.args_as_dict()) for call in calls)
        return [Said("assistant", message.text or "", asked)]
    return [_part(part) for part in message.parts]


def _part(part: Any) -> Said:
    match part:
        case ToolReturnPart():
            return Said("tool", part.model_response_str(), call_id=part.tool_call_id)
        case RetryPromptPart():
            return Said("tool", part.model_response(), call_id=part.tool_call_id)
        case UserPromptPart():
            return Said("user", str(part.content))
    return Said("system", str(getattr(part, "content", "")))


class PydanticAI(Peer):
    """One agent."""

    name = "pydantic-ai"
    distribution = "pydantic-ai-slim"
    ways = ({}, {"in_place": True})

    def build(self) -> None:
        """The agent with its tools."""
        self._agent = Agent(Scripted(self.wiring), tools=[self._tool(name) for name in self.wiring.tools])

    def _tool(self, name: str) -> Tool[None]:
        async def look_up(key: str, field: str) -> Any:
            try:
                return await self.wiring.call(name, key, field)
            except Exception as error:  # what a tool raises would end the run
                raise ModelRetry(f"{name} gave nothing: {type(error).__name__}") from error

        if self.limits is None:
            return Tool(look_up, name=name, description=ABOUT)
        # The count is the tool's, for all its calls; the model gives each up after so many.
        retries = ASKS * self.limits.turns
        return Tool(look_up, name=name, description=ABOUT, timeout=self.limits.seconds[name], max_retries=retries)

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the agent."""
        limits = UsageLimits(request_limit=self.limits.turns if self.limits else None, tool_calls_limit=calls)
        result = await self._agent.run(text, message_history=before, usage_limits=limits, timeout=seconds)
        return result.output, result.all_messages()
