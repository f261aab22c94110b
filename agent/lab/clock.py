"""A clock that jumps: what takes a day takes no time, in tests and where recorded runs are gone through again."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from ...tools.promise import busy

T = TypeVar("T")

_REAL_WAIT = 0.001
"""Real seconds between two looks at threads and processes that are still busy; the clock stands still meanwhile."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer it moves the loop's clock there."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        while not ready and timeout is not None and timeout > 0 and busy(self._loop):
            ready = super().select(_REAL_WAIT)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        self._loop.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` jumps to the next timer as soon as nothing else is to do.

    Tools in threads and in processes take real time, during which the clock stands still.
    """

    virtual = True

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._now += seconds


class VirtualClock:
    """Runs coroutines in virtual time; the clock goes on from one `run` to the next.

    Args:
        start: seconds the clock shows at first. Default 0.
    """

    def __init__(self, start: float = 0.0) -> None:
        self.now = start

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """As `asyncio.run`, without waiting for anything."""
        loops: list[VirtualLoop] = []

        def make() -> VirtualLoop:
            loops.append(VirtualLoop(self.now))
            return loops[-1]

        with asyncio.Runner(loop_factory=make) as runner:
            try:
                return runner.run(coroutine)
            finally:
                self.now = loops[0].time()
