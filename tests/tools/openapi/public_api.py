"""A mock of a large public API: it reads each request back by the API's own document, and refuses what breaks it.

Like `strict_api`, it shares no code with what is tested; beyond it, it follows references, and reads nested forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

import jsonschema
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from .strict_api import Asked, Refused, StrictApi, multipart_fields, strictly_unquoted

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_PLAIN = jsonschema.Draft202012Validator


def _unless_null(keyword: Any) -> Any:
    """A keyword that has nothing to say of a null which OpenAPI 3.0 allows by `nullable`, in whatever place."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if instance is not None or schema.get("nullable") is not True:
            yield from keyword(validator, value, instance, schema) or ()

    return checked


Validator = extend(_PLAIN, {name: _unless_null(keyword) for name, keyword in _PLAIN.VALIDATORS.items()})

HERE = "urn:document"
"""Where references of the document lead, so that a schema can be used by itself."""


def _named(node: Any) -> Any:
    """The same with references that say which document they are of."""
    if isinstance(node, list):
        return [*map(_named, node)]
    if not isinstance(node, dict):
        return node
    named = {name: _named(each) for name, each in node.items()}
    return named | {"$ref": f"{HERE}{node['$ref']}"} if isinstance(node.get("$ref"), str) else named


class PublicApi(StrictApi):
    """The mock of one document; its answer says what was read, as that of `StrictApi` does."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(_named(document))
        self._registry = Registry().with_resource(HERE, DRAFT202012.create_resource(self.document))

    def deref(self, node: Any) -> Any:
        """What a reference stands for, and anything else as it is."""
        while isinstance(node, Mapping) and "$ref" in node:
            at: Any = self.document
            for part in node["$ref"].removeprefix(f"{HERE}#/").split("/"):
                at = at[part.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def fits(self, value: Any, schema: Any) -> bool:
        """Whether a value is one of the schema."""
        return bool(Validator(schema, registry=self._registry).is_valid(value))

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any], list[Mapping[str, Any]]]]:
        """Each operation with its method, its path and all its parameters."""
        for path, item in self.document["paths"].items():
            for method in item:
                if method in METHODS:
                    named = [
                        self.deref(each) for each in (*item.get("parameters", ()), *item[method].get("parameters", ()))
                    ]
                    yield method, path, item[method], [*{(each["in"], each["name"]): each for each in named}.values()]

    @cached_property
    def _table(self) -> dict[str, list[Any]]:
        table: dict[str, list[Any]] = {method: [] for method in METHODS}
        for method, path, operation, parameters in self.operations():
            names = re.findall(r"\{([^}]*)\}", path)
            pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "([^/]*)", re.escape(path)))
            fixed = len(re.sub(r"\{[^}]*\}", "", path))
            table[method].append((-fixed, pattern, names, operation, parameters))
        return {method: sorted(rows, key=lambda row: row[0]) for method, rows in table.items()}

    def _read(self, asked: Asked, path: str) -> None:
        operation, parameters, segments = self._find(asked.method.lower(), path)
        query = asked.target.partition("?")[2]
        given = nested(query)
        for each in parameters:
            name, place = each["name"], each["in"]
            raw: Any = None
            if place == "path":
                raw = strictly_unquoted(segments[name])
            elif place == "header":
                raw = asked.headers.get(name.lower())
            elif place == "query":
                raw = given.pop(name.removesuffix("[]"), None)
            if raw is None and each.get("required"):
                raise Refused(f"{name} is missing in {place}")
            if raw is not None:
                split = place == "query" and not each.get("explode", True)
                value = asked.given[f"{place}.{name}"] = self._cast(raw.split(",") if split else raw, each["schema"])
                self._demand(value, each["schema"])
        if given:
            raise Refused(f"nobody asked for {given}")
        self._body(asked, operation)

    def _find(self, method: str, path: str) -> tuple[Any, Any, Mapping[str, str]]:
        for _, pattern, names, operation, parameters in self._table[method]:
            if match := pattern.fullmatch(path):
                return operation, parameters, dict(zip(names, match.groups(), strict=True))
        raise Refused(f"there is no {method} {path}")

    def _body(self, asked: Asked, operation: Mapping[str, Any]) -> None:
        described = self.deref(operation.get("requestBody"))
        if not asked.raw:
            if described and described.get("required"):
                raise Refused("the body is missing")
            return
        if described is None:
            raise Refused("a body that nobody asked for")
        kind = asked.headers.get("content-type", "").partition(";")[0]
        if kind not in described["content"]:
            raise Refused(f"the content type {kind!r} is not one of {list(described['content'])}")
        schema = described["content"][kind].get("schema", {})
        if kind == "application/x-www-form-urlencoded":
            asked.body = self._cast(nested(asked.raw.decode("ascii")), schema)
        elif kind == "multipart/form-data":
            known = {name: self.deref(each) for name, each in self.deref(schema)["properties"].items()}
            fields = multipart_fields(asked.raw, asked.headers["content-type"], {"properties": known})
            files = [name for name in fields if known[name].get("format") == "binary"]
            asked.body = fields | {name: bytes.fromhex(fields[name].rpartition("|")[2]).decode() for name in files}
        else:
            asked.body = json.loads(asked.raw) if kind.endswith("json") else asked.raw.decode()
        self._demand(asked.body, schema)

    def _demand(self, value: Any, schema: Any) -> None:
        if not self.fits(value, schema):
            raise Refused(f"{value!r} does not fit {json.dumps(schema)[:200]}")

    def _cast(self, raw: Any, schema: Any) -> Any:
        """What was written as text as the value that the schema asks for.

        Raises:
            Refused: no reading of it fits.
        """
        schema = self.deref(schema)
        for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            try:
                value = self._cast(raw, each)
            except (Refused, ValueError, TypeError, AttributeError):
                continue
            if self.fits(value, each):
                return value
        return self._by_type(raw, schema)

    def _by_type(self, raw: Any, schema: Mapping[str, Any]) -> Any:
        match schema.get("type"):
            case "array":
                rows = [*raw.values()] if isinstance(raw, Mapping) else raw if isinstance(raw, list) else [raw]
                return [self._cast(row, schema.get("items", {})) for row in rows]
            case "object":
                known, others = schema.get("properties", {}), schema.get("additionalProperties")
                other = others if isinstance(others, Mapping) else {}
                return {name: self._cast(each, known.get(name, other)) for name, each in raw.items()}
            case "integer":
                return int(raw)
            case "number":
                return float(raw)
            case "boolean":
                return {"true": True, "false": False}.get(raw, raw)
        return raw


def nested(raw: str) -> dict[str, Any]:
    """A query or a form with its brackets: `a[b][0]=x` is `{"a": {"b": {"0": "x"}}}`; a name given twice is a list."""
    found: dict[str, Any] = {}
    for pair in filter(None, raw.split("&")):
        name, _, text = pair.partition("=")
        first, *inner = re.findall(r"[^\[\]]+", unquote_plus(name))
        at, last = found, first
        for part in inner:
            at, last = at.setdefault(last, {}), part
        value = unquote_plus(text)
        at[last] = value if last not in at else [*(at[last] if isinstance(at[last], list) else [at[last]]), value]
    return found


class Samples:
    """Values of an API's schemas: the least that is required, and a few of the optional parts."""

    def __init__(self, api: PublicApi, optional: int = 2) -> None:
        self._api = api
        self._optional = optional

    def of(self, schema: Any, depth: int = 0) -> Any:
        """A value of the schema, as far as it can be made up.

        Raises:
            LookupError: it asks for what cannot be made up, such as the text of a pattern.
        """
        schema = self._api.deref(schema)
        made = self._made(schema, depth)
        if depth == 0 and not self._api.fits(made, schema):
            raise LookupError(f"{made!r} does not fit {json.dumps(schema)[:200]}")
        return made

    def _made(self, schema: Mapping[str, Any], depth: int) -> Any:
        if schema.get("enum"):
            return next(each for each in schema["enum"] if each is not None)
        for way in ("oneOf", "anyOf"):
            if schema.get(way) and "properties" not in schema:
                return self.of(schema[way][0], depth + 1)
        if schema.get("allOf"):
            parts = [self.of(each, depth + 1) for each in schema["allOf"]]
            return {k: v for part in parts for k, v in part.items()} if isinstance(parts[0], dict) else parts[0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return [self.of(schema.get("items", {}), depth + 1) for _ in range(max(1, schema.get("minItems", 1)))]
            case "integer":
                return int(schema.get("minimum", 1)) + 1
            case "number":
                return float(schema.get("minimum", 1)) + 0.5
            case "boolean":
                return True
        return next((text for text in self._texts(schema) if self._api.fits(text, schema)), None)

    def _texts(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        plain = "a b/ü" * (1 + schema.get("minLength", 0) // 5)
        yield from (schema["example"],) if "format" in schema and "example" in schema else ()
        yield plain[: schema.get("maxLength", len(plain))]
        yield from (schema[name] for name in ("example", "default") if name in schema)
        yield from ("2026-01-02T03:04:05Z", "1.2.3", "abcd", "sha256:" + 64 * "a", "https://example.org/a")

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        known, required = schema.get("properties", {}), schema.get("required", [])
        # What holds nothing cannot be told from what is not there where the body is a form.
        optional = self._optional if depth < 2 else 0 if required else 1
        more = [name for name in known if name not in required][:optional]
        made: dict[str, Any] = {}
        for name in (*required, *more):
            if not self._api.deref(known.get(name, {})).get("readOnly"):
                made[name] = self.of(known.get(name, {}), depth + 1)
        made = {name: each for name, each in made.items() if each != {} or name in required}
        if not made and isinstance(schema.get("additionalProperties"), Mapping):
            made["key"] = self.of(schema["additionalProperties"], depth + 1)
        return made
