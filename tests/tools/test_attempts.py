"""Attempts together with everything around them: gate, hedge, retry, cache, fallback, ledger. All on the virtual clock.

The tests are named by what they compose.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from shotclock import Budget, tool
from shotclock.agent.trace.spans import Recorder
from shotclock.policies.breaker import Breaker
from shotclock.policies.bucket import Bucket
from shotclock.policies.deadline import Deadline
from shotclock.policies.errors import InvalidTool
from shotclock.policies.hedging import Hedging
from shotclock.policies.ledger import Ledger
from shotclock.policies.outcome import Ok
from shotclock.policies.settings import Policy
from shotclock.testing import fake_tool
from shotclock.tools.call import Call
from shotclock.tools.lent import Scope
from shotclock.tools.pipeline import Pipeline
from shotclock.tools.tool import Tool

from .bench import Bench, delays, learnt, run


def test_hedge_with_a_hang():
    """A hung attempt is raced at p95; the hedge wins, the loser is cancelled, and both count as calls."""
    made = delays(100, 0.1)
    bench = learnt(made)

    async def main():
        evidence = await bench.call("t", Budget(latency=60, tool_calls=5))
        await asyncio.sleep(0)
        return evidence, asyncio.get_running_loop().time()

    evidence, now = run(main())
    assert evidence.value == 2
    assert now < 6
    assert evidence.attempts == bench.spent[0].tool_calls == 2
    assert made.counts == {"started": 2, "cancelled": 1}
    assert [d["choice"] for d in bench.kinds("hedge")] == ["hedge"]


def test_hedge_whose_first_attempt_wins():
    """Where the first attempt ends first after all, its result is taken and the hedge is cancelled."""
    made = delays(5.5, 100)
    bench = learnt(made)

    async def main():
        evidence = await bench.call("t")
        await asyncio.sleep(0)
        return evidence

    assert run(main()).value == 1
    assert made.counts["cancelled"] == 1
    assert bench.memory.gates.of("t").hedges.wins == 0
    assert bench.memory.gates.of("t").hedges.fired == 1


def test_hedge_whose_first_attempt_fails():
    """A first attempt that fails while its hedge runs does not end the call: the hedge's result does."""
    calls = itertools.count()

    async def broken(text: str = "") -> str:
        """Fail late, then work."""
        if next(calls) == 0:
            await asyncio.sleep(5.5)
            raise OSError("down")
        await asyncio.sleep(2)
        return "fine"

    bench = learnt(Tool(broken, "t", read_only=True))
    assert run(bench.call("t")).value == "fine"


def test_hedge_with_a_ledger_that_has_no_call_left():
    """A hedge that the budget does not grant is not begun, and that is said."""
    made = delays(100, 0.1)
    bench = learnt(made)
    evidence = run(bench.call("t", Budget(latency=30, per_tool={"t": 1})))
    assert evidence.outcome.name == "timed_out"
    assert made.counts["started"] == 1
    assert "per_tool['t']=1 leaves 0" in bench.kinds("hedge")[0]["reason"]


def test_hedge_with_a_scarce_budget():
    """A hedge leaves the model a call for what it still wants."""
    made = delays(7, 0.1)
    bench = learnt(made)
    assert run(bench.call("t", Budget(latency=30, tool_calls=2))).value == 1
    assert made.counts["started"] == 1


@pytest.mark.parametrize("options", [{"read_only": False}, {"read_only": True, "hedge": False}])
def test_hedge_of_a_tool_that_must_not_be_called_twice(options):
    """A tool that may change something, or whose author said no, is never called twice for one call."""
    started = []

    async def act(text: str = "") -> str:
        """Do something."""
        started.append(1)
        await asyncio.sleep(7)
        return "done"

    bench = learnt(Tool(act, "t", **options))
    assert run(bench.call("t")).value == "done"
    assert len(started) == 1


def test_hedge_with_a_retry():
    """A failure before the hedge is retried; the hedge takes the place of the early timeout of a retry."""
    made = fake_tool("t", returns="fine", after=0.05, error=OSError("down"), failures=1, read_only=True, retry=1)
    bench = learnt(made)
    evidence = run(bench.call("t"))
    assert (evidence.value, evidence.attempts) == ("fine", 2)


def test_hedge_learns_from_losers():
    """The attempt that lost is a censored sample: the forecast knows that some take longer than any that ended."""
    made = delays(*[0.1 if n % 20 else 100 for n in range(1, 400)])
    bench = learnt(made)

    async def main():
        for _ in range(200):
            await bench.call("t")

    run(main())
    assert bench.memory.history.forecast(made).quantile(0.98) > 0.15


@pytest.mark.parametrize("calls", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_calls_of_a_tool_that_hangs(calls):
    """1.3 % hangs of 100 s, p50 100 ms: hedging brings p99 to 5 % or less of that without, for at most 6 % extras."""

    def simulate(hedge):
        draw = random.Random(7)
        attempts = itertools.count()

        async def hanging(text: str = "") -> str:
            """A tool with the hangs of public logs."""
            next(attempts)
            await asyncio.sleep(100 if draw.random() < 0.013 else draw.lognormvariate(-2.3, 0.5))
            return "ok"

        bench = Bench(Tool(hanging, "t", read_only=True, hedge=hedge))

        async def main():
            seconds, results = [], 0
            for _ in range(calls):
                began = asyncio.get_running_loop().time()
                results += isinstance((await bench.call("t")).outcome, Ok)
                seconds.append(asyncio.get_running_loop().time() - began)
            return statistics.quantiles(seconds, n=100)[98], results

        return (*run(main()), next(attempts))

    (alone, _, _), (hedged, results, attempts) = simulate(False), simulate(None)
    assert hedged <= 0.05 * alone
    assert attempts <= 1.06 * calls
    assert results >= 0.999 * calls


def test_retry_with_a_bucket_that_is_empty():
    """In an outage the bucket ends the retrying: after a few calls each makes one attempt."""
    made = fake_tool("t", error=OSError("down"), read_only=True, retry=2)
    bench = Bench(made, policy=Policy(breaker=Breaker(failures=None), bucket=Bucket(per_second=0)))

    async def main():
        return [(await bench.call("t")).attempts for _ in range(10)]

    assert run(main()) == [3, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert "its bucket lends no extra attempts" in bench.kinds("retry")[-1]["reason"]


class Throttled(Exception):
    """What a client library raises for a 429."""

    retry_after = 3.0


def test_retry_with_what_the_endpoint_asked_for():
    """A retry waits as long as the endpoint asked, and is not made where that is longer than what is left."""
    made = fake_tool("t", returns="fine", error=Throttled(), failures=1, read_only=True, retry=1)

    async def main(latency):
        evidence = await Bench(made).call("t", Budget(latency=latency))
        return evidence.outcome.name, asyncio.get_running_loop().time()

    assert run(main(10)) == ("ok", 3.0)
    made = fake_tool("t", returns="fine", error=Throttled(), failures=1, read_only=True, retry=1)
    assert run(main(2)) == ("error", 0.0)


def test_breaker_with_its_trial():
    """Five failures in a row open it; it refuses for 30 s without an attempt; one trial call brings the tool back."""
    made = fake_tool("t", returns="fine", error=OSError("down"), failures=5)
    bench = Bench(made)

    async def main():
        first = [(await bench.call("t")).outcome.name for _ in range(6)]
        await asyncio.sleep(30)
        return first + [(await bench.call("t")).outcome.name for _ in range(2)]

    assert run(main()) == ["error"] * 5 + ["skipped", "ok", "ok"]
    assert [spend.tool_calls for spend in bench.spent] == [1, 1, 1, 1, 1, 0, 1, 1]
    assert "t failed 5 times in a row; it is not called for up to 30.0 s more" in bench.kinds("skip")[0]["reason"]


def test_breaker_with_deadlines_of_the_caller():
    """Attempts that the callers' own deadlines cut short open no breaker; its own timeouts do."""
    impatient, slow = Bench(delays(5)), Bench(delays(5, timeout=1))

    async def main():
        cut = [(await impatient.call("t", Budget(latency=0.5))).outcome.name for _ in range(7)]
        own = [(await slow.call("t", Budget(latency=10))).outcome.name for _ in range(7)]
        return cut, own

    # The history learns from cut attempts as well, so that later calls are not even begun.
    cut, own = run(main())
    assert impatient.memory.gates.of("t").failures == 0
    assert "breaker" not in [d["figures"].get("limit") for d in impatient.decisions]
    assert cut[0] == "timed_out"
    assert own == ["timed_out"] * 5 + ["skipped"] * 2


def test_breaker_with_a_fallback():
    """While a tool's breaker is open its fallback is called at once, and costs no attempt of the tool."""
    spare = fake_tool("spare", returns="from the copy")
    made = fake_tool("t", error=OSError("down"), fallback=spare)
    bench = Bench(made, spare)

    async def main():
        return [await bench.call("t") for _ in range(7)]

    found = run(main())
    assert [e.outcome.name for e in found[:5]] == ["error"] * 5  # not read only: it may have done something
    assert [(e.tool, e.value, e.attempts) for e in found[5:]] == [("spare", "from the copy", 1)] * 2


def test_fallback_after_failed_attempts():
    """A read-only tool that failed is replaced by its fallback where that fits; all attempts count."""
    spare = fake_tool("spare", returns="from the copy", read_only=True)
    made = fake_tool("t", error=OSError("down"), read_only=True, retry=1, fallback=spare)
    bench = Bench(made, spare)
    evidence = run(bench.call("t"))
    assert (evidence.tool, evidence.value, evidence.attempts) == ("spare", "from the copy", 3)
    assert bench.spent[0].per_tool == {"t": 2, "spare": 1}
    assert bench.kinds("fallback")[0]["choice"] == "spare"


def test_fallback_that_fails_as_well():
    """Where the fallback fails too, the evidence says what the tool itself said."""
    spare = fake_tool("spare", error=OSError("gone"), read_only=True)
    bench = Bench(fake_tool("t", error=OSError("down"), read_only=True, fallback=spare), spare)
    evidence = run(bench.call("t"))
    assert (evidence.tool, evidence.content) == ("t", "t failed: OSError: down")
    assert evidence.attempts == 2


def test_cache_across_runs():
    """An equal call within the time to live costs no attempt and no time, in whatever order its arguments come."""
    made = delays(1, cache="60s")
    bench = Bench(made)

    async def main():
        values = [(await bench.call("t", text="a")).value, (await bench.call("t", text="a")).value]
        other = (await bench.call("t", text="b")).value
        await asyncio.sleep(60)
        return [*values, other, (await bench.call("t", text="a")).value]

    assert run(main()) == [1, 1, 2, 3]
    assert [spend.tool_calls for spend in bench.spent] == [1, 0, 1, 1]
    assert [d["choice"] for d in bench.kinds("cache")] == ["hit"]


def test_cache_with_calls_at_once_and_a_leader_that_is_cut():
    """Equal calls made at once share one attempt; where the leader's run cuts it, a follower takes over."""
    made = delays(2, cache=0)
    bench = Bench(made)

    async def main():
        calls = [bench.call("t", Budget(latency=latency)) for latency in (1, 10, 10)]
        return [e.outcome.name for e in await asyncio.gather(*calls)], asyncio.get_running_loop().time()

    assert run(main()) == (["timed_out", "ok", "ok"], 3.0)
    assert made.counts["started"] == 2


def test_cache_keeps_no_result_that_failed_its_check():
    """A result that a check refused is not given to anybody else."""
    made = delays(1, cache=60, retry=0, checks=[lambda value: value > 1])
    bench = Bench(made)

    async def main():
        return [(await bench.call("t")).verdict.outcome for _ in range(3)]

    assert run(main()) == ["fail", "pass", "pass"]
    assert made.counts["started"] == 2


def test_cache_of_a_tool_with_effects():
    """A tool that is not read only cannot be kept, and is told so where it is made."""
    with pytest.raises(InvalidTool, match="cache=60 needs read_only=True"):

        @tool(cache=60)
        def act() -> str:
            """Do something."""


def test_concurrency_with_deadlines():
    """Two places: calls wait for one in the order of their deadlines, and who comes too late is not begun."""
    made = delays(1, concurrency=2)
    bench = Bench(made)

    async def main():
        now = asyncio.get_running_loop().time

        async def timed(latency):
            evidence = await bench.call("t", Budget(latency=latency))
            return latency, evidence.outcome.name, now()

        await bench.call("t")  # so that its pace is known
        return await asyncio.gather(*(timed(latency) for latency in (9, 8, 7, 6, 5, 1.5)))

    assert run(main()) == [(9, "ok", 2.0), (8, "ok", 2.0), (7, "ok", 4.0), (6, "ok", 3.0), (5, "ok", 3.0),
                           (1.5, "skipped", 2.0)]  # fmt: skip


def test_concurrency_with_a_bad_limit():
    """A limit that is no number of 1 or more is refused where the tool is made."""
    with pytest.raises(InvalidTool, match="concurrency must be a number of 1 or more, or 'adaptive', got 0"):
        delays(1, concurrency=0)


def test_abandoned_work_with_ejection():
    """A tool whose attempts ignore their cancellation is not called while more than sixteen of them run on."""

    async def stubborn(text: str = "") -> str:
        """Ignore every cancellation for a minute."""
        until = asyncio.get_running_loop().time() + 60
        while (left := until - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                continue
        return "late"

    bench = Bench(Tool(stubborn, "t", timeout=1), policy=Policy(breaker=Breaker(failures=None)))

    async def main():
        first = await asyncio.gather(*(bench.call("t", Budget(latency=5)) for _ in range(17)))
        await asyncio.sleep(0.5)
        refused = await bench.call("t", Budget(latency=5))
        await asyncio.sleep(60)
        return [e.outcome.name for e in first], refused, bench.memory.gates.of("t").abandoned

    first, refused, abandoned = run(main())
    assert set(first) == {"timed_out"}
    assert refused.outcome.limit == "abandoned"
    assert "17 attempts of t that were given up still run, concurrency.abandoned=16" in refused.outcome.reason
    assert abandoned == 0


def test_admission_with_a_price():
    """Where results have a value, a call that costs more than it is likely to bring is not begun."""
    policy = Policy.from_dict({"admission": {"value_usd": 0.01}})
    bench = Bench(fake_tool("dear", cost_usd=0.02), fake_tool("cheap", cost_usd=0.001), policy=policy)

    async def main():
        return [(await bench.call(name)).outcome for name in ("dear", "cheap")]

    dear, cheap = run(main())
    assert (dear.limit, cheap.name) == ("value", "ok")
    assert dear.reason == "dear costs US$ 0.02, more than the US$ 0.01 it is likely to bring"


def test_everything_at_once_under_one_ledger():
    """Retries, hedges and fallbacks of many calls at once never start more attempts than the budget allows."""
    spare = fake_tool("spare", returns="copy", after=0.2, read_only=True)
    made = delays(100, 0.1, 0.1, 100, 0.1, retry=2, fallback=spare)
    flaky = fake_tool("flaky", error=OSError("down"), failures=2, read_only=True, retry=3)
    bench = Bench(made, flaky, spare, policy=Policy(hedging=Hedging(spare_calls=0)))
    for number in range(30):
        bench.memory.history.observe(made, 5.0 if number % 25 == 24 else 0.1 * (1 + 0.01 * number))

    async def main(limit):
        now = asyncio.get_running_loop().time
        budget = Budget(latency=20, tool_calls=limit)
        ledger = Ledger(budget)
        trace = Recorder(agent="a", model="m", clock=now).start_run("", budget)
        scope = Scope(ledger=ledger, policy=bench.policy, soft=Deadline.after(now(), 20), now=now, trace=trace,
                      memory=bench.memory, own=lambda future: None)  # fmt: skip
        pipeline = Pipeline(bench.toolbox, scope)
        calls = [Call(id=f"c{n}", tool=("t", "flaky", "spare")[n % 3]) for n in range(12)]
        found = await asyncio.gather(*(pipeline.call(call) for call in calls))
        return sum(e.attempts for e in found), ledger.spend().tool_calls

    for limit in (0, 1, 5, 9, 40):
        attempts, spent = run(main(limit))
        assert attempts == spent <= limit


@pytest.mark.parametrize("options", [
    {"retry": 2}, {"concurrency": 1}, {"concurrency": "adaptive", "retry": 1}, {"cache": 60},
    {"timeout": 0.4, "retry": 1}, {"isolation": "thread"},
])  # fmt: skip
@pytest.mark.parametrize("fails", [False, True])
def test_cancellation_at_every_step(options, fails):
    """Wherever a call is cancelled, its place, its reservation and its ticket come back, and the next call works."""

    async def main(steps):
        calls = itertools.count()

        async def work(text: str = "") -> str:
            """Fail at first, and take a while."""
            await asyncio.sleep(0.05)
            if fails and next(calls) < 2:
                raise OSError("down")
            await asyncio.sleep(0.05)
            return "fine"

        made = Tool(work, "t", read_only=True, **options)
        bench = Bench(made)
        tasks = [asyncio.ensure_future(bench.call("t", Budget(latency=5, tool_calls=9))) for _ in range(3)]
        for _ in range(steps):
            await asyncio.sleep(0)
        if steps % 3 == 2:
            await asyncio.sleep(0.06)
        tasks[0].cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(1)
        gate = bench.memory.gates.of("t")
        after = await bench.call("t", Budget(latency=5, tool_calls=9))
        others = [e.outcome.name for e in ended[1:]]
        return gate.in_flight, gate.waiting, gate.abandoned, gate.failures <= 4, others, after.outcome.name

    # An async tool in a thread of its own takes real time.
    for steps in range(0, 24, 8 if "isolation" in options else 1):
        in_flight, waiting, abandoned, sane, others, after = run(main(steps))
        assert (in_flight, waiting, abandoned, sane) == (0, 0, 0, True), steps
        assert after == "ok" or (fails and "cache" in options)  # equal calls shared the attempts that were to fail
        if options.get("retry") == 2:
            assert others == ["ok", "ok"]


def test_a_trial_that_is_cancelled_leaves_the_breaker_to_the_next():
    """A half-open breaker whose trial call is cut with its run, skipped or not begun lets the next call try."""
    made = fake_tool("t", returns="fine", after=1, error=OSError("down"), failures=5)
    bench = Bench(made)

    async def main():
        for _ in range(5):
            await bench.call("t")
        await asyncio.sleep(31)
        trial = asyncio.ensure_future(bench.call("t"))
        await asyncio.sleep(0.5)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        none_left = await bench.call("t", Budget(latency=10, tool_calls=0))
        cut = await bench.call("t", Budget(latency=0.5))
        return none_left.outcome.name, cut.outcome.name, (await bench.call("t")).outcome.name

    assert run(main()) == ("skipped", "timed_out", "ok")


def test_concurrency_with_an_attempt_that_waited():
    """An attempt that waited for its place has what is left, and not what was left before: it ends by the deadline."""
    made = delays(0.6, 100, concurrency=1)
    bench = Bench(made)

    async def main():
        calls = [bench.call("t", Budget(latency=1)) for _ in range(2)]
        return [e.outcome.name for e in await asyncio.gather(*calls)], asyncio.get_running_loop().time()

    assert run(main()) == (["ok", "timed_out"], 1.0)


def test_fallback_of_a_tool_that_has_recovered():
    """A tool that was too slow, and is replaced for it, is asked again now and then, and comes back."""
    slow = [True]

    async def look(text: str = "") -> str:
        """Look."""
        await asyncio.sleep(30 if slow[0] else 0.05)
        return "fresh"

    spare = fake_tool("spare", returns="old", read_only=True)
    bench = Bench(Tool(look, "t", read_only=True, fallback=spare), spare)

    async def main():
        found = []
        for number in range(60):
            slow[0] = number < 5
            found.append((await bench.call("t", Budget(latency=1))).tool)
        return found

    assert run(main())[-20:] == ["t"] * 20


class Broken(SpanProcessor):
    """A processor of a product that raises at this end of every attempt's span."""

    def __init__(self, at):
        self.at = at

    def on_start(self, span, parent_context=None):
        """Raise, or not."""
        self._fail("start", span)

    def on_end(self, span):
        """Raise, or not."""
        self._fail("end", span)

    def _fail(self, at, span):
        if at == self.at and span.name.startswith("execute_tool"):
            raise RuntimeError("the exporter is broken")


@pytest.mark.parametrize("at", ["start", "end"])
def test_attempts_with_a_span_processor_that_raises(at):
    """A call whose span cannot be begun or ended gives its result all the same, and leaves no place behind."""
    provider = TracerProvider()
    provider.add_span_processor(Broken(at))
    bench = Bench(delays(0.1, concurrency=1), tracer_provider=provider)

    async def main():
        return [(await bench.call("t", Budget(latency=1))).outcome.name for _ in range(3)]

    assert run(main()) == ["ok"] * 3
    assert bench.memory.gates.of("t").in_flight == 0


def test_cache_with_a_caller_that_changes_what_it_got():
    """What a caller does to a result changes neither what is kept nor what others get, whoever made the call."""

    class Price:
        """A class of the tool's own."""

        def __init__(self):
            self.amounts = [39.9]

    async def price(own: bool = False) -> Any:
        """Say the price."""
        return Price() if own else {"amounts": [39.9]}

    bench = Bench(Tool(price, "t", read_only=True, cache=60))

    async def main(own):
        found = []
        for _ in range(3):
            value = (await bench.call("t", own=own)).value
            amounts = value.amounts if own else value["amounts"]
            found.append(list(amounts))
            amounts[0] = 1.0
        return found

    assert run(main(False)) == [[39.9]] * 3
    assert run(main(True)) == [[39.9]] * 3
    assert [each.tool_calls for each in bench.spent] == [1, 0, 0] * 2


def test_cache_with_a_result_that_cannot_be_copied():
    """A result that refuses to be copied is handed on as it is."""

    class Once:
        """It cannot be copied."""

        def __deepcopy__(self, memo):
            raise RuntimeError("no")

    async def once() -> Any:
        """Give it."""
        return Once()

    bench = Bench(Tool(once, "t", read_only=True, cache=60))

    async def main():
        return [(await bench.call("t")).value for _ in range(2)]

    first, second = run(main())
    assert first is second


def test_cache_with_two_fallbacks_of_one_name():
    """Two tools whose fallbacks have the same name are not given each other's results."""

    def spare(says):
        return fake_tool("spare", returns=says, read_only=True, cache=60)

    tools = [fake_tool(name, error=OSError("down"), read_only=True, fallback=spare(name)) for name in "ab"]
    bench = Bench(*tools)

    async def main():
        return [(await bench.call(name)).value for name in "ab"]

    assert run(main()) == ["a", "b"]
