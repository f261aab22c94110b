"""LangChain's tools as tools of ours: the same functions, under our budget, checks and traces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from ...policies.errors import InvalidTool
from ..tool import Tool

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

__all__ = ["is_langchain_tool", "langchain_tool"]


def is_langchain_tool(item: object) -> TypeGuard[BaseTool]:
    """Whether it is a LangChain `BaseTool`. Nothing is imported for it: whoever has made one has imported its class."""
    base = getattr(sys.modules.get("langchain_core.tools.base"), "BaseTool", None)
    return base is not None and isinstance(item, base)


def langchain_tool(
    tool: BaseTool,
    *,
    name: str | None = None,
    inject: Mapping[str, Callable[[], Any]] | None = None,
    trusted: bool = False,
    **options: Any,
) -> Tool:
    """Make a LangChain tool a tool of ours, with the promises that its author could not make.

    ::

        search = langchain_tool(TavilySearch(), read_only=True, timeout=2.0, cache="1h")
        agent = Agent("openai:gpt-5-mini", tools=[search, other_langchain_tool])

    `Agent(tools=[...])` takes a LangChain tool as it is too; it then changes things and is not trusted. The model is
    shown what LangChain would show it. The function behind the tool is called directly, an async one in the loop and a
    sync one in our threads; only a tool with `callbacks`, `verbose` or a `run` or `invoke` of its own is called through
    LangChain. A `ToolException` tells the model what its `handle_tool_error` says, or else its message.

    Args:
        tool: any `BaseTool`: what LangChain's `@tool` makes, a `StructuredTool`, or an object of a class of your own.
        name: what the model calls it. Default: its own name, in letters that models accept.
        inject: functions of nothing that give what LangChain's agent injects, by parameter, such as
            `{"user_id": current_user.get}`; called for each call, in the context of the run. The id of the call, the
            `RunnableConfig` and callbacks are supplied by themselves.
        trusted: whether results may be read as more than data. By default they are fenced as untrusted content.
        options: what `@tool` takes: `read_only`, `idempotent`, `timeout`, `latency`, `cost_usd`, `retry`, `hedge`,
            `cache`, `concurrency`, `isolation`, `approval`, `checks`, `fallback`.

    Raises:
        InvalidTool: it is no LangChain tool, has no description or schema, or needs what only LangChain's agent has,
            such as `InjectedState` or `ToolRuntime`, and `inject` does not give it; or a bad option.
        MissingExtra: its schema is written as JSON Schema, and the validator is not installed (extra `langchain`).
    """
    if not is_langchain_tool(tool):
        raise InvalidTool(f"langchain_tool takes a LangChain tool (a BaseTool), got a value of type {_kind(tool)}")
    from .calling import made

    return made(tool, name, inject or {}, {"trusted": trusted, **options})


def _kind(value: object) -> str:
    return f"class {value.__name__}" if isinstance(value, type) else type(value).__name__
