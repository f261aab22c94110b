"""Sending a request and receiving its answer, over redirects where those are safe to follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ...policies.errors import ShotclockError, ToolError
from ..http import HttpError, Response, origin
from ..http import request as exchange
from .guarded import guarded_client
from .operation import Request
from .servers import Server

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5
"""Redirects that are followed."""
USER_AGENT = "shotclock"
"""What the requests call themselves."""

_KEEPS_METHOD = (301, 302, 303, 307, 308)


class ApiError(ShotclockError):
    """An API gave no answer that can be used; the run decides by its fields whether to try again.

    Attributes:
        status_code: the HTTP status; `None` where none came.
        retry_after: seconds the API asked to wait; `None` where it did not.
    """

    def __init__(self, message: str, status_code: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after


class Sender:
    """Sends requests to one server.

    Attributes:
        server: where they go.

    Args:
        server: where they go. One that the document names, and not the author, must be public.
        client: the author's own client; `None` for ours.
        limit: bytes of an answer at most.
    """

    def __init__(self, server: Server, client: httpx.AsyncClient | None, limit: int) -> None:
        self.server = server
        self._client = client
        self._limit = limit

    async def answer(self, request: Request) -> Response:
        """The answer, whatever its status; redirects of reading requests are followed.

        At another origin, which must be public, no credential is sent.

        Raises:
            ApiError: no answer came.
            ToolError: it is larger than the limit, or it redirects to where nothing is sent.
        """
        response = await self._first(request)
        url, headers = request.url, self._headers(request.headers)
        for _ in range(MAX_REDIRECTS):
            location = response.headers.get("location")
            if response.status not in _KEEPS_METHOD or not location or request.method not in ("GET", "HEAD"):
                return self._whole(response, url)
            target = _target(url, location)
            if origin(target) != origin(url):
                headers = {name: text for name, text in headers.items() if name in ("Accept", "User-Agent")}
            response = await self._next(request.method, target, headers)
            url = target
        raise ToolError(f"{origin(url)} redirects more than {MAX_REDIRECTS} times; it cannot be read")

    async def _first(self, request: Request) -> Response:
        headers = self._headers(request.headers)
        client = self._client if self.server.trusted else await guarded_client(request.url)
        # The author's own client may stand in for a network, where only the URL counts.
        url, sent_url = (request.sent_url, None) if self._client is not None else (request.url, request.sent_url)
        with _named(request.url):
            return await exchange(
                request.method, url, content=request.content, headers=headers, limit=self._limit, client=client,
                sent_url=sent_url,
            )  # fmt: skip

    async def _next(self, method: str, url: str, headers: Mapping[str, str]) -> Response:
        own = self.server.trusted and origin(url) == origin(self.server.url)
        client = self._client if own else await guarded_client(url)
        with _named(url):
            return await exchange(method, url, headers=headers, limit=self._limit, client=client)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **headers}

    def _whole(self, response: Response, url: str) -> Response:
        if response.truncated:
            raise ToolError(
                f"the answer of {origin(url)} is larger than {self._limit:,} bytes, the most that is read; ask for less"
            )
        return response


def _target(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        urlsplit(target).port  # noqa: B018  # reading it is what finds a port that is none
    except ValueError:
        target = ""
    if origin(target) is None or "@" in urlsplit(target).netloc:
        raise ToolError(f"{origin(url)} redirects to something that is not an http or https URL")
    return target.partition("#")[0]


@contextmanager
def _named(url: str) -> Iterator[None]:
    """Failures of the connection by their class alone: what a client says may quote the URL, and a secret in it."""
    try:
        yield
    except HttpError as error:
        raise ApiUnreached(error.failure.message) from None
    except ShotclockError:
        raise
    except Exception as error:  # of the author's client, which need not be of httpx
        raise ApiUnreached(f"the connection to {origin(url)} failed ({type(error).__name__})") from None


class ApiUnreached(ApiError, ConnectionError):
    """No answer came; as a `ConnectionError` it is known to pass."""
