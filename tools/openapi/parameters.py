"""The parameters of an operation: what the model calls each, and where and how its value is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...policies.errors import InvalidTool
from . import styles
from .document import Document, Node
from .styles import Pair
from .texts import valid_name

Place = Literal["path", "query", "header", "cookie"]

_STYLES: Mapping[str, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
"""The styles of each place, its default first."""
_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}

_NOT_OFFERED = frozenset(
    {"accept", "authorization", "content-type", "content-length", "transfer-encoding", "connection", "host", "cookie"}
    | {"te", "trailer", "upgrade", "expect", "keep-alive", "proxy-authorization", "proxy-connection"}
)
"""Headers no model sets: OpenAPI leaves the first three to the media types and the credentials, and the others frame
the message or name its receiver."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameter:
    """One parameter.

    Attributes:
        argument: what the model calls it; the name itself where models accept that and no other parameter has it.
        name: its name in the request.
        place: `path`, `query`, `header` or `cookie`.
        style: how a list or an object is written, one of the place's styles; see `styles`.
        explode: whether each part is written by itself.
        reserved: whether reserved characters stay as they are (`allowReserved`).
        as_json: whether the value is written as JSON (`content`).
        required: whether a call must give it.
        schema: its schema, as the document has it.
        description: what it means, as the document has it.
    """

    argument: str
    name: str
    place: Place
    style: str
    explode: bool
    reserved: bool
    as_json: bool
    required: bool
    schema: Any
    description: str

    def pairs(self, value: Any) -> list[Pair]:
        """The value as encoded names and values of a query or of cookies."""
        encode = styles.encoded_reserved if self.reserved else styles.encoded
        if self.as_json:
            return [(styles.encoded(self.name), encode(_json(value)))]
        if self.style == "deepObject":
            return styles.deep_object(self.name, value, encode)
        return styles.delimited(self.name, value, self.explode, encode, _DELIMITERS[self.style])

    def segment(self, value: Any) -> str:
        """The value as part of a path."""
        if self.as_json:
            return styles.encoded(_json(value))
        if self.style == "matrix":
            return styles.matrix(self.name, value, self.explode, styles.encoded)
        return (styles.label if self.style == "label" else styles.simple)(value, self.explode, styles.encoded)

    def header(self, value: Any) -> str:
        """The value as a header's."""
        return _json(value, ascii_only=True) if self.as_json else styles.simple(value, self.explode, styles.as_is)


def _json(value: Any, *, ascii_only: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


def parameters_of(document: Document, around: Node, operation: Node, own: Iterable[tuple[str, str]]) -> list[Parameter]:
    """The parameters that a model is to give for an operation.

    Args:
        document: where they stand.
        around: the path item; the operation's own parameter of the same name and place comes before its.
        operation: the operation.
        own: place and name of those that carry credentials, which no model gives.

    Raises:
        InvalidTool: one has no name, place or known style.
    """
    merged: dict[tuple[str, str], Node] = {}
    for given in (*(around.get("parameters") or ()), *(operation.get("parameters") or ())):
        node = document.resolved(given)
        merged[_key(node)] = node
    hidden = {_lowered(*each) for each in own}
    found: list[Parameter] = []
    names = [name for _, name in merged]
    for (place, name), node in merged.items():
        if _lowered(place, name) in hidden or (place == "header" and name.lower() in _NOT_OFFERED):
            continue
        asked = name if names.count(name) == 1 and name != "body" else f"{place}_{name}"
        found.append(_parameter(node, valid_name(asked, [each.argument for each in found], dots=True)))
    return found


def _key(node: Node) -> tuple[str, str]:
    place, name = node.get("in"), node.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidTool("a parameter has no name; write one")
    if place not in _STYLES:
        raise InvalidTool(f"the parameter {name!r} is in {place!r}, not in one of: {', '.join(_STYLES)}")
    return str(place), name


def _lowered(place: str, name: str) -> tuple[str, str]:
    return place, name.lower() if place == "header" else name


def _parameter(node: Node, argument: str) -> Parameter:
    place: Place = node["in"]
    style = node.get("style", _STYLES[place][0])
    if style not in _STYLES[place]:
        raise InvalidTool(
            f"the parameter {node['name']!r} in {place} has the style {style!r}; "
            f"it must be one of: {', '.join(_STYLES[place])}"
        )
    content = node.get("content")
    as_json = isinstance(content, Mapping) and bool(content)
    schema = next(iter(content.values())).get("schema", {}) if as_json and content else node.get("schema", {})
    explode = node.get("explode")
    return Parameter(
        argument=argument,
        name=node["name"],
        place=place,
        style=style,
        explode=explode if isinstance(explode, bool) else style == "form",
        reserved=place == "query" and node.get("allowReserved") is True,
        as_json=as_json,
        required=place == "path" or node.get("required") is True,
        schema=schema,
        description=str(node.get("description") or ""),
    )
