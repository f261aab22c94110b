"""An answer's form as OpenAI-compatible endpoints take it: `response_format` with a JSON Schema."""

from __future__ import annotations

from typing import Any

from .base import AnswerForm


def response_format(form: AnswerForm) -> dict[str, Any]:
    """The field's value; strict where the schema is one that `strict` takes."""
    schema = {"name": form.name, "schema": form.schema, "strict": _is_closed(form.schema)}
    return {"type": "json_schema", "json_schema": schema}


def _is_closed(schema: Any) -> bool:
    """Whether a schema is one that `strict` takes: every object names all it holds, and requires all of it."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, dict):
        return True
    if "default" in schema:
        return False
    if schema.get("type") == "object":
        named = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != named:
            return False
    return all(map(_is_closed, schema.values()))
