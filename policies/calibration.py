"""Whether forecasts keep their word: how often a latency ended within the quantiles that were forecast for it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from .errors import UsageError
from .forecast import SMALLEST, Forecast

LEVELS: Final = (0.5, 0.9, 0.95, 0.99)
"""The quantiles that are watched."""

EARLY: Final = 20
"""Samples from which a forecast counts as settled; those of fewer are counted apart, and are cautious by design."""

CHANCE: Final = 0.01
"""Probability under which a coverage is no longer put down to chance."""

_CELLS: Final = len(LEVELS) + 1
_VERSION: Final = 1

Judgement = Literal["fair", "short", "long"]
"""What a coverage says of the forecasts: as good as their word, shorter than they should be, or longer."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often a latency ended within one quantile of its forecast.

    Attributes:
        q: the quantile asked for.
        within: samples that ended within it.
        n: samples that decide it.
    """

    q: float
    within: int
    n: int

    @property
    def share(self) -> float | None:
        """The share that ended within it; `None` where nothing decides it."""
        return self.within / self.n if self.n else None

    @property
    def judgement(self) -> Judgement:
        """`short` or `long` where so few or so many met it that chance explains it with less than 1 %."""
        if self.n and self.within < self.q * self.n:
            return "short" if _at_most(self.within, self.n, self.q) < CHANCE else "fair"
        return "long" if self.n and _at_most(self.n - self.within, self.n, 1 - self.q) < CHANCE else "fair"


class Calibration:
    """Counts where samples fell in the forecasts that were made of them; add what several processes counted.

    Forecasts of fewer than 20 samples are counted apart. A sample that was cut decides only the quantiles it had
    already passed: those it missed. The others it leaves open, which flatters them a little where much is cut.
    """

    __slots__ = ("_cut", "_ended")

    def __init__(self) -> None:
        # By stage, then by the number of watched quantiles that were missed: one count a sample.
        self._ended = ([0] * _CELLS, [0] * _CELLS)
        self._cut = ([0] * _CELLS, [0] * _CELLS)

    def score(self, forecast: Forecast, seconds: float, censored: bool = False) -> None:
        """Count where `seconds` falls in its forecast; `censored` says that it was cut then."""
        passed = forecast.shape.cumulative(math.log(seconds if seconds > SMALLEST else SMALLEST))
        stage = forecast.n >= EARLY
        if censored:
            self._cut[stage][bisect_right(LEVELS, passed)] += 1
        else:
            self._ended[stage][bisect_left(LEVELS, passed)] += 1

    @property
    def count(self) -> int:
        """Samples that were scored, cut ones too."""
        return sum(map(sum, (*self._ended, *self._cut)))

    def coverage(self, *, early: bool = False) -> tuple[Coverage, ...]:
        """The coverage of each watched quantile, of forecasts from 20 samples or more, or of the `early` ones."""
        return tuple(_coverage(at, self._ended[not early], self._cut[not early]) for at in range(len(LEVELS)))

    def add(self, other: Calibration) -> None:
        """Count what another one counted of other samples."""
        for mine, others in ((self._ended, other._ended), (self._cut, other._cut)):
            for cells, further in zip(mine, others, strict=True):
                cells[:] = [a + b for a, b in zip(cells, further, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {
            "version": _VERSION,
            "levels": list(LEVELS),
            "ended": [list(cells) for cells in self._ended],
            "cut": [list(cells) for cells in self._cut],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """What `to_dict` wrote.

        Raises:
            UsageError: it is something else, or counts other quantiles.
        """
        read = cls()
        try:
            if data["version"] != _VERSION or tuple(data["levels"]) != LEVELS:
                raise ValueError("it counts other quantiles")
            read._ended = (_cells(data["ended"][0]), _cells(data["ended"][1]))
            read._cut = (_cells(data["cut"][0]), _cells(data["cut"][1]))
        except (LookupError, TypeError, ValueError) as error:
            raise UsageError(f"the stored calibration cannot be read ({error}); delete it") from error
        return read


def _coverage(at: int, ended: Sequence[int], cut: Sequence[int]) -> Coverage:
    within = sum(ended[: at + 1])
    return Coverage(LEVELS[at], within, within + sum(ended[at + 1 :]) + sum(cut[at + 1 :]))


def _cells(counts: Sequence[Any]) -> list[int]:
    """Counts as they are kept: one a cell, none negative."""
    if len(counts) != _CELLS or not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"expected {_CELLS} counts, got {counts!r}")
    return list(counts)


def _at_most(k: int, n: int, p: float) -> float:
    """Probability of at most `k` of `n` with probability `p` each, for `k` not above `n` times `p`."""
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
    term = total = math.exp(log)
    # Below the mean the terms fall, geometrically in the end: what follows the last one counted is nothing.
    while k > 0 and term > 1e-9 * total:
        term *= k * (1 - p) / ((n - k + 1) * p)
        total += term
        k -= 1
    return min(1.0, total)
