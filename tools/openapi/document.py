"""An OpenAPI document, read but not walked: what it refers to is looked up when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ...policies.errors import InvalidPath, InvalidTool, MissingExtra

METHODS = ("get", "head", "options", "put", "delete", "post", "patch")
"""The methods that become tools; `trace` echoes the request, credentials and all, and does not."""
LONGEST_CHAIN = 32
"""References that may stand behind each other before what they name is given up as a circle."""

Node = Mapping[str, Any]
"""An object of the document."""


class Document:
    """An OpenAPI 3.0 or 3.1 document.

    Attributes:
        root: the document as it is.
        is_30: whether it is of OpenAPI 3.0, whose schemas are not quite JSON Schema.
        name: its title, for messages.
    """

    def __init__(self, source: Node | str | PathLike[str]) -> None:
        """Read the document.

        Args:
            source: the document as a mapping, its text (JSON or YAML), or the path of a file with that text.

        Raises:
            InvalidTool: it is not an OpenAPI document of version 3.0 or 3.1.
            InvalidPath: the file cannot be read.
            MissingExtra: it is YAML, and PyYAML is not installed.
        """
        self.root = _root(source)
        self.is_30 = _version(self.root).startswith("3.0")
        info = self.root.get("info")
        self.name = str(info.get("title") or "the API") if isinstance(info, Mapping) else "the API"

    def operations(self) -> Iterator[tuple[str, str, Node, Node]]:
        """Every operation: its method in lower case, its path, itself, and the path item around it."""
        paths = self.root.get("paths") or {}
        for path, item in _mapping(paths, "paths").items():
            if str(path).startswith("x-"):
                continue
            around = self.resolved(_mapping(item, f"paths[{path!r}]"))
            for method, operation in around.items():
                if method in METHODS and isinstance(operation, Mapping):
                    yield method, path, operation, around

    def resolved(self, node: Any) -> Node:
        """The object that a node is, or that its `$ref` names, over any number of steps.

        Raises:
            InvalidTool: a reference leads out of the document, nowhere, or in a circle.
        """
        for _ in range(LONGEST_CHAIN):
            if not isinstance(node, Mapping):
                raise InvalidTool(f"the OpenAPI document has {node!r:.60} where an object must stand; correct it there")
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self.at(reference)
        raise InvalidTool(f"the $ref {reference!r:.200} leads in a circle; correct it in the OpenAPI document")

    def at(self, reference: str) -> Any:
        """What stands where a `$ref` points to.

        Raises:
            InvalidTool: it leads out of the document (nothing is ever fetched), or there is nothing.
        """
        if not reference.startswith("#"):
            raise InvalidTool(
                f"the $ref {reference!r:.200} leads out of the OpenAPI document, and nothing is fetched; "
                "bundle the document into one file"
            )
        node: Any = self.root
        for part in reference[1:].split("/")[1:]:
            node = _step(node, unquote(part).replace("~1", "/").replace("~0", "~"), reference)
        return node


def _step(node: Any, part: str, reference: str) -> Any:
    if isinstance(node, Mapping) and part in node:
        return node[part]
    if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
        return node[int(part)]
    raise InvalidTool(f"the $ref {reference!r:.200} names nothing; correct it in the OpenAPI document")


def _mapping(node: Any, place: str) -> Node:
    if not isinstance(node, Mapping):
        raise InvalidTool(f"the OpenAPI document has no object at {place}, but {node!r:.60}")
    return node


def _root(source: Node | str | PathLike[str]) -> Node:
    if isinstance(source, Mapping):
        return source
    text, place = _text(source)
    try:
        read = json.loads(text) if text.lstrip("\ufeff \t\r\n")[:1] == "{" else _yaml(text)
    except MissingExtra:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidTool(f"{place} is neither JSON nor YAML that can be read: {error!s:.200}") from None
    if not isinstance(read, Mapping):
        raise InvalidTool(f"{place} is no OpenAPI document: it holds {type(read).__name__}, not an object")
    return read


def _text(source: str | PathLike[str]) -> tuple[str, str]:
    """The document's text, and what to call it: a string of one line that does not begin like JSON is a path."""
    if isinstance(source, str) and (source.lstrip()[:1] == "{" or "\n" in source):
        return source, "the text of the OpenAPI document"
    try:
        return Path(source).read_text(encoding="utf-8-sig"), f"the file {str(source)!r}"
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidPath(f"the OpenAPI document {str(source)!r:.200} cannot be read: {reason}") from None


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingExtra("an OpenAPI document in YAML", "openapi") from None
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # A date stays text, as JSON would have it.
    plain: Any = type("PlainLoader", (loader,), {"yaml_implicit_resolvers": _without_dates(loader)})
    try:
        return _keys_as_text({}, yaml.load(text, plain))  # type: ignore[no-untyped-call]  # it publishes no types; a safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _without_dates(loader: Any) -> dict[str, list[Any]]:
    resolvers = loader.yaml_implicit_resolvers
    return {first: [each for each in some if not each[0].endswith(":timestamp")] for first, some in resolvers.items()}


def _keys_as_text(known: dict[int, Any], node: Any) -> Any:
    """The same with every key as text, as YAML reads the status `200:` as a number; what is shared stays shared, so
    that a few aliases do not become a document of any size."""
    if not isinstance(node, (dict, list)):
        return node
    if id(node) not in known:
        known[id(node)] = (
            {str(key): _keys_as_text(known, value) for key, value in node.items()}
            if isinstance(node, dict)
            else [_keys_as_text(known, each) for each in node]
        )
    return known[id(node)]


def _version(root: Node) -> str:
    version = str(root.get("openapi", ""))
    if version.startswith(("3.0", "3.1")):
        return version
    found = f"Swagger {root['swagger']}" if "swagger" in root else f"openapi {version!r}" if version else "no version"
    raise InvalidTool(f"an OpenAPI document must be of version 3.0 or 3.1, this one is of {found}; convert it first")
