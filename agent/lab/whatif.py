"""What recorded runs would have given under another budget or another policy.

Each run is lived through again: the real agent, with its pure policies, on a clock that jumps, with a model, tools and
checks that do what was recorded and draw what was not (see `scene`). So the same code decides that decides in
production, and nothing is simulated twice.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from ...policies.settings import Policy
from .. import timing
from ..agent import Agent
from .clock import VirtualClock
from .learnt import Learnt, Luck
from .recording import Recording
from .scene import Scene
from .stage import Stage

GRACE: Final = 0.05
"""Seconds past the deadline within which an answer still counts as on time."""
MOST_IDLE: Final = 60.0
"""Seconds between two runs at most: what a breaker or a bucket learns is over by then."""
Z: Final = 1.96
"""Deviations of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many runs, with the 95 % interval (Wilson's) of what more runs would give."""

    n: int
    of: int

    @property
    def value(self) -> float:
        """From 0 to 1; 0 of nothing."""
        return self.n / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of many more such runs lies."""
        if not self.of:
            return 0.0, 1.0
        square = Z * Z / self.of
        middle = (self.value + square / 2) / (1 + square)
        half = Z * math.sqrt(self.value * (1 - self.value) / self.of + square / self.of / 4) / (1 + square)
        return max(0.0, middle - half), min(1.0, middle + half)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        low, high = self.interval
        return {"share": self.value, "low": low, "high": high, "runs": self.of}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """How some runs ended.

    Attributes:
        on_time: those that came by the deadline.
        complete: those that were complete by then.
        verified: those whose answer had passed its checks by then.
        cost_usd: US dollars a run; `None` is unknown.
        seconds: seconds a run, on average.
    """

    on_time: Share
    complete: Share
    verified: Share
    cost_usd: float | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "on_time": self.on_time.to_dict(),
            "complete": self.complete.to_dict(),
            "verified": self.verified.to_dict(),
            "cost_usd": self.cost_usd,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How one run ended."""

    on_time: bool
    complete: bool
    verified: bool
    cost_usd: float | None
    seconds: float


def predicted(learnt: Learnt, latency: float | None, policy: Policy | None = None, *, seed: str = "0") -> Lot:
    """How the recorded runs would have ended.

    Args:
        learnt: the runs, and what they teach.
        latency: seconds each may take; `None` leaves each its own.
        policy: the policies; by default those of this version.
        seed: of what is drawn; the same for the same seed.
    """
    # Retries wait by chance, and draw it from the process's own generator.
    state = random.getstate()
    random.seed(seed)
    try:
        return _lot(VirtualClock().run(_live(learnt, latency, policy, seed)))
    finally:
        random.setstate(state)


def recorded(recordings: Sequence[Recording]) -> Lot:
    """How runs ended that were recorded."""
    return _lot([
        _End(
            on_time=each.budget.latency is None or each.seconds <= each.budget.latency + GRACE,
            complete=each.complete, verified=each.verified, cost_usd=each.cost_usd, seconds=each.seconds,
        )
        for each in recordings
    ])  # fmt: skip


async def _live(learnt: Learnt, latency: float | None, policy: Policy | None, seed: str) -> list[_End]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # what an interrupted run leaves behind is nobody's here
    stage = Stage(learnt, learnt.recordings[0].model if learnt.recordings else "recorded")
    agent = Agent(stage.model, stage.tools(), policy=policy, verify=stage.checks())
    _teach(agent, learnt)
    ends, before = list[_End](), None
    for recording in learnt.recordings:
        idle = 0.0 if before is None else (recording.started_ns - before.started_ns) / 1e9 - before.seconds
        await asyncio.sleep(min(MOST_IDLE, max(0.0, idle)))
        ends.append(await _again(agent, stage, Scene(recording, learnt, Luck(f"{seed} {recording.key}")), latency))
        before = recording
    return ends


def _teach(agent: Agent, learnt: Learnt) -> None:
    """What the agent that recorded these runs had learnt of them: how long its tools and its model take."""
    history, model = agent.memory.history, agent.model
    for tool in agent.toolbox:
        for lived in learnt.tools[tool.name].lived:
            if lived.how != "error":
                history.observe(tool, lived.seconds, censored=lived.how == "cut")
    for recording in learnt.recordings:
        for thought in recording.thoughts:
            was_cut = thought.lived.how == "cut"
            timing.of(history, model).observe(thought.lived.seconds, thought.tokens, was_cut)
            if thought in recording.answers and (thought.first is not None or not was_cut):
                timing.answers_of(history, model).observe(thought.lived.seconds, thought.tokens, was_cut)
            if thought.first is not None:
                timing.first_tokens_of(history, model).observe(thought.first)


async def _again(agent: Agent, stage: Stage, scene: Scene, latency: float | None) -> _End:
    """One run once more."""
    stage.scene = scene
    budget = scene.recording.budget if latency is None else scene.recording.budget.replace(latency=latency)
    result = await agent.run(scene.query, budget=budget)
    in_time = budget.latency is None or result.elapsed <= budget.latency + GRACE
    return _End(
        on_time=in_time,
        complete=in_time and result.status == "complete",
        verified=in_time and result.verified,
        cost_usd=result.spend.cost_usd,
        seconds=result.elapsed,
    )


def _lot(ends: Sequence[_End]) -> Lot:
    costs = [end.cost_usd for end in ends if end.cost_usd is not None]
    return Lot(
        on_time=Share(n=sum(end.on_time for end in ends), of=len(ends)),
        complete=Share(n=sum(end.complete for end in ends), of=len(ends)),
        verified=Share(n=sum(end.verified for end in ends), of=len(ends)),
        cost_usd=fmean(costs) if costs else None,
        seconds=fmean(end.seconds for end in ends) if ends else 0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """Runs that were left out, as they were predicted from the others and as they were.

    Attributes:
        latency: the deadline they had.
        predicted: what the others made expect.
        seen: what was.
    """

    latency: float
    predicted: Lot
    seen: Lot

    @property
    def errors(self) -> dict[str, float]:
        """Predicted less seen, of each share."""
        return {
            name: getattr(self.predicted, name).value - getattr(self.seen, name).value
            for name in ("on_time", "complete", "verified")
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "latency": self.latency,
            "predicted": self.predicted.to_dict(),
            "seen": self.seen.to_dict(),
            "errors": self.errors,
        }


def without(learnt: Learnt, keep: Sequence[bool]) -> tuple[Learnt, tuple[Recording, ...]]:
    """What the runs that are kept teach of their tools' latencies and outcomes, and the others."""
    kept = tuple(each for each, wanted in zip(learnt.recordings, keep, strict=True) if wanted)
    rest = tuple(each for each, wanted in zip(learnt.recordings, keep, strict=True) if not wanted)
    return learnt.of_these(kept), rest


LEAST: Final = 20
"""Runs that are held back at least: fewer say nothing of an error."""


def held_back(learnt: Learnt) -> list[HeldBack]:
    """Predictions of runs that are held back, beside what they were.

    Where runs had several deadlines, those with each in turn are held back, and predicted from the others: so is a
    budget that nobody tried. Where all had the same, every other run is.
    """
    limits = [each.budget.latency for each in learnt.recordings]
    usual = sorted({limit for limit in limits if limit is not None and limits.count(limit) >= LEAST})
    if len(usual) > 1:
        splits = [(limit, [each != limit for each in limits]) for limit in usual]
    else:
        splits = [(limit, [each != limit or at % 2 == 0 for at, each in enumerate(limits)]) for limit in usual]
    found = []
    for limit, keep in splits:
        taught, rest = without(learnt, keep)
        if min(len(taught.recordings), len(rest)) >= LEAST:
            found.append(HeldBack(latency=limit, predicted=predicted(taught, limit), seen=recorded(rest)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What another budget would have given.

    Attributes:
        seen: how the runs ended.
        predictions: by latency, ascending.
        held_back: how far such predictions were off.
        target: the share of complete runs that is wanted; `None` where none was named.
    """

    seen: Lot
    predictions: tuple[tuple[float, Lot], ...]
    held_back: tuple[HeldBack, ...]
    target: float | None = None

    @property
    def recommended(self) -> float | None:
        """The smallest of the latencies at which the target is met; `None` where there is none."""
        if self.target is None:
            return None
        met = (latency for latency, lot in self.predictions if lot.complete.value >= self.target)
        return next(met, None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "seen": self.seen.to_dict(),
            "predictions": [{"latency": latency, **lot.to_dict()} for latency, lot in self.predictions],
            "held_back": [each.to_dict() for each in self.held_back],
            "target": self.target,
            "recommended": self.recommended,
        }


def what_if(
    learnt: Learnt, latencies: Sequence[float], policy: Policy | None = None, target: float | None = None
) -> WhatIf:
    """Live through the runs at each of the latencies, and hold runs back to see how far that is off."""
    return WhatIf(
        seen=recorded(learnt.recordings),
        predictions=tuple((each, predicted(learnt, each, policy)) for each in sorted(set(latencies))),
        held_back=tuple(held_back(learnt)),
        target=target,
    )
