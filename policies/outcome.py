"""How a call ended, and what a check said of it: values, never exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

VerdictOutcome = Literal["pass", "fail", "unsure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verifier says of a result or an answer.

    Attributes:
        outcome: `pass`, `fail` or `unsure`; where there was nothing to check it is `unsure`, never `pass`.
        score: confidence in `pass`, from 0 to 1.
        reason: one sentence for people and for the model.
        verifier: the name of the check that decided.
        duration: seconds the check took.
        cost: US dollars the check cost.
    """

    outcome: VerdictOutcome
    reason: str
    verifier: str
    score: float = 0.0
    duration: float = 0.0
    cost: float = 0.0

    @classmethod
    def passed(cls, verifier: str, reason: str, score: float = 1.0) -> Verdict:
        """A verdict of `pass`."""
        return cls(outcome="pass", reason=reason, verifier=verifier, score=score)

    @classmethod
    def failed(cls, verifier: str, reason: str, score: float = 0.0) -> Verdict:
        """A verdict of `fail`."""
        return cls(outcome="fail", reason=reason, verifier=verifier, score=score)

    @classmethod
    def unsure(cls, verifier: str, reason: str, score: float = 0.5) -> Verdict:
        """A verdict of `unsure`."""
        return cls(outcome="unsure", reason=reason, verifier=verifier, score=score)


@dataclass(frozen=True, slots=True)
class Ok:
    """The call returned `value`."""

    value: Any
    name: ClassVar[str] = "ok"


@dataclass(frozen=True, slots=True)
class Failed:
    """The tool raised, or its result was refused.

    `error_type` is the class name of what was raised, `message` one sentence for the model. `retryable` says whether
    another attempt could end differently, `retry_after` how many seconds one was asked to wait before it, `passing`
    that such failures are known to pass: 429, 5xx, a connection that broke.
    """

    error_type: str
    message: str
    retryable: bool = True
    retry_after: float | None = None
    passing: bool = False
    name: ClassVar[str] = "error"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt was still running when its slice of time, `after` seconds, was used up."""

    after: float
    name: ClassVar[str] = "timed_out"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The attempt was cancelled by the run, for `reason`; whether it would have succeeded is unknown."""

    reason: str
    name: ClassVar[str] = "cancelled"


@dataclass(frozen=True, slots=True)
class Skipped:
    """The call was never started. `limit` names what refused it (`deadline`, `tool_calls`, …); `reason` says it in
    words."""

    limit: str
    reason: str
    name: ClassVar[str] = "skipped"


Outcome = Ok | Failed | TimedOut | Cancelled | Skipped
"""The closed union of ways a call can end."""
