"""When a latency has changed its regime: two cumulative sums of on which side of the median samples fall."""

from __future__ import annotations

from typing import Final

from .forecast import ForecastPolicy

_EVERY: Final = 64


class Drift:
    """Counts samples above and under the median of before; one that keeps to a side raises the alarm.

    The sums hold only signs, so that heavy tails raise no alarm, and begin again from zero, so that the samples since
    then are those of the new regime.
    """

    __slots__ = ("_at", "_down", "_median", "_since_down", "_since_up", "_up")

    def __init__(self) -> None:
        self._median: float | None = None
        self._at = 0
        self._up = self._down = 0.0
        self._since_up = self._since_down = 0

    def due(self, count: int, policy: ForecastPolicy) -> bool:
        """Whether the median should be taken anew: none yet, twice the samples or 64 more, and no change suspected."""
        if self._median is None:
            return True
        waited = count - self._at
        if waited < _EVERY and waited < self._at:
            return False
        return max(self._up, self._down) < policy.drift_alarm / 3

    def rest(self, median: float, count: int) -> None:
        """Take this median, in log seconds, as that of the present regime."""
        self._median, self._at = median, count

    def change(self, log: float, censored: bool, policy: ForecastPolicy) -> int:
        """Count a sample; the number of samples since the regime changed, 0 where it did not."""
        if self._median is None or (censored and log < self._median):
            return 0
        sign = 1.0 if log > self._median else -1.0 if log < self._median else 0.0
        up, down = self._up + sign - policy.drift_slack, self._down - sign - policy.drift_slack
        self._up, self._since_up = (up, self._since_up + 1) if up > 0 else (0.0, 0)
        self._down, self._since_down = (down, self._since_down + 1) if down > 0 else (0.0, 0)
        if self._up > policy.drift_alarm:
            return self._since_up
        return self._since_down if self._down > policy.drift_alarm else 0
