"""Latencies whose quantiles are known, and how well forecasts that learn from them cover them."""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect_left

from bench.delays import RECORDED
from shotclock.policies.forecast import PRIORS, Prior
from shotclock.policies.latency import LatencyState

WATCHED = (0.9, 0.95, 0.99)
"""Quantiles whose coverage is measured."""


class LogNormal:
    """A latency whose logarithm is normal."""

    def __init__(self, p50, sigma):
        self.normal = statistics.NormalDist(math.log(p50), sigma)

    def quantile(self, q):
        return math.exp(self.normal.inv_cdf(q))

    def share(self, seconds):
        return self.normal.cdf(math.log(seconds))


class Recorded:
    """The recorded tool delays, log-linear between their quantiles."""

    shares = tuple(RECORDED)
    logs = tuple(math.log(seconds) for seconds in RECORDED.values())

    def quantile(self, q):
        return math.exp(self._between(q, self.shares, self.logs))

    def share(self, seconds):
        return min(1.0, max(0.0, self._between(math.log(seconds), self.logs, self.shares)))

    @staticmethod
    def _between(at, xs, ys):
        i = min(max(bisect_left(xs, at), 1), len(xs) - 1)
        return ys[i - 1] + (at - xs[i - 1]) / (xs[i] - xs[i - 1]) * (ys[i] - ys[i - 1])


SOURCES = {
    "model": (LogNormal(2.97, 0.55), PRIORS["model"]),
    "model by its tokens": (LogNormal(1.0, 0.23), Prior(p50=1.0, sigma=0.23)),
    "tool": (LogNormal(0.3, 0.7), PRIORS["tool"]),
    "slow tool": (LogNormal(5.0, 0.55), PRIORS["slow tool"]),
    "recorded tool": (Recorded(), PRIORS["fast tool"]),
}


def measured(name, sizes, series):
    """Mean coverage, its standard error and the median width after each number of samples, at each quantile."""
    source, prior = SOURCES[name]
    chance, asked = random.Random(23), {(n, q): [] for n in sizes for q in WATCHED}
    for _ in range(series):
        state = LatencyState(prior)
        for n in range(1, max(sizes) + 1):
            state.observe(source.quantile(chance.random()))
            if n in sizes:
                for q in WATCHED:
                    asked[n, q].append(state.forecast().quantile(q))
    for (n, q), quantiles in asked.items():
        covered = [source.share(seconds) for seconds in quantiles]
        error = statistics.stdev(covered) / math.sqrt(series)
        yield n, q, statistics.fmean(covered), error, statistics.median(quantiles) / source.quantile(q)
