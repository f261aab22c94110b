"""Where a tool's code runs, and how it is let go: nothing here ever waits for a cancellation to be obeyed.

`asyncio.wait` with a timeout and a `cancel()` that nobody awaits is the only construct that gives control back on time
from a coroutine that swallows its cancellation or cleans up slowly; a daemon thread is the only way for a sync function
that blocks to delay neither the answer nor the end of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..policies.errors import ToolError
from ..policies.outcome import Cancelled, Failed, Ok, Outcome
from .tool import Tool

MAX_THREADS = 64
"""Daemon threads for sync tools, in the whole process. Further calls queue, and their wait counts as latency."""

IDLE_SECONDS = 10.0
"""How long a thread with nothing to do stays."""


@dataclass(slots=True, eq=False)
class Flight:
    """One attempt under way. `outcome` is there the moment the tool ends, even while a blocked loop cannot say so."""

    tool: Tool
    arguments: Mapping[str, Any]
    outcome: Outcome | None = None

    def land(self, outcome: Outcome) -> Outcome:
        """Note how it ended; in whichever thread it ran."""
        self.outcome = outcome
        return outcome


_SWEEP = 256
"""Futures that may linger before those of closed loops are looked for; doubled as they grow, so that it stays cheap."""

_lingering: set[asyncio.Future[Any]] = set()
_sweep_at = _SWEEP


def start(flight: Flight) -> asyncio.Future[Outcome]:
    """Start one attempt; the future's result is an `Outcome` and it never holds an exception."""
    tool = flight.tool
    if tool.isolation == "thread":
        return POOL.submit(flight)
    return asyncio.get_running_loop().create_task(run_on_loop(flight), name=f"shotclock tool {tool.name}")


async def run_on_loop(flight: Flight) -> Outcome:
    """Await an async tool in the caller's loop and turn whatever it does into an outcome."""
    # The watchdog finds this frame, and `flight` in it, on the stack of a loop that is blocked.
    try:
        value = flight.tool.function(**flight.arguments)
        return flight.land(Ok(await value if hasattr(value, "__await__") else value))
    except GeneratorExit:
        raise
    except BaseException as error:  # a tool may raise anything, SystemExit included, and it costs one call only
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            return Cancelled("interrupted")
        return flight.land(failure(error))


def failure(error: BaseException) -> Failed:
    """The outcome of a tool that raised."""
    message = str(error).strip()
    if isinstance(error, ToolError):
        return Failed(type(error).__name__, message, retryable=False)
    return Failed(type(error).__name__, f"{type(error).__name__}: {message}"[:500] if message else type(error).__name__)


def abandon(future: asyncio.Future[Any]) -> None:
    """Cancel without waiting. What does not obey runs on, held until it ends, and is waited for by nobody."""
    if not future.done():
        future.cancel()
        _linger(future)


def _linger(future: asyncio.Future[Any]) -> None:
    """Hold a future until it ends, since its loop holds it only weakly; those of closed loops never will."""
    global _sweep_at
    if len(_lingering) >= _sweep_at:
        _lingering.difference_update([held for held in _lingering if held.get_loop().is_closed()])
        _sweep_at = 2 * len(_lingering) + _SWEEP
    _lingering.add(future)
    future.add_done_callback(_lingering.discard)


def disown(future: asyncio.Future[Any]) -> None:
    """Take a task that still ignores its cancellation out of the loop's list.

    `asyncio.run` waits on its way out for every task in that list, so one stubborn tool would hold up the end of the
    program. `_unregister_task` is the documented hook for this ("Extending asyncio" in the standard library's manual).
    """
    if isinstance(future, asyncio.Task) and not future.done():
        asyncio._unregister_task(future)
        future._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio's own gather does


class ThreadPool:
    """Daemon threads, made when needed and at most `limit` of them; a stuck one holds up nothing but itself."""

    def __init__(self, limit: int = MAX_THREADS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._count = 0
        self._busy = 0
        self._names = itertools.count(1)

    @property
    def busy(self) -> int:
        """Jobs that were submitted and have not ended."""
        return self._busy

    def submit(self, flight: Flight) -> asyncio.Future[Outcome]:
        """Run a sync tool in a thread, in the caller's context variables."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        context = contextvars.copy_context()

        def job() -> None:
            if future.cancelled():  # it gave up waiting for a free thread: it must not start any more
                return
            outcome = context.run(_run_in_thread, flight)
            # A loop that was closed meanwhile refuses, and nobody waits for the result any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_deliver, future, outcome)

        with self._lock:
            self._busy += 1
        self._jobs.put(job)
        self._grow()
        return future

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
            with self._lock:
                self._busy -= 1

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


def _run_in_thread(flight: Flight) -> Outcome:
    try:
        return flight.land(Ok(flight.tool.function(**flight.arguments)))
    except BaseException as error:  # a tool may raise anything, SystemExit included, and it costs one call only
        return flight.land(failure(error))


def _deliver(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


POOL = ThreadPool()
"""The process's threads for sync tools."""
