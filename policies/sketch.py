"""Two rotating quantile sketches: an old window and the one being filled, so that the past is forgotten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from .errors import UsageError

BINS = 2048
"""Most bins of a sketch; beyond them the smallest latencies share one. At α = 0.01 they span a factor of 10^17."""

Counts = dict[int, float]


class Sketches:
    """Counts of log-spaced bins over the last one to two windows of samples.

    The bins are DDSketch's (its logarithmic mapping). Its store is not used: of the some 2,000 bins that it keeps ready
    a latency fills a few dozen, and listing all of them took longer than everything else that a call costs.
    """

    __slots__ = ("_count", "_current", "_previous", "_step", "alpha", "window")

    def __init__(self, alpha: float, window: int) -> None:
        # Imported where it is used: it takes some 15 ms, and a run with few samples never needs it.
        from ddsketch.mapping import LogarithmicMapping

        self.alpha = alpha
        self.window = window
        self._step = math.log(LogarithmicMapping(alpha).gamma)
        self._current: Counts = {}
        self._previous: Counts = {}
        self._count = 0.0  # of what is in the current window

    def add(self, log: float, weight: float = 1.0) -> None:
        """Count a sample of so many log seconds; rotates when the window is full."""
        try:
            key = math.ceil(log / self._step)
        except (ValueError, OverflowError):
            raise UsageError(f"log must be a finite number of log seconds, got {log!r}") from None
        self._current[key] = self._current.get(key, 0.0) + weight
        self._count += weight
        if self._count >= self.window:
            self._previous, self._current, self._count = _folded(self._current), {}, 0.0

    @property
    def count(self) -> float:
        """Samples in both windows."""
        return self._count + sum(self._previous.values())

    def bins(self) -> Iterator[tuple[float, float]]:
        """Upper edge in log seconds and count of each bin that holds something, ascending."""
        counts, step = _both(_folded(self._previous), _folded(self._current)), self._step
        return ((key * step, counts[key]) for key in sorted(counts))

    def absorb(self, other: Sketches) -> None:
        """Count what another one counted, window by window.

        Raises:
            UsageError: the other has another relative error.
        """
        if other.alpha != self.alpha:
            raise UsageError(f"sketches merge only at one alpha, got {self.alpha!r} and {other.alpha!r}")
        self._current = _both(self._current, other._current)
        self._previous = _both(self._previous, other._previous)
        self._count += other._count

    def to_dict(self) -> dict[str, dict[str, float]]:
        """What JSON can hold: the counts of both windows by bin."""
        windows = {"current": _folded(self._current), "previous": _folded(self._previous)}
        return {name: {str(key): counts[key] for key in sorted(counts)} for name, counts in windows.items()}

    def load(self, data: Mapping[str, Mapping[str, float]]) -> None:
        """Replace both windows by those of `to_dict`."""
        self._current, self._previous = (
            {int(k): float(v) for k, v in data[name].items()} for name in ("current", "previous")
        )
        self._count = sum(self._current.values())


def _both(one: Counts, other: Counts) -> Counts:
    """The counts of both."""
    counts = dict(one)
    for key, count in other.items():
        counts[key] = counts.get(key, 0.0) + count
    return counts


def _folded(counts: Counts) -> Counts:
    """The counts with what lies further than `BINS` bins under the highest in the lowest of them."""
    least = max(counts, default=0) - BINS + 1
    if not counts or min(counts) >= least:
        return counts
    kept: Counts = {}
    for key, count in counts.items():
        at = max(key, least)
        kept[at] = kept.get(at, 0.0) + count
    return kept
