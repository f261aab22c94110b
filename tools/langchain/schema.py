"""A LangChain tool's schema: what the model is shown of it, and what its arguments are read with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.tools import Tool as SingleInputTool
from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import BaseModel, ValidationError, create_model

from ...policies.errors import InvalidTool
from ..declared import DeclaredSchema
from ..schema import Problem, explain

_SINGLE = create_model("Arguments", tool_input=(str, ...))
"""What a tool of one text takes, where it has no schema."""
_SYNTHETIC = ("args", "kwargs")
"""Fields that LangChain makes of `*args` and `**kwargs`; they are passed on where the model wrote them."""


class ModelSchema:
    """What a LangChain tool takes, by the pydantic model that it has or that LangChain derives of its signature.

    Attributes:
        description: what the model reads to decide whether to call it.
        parameters: the JSON Schema of the arguments, as LangChain shows it to a model.
        unbound: always `False`.
        declares_result: always `False`; LangChain's tools do not say what they return.
    """

    unbound = False
    declares_result = False

    def __init__(
        self,
        tool: BaseTool,
        name: str,
        description: str,
        parameters: dict[str, Any],
        model: Any,
        hidden: frozenset[str],
        as_written: bool,
    ) -> None:
        self._name = name
        self._on_error = tool.handle_validation_error
        self.description = description
        self.parameters = parameters
        self._hidden = hidden
        self._as_written = as_written
        self._model = _without(name, model, hidden)

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any] | Problem:
        """Validate what a model wrote, or say in one message what is wrong and what the schema allows."""
        try:
            made = self._model.model_validate(dict(arguments), by_alias=True, by_name=True)
        except ValidationError as error:
            return Problem(self._explained(error))
        return dict(arguments) if self._as_written else self._values(made)

    def problem_of_result(self, value: Any) -> str | None:
        """`None`: nothing is declared."""
        return None

    def _values(self, made: BaseModel) -> dict[str, Any]:
        written = made.model_fields_set
        names = (n for n in type(made).model_fields if n not in self._hidden and (n in written or n not in _SYNTHETIC))
        return {name: getattr(made, name) for name in names} | (made.model_extra or {})

    def _explained(self, error: ValidationError) -> str:
        said = self._on_error
        if isinstance(said, str):
            return said
        if callable(said):
            return str(said(error))
        return explain(self._name, error, tuple(self.parameters["properties"]))


def schema_of(tool: BaseTool, name: str, *, hidden: frozenset[str], as_written: bool) -> ModelSchema | DeclaredSchema:
    """The schema of a tool; `as_written` leaves arguments as the model wrote them, for a tool that reads them itself.

    Raises:
        InvalidTool: it has no description, or no schema that can be shown.
    """
    try:
        shown = copy.deepcopy(convert_to_openai_function(tool))
    except Exception as error:  # whatever pydantic or LangChain find wrong with it is a mistake of the tool
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidTool(f"tool {name!r}: its arguments have no JSON Schema: {first[:200]}") from error
    description = str(shown.get("description") or "").strip()
    if not description:
        raise InvalidTool(f"tool {name!r} has no description; its text is what the model reads to decide to call it")
    parameters = _parameters(shown.get("parameters") or {}, hidden)
    if isinstance(tool.args_schema, dict):
        return DeclaredSchema(name, description, parameters)
    if isinstance(tool, SingleInputTool) and tool.args_schema is None:
        return ModelSchema(tool, name, description, {**parameters, **_text_only()}, _SINGLE, hidden, as_written)
    return ModelSchema(tool, name, description, parameters, tool.get_input_schema(), hidden, as_written)


def _text_only() -> dict[str, Any]:
    return {"properties": {"tool_input": {"type": "string"}}, "required": ["tool_input"]}


def _parameters(shown: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    properties = {name: each for name, each in shown.get("properties", {}).items() if name not in hidden}
    required = [name for name in shown.get("required", ()) if name not in hidden]
    kept = {key: value for key, value in shown.items() if key not in ("properties", "required")}
    return {**kept, "type": "object", "properties": properties} | ({"required": required} if required else {})


def _without(name: str, model: Any, hidden: frozenset[str]) -> Any:
    """The model with what is hidden left open, as it is given only when the tool is called."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise InvalidTool(f"tool {name!r}: its args_schema must be a pydantic v2 model or a JSON Schema, got {model!r}")
    left = {field: (Any, None) for field in model.model_fields if field in hidden}
    if not left:
        return model
    fields: dict[str, Any] = left
    return create_model(model.__name__, __base__=model, **fields)
