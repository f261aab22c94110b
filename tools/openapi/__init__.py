"""The operations of an API that an OpenAPI document describes, as tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any

from ...policies.errors import InvalidTool, UsageError
from ..declared import from_schema
from ..tool import Tool
from .checks import ResponseCheck
from .credentials import Auth, Wallet
from .document import Document
from .operation import Operation, flags_of
from .replies import result_of
from .selection import chosen
from .sending import ApiError, Sender
from .servers import server_of
from .texts import valid_name

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 2_000_000
"""Bytes of an answer at most, decompressed; a larger one is refused."""

__all__ = ["ApiError", "openapi_tools"]


def openapi_tools(
    document: Mapping[str, Any] | str | PathLike[str],
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] = (),
    base_url: str | None = None,
    auth: Auth | None = None,
    client: httpx.AsyncClient | None = None,
    prefix: str = "",
    max_bytes: int = MAX_BYTES,
    timeout: float | str | timedelta | None = None,
    trusted: bool = False,
) -> list[Tool]:
    """Make tools of the operations that an OpenAPI document describes.

    ::

        tools = openapi_tools("petstore.json", include=["tag:pets"], auth=os.environ["PETSTORE_KEY"])

    A tool takes the operation's parameters by their names, and `body`. GET and HEAD are `read_only`, PUT and DELETE
    `idempotent`. What an answer must look like is checked against the document. Nothing is loaded over the network
    here, and a `$ref` to another document is refused.

    Args:
        document: OpenAPI 3.0 or 3.1, as a mapping, as text in JSON or YAML, or as the path of such a file.
        include: the operations: ids, `"tag:NAME"`, patterns of ids (`"repos/*"`) or of method and path
            (`"GET /pets*"`). Default: all.
        exclude: those of them to leave out, said in the same way. Default: none.
        base_url: the API's URL, which may be a private address; what the author names is allowed. Default: the server
            that the document names, which must be public.
        auth: the credential for whatever an operation asks for, or a mapping of one for each security scheme by its
            name: a text or `SecretStr` (a key or token), `(user, password)` for HTTP Basic, or a function, sync or
            async, that gives one before each request. It is sent and never shown: not to the model, nor in traces,
            errors and logs. Default: none is sent.
        client: an `httpx.AsyncClient` of your own, for certificates, proxies or signatures; it needs `base_url`, must
            belong to the loop the tools run in, and is not closed. Default: one that keeps its connections.
        prefix: what the tools' names begin with, to tell two APIs apart. Default: nothing.
        max_bytes: bytes of an answer at most, decompressed; a larger one fails. Default 2,000,000.
        timeout: seconds one attempt may take, as of `@tool`. Default: what the run has left.
        trusted: whether answers may be read as more than data. Default: `False`.

    Returns:
        One tool for each operation, in the document's order, with names that models accept and that differ.

    Raises:
        InvalidTool: the document, or an operation that was chosen, cannot be read; the message names it.
        InvalidPath: the file cannot be read.
        UsageError: `include` or `exclude` names no operation, `auth` lacks a credential, there is no server, or a
            parameter is out of range.
        MissingExtra: the extra `openapi` is not installed.
    """
    if client is not None and base_url is None:
        raise UsageError("client needs base_url: with a client of your own, say which server it is to reach")
    if not isinstance(max_bytes, int) or max_bytes < 1:
        raise UsageError(f"max_bytes must be a number of bytes of 1 or more, got {max_bytes!r}")
    read = Document(document)
    wallet = Wallet(read, auth)
    tools: list[Tool] = []
    for found in chosen(read, include, exclude):
        name = valid_name(prefix + found.id, {each.name for each in tools})
        try:
            operation = Operation(read, found.method, found.path, found.node, found.around, wallet)
            server = server_of(read, found.node, found.around, base_url)
            sender = Sender(server, client, max_bytes)
            tools.append(_tool(name, operation, sender, timeout=timeout, trusted=trusted))
        except UsageError as error:
            hint = f"; or leave it out: exclude=[{found.id!r}]" if isinstance(error, InvalidTool) else ""
            error.args = (f"the operation {found.id!r}: {error}{hint}",)
            raise
    return tools


def _tool(name: str, operation: Operation, sender: Sender, **flags: Any) -> Tool:
    # By keyword, whatever the parameters of the API are called: `self` may be one of them.
    async def call(**arguments: Any) -> Any:
        signature = await operation.credentials.signature()
        request = operation.request(sender.server.url, arguments, signature)
        return result_of(operation, await sender.answer(request), signature)

    promises: dict[str, Any] = {**flags_of(operation.method), **flags}
    check = ResponseCheck(operation)
    return from_schema(name, operation.description, operation.schema(), call, checks=[check], **promises)
