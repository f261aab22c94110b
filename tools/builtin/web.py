"""Fetching a page of the public web, and nothing behind it.

The address is judged three times: as it is written, when its name is looked up, and when the connection is made, which
goes to the very address that was judged (httpx-secure), so that a name whose address changes in between gains nothing.
Proxies of the environment are not used: a proxy would connect in our place, to addresses nobody judged.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ...policies.errors import MissingExtra, ToolError
from ..call import Passage
from ..scope import DeadlineHook, listed_hosts
from ..tool import tool
from .page import decoded, html_links, html_paragraphs, passages, plain_paragraphs

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 2_000_000
"""Bytes of a body at most, counted after decompression; a longer one is refused."""
MAX_REDIRECTS = 5
"""Redirects that are followed; each target is judged like the first address."""
MAX_URL = 2_000
"""Characters of a URL at most."""
CONNECT_TIMEOUT = 5.0
"""Seconds until the connection must stand."""
READ_TIMEOUT = 10.0
"""Seconds of silence after which a server is given up. The whole time is the run's: it cancels the call."""

_SMALL = 20_000
"""Bytes of a page that are read in the loop: a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What was received: the final URL, the media type, the charset the server named, and the decoded bytes."""

    url: str
    media: str
    charset: str | None
    content: bytes

    @property
    def is_page(self) -> bool:
        """Whether it is HTML."""
        return self.media in ("text/html", "application/xhtml+xml")


class WebFetcher:
    """Fetches pages as passages of text; `fetch_url` is its tool.

    Args:
        allow_private_hosts: hosts, as written in the URL, that may be private or local addresses. Default: none.
        max_bytes: most bytes of a body, decompressed. Default 2,000,000.
    """

    def __init__(self, *, allow_private_hosts: frozenset[str] = frozenset(), max_bytes: int = MAX_BYTES) -> None:
        self._allowed = allow_private_hosts
        self._max_bytes = max_bytes

    @tool(read_only=True, trusted=False)
    async def fetch_url(
        self,
        url: Annotated[
            str,
            Field(
                description="An http or https address on the public web.",
                examples=["https://example.org/page"],
                json_schema_extra={"format": "uri"},
            ),
        ],
        links: Annotated[bool, Field(description="Whether to list the addresses that the page links to.")] = False,
    ) -> list[Passage]:
        """Fetch a web page and return its text in passages with the address they came from."""
        # In a thread where the loop would stand still: the imports take about 0.15 s once, a page of 2 MB up to 0.5 s.
        if not _certificates.cache_info().currsize:
            await asyncio.to_thread(load_guard)
        body = await self._fetched(judged(url))
        texts = _texts(body) if len(body.content) < _SMALL else await asyncio.to_thread(_texts, body)
        if not texts:
            raise ToolError(f"{body.url} has no readable text; it may need a browser")
        if links:
            texts = [*texts, *await asyncio.to_thread(_links, body)]
        return [Passage(text=text, origin=body.url) for text in texts]

    async def _fetched(self, url: httpx.URL) -> Body:
        import httpx

        try:
            async with self._client() as client:
                return await self._followed(client, url)
        except httpx.TimeoutException:
            raise ToolError(f"{_place(url)} did not answer in time; try again later or another address") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ssl.SSLError) as error:
            # Only the class: the text of these may quote what the server sent.
            raise ToolError(f"{_place(url)} could not be read ({type(error).__name__}); try another address") from None

    async def _followed(self, client: httpx.AsyncClient, url: httpx.URL) -> Body:
        for _ in range(MAX_REDIRECTS + 1):
            await self._refuse_private(url)
            async with client.stream("GET", url) as response:
                if not response.has_redirect_location:
                    return await self._received(response, url)
                url = _redirected(url, response.headers["location"])
        raise ToolError(f"more than {MAX_REDIRECTS} redirects, the last to {_place(url)}; ask for the final address")

    async def _received(self, response: httpx.Response, url: httpx.URL) -> Body:
        if response.status_code >= 400:
            raise ToolError(f"{url} answered with status {_status(response.status_code)}")
        media = _media(response)
        if media is not None and not _is_text(media):
            raise ToolError(f"{url} is {media}, not text; only pages, plain text, JSON and XML can be read")
        content = await self._content(response, url)
        if b"\0" in content[:1024] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ToolError(f"{url} is binary data, not text; only pages, plain text, JSON and XML can be read")
        return Body(url=str(url), media=media or _sniffed(content), charset=response.charset_encoding, content=content)

    async def _content(self, response: httpx.Response, url: httpx.URL) -> bytes:
        too_large = ToolError(f"{url} is larger than {self._max_bytes:,} bytes, the most that is read")
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._max_bytes:
            raise too_large
        content = bytearray()
        expand = _expander(response, url)
        async for chunk in response.aiter_raw():
            content += expand(chunk, self._max_bytes + 1 - len(content))
            if len(content) > self._max_bytes:
                raise too_large
        return bytes(content)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one call: an idle connection to a stranger is worth less than a pool that belongs to no loop."""
        import httpx
        from httpx_secure import httpx_ssrf_protection

        timeout = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
        headers = {"User-Agent": "shotclock", "Accept-Encoding": "gzip", "Accept": "text/html, text/*, */*;q=0.5"}
        client = httpx.AsyncClient(
            verify=_certificates(),
            trust_env=False,
            timeout=timeout,
            headers=headers,
            event_hooks={"request": [DeadlineHook(listed_hosts())]},
        )
        httpx_ssrf_protection(
            client,
            check_globally_reachable=False,  # ours is stricter and is all that decides
            custom_validator=lambda host, address, port: host in self._allowed or is_public(address),
        )
        async with client:
            yield client

    async def _refuse_private(self, url: httpx.URL) -> None:
        """Look the name up and refuse it before anything is sent: connecting alone would tell what listens there."""
        host = url.raw_host.decode("ascii")
        if host in self._allowed:
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ToolError(f"the host {host!r} was not found; check the address, or there is no network") from None
        if not all(is_public(ip_address(str(address[4][0]).partition("%")[0])) for address in found):
            raise ToolError(f"{_place(url)} is a private or local address; only the public web can be fetched")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address lies on the public internet, whatever it is wrapped in: mapped, 6to4, Teredo, NAT64.

    Loopback, private, link-local (where cloud metadata lives), shared, multicast and reserved addresses do not.
    """
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(address in network for network in _WRAPPED):
            inner.append(IPv4Address(address.packed[-4:]))
        wrapped = [each for each in inner if each is not None]
        if wrapped:
            return all(map(is_public, wrapped))
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


# NAT64, and the form of IPv4 in IPv6 that was given up but is still routed by some.
_WRAPPED = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


def load_guard() -> None:
    """Import what guards requests, which takes too long for the loop.

    Raises:
        MissingExtra: the extra `web` is not installed.
    """
    try:
        import httpx_secure
    except ImportError:
        raise MissingExtra("fetching web pages", "web") from None
    assert httpx_secure
    _certificates()


@cache
def _certificates() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def judged(url: str) -> httpx.URL:
    """The URL where it may be asked for at all, without its fragment.

    Raises:
        ToolError: it may not.
    """
    import httpx

    text = url.strip()
    if not text or len(text) > MAX_URL:
        raise ToolError(f"url must have 1 to {MAX_URL:,} characters, got {len(text):,}")
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        raise ToolError(f"{text[:100]!r} is not a URL; write for example https://example.org/page") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ToolError(f"{text[:100]!r} must begin with http:// or https:// and name a host")
    if parsed.port is not None and not 0 < parsed.port < 65_536:
        raise ToolError(f"the port of a URL must be 1 to 65,535, got {parsed.port}")
    if parsed.userinfo:
        raise ToolError("url must not carry a user name or password; ask for the address without them")
    return parsed.copy_with(fragment=None)


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    import httpx

    try:
        return judged(str(url.join(location)))
    except httpx.InvalidURL:
        raise ToolError(f"{_place(url)} redirects to something that is not a URL") from None


def _place(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _status(code: int) -> str:
    try:
        return f"{code} ({HTTPStatus(code).phrase})"
    except ValueError:
        return str(code)


def _media(response: httpx.Response) -> str | None:
    """The media type the server named; `None` where it named none or one that says nothing."""
    media = str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
    return None if media in ("", "application/octet-stream", "binary/octet-stream") else media


def _is_text(media: str) -> bool:
    named = ("application/json", "application/xml", "application/yaml", "application/x-ndjson")
    return media.startswith("text/") or media in named or media.endswith(("+json", "+xml"))


def _sniffed(content: bytes) -> str:
    head = content[:1024].lstrip().lower()
    return "text/html" if head.startswith((b"<!doctype html", b"<html")) else "text/plain"


def _expander(response: httpx.Response, url: httpx.URL) -> Callable[[bytes, int], bytes]:
    """A function of a chunk and the most bytes to make of it, so that a few bytes never become gigabytes."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return lambda chunk, most: chunk[:most]
    if encoding not in ("gzip", "x-gzip"):
        raise ToolError(f"{url} is compressed as {encoding!r:.40}, which was not asked for and is not read")
    inflater = zlib.decompressobj(wbits=31)

    def expand(chunk: bytes, most: int) -> bytes:
        try:
            return inflater.decompress(chunk, most)
        except zlib.error:
            raise ToolError(f"{url} is damaged: its compressed body cannot be read") from None

    return expand


def _texts(body: Body) -> list[str]:
    text = decoded(body.content, body.charset)
    return passages(html_paragraphs(text) if body.is_page else plain_paragraphs(text))


def _links(body: Body) -> list[str]:
    """What the page links to, as passages; none where it is no page or links to nothing."""
    found = html_links(decoded(body.content, body.charset), body.url) if body.is_page else []
    return passages([f"Links: {words}: {address}" for words, address in found])


fetch_url = WebFetcher().fetch_url
"""The tool of a fetcher that allows no private address."""
