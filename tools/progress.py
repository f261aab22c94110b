"""What a tool says before it returns: how far it is, and sound as it is made. Whoever streams the run is told."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..policies.errors import UsageError
from .call import InnerCall
from .content import sound
from .scope import ENCLOSING, clock

if TYPE_CHECKING:
    from .attempt import Attempt


class Far(NamedTuple):
    """How far an attempt is: the share that is done, where it is known, and words."""

    fraction: float | None
    message: str


class Sound(NamedTuple):
    """A piece of sound, and the seconds of the whole that it is."""

    data: bytes
    start: float
    end: float
    media_type: str


class Inside(NamedTuple):
    """What is said inside of an attempt: by a tool of an agent that runs there. `calls` are the calls it was said in,
    the outermost first."""

    calls: tuple[InnerCall, ...]
    said: Far | Sound


Said = Far | Sound | Inside
"""What a tool says before it returns."""

Report = Callable[[Said], None]
"""Told what an attempt says; any thread may."""

EVERY = 0.05
"""Seconds between two reports of one attempt that are passed on; what is said in between is left out."""

_LONGEST = 500
"""Characters of a message that are passed on."""


def progress(fraction: float | None = None, message: str = "") -> None:
    """Say how far the tool that calls this is; whoever streams the run gets it as `CallProgress`.

    It may be called as often as one likes, in any kind of tool, sync, async or in a worker process: one report in 50 ms
    is passed on, and the last one, of 1, always. Where nobody listens, and outside a run, it does nothing.

    Args:
        fraction: how much is done, from 0 to 1; more counts as 1, less as 0. `None`, the default, where nobody knows.
        message: what is being done, in a few words; after 500 characters it is cut. Default empty.

    Raises:
        UsageError: `fraction` is no number, or `message` no text.
    """
    if fraction is not None:
        fraction = _share(fraction)
    if not isinstance(message, str):
        raise UsageError(f"message must be a text, got {message!r} of type {type(message).__name__}")
    report = ENCLOSING.get().report
    if report is not None:
        report(Far(fraction, message))


def send_audio(data: bytes, start: float, end: float, *, media_type: str = "audio/wav") -> None:
    """Hand on a piece of sound as soon as there is one; whoever streams the run gets it as `AudioChunk`.

    What the tool returns is its result all the same: return the whole as `Audio(data=...)` where it is one. Where
    nobody listens, and outside a run, this does nothing.

    Args:
        data: the piece, in the encoding that `media_type` names.
        start: the second of the whole at which it begins.
        end: the second at which it ends.
        media_type: such as `audio/wav` or `audio/mpeg`. Default `audio/wav`.

    Raises:
        UsageError: `data` is no bytes, or `start` and `end` are no seconds in this order.
    """
    if not isinstance(data, bytes):
        raise UsageError(f"data must be bytes, got a {type(data).__name__}")
    if not 0 <= start <= end < math.inf:
        raise UsageError(f"start and end must be seconds, the earlier first, got start={start!r} and end={end!r}")
    report = ENCLOSING.get().report
    if report is not None:
        report(Sound(data, float(start), float(end), media_type))


def _share(fraction: float) -> float:
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or math.isnan(fraction):
        raise UsageError(f"fraction must be a number from 0 to 1, or None, got {fraction!r}; write done / total")
    return float(min(1.0, max(0.0, fraction)))


def share_of(done: float, total: float | None) -> float | None:
    """The share that is done, where both figures make sense."""
    if total is None or not (total > 0 and math.isfinite(total) and math.isfinite(done)):
        return None
    return min(1.0, max(0.0, done / total))


class Rate:
    """Lets through what is said of how far something is, seldom enough to be no burden, and the end of it always."""

    __slots__ = ("_complete", "_last", "_lock")

    def __init__(self) -> None:
        self._last = -math.inf
        self._complete = False
        self._lock = threading.Lock()

    def due(self, said: Said) -> bool:
        """Whether it is passed on; sound always is. Any thread may ask."""
        if not isinstance(said, Far):
            return True
        now, complete = clock(), said.fraction == 1.0
        with self._lock:
            if now - self._last < EVERY and (self._complete or not complete):
                return False
            self._last, self._complete = now, complete
            return True


def rated(report: Report) -> Report:
    """A report that is told no more often than is passed on; for one that costs, as out of a worker process."""
    rate = Rate()

    def told(said: Said) -> None:
        if rate.due(said):
            report(said)

    return told


def from_inside(report: Report) -> Callable[[str, str, int, Said], None]:
    """Tells the attempt around a run what the run's own tools say, in whose name."""

    def told(call: str, tool: str, attempt: int, said: Said) -> None:
        here = InnerCall(id=call, tool=tool, attempt=attempt)
        calls, said = (said.calls, said.said) if isinstance(said, Inside) else ((), said)
        report(Inside((here, *calls), said))

    return told


class Reports:
    """What one attempt says: how far it is seldom enough to be no burden, and nothing once the attempt is over.

    Args:
        tell: told, by call, tool and number of the attempt.
        attempt: what says it.
    """

    __slots__ = ("_attempt", "_rate", "_tell")

    def __init__(self, tell: Callable[[str, str, int, Said], None], attempt: Attempt) -> None:
        self._tell = tell
        self._attempt = attempt
        self._rate = Rate()

    def __call__(self, said: Said) -> None:
        """Pass it on, or leave it out. Any thread may."""
        attempt = self._attempt
        if attempt.settled is not None or not self._rate.due(said):
            return
        if isinstance(said, Far):
            said = Far(said.fraction, sound(said.message[:_LONGEST]))
        self._tell(attempt.job.call, attempt.tool.name, attempt.number, said)
