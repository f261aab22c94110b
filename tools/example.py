"""An example of a right call, made from a tool's schema: what people and messages show beside what was wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_DEPTH = 6
"""Levels of a schema that are followed; a schema may hold itself."""

_SUCH_AS = re.compile(r"\b(?:such as|for example|e\.g\.|like)[ ,]+[\"'`]?([^\s\"'`,;.)]+)")
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "duration": "PT1H",
    "email": "someone@example.org",
    "uri": "https://example.org/page",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "ipv4": "192.0.2.1",
}


def example_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that fit the types of a tool's `schema.parameters`: those it requires, or its first where none is.

    A parameter's own example is taken where it has one, also from a description such as "a city, such as Oslo".
    """
    properties: Mapping[str, Any] = parameters.get("properties", {})
    wanted = list(parameters.get("required", ())) or list(properties)[:1]
    return {name: _value(properties.get(name, {}), parameters, _DEPTH) for name in wanted}


def _value(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth <= 0:
        return None
    for key in ("examples", "enum"):
        if isinstance(listed := schema.get(key), list) and listed:
            return listed[0]
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    chosen = _alternative(schema, root)
    return _by_type(schema, root, depth) if chosen is None else _value({**schema, **chosen}, root, depth - 1)


def _alternative(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a reference or the first of several alternatives adds; `None` where the schema says its type itself."""
    if isinstance(reference := schema.get("$ref"), str):
        found = root.get("$defs", {}).get(reference.rpartition("/")[2], {})
        return {"$ref": None, **found}
    for key in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(key) or ():
            if isinstance(each, Mapping) and each.get("type") != "null":
                return {key: None, **each}
    return None


def _by_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "integer":
            return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        case "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0.5) + 1)
        case "boolean":
            return True
        case "array":
            return [_value(schema.get("items", {"type": "string"}), root, depth - 1)]
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(properties.get(name, {}), root, depth - 1) for name in schema.get("required", ())}
        case _:
            return _text(schema)


def _text(schema: Mapping[str, Any]) -> str:
    named = _SUCH_AS.search(str(schema.get("description", "")))
    text = _FORMATS.get(str(schema.get("format"))) or (named[1] if named else "text")
    return text.ljust(int(schema.get("minLength", 0)), "x")
