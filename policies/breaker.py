"""Whether a tool that keeps failing is called at all: closed, open for a while, then one trial call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .errors import InvalidPolicy
from .outcome import Failed, Ok, Outcome, TimedOut

FAILURES = 5
"""Consecutive failures that open the breaker (`consecutive_5xx` of Envoy's outlier detection)."""

EJECTION = 30.0
"""Seconds an open breaker lets nothing through (`base_ejection_time` there)."""

THROTTLED = 1.0
"""Seconds the same where the tool is throttled (429), doubling with each failed trial: the server is well, and has
asked for less and not for nothing (Envoy counts only 5xx; truncated exponential backoff from one second is what the
APIs of the large clouds ask for)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """What a tool's breaker has seen.

    Attributes:
        failures: failures since the last success.
        opened: the instant the breaker opened, or was opened again by a failed trial; `None` while it is closed.
        trial: the instant the trial call under way began; `None` where there is none.
        throttled: whether the last failure was that the server had too much to do.
    """

    failures: int = 0
    opened: float | None = None
    trial: float | None = None
    throttled: bool = False


CLOSED = BreakerState()
"""How every tool begins, and what a success brings back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Nothing is let through, for `seconds` more at most; `trial` says that a trial call is what is waited for."""

    seconds: float
    trial: bool = False


def blame(outcome: Outcome) -> Literal["success", "failure", "unknown"]:
    """What an outcome says of the tool's health.

    A tool that answers, be it with a reason why there is no result (`ToolError`), is healthy, as an answer of 4xx is
    for Envoy. Cut attempts and ones never started say nothing.
    """
    if isinstance(outcome, Ok):
        return "success"
    if isinstance(outcome, TimedOut):
        return "failure"
    if isinstance(outcome, Failed):
        return "failure" if outcome.retryable else "success"
    return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Open after consecutive failures, stay open for a while, then let one trial call decide.

    | state     | calls                          | becomes                                               |
    |-----------|--------------------------------|-------------------------------------------------------|
    | closed    | all pass                       | open at the `failures`th failure in a row             |
    | open      | none pass                      | half open after `ejection` seconds                    |
    | half open | one at a time, as a trial      | closed where it succeeds, open anew where it fails    |

    A trial that was cut leaves the breaker half open, for the next call to try. Attempts that began before the breaker
    opened change nothing when they end.

    Attributes:
        failures: consecutive failures that open it; `None` never opens it. Default 5.
        ejection: seconds it stays open. A trial that is not heard of for as long is given up. Default 30.
        throttled: seconds it stays open where the tool is throttled (429); doubled with each failed trial, up to
            `ejection`. Default 1.

    Raises:
        InvalidPolicy: `failures` is below 1, or `ejection` negative or NaN.
    """

    failures: int | None = FAILURES
    ejection: float = EJECTION
    throttled: float = THROTTLED

    def __post_init__(self) -> None:
        if self.failures is not None and not self.failures >= 1:
            raise InvalidPolicy(f"breaker.failures must be at least 1, or left out, got {self.failures!r}")
        for name in ("ejection", "throttled"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"breaker.{name} must be 0 or more seconds, got {getattr(self, name)!r}")

    def refusal(self, state: BreakerState, now: float) -> Open | None:
        """Why no call may begin at `now`, or `None` where one may."""
        if state.opened is None:
            return None
        left = state.opened + self._closed_for(state) - now
        if left > 0:
            return Open(seconds=left)
        if state.trial is not None and (lost := state.trial + self.ejection - now) > 0:
            return Open(seconds=lost, trial=True)
        return None

    def begin(self, state: BreakerState, now: float) -> BreakerState:
        """The state once a call that was not refused has begun: it is the trial where the breaker is half open."""
        return state if state.opened is None else replace(state, trial=now)

    def after(self, state: BreakerState, outcome: Outcome, now: float, *, trial: bool) -> BreakerState:
        """The state once an attempt has ended so; `trial` says whether it began as the trial."""
        verdict = blame(outcome)
        if state.opened is None:
            return self._closed(state, verdict, now, throttled=_throttled(outcome))
        if not trial:
            return state
        if verdict == "success":
            return CLOSED
        if verdict == "failure":
            return BreakerState(failures=state.failures + 1, opened=now, throttled=_throttled(outcome))
        return replace(state, trial=None)

    def _closed_for(self, state: BreakerState) -> float:
        """Seconds that nothing passes after the breaker has opened."""
        if not state.throttled:
            return self.ejection
        trials = state.failures - (self.failures or 0)
        return float(min(self.ejection, self.throttled * 2 ** min(trials, 30)))

    def _closed(self, state: BreakerState, verdict: str, now: float, *, throttled: bool) -> BreakerState:
        if verdict == "success":
            return CLOSED
        if verdict == "unknown":
            return state
        failures = state.failures + 1
        opens = self.failures is not None and failures >= self.failures
        return BreakerState(failures=failures, opened=now if opens else None, throttled=throttled)


def _throttled(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.throttled
