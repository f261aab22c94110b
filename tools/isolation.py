"""Where a tool's code runs, and how it is let go: nothing here ever waits for a cancellation to be obeyed.

`asyncio.wait` with a timeout and a `cancel()` that nobody awaits is the only construct that gives control back on time
from a coroutine that swallows its cancellation or cleans up slowly; a daemon thread is the only way for a sync function
that blocks to delay neither the answer nor the end of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import itertools
import queue
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..policies.outcome import Cancelled
from .landing import Landed, ended, is_plain, is_plain_error, raised, returned
from .tool import Tool

T = TypeVar("T")

MAX_THREADS = 64
"""Daemon threads for sync tools, in the whole process. Further calls queue, and their wait counts as latency."""

IDLE_SECONDS = 10.0
"""How long a thread with nothing to do stays."""


@dataclass(slots=True, eq=False)
class Flight:
    """One attempt under way.

    Attributes:
        tool: the tool.
        arguments: its validated arguments.
        limit: characters of the result that are shown.
        landed: how it ended; there the moment it did, even while a blocked loop cannot say so.
    """

    tool: Tool
    arguments: Mapping[str, Any]
    limit: int
    landed: Landed | None = None
    on_end: Callable[[], None] | None = None
    _ticket: list[None] = field(default_factory=lambda: [None])

    def claim(self) -> bool:
        """Whether the caller is the first to claim it: the thread that begins it, or the run that gives it up."""
        try:
            self._ticket.pop()
        except IndexError:
            return False
        return True

    def land(self, landed: Landed) -> Landed:
        """Note how it ended; in whichever thread it ran."""
        self.landed = landed
        return landed

    def returned(self, value: Any) -> Landed:
        """Note what it returned, rendered and checked."""
        return self.land(returned(self.tool, self.arguments, value, self.limit))

    def raised(self, error: BaseException) -> Landed:
        """Note what it raised."""
        return self.land(raised(self.tool.name, error))


_SWEEP = 256
"""Futures that may linger before those of closed loops are looked for; doubled as they grow, so that it stays cheap."""

_lingering: set[asyncio.Future[Any]] = set()
_sweep_at = _SWEEP


def start(flight: Flight) -> asyncio.Future[Landed]:
    """Start one attempt; the future's result says how it landed."""
    if flight.tool.isolation == "thread":
        return POOL.run(lambda: _run_in_thread(flight), flight.claim)
    flight.claim()
    return spawn(run_on_loop(flight), f"tool {flight.tool.name}")


def spawn(coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """A task for code of strangers, which may ignore its cancellation.

    It is taken out of the loop's list, because `asyncio.run` waits on its way out for every task in that list, and one
    stubborn tool would hold up the end of the program. Whoever spawns it holds it and cancels it. `_unregister_task` is
    the documented hook for this ("Extending asyncio" in the standard library's manual).
    """
    task = asyncio.get_running_loop().create_task(coroutine, name=f"shotclock {name}")
    asyncio._unregister_task(task)
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio's own gather does
    return task


async def run_on_loop(flight: Flight) -> Landed:
    """Await an async tool in the caller's loop, and land whatever it does."""
    # The watchdog finds this frame, and `flight` in it, on the stack of a loop that is blocked.
    try:
        value = flight.tool.function(**flight.arguments)
        if hasattr(type(value), "__await__"):
            value = await value
    except BaseException as error:  # a tool may raise anything, SystemExit included, and it costs one call only
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            return ended(flight.tool.name, Cancelled("interrupted"))
        # Nothing may be awaited where this coroutine is being closed.
        if isinstance(error, GeneratorExit) or is_plain_error(error):
            return flight.raised(error)
        return await POOL.run(functools.partial(flight.raised, error))
    if is_plain(flight.tool, value):
        return flight.returned(value)
    return await POOL.run(functools.partial(flight.returned, value))


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


class ThreadPool:
    """Daemon threads, made when needed and at most `limit` of them; a stuck one holds up nothing but itself."""

    def __init__(self, limit: int = MAX_THREADS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._count = 0
        self._awaited: weakref.WeakSet[asyncio.Future[Any]] = weakref.WeakSet()
        self._names = itertools.count(1)

    def busy(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether somebody in `loop` waits for a job; one that was given up is nobody's."""
        with self._lock:
            return any(future.get_loop() is loop and not future.done() for future in self._awaited)

    def run(self, function: Callable[[], T], claim: Callable[[], bool] = lambda: True) -> asyncio.Future[T]:
        """Run a function in a thread, in the caller's context variables.

        `claim` is asked in the thread, just before; where it says no, the caller has given up and nothing is begun.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def job() -> None:
            if future.cancelled() or not claim():
                return
            try:
                deliver = functools.partial(_deliver, future, context.run(function), None)
            except BaseException as error:
                deliver = functools.partial(_deliver, future, None, error)
            # A loop that was closed meanwhile refuses, and nobody waits for the result any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(deliver)

        with self._lock:
            self._awaited.add(future)
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


def _run_in_thread(flight: Flight) -> Landed:
    try:
        value = flight.tool.function(**flight.arguments)
    except BaseException as error:  # a tool may raise anything, SystemExit included, and it costs one call only
        return flight.raised(error)
    return flight.returned(value)


def _deliver(future: asyncio.Future[T], value: T | None, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)  # type: ignore[arg-type]  # there is a value where there is no error
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError("StopIteration"))  # a future refuses the original
    else:
        future.set_exception(error)


POOL = ThreadPool()
"""The process's threads for sync tools."""
