"""Whether extra attempts of a tool are still worth making: one bucket of tokens for its retries and its hedges.

Retries help against a fault of one call and harm in an outage, when every call fails and every retry adds to the load.
The bucket tells the two apart: failures empty it, successes refill it slowly, and below half there are no extras.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy
from .outcome import Failed, Ok, Outcome, TimedOut

CAPACITY = 10.0
"""Tokens of a full bucket (`maxTokens` in the gRPC retry design, A6)."""

REFILL = 0.1
"""Tokens a success brings back (`tokenRatio` there): in the long run one extra attempt for ten successes."""


@dataclass(frozen=True, slots=True)
class BucketState:
    """The tokens left in a tool's bucket."""

    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Lend extra attempts while more than half of the tokens are there.

    A failure that may pass and a timeout cost a token. A success brings back `refill`. An answer that will be the same
    next time (a `ToolError`), a cancelled attempt and one that was never started change nothing.

    Attributes:
        capacity: tokens of a full bucket, which is how every tool begins. `0` never lends. Default 10.
        refill: tokens a success brings back. Default 0.1.

    Raises:
        InvalidPolicy: a value is negative or NaN.
    """

    capacity: float = CAPACITY
    refill: float = REFILL

    def __post_init__(self) -> None:
        for name in ("capacity", "refill"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"bucket.{name} must be 0 or more tokens, got {getattr(self, name)!r}")

    def full(self) -> BucketState:
        """How a tool begins."""
        return BucketState(self.capacity)

    def lends(self, state: BucketState) -> bool:
        """Whether a retry or a hedge may be made: more than half of the tokens are left."""
        return state.tokens > self.capacity / 2

    def after(self, state: BucketState, outcome: Outcome) -> BucketState:
        """The bucket after an attempt, the first as well as extra ones, has ended so."""
        if isinstance(outcome, Ok):
            # The usual case, a full bucket, makes no new object.
            full = state.tokens >= self.capacity
            return state if full else BucketState(min(self.capacity, state.tokens + self.refill))
        if isinstance(outcome, TimedOut) or (isinstance(outcome, Failed) and outcome.retryable):
            return BucketState(max(0.0, state.tokens - 1.0))
        return state
