"""Shapes of latency distributions, in log seconds: what a forecast reads its quantiles from.

Every shape is an immutable value with two functions that are inverses of each other: `quantile(p)`, the log seconds
under which a share `p` lies, and `cumulative(x)`, the share under `x` log seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

_NORMAL = NormalDist()


class Shape(Protocol):
    """A distribution of log seconds."""

    def quantile(self, p: float) -> float:
        """The log seconds under which a share `p` lies, 0 < p < 1."""
        ...

    def cumulative(self, x: float) -> float:
        """The share that lies at or under `x` log seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """Student-t of log seconds: what is believed of a log-normal latency whose scale is uncertain.

    It uses Wallace's transformation to a normal, which has an exact inverse and is off by less than 0.001 in
    probability from 6 degrees of freedom on.

    Attributes:
        centre: median, log seconds.
        scale: scale of log seconds, above 0.
        freedom: degrees of freedom, above 2.
    """

    centre: float
    scale: float
    freedom: float

    def quantile(self, p: float) -> float:
        """The log seconds under which a share `p` lies."""
        z = _NORMAL.inv_cdf(p) * (8 * self.freedom + 3) / (8 * self.freedom + 1)
        t = math.sqrt(self.freedom * math.expm1(z * z / self.freedom))
        return self.centre + self.scale * math.copysign(t, z)

    def cumulative(self, x: float) -> float:
        """The share that lies under `x` log seconds."""
        t = (x - self.centre) / self.scale
        z = math.sqrt(self.freedom * math.log1p(t * t / self.freedom))
        return _NORMAL.cdf(math.copysign(z, t) * (8 * self.freedom + 1) / (8 * self.freedom + 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What lies beyond the largest sample: a Pareto tail whose index is uncertain.

    Log excesses are exponential with a gamma-distributed rate, so that the share beyond an excess `y` is
    `(1 + y / scale) ** -weight`.
    """

    scale: float
    weight: float

    def excess(self, share: float) -> float:
        """Log seconds beyond the threshold that a share, 0 < share ≤ 1, of what passes it exceeds."""
        return self.scale * math.expm1(-math.log(share) / self.weight)

    def beyond(self, excess: float) -> float:
        """The share of what passes the threshold that exceeds it by so many log seconds."""
        return math.exp(-self.weight * math.log1p(excess / self.scale))


@dataclass(frozen=True, slots=True)
class Steps:
    """Samples with the share that lies under each, exponential between them, a tail beyond the last.

    What lies between two samples thins out as a Pareto tail does: the share above falls with log seconds. Straight
    lines would put too much of it at the far end of the wide gaps of a heavy tail.

    Attributes:
        logs: ascending log seconds, at least one.
        shares: strictly ascending shares in (0, 1), one for each of `logs`.
        tail: the distribution of what exceeds the last.
    """

    logs: Sequence[float]
    shares: Sequence[float]
    tail: Tail

    def quantile(self, p: float) -> float:
        """The log seconds under which a share `p` lies; under the first share it is the smallest sample."""
        shares, logs = self.shares, self.logs
        if p > shares[-1]:
            return logs[-1] + self.tail.excess(max((1 - p) / (1 - shares[-1]), 1e-300))
        at = bisect_left(shares, p)
        if at == 0:
            return logs[0]
        above = 1 - shares[at - 1]
        fall = math.log((1 - shares[at]) / above)
        # Shares so small that 1 less either is 1 are no step at all.
        part = math.log((1 - p) / above) / fall if fall else 1.0
        # Rounding must not carry it past the sample: a higher share would then be asked less time.
        return min(logs[at - 1] + part * (logs[at] - logs[at - 1]), logs[at])

    def cumulative(self, x: float) -> float:
        """The share at or under `x` log seconds; none lies under the smallest sample."""
        shares, logs = self.shares, self.logs
        if x >= logs[-1]:
            return 1 - (1 - shares[-1]) * self.tail.beyond(x - logs[-1])
        at = bisect_right(logs, x)
        if at == 0:
            return 0.0
        part = (x - logs[at - 1]) / (logs[at] - logs[at - 1])
        above = 1 - shares[at - 1]
        return 1 - above * math.pow((1 - shares[at]) / above, part)


@dataclass(frozen=True, slots=True)
class Wider:
    """The longer of two shapes at every share: right where either is."""

    one: Shape
    other: Shape

    def quantile(self, p: float) -> float:
        """The log seconds under which both have a share `p`."""
        return max(self.one.quantile(p), self.other.quantile(p))

    def cumulative(self, x: float) -> float:
        """The share that both have under `x` log seconds."""
        return min(self.one.cumulative(x), self.other.cumulative(x))


@dataclass(frozen=True, slots=True)
class Slowest:
    """The last to end of independent shapes, at least one."""

    parts: Sequence[Shape]

    def quantile(self, p: float) -> float:
        """The log seconds under which all lie with a share `p`, found by halving."""
        low = max(part.quantile(p) for part in self.parts)
        high = max(part.quantile(min(p ** (1 / len(self.parts)), 1 - 1e-15)) for part in self.parts)
        while high - low > 1e-4:
            middle = (low + high) / 2
            low, high = (middle, high) if self.cumulative(middle) < p else (low, middle)
        return high

    def cumulative(self, x: float) -> float:
        """The share in which all lie under `x` log seconds."""
        return math.prod(part.cumulative(x) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Scaled:
    """Another shape, every latency multiplied by the same factor (`shift` is its logarithm)."""

    base: Shape
    shift: float

    def quantile(self, p: float) -> float:
        """The log seconds under which a share `p` lies."""
        return self.base.quantile(p) + self.shift

    def cumulative(self, x: float) -> float:
        """The share that lies under `x` log seconds."""
        return self.base.cumulative(x - self.shift)


@dataclass(frozen=True, slots=True)
class StillRunning:
    """Another shape, known to have passed the share `passed`: `start` log seconds have gone by."""

    base: Shape
    start: float
    passed: float

    def quantile(self, p: float) -> float:
        """The log seconds under which a share `p` of what still runs lies."""
        within = self.passed + p * (1 - self.passed)
        return max(self.start, self.base.quantile(min(within, 1 - 1e-15)))

    def cumulative(self, x: float) -> float:
        """The share of what still ran that has ended at `x` log seconds."""
        return max(0.0, (self.base.cumulative(x) - self.passed) / (1 - self.passed))
