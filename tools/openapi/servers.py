"""Where the requests of an operation go: to the author's `base_url`, or to the server that the document names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...policies.errors import UsageError
from ..http import origin
from .document import Document, Node

_VARIABLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Server:
    """A server's URL, and whether the author named it: then it may be a private address."""

    url: str
    trusted: bool


def server_of(document: Document, operation: Node, around: Node, base_url: str | None) -> Server:
    """The server of an operation.

    Raises:
        UsageError: `base_url` is no http(s) URL, or there is none and the document names none.
    """
    if base_url is not None:
        return Server(_checked("base_url", base_url), True)
    for node in (operation, around, document.root):
        servers = node.get("servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], Mapping):
            return Server(_checked("the document's server", _filled(servers[0])), False)
    raise UsageError(f"{document.name} names no server; pass base_url='https://...'")


def _filled(server: Node) -> str:
    variables = server.get("variables")
    known = variables if isinstance(variables, Mapping) else {}
    return _VARIABLE.sub(lambda match: str(known.get(match[1], {}).get("default", "")), str(server.get("url", "")))


def _checked(parameter: str, url: str) -> str:
    if not isinstance(url, str) or origin(url) is None or "?" in url or "#" in url:
        raise UsageError(f"{parameter} must be an http or https URL without a query, got {url!r:.200}; pass base_url=")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise UsageError(f"{parameter} must not carry a user name or password; pass them as auth=")
    return url.rstrip("/")
