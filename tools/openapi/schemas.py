"""Schemas of a document as JSON Schema of their own: what they refer to comes along, once, however often and deep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from ...policies.errors import InvalidTool
from ..declared import is_pattern
from ..expansion import LARGEST
from .document import Document
from .texts import shortened

Direction = Literal["request", "response"]

LONGEST_NOTE = 200
"""Characters of a parameter's or property's description that a model is shown."""

_MAPS = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLES = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "additionalItems",
)  # fmt: skip
_POSITIVE = frozenset({"items", "additionalProperties", "propertyNames"})
"""Those of them that a looser schema inside makes looser."""
_DATA = frozenset(
    {"type", "enum", "const", "format", "pattern", "default", "required", "title", "dependentRequired"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
    | {"minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties"}
    | {"contentEncoding", "contentMediaType"}
)
_NAMES_ELSEWHERE = ("$dynamicRef", "$recursiveRef", "$id")


class Schemas:
    """Collects the schemas of one request or response into one JSON Schema.

    Args:
        document: where they stand.
        direction: `request` leaves out what is `readOnly`, `response` what is `writeOnly`; a request's keep their
            descriptions, as a model reads them, and a response's do not.
        levels: references that are followed one inside the other; what a further one names may be anything, so that
            the schema allows all it would, and more. Default: all of them.
    """

    def __init__(self, document: Document, direction: Direction, levels: int | None = None) -> None:
        self._document = document
        self._direction = direction
        self._hidden = "readOnly" if direction == "request" else "writeOnly"
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []
        self._levels = levels
        self._places = 0

    def read(self, schema: Any) -> Any:
        """The schema as JSON Schema 2020-12, its references pointing to the definitions that `definitions` gives.

        Raises:
            InvalidTool: it refers to another document or in a way that is not supported, or is too large to be checked.
        """
        self._places += 1
        if self._places > LARGEST:
            raise InvalidTool(f"a schema has more than {LARGEST:,} places with what it refers to")
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            raise InvalidTool(f"the OpenAPI document has {schema!r:.60} where a schema must stand; correct it there")
        if isinstance(reference := schema.get("$ref"), str):
            if self._levels is not None:
                return self._within(reference)
            pointer = {"$ref": f"#/$defs/{self._named(reference)}"}
            # Beside a reference 3.0 allows nothing, but what a note says there is meant.
            return pointer | ({} if self._document.is_30 else self._plain(schema)) | self._note(schema)
        return self._nullable(schema, self._plain(schema)) if self._document.is_30 else self._plain(schema)

    def definitions(self) -> dict[str, Any]:
        """What the schemas read so far refer to, by name; a recursive one once."""
        found: dict[str, Any] = {}
        while self._waiting:
            reference = self._waiting.pop()
            name = self._names[reference]
            if name not in found:
                found[name] = self.read(self._document.at(reference))
        return found

    def _within(self, reference: str) -> Any:
        target = self._document.at(reference)
        if not self._levels:
            return True
        self._levels -= 1
        try:
            return self.read(target)
        finally:
            self._levels += 1

    def _named(self, reference: str) -> str:
        if reference not in self._names:
            self._document.at(reference)  # one that names nothing is refused here, with the operation at hand
            base = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rpartition("/")[2]) or "schema"
            taken, name, number = set(self._names.values()), base, 2
            while name in taken:
                name, number = f"{base}_{number}", number + 1
            self._names[reference] = name
            self._waiting.append(reference)
        return self._names[reference]

    def _plain(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        for keyword in _NAMES_ELSEWHERE:
            if keyword in schema:
                raise InvalidTool(f"a schema with {keyword!r} cannot be read; write a $ref to #/components/schemas")
        read = {key: value for key, value in schema.items() if key in _DATA} | self._note(schema)
        if isinstance(pattern := read.get("pattern"), str) and not is_pattern(pattern):
            del read["pattern"]  # written for another language's expressions: the API itself still checks it
        for key in _MAPS:
            if isinstance(inner := schema.get(key), Mapping):
                read[key] = {name: self.read(each) for name, each in inner.items() if not self._hides(each)}
        for key in _LISTS:
            if isinstance(parts := schema.get(key), list) and parts:
                read[key] = [self.read(each) for each in parts]
        self._loosen(read)
        for key in _SINGLES:
            if isinstance(inner := schema.get(key), (Mapping, bool)) and (self._levels is None or key in _POSITIVE):
                read[key] = self.read(inner)
        self._require_what_is_shown(schema, read)
        return read

    def _loosen(self, read: dict[str, Any]) -> None:
        """Where some parts may be anything, several of `oneOf` may hold."""
        if self._levels is not None and "oneOf" in read:
            read["allOf"] = [*read.get("allOf", ()), {"anyOf": read.pop("oneOf")}]

    def _hides(self, schema: Any) -> bool:
        return isinstance(schema, Mapping) and schema.get(self._hidden) is True

    def _require_what_is_shown(self, schema: Mapping[str, Any], read: dict[str, Any]) -> None:
        if not isinstance(required := read.get("required"), list):
            read.pop("required", None)  # some write `required: true` beside the type, which says nothing there
            return
        properties = schema.get("properties")
        known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
        kept = [name for name in required if not self._hides(known.get(name))]
        read |= {"required": kept} if kept else {}
        if not kept:
            del read["required"]

    def _note(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        said = schema.get("description")
        if self._direction == "response" or not isinstance(said, str) or not said.strip():
            return {}
        return {"description": shortened(said, LONGEST_NOTE)}

    def _nullable(self, schema: Mapping[str, Any], read: dict[str, Any]) -> dict[str, Any]:
        """The words of 3.0 in those of JSON Schema."""
        for bound, other in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if isinstance(exclusive := read.get(bound), bool):
                del read[bound]
                if exclusive and other in read:
                    read[bound] = read.pop(other)
        if schema.get("nullable") is not True:
            return read
        if isinstance(read.get("type"), str) and not any(key in read for key in (*_LISTS, "not")):
            read["type"] = [read["type"], "null"]
            if isinstance(read.get("enum"), list) and None not in read["enum"]:
                read["enum"] = [*read["enum"], None]
            return read
        # The standard lets `nullable` count beside a `type` only; documents write it beside references all the same.
        return {"anyOf": [read, {"type": "null"}]}
