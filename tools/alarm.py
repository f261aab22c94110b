"""One timer for all the waits of a run."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextvars import Context

LINGER = 1.0
"""Seconds for which a timer may be left to ring for nobody; a further one would outlive its run for too long."""


class Alarm:
    """Calls at their instants with one timer of the loop, of which nearly every wait is over before.

    A timer for each would be put into the loop's heap and taken out of it again, which costs as much as a third of a
    bare task. This one is left as it is when a wait ends; it rings once for nobody. For an instant that is far off it
    rings a second from now first: by then most waits are over, and for those that are not a timer costs nothing.

    Args:
        loop: the running loop; instants are those of its clock.
    """

    __slots__ = ("_at", "_due", "_far", "_timer", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._at = math.inf
        self._far = False
        self._due: dict[Callable[[], None], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def set(self, call: Callable[[], None], at: float) -> None:
        """Call it at `at`, once, unless it is dropped before; it must not raise."""
        self._due[call] = at
        if at < self._at:
            self._ring_at(min(at, self.loop.time() + LINGER))

    def drop(self, call: Callable[[], None]) -> None:
        """Call it no more; what was called, or never set, does no harm."""
        self._due.pop(call, None)
        if self._far and not self._due:
            self._hush()

    def _ring_at(self, at: float) -> None:
        if self._at <= at:
            return
        self._hush()
        self._at = at
        # In a context of its own: a loop keeps a timer that was cancelled, and with it all that its context holds.
        self._timer = self.loop.call_at(at, self._ring, context=Context())

    def _hush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at, self._far, self._timer = math.inf, False, None

    def _ring(self) -> None:
        # The loop calls up to the resolution of its clock early, so that `at` and not the clock says who is due.
        due = [call for call, at in self._due.items() if at <= self._at]
        self._at, self._far, self._timer = math.inf, False, None
        for call in due:
            del self._due[call]
            call()
        if self._due:
            next_at = min(self._due.values())
            self._ring_at(next_at)
            self._far = self._at > self.loop.time() + LINGER
