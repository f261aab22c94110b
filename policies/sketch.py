"""Two rotating quantile sketches: an old window and the one being filled, so that the past is forgotten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .errors import UsageError

if TYPE_CHECKING:
    from ddsketch.store import CollapsingLowestDenseStore

BINS = 2048
"""Most bins of a sketch; beyond them the smallest latencies share one. At α = 0.01 they span a factor of 10^17."""

Counts = dict[int, float]


class Sketches:
    """Counts of log-spaced bins over the last one to two windows of samples.

    The mapping and the store are DDSketch's, put together here because its own class takes NaN silently and
    forgets nothing.
    """

    __slots__ = ("_current", "_mapping", "_previous", "alpha", "window")

    def __init__(self, alpha: float, window: int) -> None:
        # Imported where it is used: it takes some 15 ms, and a run with few samples never needs it.
        from ddsketch.mapping import LogarithmicMapping

        self.alpha = alpha
        self.window = window
        self._mapping = LogarithmicMapping(alpha)
        self._current = _store({})
        self._previous = _store({})

    def add(self, log: float, weight: float = 1.0) -> None:
        """Count a sample of so many log seconds; rotates when the window is full."""
        if not math.isfinite(log):
            raise UsageError(f"log must be a finite number of log seconds, got {log!r}")
        self._current.add(self._mapping.key(math.exp(log)), weight)
        if self._current.count >= self.window:
            self._previous, self._current = self._current, _store({})

    @property
    def count(self) -> float:
        """Samples in both windows."""
        return float(self._current.count + self._previous.count)

    def bins(self) -> Iterator[tuple[float, float]]:
        """Upper edge in log seconds and count of each bin that holds something, ascending."""
        counts = _counts(self._previous)
        for key, count in _counts(self._current).items():
            counts[key] = counts.get(key, 0.0) + count
        step = math.log(self._mapping.gamma)
        return ((key * step, counts[key]) for key in sorted(counts))

    def absorb(self, other: Sketches) -> None:
        """Count what another one counted, window by window.

        Raises:
            UsageError: the other has another relative error.
        """
        if other.alpha != self.alpha:
            raise UsageError(f"sketches merge only at one alpha, got {self.alpha!r} and {other.alpha!r}")
        self._current.merge(other._current)
        self._previous.merge(other._previous)

    def to_dict(self) -> dict[str, dict[str, float]]:
        """What JSON can hold: the counts of both windows by bin."""
        stores = {"current": self._current, "previous": self._previous}
        return {name: {str(k): v for k, v in _counts(store).items()} for name, store in stores.items()}

    def load(self, data: Mapping[str, Mapping[str, float]]) -> None:
        """Replace both windows by those of `to_dict`."""
        self._current, self._previous = (
            _store({int(k): float(v) for k, v in data[name].items()}) for name in ("current", "previous")
        )


def _store(counts: Counts) -> CollapsingLowestDenseStore:
    """A store that holds these counts."""
    from ddsketch.store import CollapsingLowestDenseStore

    store = CollapsingLowestDenseStore(BINS)
    for key in sorted(counts):
        store.add(key, counts[key])
    return store


def _counts(store: CollapsingLowestDenseStore) -> Counts:
    """The counts of a store's bins that hold something."""
    return {at: count for at, count in enumerate(store.bins, store.offset) if count}
