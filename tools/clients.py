"""The HTTP clients of the process, one per event loop: a connection belongs to the loop that opened it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from ssl import SSLContext
from weakref import WeakKeyDictionary

import httpx

IDLE_CONNECTION = 30.0
"""Seconds an idle connection is kept for the next call: a handshake costs more than a socket."""
IDLE_CONNECTIONS = 100
"""Idle connections kept per event loop; how many may be busy is for the caller's own limits."""


@dataclass(frozen=True, slots=True)
class _Held:
    client: httpx.AsyncClient
    keeper: AsyncGenerator[None, None]


ClientMaker = Callable[[], httpx.AsyncClient]
"""What makes a client; it also tells apart the clients of a loop."""

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ClientMaker, _Held]] = WeakKeyDictionary()
_lock = threading.Lock()


async def held(make: ClientMaker) -> httpx.AsyncClient:
    """The running loop's client of that making, made where there is none yet and closed with the loop."""
    loop = asyncio.get_running_loop()
    known = _clients.get(loop, {}).get(make)
    if known is None:
        client = make()
        known = _Held(client, _keep(client, loop, make))
        with _lock:
            _forget_closed_loops()
            _clients.setdefault(loop, {})[make] = known
        await anext(known.keeper)
    return known.client


def pool_limits() -> httpx.Limits:
    """As many connections as are asked for, of which the idle ones are kept for a while."""
    return httpx.Limits(
        max_connections=None, max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=IDLE_CONNECTION
    )


def plain_client() -> httpx.AsyncClient:
    """A client with our limits and nothing else set."""
    return httpx.AsyncClient(verify=_certificates(), limits=pool_limits())


async def _keep(
    client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop, make: ClientMaker
) -> AsyncGenerator[None, None]:
    # A generator that was begun is closed by `loop.shutdown_asyncgens()`, which `asyncio.run` awaits before it closes
    # the loop: the only hook asyncio offers to close something with its loop.
    try:
        yield
    finally:
        with _lock:
            mine = _clients.get(loop, {})
            mine.pop(make, None)
            if not mine:
                _clients.pop(loop, None)
        await client.aclose()


def _forget_closed_loops() -> None:
    # Connections refer to their loop, so a weak key alone would not let go of a loop closed without the hook above.
    for loop in list(_clients):
        if loop.is_closed():
            del _clients[loop]


@cache
def _certificates() -> SSLContext:
    return httpx.create_ssl_context()


@cache
def prepare() -> None:
    """Do once, off any run's clock, what the first request would wait for: certificates and late imports."""
    httpx.AsyncClient(verify=_certificates())  # never used, so nothing to close; making it imports the transport
    with suppress(ImportError, AttributeError):  # what connects is imported when it is first asked for
        _ = import_module("anyio").connect_tcp
        import_module("anyio._backends._asyncio")
