"""What is learnt of one latency: samples come in, a `Forecast` goes out."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .drift import Drift
from .errors import UsageError
from .forecast import DEFAULT, PRIORS, SMALLEST, Forecast, ForecastPolicy, Prior
from .posterior import binned, ordered, shrunk
from .shapes import Shape, StillRunning, Wider
from .sketch import Sketches

VERSION: Final = 1
"""Of the form of `to_dict`."""

_SPREAD: Final = (0.125, 0.375, 0.625, 0.875)
_FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """One latency that was seen.

    What belongs in one is the caller's to decide: the wait for a place of a tool, a fast failure and waiting for a
    person do not count, a timeout and a cancelled loser of a hedge are `censored`.

    Attributes:
        seconds: how long it took, or had taken when it was cut.
        censored: whether it was cut: it would have taken longer, nobody knows how much.
    """

    seconds: float
    censored: bool = False


class LatencyState:
    """Learns one latency from its samples, in their order.

    Up to 20 samples it forecasts a log-normal shrunk to its prior, or their order where that is longer; then from the
    order alone, from 200 on from two rotating sketches. After a change of regime it forgets what came before. It is not
    locked: read and write it under one lock; the forecasts it hands out are immutable.

    Args:
        prior: what is believed before the first sample. Default: the class `tool`.
        policy: how fast it is left behind, and what is remembered.
    """

    __slots__ = ("_asked", "_cached", "_cut", "_drift", "_sketches", "_sorted", "_window", "count", "policy", "prior")

    def __init__(self, prior: Prior = PRIORS["tool"], policy: ForecastPolicy = DEFAULT) -> None:
        self.prior = prior
        self.policy = policy
        self.count = 0
        self._asked = 0
        self._cached: Forecast | None = None
        self._drift = Drift()
        self._keep(())

    @classmethod
    def of(
        cls, seen: Iterable[Observation], prior: Prior = PRIORS["tool"], policy: ForecastPolicy = DEFAULT
    ) -> LatencyState:
        """The state after these observations, in their order: what a replay of recorded traces begins with."""
        state = cls(prior, policy)
        for observation in seen:
            state.observe(observation.seconds, observation.censored)
        return state

    def _keep(self, samples: Iterable[tuple[float, bool]]) -> None:
        """Make these samples all that is remembered."""
        self._window = deque(samples, self.policy.sketch_from)
        self._sorted = sorted(log for log, censored in self._window if not censored)
        self._cut = sorted(log for log, censored in self._window if censored)
        self._sketches: Sketches | None = None
        self.count = len(self._window)
        self._cached = None

    def observe(self, seconds: float, censored: bool = False) -> None:
        """Learn from one sample; `censored` says that it was cut after so many seconds.

        Raises:
            UsageError: `seconds` is negative, NaN or infinite.
        """
        if not 0 <= seconds < math.inf:
            raise UsageError(
                f"seconds must be 0 or more and finite, got {seconds!r}; give a cut sample as censored=True"
            )
        log = math.log(seconds if seconds > SMALLEST else SMALLEST)
        self.count += 1
        if self._sketches is None:
            self._order(log, censored)
            if self.count >= self.policy.sketch_from and len(self._sorted) >= self.policy.conformal_from:
                self._begin_sketch()
        else:
            self._window.append((log, censored))
            if censored:
                self._count_in(self._sketches, log, censored)
            else:
                self._sketches.add(log)
            if self.count - self._asked >= self._refresh:
                self._cached = None
        self._watch(log, censored)

    def forget_cut(self) -> None:
        """Forget the samples that were cut: what cut them, an outage, is known to be over."""
        if self._cut or self._sketches is not None:
            self._keep([(log, censored) for log, censored in self._window if not censored])
            self._drift = Drift()

    def _order(self, log: float, censored: bool) -> None:
        """Put a sample into the ordered window, and the oldest out."""
        window = self._window
        if len(window) == window.maxlen:
            old, cut = window[0]
            among = self._cut if cut else self._sorted
            del among[bisect_left(among, old)]
        window.append((log, censored))
        insort(self._cut if censored else self._sorted, log)
        self._cached = None

    def _begin_sketch(self) -> None:
        """Go on with sketches, which begin with the window."""
        sketches = Sketches(self.policy.alpha, self.policy.window)
        for log, censored in self._window:
            self._count_in(sketches, log, censored)
        self._sketches = sketches
        self._cached = None

    def _count_in(self, sketches: Sketches, log: float, censored: bool) -> None:
        """Count a sample; a censored one in parts, where the forecast expects it to have ended."""
        if not censored:
            sketches.add(log)
            return
        shape = self.forecast().shape
        rest = StillRunning(shape, log, min(shape.cumulative(log), 1 - 1e-12))
        for part in _SPREAD:
            sketches.add(min(rest.quantile(part), _LONGEST), 1 / len(_SPREAD))

    def _watch(self, log: float, censored: bool) -> None:
        """Forget what came before a change of regime."""
        policy, drift = self.policy, self._drift
        if drift.due(self.count, policy) and len(self._sorted) >= policy.conformal_from:
            drift.rest(self._median(), self.count)
        since = drift.change(log, censored, policy)
        if since:
            self._keep(list(self._window)[-since:])
            self._drift = Drift()

    @property
    def _refresh(self) -> int:
        """Samples after which a forecast from sketches is made anew."""
        return min(self.count, self.policy.window) // 8

    @property
    def sketched(self) -> bool:
        """Whether it forecasts from sketches, so that single samples move little."""
        return self._sketches is not None

    @property
    def censored_share(self) -> float:
        """The share of censored samples among the newest 200 (the policy's `sketch_from`); 0 where there is none."""
        return sum(censored for _, censored in self._window) / max(1, len(self._window))

    def _median(self) -> float:
        """Median in log seconds of what is remembered."""
        return self._sorted[len(self._sorted) // 2] if self._sketches is None else self.forecast().shape.quantile(0.5)

    def forecast(self) -> Forecast:
        """What is expected of the next one; kept until the next sample (sketches: until an eighth as many samples have
        come as they rest on, which move it less than it is uncertain)."""
        if self._cached is None:
            self._asked = self.count
            self._cached = Forecast(self._shape(), self.count)
        return self._cached

    def _shape(self) -> Shape:
        if self._sketches is not None:
            return binned(list(self._sketches.bins()), self.prior, self.policy)
        if len(self._sorted) < _FEWEST:
            return shrunk(self._window, self.prior, self.policy)
        samples = ordered(tuple(self._sorted), tuple(self._cut), self.prior, self.policy)
        if len(self._sorted) >= self.policy.conformal_from:
            return samples
        # The log-normal alone falls short of heavy tails, the few samples alone of what they have not met.
        return Wider(shrunk(self._window, self.prior, self.policy), samples)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of what was learnt; the prior and the policy are settings and are not part of it."""
        return {
            "version": VERSION,
            "count": self.count,
            "window": [[round(log, _DIGITS), int(censored)] for log, censored in self._window],
            "sketches": None if self._sketches is None else self._sketches.to_dict(),
            "alpha": self.policy.alpha,
        }

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], prior: Prior = PRIORS["tool"], policy: ForecastPolicy = DEFAULT
    ) -> LatencyState:
        """The state that `to_dict` wrote. Sketches of another `alpha` are left and the window alone is read.

        Raises:
            UsageError: it is not what `to_dict` writes, or of another version.
        """
        if data.get("version") != VERSION:
            raise UsageError(f"version of a forecast must be {VERSION}, got {data.get('version')!r}; delete it")
        state = cls(prior, policy)
        try:
            state._keep([_sample(*sample) for sample in data["window"]])
            if data["sketches"] is not None and data["alpha"] == policy.alpha:
                state._sketches = _sketches(data["sketches"], policy)
                state.count = int(data["count"])
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UsageError(f"the stored forecast cannot be read ({error!r}); delete it") from error
        return state


_LONGEST: Final = math.log(1e9)
"""Log seconds above which a part of a censored sample is not counted: some thirty years."""
_DIGITS: Final = 6
"""Decimals of log seconds that are kept: a millionth of the latency."""


def _sample(log: float, censored: int) -> tuple[float, bool]:
    """A sample as it was kept; damage that would only show in a forecast is found here."""
    if not math.log(SMALLEST) - 1 <= log < 710 or censored not in (0, 1):
        raise ValueError(f"{log!r} log seconds and {censored!r} are no sample")
    return float(log), bool(censored)


def _sketches(data: Mapping[str, Mapping[str, float]], policy: ForecastPolicy) -> Sketches:
    """Sketches as they were kept."""
    counts = [count for window in data.values() for count in window.values()]
    if not sum(counts) > 0 or not all(0 <= count < math.inf for count in counts):
        raise ValueError("its sketches count nothing, or less")
    sketches = Sketches(policy.alpha, policy.window)
    sketches.load(data)
    return sketches


def merge(a: LatencyState, b: LatencyState) -> LatencyState:
    """What two states learnt from *different* samples, taken side by side in time, with the prior and policy of `a`.

    Raises:
        UsageError: their sketches have different relative errors.
    """
    merged = LatencyState(a.prior, a.policy)
    merged._keep(_alternating(a._window, b._window))
    if a._sketches is None and b._sketches is None and a.count + b.count < a.policy.sketch_from:
        return merged
    sketches = Sketches(a.policy.alpha, a.policy.window)
    for state in (a, b):
        if state._sketches is not None:
            sketches.absorb(state._sketches)
            continue
        for log, censored in state._window:
            merged._count_in(sketches, log, censored)
    merged._sketches = sketches
    merged.count = a.count + b.count
    merged._cached = None
    return merged


def _alternating(a: Iterable[tuple[float, bool]], b: Iterable[tuple[float, bool]]) -> list[tuple[float, bool]]:
    """Two windows as one, the newest of both last."""
    newest = [list(reversed(list(window))) for window in (a, b)]
    places = [((at, which), sample) for which, window in enumerate(newest) for at, sample in enumerate(window)]
    return [sample for _, sample in sorted(places, reverse=True)]
