"""A client for servers that nobody vouches for: it reaches the public internet, and nothing behind it.

The name is looked up and judged before anything is sent, and the connection goes to the very address that was judged.
"""

from __future__ import annotations

import asyncio
import socket
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from ssl import SSLContext
from urllib.parse import urlsplit

import httpx

from ...policies.errors import MissingExtra, ToolError
from ..builtin.web import is_public
from ..clients import held, pool_limits
from ..http import origin


async def guarded_client(url: str) -> httpx.AsyncClient:
    """The running loop's client for public servers, once the host of `url` is judged to be one.

    Raises:
        ToolError: the host is unknown, or one of its addresses is private or local.
        MissingExtra: httpx-secure is not installed.
    """
    await _refuse_private(url)
    if not _certificates.cache_info().currsize:
        await asyncio.to_thread(_certificates)
    return await held(_made)


async def _refuse_private(url: str) -> None:
    parts, place = urlsplit(url), origin(url) or "the server"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError, ValueError):
        raise ToolError(f"the host of {place} was not found; the API cannot be reached now") from None
    if not all(is_public(ip_address(str(address[4][0]).partition("%")[0])) for address in found):
        raise ToolError(f"{place} is a private or local address, which only a base_url of the tools' owner may name")


def _made() -> httpx.AsyncClient:
    try:
        from httpx_secure import httpx_ssrf_protection
    except ImportError:
        raise MissingExtra("an API whose server the document names", "openapi") from None
    # A proxy of the environment would connect in our place, to addresses nobody judged.
    client = httpx.AsyncClient(verify=_certificates(), trust_env=False, limits=pool_limits())
    return httpx_ssrf_protection(client, check_globally_reachable=False, custom_validator=_judged)


def _judged(host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
    return is_public(address)


@cache
def _certificates() -> SSLContext:
    return httpx.create_ssl_context(trust_env=False)
