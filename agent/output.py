"""Answers of a type: what a model is asked for, how its text is read, and what the check of answers reads of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import from_json, to_json, to_jsonable_python

from ..policies.errors import UsageError
from ..tools.call import Evidence
from ..tools.shapes import short
from .models.base import AnswerForm

_WRAPPED: Final = "answer"
"""The field that an answer stands in whose type is no object: endpoints take schemas of objects only."""

_SENTENCE: Final = 4
"""Words from which a text in an answer is read as a sentence of its own."""

_MOST_PROBLEMS: Final = 3
"""Problems of an answer that a model is told at once."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a text is no answer of the type: one sentence for the model and for people."""

    reason: str


class Output:
    """The type an agent's answers have.

    Args:
        kind: the type, such as a pydantic model, a dataclass, a `TypedDict`, `list[str]` or `float`.

    Attributes:
        name: what it is called.
        form: what a model is asked for.
        fields: the names of its fields as words.

    Raises:
        UsageError: the type has no JSON Schema.
    """

    __slots__ = ("_adapter", "_wraps", "fields", "form", "name")

    def __init__(self, kind: Any) -> None:
        self.name = getattr(kind, "__name__", None) or str(kind)
        if inspect.isroutine(kind):  # pydantic would call it with what it read
            raise UsageError(f"output_type={kind!r} must be a type, such as a pydantic model, and is a function")
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
            schema = self._adapter.json_schema()
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            raise UsageError(
                f"output_type={kind!r} must be a type with a JSON Schema, such as a pydantic model: {short(error)}"
            ) from error
        self._wraps = schema.get("type") != "object" and "$ref" not in schema
        self.form = AnswerForm(name=_plain(self.name), schema=_wrapping(schema) if self._wraps else schema)

        self.fields = " ".join(dict.fromkeys(_spoken_names(schema)))

    def __repr__(self) -> str:
        return f"<Output {self.name}>"

    def read(self, text: str, *, partial: bool = False) -> Any | Misfit:
        """The value that a text holds as JSON, with or without words or a fence around it.

        Args:
            text: what the model wrote.
            partial: whether the text was cut: what is complete of it is read.
        """
        begins = text.find("{")
        if begins < 0:
            return Misfit(f"it must be one JSON object that fits the schema of {self.name}, and holds none")
        ends = len(text) if partial else text.rfind("}") + 1
        try:
            found = from_json(text[begins : max(ends, begins + 1)], allow_partial=partial)
        except ValueError as error:
            return Misfit(f"it must be one JSON object that fits the schema of {self.name}: {short(error)}")
        if self._wraps:
            if not isinstance(found, dict) or _WRAPPED not in found:
                return Misfit(f"it must be a JSON object with the field {_WRAPPED!r}")
            found = found[_WRAPPED]
        return self.fit(found)

    def fit(self, found: Any) -> Any | Misfit:
        """A value of the type from JSON values."""
        try:
            return self._adapter.validate_json(to_json(found))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            told = [f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in problems[:_MOST_PROBLEMS]]
            return Misfit(f"it does not fit the schema of {self.name} ({'; '.join(told)})")
        except ValueError as error:  # such as what no JSON can hold
            return Misfit(f"it is no JSON value: {short(error)}")

    def write(self, value: Any) -> str:
        """A value as the JSON text that `read` reads."""
        plain = self._adapter.dump_python(value, mode="json")
        return json.dumps({_WRAPPED: plain} if self._wraps else plain, ensure_ascii=False)

    def spoken(self, value: Any) -> str:
        """A value as the check of answers reads it: a line a record, and a sentence a text."""
        return "\n".join(_lines(self._adapter.dump_python(value, mode="json")))

    def composed(self, evidence: Sequence[Evidence]) -> Any | Misfit:
        """The value that the evidence holds: one of its results fits the type, or all of them together do.

        Where several fit and differ nobody can tell which is asked for, and there is none.
        """
        values = [to_jsonable_python(item.value, fallback=str) for item in evidence if item.usable]
        fitting = [found for each in values for found in [self.fit(each)] if not isinstance(found, Misfit)]
        if not fitting and values and all(isinstance(each, Mapping) for each in values):
            together: dict[str, Any] = {}
            for each in values:
                together.update({key: value for key, value in each.items() if together.get(key, value) == value})
            whole = self.fit(together)
            fitting = [] if isinstance(whole, Misfit) else [whole]
        if not fitting:
            return Misfit(f"no result, nor all of them together, fits the schema of {self.name}")
        if any(each != fitting[0] for each in fitting):
            return Misfit(f"{len(fitting)} results fit the schema of {self.name} and differ")
        return fitting[0]


def output_of(kind: Any) -> Output | None:
    """What `output_type` means; `None` is text.

    Raises:
        UsageError: it is no type with a JSON Schema.
    """
    return None if kind is str else Output(kind)


def text_of(answer: Any, output: Output | None) -> str:
    """The answer of a result as a text."""
    return str(answer) if output is None else output.write(answer)


def _wrapping(schema: dict[str, Any]) -> dict[str, Any]:
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    outer = {"type": "object", "properties": {_WRAPPED: inner}, "required": [_WRAPPED], "additionalProperties": False}
    return outer | ({"$defs": schema["$defs"]} if "$defs" in schema else {})


def _spoken_names(schema: Any) -> Iterator[str]:
    """The names of fields anywhere in a schema."""
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _spoken_names(each)
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        yield from (name.replace("_", " ") for name in schema["properties"])


def _plain(name: str) -> str:
    """A name as endpoints take it: letters, digits, `_` and `-`, 64 at most."""
    return "".join(each if each.isascii() and (each.isalnum() or each in "_-") else "_" for each in name)[:64]


def _lines(value: Any) -> Iterator[str]:
    """The records of a value as lines of `key value`, each text of several words as a line of its own."""
    if isinstance(value, list):
        for each in value:
            yield from _lines(each)
    elif isinstance(value, dict):
        short_ones = {key: each for key, each in value.items() if _is_short(each)}
        line = ", ".join(f"{key.replace('_', ' ')} {_said(each)}" for key, each in short_ones.items())
        if line:
            yield f"{line}."
        for key, each in value.items():
            if key not in short_ones and each is not None:
                yield from _lines(each)
    elif value is not None:
        yield _said(value)


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value.split()) < _SENTENCE
    return isinstance(value, (bool, int, float))


def _said(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
