"""How long one attempt may take."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy
from .forecast import Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Give up on an attempt that takes longer than nearly all have taken, earlier where another one can follow.

    The rule, picking a rate of false timeouts, is the Amazon Builders' Library's ("Timeouts, retries and backoff with
    jitter"); the rates are starting values.

    Attributes:
        false_timeouts: share of good attempts that may be cut where a retry can follow, from 0 to 1. Default 0.05.
        false_last: the same where it is the last attempt. Default 0.001.
        slack: share added to the quantile: of a tool that always takes the same, the quantile is that very duration,
            and the jitter of a busy machine would cut every other attempt. Default 0.25.
        learn_from: attempts that must have been seen before any is cut for being slow. Default 20.
    """

    false_timeouts: float = 0.05
    false_last: float = 0.001
    slack: float = 0.25
    learn_from: int = 20

    def __post_init__(self) -> None:
        for name in ("false_timeouts", "false_last"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidPolicy(f"attempts.{name} must be a share from 0 to below 1, got {getattr(self, name)!r}")
        if not self.slack >= 0:
            raise InvalidPolicy(f"attempts.slack must be 0 or more, got {self.slack!r}")
        if self.learn_from < 1:
            raise InvalidPolicy(f"attempts.learn_from must be at least 1, got {self.learn_from!r}")

    def timeout(self, granted: float, forecast: Forecast | None, *, may_retry: bool) -> float:
        """Seconds an attempt may take: what was `granted`, or less where the forecast knows better."""
        if forecast is None or forecast.n < self.learn_from:
            return granted
        false = self.false_timeouts if may_retry else self.false_last
        return min(granted, (1 + self.slack) * forecast.quantile(1 - false))
