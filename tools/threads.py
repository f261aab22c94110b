"""Daemon threads for what may block: bounded, made when needed, and waited for by nobody."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from .promise import Promise, busy

T = TypeVar("T")

MAX_THREADS = 64
"""Daemon threads for sync tools, in the whole process. Further calls queue, and their wait counts as latency."""

IDLE_SECONDS = 10.0
"""How long a thread with nothing to do stays."""


class ThreadPool:
    """Daemon threads, made when needed and at most `limit` of them; a stuck one holds up nothing but itself."""

    def __init__(self, limit: int = MAX_THREADS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._count = 0
        self._names = itertools.count(1)

    def busy(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether somebody in `loop` waits for work done elsewhere; see `tools.promise.busy`."""
        return busy(loop)

    def run(
        self,
        function: Callable[[], T],
        begin: Callable[[], bool] = lambda: True,
        let_go: Callable[[], object] = lambda: None,
    ) -> Promise[T]:
        """Run a function in a thread, in the caller's context variables.

        `begin` is asked in the thread, just before; where it says no, the caller has given up and nothing is begun.
        `let_go` is told when the future is cancelled.
        """
        promise: Promise[T] = Promise(asyncio.get_running_loop(), let_go)
        context = contextvars.copy_context()

        def job() -> None:
            if promise.cancelled() or not begin():
                return
            try:
                value = context.run(function)
            except BaseException as error:
                promise.fail(error)
            else:
                promise.keep(value)

        self.submit(job)
        return promise

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job that raises nothing, in a thread, whenever one is free; from any thread."""
        self._jobs.put(job)
        self._grow()

    def _grow(self) -> None:
        with self._lock:
            if self._idle >= self._jobs.qsize() or self._count >= self._limit:
                return
            self._count += 1
        name = f"shotclock-tool-{next(self._names)}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job()
            job = None  # an idle thread must not keep alive what its last job worked on

    def _next(self) -> Callable[[], None] | None:
        """The next job, or `None` where the thread was idle for so long that it is to end."""
        while True:
            with self._lock:
                self._idle += 1
            job: Callable[[], None] | None = None
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get(timeout=IDLE_SECONDS)
            with self._lock:
                self._idle -= 1
                # A job that came as the wait ended counted on this thread, which was still idle.
                if job is None and not self._jobs.empty():
                    continue
                self._count -= job is None
            return job


POOL = ThreadPool()
"""The process's threads for sync tools."""
