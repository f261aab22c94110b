"""An absolute instant of the monotonic clock by which something must have ended."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """An instant, in seconds of the clock that made it; `math.inf` is never.

    Deadlines are absolute, made once on entry and nested by `earlier`. Between processes the remaining seconds travel,
    never the instant. The clock is the caller's: every method that needs the time takes `now`.
    """

    at: float = math.inf

    @classmethod
    def after(cls, now: float, seconds: float | None) -> Deadline:
        """The deadline `seconds` from `now`; `None` is never."""
        return cls(math.inf if seconds is None else now + seconds)

    def earlier(self, other: Deadline) -> Deadline:
        """The earlier of two deadlines: what an enclosing run allows can only shrink."""
        return self if self.at <= other.at else other

    def less(self, seconds: float) -> Deadline:
        """This deadline moved `seconds` earlier."""
        return Deadline(self.at - seconds)

    def remaining(self, now: float) -> float:
        """Seconds left at `now`: never negative, `math.inf` where there is no deadline."""
        left = self.at - now
        return left if left > 0 else 0.0

    def expired(self, now: float) -> bool:
        """Whether nothing is left at `now`."""
        return now >= self.at

    @property
    def never(self) -> bool:
        """Whether there is no deadline."""
        return math.isinf(self.at)


NEVER = Deadline()
"""No deadline."""
