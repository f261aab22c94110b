"""What code inside a run can know of the run around it."""

from __future__ import annotations

import asyncio
import math
import time
from contextvars import ContextVar
from dataclasses import dataclass

from ..policies.deadline import NEVER, Deadline
from ..policies.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Enclosing:
    """The attempt that code runs in: its deadline, and the ledger of its run, where there is one."""

    deadline: Deadline = NEVER
    ledger: Ledger | None = None


OUTSIDE = Enclosing()
"""No run at all."""

ENCLOSING: ContextVar[Enclosing] = ContextVar("shotclock_attempt", default=OUTSIDE)
"""The attempt this code runs in. It follows context variables into tasks and threads."""


def remaining() -> float:
    """Seconds the tool that calls this has left, never negative; `math.inf` outside a run or without a deadline.

    A tool that can do its work more or less thoroughly asks this and does what fits.
    """
    deadline = ENCLOSING.get().deadline
    return math.inf if deadline.never else deadline.remaining(clock())


def clock() -> float:
    """The time deadlines are measured by: the running loop's, else the monotonic clock, which it is by default."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
