"""LangChain's `create_agent` on LangGraph, with its middleware for limits and retries and an outer timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import ModelCallLimitMiddleware, ToolCallLimitMiddleware, ToolRetryMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, StructuredTool

from ..world.mind import Asked, Said
from ..world.stage import ABOUT
from .base import Peer, Wiring


class Chat(BaseChatModel):
    """The scripted model."""

    wiring: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("it is asked with `await` only")

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        turn = await self.wiring.ask([_said(message) for message in messages], kwargs.get("tools", ()))
        calls = [{"id": call.id, "name": call.tool, "args": dict(call.arguments)} for call in turn.calls]
        usage = {
            "input_tokens": turn.input_tokens,
            "output_tokens": turn.output_tokens,
            "total_tokens": turn.input_tokens + turn.output_tokens,
        }
        message = AIMessage(turn.text, tool_calls=calls, usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """The model with the names of its tools."""
        return self.bind(tools=[tool.name for tool in tools])


def _said(message: BaseMessage) -> Said:
    match message:
        case AIMessage():
            calls = tuple(Asked(str(call["id"]), call["name"], call["args"]) for call in message.tool_calls)
            return Said("assistant", message.text, calls)
        case ToolMessage():
            return Said("tool", message.text, call_id=message.tool_call_id)
    return Said("user", message.text)


def _tool(wiring: Wiring, name: str) -> BaseTool:
    async def look_up(key: str, field: str) -> str:
        return str(await wiring.call(name, key, field))

    return StructuredTool.from_function(coroutine=look_up, name=name, description=ABOUT)


class LangChain(Peer):
    """One agent for each limit of calls, since the limit is the agent's."""

    name = "langchain"
    distribution = "langchain"

    def build(self) -> None:
        """The tools and the model."""
        tools = [_tool(self.wiring, name) for name in self.wiring.tools]
        self._agent: Callable[[int | None], Any] = cache(
            lambda calls: create_agent(Chat(wiring=self.wiring), tools, middleware=self._middleware(calls))
        )

    def _middleware(self, calls: int | None) -> list[Any]:
        if self.limits is None:
            return []
        return [
            ToolCallLimitMiddleware(run_limit=calls),
            ModelCallLimitMiddleware(run_limit=self.limits.turns),
            ToolRetryMiddleware(
                max_retries=self.limits.retries, initial_delay=self.limits.backoff, backoff_factor=2.0, jitter=False
            ),
        ]

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the graph within an outer timeout; there is none of its own for a whole run."""
        running = self._agent(calls).ainvoke({"messages": [*(before or ()), HumanMessage(text)]})
        state = await asyncio.wait_for(running, seconds)
        return state["messages"][-1].text, state["messages"]
