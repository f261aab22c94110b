"""What an API answered, as a tool's result: the data, what comes after it, or why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ...policies.errors import ToolError
from ..asked_wait import asked_wait
from ..http import Response
from .bodies import is_json
from .credentials import Signature
from .operation import Operation
from .parameters import Parameter
from .sending import ApiError

LONGEST_COMPLAINT = 300
"""Characters of an error's body that a model is shown."""

_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.ASCII | re.IGNORECASE)
_NEXT = re.compile(r'<([^<>]*)>[^,<>]*;\s*rel="?(?:[\w -]*\s)?next\b')


class Page(dict[str, Any]):
    """An answer with the arguments of the next page: `{"items": ..., "next": {...}}`."""


def result_of(operation: Operation, response: Response, signature: Signature) -> Any:
    """What the tool returns.

    JSON as its value; text as it is; of anything else its media type and size; of an answer without a body its status.
    Where a header `Link` names a next page that the operation's own query parameters can ask for, a `Page`.

    Raises:
        ApiError: the status is no success.
        ToolError: it is said to be JSON, and cannot be read.
    """
    text = signature.scrubbed(_text(response))
    if not 200 <= response.status < 300:
        raise _refusal(operation, response, text)
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not response.body or operation.method == "HEAD":
        return {"status": response.status, **_head(response, signature)}
    if is_json(media) or (not media and text.lstrip()[:1] in ("{", "[")):
        return _paged(operation, response, _value(operation, text))
    if media.startswith("text/") or media.endswith(("xml", "yaml", "json", "javascript")):
        return text
    return {"media_type": media or "unknown", "bytes": len(response.body), "note": "the content is not text"}


def _value(operation: Operation, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ToolError(f"{operation.label} answered with JSON that cannot be read") from None


def _text(response: Response) -> str:
    """The body in the charset that the server names, if that is known; in UTF-8 otherwise."""
    named = _CHARSET.search(response.headers.get("content-type", ""))
    try:
        return response.body.decode(named[1] if named else "utf-8", "replace")
    except LookupError:
        return response.text


def _head(response: Response, signature: Signature) -> dict[str, Any]:
    named = ("content-type", "content-length", "last-modified", "etag", "location")
    said = {name: response.headers.get(name, "") for name in named}
    return {name: signature.scrubbed(text) for name, text in said.items() if text not in ("", "0")}


def _refusal(operation: Operation, response: Response, text: str) -> ApiError:
    status = response.status
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "no standard status"
    said = _complaint(text)
    message = f"{operation.label} was answered with {status} ({phrase})" + (f": {said}" if said else "")
    return ApiError(message, status, asked_wait(response.headers))


def _complaint(text: str) -> str:
    """What the body of an error says, on one line; a page of HTML says nothing."""
    if text.lstrip()[:1] == "<":
        return ""
    line = " ".join(text[: 10 * LONGEST_COMPLAINT].split())
    return line if len(line) <= LONGEST_COMPLAINT else f"{line[:LONGEST_COMPLAINT]}…"


def _paged(operation: Operation, response: Response, value: Any) -> Any:
    match = _NEXT.search(response.headers.get("link", "")[:5_000])
    if match is None:
        return value
    following = _arguments(operation.parameters, urlsplit(match[1]).query)
    return Page(items=value, next=following) if following else value


def _arguments(parameters: Iterable[Parameter], query: str) -> Mapping[str, str]:
    """The arguments that ask for a query's page: single values of parameters that the operation has."""
    known = {each.name: each.argument for each in parameters if each.place == "query"}
    return {known[name]: text for name, text in parse_qsl(query) if name in known}
