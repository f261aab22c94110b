"""How a LangChain tool is called: its function directly where that is the same thing, else through `invoke`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langchain_core.tools import Tool as SingleInputTool

from ...policies.errors import InvalidTool, ToolError
from ..declared import tool_name
from ..tool import Tool
from .injected import Given, call_id, given_to
from .results import read, text_of
from .schema import schema_of

_OWN = ("langchain_core.tools.", "langchain_core.runnables.")
_LAYERS = ("run", "arun", "invoke", "ainvoke", "_to_args_and_kwargs", "_parse_input")
"""What stands between LangChain's `invoke` and a tool's function; who overrides one of them wants it called."""


class Code(NamedTuple):
    """What is called.

    Attributes:
        call: the function.
        is_async: whether what it returns has to be awaited.
        single: whether it takes one argument by position.
    """

    call: Callable[..., Any]
    is_async: bool
    single: bool = False


def made(tool: BaseTool, name: str | None, inject: Mapping[str, Callable[[], Any]], flags: dict[str, Any]) -> Tool:
    """The tool of ours that calls it; see `langchain_tool`."""
    named = name if name is not None else tool_name(tool.name)
    code, direct = _code(tool), _is_direct(tool)
    given = given_to(tool, named, code.call, inject, is_async=code.is_async)
    schema = schema_of(tool, named, hidden=given.hidden, as_written=not direct)
    if code.single and len(schema.parameters["properties"]) != 1:
        raise InvalidTool(f"tool {named!r} takes one argument by position, but its schema has another number of them")
    return Tool(_called(tool, named, code, given) if direct else _invoked(tool, named, code, given), named,
                schema=schema, **flags)  # fmt: skip


def _is_direct(tool: BaseTool) -> bool:
    """Whether calling its function is the same thing as invoking it, but for tracers of the whole process."""
    return not (tool.callbacks or tool.verbose) and all(_is_langchains(tool, layer) for layer in _LAYERS)


def _is_langchains(tool: BaseTool, method: str) -> bool:
    module: str = getattr(type(tool), method).__module__
    return module.startswith(_OWN)


def _code(tool: BaseTool) -> Code:
    runs, aruns = (not _is_langchains(tool, method) for method in ("_run", "_arun"))
    if isinstance(tool, StructuredTool | SingleInputTool) and not (runs or aruns):
        single = isinstance(tool, SingleInputTool)
        if tool.coroutine is not None:
            return Code(tool.coroutine, True, single)
        if tool.func is not None:
            return Code(tool.func, False, single)
        raise InvalidTool(f"tool {tool.name!r} has neither func nor coroutine; there is nothing to call")
    if aruns and not _is_refusal(type(tool)._arun):
        return Code(tool._arun, True)
    return Code(tool._run, False)


def _is_refusal(method: Any) -> bool:
    """Whether it is the customary `raise NotImplementedError("… does not support async")` and nothing else."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_names == ("NotImplementedError",)


def _called(tool: BaseTool, name: str, code: Code, given: Given) -> Callable[..., Any]:
    pair = tool.response_format == "content_and_artifact"
    begin = _single(code.call, given) if code.single else _by_name(code.call, given)
    return _landed(tool, begin, lambda value: read(value, name, pair=pair), is_async=code.is_async)


def _by_name(call: Callable[..., Any], given: Given) -> Callable[[dict[str, Any]], Any]:
    if not given.hidden:
        return lambda arguments: call(**arguments)
    return lambda arguments: call(**arguments, **given.all())


def _single(call: Callable[..., Any], given: Given) -> Callable[[dict[str, Any]], Any]:
    return lambda arguments: call(*arguments.values(), **given.all())


def _invoked(tool: BaseTool, name: str, code: Code, given: Given) -> Callable[..., Any]:
    # What `handle_tool_error` makes of an error would look like a result; it is asked here, where it is told apart.
    inner = tool.model_copy(update={"handle_tool_error": False}) if tool.handle_tool_error else tool
    invoke = inner.ainvoke if code.is_async else inner.invoke

    def begin(arguments: dict[str, Any]) -> Any:
        whole = {**arguments, **given.theirs_now()}
        if not given.ids:
            return invoke(whole)
        return invoke({"type": "tool_call", "name": tool.name, "args": whole, "id": call_id()})

    return _landed(tool, begin, lambda value: read(value, name), is_async=code.is_async)


def _landed(
    tool: BaseTool, begin: Callable[[dict[str, Any]], Any], value_of: Callable[[Any], Any], *, is_async: bool
) -> Callable[..., Any]:
    """A function for the pipeline: async where what `begin` returns has to be awaited."""

    async def awaited(**arguments: Any) -> Any:
        try:
            return value_of(await begin(arguments))
        except ToolException as error:
            raise _told(tool, error) from error

    def returned(**arguments: Any) -> Any:
        try:
            return value_of(begin(arguments))
        except ToolException as error:
            raise _told(tool, error) from error

    return awaited if is_async else returned


def _told(tool: BaseTool, error: ToolException) -> ToolError:
    """What the model is told of an error that the tool raised to tell it."""
    handle = tool.handle_tool_error
    said: Any = handle if isinstance(handle, str) else handle(error) if callable(handle) else str(error)
    return ToolError(text_of(said) or f"{tool.name} failed and did not say why")
