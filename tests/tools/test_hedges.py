"""When a second attempt races the first, and when it does not come after all. All on the virtual clock."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from shotclock import Budget
from shotclock.policies.hedging import Hedging
from shotclock.policies.settings import Policy
from shotclock.tools import attempts
from shotclock.tools.tool import Tool

from .bench import delays, learnt, run


def test_the_share_of_hedges_counts_quick_attempts():
    """Of a tool that takes 2 ms and hangs once in 33 calls every hang is hedged: a share of 3 % is under 10 %."""
    calls = itertools.count(1)
    hung = []

    async def hangs(text: str = "") -> str:
        """Hang now and then."""
        if next(calls) % 33 == 0:
            hung.append(1)
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.002)
        return "ok"

    bench = learnt(Tool(hangs, "t", read_only=True), seconds=0.002, n=60, tail=0.5)

    async def main():
        return [await bench.call("t", Budget(latency=5)) for _ in range(660)]

    slow = [e for e in run(main()) if e.duration > 0.4]
    assert len(hung) == 20
    assert len(slow) <= 1
    assert bench.memory.gates.of("t").hedges.extra < 0.06


@pytest.mark.parametrize(
    ("policy", "budget"),
    [
        (Policy(), Budget(latency=30, tool_calls=2)),
        (Policy(hedging=Hedging(most_extra=0.0)), Budget(latency=30)),
    ],
)
def test_an_attempt_that_is_not_hedged_is_cut_for_its_retry(policy, budget):
    """Where nothing comes of a hedge, a retry is the other attempt, and the first is cut in time for it."""
    bench = learnt(delays(60, 0.1, retry=2), n=200, policy=policy)

    async def main():
        return await bench.call("t", budget), asyncio.get_running_loop().time()

    evidence, now = run(main())
    assert (evidence.outcome.name, evidence.attempts) == ("ok", 2)
    assert now < 8
    assert [d["choice"] for d in bench.kinds("retry")] == ["retry"]


def test_an_attempt_whose_hedge_finds_no_place_is_cut_for_its_retry():
    """A hedge that was meant to come and found no place leaves the first attempt alone: it is cut for its retry."""
    bench = learnt(delays(60, 0.1, retry=2, concurrency=1), n=200)

    async def main():
        return await bench.call("t", Budget(latency=30)), asyncio.get_running_loop().time()

    evidence, now = run(main())
    assert [d["choice"] for d in bench.kinds("hedge")] == ["refused"]
    assert (evidence.outcome.name, evidence.attempts) == ("ok", 2)
    assert now < 8


def test_a_hedge_that_cannot_be_started_costs_the_first_attempt_nothing(monkeypatch):
    """Where the machine has no thread left for the hedge, the first attempt goes on and gives its result."""
    begun = itertools.count(1)
    start = attempts.start

    def no_second(attempt):
        if next(begun) == 2:
            raise RuntimeError("can't start new thread")
        return start(attempt)

    monkeypatch.setattr(attempts, "start", no_second)
    bench = learnt(delays(6, 0.1))
    evidence = run(bench.call("t", Budget(latency=30)))
    assert (evidence.value, evidence.attempts) == (1, 1)
    assert "can't start new thread" in bench.kinds("hedge")[-1]["reason"]
    gate = bench.memory.gates.of("t")
    assert (gate.in_flight, gate.hedges.fired, bench.spent[0].tool_calls) == (0, 0, 1)


def test_a_first_attempt_that_cannot_be_started_gives_everything_back(monkeypatch):
    """Where the machine has no thread left, the call is skipped for that, and its claim and place are given back."""

    def none(attempt):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(attempts, "start", none)
    bench = learnt(delays(0.1, concurrency=1))
    evidence = run(bench.call("t", Budget(latency=30)))
    assert (evidence.outcome.name, evidence.outcome.limit, evidence.attempts) == ("skipped", "loop", 0)
    assert (bench.memory.gates.of("t").in_flight, bench.spent[0].tool_calls) == (0, 0)
