"""A second attempt that races the first, where history says that it pays."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.hedging import Hedge, HedgeSituation, Hedging, NoHedge
from ..policies.outcome import Skipped
from .attempt import Attempt, Job
from .cut import Cut
from .gate import Gate
from .lent import Scope
from .tool import Tool


class Runner(Protocol):
    """What a race asks of the attempts of its run."""

    def any_of(self, tries: list[Attempt], timeout: float) -> Awaitable[None]:
        """Wait until one is done or `timeout` seconds have gone by."""

    def first_result(self, tries: list[Attempt]) -> Awaitable[None]:
        """Wait until one has a result, none runs, or the time of the first is up."""

    def second(self, first: Attempt, forecast: Forecast, told: Callable[[], None]) -> Attempt | Skipped:
        """Begin the hedge, where there is a place, a reservation and a token for it now; `told` is called before."""


def may_hedge(policy: Hedging, tool: Tool, gate: Gate, forecast: Forecast | None) -> bool:
    """Whether a hedge is thought of at all: the tool may be called twice, is known, and has been slow at times."""
    if forecast is None or tool.hedge is False or not tool.repeatable or forecast.n < policy.learn_from:
        return False
    return gate.hedges.fired > 0 or forecast.quantile(0.99) >= policy.tail * forecast.median


class Race:
    """One attempt that may be hedged: decided once, counted once.

    Args:
        scope: what the run lends.
        runner: makes the attempts.
        job: the call.
        gate: the tool's gate.
        forecast: how long an attempt takes.
    """

    __slots__ = ("_alone", "_decided", "_forecast", "_gate", "_job", "_runner", "_scope", "_situation")

    def __init__(self, scope: Scope, runner: Runner, job: Job, gate: Gate, forecast: Forecast) -> None:
        self._scope = scope
        self._runner = runner
        self._job = job
        self._gate = gate
        self._forecast = forecast
        self._alone: Cut | None = None
        self._situation: HedgeSituation | None = None
        self._decided: Hedge | NoHedge | None = None

    def cut(self, hedged: Cut, alone: Cut) -> Cut:
        """What the first attempt may take: a hedge is the other attempt already; where there is none, a retry is."""
        self._decide(hedged.seconds)
        self._alone = alone
        return hedged if isinstance(self._decided, Hedge) else alone

    def _decide(self, granted: float) -> HedgeSituation:
        """The hedge of an attempt that may take so many seconds, or why there is none; asked again, the same."""
        if self._situation is not None:
            return self._situation
        policy, forecast, hedges = self._scope.policy.hedging, self._forecast, self._gate.hedges
        p50 = forecast.median
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
            draw=random.random(),
        )
        self._decided = policy.decide(situation)
        return situation

    def over(self, *, fired: bool = False, won: bool = False) -> None:
        """The attempt is over: however quick it was, the share of hedges counts it."""
        self._gate.hedged(self._scope.policy.hedging, self._decided, fired=fired, won=won)

    async def run(self, tries: list[Attempt]) -> None:
        """Wait until an attempt has a result, none runs, or the time of the first is up; hedge it where that pays."""
        first = tries[0]
        situation = self._decide(first.granted)
        if not isinstance(self._decided, Hedge):
            self.over()
            await self._runner.first_result(tries)
            return
        await self._runner.any_of(tries, max(0.0, first.began + self._decided.after - self._scope.now()))
        if first.future.done():
            self.over()
            return
        second = self._begin(first, situation, self._decided)
        if second is not None:
            tries.append(second)
        try:
            await self._runner.first_result(tries)
        finally:
            won = second is not None and second.good and not first.good
            self.over(fired=second is not None, won=won)

    def _begin(self, first: Attempt, situation: HedgeSituation, decided: Hedge) -> Attempt | None:
        """The hedge under way, or nothing: then the first attempt is alone after all, and is cut as one."""
        trace, call = self._scope.trace, self._job.call

        def told() -> None:
            trace.decision("hedge", "hedge", decided.reason, situation, call=call)

        second = self._runner.second(first, self._forecast, told)
        if not isinstance(second, Skipped):
            return second
        trace.decision("hedge", "refused", second.reason, tool=self._job.tool.name, call=call)
        if self._alone is not None and self._alone.seconds < first.granted:
            first.until = Deadline(first.began + self._alone.seconds)
            self._alone.tell(self._scope, call)
        return None
