"""A run as a stream of events: it goes on at its own pace, whatever its consumer does, and ends where that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from .backlog import Backlog
from .events import BudgetTick, Event
from .result import Result
from .run import Run

TICK = 0.1
"""Seconds between two budget ticks, where the caller does not say."""


async def streamed(
    start: Callable[[Callable[[Event], None]], Run],
    supervised: Callable[[Run], Coroutine[Any, Any, Result]],
    tick: float | None,
) -> AsyncGenerator[Event, None]:
    """The events of the run that `start` makes, with a budget tick every `tick` seconds that somebody reads; nothing is
    begun before the first is asked for.

    A tick is made when it is read: it costs nothing while nobody reads, and is never out of date.
    """
    backlog = Backlog()
    # Loaded where it is used, as agents are: a script that a worker process imports runs none.
    from .supervisor import announce

    run = start(backlog.put)
    loop = asyncio.get_running_loop()
    announce(run)  # here, and not in the run's task: the first event waits for no turn of a loop that may be busy
    task = loop.create_task(supervised(run), name="shotclock streamed run")
    task.add_done_callback(lambda _: backlog.end())  # however it ended: nothing more comes
    due = None if tick is None else loop.time() + tick
    ticks = False
    try:
        while True:
            # A timer may fire a little early, by the clock that it was set by.
            ticks = ticks or (due is not None and loop.time() >= due)
            if tick is not None and ticks and not run.closed:
                ticks, due = False, loop.time() + tick
                yield _tick(run)
            elif (event := backlog.take()) is not None:
                yield event
            elif backlog.ended:
                break
            else:
                ticks = await backlog.wait(due)
        yield await task
    finally:
        await _left(run, task)


def _tick(run: Run) -> BudgetTick:
    elapsed = run.elapsed
    remaining = None if run.deadline.never else max(0.0, run.deadline.remaining(run.now()))
    return BudgetTick(remaining=remaining, spend=run.ledger.spend(elapsed), left=run.ledger.left(), at=elapsed)


async def _left(run: Run, task: asyncio.Task[Result]) -> None:
    """The consumer has left: the run is cancelled, which takes a turn of the loop or two, and its trace is closed."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait((task,))
    if not run.closed:  # it was cancelled before it had begun
        from .supervisor import close_cancelled

        close_cancelled(run)
