"""All HTTP goes through here, by the clients that `clients` keeps.

Nothing of httpx leaves it. What comes back is plain values (`Response`, `Event`), and what fails is an `HttpError` that
carries a `Failure`. There are no retries, no redirects and no read timeouts: the caller has a deadline and cancels; an
inactivity timeout would never see a stream that drips. The hosts that `SHOTCLOCK_DEADLINE_HOSTS` lists are told what
is left of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import httpx
from httpx_sse import EventSource

from ..policies.deadline import Deadline
from ..policies.errors import ShotclockError
from .asked_wait import asked_wait
from .clients import held, plain_client
from .scope import deadline_headers, listed_hosts

CONNECT_TIMEOUT = 5.0
"""Seconds a connection may take to open, where the time left is not shorter."""
BODY_GRACE = 0.5
"""Seconds to wait for the body of an error or the tail of an answer that is already complete."""
BODY_LIMIT = 8_000_000
"""Bytes of a body that are read where the caller sets no limit of its own."""

FailureKind = Literal["unreachable", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no answer.

    Attributes:
        kind: `unreachable` (nothing was heard of the server) or `dropped` (the connection was cut after that).
        message: one clause for people, without any header or body.
    """

    kind: FailureKind
    message: str


class HttpError(ShotclockError):
    """An exchange failed below HTTP; `failure` says how. A status is no error here: it is part of the answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        body: the decoded bytes.
        truncated: whether the body was longer than the limit, or did not come in time, and was cut.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False

    @property
    def text(self) -> str:
        """The body as UTF-8, with a replacement character for what is not."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event. `whole` is false where the stream ended before the blank line that ends an event."""

    data: str
    name: str = "message"
    whole: bool = True


class Reply:
    """An answer that is still being received; made by `post`, and of use only inside its `async with`.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        framed: whether HTTP itself marks the end of the body. Where it does not, the end of the stream and a cut
            connection look the same.
    """

    def __init__(self, response: httpx.Response, origin: str) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.framed = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "")
        self._origin = origin
        self._chunks = response.aiter_bytes()
        self._ahead: list[bytes] = []

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait (`retry-after-ms`, or `retry-after` as seconds or a date); `None` unsaid."""
        return asked_wait(self.headers)

    async def looks_like_json(self) -> bool:
        """Whether the body begins like a JSON object; servers get the content type wrong, so that is not asked."""
        while (chunk := await self._read()) is not None:
            self._ahead.append(chunk)
            if chunk.strip():
                break
        return b"".join(self._ahead).lstrip().startswith(b"{")

    async def body(self, limit: int = BODY_LIMIT, within: float | None = None) -> tuple[bytes, bool]:
        """The rest of the body, and whether it was cut: after `limit` bytes, or `within` seconds where given."""
        parts, size = [], 0
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                async for chunk in self._bytes():
                    parts.append(chunk)
                    size += len(chunk)
                    if size > limit:
                        break
                else:
                    return b"".join(parts), False
        return b"".join(parts)[:limit], True

    async def events(self) -> AsyncGenerator[Event, None]:
        """The body as server-sent events, whatever the content type says.

        Raises:
            HttpError: the connection was cut.
        """
        tail = _Tail(self._bytes())
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        async with aclosing(EventSource(httpx.Response(200, headers=headers, stream=tail)).aiter_sse()) as source:
            async for event in source:
                yield Event(event.data, event.event, not tail.ended)

    async def _bytes(self) -> AsyncIterator[bytes]:
        while self._ahead:
            yield self._ahead.pop(0)
        while (chunk := await self._read()) is not None:
            yield chunk

    async def _read(self) -> bytes | None:
        with _mapped(self._origin, "dropped"):
            return await anext(self._chunks, None)


class _Tail(httpx.AsyncByteStream):
    """A body with a blank line after it, so that a last event that lacks one is still delivered."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.ended = False
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk
        self.ended = True
        yield b"\n\n"


def origin(url: str) -> str | None:
    """Scheme, host and port of a URL, without credentials, path and query; `None` where it is no http(s) URL."""
    with suppress(httpx.InvalidURL, TypeError):
        parsed = httpx.URL(url)
        if parsed.scheme in ("http", "https") and parsed.host:
            return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
    return None


def server(url: str) -> tuple[str, int]:
    """Host and port of an http(s) URL."""
    parsed = httpx.URL(url)
    return parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80)


def beneath(url: str, path: str) -> str:
    """`url` with `path` added to its path; a query stays where it is."""
    parsed = httpx.URL(url)
    return str(parsed.copy_with(path=f"{parsed.path.rstrip('/')}/{path}"))


async def request(
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    connect: float = CONNECT_TIMEOUT,
    limit: int = BODY_LIMIT,
    deadline: Deadline | None = None,
    client: httpx.AsyncClient | None = None,
    sent_url: str | None = None,
) -> Response:
    """Send one request and read the whole answer, up to `limit` bytes.

    Args:
        method: the HTTP method.
        url: an http or https URL.
        content: the body.
        headers: further headers.
        connect: seconds until the connection must stand.
        limit: most bytes of the body to read; what is longer is cut, and the response says so.
        deadline: the deadline that a listed host is told; that of the attempt around the caller by default.
        client: what sends it, of this event loop; by default one of our own, which follows no redirect.
        sent_url: the URL with what must not be logged, such as a key in its query; httpx logs `url` only.

    Raises:
        HttpError: the server was not reached, or the connection was cut.
    """
    async with _opened(method, url, content, headers or {}, connect, deadline, client, sent_url) as reply:
        body, truncated = await reply.body(limit)
        return Response(status=reply.status, headers=reply.headers, body=body, truncated=truncated)


@asynccontextmanager
async def post(
    url: str,
    *,
    content: bytes | AsyncIterable[bytes],
    headers: Mapping[str, str],
    connect: float = CONNECT_TIMEOUT,
    deadline: Deadline | None = None,
) -> AsyncIterator[Reply]:
    """POST `content` and hand over the answer while it comes in.

    Leaving the block before the body has ended hangs up at once: the socket is shut before anything is awaited, so
    the server sees it even where the clean-up is itself interrupted.

    Args:
        url: an http or https URL.
        content: the body, encoded; one that comes piece by piece needs a `Content-Length` among the headers.
        headers: further headers. Bodies are asked for uncompressed: compression holds events back.
        connect: seconds until the connection must stand.
        deadline: as in `request`.

    Raises:
        HttpError: the server was not reached, or the connection was cut.
    """
    headers = {"Accept-Encoding": "identity", **headers}
    async with _opened("POST", url, content, headers, connect, deadline) as reply:
        yield reply


@asynccontextmanager
async def _opened(
    method: str,
    url: str,
    content: bytes | AsyncIterable[bytes] | None,
    headers: Mapping[str, str],
    connect: float,
    deadline: Deadline | None,
    client: httpx.AsyncClient | None = None,
    sent_url: str | None = None,
) -> AsyncIterator[Reply]:
    client, place = client or await held(plain_client), origin(url) or "the server"
    hosts = listed_hosts()
    # The caller's own headers hold where both name one.
    headers = {**deadline_headers(url, hosts, deadline=deadline), **headers} if hosts else headers
    with _mapped(place, "unreachable"):
        message = client.build_request(
            method, url, content=content, headers=headers, timeout=httpx.Timeout(None, connect=connect),
            extensions={"target": httpx.URL(sent_url).raw_path} if sent_url else None,
        )  # fmt: skip
        response = await _send(client, message)
    try:
        yield Reply(response, place)
    finally:
        if not response.is_closed:
            _abandon(response)


async def _send(client: httpx.AsyncClient, message: httpx.Request) -> httpx.Response:
    # In a task of its own, because httpx closes its connection in several steps when it is cancelled: a second
    # cancellation in between would leave the socket open. This task is cancelled once, and the caller goes on at once.
    sending = asyncio.create_task(client.send(message, stream=True, follow_redirects=False))
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        sending.add_done_callback(_discard)
        sending.cancel()
        raise


def _discard(sending: asyncio.Task[httpx.Response]) -> None:
    if not sending.cancelled() and sending.exception() is None:
        _abandon(sending.result())


_closing: set[asyncio.Task[None]] = set()  # holds the tasks: a loop refers to them weakly


def _abandon(response: httpx.Response) -> None:
    # The socket is shut here and now; the pool's book-keeping follows in a task that nobody waits for or cancels.
    _hang_up(response)
    closing = asyncio.create_task(response.aclose())
    _closing.add(closing)
    closing.add_done_callback(_closing.discard)


def _hang_up(response: httpx.Response) -> None:
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _mapped(place: str, kind: FailureKind) -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout):
        raise HttpError(Failure(kind="unreachable", message=f"{place} did not accept a connection in time")) from None
    except httpx.ConnectError as error:
        message = f"no connection to {place} ({error})"
        raise HttpError(Failure(kind="unreachable", message=message)) from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        # The text of these may quote a header, so only the class is named.
        message = f"the connection to {place} failed ({type(error).__name__})"
        raise HttpError(Failure(kind=kind, message=message)) from None
