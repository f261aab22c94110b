"""How long one attempt may take, and whether another one follows."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy
from .forecast import Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySituation:
    """What is known when an attempt has failed in a way that may pass.

    Attributes:
        tool: the tool's, or the model's, name.
        attempt: the attempt that failed, counted from 1.
        retries: attempts that may follow the first.
        remaining: seconds to the soft deadline that would be left after `wait`; infinite where there is none.
        wait: seconds to wait first: what the endpoint asked for, else the jittered backoff.
        expected: seconds an attempt usually takes; `None` where nothing is known.
        lends: whether the tool's bucket lends an extra attempt.
        refusal: why the ledger would refuse it; `None` where it would not.
    """

    tool: str
    attempt: int
    retries: int
    remaining: float
    wait: float
    expected: float | None = None
    lends: bool = True
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Wait, then try again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Make no further attempt."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Give up on an attempt that takes longer than nearly all have taken, earlier where another one can follow.

    The rule, picking a rate of false timeouts, is the Amazon Builders' Library's ("Timeouts, retries and backoff with
    jitter"); the rates are starting values.

    Attributes:
        retries: further attempts of a tool that may be repeated and whose author said nothing of them. Default 0.
        false_timeouts: share of good attempts that may be cut where a retry can follow, from 0 to 1. Default 0.05.
        false_last: the same where it is the last attempt. Default 0.001.
        slack: share added to the quantile: of a tool that always takes the same, the quantile is that very duration,
            and the jitter of a busy machine would cut every other attempt. Default 0.25.
        learn_from: attempts that must have been seen before any is cut for being slow. Default 20.
    """

    retries: int = 0
    false_timeouts: float = 0.05
    false_last: float = 0.001
    slack: float = 0.25
    learn_from: int = 20

    def __post_init__(self) -> None:
        for name in ("false_timeouts", "false_last"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidPolicy(f"attempts.{name} must be a share from 0 to below 1, got {getattr(self, name)!r}")
        for name in ("slack", "retries"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"attempts.{name} must be 0 or more, got {getattr(self, name)!r}")
        if self.learn_from < 1:
            raise InvalidPolicy(f"attempts.learn_from must be at least 1, got {self.learn_from!r}")

    def timeout(self, granted: float, forecast: Forecast | None, *, may_retry: bool) -> float:
        """Seconds an attempt may take: what was `granted`, or less where the forecast knows better."""
        if forecast is None or forecast.n < self.learn_from:
            return granted
        false = self.false_timeouts if may_retry else self.false_last
        return min(granted, (1 + self.slack) * forecast.quantile(1 - false))

    def retry(self, s: RetrySituation) -> Retry | GiveUp:
        """Whether another attempt follows: one is left, the ledger and the bucket grant it, and it can end in time."""
        tried = f"attempt {s.attempt} of {s.retries + 1} failed"
        if s.attempt > s.retries:
            return GiveUp(reason=f"{tried}, none is left")
        if s.refusal is not None:
            return GiveUp(reason=f"{tried}: {s.refusal}")
        if not s.lends:
            return GiveUp(reason=f"{tried}: {s.tool} fails too often, its bucket lends no extra attempts")
        if s.remaining <= (s.expected or 0.0):
            return GiveUp(
                reason=f"{tried}: after a wait of {s.wait:.3g} s {max(0.0, s.remaining):.3f} s would be left, "
                f"it usually takes {s.expected or 0.0:.3g} s"
            )
        return Retry(reason=f"{tried}, {s.remaining:.3f} s will be left after a wait of {s.wait:.3g} s")
