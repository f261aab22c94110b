"""Where a tool's code runs, and how it is let go: nothing here ever waits for a cancellation to be obeyed.

`asyncio.wait` with a timeout and a `cancel()` that nobody awaits is the only construct that gives control back on time
from a coroutine that swallows its cancellation or cleans up slowly; a daemon thread is the only way for a sync function
that blocks to delay neither the answer nor the end of the program; and a process is the only thing that can be killed.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import math
import pickle
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..policies.outcome import Cancelled, Failed
from .flight import Flight
from .landing import Landed, ended, is_plain, is_plain_error
from .loops import OWN_LOOPS, LoopThread
from .process import Job
from .processes import PROCESSES, warm
from .promise import Promise, busy
from .remote_ledger import LedgerDesk
from .scope import ENCLOSING, carried, remaining
from .threads import LANDING, POOL, ThreadPool
from .tool import Tool

__all__ = [
    "LANDING",
    "POOL",
    "Flight",
    "ThreadPool",
    "abandon",
    "busy",
    "held",
    "run_on_loop",
    "spawn",
    "start",
    "warm",
]

T = TypeVar("T")

PATIENCE = 0.02
"""Seconds after which a tool's loop, in which a call was given up, counts as blocked if it has begun nothing since."""

_SWEEP = 256
"""Futures that may linger before those of closed loops are looked for; doubled as they grow, so that it stays cheap."""

_lingering: set[asyncio.Future[Any]] = set()
_sweep_at = _SWEEP


def start(flight: Flight) -> asyncio.Future[Landed]:
    """Start one attempt; the future's result says how it landed.

    Cancelling the future lets go of the attempt at once: a worker process is killed, a thread runs on for nobody, and
    what has not begun never begins. `flight.on_end` is told when its code has really ended.
    """
    match flight.tool.isolation:
        case "process":
            return _run_in_process(flight)
        case "thread" if flight.tool.is_async:
            return _LoopCall(flight).start()
        case "thread":
            run = functools.partial(_run_in_thread, flight)
            return _elsewhere(lambda: POOL.run(run, flight.begin, flight.give_up, owner=flight.tool))
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


async def run_on_loop(flight: Flight, *, begun: bool = False) -> Landed:
    """Await an async tool in the running loop, and land whatever it does; `begun` says that it was claimed already.

    It is one coroutine, because every layer costs; the watchdog finds this frame, and `flight` in it, on the stack of a
    loop that is blocked.
    """
    if not (begun or flight.begin()):
        return ended(flight.tool.name, Cancelled("interrupted"))
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
        return await LANDING.run(functools.partial(flight.raised, error), owner=flight.tool)
    else:
        if is_plain(flight.tool, value):
            return flight.returned(value)
        return await LANDING.run(functools.partial(flight.returned, value), owner=flight.tool)
    finally:
        flight.end()
        flight.notify()  # here and not as a callback of the task, which would take one more turn of the loop


def held(tool: Tool) -> int:
    """Threads that calls of a sync tool hold now, given up or not."""
    return POOL.held(tool)


def abandon(future: asyncio.Future[Any]) -> None:
    """Cancel without waiting. What does not obey runs on, held until it ends, and is waited for by nobody."""
    if not future.done():
        future.cancel()
        _linger(future)


async def in_time(future: asyncio.Future[Any], seconds: float | None) -> bool:
    """Whether it gives a result or an error within so many seconds, `None` without limit; what does not is given up."""
    try:
        await asyncio.wait((future,), timeout=seconds)
    finally:
        abandon(future)
    return future.done() and not future.cancelled()


def _linger(future: asyncio.Future[Any]) -> None:
    """Hold a future until it ends, since its loop holds it only weakly; those of closed loops never will."""
    global _sweep_at
    if len(_lingering) >= _sweep_at:
        _lingering.difference_update([held for held in _lingering if held.get_loop().is_closed()])
        _sweep_at = 2 * len(_lingering) + _SWEEP
    _lingering.add(future)
    future.add_done_callback(_lingering.discard)


def _elsewhere(begin: Callable[[], T]) -> T:
    """Begin work whose deadline is measured by the monotonic clock, as code outside this loop reads that one."""
    enclosing = ENCLOSING.get()
    left = remaining()
    until = enclosing.deadline.after(time.monotonic(), None if math.isinf(left) else left)
    token = ENCLOSING.set(enclosing._replace(deadline=until))
    try:
        return begin()
    finally:
        ENCLOSING.reset(token)


def _run_in_thread(flight: Flight) -> Landed:
    try:
        try:
            value = flight.tool.function(**flight.arguments)
        except BaseException as error:  # a tool may raise anything, SystemExit included, and it costs one call only
            return flight.raised(error)
        return flight.returned(value)
    finally:
        flight.end()


class _LoopCall:
    """One call of an async tool on the tool's own loop thread."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._promise: Promise[Landed] = Promise(asyncio.get_running_loop(), self._let_go)
        self._thread: LoopThread | None = None
        self._task: asyncio.Task[Landed] | None = None
        self._context = contextvars.copy_context()

    def start(self) -> Promise[Landed]:
        """Begin it on the tool's loop thread, or, where that turns out to be blocked, on another."""
        thread = OWN_LOOPS.of(self._flight.tool)
        self._context = _elsewhere(contextvars.copy_context)
        self._offer(thread)
        if thread.doubted:
            asyncio.get_running_loop().call_later(PATIENCE, self._move, thread)
        return self._promise

    def _offer(self, thread: LoopThread) -> None:
        # A call may be offered to two threads; the one that begins first has it.
        thread.loop.call_soon_threadsafe(self._begin, thread, context=self._context)

    def _move(self, thread: LoopThread) -> None:
        if thread.doubted and self._thread is None and not self._promise.done():
            self._offer(OWN_LOOPS.replace(self._flight.tool, thread))

    def _begin(self, thread: LoopThread) -> None:
        if self._promise.cancelled() or not self._flight.begin():
            return
        self._thread = thread
        self._task = thread.loop.create_task(
            run_on_loop(self._flight, begun=True), name=f"shotclock tool {self._flight.tool.name}"
        )
        self._task.add_done_callback(self._land)
        if self._promise.cancelled():
            self._task.cancel()

    def _land(self, task: asyncio.Task[Landed]) -> None:
        self._flight.end()
        if not task.cancelled():
            error = task.exception()
            self._promise.keep(task.result() if error is None else self._flight.raised(error))

    def _let_go(self) -> None:
        thread, task = self._thread, self._task
        if self._flight.give_up() or thread is None:
            return
        thread.doubt()
        if task is not None:
            thread.loop.call_soon_threadsafe(task.cancel)


def _run_in_process(flight: Flight) -> Promise[Landed]:
    left = remaining()
    promise: Promise[Landed] = Promise(asyncio.get_running_loop(), lambda: PROCESSES.give_up(job))

    def done(outcome: memoryview | Failed) -> None:
        if isinstance(outcome, Failed):
            promise.keep(flight.land(ended(flight.tool.name, outcome)))
        else:
            # Reading a result runs code of its classes, and a thread that this blocks is not to be the worker's.
            LANDING.submit(lambda: promise.keep(_unpickled(flight, outcome)), flight.tool)

    job = Job(
        name=flight.tool.name,
        function=flight.tool.function,
        arguments=flight.arguments,
        limits=flight.process,
        until=time.monotonic() + left,
        trace=carried(),
        desk=LedgerDesk(ENCLOSING.get()),
        begin=flight.begin,
        done=done,
        ended=flight.end,
    )
    PROCESSES.submit(job)
    return promise


def _unpickled(flight: Flight, data: memoryview) -> Landed:
    try:
        value = pickle.loads(data)
    except BaseException as error:  # a class of the result may do anything when it is read
        message = f"the result of {flight.tool.name} cannot be read: {type(error).__name__}: {error}"
        failed = Failed("NotPicklable", f"{message[:450]}; return plain data", retryable=False)
        return flight.land(ended(flight.tool.name, failed))
    return flight.returned(value)
