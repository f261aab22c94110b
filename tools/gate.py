"""Before an attempt of a tool may start: its breaker, its places, its queue; one gate a tool, for all runs of an agent.

A tool's places are limited only where its author asked for that (`@tool(concurrency=...)`): most tools serve a hundred
calls at once as fast as one, and a limit that has to find that out would cost them.

The policies are pure; what they have learnt lives here, under one lock a tool. Every method decides under the lock and
acts after it, so that nobody's wake-up runs inside. Runs on several event loops and threads may share a gate.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextvars import Context

from ..policies.breaker import CLOSED, Breaker, Open
from ..policies.bucket import Bucket
from ..policies.concurrency import Concurrency
from ..policies.deadline import Deadline
from ..policies.hedging import Hedge, HedgeState, Hedging, NoHedge
from ..policies.outcome import Ok, Outcome, Skipped
from .scope import clock
from .ticket import Ticket
from .waiting import Queue, Waiter


class Gate:
    """What is known of one tool's health and load, and who may call it next.

    Args:
        tool: the tool's name, for messages.
        breaker: when a failing tool is not called.
        bucket: when extra attempts are made.
        concurrency: how many attempts may be under way.
        now: the clock of the deadlines; the running loop's by default.
        bounded: whether `concurrency` limits the attempts under way, or only those that run on when given up.

    Attributes:
        hedges: what the tool's hedges have brought.
    """

    def __init__(
        self,
        tool: str,
        breaker: Breaker,
        bucket: Bucket,
        concurrency: Concurrency,
        now: Callable[[], float] = clock,
        *,
        bounded: bool = True,
    ) -> None:
        self.tool = tool
        self._breaker = breaker
        self._bucket = bucket
        self._concurrency = concurrency
        self._now = now
        self._lock = threading.Lock()
        self._health = CLOSED
        self._tokens = bucket.full()
        self._load = concurrency.initial()
        self._bounded = bounded
        self._limit = int(self._load.limit) if bounded else sys.maxsize
        self.hedges = HedgeState()
        self._most_abandoned = concurrency.abandoned
        self._in_flight = 0
        self._abandoned = 0
        self._queue = Queue()
        self._held: set[Ticket] = set()

    @property
    def limit(self) -> int:
        """Attempts that may be under way now."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """Attempts under way."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Attempts in the queue."""
        return len(self._queue)

    @property
    def abandoned(self) -> int:
        """Attempts that were given up and run on."""
        return self._abandoned

    @property
    def tokens(self) -> float:
        """Tokens in the bucket of extra attempts when it last changed."""
        return self._tokens.tokens

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._health.failures

    def may_retry(self) -> bool:
        """Whether the bucket lends a retry or a hedge."""
        return self._bucket.lends(self._tokens, self._now())

    def hedged(
        self, policy: Hedging, decision: Hedge | NoHedge | None, *, fired: bool = False, won: bool = False
    ) -> None:
        """An attempt that could be hedged is over: what was decided, `None` where it ended before that, whether a hedge
        was begun, and whether it won."""
        if not (fired or self.hedges.fired):
            return  # no hedge yet: its share stays none
        losing = isinstance(decision, NoHedge) and decision.losing
        with self._lock:
            urgent = isinstance(decision, Hedge) and decision.urgent
            self.hedges = policy.after(self.hedges, hedged=fired, won=won, losing=losing, urgent=urgent)

    def refusal(self, now: float) -> Skipped | None:
        """Why the tool is not called at all at `now`, or `None`; asking changes nothing."""
        # The states are frozen values and reading one is atomic: this needs no lock.
        if self._abandoned > self._most_abandoned:
            return self._piled_up()
        refused = self._breaker.refusal(self._health, now)
        return None if refused is None else self._broken(refused)

    def free_place(self) -> Ticket | None:
        """A ticket while all is well, or `None`: then `enter` says more. Most attempts come this way, without the price
        of a coroutine."""
        with self._lock:
            if (
                self._in_flight >= self._limit
                or self._health.opened is not None
                or self._abandoned > self._most_abandoned
            ):
                return None
            return self._ticket(0.0, False)

    def _ticket(self, queued: float, trial: bool, loop: asyncio.AbstractEventLoop | None = None) -> Ticket:
        self._in_flight += 1
        if not self._bounded:
            return Ticket(self, queued, trial)
        ticket = Ticket(self, queued, trial, loop or asyncio.get_running_loop())
        self._held.add(ticket)
        return ticket

    def at_once(self) -> Ticket | Skipped:
        """A ticket where a place is free now, or why there is none: nobody waits."""
        with self._lock:
            now = self._now()
            if self._in_flight < self._limit:
                return self._begin(now, 0.0)
            return self.refusal(now) or Skipped("concurrency", self._busy())

    async def enter(self, deadline: Deadline) -> Ticket | Skipped:
        """A ticket at once, or after a wait for a place that ends by `deadline`, or why there is none.

        Where the queue is full, or its usual pace says that the turn would come too late, it is refused at once.
        """
        with self._lock:
            now = self._now()
            served = self._reclaim(now) if self._in_flight >= self._limit else []
            answer = self._decide(deadline, now)
        self._tell(served)
        return await self._wait(answer) if isinstance(answer, Waiter) else answer

    def crowded(self, deadline: Deadline) -> Skipped | None:
        """Why no place would be free by `deadline`, or `None`; asking changes nothing."""
        with self._lock:
            return None if self._in_flight < self._limit else self._too_late(deadline, self._now())

    def _reclaim(self, now: float) -> list[Waiter]:
        """Take back the places of those whose loop was closed under them: nobody else can give them back."""
        lost = [ticket for ticket in self._held if ticket.loop is not None and ticket.loop.is_closed()]
        for ticket in lost:
            self._unused(ticket)
        return self._serve(now) if lost else []

    def _decide(self, deadline: Deadline, now: float) -> Ticket | Skipped | Waiter:
        if self._in_flight < self._limit:
            return self._begin(now, 0.0)
        refused = self.refusal(now) or self._too_late(deadline, now)
        if refused is not None:
            return refused
        return self._queue.join(deadline, now)

    def _too_late(self, deadline: Deadline, now: float) -> Skipped | None:
        places = self._concurrency.places(self._load)
        busy = self._busy()
        if len(self._queue) >= places:
            return Skipped("concurrency", f"{busy}, and all {places} places to wait are taken")
        wait, left = self._concurrency.wait(self._load, self._queue.ahead(deadline)), deadline.remaining(now)
        if left <= wait:
            return Skipped(
                "concurrency", f"{busy}; a place would take {wait:.3f} s and {left:.3f} s are left to begin in"
            )
        return None

    def _busy(self) -> str:
        return f"{self._in_flight} attempts of {self.tool} are under way, its limit is {self.limit}"

    def _begin(self, now: float, queued: float, loop: asyncio.AbstractEventLoop | None = None) -> Ticket | Skipped:
        """Take a place, and the trial where the breaker is half open."""
        refused = self.refusal(now)
        if refused is not None:
            return refused
        trial = self._health.opened is not None
        if trial:
            self._health = self._breaker.begin(self._health, now)
        return self._ticket(queued, trial, loop)

    async def _wait(self, waiter: Waiter) -> Ticket | Skipped:
        timer = None
        if not waiter.deadline.never:
            left = waiter.deadline.remaining(self._now())
            timer = waiter.loop.call_later(left, waiter.wake, context=Context())  # see `Alarm`
        try:
            await waiter.future
        except BaseException:  # the run was cancelled, or its loop dies: a place it was given meanwhile goes on
            self._withdraw(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return self._answer(waiter)

    def _answer(self, waiter: Waiter) -> Ticket | Skipped:
        """What the waiter was given, or that its time is up."""
        with self._lock:
            if waiter.answer is None:
                self._queue.drop(waiter)
                waiter.answer = self._expired(waiter, self._now())
            return waiter.answer

    def _withdraw(self, waiter: Waiter) -> None:
        with self._lock:
            self._queue.drop(waiter)
            answer, waiter.answer = waiter.answer, Skipped("cancelled", "nobody waits any more")
            served = self._give_back(answer) if isinstance(answer, Ticket) else []
        self._tell(served)

    def _give_back(self, ticket: Ticket) -> list[Waiter]:
        self._unused(ticket)
        return self._serve(self._now())

    def _unused(self, ticket: Ticket) -> None:
        """A ticket of which nothing was learnt: that it was left leaves it free."""
        ticket._left = True
        self._in_flight -= 1
        self._held.discard(ticket)
        if ticket.trial:
            self._health = self._breaker.after(self._health, _UNUSED, self._now(), trial=True)

    def _leave(self, ticket: Ticket, outcome: Outcome, seconds: float) -> None:
        with self._lock:
            if ticket._left:
                return
            ticket._left = True
            self._learn(ticket, outcome, seconds)
            self._in_flight -= 1
            if self._bounded:
                self._held.discard(ticket)
            if not self._queue:
                return
            served = self._serve(self._now())
        self._tell(served)

    def _learn(self, ticket: Ticket, outcome: Outcome, seconds: float) -> None:
        if self._bounded:
            self._load = self._concurrency.after(self._load, outcome, seconds, self._in_flight)
            if not self._load.samples:  # a window was closed, and only then the limit moves
                self._limit = int(self._load.limit)
        good = isinstance(outcome, Ok)
        if not good or self._health is not CLOSED:
            self._health = self._breaker.after(self._health, outcome, self._now(), trial=ticket.trial)
        if not good or self._tokens.tokens < self._bucket.capacity:  # a full bucket stays full
            self._tokens = self._bucket.after(self._tokens, outcome, self._now())

    def _serve(self, now: float) -> list[Waiter]:
        """Give free places to those whose deadline is nearest; refuse the ones who cannot be served any more."""
        served: list[Waiter] = []
        while self._queue and self._servable(now):
            waiter = self._queue.pop()
            late = waiter.deadline.expired(now)
            waiter.answer = self._expired(waiter, now) if late else self._begin(now, now - waiter.asked, waiter.loop)
            served.append(waiter)
        return served

    def _servable(self, now: float) -> bool:
        """Whether the first in the queue gets its answer now: a place, or the reason that it gets none."""
        return self._in_flight < self._limit or self.refusal(now) is not None

    def _tell(self, served: list[Waiter]) -> None:
        """Wake those who were given an answer; one whose loop is gone gives its place to the next."""
        for waiter in served:
            try:
                waiter.loop.call_soon_threadsafe(waiter.wake)
            except RuntimeError:
                self._withdraw(waiter)

    def _abandon(self, ticket: Ticket) -> None:
        with self._lock:
            # First marked, then looked at: one that ends meanwhile sees the mark, or is seen to have ended.
            marked, ticket._abandoned = ticket._abandoned, True
            if not marked and not ticket._ended:
                ticket._counted = True
                self._abandoned += 1
            served = self._serve(self._now())
        self._tell(served)

    def _end(self, ticket: Ticket) -> None:
        with self._lock:
            self._abandoned -= ticket._counted
            ticket._counted = False

    def _piled_up(self) -> Skipped:
        return Skipped(
            "abandoned",
            f"{self._abandoned} attempts of {self.tool} that were given up still run, "
            f"concurrency.abandoned={self._most_abandoned} are allowed; it is called again when some have ended",
        )

    def _broken(self, refused: Open) -> Skipped:
        what = "its trial call is under way" if refused.trial else "it is not called"
        failed = f"{self.tool} failed {self._health.failures} times in a row"
        return Skipped("breaker", f"{failed}; {what} for up to {refused.seconds:.1f} s more")

    def _expired(self, waiter: Waiter, now: float) -> Skipped:
        waited = f"no place for {self.tool} became free in {now - waiter.asked:.3f} s"
        return Skipped("concurrency", f"{waited}, its limit is {self.limit}")


_UNUSED = Skipped("cancelled", "the ticket was not used")
