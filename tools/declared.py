"""Tools whose schema is written down somewhere, as a server's is, instead of read off a function's signature."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from ..policies.errors import InvalidTool, MissingExtra
from .expansion import Unbounded, checkable_depth, depth_of
from .schema import Problem
from .tool import Tool

Call = Callable[..., Awaitable[Any]]
"""What makes a call: it takes the arguments by name, and is cancelled when the call's time is up."""

_BACKTRACKS = 10_000
"""Steps a schema's regular expression may go back; beyond, the text does not match it."""
_PATTERN_SIZE = 1_000_000
"""Bytes a schema's regular expression may take when it is compiled."""
_NOT_SHOWN = ("$schema", "$id", "title", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum")
"""What model providers refuse at the top of a tool's parameters, or have no use for; it is checked all the same."""
_NAME_LETTERS = re.compile(r"[^A-Za-z0-9_-]+")


class DeclaredSchema:
    """What a tool takes and gives, by JSON Schemas that somebody else wrote.

    Attributes:
        description: what the model reads to decide whether to call it.
        parameters: the JSON Schema of the arguments as a model is shown it, always an object.
        unbound: always `False`; it is not made from a method.
    """

    unbound = False

    def __init__(
        self, tool: str, description: str, parameters: Mapping[str, Any], result: Mapping[str, Any] | None = None
    ) -> None:
        self._tool = tool
        self.description = description
        self.parameters = _shown(parameters)
        self._takes = _Validator(tool, "parameters", {"type": "object", **parameters})
        self._gives = None if result is None else _Validator(tool, "result", result)

    @property
    def declares_result(self) -> bool:
        """Whether it says what the tool returns."""
        return self._gives is not None

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any] | Problem:
        """Validate what a model wrote, or say in one message what is wrong and what the schema allows."""
        given = dict(arguments)
        problems = self._takes.problems(given)
        if problems:
            takes = ", ".join(self.parameters["properties"]) or "no arguments"
            return Problem(f"{self._tool} was not called: {'; '.join(problems)}. It takes: {takes}.")
        return given

    def problem_of_result(self, value: Any) -> str | None:
        """Why `value` is not what was declared, or `None` where it is or nothing is declared."""
        problems = self._gives.problems(value) if self._gives is not None else []
        return problems[0] if problems else None


def from_schema(
    name: str,
    description: str,
    json_schema: Mapping[str, Any],
    call: Call,
    *,
    result_schema: Mapping[str, Any] | None = None,
    **flags: Any,
) -> Tool:
    """A tool from a JSON Schema of its arguments and the coroutine function that makes the call.

    The arguments are validated before the call, without ever fetching a remote reference; what is nested deeper than
    the schema can be checked for within bounded work is passed on as it is.

    Args:
        name: what the model calls it, 1 to 64 letters, digits, `_` or `-`; `tool_name` makes one from any text.
        description: what the model reads to decide whether to call it.
        json_schema: the schema of the arguments, of an object.
        call: called with the arguments by name; it raises `ToolError` to tell the model why there is no result.
        result_schema: the schema of what it returns; a result that does not fit it fails its check. Default: none.
        flags: what `@tool` takes: `timeout`, `read_only`, `idempotent`, `trusted` and so on.

    Raises:
        InvalidTool: a schema is no JSON Schema, refers outside of itself or makes unbounded work; a bad name or flag.
        MissingExtra: the validator is not installed.
    """
    if not description.strip():
        raise InvalidTool(f"tool {name!r} has no description; its text is what the model reads to decide to call it")
    schema = DeclaredSchema(name, description.strip(), json_schema, result_schema)
    return Tool(call, name, schema=schema, **flags)


def tool_name(*parts: str) -> str:
    """A name that models accept, made from texts of any kind; at most 64 of their characters, the last ones."""
    words = [word for part in parts if (word := _NAME_LETTERS.sub("_", part).strip("_"))]
    joined = "_".join(words) or "tool"
    return joined if len(joined) <= 64 else joined[-64:].lstrip("_")


class _Validator:
    """A compiled JSON Schema that does a bounded amount of work."""

    def __init__(self, tool: str, what: str, schema: Mapping[str, Any]) -> None:
        rs = _library()
        try:
            self._depth = checkable_depth(schema)
            options = rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS, size_limit=_PATTERN_SIZE)
            self._compiled = rs.validator_for(dict(schema), retriever=_refuse, pattern_options=options)
        except (ValueError, TypeError) as error:
            reason = str(error) if isinstance(error, Unbounded) else f"it is no JSON Schema: {_first_line(error)}"
            raise InvalidTool(f"tool {tool!r}: the schema of its {what} cannot be used: {reason}") from error

    def problems(self, value: Any) -> list[str]:
        """What is wrong with a value, three problems at most; none where it is nested too deep to be checked."""
        if depth_of(value, self._depth) > self._depth:
            return []
        try:
            if self._compiled.is_valid(value):
                return []
            return [_problem(error) for error, _ in zip(self._compiled.iter_errors(value), range(3), strict=False)]
        except ValueError as error:  # a value that JSON cannot say
            return [_first_line(error)]


@lru_cache(maxsize=1_000)
def is_pattern(text: str) -> bool:
    """Whether a schema's `pattern` is one that values can be checked with; those of other languages may not be."""
    try:
        _library().validator_for({"pattern": text})
    except (ValueError, TypeError):
        return False
    return True


def _library() -> Any:
    try:
        import jsonschema_rs
    except ImportError:
        raise MissingExtra("a tool with a written schema", "openapi") from None
    return jsonschema_rs


def _refuse(uri: str) -> Any:
    raise ValueError(f"remote references are not followed: {uri[:80]}")


def _problem(error: Any) -> str:
    where = ".".join(map(str, error.instance_path))
    said = str(error.message)
    said = said if len(said) <= 200 else f"{said[:90]} … {said[-100:]}"
    return f"{where}: {said}" if where else said


def _shown(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key not in _NOT_SHOWN}
    properties = kept.get("properties")
    return {**kept, "type": "object", "properties": dict(properties) if isinstance(properties, Mapping) else {}}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
