"""How long one attempt may take, and whether another one follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .errors import InvalidPolicy


class TimeoutSituation(NamedTuple):
    """What is known when an attempt's slice is cut out of the time left; a tuple, because every attempt makes one.

    Attributes:
        tool: the tool's name.
        granted: seconds it may take at most; infinite where nothing bounds it.
        n: samples its forecast rests on; 0 where there is none.
        likely: seconds within which all but the share `Attempts.false` of attempts end.
        may_retry: whether another attempt can follow.
    """

    tool: str
    granted: float
    n: int = 0
    likely: float = float("inf")
    may_retry: bool = False


class Slice(NamedTuple):
    """The seconds an attempt may take; infinite where nothing bounds it."""

    seconds: float
    reason: str


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
        closed: why the tool's gate would let it through as little; `None` where it would.
        hedged: whether a hedge raced the attempt that failed.
    """

    tool: str
    attempt: int
    retries: int
    remaining: float
    wait: float
    expected: float | None = None
    lends: bool = True
    refusal: str | None = None
    closed: str | None = None
    hedged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Wait, then try again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Make no further attempt. `poor` says that this run's limits ended it, where another run's might not have."""

    reason: str
    poor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Give up on an attempt that takes longer than nearly all have taken, earlier where another one can follow.

    The rule, picking a rate of false timeouts, is the Amazon Builders' Library's ("Timeouts, retries and backoff with
    jitter"); the rates are starting values.

    Attributes:
        retries: further attempts, after a failure that is known to pass (429, 5xx, a connection that broke), of a tool
            that may be repeated and whose author said nothing of retries. Default 2, as the clients of the large clouds
            make. What its author grants follows any failure that is not known to stay.
        model_retries: further attempts of a model call that failed in a way that may pass. Default 3.
        refused: further attempts after a result that the checks of a tool that only reads refused, unless its author
            wants no retries: a page of errors with status 200 passes as a 503 does, a value out of range mostly stays.
            Default 1.
        false_timeouts: share of good attempts that may be cut where a retry can follow, from 0 to 1. Default 0.05.
        false_last: the same where it is the last attempt. Default 0.001.
        slack: share added to the quantile: of a tool that always takes the same, the quantile is that very duration,
            and the jitter of a busy machine would cut every other attempt. Default 0.25.
        learn_from: attempts that must have been seen before one that a retry can follow is cut. Default 20.
        smallest: seconds every attempt may take: timers of a busy loop are no finer. Default 0.005.
        learn_last_from: the same for the last attempt: its quantile is far out, and a cut leaves nothing. Default 200.
        longest_wait: seconds a retry waits at most; where an endpoint asks for longer there is none. Default 60.
    """

    retries: int = 2
    model_retries: int = 3
    refused: int = 1
    false_timeouts: float = 0.05
    false_last: float = 0.001
    slack: float = 0.25
    smallest: float = 0.005
    learn_from: int = 20
    learn_last_from: int = 200
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        for name in ("false_timeouts", "false_last"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidPolicy(f"attempts.{name} must be a share from 0 to below 1, got {getattr(self, name)!r}")
        for name in ("slack", "retries", "model_retries", "refused", "smallest", "longest_wait"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"attempts.{name} must be 0 or more, got {getattr(self, name)!r}")
        for name in ("learn_from", "learn_last_from"):
            if getattr(self, name) < 1:
                raise InvalidPolicy(f"attempts.{name} must be at least 1, got {getattr(self, name)!r}")

    def false(self, *, may_retry: bool) -> float:
        """The share of good attempts that may be cut."""
        return self.false_timeouts if may_retry else self.false_last

    def known(self, n: int, *, may_retry: bool) -> bool:
        """Whether `n` samples are enough to cut an attempt for being slow."""
        return n >= (self.learn_from if may_retry else self.learn_last_from)

    def cut(self, likely: float) -> float:
        """Seconds after which an attempt is cut that ends within `likely` seconds but for the share `false`."""
        return max(self.smallest, (1 + self.slack) * likely)

    def timeout(self, s: TimeoutSituation) -> Slice:
        """What was granted, or less where the forecast knows better."""
        if not self.known(s.n, may_retry=s.may_retry):
            return Slice(seconds=s.granted, reason=f"{s.n} attempts of {s.tool} were seen, too few to cut one short")
        likely = self.cut(s.likely)
        if likely >= s.granted:
            return Slice(seconds=s.granted, reason=f"{s.tool} may take what was granted")
        share = 1 - self.false(may_retry=s.may_retry)
        return Slice(seconds=likely, reason=f"{share:.1%} of the attempts of {s.tool} end within {s.likely:.3g} s")

    def retry(self, s: RetrySituation) -> Retry | GiveUp:
        """Whether another attempt follows: one is left, the ledger, the bucket and the gate grant it, and it can end in
        time."""
        tried = f"attempt {s.attempt} of {s.retries + 1}{' and its hedge' if s.hedged else ''} failed"
        if s.attempt > s.retries:
            return GiveUp(reason=f"{tried}, none is left")
        if not s.lends:
            return GiveUp(reason=f"{tried}: {s.tool} fails too often, its bucket lends no extra attempts")
        if s.closed is not None:
            return GiveUp(reason=f"{tried}: {s.closed}")
        if s.wait > self.longest_wait:
            asked = f"it would have to wait {s.wait:.3g} s, attempts.longest_wait={self.longest_wait:g}"
            return GiveUp(reason=f"{tried}: {asked}")
        if s.refusal is not None:
            return GiveUp(reason=f"{tried}: {s.refusal}", poor=True)
        if s.remaining <= (s.expected or 0.0):
            return GiveUp(
                reason=f"{tried}: after a wait of {s.wait:.3g} s {max(0.0, s.remaining):.3f} s would be left, "
                f"it usually takes {s.expected or 0.0:.3g} s",
                poor=True,
            )
        return Retry(reason=f"{tried}, {s.remaining:.3f} s will be left after a wait of {s.wait:.3g} s")
