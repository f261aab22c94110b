"""The attempts of a run's calls: admitted, let through the tool's gate, reserved, bounded in time, settled."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable

from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.ledger import Refusal, Reservation
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut
from .alarm import Alarm
from .attempt import Attempt, Job, Kind
from .cut import Cut
from .entry import Entry, Leave, Means
from .isolation import abandon, held, start
from .landing import Landed, ended, message_of
from .lent import AttemptSpan, Scope
from .race import Race, may_hedge
from .scope import ENCLOSING, Enclosing
from .ticket import Ticket

GRACE = 0.25
"""Seconds after which an attempt that was given up and still runs counts as abandoned."""

INTERRUPTED = Cancelled("the run was interrupted")
"""What became of an attempt whose run ended first."""

OUTRUN = Cancelled("the other attempt was quicker")
"""What became of the attempt that lost a race."""

_NOTHING = contextlib.nullcontext()


class Attempts:
    """Makes the attempts of one run. It raises nothing for what tools do."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._under_way: dict[Attempt, None] = {}
        self._process = scope.policy.limits.process
        self._alarm: Alarm | None = None
        self.entry = Entry(scope)

    def landed(self) -> list[tuple[Job, Landed, float]]:
        """The attempts that have landed while the loop could not say so, and their seconds; any thread may ask."""
        now = self._scope.now()
        return [
            (each.job, each.landed._replace(brought=dict(each.brought)), now - each.began)
            for each in list(self._under_way)
            if each.landed is not None
        ]

    def under_way(self) -> list[asyncio.Future[Landed]]:
        """What runs now; what was given up and runs on is the run's own."""
        return [each.future for each in self._under_way]

    async def once(self, job: Job, number: int, *, may_retry: bool) -> tuple[Landed, int]:
        """One attempt, with its hedge where it pays, and how many were started.

        Args:
            job: the call.
            number: which attempt of the call it is, counted from 1.
            may_retry: whether another one can follow.
        """
        entry = self.entry
        means = entry.means(job.tool)
        leave = entry.admit(job, means)
        if isinstance(leave, Skipped):
            return ended(job.tool.name, leave), 0
        ticket = means.gate.free_place() or await means.gate.enter(entry.latest(leave))
        if isinstance(ticket, Skipped):
            return ended(job.tool.name, entry.skipped(job, ticket)), 0
        if ticket.queued:  # the wait for a place has used time that the attempt was admitted with
            leave = entry.admit(job, means, probe=leave.probe)
            if isinstance(leave, Skipped):
                ticket.leave(leave, 0.0)
                return ended(job.tool.name, leave), 0
        reservation = entry.reserve(job, means)
        if isinstance(reservation, Skipped):
            ticket.leave(reservation, 0.0)
            return ended(job.tool.name, reservation), 0
        return await self._raced(job, means, leave, ticket, reservation, number, may_retry=may_retry)

    async def _raced(
        self, job: Job, means: Means, leave: Leave, ticket: Ticket, reservation: Reservation, number: int, *,
        may_retry: bool,
    ) -> tuple[Landed, int]:  # fmt: skip
        """The attempt under way, with its hedge where there is one, until it is over or its time is."""
        scope, policy, forecast = self._scope, self._scope.policy, leave.forecast
        race = None
        if forecast is not None and may_hedge(policy.hedging, job.tool, means.gate, forecast):
            race = Race(scope, self, job, means.gate, forecast)
        cut = self._cut(job, leave, race, may_retry=may_retry)
        kind: Kind = "primary" if number == 1 else "retry"
        first = self._begin(job, ticket, reservation, number, kind, cut.seconds, leave)
        if isinstance(first, Skipped):
            return ended(job.tool.name, self.entry.skipped(job, first)), 0
        tries = [first]
        try:
            if race is not None or cut.on is not None:
                # Most attempts of a quick tool end here, and nothing more is decided on them.
                await self.any_of(tries, min(cut.seconds, policy.hedging.smallest))
            if not first.future.done():
                cut.tell(scope, job.call)
                await (self.first_result(tries) if race is None else race.run(tries))
            elif race is not None:
                race.over()
            return self._won(tries)
        finally:
            for each in tries:
                if each.settled is None:
                    self._settle(each, INTERRUPTED)

    def _cut(self, job: Job, leave: Leave, race: Race | None, *, may_retry: bool) -> Cut:
        """What the first attempt may take; where a hedge may be thought of, a retry waits for what comes of that."""
        policy, tool, granted, forecast = self._scope.policy.attempts, job.tool.name, leave.timeout, leave.forecast
        if race is None:
            return Cut.of(policy, tool, granted, forecast, may_retry=may_retry)
        hedged = Cut.of(policy, tool, granted, forecast, may_retry=False)
        return race.cut(hedged, Cut.of(policy, tool, granted, forecast, may_retry=True)) if may_retry else hedged

    def _begin(
        self, job: Job, ticket: Ticket, reservation: Reservation, number: int, kind: Kind, timeout: float, leave: Leave
    ) -> Attempt | Skipped:
        """The attempt under way, or why its machinery could not start it: then it has cost nothing."""
        scope = self._scope
        now = scope.now()
        attempt = Attempt(
            job,
            ticket,
            reservation,
            number=number,
            began=now,
            until=Deadline(now + timeout),
            limit=scope.policy.limits.result,
            process=self._process,
            probe=leave.probe,
        )
        if not scope.trace.silent:
            attempt.span = self._span(attempt, kind, timeout, leave.forecast)
        origins = {**scope.seen.origins, **job.drawn_from} if job.drawn_from else scope.seen.origins
        token = ENCLOSING.set(Enclosing(attempt.until, scope.ledger, origins, attempt.brought))
        try:
            with _NOTHING if attempt.span is None else attempt.span.context():
                attempt.future = start(attempt)
        except BaseException as error:  # such as a machine that has no thread left
            skipped = self._unbegun(attempt, error)
            if not isinstance(error, Exception):
                raise
            return skipped
        finally:
            ENCLOSING.reset(token)
        self._under_way[attempt] = None
        return attempt

    def _unbegun(self, attempt: Attempt, error: BaseException) -> Skipped:
        """Give back what an attempt holds that could not be started."""
        reason = f"it could not be started: {type(error).__name__}: {message_of(error)}"
        skipped = Skipped(_MACHINERY[attempt.tool.isolation], reason)
        if attempt.give_up():
            attempt.reservation.release()
        else:  # it was handed over and has begun: it counts
            attempt.reservation.settle(cost_usd=attempt.tool.cost_usd)
        attempt.ticket.leave(skipped, 0.0)
        self._end_span(attempt, skipped)
        return skipped

    def _span(self, attempt: Attempt, kind: Kind, timeout: float, forecast: Forecast | None) -> AttemptSpan:
        job = attempt.job
        return self._scope.trace.execute_tool(
            job.tool.name,
            job.call,
            attempt=attempt.number,
            kind=kind,
            timeout=timeout,
            remaining=self._scope.soft.remaining(attempt.began),
            arguments=job.arguments,
            queued=attempt.ticket.queued or None,
            forecast=forecast,
        )

    def _end_span(self, attempt: Attempt, outcome: Outcome, *, hedge_won: bool | None = None) -> None:
        if attempt.span is not None:
            result = outcome.value if isinstance(outcome, Ok) else None
            attempt.span.end(outcome, result=result, cost_usd=attempt.tool.cost_usd or None, hedge_won=hedge_won)

    def second(self, first: Attempt, forecast: Forecast, told: Callable[[], None]) -> Attempt | Skipped:
        """Begin the hedge of an attempt, where there is a place, a reservation and a token for it now; `told` is called
        just before it begins."""
        job, means, now = first.job, self.entry.means(first.job.tool), self._scope.now()
        ticket = means.gate.at_once() if means.gate.may_retry() else Skipped("bucket", "no extra attempt is lent")
        if isinstance(ticket, Skipped):
            return ticket
        reservation = self._scope.ledger.reserve(means.claim)
        if isinstance(reservation, Refusal):
            skipped = Skipped(reservation.limit, reservation.reason)
            ticket.leave(skipped, 0.0)
            return skipped
        told()
        left = first.until.remaining(now)
        return self._begin(job, ticket, reservation, first.number + 1, "hedge", left, Leave(left, forecast, False))

    async def first_result(self, tries: list[Attempt]) -> None:
        """Wait until an attempt has a result, none runs, or the time of the first is up."""
        while pending := [each for each in tries if not each.future.done()]:
            left = tries[0].until.remaining(self._scope.now())
            if left <= 0:
                return
            await self.any_of(pending, left)
            if any(each.good for each in tries):
                return

    def _won(self, tries: list[Attempt]) -> tuple[Landed, int]:
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

    def _settle(self, each: Attempt, otherwise: Outcome | None, *, raced: bool = False) -> Landed:
        """How an attempt ended, or was ended: told once to the ledger, the gate, the history and the trace.

        `otherwise` is its outcome where it still runs: that of a loser, or of an interrupted run; by default its time
        was up.
        """
        if each.settled is not None:
            return each.settled
        tool, ticket = each.tool, each.ticket
        seconds = self._scope.now() - each.began
        landed = self._landed(each, otherwise, seconds)
        if each.brought:
            landed = landed._replace(brought=dict(each.brought))
        each.settled = landed
        del self._under_way[each]
        outcome = landed.outcome
        if isinstance(outcome, Skipped):
            each.reservation.release()
        else:
            each.reservation.settle(cost_usd=tool.cost_usd)
        ticket.leave(self._blamed(each, outcome), seconds)
        self._learn(each, outcome, seconds)
        self._end_span(each, outcome, hedge_won=each.good if raced else None)
        return landed

    def _learn(self, each: Attempt, outcome: Outcome, seconds: float) -> None:
        """A result is a sample, an attempt that was cut a censored one; a failure, which may be quick, is none.

        What it waited for its place is not the tool's latency: the gate reckons with that, by the load of now.
        """
        history, size, good = self.entry.means(each.tool).history, each.job.size, isinstance(outcome, Ok)
        if good or not isinstance(outcome, (Failed, Skipped)):
            history.observe(seconds, size=size, censored=not good)
        recovered = good and each.ticket.trial
        if each.probe:
            policy = self._scope.policy.admission
            doubts = policy.probed(history.doubts(size), good=good)
            history.doubt(size, doubts)
            recovered = recovered or policy.recovered(doubts)
        if recovered:
            history.recovered()

    def _landed(self, each: Attempt, otherwise: Outcome | None, seconds: float) -> Landed:
        future = each.future
        if future.done() and not future.cancelled():
            error = future.exception()
            return future.result() if error is None else each.raised(error)
        if each.landed is None and each.give_up():
            # It was never begun, so it cost no attempt.
            abandon(future)
            return ended(each.job.tool.name, self._no_place(each))
        if each.landed is None and not future.done():
            with contextlib.suppress(RuntimeError):  # where its loop has been closed nothing of it runs on
                asyncio.get_running_loop().call_later(GRACE, each.ticket.abandon)
        cancelled = future.cancelled()
        if not future.done():
            self._scope.own(future)
        abandon(future)
        if each.landed is not None:
            return each.landed
        outcome = INTERRUPTED if cancelled else otherwise or TimedOut(round(seconds, 6))
        return ended(each.job.tool.name, outcome)

    def _blamed(self, each: Attempt, outcome: Outcome) -> Outcome:
        """What the breaker is told: a slice that the run's own deadline cut short says nothing of the tool."""
        cut = isinstance(outcome, TimedOut) and each.until.at >= self._scope.soft.at
        return INTERRUPTED if cut else outcome

    def _no_place(self, each: Attempt) -> Skipped:
        waited = self._scope.now() - each.began
        most, own = self._scope.policy.limits.processes, held(each.job.tool)
        threads = f"no thread was free for it; {own} are busy or stuck with it, the others with others or kept for them"
        limit, reason, allowed = {
            "process": ("processes", f"no worker process was free; limits.processes={most} are busy", most),
            "thread": ("threads", threads, own),
            "loop": ("loop", "the event loop was busy", 1),
        }[each.job.tool.isolation]
        skipped = Skipped(limit, f"it had not begun after {waited:.2f} s: {reason}")
        return self.entry.skipped(each.job, skipped, allowed=allowed, waited=waited)

    async def any_of(self, tries: list[Attempt], timeout: float) -> None:
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
                each.notify = wake
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


_MACHINERY = {"loop": "loop", "thread": "threads", "process": "processes"}
"""The limits that say that a tool's machinery had no place for an attempt."""
