"""Whether a model call is begun, waited for, or cut: decided at a few moments of its stream, never at each token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from .errors import InvalidPolicy

_JUST: Final = 1e-6
"""Seconds by which a timer may ring early."""

SUREST: Final = 0.001
"""How near to 0 and to 1 a probability may be that is asked of a forecast: no forecast knows its ends any better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSituation:
    """What is known when a run would ask its model for the first time.

    Attributes:
        remaining: seconds until only composing an answer still fits; infinite where there is none.
        expected: seconds a call of the model usually takes: the median of its forecast.
        chance: probability that a call ends by then.
        seen: calls the forecast rests on.
        draw: a number from 0 to 1 of the run, by which some are asked all the same.
        embedded: whether the embedded model could do something instead: it needs tools.
    """

    remaining: float
    expected: float
    chance: float
    seen: int
    draw: float
    embedded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Ask the model."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Let the embedded model do it: the model would be cut."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSituation:
    """What is known of a model call that is under way. Every instant is in seconds since the call began.

    Attributes:
        purpose: `reason`, or `answer` for the final one.
        elapsed: seconds so far.
        tokens: output tokens of text so far, estimated.
        calls: tool calls so far whose arguments are complete.
        last: when only composing and checking an answer still fits.
        overdue: when the first token should have come; infinite where too little is known.
        switch: when the embedded model has to begin if it is to bring something; infinite where it could not.
        again: seconds another attempt is expected to take; infinite where none may be made.
        chance: probability that the stream ends before `last`.
    """

    purpose: Literal["reason", "answer"]
    elapsed: float
    tokens: int
    calls: int
    last: float
    overdue: float = math.inf
    switch: float = math.inf
    again: float = math.inf
    chance: float = 1.0

    @property
    def waiting(self) -> bool:
        """Whether nothing has come yet."""
        return self.tokens == 0 and self.calls == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """Go on, and decide again `until` seconds after the call began, if it is still under way (infinite: never).

    An empty `reason` says that nothing was in question.
    """

    until: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Close the stream, and do what comes `then`: answer from what there is, call the model again, or let the embedded
    model go on."""

    reason: str
    then: Literal["answer", "retry", "embedded"] = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """Wait for a model as long as waiting is the best use of the time.

    What it streams is the answer, or calls that begin as they come; both go on until composing and checking an answer
    just fits. A stream that has brought nothing is given up early where something better fits into the time: another
    attempt, or the embedded model.
    The shares are choices of ours, not measured optima.

    Attributes:
        wait_chance: probability of bringing something in time under which a model is given up for the embedded one,
            from 0 to 1. Default 1/3.
        overdue: share of first tokens that come earlier than one that is overdue, from 0 to below 1. Default 0.99.
        patience: seconds before which no first token is overdue, 0 or more: a busy machine delays the quickest. Default
            0.5.
        learn_from: calls that must have been seen before any is declined or overdue. Default 5.
        probe: share of runs that ask a model that was too slow so far all the same and wait for it as long as they can,
            to see whether it still is, from 0 to 1. Default 1/16.
        tokens: probability with which a call can write its `max_tokens` in time, from 0.001 to 0.999. Default 0.05:
            what does not fit is cut anyway, and the more there may be the fewer answers and calls that fit end early.
    """

    wait_chance: float = 1 / 3
    overdue: float = 0.99
    patience: float = 0.5
    learn_from: int = 5
    probe: float = 1 / 16
    tokens: float = 0.05

    def __post_init__(self) -> None:
        for name in ("wait_chance", "probe"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"interruption.{name} must be from 0 to 1, got {getattr(self, name)!r}")
        if not 0 <= self.overdue < 1:
            raise InvalidPolicy(f"interruption.overdue must be a share from 0 to below 1, got {self.overdue!r}")
        if not self.patience >= 0:
            raise InvalidPolicy(f"interruption.patience must be 0 or more seconds, got {self.patience!r}")
        if not SUREST <= self.tokens <= 1 - SUREST:
            raise InvalidPolicy(f"interruption.tokens must be from {SUREST} to {1 - SUREST}, got {self.tokens!r}")
        if self.learn_from < 1:
            raise InvalidPolicy(f"interruption.learn_from must be at least 1, got {self.learn_from!r}")

    def begin(self, situation: BeginSituation) -> Begin | Decline:
        """Whether the model is asked at all."""
        s = situation
        takes = f"a call usually takes {s.expected:.2f} s and {s.remaining:.2f} s are left"
        if s.chance >= self.wait_chance or s.seen < self.learn_from or not s.embedded:
            return Begin(reason=takes)
        if s.draw < self.probe:
            return Begin(reason=f"{takes}, but one run in {1 / self.probe:.0f} asks whether it still does")
        return Decline(reason=takes)

    def decide(self, situation: StreamSituation) -> Continue | Cut:
        """Whether the stream goes on."""
        s = situation
        if _past(s, s.last):
            return Cut(reason="the deadline interrupted the model")
        return self._without_a_token(s) if s.waiting else Continue(until=_next(s))

    def _without_a_token(self, s: StreamSituation) -> Continue | Cut:
        """Give up a stream that brought nothing, where something better fits."""
        if _past(s, s.overdue):
            late = f"nothing came in {s.elapsed:.2f} s, and nearly always something comes within {s.overdue:.2f} s"
            if s.elapsed + s.again <= s.last:
                return Cut(reason=f"{late}; another attempt takes about {s.again:.2f} s", then="retry")
            if s.switch < math.inf:
                return Cut(reason=late, then="embedded")
        if _past(s, s.switch) and s.chance < self.wait_chance:
            why = f"nothing came in {s.elapsed:.2f} s, and it ends in time with probability {s.chance:.2f}"
            return Cut(reason=why, then="embedded")
        waited = _past(s, min(s.overdue, s.switch))
        return Continue(until=_next(s), reason="nothing came yet, and nothing better would fit" if waited else "")


def _past(s: StreamSituation, instant: float) -> bool:
    return s.elapsed >= instant - _JUST


def _next(s: StreamSituation) -> float:
    """The next instant at which there is something to decide."""
    moments = (s.overdue, s.switch, s.last)
    return min((at for at in moments if not _past(s, at)), default=math.inf)
