"""How long something will take: a distribution, asked for its quantiles and probabilities, never a single figure.

`LatencyState` (see `latency`) learns it, `sums` adds forecasts up, `pace` makes those of model calls from their tokens.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from .errors import InvalidPolicy, UsageError
from .shapes import Shape, StillRunning

SMALLEST: Final = 1e-6
"""Seconds under which latencies are not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of a latency before anything was seen.

    Attributes:
        p50: median, seconds, above 0.
        sigma: standard deviation of its natural logarithm, above 0. Default 0.70, the median over 58 public
            model-latency sets.
        tail: mean by which the logarithm of a long one exceeds the upper tenth's threshold (the inverse of the Hill
            index), above 0; `None` is 0.7 `sigma`, a little above that of a log-normal. Default `None`.
    """

    p50: float
    sigma: float = 0.70
    tail: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("p50", self.p50), ("sigma", self.sigma), ("tail", self.excess)):
            if not 0 < value < math.inf:
                raise InvalidPolicy(f"prior.{name} must be a finite number above 0, got {value!r}")

    @property
    def excess(self) -> float:
        """The mean log excess that is believed of the tail."""
        return 0.7 * self.sigma if self.tail is None else self.tail


PRIORS: Final = {
    "tool": Prior(p50=0.3, sigma=0.70),
    "fast tool": Prior(p50=0.063, sigma=1.20, tail=1.5),
    "slow tool": Prior(p50=5.0, sigma=0.55),
    "model": Prior(p50=2.97, sigma=0.55),
}
"""Classes of latency. `tool` (an API) and `slow tool` are assumed; `fast tool` has the median and the log deviation of
987 recorded tool delays of coding agents, and a tail a third heavier than theirs (their Hill index is 0.9), so that p99
of 3 to 20 samples covers what it says; `model` is 0.58 s + 18.5 ms a token at the median answer of 129 tokens, with the
deviation that is left where the tokens are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPolicy:
    """How fast a forecast leaves its prior, and what it remembers.

    Attributes:
        kappa0: samples the prior's median is worth. Default 0.5.
        nu0: samples the prior's deviation is worth, above 2. Default 6. With `sigma` 0.70 both were measured on 58
            public model-latency sets: at 5 samples the 95th percentile so covers 96 %, plain empirical ones 82 %.
        conformal_from: samples from which quantiles are order statistics, about the ⌈(n+1)q⌉-th smallest sample, from
            50 on their medians instead of their means; below it the longer of the shrunk log-normal's and theirs.
            Default 20.
        sketch_from: samples kept one by one, and the number from which they are sketched. Default 200.
        alpha: largest relative error of the sketch. Default 0.01.
        window: samples after which the sketches rotate; a forecast rests on one to two windows. Default 500.
        tail_weight: samples the prior of the Pareto tail is worth. Default 2.
        drift_slack: how far from even the samples may fall around the median, from 0 to 1, before that counts as
            drift. Default 0.4.
        drift_alarm: counted excess at which what is older is forgotten. Default 22: a change of regime is then noticed
            after some 37 samples. 10,000 heavy-tailed samples of one regime raise none.
    """

    kappa0: float = 0.5
    nu0: float = 6.0
    conformal_from: int = 20
    sketch_from: int = 200
    alpha: float = 0.01
    window: int = 500
    tail_weight: float = 2.0
    drift_slack: float = 0.4
    drift_alarm: float = 22.0

    def __post_init__(self) -> None:
        for name in ("kappa0", "tail_weight", "drift_alarm"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidPolicy(f"forecast.{name} must be a finite number above 0, got {getattr(self, name)!r}")
        for name in ("alpha", "drift_slack"):
            if not 0 < getattr(self, name) < 1:
                raise InvalidPolicy(f"forecast.{name} must be between 0 and 1, got {getattr(self, name)!r}")
        if not 2 < self.nu0 < math.inf:
            raise InvalidPolicy(f"forecast.nu0 must be a finite number above 2, got {self.nu0!r}")
        if not 2 <= self.conformal_from <= self.sketch_from <= self.window:
            raise InvalidPolicy(
                "forecast.conformal_from, sketch_from and window must ascend from 2 on, got "
                f"{self.conformal_from!r}, {self.sketch_from!r} and {self.window!r}"
            )


DEFAULT: Final = ForecastPolicy()
"""The policy where none is given."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A distribution of seconds; immutable, so that it may be read from any thread.

    Attributes:
        shape: the distribution of the logarithm.
        n: samples it rests on; 0 is the prior alone.
    """

    shape: Shape
    n: int = 0
    # The loop asks the same few of every attempt; that two threads may both work one out does no harm.
    _known: dict[float, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def quantile(self, q: float) -> float:
        """Seconds within which it ends with probability `q`; 0 for `q` = 0, infinite for `q` = 1.

        Raises:
            UsageError: `q` is not a probability.
        """
        found = self._known.get(q)
        if found is not None:
            return found
        if not 0 <= q <= 1:
            raise UsageError(f"q must be a probability from 0 to 1, got {q!r}; write 0.95 for the 95th percentile")
        if q == 0 or q == 1:
            return 0.0 if q == 0 else math.inf
        seconds = self._known[q] = _seconds(self.shape.quantile(q))
        return seconds

    def probability(self, within: float) -> float:
        """Probability that it ends within so many seconds; 0 for none or less, 1 for infinity."""
        if math.isnan(within):
            raise UsageError("within must be a number of seconds, got NaN")
        if within <= 0 or within == math.inf:
            return 0.0 if within <= 0 else 1.0
        return self.shape.cumulative(math.log(within))

    @property
    def median(self) -> float:
        """Seconds within which it ends as often as not."""
        return self.quantile(0.5)

    def conditional(self, after: float) -> Forecast:
        """The forecast of the *whole* duration, known that it still runs after so many seconds."""
        if not 0 <= after < math.inf:
            raise UsageError(f"after must be 0 or more finite seconds, got {after!r}")
        if after <= SMALLEST:
            return self
        start = math.log(after)
        return Forecast(StillRunning(self.shape, start, min(self.shape.cumulative(start), 1 - 1e-12)), self.n)


def key(tool: str, size: str | None = None) -> str:
    """What a forecast is kept under: the tool's (or model's) name, and the size class of its arguments where one is
    told apart (see `size_class`)."""
    return tool if size is None else f"{tool} {size}"


def size_class(size: int) -> str:
    """The order of magnitude of the arguments' bytes: `≤100B`, `≤1kB`, `≤10kB`, … up to `>1MB`."""
    if size < 0:
        raise UsageError(f"size must be 0 or more bytes, got {size!r}")
    return _CLASSES[bisect_left(_LIMITS, size)]


_LIMITS: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
_CLASSES: Final = ("≤100B", "≤1kB", "≤10kB", "≤100kB", "≤1MB", ">1MB")


def _seconds(log: float) -> float:
    """Seconds of log seconds; infinite where they exceed what a float holds."""
    return math.exp(log) if log < 700 else math.inf
