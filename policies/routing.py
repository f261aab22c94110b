"""Which of an agent's models is asked: the cheapest first, a stronger one where there is doubt, another where one fails
or is slow to speak.

A cascade is only as good as what it escalates on: here that is a check's verdict, a turn that brought nothing, or how
answers of the kind fared so far, never what a model says of itself (FrugalGPT, arXiv 2305.05176, learns such a score).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from .errors import InvalidPolicy

MOST_ESCALATIONS: Final = 5
"""Times a run may go on with a stronger model at most."""

GAIN_PRIOR: Final = (1.0, 1.0)
"""Beta over "the stronger model's answer is better by its checks", before the first was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtSituation:
    """What is known when what a model did is doubted and a stronger one could do it.

    Attributes:
        model: who did it.
        stronger: the next stronger model that has not failed in this run; empty where there is none.
        doubt: `refused` or `unsure` (by the checks of the answer), `fruitless` (its turn brought nothing), `unanswered`
            (it says that it has nothing to answer with) or `quality` (answers of this kind are too often wrong).
        reason: the doubt in words.
        escalated: how often the run has gone on with a stronger model so far.
        remaining: seconds in which what it does is of use; infinite where there is no deadline.
        expected: seconds it usually takes.
        q95: seconds within which it does it in 95 % of the cases.
        refusal: the limit that has no room for it; empty where none refuses.
        tried: how often a stronger model was asked for such a doubt, over the runs of the agent.
        helped: how often its answer was better by its checks.
        draw: a number from 0 to 1 that is the run's own.
    """

    model: str
    stronger: str
    doubt: Literal["refused", "unsure", "fruitless", "unanswered", "quality"]
    reason: str
    escalated: int = 0
    remaining: float = math.inf
    expected: float = 0.0
    q95: float = 0.0
    refusal: str = ""
    tried: int = 0
    helped: int = 0
    draw: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSituation:
    """What is known when a model call has failed, or brought nothing for too long.

    Attributes:
        model: who failed.
        other: the model that would take over; empty where there is none.
        problem: what went wrong, in words.
        again: whether the same model may be asked again: one that said nothing for too long is not, where another one
            is there.
        attempt: how often it was asked, the failed call included.
        wait: seconds to wait before that.
        took: seconds the failed call took.
        remaining: seconds in which the other's call is of use; infinite where there is no deadline.
        expected: seconds it usually takes.
        refusal: the limit that has no room for it; empty where none refuses.
    """

    model: str
    other: str
    problem: str
    again: bool = False
    attempt: int = 1
    wait: float = 0.0
    took: float = 0.0
    remaining: float = math.inf
    expected: float = 0.0
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortSituation:
    """What is known before a call of a model that can be asked to think less.

    Attributes:
        model: the model at its usual effort.
        lower: the model at the lower effort; empty where it has none.
        remaining: seconds the call may take; infinite where there is no deadline.
        chance: probability that a call at the usual effort ends in them.
        seen: calls at the usual effort that it rests on.
        draw: a number from 0 to 1 that is the run's own.
    """

    model: str
    lower: str
    remaining: float
    chance: float
    seen: int
    draw: float = 1.0


@dataclass(frozen=True, slots=True)
class Stay:
    """Leave it with the model that was asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Ask another model. One that brings nothing within so many `seconds` is not waited for any longer."""

    model: str
    reason: str = field(compare=False)
    seconds: float = field(default=math.inf, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The cheapest model begins; a stronger one goes on where there is doubt, and another one where one fails.

    It matters where an agent was given several models. The numbers are choices of ours, not measured optima.

    Attributes:
        escalations: how often a run goes on with a stronger model for doubt, from 0 to 5; 0 never does. Default 2.
        unsure: whether an answer that its checks leave open is a doubt, and not only one that they refuse. Default
            true.
        fruitless: turns in a row that brought nothing usable after which the model is doubted, 1 or more; `None` never
            does. Default 1.
        least_gain: the least chance that a stronger model's answer is better by its checks, from 0 to 1. It is counted
            over the runs of the agent, by doubt. Default 0.1.
        probe: the share of runs that ask it all the same: of what is never asked nothing is learnt. Default 0.05.
        slack: how many times its 95th percentile a stronger model is waited for, 1 or more. Default 1.25.
        retries: further attempts of a model that failed in a way that may pass, where another one is there, 0 or more;
            `attempts.model_retries` limits them too. Default 1.
        patience: seconds that a failed model may ask to be waited for, or have taken to fail, where another one is
            there; after more that one is asked at once. Default 1.
        hedge: whether another model is asked beside one whose first token is late, where `[hedging]` says that it pays;
            who speaks first goes on. Default true.
        effort: the reasoning effort that a model is asked at where time is short and its requests can carry it; `None`
            never asks for another than the usual one. Default `"low"`.
        effort_chance: the probability of ending in time at the usual effort under which the lower one is asked for,
            from 0 to 1. Default 0.8.
        effort_from: calls at the usual effort that must have been seen before. Default 5.

    Raises:
        InvalidPolicy: a setting is out of range.
    """

    escalations: int = 2
    unsure: bool = True
    fruitless: int | None = 1
    least_gain: float = 0.1
    probe: float = 0.05
    slack: float = 1.25
    retries: int = 1
    patience: float = 1.0
    hedge: bool = True
    effort: str | None = "low"
    effort_chance: float = 0.8
    effort_from: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.escalations <= MOST_ESCALATIONS:
            raise InvalidPolicy(f"routing.escalations must be from 0 to {MOST_ESCALATIONS}, got {self.escalations!r}")
        if self.fruitless is not None and not self.fruitless >= 1:
            raise InvalidPolicy(f"routing.fruitless must be 1 or more, or None, got {self.fruitless!r}")
        if self.effort_from < 1:
            raise InvalidPolicy(f"routing.effort_from must be 1 or more, got {self.effort_from!r}")
        for name in ("least_gain", "probe", "effort_chance"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"routing.{name} must be a share from 0 to 1, got {getattr(self, name)!r}")
        if not self.slack >= 1:
            raise InvalidPolicy(f"routing.slack must be 1 or more, got {self.slack!r}")
        for name in ("retries", "patience"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"routing.{name} must be 0 or more, got {getattr(self, name)!r}")

    def gain(self, s: DoubtSituation) -> float:
        """The chance that the stronger model's answer is better: as often as it was so far, beginning at
        `GAIN_PRIOR`."""
        helped, not_helped = GAIN_PRIOR
        return (helped + s.helped) / (helped + not_helped + s.tried)

    def escalate(self, s: DoubtSituation) -> Stay | Switch:
        """Whether a stronger model goes on."""
        against = self._against(s)
        if against:
            return Stay(f"{s.model} is doubted ({s.reason}), and {against}")
        seconds = min(s.remaining, self.slack * s.q95)
        return Switch(
            s.stronger,
            f"{s.model} is doubted ({s.reason}); {s.stronger} takes about {s.expected:.2f} s, {s.remaining:.2f} s are "
            f"left, and it helps in {self.gain(s):.0%}",
            seconds,
        )

    def _against(self, s: DoubtSituation) -> str:
        """Why no stronger model is asked; empty where one is."""
        if not s.stronger:
            return "no stronger model is left"
        if s.doubt == "unsure" and not self.unsure:
            return "routing.unsure=false lets it stand"
        if s.escalated >= self.escalations:
            return f"a stronger one was asked {s.escalated} times, routing.escalations={self.escalations}"
        if s.refusal:
            return f"for {s.stronger} {s.refusal}"
        if s.remaining < s.expected:
            return f"{s.stronger} takes about {s.expected:.2f} s and {max(0.0, s.remaining):.2f} s are left"
        if self.gain(s) < self.least_gain and s.draw >= self.probe:
            return f"{s.stronger} helped {s.helped} of {s.tried} times, routing.least_gain={self.least_gain:g}"
        return ""

    def ease(self, s: EffortSituation) -> Stay | Switch:
        """Whether the model is asked at the lower effort."""
        if not s.lower:
            return Stay(f"{s.model} is asked at its usual effort")
        if s.seen < self.effort_from:
            return Stay(f"{s.seen} calls of {s.model} were seen, routing.effort_from={self.effort_from}")
        ends = f"a call of {s.model} ends within the {max(0.0, s.remaining):.2f} s that are left with probability "
        ends += f"{s.chance:.2f}"
        if s.chance >= self.effort_chance:
            return Stay(ends)
        if s.draw < self.probe:
            return Stay(f"{ends}, but some runs see whether that still holds")
        return Switch(s.lower, f"{ends}; routing.effort_chance={self.effort_chance:g} asks for {s.lower}")

    def fall_back(self, s: FailureSituation) -> Stay | Switch:
        """Whether another model takes over from one that failed."""
        if not s.other:
            return Stay(f"{s.model} failed ({s.problem}), and no other model is left")
        if s.refusal:
            return Stay(f"{s.model} failed ({s.problem}), and for {s.other} {s.refusal}")
        if s.remaining < s.expected:
            left = max(0.0, s.remaining)
            return Stay(
                f"{s.model} failed ({s.problem}); {s.other} takes about {s.expected:.2f} s, {left:.2f} s are left"
            )
        if s.again and s.attempt <= self.retries and s.wait <= self.patience and s.took <= self.patience:
            return Stay(f"{s.model} failed ({s.problem}) and can be asked again in {s.wait:.2f} s")
        return Switch(s.other, f"{s.model} failed ({s.problem}); {s.other} takes about {s.expected:.2f} s")
