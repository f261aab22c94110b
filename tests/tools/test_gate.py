"""A tool's gate: breaker, places, queue by deadline, bucket, abandoned work. All about time is on the virtual clock."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from shotclock.policies.breaker import Breaker
from shotclock.policies.bucket import Bucket
from shotclock.policies.concurrency import Concurrency
from shotclock.policies.deadline import NEVER, Deadline
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.outcome import Cancelled, Failed, Ok, Skipped, TimedOut
from shotclock.testing import VirtualClock
from shotclock.tools.gates import Gates
from shotclock.tools.ticket import Ticket

DOWN = Failed("OSError", "down")
DONE = Ok(1)


def run(main):
    """Run on a fresh virtual clock."""
    return VirtualClock().run(main())


def now():
    """The virtual time."""
    return asyncio.get_running_loop().time()


async def attempt(gate, seconds=1.0, outcome=DONE, until=NEVER):
    """One attempt: what refused it, or the time its slice ended and what it had waited."""
    ticket = await gate.enter(until)
    if isinstance(ticket, Skipped):
        return ticket
    ended = Cancelled("interrupted")
    began = now()
    try:
        await asyncio.sleep(seconds)
        ended = outcome
    finally:
        ticket.leave(ended, now() - began)
    return now(), ticket.queued


def gate_of(limit, **settings):
    """A gate with a fixed limit, and two places to wait for each to run."""
    return Gates(concurrency=Concurrency(**{"queue": 2} | settings)).of("t", limit or "adaptive")


async def break_(gate, failures=5):
    """Let the tool fail in a row."""
    for _ in range(failures):
        (await gate.enter(NEVER)).leave(DOWN, 0.1)


def test_free_places_are_given_at_once():
    """Below the limit nobody waits, and every place comes back."""

    async def main():
        gate = gate_of(3)
        got = await asyncio.gather(*(attempt(gate) for _ in range(3)))
        return got, gate.in_flight

    assert run(main) == ([(1.0, 0.0)] * 3, 0)


def test_the_queue_is_served_by_deadline():
    """Of those that wait the one with the nearest deadline gets the next place, whoever came first."""

    async def main():
        gate = gate_of(1, queue=10)
        first = asyncio.create_task(attempt(gate))
        await asyncio.sleep(0)
        order = []

        async def waiting(name, until):
            await attempt(gate, until=until)
            order.append(name)

        await asyncio.gather(
            first, waiting("never", NEVER), waiting("late", Deadline(50)), waiting("soon", Deadline(20)),
            waiting("as late", Deadline(50)),
        )  # fmt: skip
        return order, now(), gate.waiting

    assert run(main) == (["soon", "late", "as late", "never"], 5.0, 0)


def test_the_wait_is_told():
    """A ticket says how long it queued."""

    async def main():
        gate = gate_of(1)
        return await asyncio.gather(attempt(gate, 2.0), attempt(gate, 2.0), attempt(gate, 2.0))

    assert run(main) == [(2.0, 0.0), (4.0, 2.0), (6.0, 4.0)]


def test_a_full_queue_refuses_at_once():
    """With one place and two to wait the fourth is refused without waiting, and the reason has the figures."""

    async def main():
        gate = gate_of(1)
        tasks = [asyncio.create_task(attempt(gate)) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await gate.enter(NEVER)
        at = now()
        await asyncio.gather(*tasks)
        return refused, at

    refused, at = run(main)
    assert at == 0.0
    assert refused == Skipped(
        "concurrency", "1 attempts of t are under way, its limit is 1, and all 2 places to wait are taken"
    )


def test_who_cannot_start_in_time_is_refused_at_once():
    """Where the usual latency says that no place will be free in the time left, there is no waiting for it."""

    async def main():
        gate = gate_of(1)
        await attempt(gate, 2.0)
        running = asyncio.create_task(attempt(gate, 2.0))
        await asyncio.sleep(0)
        refused, at = await gate.enter(Deadline(now() + 1.9)), now()
        fits = await attempt(gate, 2.0, until=Deadline(now() + 2.1))
        await running
        return refused, at, fits

    refused, at, fits = run(main)
    assert refused.reason.endswith("its limit is 1; a place would take 2.000 s and 1.900 s are left to begin in")
    assert (at, fits) == (2.0, (6.0, 2.0))


def test_waiting_ends_at_the_deadline():
    """Who waits for a place that does not come is refused exactly at its deadline and leaves the queue."""

    async def main():
        gate = gate_of(1)
        running = asyncio.create_task(attempt(gate, 100))
        await asyncio.sleep(0)
        refused = await gate.enter(Deadline(3.0))
        at, waiting = now(), gate.waiting
        await running
        return refused, at, waiting

    refused, at, waiting = run(main)
    assert refused == Skipped("concurrency", "no place for t became free in 3.000 s, its limit is 1")
    assert (at, waiting) == (3.0, 0)


def test_who_gives_up_waiting_takes_no_place():
    """A cancelled waiter leaves the queue; cancelled in the moment it was served, its place goes to the next."""

    async def main():
        gate = gate_of(1, queue=10)
        holder = await gate.enter(NEVER)
        early, served, last = (asyncio.create_task(gate.enter(Deadline(at))) for at in (10, 20, 30))
        await asyncio.sleep(1)
        early.cancel()
        await asyncio.sleep(1)
        waiting = gate.waiting
        holder.leave(Ok(1), 2.0)
        served.cancel()  # it holds the place already and has not been woken
        ticket = await last
        return waiting, served.cancelled() or served.cancelling(), type(ticket), gate.in_flight, now()

    assert run(main) == (2, 1, Ticket, 1, 2.0)


def test_the_breaker_ejects_the_tool_and_one_trial_brings_it_back():
    """After five failures the tool is refused and not offered for 30 s; then one call tries, and its success closes."""

    async def main():
        gates = Gates()
        gate = gates.of("t", "adaptive")
        await break_(gate, 4)
        offered = set(gates.refusals(now()))
        await break_(gate, 1)
        await asyncio.sleep(10)
        refused, entered, open_ = gate.refusal(now()), await gate.enter(NEVER), set(gates.refusals(now()))
        await asyncio.sleep(20)
        half_open = set(gates.refusals(now()))
        trial = await gate.enter(NEVER)
        second = await gate.enter(NEVER)
        trying = set(gates.refusals(now()))
        trial.leave(Ok(1), 1.0)
        return offered, refused, entered, open_, half_open, trial.trial, second, trying, set(gates.refusals(now()))

    offered, refused, entered, open_, half_open, trial, second, trying, closed = run(main)
    assert refused == Skipped("breaker", "t failed 5 times in a row; it is not called for up to 20.0 s more")
    assert entered == refused
    assert second == Skipped("breaker", "t failed 5 times in a row; its trial call is under way for up to 30.0 s more")
    assert (offered, open_, half_open, trying, closed) == (set(), {"t"}, set(), {"t"}, set())
    assert trial


def test_an_opening_breaker_sends_the_queue_away():
    """Who waits for a place of a tool that is ejected meanwhile is refused then, and not at its deadline."""

    async def main():
        gates = Gates(Breaker(failures=1))
        gate = gates.of("t", 1)
        holder = await gate.enter(NEVER)
        waiting = [asyncio.create_task(gate.enter(Deadline(60))) for _ in range(2)]
        await asyncio.sleep(1)
        holder.leave(TimedOut(1.0), 1.0)
        return [refused.limit for refused in await asyncio.gather(*waiting)], now(), gate.in_flight

    assert run(main) == (["breaker", "breaker"], 1.0, 0)


def test_what_runs_do_to_their_attempts_never_ejects():
    """Deadline cancels, skips and a tool's own `ToolError` leave the breaker closed however many they are."""

    async def main():
        gate = Gates().of("t", "adaptive")
        for _ in range(20):
            for outcome in (Cancelled("deadline"), Failed("ToolError", "no such city", retryable=False)):
                (await gate.enter(NEVER)).leave(outcome, 1.0)
        return gate.refusal(now()), gate.tokens

    assert run(main) == (None, 10.0)


def test_the_trial_that_nobody_awaits_any_more_is_given_back():
    """A waiter that is cancelled while it holds the trial leaves the breaker half open for the next call."""

    async def main():
        gate = Gates(Breaker(failures=1, ejection=5)).of("t", 2)
        holder = await gate.enter(NEVER)
        await break_(gate, 1)
        gate._limit = 1  # as an adaptive limit shrinks: no place is free when the ejection is over
        await asyncio.sleep(5)
        waiter = asyncio.create_task(gate.enter(NEVER))
        await asyncio.sleep(0)
        holder.leave(Cancelled("deadline"), 5.0)
        waiter.cancel()
        await asyncio.wait((waiter,))
        return (await gate.enter(NEVER)).trial

    assert run(main) is True


def test_the_bucket_ends_retries_before_the_tool_is_ejected_for_long():
    """Five failures stop retries and hedges; fifty-one successes bring them back from there at the latest."""

    async def main():
        gate = Gates(Breaker(failures=None)).of("t", "adaptive")
        lent = [gate.may_retry()]
        await break_(gate, 5)
        lent.append(gate.may_retry())
        (await gate.enter(NEVER)).leave(Ok(1), 0.1)
        lent.append(gate.may_retry())
        return lent

    assert run(main) == [True, False, True]


def test_abandoned_work_ejects_the_tool_until_it_ends():
    """More attempts that run on than allowed and the tool is refused and not offered; when some end it is called."""

    async def main():
        gates = Gates(Breaker(failures=None), concurrency=Concurrency(abandoned=2))
        gate = gates.of("t", "adaptive")
        tickets = [await gate.enter(NEVER) for _ in range(3)]
        for ticket in tickets:
            ticket.leave(TimedOut(1.0), 1.0)
            ticket.abandon()
            ticket.abandon()
        refused, open_, counted = await gate.enter(NEVER), set(gates.refusals(now())), gate.abandoned
        thread = threading.Thread(target=lambda: (tickets[0].ended(), tickets[0].ended()))
        thread.start()
        thread.join()
        return refused, open_, counted, gate.abandoned, gate.in_flight, type(await gate.enter(NEVER))

    refused, *rest = run(main)
    assert refused.limit == "abandoned"
    assert "3 attempts of t that were given up still run, concurrency.abandoned=2" in refused.reason
    assert rest == [{"t"}, 3, 2, 0, Ticket]


def test_piled_up_work_sends_the_queue_away():
    """Who waits for a place is refused the moment too much runs on, though every place is still taken."""

    async def main():
        gate = gate_of(1, abandoned=0)
        stuck = await gate.enter(NEVER)
        next_, last = (asyncio.create_task(gate.enter(NEVER)) for _ in range(2))
        await asyncio.sleep(1)
        stuck.leave(TimedOut(1.0), 1.0)
        await next_
        stuck.abandon()
        return (await last).limit, gate.in_flight, now()

    assert run(main) == ("abandoned", 1, 1.0)


def test_work_that_ended_before_it_was_given_up_is_not_counted():
    """Where the end and the giving up cross, nothing is counted as running on."""

    async def main():
        gate = Gates().of("t", "adaptive")
        ticket = await gate.enter(NEVER)
        ticket.ended()
        ticket.leave(TimedOut(1.0), 1.0)
        ticket.abandon()
        return gate.abandoned

    assert run(main) == 0


def test_leaving_twice_counts_once():
    """A ticket gives its place back and tells its outcome once."""

    async def main():
        gate = Gates().of("t", "adaptive")
        ticket = await gate.enter(NEVER)
        for _ in range(5):
            ticket.leave(DOWN, 1.0)
        return gate.in_flight, gate.failures, gate.tokens

    assert run(main) == (0, 1, 9.0)


def test_the_limit_adapts_to_a_tool_that_saturates():
    """Sixty clients of a tool that serves ten at once are held well below sixty, and it is kept busy throughout."""

    async def main():
        gate = Gates(concurrency=Concurrency(queue=5)).of("t", "adaptive")
        server = asyncio.Semaphore(10)
        served = 0

        async def client():
            nonlocal served
            for _ in range(60):
                ticket = await gate.enter(NEVER)
                began = now()
                async with server:
                    await asyncio.sleep(0.1)
                ticket.leave(Ok(1), now() - began)
                served += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(8):  # first the tool is met unloaded, as a service is before the rush
                group.create_task(client())
        began, before = now(), served
        async with asyncio.TaskGroup() as group:
            for _ in range(60):
                group.create_task(client())
        return gate.limit, (served - before) / (now() - began)

    limit, rate = run(main)
    assert 10 <= limit <= 30
    assert rate == pytest.approx(100, rel=0.02)


def test_an_outage_is_met_with_few_attempts_and_recovery_is_quick():
    """60 s of failure under 50 queries a second: at most a tenth reach the tool, and 35 s later it is in use again."""

    async def main():
        gate = Gates().of("t", "adaptive")
        reached, used_again = 0, None

        async def query():
            nonlocal reached, used_again
            ticket = await gate.enter(Deadline(now() + 2))
            if isinstance(ticket, Skipped):
                return
            began = now()
            down = 10 <= began < 70
            reached += down
            await asyncio.sleep(0.1)
            ticket.leave(DOWN if down else Ok(1), now() - began)
            if began >= 70 and used_again is None:
                used_again = now()

        async with asyncio.TaskGroup() as group:
            for _ in range(120 * 50):
                group.create_task(query())
                await asyncio.sleep(0.02)
        return reached, used_again

    reached, used_again = run(main)
    assert reached <= 0.1 * 60 * 50
    assert used_again <= 70 + 35


def test_a_burst_of_quick_calls_is_served_whole():
    """A thousand calls at one moment of a tool that takes a millisecond are all served, at the pace of its limit."""

    async def main():
        gate = Gates().of("t", "adaptive")
        got = await asyncio.gather(*(attempt(gate, 0.001, until=Deadline(2.0)) for _ in range(1000)))
        return sum(isinstance(served, tuple) for served in got), now()

    served, took = run(main)
    assert served == 1000
    assert took < 0.051


def test_any_storm_leaves_the_gate_empty():
    """Whatever mix of waiting, cancelling, failing and expiring: never above the limit, and nothing stays held."""

    async def main():
        rng = random.Random(11)
        gate = Gates(Breaker(failures=4, ejection=2)).of("t", 3)
        highest = 0

        async def one():
            nonlocal highest
            ticket = await gate.enter(Deadline(now() + rng.uniform(0.1, 5)))
            if isinstance(ticket, Skipped):
                return
            highest = max(highest, gate.in_flight)
            outcome = Cancelled("cut")
            try:
                await asyncio.sleep(rng.uniform(0, 1))
                outcome = rng.choice([Ok(1), Ok(1), DOWN, TimedOut(1.0)])
            finally:
                ticket.leave(outcome, 0.5)

        tasks = []
        for _ in range(2000):
            tasks.append(asyncio.create_task(one()))
            await asyncio.sleep(rng.choice([0, 0, 0.2]))
            if rng.random() < 0.5:
                rng.choice(tasks).cancel()
        await asyncio.wait(tasks)
        await asyncio.sleep(3)
        return highest, gate.in_flight, gate.waiting, type(await gate.enter(NEVER))

    assert run(main) == (3, 0, 0, Ticket)


def test_runs_on_several_loops_share_the_places():
    """Loops in four threads are never above the limit together, and a place freed in one wakes a waiter in another."""
    gate = gate_of(2, queue=100)
    highest, done = [], []

    async def client():
        for _ in range(25):
            ticket = await gate.enter(NEVER)
            highest.append(gate.in_flight)
            await asyncio.sleep(0)
            ticket.leave(Ok(1), 0.001)
        done.append(1)

    async def clients():
        await asyncio.gather(*(client() for _ in range(5)))

    threads = [threading.Thread(target=lambda: asyncio.run(clients()), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 20
    assert max(highest) <= 2
    assert (gate.in_flight, gate.waiting) == (0, 0)


def test_an_idle_loop_is_woken_from_another_thread():
    """A waiter whose loop has nothing else to do gets its place when another thread frees one."""
    gate = gate_of(1)
    loop = asyncio.new_event_loop()
    holder = loop.run_until_complete(gate.enter(NEVER))
    got = []
    thread = threading.Thread(target=lambda: got.append(asyncio.run(gate.enter(NEVER))), daemon=True)
    thread.start()
    while not gate.waiting:
        thread.join(0.001)
    thread.join(0.02)  # until its loop sleeps
    holder.leave(Ok(1), 0.1)
    thread.join(5)
    loop.close()
    assert [type(ticket) for ticket in got] == [Ticket]


def test_a_tool_that_stays_quick_gets_more_places():
    """Under demand above the limit and a steady latency the gate lets more than the first twenty in at once."""

    async def main():
        gate = Gates().of("t", "adaptive")
        highest = 0

        async def client():
            nonlocal highest
            for _ in range(20):
                ticket = await gate.enter(NEVER)
                highest = max(highest, gate.in_flight)
                await asyncio.sleep(0.1)
                ticket.leave(Ok(1), 0.1)

        await asyncio.gather(*(client() for _ in range(40)))
        return highest

    assert 30 <= run(main) <= 40


def test_a_waiter_whose_loop_is_gone_holds_nothing():
    """A place given to a waiter whose loop was closed under it goes to the next."""
    gate = gate_of(1)
    clock = VirtualClock()
    holder = clock.run(gate.enter(NEVER))
    loop = asyncio.new_event_loop()
    task = loop.create_task(gate.enter(NEVER))
    loop.call_soon(loop.stop)
    loop.run_forever()
    asyncio.tasks._unregister_task(task)
    task._log_destroy_pending = False
    loop.close()

    async def main():
        waiter = asyncio.create_task(gate.enter(NEVER))
        await asyncio.sleep(0)
        holder.leave(Ok(1), 1.0)
        return type(await waiter), gate.in_flight, gate.waiting

    assert clock.run(main()) == (Ticket, 1, 0)


def test_a_tool_has_one_gate():
    """The same name gives the same gate; a limit that is no limit is refused."""
    gates = Gates(bucket=Bucket(capacity=4))
    assert gates.of("t", 7) is gates.of("t")
    assert (gates.of("t").limit, gates.of("t").tokens, gates.of("other", "adaptive").limit) == (7, 4, 20)
    with pytest.raises(InvalidPolicy, match="start=0"):
        gates.of("none", 0)


def test_places_of_a_loop_that_was_closed_are_free_again():
    """Who was cut off with its loop holds no place: the next that comes to a full gate gets it."""
    gate = gate_of(1)
    loop = asyncio.new_event_loop()
    lost = loop.run_until_complete(gate.enter(NEVER))
    loop.close()

    async def main():
        ticket = await gate.enter(Deadline(now() + 1))
        lost.leave(DONE, 1.0)
        return type(ticket), gate.in_flight

    assert run(main) == (Ticket, 1)
