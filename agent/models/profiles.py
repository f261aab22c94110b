"""A tool as the embedded model sees it: what its words say, and what each parameter wants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .base import ToolSpec
from .lexicon import EFFECTS, PLAIN_EFFECTS, RELATED
from .words import STOP, name_words, stem, stem_set, word_set, words

MAX_CHOICES = 400
"""Enum values of one parameter that are compared with a question."""

MAX_DESCRIPTION = 4_000
"""Characters of a tool's description that are read."""

Role = Literal[
    "expression", "unit", "quantity", "number", "integer", "boolean", "choice", "place", "zone", "uri", "email", "date",
    "path", "query", "sql", "code", "name", "text", "currency", "language", "other", "unfillable",
]  # fmt: skip
Side = Literal["from", "to", ""]

_FORMATS: dict[str, Role] = {
    "expression": "expression", "unit": "unit", "quantity": "quantity", "place": "place", "time-zone": "zone",
    "timezone": "zone", "uri": "uri", "url": "uri", "date": "date", "path": "path", "file-path": "path",
    "query": "query", "sql": "sql", "identifier": "code", "email": "email", "currency": "currency",
    "language": "language", "text": "text", "name": "name",
}  # fmt: skip
_NAMES: dict[Role, frozenset[str]] = {
    "uri": word_set("url uri link website webpage"),
    "email": word_set("email recipient"),
    "sql": word_set("sql"),
    "expression": word_set("expression formula equation calculation"),
    "currency": word_set("currency"),
    "unit": word_set("unit units"),
    "zone": word_set("timezone tz"),
    "date": word_set("date day"),
    "path": word_set("path file filename filepath"),
    "language": word_set("language lang"),
    "place": word_set("city location place town country region destination origin address where"),
    "code": word_set("ticker symbol code id identifier sku isin reference number"),
    "query": word_set("query question q search keywords keyword topic prompt"),
    "name": word_set("name person author employee customer title company username user"),
    "text": word_set("text message content body sentence phrase note"),
}
_TYPES: dict[Any, Role] = {"number": "number", "integer": "integer", "boolean": "boolean"}
_FROM = word_set("from source src origin input start departure base")
_TO = word_set("to target dest destination output into end arrival")
_SEARCHES = stem_set("search find look lookup retrieve query documents knowledge passages answer ask web wiki faq")
_COLUMN_NAMES = word_set("column field key property attribute")
_VALUES = re.compile(r"[\w.&/-]+")
_READS = re.compile(r"\bread[- ]only\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n\n|;\s|:\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a tool.

    Attributes:
        name: its name.
        role: what kind of span fills it.
        required: whether a call must have it.
        side: `from` or `to` where the name says so, as in `from_unit`.
        stems: the stems of its name's words that carry meaning.
        choices: the values of its enum.
        examples: the values its schema gives as examples.
        many: whether it takes a list.
        values: for a filter, the known values of each column (`x-values` in the schema).
        schema: the JSON Schema, references resolved.
    """

    name: str
    role: Role
    required: bool
    side: Side
    stems: frozenset[str]
    choices: tuple[Any, ...]
    examples: tuple[Any, ...]
    many: bool
    values: Mapping[str, tuple[str, ...]]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A tool, read once.

    Attributes:
        name: the tool's name.
        vocabulary: how strongly each stem belongs to it, from 0 to 1.
        fields: fields of meaning its name and first sentence touch.
        parameters: its parameters in the schema's order.
        effect: the stem of the verb it changes the world with; empty for a tool that only reads.
        searches: whether it takes free text as a search does.
        says: the first sentence of its description.
        description: the description, cut to what is read.
    """

    name: str
    vocabulary: Mapping[str, float]
    fields: frozenset[int]
    parameters: tuple[Parameter, ...]
    effect: str
    searches: bool
    says: str
    description: str

    def affinity(self, word_stem: str) -> float:
        """How strongly a word belongs to the tool: its own word, or one of a field that the tool is about."""
        own = self.vocabulary.get(word_stem, 0.0)
        if own >= 0.8 or not self.fields:
            return own
        return max(own, 0.8 if RELATED.get(word_stem, frozenset()) & self.fields else 0.0)

    def filters(self) -> Iterator[tuple[Parameter, Parameter]]:
        """Pairs of parameters that restrict by a column and its value, such as `where_column` and `where_value`."""
        for column in self.parameters:
            prefix, _, last = column.name.rpartition("_")
            if last in _COLUMN_NAMES and prefix:
                value = next((p for p in self.parameters if p.name == f"{prefix}_value"), None)
                if value is not None:
                    yield column, value


def profile(spec: ToolSpec) -> Profile:
    """Read a tool's name, description and schema."""
    properties = spec.parameters.get("properties", {})
    required = set(spec.parameters.get("required", ()))
    description = spec.description[:MAX_DESCRIPTION]
    parameters = tuple(
        _parameter(name, _resolved(schema, spec.parameters), name in required)
        for name, schema in properties.items()
        if isinstance(schema, Mapping)
    )
    says = first_sentence(description)
    title = [stem(part) for part in name_words(spec.name)]
    opening = {*title, *(word.stem for word in words(says))}
    return Profile(
        name=spec.name, vocabulary=_vocabulary(title, says, description, parameters),
        fields=_fields(title, says), parameters=_with_role_of_rest(parameters, opening),
        effect=_effect(spec.name, description), searches=bool(_SEARCHES & opening), says=says, description=description,
    )  # fmt: skip


def first_sentence(description: str) -> str:
    """The first sentence of a description, without its full stop; at most 160 characters."""
    text = " ".join(description[:600].split())
    end = _SENTENCE_END.search(text)
    text = text[: end.start()] if end else text
    return text if len(text) <= 160 else text[:160].rsplit(" ", 1)[0] + " …"


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A schema with its reference followed and its one real alternative taken, outer keys winning."""
    merged = dict(schema)
    if depth > 8:
        return merged
    reference = merged.pop("$ref", None)
    if isinstance(reference, str):
        merged = _resolved(_target(reference, root), root, depth + 1) | merged
    for key in ("anyOf", "oneOf", "allOf"):
        options = [o for o in merged.get(key) or () if isinstance(o, Mapping) and o.get("type") != "null"]
        if options:
            merged = _alternative(options, root, depth) | merged
    return merged


def _alternative(options: list[Mapping[str, Any]], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    resolved = [_resolved(option, root, depth + 1) for option in options]
    choices = [value for option in resolved for value in _enum(option)]
    first = resolved[0]
    return first | {"enum": choices} if choices and all(_enum(option) for option in resolved) else first


def _target(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part, {}) if isinstance(node, Mapping) else {}
    return node if isinstance(node, Mapping) else {}


def _enum(schema: Mapping[str, Any]) -> list[Any]:
    values = schema.get("enum")
    if isinstance(values, list):
        return [value for value in values if value is not None]
    return [schema["const"]] if schema.get("const") is not None else []


def _parameter(name: str, schema: dict[str, Any], required: bool) -> Parameter:
    many = schema.get("type") == "array"
    item = _resolved(schema.get("items") or {}, {}) if many else schema
    parts = name_words(name)
    choices = tuple(_enum(item)[:MAX_CHOICES])
    examples = item.get("examples") or schema.get("examples") or ()
    return Parameter(
        name=name, role="choice" if choices else _role(parts, item, schema), required=required, side=_side(parts),
        stems=frozenset(stem(part) for part in parts if part not in STOP), choices=choices,
        examples=tuple(examples)[:MAX_CHOICES] if isinstance(examples, (list, tuple)) else (),
        many=many, values=_values(schema), schema=schema,
    )  # fmt: skip


def _side(parts: tuple[str, ...]) -> Side:
    if _FROM.intersection(parts):
        return "from"
    return "to" if _TO.intersection(parts) else ""


def _role(parts: tuple[str, ...], item: Mapping[str, Any], outer: Mapping[str, Any]) -> Role:
    written = str(item.get("format") or outer.get("format") or "").lower()
    if written in _FORMATS:
        return _FORMATS[written]
    kind = item.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in ("object", "array"):
        return "unfillable"
    return next((role for role, names in _NAMES.items() if names.intersection(parts)), "other")


def _values(schema: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    known = schema.get("x-values")
    if not isinstance(known, Mapping):
        return {}
    return {
        str(column): tuple(str(value) for value in values)[:MAX_CHOICES]
        for column, values in known.items()
        if isinstance(values, (list, tuple))
    }


def _with_role_of_rest(parameters: tuple[Parameter, ...], opening: set[str]) -> tuple[Parameter, ...]:
    """A free text named `query` is a search only where the tool says that it searches."""
    if _SEARCHES & opening:
        return parameters
    return tuple(
        _as(parameter, "other")
        if parameter.role == "query" and parameter.schema.get("format") != "query"
        else parameter
        for parameter in parameters
    )


def _as(parameter: Parameter, role: Role) -> Parameter:
    return Parameter(**{name: getattr(parameter, name) for name in Parameter.__slots__} | {"role": role})


def _vocabulary(title: list[str], says: str, description: str, parameters: tuple[Parameter, ...]) -> dict[str, float]:
    known: dict[str, float] = {}
    layers: list[tuple[float, set[str]]] = [
        (0.6, {s for parameter in parameters for s in parameter.stems}),
        (0.8, {word.stem for word in words(description) if word.meaning}),
        (0.9, {word.stem for word in words(says) if word.meaning}),
        (1.0, {part for part in title if part not in STOP}),
    ]
    for weight, stems in layers:
        known.update(dict.fromkeys(stems, weight))
    return known


def _fields(title: list[str], says: str) -> frozenset[int]:
    stems = {*title, *(word.stem for word in words(says) if word.meaning)}
    return frozenset(field for s in stems for field in RELATED.get(s, ()))


def _effect(name: str, description: str) -> str:
    """The verb a tool changes the world with: the first word of its description, or an unmistakable one in its name."""
    if _READS.search(description):
        return ""
    first = _VALUES.search(description)
    if first is not None and first[0].lower() in EFFECTS:
        return stem(first[0])
    parts = name_words(name)
    known = PLAIN_EFFECTS if description.strip() else EFFECTS
    return stem(parts[0]) if parts and parts[0] in known else ""
