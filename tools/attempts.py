"""One attempt of a call, and the second one that may race it: admitted, let through the tool's gate, reserved, bounded
in time, settled."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..policies.admission import Admit, CallSituation
from ..policies.attempts import TimeoutSituation
from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.hedging import Hedge, HedgeSituation, NoHedge
from ..policies.ledger import Claim, Refusal, Reservation
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut
from .alarm import Alarm
from .gate import Gate, Ticket
from .isolation import MAX_THREADS, Flight, abandon, start
from .landing import Landed, ended
from .lent import AttemptSpan, Scope
from .scope import ENCLOSING, Enclosing
from .tool import Tool

GRACE = 0.25
"""Seconds after which an attempt that was given up and still runs counts as abandoned."""

INTERRUPTED = Cancelled("the run was interrupted")
"""What became of an attempt whose run ended first."""

_NOTHING = contextlib.nullcontext()

OUTRUN = Cancelled("the other attempt was quicker")
"""What became of the attempt that lost a race."""


Kind = Literal["primary", "retry", "hedge"]
"""What an attempt is to its call."""


class Job(NamedTuple):
    """What an attempt is made of: a call, read.

    Attributes:
        tool: the tool that does it.
        arguments: its validated arguments.
        call: the call's id.
        size: characters of text among the arguments, for forecasts that tell sizes apart.
        drawn_from: untrusted content that a plan made the arguments from: tools by origin.
    """

    tool: Tool
    arguments: Mapping[str, Any]
    call: str
    size: int
    drawn_from: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Try:
    """An attempt under way."""

    job: Job
    flight: Flight
    future: asyncio.Future[Landed]
    span: AttemptSpan | None
    ticket: Ticket
    reservation: Reservation
    number: int
    began: float
    until: Deadline
    brought: dict[str, str] = field(default_factory=dict)
    landed: Landed | None = None

    @property
    def good(self) -> bool:
        """Whether it has returned a result."""
        return self.flight.landed is not None and isinstance(self.flight.landed.outcome, Ok)


class Attempts:
    """Makes the attempts of one run. It raises nothing for what tools do."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._under_way: dict[Try, None] = {}
        self._process = scope.policy.limits.process
        self._alarm: Alarm | None = None
        self._claims: dict[Tool, Claim] = {}

    def landed(self) -> list[tuple[Job, Landed, float]]:
        """The attempts that have landed while the loop could not say so, and their seconds; any thread may ask."""
        now = self._scope.now()
        return [
            (each.job, each.flight.landed._replace(brought=dict(each.brought)), now - each.began)
            for each in list(self._under_way)
            if each.flight.landed is not None
        ]

    def under_way(self) -> list[asyncio.Future[Landed]]:
        """What runs now; what was given up and runs on is the run's own."""
        return [each.future for each in self._under_way]

    def claim(self, tool: Tool) -> Claim:
        """What an attempt of the tool costs at most."""
        known = self._claims.get(tool)
        if known is None:
            known = self._claims[tool] = Claim(tool=tool.name, tool_calls=1, cost_usd=tool.cost_usd)
        return known

    def gate(self, tool: Tool) -> Gate:
        """The tool's gate."""
        return self._scope.memory.gates.of(tool.name, tool.concurrency)

    def weigh(self, job: Job, forecast: Forecast | None, gate: Gate) -> tuple[CallSituation, Admit | Skipped]:
        """Whether an attempt may begin now, and what that was decided on."""
        scope, tool = self._scope, job.tool
        remaining = scope.soft.remaining(scope.now())
        situation = CallSituation(
            tool.name,
            remaining,
            None if forecast is None else forecast.median,
            None if forecast is None or remaining == math.inf else forecast.probability(remaining),
            tool.timeout,
            tool.cost_usd,
            gate.withheld,
            *self._late(forecast, remaining),
        )
        return situation, scope.policy.admission.admit(situation)

    def _late(self, forecast: Forecast | None, remaining: float) -> tuple[float, float | None]:
        """Seconds until an answer begins to be written beside the attempt, and how likely it ends later but in time."""
        scope = self._scope
        if scope.answer.at >= scope.soft.at:
            return math.inf, None
        beside = scope.answer.remaining(scope.now())
        if forecast is None or beside <= 0:
            return beside, None
        before = forecast.probability(beside)
        return beside, (forecast.probability(remaining) - before) / (1 - before) if before < 1 else 0.0

    def forecast(self, job: Job) -> Forecast | None:
        """How long the next attempt takes."""
        return self._scope.memory.history.forecast(job.tool, size=job.size)

    async def once(self, job: Job, number: int, *, may_retry: bool) -> tuple[Landed, int]:
        """One attempt, with its hedge where it pays, and how many were started."""
        forecast = self.forecast(job)
        gate = self.gate(job.tool)
        admitted = self._admit(job, forecast, gate)
        if isinstance(admitted, Skipped):
            return ended(job.tool.name, admitted), 0
        ticket = gate.free_place() or await gate.enter(self._scope.soft)
        if isinstance(ticket, Skipped):
            return ended(job.tool.name, self._skipped(job, ticket)), 0
        if ticket.queued:  # the wait for a place has used time that the attempt was admitted with
            forecast = self.forecast(job)
            admitted = self._admit(job, forecast, gate)
            if isinstance(admitted, Skipped):
                ticket.leave(admitted, 0.0)
                return ended(job.tool.name, admitted), 0
        begun = self._reserved(job, ticket)
        if isinstance(begun, Skipped):
            return ended(job.tool.name, begun), 0
        hedged = forecast is not None and self._may_hedge(job.tool, gate, forecast)
        # A hedge is the other attempt already.
        cut = self._timeout(job, admitted.timeout, forecast, may_retry=may_retry and not hedged)
        kind: Kind = "primary" if number == 1 else "retry"
        first = self._begin(job, ticket, begun, number, kind, cut.seconds, forecast)
        tries = [first]
        try:
            if hedged or cut.on is not None:
                # Most attempts of a quick tool end here, and nothing more is decided on them.
                await self._any_of(tries, min(cut.seconds, self._scope.policy.hedging.smallest))
            if not first.future.done():
                cut.tell(self._scope, job.call)
                await self._race(tries, gate, forecast if hedged else None)
            return self._won(tries)
        finally:
            for each in tries:
                if each.landed is None:
                    self._settle(each, INTERRUPTED)

    def _admit(self, job: Job, forecast: Forecast | None, gate: Gate) -> Admit | Skipped:
        situation, admitted = self.weigh(job, forecast, gate)
        if isinstance(admitted, Skipped):
            gate.withheld += admitted.limit == "deadline" and forecast is not None and forecast.n > 0
            self._scope.trace.decision("skip", job.tool.name, admitted.reason, situation, call=job.call,
                                       limit=admitted.limit)  # fmt: skip
        else:
            gate.withheld = 0
            self._scope.trace.decision("admit", job.tool.name, admitted.reason, situation, call=job.call)
        return admitted

    def _skipped(self, job: Job, skipped: Skipped, **figures: Any) -> Skipped:
        self._scope.trace.decision("skip", job.tool.name, skipped.reason, call=job.call, limit=skipped.limit, **figures)
        return skipped

    def _reserved(self, job: Job, ticket: Ticket) -> Reservation | Skipped:
        """The attempt's claim in the ledger; where that refuses it, the place is given back."""
        reservation = self._scope.ledger.reserve(self.claim(job.tool))
        if isinstance(reservation, Refusal):
            skipped = Skipped(reservation.limit, reservation.reason)
            ticket.leave(skipped, 0.0)
            return self._skipped(job, skipped, allowed=reservation.allowed, left=reservation.left,
                                 wanted=reservation.wanted)  # fmt: skip
        return reservation

    def _timeout(self, job: Job, granted: float, forecast: Forecast | None, *, may_retry: bool) -> _Cut:
        policy = self._scope.policy.attempts
        if forecast is None or not policy.known(forecast.n, may_retry=may_retry):
            return _Cut(granted)
        likely = forecast.quantile(1 - policy.false(may_retry=may_retry))
        seconds = policy.cut(likely)
        if seconds >= granted:
            return _Cut(granted)
        return _Cut(seconds, (job.tool.name, granted, forecast.n, likely, may_retry))

    def _may_hedge(self, tool: Tool, gate: Gate, forecast: Forecast) -> bool:
        """Whether a hedge is thought of at all: the tool may be called twice, is known, and has been slow at times."""
        policy = self._scope.policy.hedging
        if tool.hedge is False or not tool.repeatable or forecast.n < policy.learn_from:
            return False
        return gate.hedges.fired > 0 or forecast.quantile(0.99) >= policy.tail * forecast.median

    def _hedge(
        self, job: Job, gate: Gate, forecast: Forecast, granted: float
    ) -> tuple[HedgeSituation, Hedge | NoHedge]:
        """The hedge of an attempt that is under way, or why there is none."""
        policy, p50, hedges = self._scope.policy.hedging, forecast.median, gate.hedges
        situation = HedgeSituation(
            tool=job.tool.name,
            n=forecast.n,
            p50=p50,
            p95=forecast.quantile(policy.quantile),
            p99=forecast.quantile(0.99),
            remaining=granted,
            extra=hedges.extra,
            fired=hedges.fired,
            wins=hedges.wins,
            withheld=hedges.withheld,
            lends=gate.may_retry(),
            calls_left=self._scope.ledger.left().get("tool_calls", math.inf),
            late=0.0 if math.isinf(granted) else 1 - forecast.probability(granted - p50),
            draw=random.random(),
        )
        return situation, policy.decide(situation)

    def _begin(
        self,
        job: Job,
        ticket: Ticket,
        reservation: Reservation,
        number: int,
        kind: Kind,
        timeout: float,
        forecast: Forecast | None,
    ) -> Try:
        scope, tool = self._scope, job.tool
        now = scope.now()
        until = Deadline(now + timeout)
        span = None if scope.trace.silent else self._span(job, ticket, number, kind, timeout, now, forecast)
        flight = Flight(tool, job.arguments, scope.policy.limits.result, process=self._process, on_end=ticket.ended)
        brought: dict[str, str] = {}
        origins = {**scope.seen.origins, **job.drawn_from} if job.drawn_from else scope.seen.origins
        token = ENCLOSING.set(Enclosing(until, scope.ledger, origins, brought))
        try:
            with _NOTHING if span is None else span.context():
                future = start(flight)
        except BaseException as error:  # such as a machine that has no thread left
            reservation.release()
            ticket.leave(Skipped("threads", str(error)), 0.0)
            if span is not None:
                span.end(Failed(type(error).__name__, str(error)))
            raise
        finally:
            ENCLOSING.reset(token)
        begun = Try(job, flight, future, span, ticket, reservation, number, now, until, brought)
        self._under_way[begun] = None
        return begun

    def _span(
        self, job: Job, ticket: Ticket, number: int, kind: Kind, timeout: float, now: float, forecast: Forecast | None
    ) -> AttemptSpan:
        return self._scope.trace.execute_tool(
            job.tool.name,
            job.call,
            attempt=number,
            kind=kind,
            timeout=timeout,
            remaining=self._scope.soft.remaining(now),
            arguments=job.arguments,
            queued=ticket.queued or None,
            forecast=forecast,
        )

    async def _race(self, tries: list[Try], gate: Gate, forecast: Forecast | None) -> None:
        """Wait until an attempt has a result, none runs, or the time of the first is up; hedge it where `forecast` is
        given and says so."""
        first, now = tries[0], self._scope.now
        if forecast is not None:
            granted = math.inf if first.until.never else first.until.at - first.began
            situation, decided = self._hedge(first.job, gate, forecast, granted)
            if isinstance(decided, Hedge):
                await self._any_of(tries, max(0.0, first.began + decided.after - now()))
                if first.future.done():
                    return gate.hedged(self._scope.policy.hedging, decided, fired=False, won=False)
                await self._hedged(tries, situation, decided, gate, forecast)
                return None
            gate.hedged(self._scope.policy.hedging, decided, fired=False, won=False)
        await self._first_result(tries)
        return None

    async def _hedged(
        self, tries: list[Try], situation: HedgeSituation, decided: Hedge, gate: Gate, forecast: Forecast
    ) -> None:
        second = await self._second(tries[0], situation, decided, gate, forecast)
        if second is not None:
            tries.append(second)
        try:
            await self._first_result(tries)
        finally:
            won = second is not None and second.good and not tries[0].good
            gate.hedged(self._scope.policy.hedging, decided, fired=second is not None, won=won)

    async def _first_result(self, tries: list[Try]) -> None:
        while pending := [each for each in tries if not each.future.done()]:
            left = tries[0].until.remaining(self._scope.now())
            if left <= 0:
                return
            await self._any_of(pending, left)
            if any(each.good for each in tries):
                return

    async def _second(
        self, first: Try, situation: HedgeSituation, decided: Hedge, gate: Gate, forecast: Forecast
    ) -> Try | None:
        """Begin the hedge, where there is a place, a reservation and a token for it now."""
        scope, job = self._scope, first.job
        now = scope.now()
        ticket = await gate.enter(Deadline(now)) if gate.may_retry() else Skipped("bucket", "no extra attempt is lent")
        if isinstance(ticket, Skipped):
            self._not_hedged(job, ticket.reason)
            return None
        reservation = scope.ledger.reserve(self.claim(job.tool))
        if isinstance(reservation, Refusal):
            ticket.leave(Skipped(reservation.limit, reservation.reason), 0.0)
            self._not_hedged(job, reservation.reason)
            return None
        scope.trace.decision("hedge", "hedge", decided.reason, situation, call=job.call)
        left = first.until.remaining(now)
        return self._begin(job, ticket, reservation, first.number + 1, "hedge", left, forecast)

    def _not_hedged(self, job: Job, reason: str) -> None:
        self._scope.trace.decision("hedge", "refused", reason, tool=job.tool.name, call=job.call)

    def _won(self, tries: list[Try]) -> tuple[Landed, int]:
        """How the race ended: with the first result, else with what the first attempt that ended said."""
        if len(tries) == 1:
            alone = self._settle(tries[0], None)
            return alone, int(not isinstance(alone.outcome, Skipped))
        winner = next((each for each in tries if each.good), None)
        if winner is None:
            winner = next((each for each in reversed(tries) if each.future.done()), tries[0])
        landed = [
            self._settle(each, None if each is winner or not winner.good else OUTRUN, raced=True) for each in tries
        ]
        started = sum(not isinstance(each.outcome, Skipped) for each in landed)
        return landed[tries.index(winner)], started

    def _settle(self, each: Try, otherwise: Outcome | None, *, raced: bool = False) -> Landed:
        """How an attempt ended, or was ended: told once to the ledger, the gate, the history and the trace.

        `otherwise` is its outcome where it still runs: that of a loser, or of an interrupted run; by default its time
        was up.
        """
        if each.landed is not None:
            return each.landed
        scope, tool = self._scope, each.job.tool
        seconds = scope.now() - each.began
        landed = self._landed(each, otherwise, seconds)
        if each.brought:
            landed = landed._replace(brought=dict(each.brought))
        each.landed = landed
        del self._under_way[each]
        outcome, ticket = landed.outcome, each.ticket
        good = isinstance(outcome, Ok)
        if isinstance(outcome, Skipped):
            each.reservation.release()
        else:
            each.reservation.settle(cost_usd=tool.cost_usd)
        ticket.leave(self._blamed(each, outcome), seconds)
        if good and ticket.trial:
            scope.memory.history.recovered(tool)
        # A result is a sample, an attempt that was cut a censored one; a failure, which may be quick, is none.
        if good or not isinstance(outcome, (Failed, Skipped)):
            scope.memory.history.observe(tool, seconds + ticket.queued, censored=not good, size=each.job.size)
        if each.span is not None:
            each.span.end(outcome, result=outcome.value if isinstance(outcome, Ok) else None,
                          cost_usd=tool.cost_usd or None, hedge_won=each.good if raced else None)  # fmt: skip
        return landed

    def _landed(self, each: Try, otherwise: Outcome | None, seconds: float) -> Landed:
        future, flight = each.future, each.flight
        if future.done() and not future.cancelled():
            error = future.exception()
            return future.result() if error is None else flight.raised(error)
        if flight.landed is None and flight.give_up():
            # It was never begun, so it cost no attempt.
            abandon(future)
            return ended(each.job.tool.name, self._no_place(each))
        if flight.landed is None and not future.done():
            with contextlib.suppress(RuntimeError):  # where its loop has been closed nothing of it runs on
                asyncio.get_running_loop().call_later(GRACE, each.ticket.abandon)
        cancelled = future.cancelled()
        if not future.done():
            self._scope.own(future)
        abandon(future)
        if flight.landed is not None:
            return flight.landed
        outcome = INTERRUPTED if cancelled else otherwise or TimedOut(round(seconds, 6))
        return ended(each.job.tool.name, outcome)

    def _blamed(self, each: Try, outcome: Outcome) -> Outcome:
        """What the breaker is told: a slice that the run's own deadline cut short says nothing of the tool."""
        cut = isinstance(outcome, TimedOut) and each.until.at >= self._scope.soft.at
        return INTERRUPTED if cut else outcome

    def _no_place(self, each: Try) -> Skipped:
        waited = self._scope.now() - each.began
        most = self._scope.policy.limits.processes
        limit, reason, allowed = {
            "process": ("processes", f"no worker process was free; limits.processes={most} are busy", most),
            "thread": ("threads", f"no thread was free; {MAX_THREADS} are busy or stuck", MAX_THREADS),
            "loop": ("loop", "the event loop was busy", 1),
        }[each.job.tool.isolation]
        skipped = Skipped(limit, f"it had not begun after {waited:.2f} s: {reason}")
        return self._skipped(each.job, skipped, allowed=allowed, waited=waited)

    async def _any_of(self, tries: list[Try], timeout: float) -> None:
        """Wait until one is done or `timeout` seconds have gone by; `asyncio.wait` does the same at twice the price."""
        loop = asyncio.get_running_loop()
        alarm = self._alarm
        if alarm is None or alarm.loop is not loop:
            alarm = self._alarm = Alarm(loop)
        waiter: asyncio.Future[None] = loop.create_future()

        def wake(_: object = None) -> None:
            if not waiter.done():
                waiter.set_result(None)

        elsewhere = []
        for each in tries:
            if each.job.tool.isolation == "loop":
                each.flight.notify = wake
            else:
                each.future.add_done_callback(wake)
                elsewhere.append(each.future)
        if timeout != math.inf:
            alarm.set(wake, loop.time() + timeout)
        try:
            await waiter
        finally:
            alarm.drop(wake)
            for future in elsewhere:
                future.remove_done_callback(wake)


class _Cut(NamedTuple):
    """The seconds an attempt may take, and what that was decided on where the forecast gives it less than was
    granted."""

    seconds: float
    on: tuple[str, float, int, float, bool] | None = None

    def tell(self, scope: Scope, call: str) -> None:
        """Record it; of attempts that end before it could matter nothing is said."""
        if self.on is not None:
            situation = TimeoutSituation(*self.on)
            slice_ = scope.policy.attempts.timeout(situation)
            scope.trace.decision("timeout", situation.tool, slice_.reason, situation, call=call, seconds=self.seconds)
