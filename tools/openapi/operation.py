"""One operation of an API: what a model is told of it, and the request that its arguments make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ...policies.errors import InvalidTool, ToolError
from . import styles
from .bodies import Body, body_of, properties_of
from .credentials import Credentials, Signature, Wallet
from .document import Document, Node
from .parameters import Parameter, parameters_of
from .schemas import LONGEST_NOTE, Schemas
from .texts import shortened

LONGEST_DESCRIPTION = 300
"""Characters of an operation's description that a model is shown."""
ACCEPT = "application/json, text/plain;q=0.8, */*;q=0.5"
"""What is asked for where the document does not say what the operation answers with."""

_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_FILE_NOTE = "The content as text, or a data: URL with base64."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, ready to be sent.

    Attributes:
        method: in upper case.
        url: without any secret.
        sent_url: as it is sent, secrets and all.
        headers: as they are sent.
        content: the body; `None` for none.
        signature: the credentials in it.
    """

    method: str
    url: str
    sent_url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    signature: Signature = field(repr=False)


class Operation:
    """An operation, read from a document.

    Attributes:
        label: its id, or method and path, for messages.
        method: in upper case.
        path: its path, with templates.
        description: what a model reads to decide whether to call it.
        node: itself, as the document has it.
        document: where it stands.
    """

    def __init__(self, document: Document, method: str, path: str, node: Node, around: Node, wallet: Wallet) -> None:
        """Read it.

        Raises:
            InvalidTool: something in it cannot be read, or a template of its path has no parameter.
            UsageError: `auth` does not cover what it needs.
        """
        self.method, self.node = method.upper(), node
        self.path, _, inner = path.partition("?")
        self.label = str(node.get("operationId") or f"{self.method} {path}")
        self.credentials: Credentials = wallet.of(node)
        self.parameters: list[Parameter] = parameters_of(document, around, node, self.credentials.parameters)
        self.body: Body | None = body_of(document, node)
        self.description = _description(self.method, path, node)
        self.accept = _accepted(document, node)
        self.document = document
        # A path may hold no query by the standard, and many do: what is a parameter of the query there is sent as one.
        sent = {each.name for each in self.parameters if each.place == "query"}
        self._fixed = [pair for pair in inner.split("&") if pair and not sent.intersection(_TEMPLATE.findall(pair))]
        self._check_path(path)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments: each parameter by its name, and `body`."""
        schemas = Schemas(self.document, "request")
        properties = {
            each.argument: _described(schemas.read(each.schema), each.description) for each in self.parameters
        }
        required = [each.argument for each in self.parameters if each.required]
        if self.body is not None:
            properties["body"] = self._body_schema(schemas, self.body)
            required += ["body"] if self.body.required else []
        whole: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            whole["required"] = required
        if definitions := schemas.definitions():
            whole["$defs"] = definitions
        return whole

    def request(self, server: str, arguments: Mapping[str, Any], signature: Signature) -> Request:
        """The request that the arguments make.

        Args:
            server: the URL that the path is put behind.
            arguments: what the model gave; validated against `schema`.
            signature: the credentials to send.

        Raises:
            ToolError: an argument cannot be sent in its place; the message tells the model.
        """
        given = {each: arguments[each.argument] for each in self.parameters if arguments.get(each.argument) is not None}
        path, fixed = self._filled(given)
        query = fixed + [pair for each, value in given.items() if each.place == "query" for pair in each.pairs(value)]
        secret = [(styles.encoded(name), styles.encoded(text)) for name, text in signature.query.items()]
        headers = {"Accept": self.accept, **_headers(given), **signature.headers, **_cookies(given, signature)}
        content = None
        if self.body is not None and "body" in arguments:
            content, headers["Content-Type"] = self.body.encoded(arguments["body"])
        url = f"{server.rstrip('/')}{path}"
        return Request(
            method=self.method,
            url=_with_query(url, query),
            sent_url=_with_query(url, query + secret),
            headers=headers,
            content=content,
            signature=signature,
        )

    def _check_path(self, written: str) -> None:
        known = {each.name for each in self.parameters if each.place == "path"}
        missing = [name for name in _TEMPLATE.findall("&".join((self.path, *self._fixed))) if name not in known]
        if missing or not self.path.startswith("/"):
            reason = f"has no parameter for {{{missing[0]}}}" if missing else "does not begin with /"
            raise InvalidTool(f"the path {written!r} {reason}; correct it in the OpenAPI document")

    def _body_schema(self, schemas: Schemas, body: Body) -> Any:
        if body.kind == "binary":
            return {
                "type": "string",
                "description": f"{shortened(body.description, LONGEST_NOTE)} {_FILE_NOTE}".strip(),
            }
        if body.kind == "text" and not body.schema:
            return _described({"type": "string"}, body.description)
        read = _described(schemas.read(body.schema), body.description)
        if body.files:
            # Spelt out here, so that a model knows what to write for a file.
            inner = {name: schemas.read(each) for name, each in properties_of(self.document, body.schema).items()}
            notes = {name: {**each, "description": _FILE_NOTE} for name, each in inner.items() if name in body.files}
            read = {**read, "properties": {**read.get("properties", {}), **notes}} if isinstance(read, dict) else read
        return read

    def _filled(self, given: Mapping[Parameter, Any]) -> tuple[str, list[styles.Pair]]:
        """The path, and what of a query is written there."""
        values = {each.name: each.segment(value) for each, value in given.items() if each.place == "path"}
        for each in self.parameters:
            nothing = "." if each.style == "label" else ""
            if each.place == "path" and values.get(each.name, nothing) == nothing:
                raise ToolError(f"{each.argument} must not be empty: it is part of the path {self.path}")
        path = _TEMPLATE.sub(lambda match: values[match[1]], self.path)
        if any(unquote(segment) in (".", "..") for segment in path.split("/")):
            raise ToolError(f"the path {self.path} must not be left with '.' or '..'; give another value")
        pairs = [_TEMPLATE.sub(lambda match: values[match[1]], pair).partition("=") for pair in self._fixed]
        return styles.as_path(path), [(name, text) for name, _, text in pairs]


def _headers(given: Mapping[Parameter, Any]) -> dict[str, str]:
    headers = {each.name: each.header(value) for each, value in given.items() if each.place == "header"}
    for name, text in headers.items():
        if not text.isascii() or not text.isprintable():
            raise ToolError(f"the header {name} takes printable ASCII only; write the value without other characters")
    return headers


def _cookies(given: Mapping[Parameter, Any], signature: Signature) -> dict[str, str]:
    pairs = [pair for each, value in given.items() if each.place == "cookie" for pair in each.pairs(value)]
    pairs += [(name, styles.encoded(text)) for name, text in signature.cookies.items()]
    return {"Cookie": "; ".join(f"{name}={text}" for name, text in pairs)} if pairs else {}


def _with_query(url: str, pairs: list[styles.Pair]) -> str:
    return f"{url}?{'&'.join(f'{name}={text}' for name, text in pairs)}" if pairs else url


def _described(schema: Any, description: str) -> Any:
    text = shortened(description, LONGEST_NOTE)
    if not text:
        return schema
    return {**schema, "description": text} if isinstance(schema, dict) else {"description": text}


def _description(method: str, path: str, node: Node) -> str:
    summary = shortened(str(node.get("summary") or ""), LONGEST_DESCRIPTION)
    more = shortened(str(node.get("description") or ""), LONGEST_DESCRIPTION - len(summary))
    told = [text for text in (summary, more) if text]
    said = summary if more.rstrip(".").lower() == summary.rstrip(".").lower() or len(summary) > 200 else ". ".join(
        text.rstrip(".") for text in told
    )  # fmt: skip
    return (said or f"{method} {path}") + (" (deprecated)" if node.get("deprecated") is True else "")


def _accepted(document: Document, node: Node) -> str:
    """The media types that its successes come in."""
    found: dict[str, None] = {}
    for _, response in successes(document, node):
        content = response.get("content")
        found |= dict.fromkeys(content if isinstance(content, Mapping) else ())
    named = [media for media in found if media.isascii() and media.isprintable()]
    return ", ".join([*named, "*/*;q=0.1"]) if named else ACCEPT


def successes(document: Document, node: Node) -> list[tuple[str, Node]]:
    """The responses that stand for a success, by their status; `default` where no other does."""
    responses = node.get("responses")
    if not isinstance(responses, Mapping):
        return []
    named = [status for status in responses if str(status).startswith("2")] or ["default"]
    return [(str(status), document.resolved(responses[status])) for status in named if status in responses]


def flags_of(method: str) -> dict[str, bool]:
    """What HTTP promises of a method: GET, HEAD and OPTIONS change nothing, PUT and DELETE twice do what once does."""
    return {"read_only": method in ("GET", "HEAD", "OPTIONS"), "idempotent": method in ("PUT", "DELETE")}
