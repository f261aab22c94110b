"""Bins: many durations as a few counts, on an axis of time or of its logarithm."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

PER_DECADE: Final = 8
"""Bins from one power of ten to the next."""
SHORTEST: Final = 1e-3
"""Seconds below which durations share the first bin: what is shorter says nothing about a deadline."""
_LINEAR: Final = 40


@dataclass(frozen=True, slots=True)
class Axis:
    """Bins between `edges`, in seconds; the last one takes what is longer."""

    edges: tuple[float, ...]

    @classmethod
    def logarithmic(cls, values: Iterable[float]) -> Axis:
        """Bins of one factor that hold all values."""
        found = [max(SHORTEST, value) for value in values] or [SHORTEST, 1.0]
        low = math.floor(math.log10(min(found)) * PER_DECADE)
        high = max(low + 1, math.ceil(math.log10(max(found)) * PER_DECADE))
        return cls(tuple(10 ** (at / PER_DECADE) for at in range(low, high + 1)))

    @classmethod
    def linear(cls, longest: float) -> Axis:
        """Bins of one width from 0 to the longest value."""
        return cls(tuple(n * (longest or 1.0) / _LINEAR for n in range(_LINEAR + 1)))

    def counts(self, values: Iterable[float]) -> list[int]:
        """How many values lie in each bin."""
        counts = [0] * (len(self.edges) - 1)
        for value in values:
            counts[self._bin(value)] += 1
        return counts

    def _bin(self, value: float) -> int:
        return min(len(self.edges) - 2, max(0, bisect_right(self.edges, value) - 1))

    def to_list(self) -> Sequence[Any]:
        """As JSON values."""
        return [float(f"{edge:.6g}") for edge in self.edges]
