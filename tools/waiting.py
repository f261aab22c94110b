"""Who waits for a place of a tool, the nearest deadline first."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort

from ..policies.deadline import Deadline
from ..policies.outcome import Skipped
from .ticket import Ticket

Place = tuple[float, int]
"""Where one stands: its deadline, then its arrival."""


class Waiter:
    """One that waits for a place. `answer` is set under the gate's lock, once; the future only wakes it."""

    __slots__ = ("answer", "asked", "deadline", "future", "loop", "place")

    def __init__(self, deadline: Deadline, asked: float, place: Place) -> None:
        self.deadline = deadline
        self.asked = asked
        self.place = place
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.answer: Ticket | Skipped | None = None

    def wake(self) -> None:
        """Let it look at its answer; in its own loop."""
        if not self.future.done():
            self.future.set_result(None)


class Queue:
    """The waiters of one tool, in the order in which they are served; used under the lock of its gate."""

    __slots__ = ("_arrivals", "_waiters")

    def __init__(self) -> None:
        self._waiters: list[tuple[Place, Waiter]] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._waiters)

    def ahead(self, deadline: Deadline) -> int:
        """How many would be served before one that came now with this deadline."""
        return bisect_right(self._waiters, (deadline.at, self._arrivals + 1), key=_place)

    def join(self, deadline: Deadline, now: float) -> Waiter:
        """A new waiter, in its place."""
        self._arrivals += 1
        waiter = Waiter(deadline, now, (deadline.at, self._arrivals))
        insort(self._waiters, (waiter.place, waiter), key=_place)
        return waiter

    def drop(self, waiter: Waiter) -> None:
        """Take a waiter out, where it still stands."""
        at = bisect_right(self._waiters, waiter.place, key=_place) - 1
        if at >= 0 and self._waiters[at][1] is waiter:
            del self._waiters[at]

    def pop(self) -> Waiter:
        """The next waiter, out of the queue."""
        return self._waiters.pop(0)[1]


def _place(entry: tuple[Place, Waiter]) -> Place:
    return entry[0]
