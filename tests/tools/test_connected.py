"""A web request's run: its result, or its end when the client leaves."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import while_connected
from shotclock.testing import VirtualClock


class Request:
    """A request whose client leaves, or whose connection breaks, after so many seconds."""

    def __init__(self, after: float, error: Exception | None = None):
        self.after, self.error = after, error
        self.messages = iter([{"type": "http.request", "body": b""}])
        self.ended = ""

    async def receive(self):
        if message := next(self.messages, None):
            return message
        await asyncio.sleep(self.after)
        if self.error:
            raise self.error
        return {"type": "http.disconnect"}

    async def run(self):
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        return 7


def asked(request):
    async def both():
        loop = asyncio.get_running_loop()
        began = loop.time()
        return await while_connected(request.receive, request.run()), loop.time() - began

    return VirtualClock().run(both())


def test_what_the_run_returns_is_returned():
    """A client that stays gets its answer when it is there."""
    request = Request(after=60.0)
    assert asked(request) == (7, 1.0)
    assert request.ended == "done"


def test_a_client_that_leaves_ends_the_run():
    """There is nothing to return then, at once."""
    request = Request(after=0.25)
    assert asked(request) == (None, 0.25)
    assert request.ended == "cancelled"


def test_a_connection_that_breaks_ends_the_run_too():
    """What the server raised is the caller's to see."""
    request = Request(after=0.25, error=OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        asked(request)
    assert request.ended == "cancelled"


def test_what_the_run_raises_is_raised():
    """A mistake in the question is the handler's to answer."""
    request = Request(after=60.0)

    async def refused():
        raise ValueError("no question")

    request.run = refused
    with pytest.raises(ValueError, match="no question"):
        asked(request)


def test_a_handler_that_is_cancelled_cancels_the_run():
    """As a server does that shuts down."""
    request = Request(after=60.0)

    async def both():
        handler = asyncio.ensure_future(while_connected(request.receive, request.run()))
        await asyncio.sleep(0.5)
        handler.cancel()
        await asyncio.wait((handler,))
        return handler.cancelled()

    assert VirtualClock().run(both())
    assert request.ended == "cancelled"
