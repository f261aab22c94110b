"""From a signature to a JSON Schema, and from what a model wrote to validated arguments."""

from __future__ import annotations

import inspect
import re
import typing
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError
from pydantic.fields import FieldInfo

from ..policies.errors import InvalidTool

# Names that pydantic takes for its own or leaves out: a parameter of that name would vanish from the schema.
_RESERVED = frozenset(name for name in dir(BaseModel) if name.startswith("model_"))

_SECTION = re.compile(r"^\s*(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s+(.*)$")


_TYPES = "annotate with str, int, float, bool, lists and dicts of them, a Literal, a dataclass or a pydantic model"
"""What has a JSON Schema, for messages."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why arguments were refused: one clear message for the model."""

    message: str


class Schema:
    """What a tool takes and gives.

    Attributes:
        description: the docstring without its sections.
        parameters: the JSON Schema of the arguments, an object that allows nothing else.
        unbound: whether the function is a method that still waits for its instance.
    """

    __slots__ = (
        "_arguments",
        "_declared",
        "_names",
        "_result",
        "_tool",
        "_validate",
        "description",
        "parameters",
        "unbound",
    )

    def __init__(self, tool: str, function: Callable[..., Any]) -> None:
        """Derive the schema of `function` for the tool named `tool`.

        Raises:
            InvalidTool: there is no docstring, a parameter has no annotation, or a type has no JSON Schema.
        """
        self._tool = tool
        self.description, notes = _docstring(tool, function)
        signature, self.unbound = _without_self(_signature(tool, function))
        self._arguments = _arguments_model(tool, signature, notes)
        # What `model_validate` calls; the model's fields are the arguments, and nothing else holds on to them.
        self._validate = self._arguments.__pydantic_validator__.validate_python
        self._names = tuple(self._arguments.model_fields)
        try:
            self.parameters = _plain(self._arguments.model_json_schema())
        except PydanticUserError as error:
            said = f"tool {tool!r}: no JSON Schema for its parameters: {_first_line(error)}; {_TYPES}"
            raise InvalidTool(said) from error
        self._declared = signature.return_annotation
        self._result = _result_adapter(signature.return_annotation)

    @property
    def declares_result(self) -> bool:
        """Whether the signature says what the tool returns."""
        return self._result is not None

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any] | Problem:
        """Validate what a model wrote, or say in one message what is wrong and what the schema allows."""
        try:
            read: dict[str, Any] = vars(self._validate(dict(arguments)))
        except ValidationError as error:
            return Problem(explain(self._tool, error, self._names))
        return read

    def problem_of_result(self, value: Any) -> str | None:
        """Why `value` is not what the signature declares, or `None` where it is or nothing is declared."""
        if self._result is None or (type(value) is self._declared and _is_sure(value)):
            return None
        try:
            self._result.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "the result"
            return f"{where}: {first['msg']}"
        return None


def _is_sure(value: Any) -> bool:
    """Whether pydantic accepts every value of this very type, so that a result that is of it need not be validated."""
    return value.isascii() if type(value) is str else type(value) in (bool, int, float, bytes)


def _docstring(tool: str, function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    text = inspect.getdoc(function)
    if not text and not inspect.isroutine(function):
        text = inspect.getdoc(type(function).__call__)
    if not text or not text.strip():
        raise InvalidTool(
            f"tool {tool!r} has no docstring; write one, its text is what the model reads to decide whether to call it,"
            ' such as """Current weather in a city."""'
        )
    head, *_ = _SECTION.split(text, maxsplit=1)
    return head.strip(), _argument_notes(text)


def _argument_notes(text: str) -> dict[str, str]:
    """The texts of a Google-style `Args:` section, by parameter."""
    notes: dict[str, str] = {}
    parts = _SECTION.split(text)
    for title, body in zip(parts[1::2], parts[2::2], strict=False):
        if title in ("Args", "Arguments", "Parameters"):
            current = ""
            for line in body.splitlines():
                match = _ARGUMENT.match(line)
                if match:
                    current = match[1]
                    notes[current] = match[2].strip()
                elif current and line.strip():
                    notes[current] += " " + line.strip()
    return notes


def _signature(tool: str, function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except (NameError, TypeError, ValueError, SyntaxError) as error:
        raise InvalidTool(
            f"tool {tool!r}: its signature cannot be read: {error}; its annotations must be types that its module "
            "defines or imports at the top, not only for type checkers"
        ) from error


def _without_self(signature: inspect.Signature) -> tuple[inspect.Signature, bool]:
    """The signature as a caller of the bound method sees it, and whether there was a `self` to drop."""
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].name == "self" and parameters[0].annotation is inspect.Parameter.empty:
        return signature.replace(parameters=parameters[1:]), True
    return signature, False


def _arguments_model(tool: str, signature: inspect.Signature, notes: dict[str, str]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise InvalidTool(
                f"tool {tool!r}: parameter {parameter} cannot be described to a model; name each parameter instead, "
                f"such as {_spelled(parameter)}"
            )
        if name.startswith("_") or name in _RESERVED:
            better = name.lstrip("_").removeprefix("model_") or "value"
            raise InvalidTool(
                f"tool {tool!r}: parameter {name!r} cannot be offered to a model by that name; rename it, such as "
                f"{better!r}"
            )
        if parameter.annotation is parameter.empty:
            raise InvalidTool(f"tool {tool!r}: parameter {name!r} has no annotation; write for example {name}: str")
        default = ... if parameter.default is parameter.empty else parameter.default
        annotation = parameter.annotation
        if name in notes and not _described(annotation):
            annotation = Annotated[annotation, FieldInfo(description=notes[name])]
        fields[name] = (annotation, default)
    try:
        # A tool may call a parameter `schema` or `json`; pydantic only warns that it hides a method of the model.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            config = ConfigDict(extra="forbid", title=tool, protected_namespaces=())
            model: type[BaseModel] = create_model("Arguments", __config__=config, **fields)
    except (PydanticUserError, PydanticSchemaGenerationError, NameError) as error:
        raise InvalidTool(
            f"tool {tool!r}: its parameters have no JSON Schema: {_first_line(error)}; {_TYPES}"
        ) from error
    return model


def _spelled(parameter: inspect.Parameter) -> str:
    """What to write for a parameter that takes whatever comes, or that has no name to be called by."""
    match parameter.kind:
        case parameter.VAR_POSITIONAL:
            return f"{parameter.name}: list[str]"
        case parameter.VAR_KEYWORD:
            return f"{parameter.name}: dict[str, str]"
        case _:
            return f"{parameter.name}: str, and leave out the '/'"


def _described(annotation: Any) -> bool:
    extras = typing.get_args(annotation)[1:] if typing.get_origin(annotation) is Annotated else ()
    return any(isinstance(extra, FieldInfo) and extra.description for extra in extras)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the titles pydantic adds, which cost the model tokens and say nothing."""
    properties = schema.get("properties", {})
    for value in properties.values():
        value.pop("title", None)
    return {"type": "object", "properties": properties, "additionalProperties": False} | {
        key: schema[key] for key in ("required", "$defs") if key in schema
    }


def _result_adapter(annotation: Any) -> TypeAdapter[Any] | None:
    if annotation in (inspect.Signature.empty, None, Any):
        return None
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, PydanticSchemaGenerationError):
        # A class pydantic does not know: its results cannot be checked against it, which is no fault of the tool.
        return None


def explain(tool: str, error: ValidationError, names: tuple[str, ...]) -> str:
    """What a model is told of arguments that do not fit: what is wrong, and the names of what the tool takes."""
    parts = []
    for item in error.errors(include_url=False, include_context=False)[:3]:
        where = ".".join(map(str, item["loc"])) or "arguments"
        got = "" if item["type"] == "missing" else f", got {_short(item['input'])}"
        parts.append(f"{where}: {item['msg']}{got}")
    takes = ", ".join(names) or "no arguments"
    return f"{tool} was not called: {'; '.join(parts)}. It takes: {takes}."


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else repr(value[:80])
    return text if len(text) <= 80 else text[:77] + "..."


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
