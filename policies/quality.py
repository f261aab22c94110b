"""Whether answers of a kind are as often right as the product asks: calibration across kinds of query.

The bound is one-sided and Bayesian: the quantile of the Beta posterior of the share. With the default prior it is
Jeffreys' lower bound, 0 where nothing passed, whose coverage stays close to what it says even for few and for extreme
shares (Brown, Cai and DasGupta, *Interval Estimation for a Binomial Proportion*, Statistical Science 16, 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from .errors import InvalidPolicy
from .standing import Kind

JEFFREYS: Final = (0.5, 0.5)
"""The prior of Jeffreys' interval: Beta(1/2, 1/2)."""

_PRECISE: Final = 1e-9
_STEPS: Final = 10_000
_TINY: Final = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySituation:
    """What is known of answers of one kind, before the answer at hand.

    Attributes:
        modality: what was asked in.
        tools: the tools that gave something, sorted and joined by `+`.
        model: the model that was asked.
        good: answers that passed their checks.
        bad: answers that failed one.
        unsure: answers that the checks left open.
        rated: answers that people rated.
        score: the sum of their ratings, each from 0 to 1.
        stronger: a stronger model that could still be asked in this run; empty where there is none, as once the answer
            is there.
    """

    modality: str
    tools: str
    model: str
    good: int = 0
    bad: int = 0
    unsure: int = 0
    rated: int = 0
    score: float = 0.0
    stronger: str = ""

    @property
    def kind(self) -> Kind:
        """The kind."""
        return Kind(self.modality, self.tools, self.model)


@dataclass(frozen=True, slots=True)
class Fine:
    """Nothing is to be said: the kind is as good as asked for, too little is known of it, or nobody asks."""

    reason: str


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell the user that answers of this kind are not as often right as they should be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """Ask a stronger model in the place of this one."""

    model: str
    reason: str = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """When a user is warned, or a stronger model asked, because answers of a kind are too often wrong.

    What people say outweighs what checks say: where `least_rated` answers of a kind or more were rated, their ratings
    alone decide, each counting as that much of a right answer; else the verdicts do, and those that left an answer open
    count for nothing.

    Attributes:
        threshold: the least share of right answers that the product asks for, from 0 to 1; `None` never warns. Default
            `None`.
        confidence: how sure the lower bound of that share is, between 0.5 and 1. Default 0.95.
        least: checked answers of a kind before their verdicts speak. Default 20.
        least_rated: rated answers of a kind before their ratings speak instead. Default 10.
        prior: right and wrong answers that are believed before the first, each above 0. Default Jeffreys' half and
            half; `(8, 2)` believes in four of five and is believed less after ten answers.

    Raises:
        InvalidPolicy: a setting is out of range.
    """

    threshold: float | None = None
    confidence: float = 0.95
    least: int = 20
    least_rated: int = 10
    prior: tuple[float, float] = JEFFREYS

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InvalidPolicy(f"quality.threshold must be a share from 0 to 1, or None, got {self.threshold!r}")
        if not 0.5 <= self.confidence < 1:
            raise InvalidPolicy(f"quality.confidence must be from 0.5 to below 1, got {self.confidence!r}")
        for name in ("least", "least_rated"):
            if getattr(self, name) < 1:
                raise InvalidPolicy(f"quality.{name} must be 1 or more, got {getattr(self, name)!r}")
        if len(self.prior) != 2 or not all(0 < count < math.inf for count in self.prior):
            raise InvalidPolicy(f"quality.prior must be two numbers above 0, got {self.prior!r}")

    def speaks(self, s: QualitySituation) -> tuple[float, int, bool]:
        """What speaks for a kind: how much of it was good, of how many, and whether people said so."""
        return (s.score, s.rated, True) if s.rated >= self.least_rated else (float(s.good), s.good + s.bad, False)

    def bound(self, s: QualitySituation) -> float | None:
        """The lower bound of the share that is right; `None` where too little is known to say."""
        good, n, by_people = self.speaks(s)
        if not by_people and n < self.least:
            return None
        return lower_bound(good, n - good, confidence=self.confidence, prior=self.prior)

    def decide(self, s: QualitySituation) -> Fine | Warn | Escalate:
        """Whether something follows for an answer of this kind."""
        if self.threshold is None:
            return Fine(f"{self._found(s)}; quality.threshold=None asks for nothing")
        bound = self.bound(s)
        if bound is None:
            return Fine(f"{self._found(s)}; quality.least={self.least} are needed to judge them")
        told = f"{self._found(s)}: with {percent(self.confidence)} confidence at least {percent(bound)}"
        if bound >= self.threshold:
            return Fine(f"{told}, and {percent(self.threshold)} are asked for")
        reason = f"{told}, under the {percent(self.threshold)} asked for"
        return Escalate(s.stronger, reason) if s.stronger else Warn(reason)

    def _found(self, s: QualitySituation) -> str:
        """What was found of the kind, in words."""
        good, n, by_people = self.speaks(s)
        if by_people:
            return f"people rated {n} answers of this kind ({s.kind.words}) {percent(good / n)} on average"
        left = f", {s.unsure} more were left open" if s.unsure else ""
        return f"{s.good} of {n} checked answers of this kind ({s.kind.words}) passed{left}"


def percent(share: float) -> str:
    """A share as people write it, rounded down, so that what is under a threshold is never shown as on it."""
    return f"{math.floor(share * 1000 + 1e-6) / 10:g} %"


def lower_bound(good: float, bad: float, *, confidence: float = 0.95, prior: tuple[float, float] = JEFFREYS) -> float:
    """The share that is exceeded with this confidence, from so many good and bad ones; 0 where none was good.

    Ratings may count in part. They vary less than what is either right or wrong, so that the bound is on the safe side.
    """
    if good <= 0:
        return 0.0
    a, b = good + prior[0], bad + prior[1]
    low, high = 0.0, 1.0
    # The mean of the posterior is never under its quantile by more than the deviation allows: start near it.
    spread = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    start = max(0.0, a / (a + b) - 8 * spread)
    if start > 0 and incomplete_beta(a, b, start) < 1 - confidence:
        low = start
    while high - low > _PRECISE:
        middle = (low + high) / 2
        if incomplete_beta(a, b, middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function: the probability of at most `x` under Beta(a, b).

    By its continued fraction (NIST Digital Library of Mathematical Functions, 8.17.22), which converges on the side of
    the mean that holds `x`; the other side follows by symmetry.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return min(1.0, math.exp(front) * _fraction(a, b, x) / a)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction, by Lentz' method."""
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _apart(1 + term * d)
            c = _apart(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return value


def _apart(value: float) -> float:
    """A denominator that can be divided by."""
    return value if abs(value) > _TINY else _TINY
