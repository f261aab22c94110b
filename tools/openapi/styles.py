"""A value of a parameter as the text of its place: the styles of OpenAPI, which are those of RFC 6570.

========== ============== ========================================================
place      style          `color` of `["blue", "black"]`, not exploded and exploded
========== ============== ========================================================
path       simple         `blue,black`, `blue,black`
path       label          `.blue,black`, `.blue.black`
path       matrix         `;color=blue,black`, `;color=blue;color=black`
header     simple         `blue,black`, `blue,black`
query      form           `color=blue,black`, `color=blue&color=black`
query      spaceDelimited `color=blue%20black`, `color=blue&color=black`
query      pipeDelimited  `color=blue%7Cblack`, `color=blue&color=black`
query      deepObject     `color%5Bkey%5D=value`; arrays within by their index
cookie     form           `color=blue,black`, `color=blue; color=black`
========== ============== ========================================================

`null` is left out: there is no word for it outside JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from ...policies.errors import ToolError

Pair = tuple[str, str]
"""A name and its value, both encoded."""
Encode = Callable[[str], str]

_RESERVED = ":/?#[]@!$&'()*+,;="
_EXACT = 10**15


def encoded(text: str) -> str:
    """Percent-encoded, but for letters, digits and `-._~`."""
    return quote(text, safe="", errors="replace")


def encoded_reserved(text: str) -> str:
    """The same where a parameter allows reserved characters; those that would end the value are encoded still."""
    return quote(text, safe="".join(set(_RESERVED) - set("#&+[]")), errors="replace")


def as_is(text: str) -> str:
    """Unchanged: headers are not encoded."""
    return text


def text_of(value: Any) -> str:
    """A single value as text; what is no single value is JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))  # models write 3.0 where an integer is asked for, and servers do not take it
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def simple(value: Any, explode: bool, encode: Encode) -> str:
    """Style `simple`, of paths and headers.

    Raises:
        ToolError: several parts go where nothing is encoded, and one holds a comma.
    """
    parts = list(_parts(value, explode, encode))
    return parts[0] if not isinstance(value, (list, Mapping)) and parts else _joined(parts, ",")


def label(value: Any, explode: bool, encode: Encode) -> str:
    """Style `label`, of paths."""
    if not explode:
        return "." + ",".join(_parts(value, False, encode))
    # A dot separates the parts here, so one within them is encoded, which no other style needs.
    return "." + ".".join(_parts(value, True, lambda text: encode(text).replace(".", "%2E")))


def matrix(name: str, value: Any, explode: bool, encode: Encode) -> str:
    """Style `matrix`, of paths."""
    return "".join(f";{key}={text}" if text else f";{key}" for key, text in form(name, value, explode, encode))


def form(name: str, value: Any, explode: bool, encode: Encode) -> list[Pair]:
    """Style `form`, of queries, cookies and form bodies."""
    return delimited(name, value, explode, encode, ",")


def delimited(name: str, value: Any, explode: bool, encode: Encode, delimiter: str) -> list[Pair]:
    """Styles `form`, `spaceDelimited` and `pipeDelimited`, which differ in what stands between the parts.

    Raises:
        ToolError: one of several parts holds what stands between them, which would be read as two.
    """
    key = encode(name)
    if isinstance(value, Mapping) and explode:
        return [(encode(str(each)), encode(text_of(inner))) for each, inner in value.items() if inner is not None]
    if isinstance(value, list) and explode:
        return [(key, encode(text_of(inner))) for inner in value if inner is not None]
    parts = list(_parts(value, False, encode))
    several = isinstance(value, (list, Mapping))
    return [(key, _joined(parts, delimiter) if several else parts[0])] if parts else []


def deep_object(name: str, value: Any, encode: Encode) -> list[Pair]:
    """Style `deepObject`, to any depth."""
    return [(encode(key), encode(text_of(inner))) for key, inner in _leaves(name, value)]


def _joined(parts: list[str], delimiter: str) -> str:
    if any(delimiter in part for part in parts):
        raise ToolError(f"no part of a list may hold {unquote(delimiter)!r} here: it separates the parts; leave it out")
    return delimiter.join(parts)


def _parts(value: Any, explode: bool, encode: Encode) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if inner is not None:
                pair = (encode(str(key)), encode(text_of(inner)))
                yield from ["=".join(pair)] if explode else pair
    elif isinstance(value, list):
        yield from (encode(text_of(inner)) for inner in value if inner is not None)
    elif value is not None:
        yield encode(text_of(value))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}[{key}]", inner)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _leaves(f"{name}[{at}]", inner)
    elif value is not None:
        yield name, value


def decoded(text: str) -> bytes:
    """The bytes of a percent-encoded text."""
    return unquote_to_bytes(text)


def as_path(text: str) -> str:
    """A path whose templates are filled, with what a URL cannot hold encoded; what is encoded already stays."""
    return quote(text, safe="/%" + _RESERVED.translate({ord(each): None for each in "?#[]"}))
