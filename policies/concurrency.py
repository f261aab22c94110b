"""How many attempts of a tool may be under way at once: a limit that follows the latency it sees.

This is Gradient2 of Netflix's concurrency-limits: latency that rises above its long-run level means that calls queue at
the other end, and the limit falls in proportion; otherwise it rises by a few calls a round trip. Two things differ,
because tools are not services of one kind: latencies are averaged by their logarithm, since the delays recorded of
tools have a Hill index of .9 and therefore no mean that would settle; and a window is one round trip's worth of
samples, not a second. As with Gradient2, a saturation that lasts becomes the new long-run level: a tool that serves ten
calls of 0.1 s at once is held at 21 after ten seconds, 28 after a minute and 106 after ten minutes without a pause.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from .errors import InvalidPolicy
from .outcome import Ok, Outcome, TimedOut

START = 20
"""Where the limit begins (Gradient2 `initialLimit`)."""

LARGEST = 200
"""What it never exceeds (Gradient2 `maxConcurrency`)."""

SMOOTHING = 0.2
"""The weight of a new limit against the present one (Gradient2 `smoothing`)."""

TOLERANCE = 1.5
"""The rise of latency over its long-run level that is no reason to shrink (Gradient2 `rttTolerance`)."""

HEADROOM = 4
"""Calls by which the limit tries to rise in a window (Gradient2 `queueSize`)."""

LONG_RUN = 600
"""Windows in the long-run average (Gradient2 `longWindow`)."""

WARM_UP = 10
"""Windows averaged plainly before the long-run average has weights of its own (`ExpAvgMeasurement` there)."""

WINDOW = 10
"""Fewest samples of a window (`windowSize` of its `WindowedLimit`)."""

QUEUE = 50.0
"""Places to wait for each place to run. It only bounds memory: who would come too late is refused by the usual latency,
and a burst of 1,000 calls of a tool that takes a millisecond is not refused at all."""

ABANDONED = 16
"""Given-up attempts of one tool that may run on: a quarter of the process's threads for tools."""

RECENT = 0.1
"""The weight of a new sample in the recent latency, by which waits are reckoned (ours)."""

SMALLEST_SAMPLE = 0.001
"""Seconds under which samples are all alike: there it is the event loop that is measured, and not the tool."""


class ConcurrencyState(NamedTuple):
    """What a tool's limit has learnt; a tuple, because one is made for every attempt.

    Attributes:
        limit: the limit, with its fraction.
        usual: the long-run average of the logarithm of the latency in seconds, over `windows`.
        windows: windows that were closed.
        total: the sum of the logarithms in the window under way.
        samples: how many they are.
        peak: most attempts under way in that window.
        recent: the average of the logarithm over some 20 samples, the latest weighing most; `None` before the first.
    """

    limit: float
    usual: float = 0.0
    windows: int = 0
    total: float = 0.0
    samples: int = 0
    peak: int = 0
    recent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """Bound the attempts of one tool that are under way at once, and those that wait.

    Attributes:
        start: the limit at first. Default 20.
        smallest: what the limit never falls below. Default 1.
        largest: what it never exceeds. Default 200. With `smallest` = `largest` the limit is fixed.
        smoothing: the weight of a new limit, above 0 and up to 1. Default 0.2.
        tolerance: the rise of latency that is no reason to shrink, 1 or more. Default 1.5.
        queue: places to wait, as a multiple of the limit; `0` refuses at once. Default 50.
        abandoned: attempts that run on after they were given up; above it the tool is not called until some have
            ended. Default 16.

    Raises:
        InvalidPolicy: a value is out of range, or `smallest` ≤ `start` ≤ `largest` does not hold.
    """

    start: int = START
    smallest: int = 1
    largest: int = LARGEST
    smoothing: float = SMOOTHING
    tolerance: float = TOLERANCE
    queue: float = QUEUE
    abandoned: int = ABANDONED

    def __post_init__(self) -> None:
        if not 1 <= self.smallest <= self.start <= self.largest:
            raise InvalidPolicy(
                "concurrency must have 1 <= smallest <= start <= largest, "
                f"got smallest={self.smallest!r}, start={self.start!r}, largest={self.largest!r}"
            )
        if not 0 < self.smoothing <= 1:
            raise InvalidPolicy(f"concurrency.smoothing must be above 0 and at most 1, got {self.smoothing!r}")
        if not self.tolerance >= 1:
            raise InvalidPolicy(f"concurrency.tolerance must be 1 or more, got {self.tolerance!r}")
        if not (self.queue >= 0 and math.isfinite(self.queue)):
            raise InvalidPolicy(f"concurrency.queue must be a multiple of 0 or more, got {self.queue!r}")
        if not self.abandoned >= 0:
            raise InvalidPolicy(f"concurrency.abandoned must be 0 or more attempts, got {self.abandoned!r}")

    def fixed(self, limit: int) -> Concurrency:
        """The same policy with a limit that stays: what a tool's author asked for.

        Raises:
            InvalidPolicy: `limit` is below 1.
        """
        return replace(self, start=limit, smallest=limit, largest=limit)

    def initial(self) -> ConcurrencyState:
        """How a tool begins."""
        return ConcurrencyState(float(self.start))

    def places(self, state: ConcurrencyState) -> int:
        """How many may wait."""
        return int(self.queue * state.limit)

    def usual(self, state: ConcurrencyState) -> float | None:
        """Seconds an attempt usually takes (the geometric mean); `None` while nothing is known."""
        if state.windows:
            return math.exp(state.usual)
        return math.exp(state.total / state.samples) if state.samples else None

    def wait(self, state: ConcurrencyState, ahead: int) -> float:
        """Seconds until a place is free for one with `ahead` others before it; 0 while nothing is known.

        It goes by the recent latency: the long-run level remembers a slow spell for hundreds of attempts.
        """
        return 0.0 if state.recent is None else math.exp(state.recent) * (ahead + 1) / int(state.limit)

    def after(self, state: ConcurrencyState, outcome: Outcome, seconds: float, in_flight: int) -> ConcurrencyState:
        """The state once an attempt has ended so after `seconds`, its wait not included, one of `in_flight`.

        A timeout counts as the time it took, where that is more than usual: how much longer it would have taken is not
        known. A failure may be quick and a cancelled attempt was cut: they say nothing of how long calls take.
        """
        if not isinstance(outcome, Ok) and not self._slow(state, outcome, seconds):
            return state
        limit, usual, windows, total, samples, peak, recent = state
        log = math.log(seconds if seconds > SMALLEST_SAMPLE else SMALLEST_SAMPLE)
        total += log
        recent = log if recent is None else recent + RECENT * (log - recent)
        samples += 1
        peak = in_flight if in_flight > peak else peak
        if samples < WINDOW or samples < limit:
            return ConcurrencyState(limit, usual, windows, total, samples, peak, recent)
        return self._close(state, total / samples, peak)._replace(recent=recent)

    def _slow(self, state: ConcurrencyState, outcome: Outcome, seconds: float) -> bool:
        return isinstance(outcome, TimedOut) and seconds > (self.usual(state) or 0.0)

    def _close(self, state: ConcurrencyState, short: float, peak: int) -> ConcurrencyState:
        """The window is over: its average moves the long-run one and the limit."""
        windows = state.windows + 1
        usual = state.usual + (short - state.usual) * (1 / windows if windows <= WARM_UP else 2 / (LONG_RUN + 1))
        level = math.exp(usual - short)
        if level > 2:
            usual += math.log(0.95)  # after a slow spell the long-run level comes down faster than its average would
        limit = state.limit if peak < state.limit / 2 else self._moved(state.limit, level)
        return ConcurrencyState(limit, usual, windows)

    def _moved(self, limit: float, level: float) -> float:
        gradient = max(0.5, min(1.0, self.tolerance * level))
        wanted = limit * gradient + HEADROOM
        return max(float(self.smallest), min(float(self.largest), limit + self.smoothing * (wanted - limit)))
