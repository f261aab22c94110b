"""Attempts after the first: what ends them, and how they are told. All on the virtual clock."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Budget
from shotclock.agent.trace import conventions as names
from shotclock.policies.breaker import Breaker
from shotclock.policies.settings import Policy
from shotclock.tools.tool import Tool

from .bench import Bench, delays, learnt, run


class Busy(Exception):
    """An endpoint that asks to be left alone for a while."""

    def __init__(self, retry_after):
        super().__init__("503")
        self.retry_after = retry_after


def failing(error, **options):
    """A read-only tool that raises this in every attempt."""

    async def fails(text: str = "") -> str:
        """Fail."""
        raise error

    return Tool(fails, "t", read_only=True, **options)


def test_a_breaker_that_opens_ends_the_retrying_at_once():
    """Where the gate lets nothing through any more, no retry is waited for, and none is told of that was not made."""
    bench = Bench(failing(Busy(1.0), retry=3), policy=Policy(breaker=Breaker(failures=1)))

    async def main():
        evidence = await bench.call("t", Budget(latency=10))
        return evidence, asyncio.get_running_loop().time()

    evidence, now = run(main())
    assert (evidence.outcome.name, evidence.attempts, now) == ("error", 1, 0.0)
    assert [(d["choice"], d["figures"]["attempt"]) for d in bench.kinds("retry")] == [("give_up", 1)]
    assert "t failed 1 times in a row; it is not called" in bench.kinds("retry")[0]["reason"]


def test_a_retry_that_the_gate_refuses_after_all_is_the_last():
    """A retry whose place went to others while it waited is not waited for again: what the first attempt did counts."""
    bench = Bench(failing(Busy(1.0), retry=5), policy=Policy(breaker=Breaker(failures=3)))

    async def main():
        first = asyncio.create_task(bench.call("t", Budget(latency=60)))
        await asyncio.sleep(0.5)
        others = [bench.call("t", Budget(latency=0.4)) for _ in range(2)]
        await asyncio.gather(*others)
        return await first, asyncio.get_running_loop().time()

    evidence, now = run(main())
    assert (evidence.outcome.name, evidence.attempts, now) == ("error", 1, 1.0)


@pytest.mark.parametrize("wait", [1e308, 61.0])
def test_nobody_waits_for_as_long_as_an_endpoint_likes(wait):
    """Without a deadline, too, an endpoint that asks for more than `attempts.longest_wait` seconds gets no retry."""
    bench = Bench(failing(Busy(wait), retry=3))

    async def main():
        return await bench.call("t"), asyncio.get_running_loop().time()

    evidence, now = run(main())
    assert (evidence.attempts, now) == (1, 0.0)
    assert "attempts.longest_wait=60" in bench.kinds("retry")[0]["reason"]


def test_a_retry_after_a_hedge_has_its_own_number():
    """Attempts are numbered in their order, hedges included, and the retry says that the failed one was hedged."""
    calls = itertools.count(1)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def fails_twice(text: str = "") -> str:
        """Fail late, twice."""
        await asyncio.sleep(6)
        if next(calls) <= 2:
            raise OSError("down")
        return "ok"

    made = Tool(fails_twice, "t", read_only=True, retry=1)
    bench = learnt(made, tracer_provider=provider)
    evidence = run(bench.call("t", Budget(latency=60)))
    spans = [span.attributes for span in exporter.get_finished_spans() if span.name == "execute_tool t"]
    assert evidence.usable
    assert evidence.attempts == len(spans)
    assert sorted(each[names.CALL_ATTEMPT] for each in spans)[:3] == [1, 2, 3]
    assert bench.kinds("retry")[0]["reason"].startswith("attempt 1 of 2 and its hedge failed")


def test_a_follower_does_not_inherit_the_poverty_of_a_leader():
    """Where a leader's budget ended its retrying, one that waited for the same call makes its own attempts."""
    calls = itertools.count(1)

    async def flaky() -> str:
        """Fail the first time."""
        number = next(calls)
        await asyncio.sleep(0.1)
        if number == 1:
            raise ConnectionError("reset")
        return "ok"

    bench = Bench(Tool(flaky, "t", read_only=True, retry=3, cache=10))

    async def main():
        poor, rich = Budget(latency=5, tool_calls=1), Budget(latency=5, tool_calls=10)
        return [e.outcome.name for e in await asyncio.gather(bench.call("t", poor), bench.call("t", rich))]

    assert run(main()) == ["error", "ok"]


def test_a_failure_that_its_retries_could_not_mend_is_shared():
    """Where a leader used all its retries, those that waited get its failure and the tool is not asked again."""
    made = failing(ConnectionError("reset"), retry=1, cache=10)
    bench = Bench(made, policy=Policy(breaker=Breaker(failures=None)))

    async def main():
        return await asyncio.gather(*(bench.call("t", Budget(latency=5)) for _ in range(4)))

    found = run(main())
    assert {e.outcome.name for e in found} == {"error"}
    assert sum(e.attempts for e in found) == 2


def test_delays_are_cut_for_a_retry():
    """An attempt that a retry can follow is cut where nearly all have ended, and the retry saves the call."""
    bench = learnt(delays(60, 0.1, retry=2, hedge=False), n=100)
    evidence = run(bench.call("t", Budget(latency=30)))
    assert (evidence.outcome.name, evidence.attempts) == ("ok", 2)
