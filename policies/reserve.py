"""How much time is kept back for the final answer, and how that answer is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import InvalidPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a run ends: `seconds` kept back before the deadline, for an answer by the `model` or one that is
    `composed`."""

    seconds: float
    answer: Literal["model", "composed"]


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
    """

    margin: float = 0.05
    compose: float = 0.02
    largest_share: float = 0.4
    smallest_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("margin", "compose"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"reserve.{name} must be 0 or more seconds, got {getattr(self, name)!r}")
        for name in ("largest_share", "smallest_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"reserve.{name} must be a share from 0 to 1, got {getattr(self, name)!r}")

    def plan(self, latency: float | None, answer_q95: float) -> Plan:
        """What to keep back of `latency` seconds where the model's final answer takes `answer_q95` seconds at q95."""
        if latency is None:
            return Plan(seconds=0.0, answer="model")
        wanted = answer_q95 + self.compose + self.margin
        if wanted <= self.largest_share * latency:
            return Plan(seconds=wanted, answer="model")
        return Plan(seconds=min(self.margin + self.compose, (1 - self.smallest_share) * latency), answer="composed")
