"""Whether extra attempts of a tool are still worth making: one bucket of tokens for its retries and its hedges.

Retries help against a fault of one call and harm in an outage, when every call fails and every retry adds to the load.
The bucket tells the two apart: failures empty it, successes and time refill it slowly, and below half there are no
extras.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy
from .outcome import Failed, Ok, Outcome, TimedOut

CAPACITY = 10.0
"""Tokens of a full bucket (`maxTokens` in the gRPC retry design, A6)."""

REFILL = 0.1
"""Tokens a success brings back (`tokenRatio` there): in the long run one extra attempt for ten successes."""

PER_SECOND = 0.5
"""Tokens that a second brings back, so that a tool which is seldom called is tried again all the same (the
`minRetriesPerSec` of Finagle's retry budget, which is 10 for the traffic of a whole service)."""


@dataclass(frozen=True, slots=True)
class BucketState:
    """The tokens left in a tool's bucket at the instant `at`."""

    tokens: float
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Lend extra attempts while more than half of the tokens are there.

    A failure that may pass and a timeout cost a token. A success brings back `refill`, a second `per_second`. An answer
    that will be the same next time (a `ToolError`), a cancelled attempt and one that was never started change nothing.

    Attributes:
        capacity: tokens of a full bucket, which is how every tool begins. `0` never lends. Default 10.
        refill: tokens a success brings back. Default 0.1.
        per_second: tokens a second brings back. Default 0.5.

    Raises:
        InvalidPolicy: a value is negative or NaN.
    """

    capacity: float = CAPACITY
    refill: float = REFILL
    per_second: float = PER_SECOND

    def __post_init__(self) -> None:
        for name in ("capacity", "refill", "per_second"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"bucket.{name} must be 0 or more tokens, got {getattr(self, name)!r}")

    def full(self) -> BucketState:
        """How a tool begins."""
        return BucketState(self.capacity)

    def lends(self, state: BucketState, now: float) -> bool:
        """Whether a retry or a hedge may be made at `now`: more than half of the tokens are there."""
        return self._tokens(state, now) > self.capacity / 2

    def after(self, state: BucketState, outcome: Outcome, now: float) -> BucketState:
        """The bucket after an attempt, the first as well as extra ones, has ended so at `now`."""
        if isinstance(outcome, Ok):
            # The usual case, a full bucket, makes no new object.
            full = state.tokens >= self.capacity
            return state if full else BucketState(min(self.capacity, self._tokens(state, now) + self.refill), now)
        if isinstance(outcome, TimedOut) or (isinstance(outcome, Failed) and outcome.retryable):
            return BucketState(max(0.0, self._tokens(state, now) - 1.0), now)
        return state

    def _tokens(self, state: BucketState, now: float) -> float:
        if state.tokens >= self.capacity:
            return state.tokens
        return min(self.capacity, state.tokens + self.per_second * max(0.0, now - state.at))
