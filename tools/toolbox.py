"""The tools of one agent, by name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from ..policies.errors import InvalidTool
from .langchain import is_langchain_tool, langchain_tool
from .tool import Tool

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

T = TypeVar("T")


class Toolbox:
    """An agent's tools, in the order they were given.

    Args:
        tools: tools, plain functions, which are made tools, or LangChain's tools.

    Raises:
        InvalidTool: two tools share one name, something is no tool, or `tools` is no list of them.
    """

    def __init__(self, tools: Iterable[Tool | Callable[..., Any] | BaseTool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for item in _listed(tools):
            made = _made(item)
            if made.schema.unbound:
                raise InvalidTool(f"tool {made.name!r} is a method; pass it from an instance, such as shop.{made.name}")
            if made.name in self._tools:
                raise InvalidTool(f"two tools are named {made.name!r}; rename one: @tool('{made.name}_2')")
            self._tools[made.name] = made
        self.approval = any(each.approval for each in self)
        """Whether a person has to approve every call of one of them."""

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def get(self, name: str) -> Tool | None:
        """The tool of that name, or `None`."""
        return self._tools.get(name)

    def unknown(self, name: str) -> str:
        """What to tell a model that asked for a tool that is not there."""
        close = difflib.get_close_matches(name[:64], self._tools, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return f"There is no tool named {name[:64]!r}{hint}. The tools are: {', '.join(self._tools) or 'none'}."


def by_toolbox(make: Callable[[Toolbox], T]) -> Callable[[Toolbox], T]:
    """Make something of each toolbox once, when it is first asked for: it is the same for all runs of an agent."""
    made: WeakKeyDictionary[Toolbox, T] = WeakKeyDictionary()

    @functools.wraps(make)
    def known(toolbox: Toolbox) -> T:
        found = made.get(toolbox)
        if found is None:
            found = made[toolbox] = make(toolbox)
        return found

    return known


def _made(item: Any) -> Tool:
    if isinstance(item, Tool):
        return item
    return langchain_tool(item) if is_langchain_tool(item) else Tool(item)


def _listed(tools: Any) -> Iterable[Tool | Callable[..., Any] | BaseTool]:
    # A LangChain tool can be iterated over, as any pydantic model.
    if isinstance(tools, Tool) or callable(tools) or is_langchain_tool(tools):
        name = getattr(tools, "__name__", None) or getattr(tools, "name", type(tools).__name__)
        raise InvalidTool(f"tools must be a list of tools, got one tool; write tools=[{name}]")
    if isinstance(tools, (str, bytes)) or not isinstance(tools, Iterable):
        raise InvalidTool(
            f"tools must be a list of tools, got {_shortened(tools)}; write tools=[...], or leave it out for none"
        )
    return tools


def _shortened(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
