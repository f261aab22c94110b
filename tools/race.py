"""A second attempt that races the first, where history says that it pays."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.hedging import Hedge, HedgeSituation, NoHedge
from ..policies.outcome import Skipped
from .attempt import Attempt, Job
from .entry import Leave
from .gate import Gate
from .lent import Scope
from .prospect import Cut, Prospect


class Runner(Protocol):
    """What a race asks of the attempts of its run."""

    def any_of(self, tries: list[Attempt], timeout: float) -> Awaitable[None]:
        """Wait until one is done or `timeout` seconds have gone by."""

    def first_result(self, tries: list[Attempt]) -> Awaitable[None]:
        """Wait until one has a result, none runs, or the time of the first is up."""

    def second(self, first: Attempt, prospect: Prospect, told: Callable[[], None]) -> Attempt | Skipped:
        """Begin the hedge, where there is a place, a reservation and a token for it now; `told` is called before."""


_MOMENTS = (0.25, 0.5, 0.75, 0.9)
"""Shares of attempts that have ended at the moments at which a second one is weighed, beside the beginning."""


def dues(leave: Leave, job: Job) -> tuple[float, ...]:
    """Seconds in which the call has to end for what needs it to be there in time, each as probable."""
    return tuple(leave.timeout - ahead for ahead in job.ahead) or (leave.timeout,)


def _gains(forecast: Forecast, due: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Moments at which a second attempt could begin, and how likely each is in time where the first is not."""
    if math.isinf(due[0]):
        return (), ()
    late = [1 - forecast.probability(each) for each in due]
    ran = [(0.0, 1.0), *((forecast.quantile(share), 1 - share) for share in _MOMENTS)]
    weighed = []
    for at, left in ran:
        if at < due[0]:  # the shortest way ahead comes first
            saved = sum(
                min(1.0, each / left) * forecast.probability(by - at) for each, by in zip(late, due, strict=True)
            )
            weighed.append((at, saved / len(due)))
    return tuple(at for at, _ in weighed), tuple(gain for _, gain in weighed)


class Race:
    """One attempt that may be hedged: decided once, counted once.

    Args:
        scope: what the run lends.
        runner: makes the attempts.
        job: the call.
        gate: the tool's gate.
        leave: what the first attempt was granted, and what is expected of it.
    """

    __slots__ = ("_alone", "_decided", "_due", "_gate", "_job", "_prospect", "_runner", "_scope", "_situation")

    def __init__(self, scope: Scope, runner: Runner, job: Job, gate: Gate, leave: Leave) -> None:
        self._scope = scope
        self._runner = runner
        self._job = job
        self._gate = gate
        assert leave.prospect is not None
        self._prospect = leave.prospect
        self._due = dues(leave, job)
        self._alone: Cut | None = None
        self._situation: HedgeSituation | None = None
        self._decided: Hedge | NoHedge | None = None

    def cut(self, granted: float) -> Cut:
        """What a first attempt may take that a retry can follow: a hedge is the other attempt already, and where there
        is none, the retry is."""
        hedged, self._alone = (
            self._prospect.cut(self._job.tool.name, granted, may_retry=may_retry) for may_retry in (False, True)
        )
        self._decide(hedged.seconds)
        return hedged if isinstance(self._decided, Hedge) else self._alone

    def _decide(self, granted: float) -> HedgeSituation:
        """The hedge of an attempt that may take so many seconds, or why there is none; asked again, the same."""
        if self._situation is not None:
            return self._situation
        policy, forecast, hedges = self._scope.policy.hedging, self._prospect.forecast, self._gate.hedges
        p50, (moments, gains) = self._prospect.median, _gains(forecast, self._due)
        situation = self._situation = HedgeSituation(
            tool=self._job.tool.name,
            n=forecast.n,
            p50=p50,
            p95=forecast.quantile(policy.quantile),
            p99=forecast.quantile(0.99),
            remaining=granted,
            extra=hedges.extra,
            fired=hedges.fired,
            wins=hedges.wins,
            withheld=hedges.withheld,
            lends=self._gate.may_retry(),
            calls_left=self._scope.ledger.left().get("tool_calls", math.inf),
            late=0.0 if math.isinf(granted) else 1 - forecast.probability(granted - p50),
            moments=moments,
            gains=gains,
            urgent=hedges.urgent,
            cost_usd=self._job.tool.cost_usd,
            draw=random.random(),
        )
        self._decided = policy.decide(situation)
        return situation

    def _over(self, *, fired: bool = False, won: bool = False) -> None:
        self._gate.hedged(self._scope.policy.hedging, self._decided, fired=fired, won=won)

    async def run(self, tries: list[Attempt]) -> None:
        """Wait until an attempt has a result, none runs, or the time of the first is up; hedge it where that pays."""
        first = tries[0]
        situation = self._decide(first.granted)
        if not isinstance(self._decided, Hedge):
            self._over()
            await self._runner.first_result(tries)
            return
        await self._runner.any_of(tries, max(0.0, first.began + self._decided.after - self._scope.now()))
        if first.future.done():
            self._over()
            return
        second = self._begin(first, situation, self._decided)
        if second is not None:
            tries.append(second)
        try:
            await self._runner.first_result(tries)
        finally:
            won = second is not None and second.good and not first.good
            self._over(fired=second is not None, won=won)

    def _begin(self, first: Attempt, situation: HedgeSituation, decided: Hedge) -> Attempt | None:
        """The hedge under way, or nothing: then the first attempt is alone after all, and is cut as one."""
        trace, call = self._scope.trace, self._job.call

        def told() -> None:
            trace.decision("hedge", "hedge", decided.reason, situation, call=call)

        second = self._runner.second(first, self._prospect, told)
        if not isinstance(second, Skipped):
            return second
        trace.decision("hedge", "refused", second.reason, tool=self._job.tool.name, call=call)
        if self._alone is not None and self._alone.seconds < first.granted:
            first.until = Deadline(first.began + self._alone.seconds)
            self._alone.tell(self._scope, call)
        return None
