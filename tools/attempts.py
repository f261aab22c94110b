"""The attempts of a run's calls: admitted, let through the tool's gate, reserved, bounded in time, settled."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from contextvars import Context

from ..policies.deadline import Deadline
from ..policies.ledger import Refusal, Reservation
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut
from .alarm import Alarm
from .attempt import Attempt, Job, Kind
from .entry import Entry, Leave, Means
from .gate import Gate
from .isolation import abandon, held, start
from .landing import Landed, ended, message_of
from .lent import AttemptSpan, Scope
from .progress import Reports
from .prospect import Cut, Prospect
from .race import Race, dues
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
        ticket = means.gate.free_place() or await means.gate.enter(entry.latest(leave, light=means.light))
        if isinstance(ticket, Skipped):
            return ended(job.tool.name, entry.skipped(job, ticket)), 0
        if ticket.queued:  # the wait for a place has used time that the attempt was admitted with
            leave = entry.admit(job, means, probe=leave.probe is not None)
            if isinstance(leave, Skipped):
                ticket.leave(leave, 0.0)
                return ended(job.tool.name, leave), 0
        reservation = entry.reserve(job, means)
        if isinstance(reservation, Skipped):
            ticket.leave(reservation, 0.0)
            return ended(job.tool.name, reservation), 0
        return await self._fly(job, means, leave, ticket, reservation, number, may_retry=may_retry)

    async def _fly(
        self, job: Job, means: Means, leave: Leave, ticket: Ticket, reservation: Reservation, number: int, *,
        may_retry: bool,
    ) -> tuple[Landed, int]:  # fmt: skip
        """The attempt under way, with its hedge where there is one, until it is over or its time is."""
        prospect, hedging, gate = leave.prospect, self._scope.policy.hedging, means.gate
        race, hedges, cut = None, False, Cut(leave.timeout)
        if prospect is not None:
            hedges = means.hedges and prospect.known and self._may_hedge(job, gate, prospect, leave)
            if hedges and may_retry:  # a hedge is the other attempt already, but only where it really comes
                race = Race(self._scope, self, job, gate, leave)
                cut = race.cut(leave.timeout)
            else:
                cut = prospect.cut(job.tool.name, leave.timeout, may_retry=may_retry)
        first = self._begin(job, ticket, reservation, number, "primary" if number == 1 else "retry", cut.seconds, leave)
        if isinstance(first, Skipped):
            return ended(job.tool.name, self.entry.skipped(job, first)), 0
        tries = [first]
        try:
            # Most attempts of a quick tool end within the first wait, and nothing more is decided on them.
            decides, smallest = hedges or cut.on is not None, hedging.smallest
            await self.any_of(tries, smallest if decides and smallest < cut.seconds else cut.seconds)
            if not first.future.done():
                cut.tell(self._scope, job.call)
                if hedges and prospect is not None:
                    await (race or Race(self._scope, self, job, gate, leave)).run(tries)
                else:
                    await self.first_result(tries)
            elif hedges:
                gate.hedged(hedging, None)
            return self._won(tries) if len(tries) > 1 else self._alone(first)
        finally:
            for each in tries:
                if each.settled is None:
                    self._settle(each, INTERRUPTED)

    def _may_hedge(self, job: Job, gate: Gate, prospect: Prospect, leave: Leave) -> bool:
        """Whether a hedge is thought of at all: the tool has been slow at times, or what needs it may be late."""
        if prospect.tailed or gate.hedges.fired > 0:
            return True
        chance = leave.chance
        if job.ahead:
            chance = sum(map(prospect.forecast.probability, dues(leave, job))) / len(job.ahead)
        return self._scope.policy.hedging.pressing(chance)

    def _begin(
        self, job: Job, ticket: Ticket, reservation: Reservation, number: int, kind: Kind, timeout: float, leave: Leave
    ) -> Attempt | Skipped:
        """The attempt under way, or why its machinery could not start it: then it has cost nothing."""
        scope = self._scope
        now = scope.now()
        limits, until = scope.policy.limits, Deadline(now + timeout)
        attempt = Attempt(job, ticket, reservation, number, now, until, limits.result, self._process, leave.probe)
        if not scope.trace.silent:
            attempt.span = self._span(attempt, kind, timeout, leave.prospect)
        origins = {**scope.seen.origins, **job.drawn_from} if job.drawn_from else scope.seen.origins
        report = None if scope.report is None else Reports(scope.report, attempt)
        token = ENCLOSING.set(Enclosing(until, scope.ledger, origins, attempt.brought, report))
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

    def _span(self, attempt: Attempt, kind: Kind, timeout: float, prospect: Prospect | None) -> AttemptSpan:
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
            forecast=None if prospect is None else prospect.forecast,
        )

    def _end_span(self, attempt: Attempt, outcome: Outcome, *, hedge_won: bool | None = None) -> None:
        if attempt.span is not None:
            result = outcome.value if isinstance(outcome, Ok) else None
            attempt.span.end(outcome, result=result, cost_usd=attempt.tool.cost_usd or None, hedge_won=hedge_won)

    def second(self, first: Attempt, prospect: Prospect, told: Callable[[], None]) -> Attempt | Skipped:
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
        return self._begin(job, ticket, reservation, first.number + 1, "hedge", left, Leave(left, prospect, None))

    async def first_result(self, tries: list[Attempt]) -> None:
        """Wait until an attempt has a result, none runs, or the time of the first is up."""
        while pending := [each for each in tries if not each.future.done()]:
            left = tries[0].until.remaining(self._scope.now())
            if left <= 0:
                return
            await self.any_of(pending, left)
            if any(each.good for each in tries):
                return

    def _alone(self, only: Attempt) -> tuple[Landed, int]:
        landed = self._settle(only, None)
        return landed, 0 if isinstance(landed.outcome, Skipped) else 1

    def _won(self, tries: list[Attempt]) -> tuple[Landed, int]:
        """How the race ended: with the first result, else with what the first attempt that ended said."""
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
        landed = each.landed
        if landed is None or not each.future.done():
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
        ticket.leave(self._blamed(each, outcome) if isinstance(outcome, TimedOut) else outcome, seconds)
        self._learn(each, outcome, seconds)
        if each.span is not None:
            self._end_span(each, outcome, hedge_won=each.good if raced else None)
        return landed

    def _learn(self, each: Attempt, outcome: Outcome, seconds: float) -> None:
        """A result is a sample, an attempt that was cut a censored one; a failure, which may be quick, is none.

        What it waited for its place is not the tool's latency: the gate reckons with that, by the load of now.
        """
        history, good = self.entry.means(each.tool).history, isinstance(outcome, Ok)
        if good or not isinstance(outcome, (Failed, Skipped)):
            history.observe(seconds, size=each.job.size, censored=not good)
        recovered = good and each.ticket.trial
        if each.doubted is not None:
            policy = self._scope.policy.admission
            each.doubted.doubts = doubts = policy.probed(each.doubted.doubts, good=good)
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
                # In a context of its own: that of the run would keep all of it for as long.
                asyncio.get_running_loop().call_later(GRACE, each.ticket.abandon, context=Context())
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
