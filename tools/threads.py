"""Daemon threads for what may block: bounded, shared fairly, made when needed, and waited for by nobody."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from .promise import Promise

T = TypeVar("T")

MAX_THREADS = 64
"""Daemon threads for sync tools, in the whole process. Further calls queue, and their wait counts as latency."""

LANDING_THREADS = 16
"""Daemon threads in which results of tools that run elsewhere are read, rendered and checked."""

IDLE_SECONDS = 10.0
"""How long a thread with nothing to do stays."""


class ThreadPool:
    """Daemon threads, made when needed and at most `limit` of them; a stuck one holds up nothing but itself.

    Each owner of jobs may hold as many threads as are free beside its own, the dynamic threshold of shared buffers
    (Choudhury and Hahne, 1998): one alone gets half of them, and whatever hangs leaves half of the rest to others.
    Jobs beyond that wait, and owners take turns.
    """

    def __init__(self, limit: int = MAX_THREADS, name: str = "tool") -> None:
        self._limit = limit
        self._name = name
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child: the threads and their jobs are its parent's."""
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[object, Callable[[], None]]] = queue.SimpleQueue()
        self._waiting: dict[object, deque[Callable[[], None]]] = {}
        self._held: dict[object, int] = {}
        self._taken = 0
        self._idle = 0
        self._count = 0
        self._names = itertools.count(1)

    def held(self, owner: object) -> int:
        """Threads that jobs of the owner hold now."""
        return self._held.get(owner, 0)

    def run(
        self,
        function: Callable[[], T],
        begin: Callable[[], bool] = lambda: True,
        let_go: Callable[[], object] = lambda: None,
        *,
        owner: object = None,
    ) -> Promise[T]:
        """Run a function in a thread, in the caller's context variables.

        `begin` is asked in the thread, just before; where it says no, the caller has given up and nothing is begun.
        `let_go` is told when the future is cancelled. `owner` is whose share of the threads it takes.
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

        self.submit(job, owner)
        return promise

    def submit(self, job: Callable[[], None], owner: object = None) -> None:
        """Run a job that raises nothing, in a thread, whenever one is free for its owner; from any thread."""
        with self._lock:
            if owner in self._waiting or not self._may(owner):
                self._waiting.setdefault(owner, deque()).append(job)
                return
            self._begin(owner, job)
            enough = self._idle >= self._jobs.qsize() or self._count >= self._limit
            self._count += not enough
        if not enough:
            self._grow()

    def _may(self, owner: object) -> bool:
        return self._held.get(owner, 0) < self._limit - self._taken

    def _begin(self, owner: object, job: Callable[[], None]) -> None:
        """Hand a job to the threads. The lock is held."""
        self._taken += 1
        self._held[owner] = self._held.get(owner, 0) + 1
        self._jobs.put((owner, job))

    def _grow(self) -> None:
        name = f"shotclock-{self._name}-{next(self._names)}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError:  # the system has no more threads; those there are will come to the job
            with self._lock:
                self._count -= 1
                if not self._count:
                    raise

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            taken[1]()
            owner, taken = taken[0], None  # an idle thread must not keep alive what its last job worked on
            self._end(owner)
            owner = None

    def _end(self, owner: object) -> None:
        """A thread is free again, for one of those that wait: the owners in turn."""
        with self._lock:
            self._taken -= 1
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
            for each in list(self._waiting) if self._waiting else ():
                if self._may(each):
                    jobs = self._waiting.pop(each)
                    # This thread is about to be idle, so none has to be made for it.
                    self._begin(each, jobs.popleft())
                    if jobs:
                        self._waiting[each] = jobs  # behind the others

    def _next(self) -> tuple[object, Callable[[], None]] | None:
        """The next job, or `None` where the thread was idle for so long that it is to end."""
        while True:
            with self._lock:
                self._idle += 1
            job: tuple[object, Callable[[], None]] | None = None
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

LANDING = ThreadPool(LANDING_THREADS, "landing")
"""The process's threads for results, so that no tool that blocks its own holds them up."""

if hasattr(os, "register_at_fork"):  # only where a process can fork
    os.register_at_fork(after_in_child=POOL.forget)
    os.register_at_fork(after_in_child=LANDING.forget)
