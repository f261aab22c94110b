"""How well forecasts are calibrated, and what they cost. Run it: python -m bench.forecast_calibration [SERIES]

For each class of latency, SERIES independent series are drawn; after n samples each is asked for a quantile, and the
true probability of ending within it is averaged: that is its coverage. The width is the asked quantile over the true
one, the median of the series. Everything is seeded.

What falls short of these targets is marked: from 3 to 20 samples coverage is not below what was asked (`-`, beyond
three standard errors), from 20 on within two points of it (`!`), from 50 on the width is at most 1.3 (`w`).
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from shotclock.policies.forecast import PRIORS, Prior
from shotclock.policies.latency import LatencyState
from shotclock.policies.pace import ModelLatency
from shotclock.policies.sums import total
from shotclock.tools.history import History
from shotclock.tools.records import Key
from shotclock.tools.tool import tool

from .delays import RECORDED

SIZES = (3, 5, 10, 15, 20, 30, 50, 100, 200, 500, 1000)
LEVELS = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Source:
    """A latency with a known distribution: its inverse, its cumulative function, and the prior it is learnt under."""

    inverse: Callable[[float], float]
    cumulative: Callable[[float], float]
    prior: Prior


def log_normal(p50: float, sigma: float, prior: Prior) -> Source:
    """A log-normal latency."""
    normal = statistics.NormalDist(math.log(p50), sigma)
    return Source(lambda u: math.exp(normal.inv_cdf(u)), lambda x: normal.cdf(math.log(x)) if x > 0 else 0.0, prior)


def table(quantiles: Sequence[tuple[float, float]], prior: Prior) -> Source:
    """A latency given by its quantiles, log-linear between them."""
    shares = [p for p, _ in quantiles]
    logs = [math.log(x) for _, x in quantiles]

    def between(at: float, xs: Sequence[float], ys: Sequence[float]) -> float:
        i = min(max(bisect_left(xs, at), 1), len(xs) - 1)
        return ys[i - 1] + (at - xs[i - 1]) / (xs[i] - xs[i - 1]) * (ys[i] - ys[i - 1])

    def cumulative(x: float) -> float:
        if x <= math.exp(logs[0]):
            return 0.0
        return 1.0 if math.isinf(x) else min(1.0, between(math.log(x), logs, shares))

    return Source(lambda u: math.exp(between(u, shares, logs)), cumulative, prior)


def sources() -> dict[str, Source]:
    """The classes."""
    found = {
        "model, tokens unknown": log_normal(2.97, 0.55, PRIORS["model"]),
        "model, tokens known": log_normal(1.0, 0.23, Prior(p50=1.0, sigma=0.23)),
        "API tool": log_normal(0.3, 0.7, PRIORS["tool"]),
        "slow tool": log_normal(5.0, 0.55, PRIORS["slow tool"]),
        "API tool, prior 10x off": log_normal(3.0, 0.7, PRIORS["tool"]),
    }
    quantiles = sorted(RECORDED.items())
    found["recorded tool, own prior"] = table(quantiles, PRIORS["fast tool"])
    found["recorded tool, prior API"] = table(quantiles, PRIORS["tool"])
    return found


@dataclass(frozen=True)
class Row:
    """What was measured after `n` samples at one level."""

    n: int
    q: float
    coverage: float
    error: float
    width: float

    @property
    def marks(self) -> str:
        """The targets it falls short of."""
        short = 3 <= self.n <= 20 and self.coverage < self.q - 3 * self.error
        off = self.n >= 20 and abs(self.coverage - self.q) > 0.02
        return f"{'-' * short}{'!' * off}{'w' * (self.n >= 50 and self.width > 1.3)}"


def calibrate(source: Source, series: int, sizes: Sequence[int] = SIZES) -> Iterator[Row]:
    """What a source's forecasts cover after so many samples."""
    covered: dict[tuple[int, float], list[float]] = {(n, q): [] for n in sizes for q in LEVELS}
    widths: dict[tuple[int, float], list[float]] = {(n, q): [] for n in sizes for q in LEVELS}
    chance = random.Random(3)
    for _ in range(series):
        state = LatencyState(source.prior)
        for n in range(1, max(sizes) + 1):
            state.observe(source.inverse(chance.random()))
            if n in sizes:
                for q in LEVELS:
                    asked = state.forecast().quantile(q)
                    covered[n, q].append(source.cumulative(asked))
                    widths[n, q].append(asked / source.inverse(q))
    for (n, q), shares in covered.items():
        error = statistics.stdev(shares) / math.sqrt(series)
        yield Row(n, q, statistics.fmean(shares), error, statistics.median(widths[n, q]))


def show(name: str, source: Source, series: int) -> None:
    """Print coverage and width of one source."""
    print(f"\n{name}\n{'n':>6}" + "".join(f"   q={q:<5} width   " for q in LEVELS))
    rows: dict[int, str] = {}
    for row in calibrate(source, series):
        rows[row.n] = rows.get(row.n, f"{row.n:>6}") + f"   {row.coverage:.3f}   {row.width:5.2f} {row.marks:<2}"
    print("\n".join(rows.values()))


def costs() -> None:
    """Print what a sample and a quantile cost."""
    print()
    chance = random.Random(5)
    samples = [math.exp(chance.gauss(-1.2, 0.7)) for _ in range(20_000)]
    for n in (10, 100, 5_000):
        state = LatencyState()
        learn = [partial(state.observe, seconds) for seconds in samples[:n]]
        added = each(learn)
        asked = each([partial(state.forecast().quantile, 0.95)] * 20_000)
        fresh = each([LatencyState.from_dict(state.to_dict()).forecast for _ in range(200)])
        print(
            f"n = {n}: a sample {added:.1f} µs, a quantile {asked:.1f} µs, the first forecast after it {fresh:.0f} µs"
        )
    model = ModelLatency()
    print(f"a model call {each([partial(model.observe, seconds, 100) for seconds in samples[:2000]]):.1f} µs")
    for parts in (2, 4):
        summed = each([partial(total, [LatencyState().forecast()] * parts)] * 50)
        print(f"the sum of {parts} forecasts {summed:.0f} µs")


@tool
def search(words: str) -> str:
    """Search."""
    return words


def histories() -> None:
    """Print what an attempt's forecast and its sample cost where a tool's size classes are told apart, and keeping."""
    chance = random.Random(7)
    samples = [(math.exp(chance.gauss(-1.2, 0.7)), size) for size in (50, 500) * 1_000]
    history = History()
    known = each([partial(history.observe, search, seconds, size=size) for seconds, size in samples])
    cached = each([partial(history.forecast, search, size=50)] * 20_000)
    print(f"a history: a cached forecast {cached:.1f} µs, a sample of a known size {known:.1f} µs")
    texts: dict[Key, str] = {}
    saved = each([partial(history.hand_over, lambda new: texts.update({i.key: i.onto(None) for i in new}))])
    fresh = History()
    loaded = each([partial(fresh.load, texts), partial(fresh.forecast, search, size=50)])
    print(f"           {len(texts)} keys as texts {saved / 1e3:.1f} ms, read again {2 * loaded / 1e3:.1f} ms")


def each(calls: Sequence[Callable[[], object]]) -> float:
    """Mean microseconds of the calls."""
    began = time.perf_counter()
    for call in calls:
        call()
    return (time.perf_counter() - began) / len(calls) * 1e6


if __name__ == "__main__":
    for name, source in sources().items():
        show(name, source, int(sys.argv[1]) if len(sys.argv) > 1 else 400)
    costs()
    histories()
