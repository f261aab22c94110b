"""What speaks against beginning an attempt, and how that is forgotten again. All on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Budget
from shotclock.policies.settings import Policy
from shotclock.testing import fake_tool
from shotclock.tools.tool import Tool

from .bench import Bench, delays, run


class Changing:
    """A read-only tool that takes as long as it is told, by the size of its text; it counts its attempts."""

    def __init__(self, **options):
        self.seconds = {"small": 0.01, "large": 0.01}
        self.begun = {"small": 0, "large": 0}

        async def work(text: str = "") -> str:
            """Work."""
            size = "large" if len(text) > 100 else "small"
            self.begun[size] += 1
            await asyncio.sleep(self.seconds[size])
            return "ok"

        self.tool = Tool(work, "t", read_only=True, hedge=False, **options)


async def many(bench, count, latency=1.0, **arguments):
    """So many calls, one after the other: what became of each."""
    return [(await bench.call("t", Budget(latency=latency), **arguments)).outcome.name for _ in range(count)]


def test_a_tool_that_was_not_worth_its_price_is_asked_again():
    """A tool withheld because it was too slow to be worth its price comes back once it is quick again."""
    made = Changing(cost_usd=0.001)
    policy = Policy.from_dict({"admission": {"value_usd": 0.0015, "least_chance": 0.0}})
    bench = Bench(made.tool, policy=policy)
    made.seconds["small"] = 3.0
    assert run(many(bench, 60)).count("skipped") > 40
    assert bench.kinds("skip")[-1]["figures"]["limit"] == "value"
    made.seconds["small"] = 0.01
    assert run(many(bench, 40))[-15:] == ["ok"] * 15


def test_a_tool_that_costs_more_than_a_result_is_worth_is_never_tried():
    """No call can show a price to be lower: where the price alone is too high, there are no probes."""
    made = Changing(cost_usd=0.002)
    bench = Bench(made.tool, policy=Policy.from_dict({"admission": {"value_usd": 0.0015}}))
    bench.memory.history.observe(made.tool, 0.01)
    assert set(run(many(bench, 40))) == {"skipped"}


def test_each_size_of_arguments_is_asked_again_for_itself():
    """Small calls that go well do not keep large ones, which were too slow, from being asked again."""
    made = Changing()
    bench = Bench(made.tool)
    large = {"text": "x" * 500}

    async def main():
        await many(bench, 25)
        made.seconds["large"] = 3.0
        await many(bench, 40, **large)
        made.seconds["large"] = 0.01
        found = []
        for _ in range(60):
            await many(bench, 1)
            found += await many(bench, 1, **large)
        return found

    assert run(main())[-20:] == ["ok"] * 20


def test_a_tool_is_served_again_soon_after_it_hung():
    """After 1,000 runs whose attempts hung until their deadline, and three probes that returned, calls are begun."""
    made = Changing()
    bench = Bench(made.tool)

    async def main():
        await many(bench, 300)
        made.seconds["small"] = 60.0
        await many(bench, 1000)
        during = made.begun["small"] - 300
        made.seconds["small"] = 0.01
        return during, await many(bench, 40)

    during, after = run(main())
    assert during < 150
    assert after[-20:] == ["ok"] * 20


def test_one_quick_probe_is_no_recovery():
    """Of a tool that ended in time once, the next call is a probe too, and one that does not ends the hope."""
    made = Changing()
    bench = Bench(made.tool, policy=Policy.from_dict({"admission": {"slim_chance": 1 / 3}}))

    async def main():
        made.seconds["small"] = 3.0
        await many(bench, 60)
        made.seconds["small"] = 0.01
        while (await many(bench, 1)) != ["ok"]:
            pass
        made.seconds["small"], before = 3.0, made.begun["small"]
        first = await many(bench, 1)
        return first, await many(bench, 16), made.begun["small"] - before

    assert run(main()) == (["timed_out"], ["skipped"] * 16, 1)


def test_waits_for_a_place_are_not_the_tools_latency():
    """A tool of 0.1 s behind which calls queued for seconds is still one of 0.1 s: a lone call is begun."""
    made = delays(0.1, concurrency=1)
    bench = Bench(made)

    async def main():
        for _ in range(3):
            await asyncio.gather(*(bench.call("t", Budget(latency=20)) for _ in range(20)))
        return await bench.call("t", Budget(latency=0.3))

    assert run(main()).usable
    assert bench.memory.history.forecast(made).quantile(0.95) == pytest.approx(0.1, rel=0.05)


def test_nobody_waits_for_a_place_that_would_come_too_late():
    """Who could not end in time after the wait is refused at once, and who can is not charged for the wait twice."""
    bench = Bench(delays(1, concurrency=1))

    async def main():
        now = asyncio.get_running_loop().time
        for _ in range(5):
            await bench.call("t")
        start = now()

        async def timed(latency):
            evidence = await bench.call("t", Budget(latency=latency))
            return evidence.outcome.name, now() - start

        return await asyncio.gather(timed(1.5), timed(1.8), timed(2.2), timed(3.2))

    assert run(main()) == [("ok", 1), ("skipped", 0), ("ok", 2), ("ok", 3)]


def test_the_fallback_of_a_tool_with_a_long_queue():
    """Where no place would be free in time, the fallback is called at once."""
    spare = fake_tool("spare", returns="old", read_only=True)
    bench = Bench(delays(1, concurrency=1, fallback=spare), spare)

    async def main():
        await bench.call("t")
        return [e.tool for e in await asyncio.gather(*(bench.call("t", Budget(latency=1.5)) for _ in range(2)))]

    assert run(main()) == ["t", "spare"]
