"""Virtual time for libraries of other environments: the event loop's clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import importlib
import selectors
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")

_REAL_WAIT = 0.001
"""Real seconds between two looks at threads that are busy; the clock stands still meanwhile."""


class _Selector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer it moves the clock there."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        while not ready and timeout is not None and timeout > 0 and self._loop.busy():
            ready = super().select(_REAL_WAIT)
        if ready or timeout == 0 or timeout is None:
            return ready or super().select(timeout)
        self._loop.now += timeout
        return ready


class Loop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. What runs in its executors takes none."""

    virtual = True

    def __init__(self) -> None:
        self.now = 0.0
        self._threads: set[asyncio.Future[Any]] = set()
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def busy(self) -> bool:
        """Whether an executor is at work."""
        return bool(self._threads)

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """As every loop does it; counted."""
        future = super().run_in_executor(executor, func, *args)
        self._threads.add(future)
        future.add_done_callback(self._threads.discard)
        return future


class Clock:
    """Runs coroutines in virtual time.

    Args:
        others: module and name of each function that a library reads another clock by.
    """

    def __init__(self, others: Sequence[tuple[str, str]] = ()) -> None:
        self._others = others

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """As `asyncio.run`, without waiting for anything.

        Raises:
            RuntimeError: there was work in threads that the loop does not know of, so that its times are worth nothing.
        """
        loops: list[Loop] = []

        def make() -> Loop:
            loops.append(Loop())
            return loops[-1]

        patches = [patch.object(importlib.import_module(at), name, lambda: loops[0].now) for at, name in self._others]
        for each in patches:
            each.start()
        try:
            with asyncio.Runner(loop_factory=make) as runner:
                found = runner.run(coroutine)
            if strange := [thread.name for thread in threading.enumerate() if thread.name.startswith("AnyIO")]:
                raise RuntimeError(f"{strange} worked beside the loop; play on the wall clock")
            return found
        finally:
            for each in patches:
                each.stop()
