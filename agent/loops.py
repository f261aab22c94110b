"""Event loops on daemon threads, for callers without one of their own: on time even when a tool blocks the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop on a daemon thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="shotclock-loop", daemon=True)
        self.thread.start()

    @property
    def ident(self) -> int:
        """The thread's identifier."""
        return self.thread.ident or 0

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine there; the future is the calling thread's."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


class LoopThreads:
    """Loop threads that are free. One that a tool blocks is not given out again until it answers."""

    def __init__(self) -> None:
        self._free: list[LoopThread] = []
        self._lock = threading.Lock()

    def take(self) -> LoopThread:
        """A loop thread that nobody else uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return LoopThread()

    def give_back(self, thread: LoopThread) -> None:
        """Offer it again as soon as its loop answers, which a blocked one does not."""
        thread.loop.call_soon_threadsafe(self._offer, thread)

    def _offer(self, thread: LoopThread) -> None:
        with self._lock:
            self._free.append(thread)


LOOPS = LoopThreads()
"""The process's loop threads."""
