"""How much time is kept back for the final answer, and how that answer is made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from .errors import InvalidPolicy

By = Literal["model", "composed"]
"""Who writes the final answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveSituation:
    """What is known when a run begins.

    Attributes:
        latency: seconds the run has; `None` where there is no deadline.
        answer_q95: seconds within which the model writes 95 % of its final answers.
        usual: seconds any call of the model usually takes, which goes on being learnt while it writes no answers;
            infinite where that is not known.
        withheld: plans in a row, of all runs, that left the model out of the final answer.
    """

    latency: float | None
    answer_q95: float
    usual: float = math.inf
    withheld: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a run ends: `seconds` kept back before the deadline, for an answer by the `model` or one that is
    `composed`; `probe` says that the model is to write it whatever its answers took so far."""

    seconds: float
    answer: By
    probe: bool = False
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSituation:
    """What is known when the final answer is due.

    Attributes:
        planned: what the plan said at the start.
        remaining: seconds left to write it; infinite where there is no deadline.
        expected: seconds the model's answer usually takes: the median of its forecast.
        q95: seconds within which the model writes 95 % of its answers.
        failed: whether the embedded model had to take over.
        probe: whether the plan was to ask the model whatever its answers took so far.
    """

    planned: By
    remaining: float
    expected: float
    q95: float
    failed: bool = False
    probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes the final answer, and why."""

    by: By
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Keep back what the final answer needs: its q95, the check's q95 and a margin.

    The rule and the margin are Zilberstein's for contract anytime algorithms. Where a model's answer would take more
    than `largest_share` of the whole budget, the answer is composed from the evidence instead, which takes
    milliseconds.

    Attributes:
        margin: seconds for the loop, the checks and a noisy machine. Default 0.05.
        compose: seconds to compose and check an answer without a model. Default 0.02.
        largest_share: largest share of the budget kept back, from 0 to 1. Default 0.4.
        smallest_share: share of a short budget that is left for work even where margin and compose exceed it. Default
            0.5.
        probe: plans in a row that leave the model out, after which it is to write all the same where a usual call of it
            fits, and again as long as that comes in time: only answers can show that they are quick again. Default 16.
    """

    margin: float = 0.05
    compose: float = 0.02
    largest_share: float = 0.4
    smallest_share: float = 0.5
    probe: int = 16

    def __post_init__(self) -> None:
        for name in ("margin", "compose"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"reserve.{name} must be 0 or more seconds, got {getattr(self, name)!r}")
        for name in ("largest_share", "smallest_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"reserve.{name} must be a share from 0 to 1, got {getattr(self, name)!r}")
        if not self.probe >= 1:
            raise InvalidPolicy(f"reserve.probe must be at least 1, got {self.probe!r}")

    def plan(self, situation: ReserveSituation) -> Plan:
        """What to keep back, at the start of a run."""
        latency, q95 = situation.latency, situation.answer_q95
        if latency is None:
            return Plan(seconds=0.0, answer="model", reason="there is no deadline")
        wanted = q95 + self.compose + self.margin
        share = f"95 % of the model's answers take up to {q95:.2f} s, and {self.largest_share:.0%} of {latency:.2f} s"
        if wanted <= self.largest_share * latency:
            return Plan(seconds=wanted, answer="model", reason=f"{share} may be kept back")
        most = self.largest_share * latency
        if situation.withheld >= self.probe and situation.usual + self.compose + self.margin <= most:
            withheld = f"after {situation.withheld} plans without the model one asks whether that still holds"
            return Plan(seconds=most, answer="model", probe=True, reason=f"{share} are the most; {withheld}")
        kept = min(self.margin + self.compose, (1 - self.smallest_share) * latency)
        return Plan(seconds=kept, answer="composed", reason=f"{share} are the most that is kept back")

    def writer(self, situation: AnswerSituation) -> Writer:
        """Who writes the final answer, once it is due: the model where that was planned and can be expected to fit, or
        where so much time is left that it nearly always fits."""
        s = situation
        takes = f"it takes {s.expected:.2f} s, at q95 {s.q95:.2f} s, and {s.remaining:.2f} s are left"
        if s.failed:
            return Writer(by="composed", reason="the embedded model composes as this does")
        if s.probe:
            return Writer(by="model", reason=f"{takes}; the plan was to ask whether it still does")
        if (s.planned == "model" and s.remaining >= s.expected) or s.remaining >= s.q95:
            return Writer(by="model", reason=takes)
        return Writer(by="composed", reason=takes)
