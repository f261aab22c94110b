"""When things happen in a run, by the run's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeline:
    """The clock of a run, tied to the wall clock once, at its start.

    Every span and event of the run takes its time from here: a wall clock that is set meanwhile bends no duration, and
    on a virtual clock the times are virtual too.

    Attributes:
        clock: seconds.
        begun: when the run began, on that clock.
        anchor: an instant of that clock.
        anchor_ns: the same instant, nanoseconds of the wall clock.
    """

    clock: Callable[[], float]
    begun: float
    anchor: float
    anchor_ns: int

    @classmethod
    def of(cls, clock: Callable[[], float], begun: float | None, enclosing: Timeline | None) -> Timeline:
        """The timeline of a run that began at `begun`, or now; in step with an enclosing run of the same clock."""
        now = clock()
        begun = now if begun is None else min(begun, now)
        if enclosing is not None and enclosing.clock == clock:
            return cls(clock, begun, enclosing.anchor, enclosing.anchor_ns)
        return cls(clock, begun, now, time.time_ns())

    @property
    def started_ns(self) -> int:
        """When the run began, nanoseconds of the wall clock."""
        return self.anchor_ns + round((self.begun - self.anchor) * 1e9)

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.begun

    def instant(self) -> int:
        """Now, nanoseconds of the wall clock."""
        return self.anchor_ns + round((self.clock() - self.anchor) * 1e9)

    def after(self, elapsed: float) -> int:
        """So many seconds after the run began, nanoseconds of the wall clock."""
        return self.anchor_ns + round((self.begun + elapsed - self.anchor) * 1e9)
