"""The body of a request: which media type is sent, what the model gives for it, and the bytes that makes."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...policies.errors import InvalidTool, ToolError
from . import styles
from .document import Document, Node
from .styles import Pair

Kind = Literal["json", "form", "multipart", "text", "binary"]

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[\w.+-]+)*(;base64)?,", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What an operation takes as its body.

    Attributes:
        kind: how it is written.
        media: the media type that is sent.
        required: whether a call must give it.
        schema: its schema, as the document has it.
        encoding: how the properties of a form are written, by name.
        files: properties of a form that are files.
        description: what it is, as the document has it.
    """

    kind: Kind
    media: str
    required: bool
    schema: Any
    encoding: Mapping[str, Node]
    files: frozenset[str]
    description: str

    def encoded(self, value: Any) -> tuple[bytes, str]:
        """The bytes and their `Content-Type`.

        Raises:
            ToolError: the value cannot be written in this way; the message tells the model.
        """
        match self.kind:
            case "json":
                return _json(value), self.media
            case "form":
                return _form(value, self.encoding), self.media
            case "multipart":
                return _multipart(value, self)
            case "text":
                return styles.text_of(value).encode("utf-8", "replace"), f"{self.media}; charset=utf-8"
            case "binary":
                content, media = _file(styles.text_of(value))
                return content, (media or "application/octet-stream") if "*" in self.media else self.media


def body_of(document: Document, operation: Node) -> Body | None:
    """The body that an operation takes: of several media types JSON, else a form, else text, else a file; `None` where
    it takes none, or one that need not be there and can hold nothing.

    Raises:
        InvalidTool: it declares a body without a media type.
    """
    if "requestBody" not in operation:
        return None
    node = document.resolved(operation["requestBody"])
    content, required = node.get("content"), node.get("required") is True
    if content == {} and not required:
        return None
    if not isinstance(content, Mapping) or not content:
        raise InvalidTool("the request body has no media type; write its content")
    media = min(content, key=_rank)
    described = document.resolved(content[media])
    schema = described.get("schema", {})
    if not required and _holds_nothing(document, schema):
        return None
    encoding = described.get("encoding")
    kind = _kind(media)
    return Body(
        kind=kind,
        media=media.strip() if kind == "json" else _bare(media),
        required=required,
        schema=schema,
        encoding=encoding if isinstance(encoding, Mapping) else {},
        files=frozenset(_files(document, schema, encoding)) if kind == "multipart" else frozenset(),
        description=str(node.get("description") or ""),
    )


def _holds_nothing(document: Document, schema: Any) -> bool:
    """Whether it is an object without properties: some documents give every operation a body."""
    node = document.resolved(schema) if isinstance(schema, Mapping) else {}
    closed = node.get("type") == "object" and node.get("additionalProperties") is False
    return closed and not node.keys() & {"allOf", "anyOf", "oneOf", "patternProperties"} and not node.get("properties")


def _bare(media: str) -> str:
    return media.partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type is JSON, whatever its parameters."""
    bare = _bare(media)
    return bare in ("application/json", "text/json") or bare.endswith("+json")


def _kind(media: str) -> Kind:
    bare = _bare(media)
    if is_json(bare):
        return "json"
    if bare == _FORM:
        return "form"
    if bare == _MULTIPART:
        return "multipart"
    return "text" if bare.startswith("text/") or bare.endswith(("/xml", "+xml", "yaml")) else "binary"


def _rank(media: str) -> tuple[int, bool]:
    return ("json", "form", "multipart", "text", "binary").index(_kind(media)), not is_json(media) or "+" in media


def _files(document: Document, schema: Any, encoding: Any) -> Iterator[str]:
    for name, each in properties_of(document, schema).items():
        how = encoding.get(name, {}) if isinstance(encoding, Mapping) else {}
        inner = document.resolved(each) if isinstance(each, Mapping) else {}
        if inner.get("type") == "array" and isinstance(inner.get("items"), Mapping):
            inner = document.resolved(inner["items"])
        media = str(how.get("contentType") or inner.get("contentMediaType") or "text/plain")
        if inner.get("format") == "binary" or _kind(media) == "binary":
            yield name


def properties_of(document: Document, schema: Any) -> dict[str, Any]:
    """The properties of an object schema, those of its `allOf` among them."""
    found: dict[str, Any] = {}
    waiting, seen = [schema], 0
    while waiting and seen < 100:  # `allOf` may refer back to itself, where nothing new is to be found
        seen += 1
        each = waiting.pop()
        node = document.resolved(each) if isinstance(each, Mapping) else {}
        inner = node.get("properties")
        found |= inner if isinstance(inner, Mapping) else {}
        waiting += node.get("allOf") or ()
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _form(value: Any, encoding: Mapping[str, Node]) -> bytes:
    pairs = [pair for name, inner in _fields(value).items() for pair in _written(name, inner, encoding.get(name, {}))]
    return "&".join(f"{name}={text}" for name, text in pairs).encode()


def _fields(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ToolError(f"body must be an object with the fields of the form, got {type(value).__name__}")
    return {name: inner for name, inner in value.items() if inner is not None}


def _written(name: str, value: Any, how: Node) -> list[Pair]:
    style = how.get("style")
    if style == "deepObject":
        return styles.deep_object(name, value, styles.encoded)
    if style is None and how.get("explode") is None:
        # Without a style a list is its items, one by one, and an object is JSON.
        items = value if isinstance(value, list) else [value]
        return [(styles.encoded(name), styles.encoded(styles.text_of(each))) for each in items if each is not None]
    delimiter = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(str(style), ",")
    explode = how.get("explode", style in (None, "form"))
    return styles.delimited(name, value, bool(explode), styles.encoded, delimiter)


def _multipart(value: Any, body: Body) -> tuple[bytes, str]:
    parts = [
        _part(name, each, body)
        for name, inner in _fields(value).items()
        for each in (inner if isinstance(inner, list) else [inner])
        if each is not None
    ]
    boundary = secrets.token_hex(16)
    whole = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return whole + b"--" + boundary.encode() + b"--\r\n", f"{_MULTIPART}; boundary={boundary}"


def _part(name: str, value: Any, body: Body) -> bytes:
    quoted = name.translate({0x22: "%22", 0x0D: "%0D", 0x0A: "%0A"})
    asked = str(body.encoding.get(name, {}).get("contentType") or "").partition(",")[0].strip()
    disposition = f'Content-Disposition: form-data; name="{quoted}"'
    if name in body.files:
        content, media = _file(styles.text_of(value))
        disposition += f'; filename="{quoted}"'
        asked = asked if asked and "*" not in asked else media or "application/octet-stream"
    else:
        plain = not isinstance(value, (Mapping, list)) and not is_json(asked)
        content = styles.text_of(value).encode("utf-8", "replace") if plain else _json(value)
        asked = asked or ("text/plain; charset=utf-8" if plain else "application/json")
    return f"{disposition}\r\nContent-Type: {asked}\r\n\r\n".encode() + content


def _file(text: str) -> tuple[bytes, str | None]:
    """A file's bytes and its media type: a `data:` URL says both, any other text is the content itself."""
    head = _DATA_URL.match(text)
    if head is None:
        return text.encode("utf-8", "replace"), None
    decode: Callable[[str], bytes] = _from_base64 if head[2] else lambda rest: styles.decoded(rest)
    return decode(text[head.end() :]), head[1]


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ToolError("the data: URL of a file holds no valid base64; write the content as text instead") from None
