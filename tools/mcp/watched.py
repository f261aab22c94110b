"""What a server sends, read no faster than is good for this process, and known to have ended when it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import anyio

from .limits import MESSAGES_A_SECOND


class Watched:
    """A read stream that slows a flood down and tells when it ends.

    A server that sends more messages than `MESSAGES_A_SECOND` is left waiting with them, so that taking them in does
    not take the processor from the runs of this process.
    """

    def __init__(self, stream: Any, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended
        self._second = 0.0
        self._read = 0

    @property
    def last_context(self) -> Any:
        """The sender's context, where the stream keeps one."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        """The next message."""
        try:
            message = await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._ended()
            raise
        await self._slow_down()
        return message

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Watched:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _slow_down(self) -> None:
        now = time.monotonic()
        if now - self._second >= 1:
            self._second, self._read = now, 0
        self._read += 1
        if self._read > MESSAGES_A_SECOND:
            await anyio.sleep(max(0.0, self._second + 1 - now))
