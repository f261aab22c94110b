"""Leave to make one attempt, and its way back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..policies.outcome import Outcome

if TYPE_CHECKING:
    from .gate import Gate


class Ticket:
    """Leave to make one attempt. Whoever got it calls `leave` once the attempt's slice has ended, in any case.

    Attributes:
        queued: seconds it waited for a place.
        trial: whether it is the trial call of a breaker that is half open.
        loop: the loop it was given in, where places are limited: once that is closed, the place is free again.
    """

    __slots__ = ("_abandoned", "_counted", "_ended", "_gate", "_left", "loop", "queued", "trial")

    def __init__(self, gate: Gate, queued: float, trial: bool, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.queued = queued
        self.trial = trial
        self.loop = loop
        self._gate = gate
        self._left = False
        self._abandoned = False
        self._counted = False
        self._ended = False

    def leave(self, outcome: Outcome, seconds: float) -> None:
        """The attempt's slice is over: it ended so, after `seconds` of its own, the wait not included.

        Gives the place back and tells the breaker, the bucket and the limit. Calling it again changes nothing.
        """
        self._gate._leave(self, outcome, seconds)

    def abandon(self) -> None:
        """The attempt was given up and its work runs on, as a blocked thread does; until `ended` it is counted."""
        self._gate._abandon(self)

    def ended(self) -> None:
        """The work itself is over. From any thread, before or after `abandon`, once or several times."""
        # Without the lock while all is well: `_abandon` looks at `_ended` after it has counted.
        self._ended = True
        if self._abandoned:
            self._gate._end(self)
