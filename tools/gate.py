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
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Literal

from ..policies.breaker import CLOSED, Breaker, Open
from ..policies.bucket import Bucket
from ..policies.concurrency import Concurrency
from ..policies.deadline import Deadline
from ..policies.hedging import Hedge, HedgeState, Hedging, NoHedge
from ..policies.outcome import Ok, Outcome, Skipped
from .scope import clock


class Ticket:
    """Leave to make one attempt. Whoever got it calls `leave` once the attempt's slice has ended, in any case.

    Attributes:
        queued: seconds it waited for a place.
        trial: whether it is the trial call of a breaker that is half open.
    """

    __slots__ = ("_abandoned", "_counted", "_ended", "_gate", "_left", "queued", "trial")

    def __init__(self, gate: Gate, queued: float, trial: bool) -> None:
        self.queued = queued
        self.trial = trial
        self._gate = gate
        self._left = False
        self._abandoned = False
        self._counted = False
        self._ended = False

    def leave(self, outcome: Outcome, seconds: float) -> None:
        """The attempt's slice is over: it ended so, after `seconds` of its own, the wait not included.

        Gives the place back and tells the breaker, the bucket and the limit. Calling it again changes nothing.
        """
        self._gate._leave(self, outcome, seconds)

    def abandon(self) -> None:
        """The attempt was given up and its work runs on, as a blocked thread does; until `ended` it is counted."""
        self._gate._abandon(self)

    def ended(self) -> None:
        """The work itself is over. From any thread, before or after `abandon`, once or several times."""
        # Without the lock while all is well: `_abandon` looks at `_ended` after it has counted.
        self._ended = True
        if self._abandoned:
            self._gate._end(self)


class _Waiter:
    """One that waits for a place. `answer` is set under the gate's lock, once; the future only wakes it."""

    __slots__ = ("answer", "asked", "deadline", "future", "loop", "place")

    def __init__(self, deadline: Deadline, asked: float, place: tuple[float, int]) -> None:
        self.deadline = deadline
        self.asked = asked
        self.place = place
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.answer: Ticket | Skipped | None = None


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
        withheld: calls in a row that were not begun for what was learnt of the tool's latency.
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
        self.withheld = 0
        self._most_abandoned = concurrency.abandoned
        self._in_flight = 0
        self._abandoned = 0
        self._queue: list[tuple[tuple[float, int], _Waiter]] = []
        self._arrivals = 0

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
        """Tokens in the bucket of extra attempts."""
        return self._tokens.tokens

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._health.failures

    def may_retry(self) -> bool:
        """Whether the bucket lends a retry or a hedge."""
        return self._bucket.lends(self._tokens)

    def hedged(self, policy: Hedging, decision: Hedge | NoHedge, *, fired: bool, won: bool) -> None:
        """An attempt that a hedge was considered for is over: whether there was one, and whether it won."""
        losing = isinstance(decision, NoHedge) and decision.losing
        with self._lock:
            self.hedges = policy.after(self.hedges, hedged=fired, won=won, losing=losing)

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
            self._in_flight += 1
        return Ticket(self, 0.0, False)

    async def enter(self, deadline: Deadline) -> Ticket | Skipped:
        """A ticket at once, or after a wait for a place that ends by `deadline`, or why there is none.

        Where the queue is full, or its usual pace says that the turn would come too late, it is refused at once.
        """
        with self._lock:
            answer = self._decide(deadline, self._now())
        return await self._wait(answer) if isinstance(answer, _Waiter) else answer

    def _decide(self, deadline: Deadline, now: float) -> Ticket | Skipped | _Waiter:
        if self._in_flight < self._limit:
            return self._begin(now, 0.0)
        refused = self.refusal(now) or self._too_late(deadline, now)
        if refused is not None:
            return refused
        self._arrivals += 1
        waiter = _Waiter(deadline, now, (deadline.at, self._arrivals))
        insort(self._queue, (waiter.place, waiter), key=_place)
        return waiter

    def _too_late(self, deadline: Deadline, now: float) -> Skipped | None:
        places = self._concurrency.places(self._load)
        busy = f"{self._in_flight} attempts of {self.tool} are under way, its limit is {self.limit}"
        if len(self._queue) >= places:
            return Skipped("concurrency", f"{busy}, and all {places} places to wait are taken")
        ahead = bisect_right(self._queue, (deadline.at, self._arrivals + 1), key=_place)
        wait, left = self._concurrency.wait(self._load, ahead), deadline.remaining(now)
        if left <= wait:
            return Skipped("concurrency", f"{busy}; a place would take {wait:.3f} s and {left:.3f} s are left")
        return None

    def _begin(self, now: float, queued: float) -> Ticket | Skipped:
        """Take a place, and the trial where the breaker is half open."""
        refused = self.refusal(now)
        if refused is not None:
            return refused
        self._in_flight += 1
        if self._health.opened is None:
            return Ticket(self, queued, False)
        self._health = self._breaker.begin(self._health, now)
        return Ticket(self, queued, True)

    async def _wait(self, waiter: _Waiter) -> Ticket | Skipped:
        timer = None
        if not waiter.deadline.never:
            left = waiter.deadline.remaining(self._now())
            timer = waiter.loop.call_later(left, _wake, waiter.future)
        try:
            await waiter.future
        except BaseException:  # the run was cancelled, or its loop dies: a place it was given meanwhile goes on
            self._withdraw(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return self._answer(waiter)

    def _answer(self, waiter: _Waiter) -> Ticket | Skipped:
        """What the waiter was given, or that its time is up."""
        with self._lock:
            if waiter.answer is None:
                self._unqueue(waiter)
                waiter.answer = self._expired(waiter, self._now())
            return waiter.answer

    def _withdraw(self, waiter: _Waiter) -> None:
        with self._lock:
            self._unqueue(waiter)
            answer, waiter.answer = waiter.answer, Skipped("cancelled", "nobody waits any more")
            served = self._give_back(answer) if isinstance(answer, Ticket) else []
        self._tell(served)

    def _give_back(self, ticket: Ticket) -> list[_Waiter]:
        """A ticket that was never used: nothing was learnt from it."""
        ticket._left = True
        self._in_flight -= 1
        if ticket.trial:
            self._health = self._breaker.after(self._health, _UNUSED, self._now(), trial=True)
        return self._serve(self._now())

    def _unqueue(self, waiter: _Waiter) -> None:
        at = bisect_right(self._queue, waiter.place, key=_place) - 1
        if at >= 0 and self._queue[at][1] is waiter:
            del self._queue[at]

    def _leave(self, ticket: Ticket, outcome: Outcome, seconds: float) -> None:
        with self._lock:
            if ticket._left:
                return
            ticket._left = True
            self._learn(ticket, outcome, seconds)
            self._in_flight -= 1
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
            self._tokens = self._bucket.after(self._tokens, outcome)

    def _serve(self, now: float) -> list[_Waiter]:
        """Give free places to those whose deadline is nearest; refuse the ones who cannot be served any more."""
        served: list[_Waiter] = []
        while self._queue and self._servable(now):
            waiter = self._queue.pop(0)[1]
            late = waiter.deadline.expired(now)
            waiter.answer = self._expired(waiter, now) if late else self._begin(now, now - waiter.asked)
            served.append(waiter)
        return served

    def _servable(self, now: float) -> bool:
        """Whether the first in the queue gets its answer now: a place, or the reason that it gets none."""
        return self._in_flight < self._limit or self.refusal(now) is not None

    def _tell(self, served: list[_Waiter]) -> None:
        """Wake those who were given an answer; one whose loop is gone gives its place to the next."""
        for waiter in served:
            try:
                waiter.loop.call_soon_threadsafe(_wake, waiter.future)
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

    def _expired(self, waiter: _Waiter, now: float) -> Skipped:
        waited = f"no place for {self.tool} became free in {now - waiter.asked:.3f} s"
        return Skipped("concurrency", f"{waited}, its limit is {self.limit}")


class Gates:
    """The gates of an agent's tools, by name; made when they are first asked for.

    Args:
        breaker: when a failing tool is not called.
        bucket: when extra attempts are made.
        concurrency: how many attempts of a tool may be under way.
        now: the clock of the deadlines; the running loop's by default.
    """

    def __init__(
        self,
        breaker: Breaker | None = None,
        bucket: Bucket | None = None,
        concurrency: Concurrency | None = None,
        *,
        now: Callable[[], float] = clock,
    ) -> None:
        self._breaker = breaker or Breaker()
        self._bucket = bucket or Bucket()
        self._concurrency = concurrency or Concurrency()
        self._now = now
        self._lock = threading.Lock()
        self._gates: dict[str, Gate] = {}

    def of(self, tool: str, limit: int | Literal["adaptive"] | None = None) -> Gate:
        """The tool's gate; `limit` fixes its concurrency, or lets it adapt, where this is the first time it is asked
        for.

        Raises:
            InvalidPolicy: `limit` is below 1.
        """
        gate = self._gates.get(tool)
        return gate if gate is not None else self._make(tool, limit)

    def refusals(self, now: float) -> dict[str, Skipped]:
        """The tools that would be refused at `now` whatever the time left, and why: they are not offered to the
        model."""
        asked = ((name, gate.refusal(now)) for name, gate in list(self._gates.items()))
        return {name: refusal for name, refusal in asked if refusal is not None}

    def _make(self, tool: str, limit: int | Literal["adaptive"] | None) -> Gate:
        concurrency = self._concurrency.fixed(limit) if isinstance(limit, int) else self._concurrency
        with self._lock:
            if tool not in self._gates:
                self._gates[tool] = Gate(
                    tool, self._breaker, self._bucket, concurrency, self._now, bounded=limit is not None
                )
            return self._gates[tool]


_UNUSED = Skipped("cancelled", "the ticket was not used")


def _place(entry: tuple[tuple[float, int], _Waiter]) -> tuple[float, int]:
    return entry[0]


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
