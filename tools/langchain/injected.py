"""What a LangChain tool is given beside the model's arguments, by us in LangChain's place or by the calling program."""

from __future__ import annotations

import inspect
import typing
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.tools import BaseTool, InjectedToolCallId

from ...policies.errors import InvalidTool

Give = Callable[[], Any]
"""A function of nothing that gives an argument, called for each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What gives the arguments that no model is shown, by parameter.

    Attributes:
        theirs: what the calling program injects.
        ours: what LangChain's `invoke` would supply: the configuration and callbacks, which tell nobody.
        ids: the parameters that take the id of the call.
    """

    theirs: Mapping[str, Give]
    ours: Mapping[str, Give]
    ids: frozenset[str]

    @property
    def hidden(self) -> frozenset[str]:
        """The names of them all."""
        return frozenset((*self.theirs, *self.ours, *self.ids))

    def all(self) -> dict[str, Any]:
        """The arguments of one call."""
        ids = {name: call_id() for name in self.ids}
        return {**self.theirs_now(), **{name: give() for name, give in self.ours.items()}, **ids}

    def theirs_now(self) -> dict[str, Any]:
        """Those that the calling program injects."""
        return {name: give() for name, give in self.theirs.items()}


def call_id() -> str:
    """An id for one execution of a tool; the run's own is not known to a tool."""
    return f"call_{uuid.uuid4().hex[:16]}"


def given_to(
    tool: BaseTool, name: str, call: Callable[..., Any], inject: Mapping[str, Give], *, is_async: bool
) -> Given:
    """What gives the tool's hidden arguments.

    Raises:
        InvalidTool: one is missing, or `inject` gives one that the tool does not take.
    """
    parameters, hints = _signature(call)
    hidden = _injected(tool)
    ids = frozenset(n for n in hidden if _takes_id(tool, n, hints.get(n)))
    _check(name, hidden - ids, inject)
    for parameter in hidden - ids - set(inject):
        if _is_required(tool, parameter, parameters.get(parameter)):
            raise InvalidTool(
                f"tool {name!r}: its parameter {parameter!r} is injected by LangChain's own agent; give it with "
                f"langchain_tool(..., inject={{{parameter!r}: function}}), a function of nothing that returns it"
            )
    return Given(theirs=dict(inject), ours=_ours(parameters, hints, is_async), ids=ids)


def _check(name: str, takes: frozenset[str], inject: Mapping[str, Give]) -> None:
    for parameter, give in inject.items():
        if parameter not in takes:
            known = ", ".join(sorted(takes)) or "none"
            raise InvalidTool(f"tool {name!r}: inject[{parameter!r}] is no injected parameter of it; it has: {known}")
        if not callable(give):
            raise InvalidTool(
                f"tool {name!r}: inject[{parameter!r}] must be a function of nothing that returns the argument, got "
                f"{give!r}; write lambda: {give!r}"
            )


def _injected(tool: BaseTool) -> frozenset[str]:
    """The parameters that LangChain hides from models, by the tool's signature and by its schema."""
    schema, shown = tool.args_schema, tool.tool_call_schema
    if isinstance(schema, dict) or isinstance(shown, dict):
        return tool._injected_args_keys
    of_schema = set(_fields(tool.get_input_schema())) - set(_fields(shown))
    return tool._injected_args_keys | of_schema


def _fields(model: Any) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = model.model_fields if hasattr(model, "model_fields") else model.__fields__
    return fields


def _takes_id(tool: BaseTool, name: str, hint: Any) -> bool:
    field = {} if isinstance(tool.args_schema, dict) else _fields(tool.get_input_schema())
    marks = (*typing.get_args(hint), *getattr(field.get(name), "metadata", ()))
    return any(mark is InjectedToolCallId or isinstance(mark, InjectedToolCallId) for mark in marks)


def _is_required(tool: BaseTool, name: str, parameter: inspect.Parameter | None) -> bool:
    if parameter is not None:
        return parameter.default is parameter.empty
    field = None if isinstance(tool.args_schema, dict) else _fields(tool.get_input_schema()).get(name)
    return field is not None and field.is_required()


def _ours(parameters: Mapping[str, inspect.Parameter], hints: Mapping[str, Any], is_async: bool) -> dict[str, Give]:
    manager = AsyncCallbackManagerForToolRun if is_async else CallbackManagerForToolRun
    ours: dict[str, Give] = {n: ensure_config for n, hint in hints.items() if n in parameters and _is_config(hint)}
    if "run_manager" in parameters:
        ours["run_manager"] = manager.get_noop_manager
    if "callbacks" in parameters:
        ours["callbacks"] = lambda: manager.get_noop_manager().get_child()
    return ours


def _is_config(hint: Any) -> bool:
    return hint is RunnableConfig or RunnableConfig in typing.get_args(hint)


def _signature(call: Callable[..., Any]) -> tuple[Mapping[str, inspect.Parameter], Mapping[str, Any]]:
    """The parameters of a function and their types; none where they cannot be read, as those of some builtins."""
    try:
        parameters = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return {}, {}
    try:
        return parameters, typing.get_type_hints(inspect.unwrap(call), include_extras=True)
    except (TypeError, NameError, AttributeError):
        return parameters, {n: p.annotation for n, p in parameters.items()}
