"""Where files are read: in a thread, or, where one could take for ever or unpack to gigabytes, in a worker process."""

from __future__ import annotations

import asyncio
import math
import pickle
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ...policies.limits import ProcessLimits
from ...policies.outcome import Failed
from ..isolation import POOL, abandon
from ..process import Job
from ..processes import PROCESSES
from ..promise import Promise
from ..remote_ledger import LedgerDesk
from ..scope import ENCLOSING
from .decode import quietly

T = TypeVar("T")

_OWNER = object()
"""Whose share of the threads it takes."""


class Unread(Exception):
    """A file was not read; the message says why, as the end of a sentence."""


async def in_thread(function: Callable[[], T], seconds: float) -> T:
    """What a function gives in a thread, which is given up after so many seconds.

    Raises:
        Unread: the time is up.
        Exception: what the function raises.
    """
    return await within(POOL.run(function, owner=_OWNER), seconds)


async def in_process(
    function: Callable[..., T], arguments: Mapping[str, Any], *, seconds: float, limits: ProcessLimits
) -> T:
    """What a function of a module gives in a worker process, which is killed after so many seconds.

    Raises:
        Unread: the time is up, the worker died of what it read, or the function refused it.
    """
    promise: Promise[Any] = Promise(asyncio.get_running_loop(), lambda: PROCESSES.give_up(job))
    job = Job(
        name="reading a file",
        function=quietly,
        arguments={"function": function, "arguments": arguments},
        limits=limits,
        until=math.inf if math.isinf(seconds) else time.monotonic() + seconds,
        trace={},
        desk=LedgerDesk(ENCLOSING.get()),
        begin=lambda: True,
        done=lambda outcome: promise.keep(outcome if isinstance(outcome, Failed) else pickle.loads(outcome)),
        ended=lambda: None,
    )
    PROCESSES.submit(job)
    gave = await within(promise, seconds)
    if isinstance(gave, Failed):
        raise Unread(_reason(gave))
    result: T = gave
    return result


async def within(work: Awaitable[T], seconds: float) -> T:
    """What is awaited, which is given up, and not waited for, after so many seconds.

    Raises:
        Unread: the time is up.
    """
    future = asyncio.ensure_future(work)
    try:
        await asyncio.wait((future,), timeout=None if math.isinf(seconds) else max(0.0, seconds))
        if not future.done():
            raise Unread(f"it was not read within {seconds:.2f} s")
        return future.result()
    finally:
        abandon(future)


def _reason(failed: Failed) -> str:
    if failed.error_type in ("ValueError", "MissingExtra"):
        return failed.message.removeprefix(f"{failed.error_type}: ")
    if failed.error_type in ("WorkerDied", "MemoryError"):
        return "reading it took too much memory, or broke the reader"
    return failed.message
