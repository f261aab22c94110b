"""The stream of a model that has no async side, read in a daemon thread that nobody ever waits for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Final, TypeVar

from ...tools.threads import ThreadPool

T = TypeVar("T")

MODEL_THREADS: Final = 32
"""Daemon threads for models without an async side, in the whole process; one model may hold half of them. Further
calls wait, which counts as the model's time."""

POOL: Final = ThreadPool(MODEL_THREADS, "model")
"""The process's threads for such models: their own, so that one that hangs holds up no tool."""

if hasattr(os, "register_at_fork"):  # only where a process can fork
    os.register_at_fork(after_in_child=POOL.forget)


class _End:
    """The stream is over; `error` is what ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


async def in_thread(begin: Callable[[], Iterator[T]], owner: object) -> AsyncGenerator[T, None]:
    """The items of an iterator that is made and read in a thread, as they come.

    Where this is closed or cancelled, the thread stops at its next item and closes the iterator; one that hangs runs on
    for nobody. asyncio's own pool would not do: the end of the program waits for its threads.

    Args:
        begin: makes the iterator; called in the thread, in the caller's context variables.
        owner: whose share of the threads it takes.
    """
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue[T | _End](), threading.Event()

    def send(item: T | _End) -> None:
        if not stop.is_set():
            _tell(loop, queue, item)

    reading = POOL.run(lambda: _read(begin, send, stop), owner=owner)
    try:
        while not isinstance(item := await queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        reading.cancel()


def _read(begin: Callable[[], Iterator[T]], send: Callable[[T | _End], None], stop: threading.Event) -> None:
    try:
        items = begin()
        try:
            for item in items:
                if stop.is_set():
                    return
                send(item)
        finally:
            _close(items)
    except BaseException as error:  # a model may raise anything, and it costs one call only
        send(_End(RuntimeError("StopIteration") if isinstance(error, StopIteration) else error))
    else:
        send(_End(None))


def _tell(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Any], item: Any) -> None:
    try:
        loop.call_soon_threadsafe(queue.put_nowait, item)
    except RuntimeError:
        return  # the loop was closed meanwhile, and nobody waits any more


def _close(items: object) -> None:
    close = getattr(items, "close", None)
    if callable(close):
        close()
