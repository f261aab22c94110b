"""A server that is reached by streamable HTTP, whose answers are bounded in size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from .limits import CONNECT_SECONDS, MESSAGE_BYTES
from .server import McpServer


class TooLarge(httpx2.StreamError):
    """An answer that is longer than a message may be, or may unpack to something longer."""


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, up to `MESSAGE_BYTES`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MESSAGE_BYTES
        async for chunk in self._inner:
            left -= len(chunk)
            if left < 0:
                raise TooLarge(f"it sent a message of more than {MESSAGE_BYTES:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Transport(httpx2.AsyncHTTPTransport):
    """Bounds every body but those of event streams, whose events are bounded one by one."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise TooLarge(
                "it sent a compressed answer, which it was asked not to, as a small one can unpack to any size"
            )
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Bounded(response.stream)
        return response


@asynccontextmanager
async def web_streams(server: McpServer) -> AsyncIterator[Any]:
    """The streams to read the server's messages from and to write ours to."""
    # There is no read timeout: a call is bounded by its caller, who cancels it.
    timeout = httpx2.Timeout(CONNECT_SECONDS, read=None)
    client = httpx2.AsyncClient(headers=dict(server.headers), timeout=timeout, transport=_Transport())
    async with (
        client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=MESSAGE_BYTES) as streams,
    ):
        yield streams
