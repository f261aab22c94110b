"""What streaming costs a run: slow consumers beside none, and how soon the first event is there.

::

    python -m bench.streaming [RUNS] [ROUNDS]

A run asks for one call and writes twenty words, 1 ms apart. Runs begin 25 ms apart, and blocks of 100 that nobody
listens to take turns with blocks that are streamed to consumers who sleep 8 s after each event, so that most of RUNS
are there in the end. What is measured is a run's own time, from its beginning to its result. The ratio of the
quantiles is the median over pairs of blocks that were beside each other.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from shotclock import Agent, Budget, CallFinished, CallStarted, Result, RunStarted, tool
from shotclock.agent.models.base import CallReady, Finish, ModelRequest, Pace, Price, TextDelta
from shotclock.tools.call import Call

BLOCK, APART, SLEEP = 100, 0.025, 8.0
"""Runs of a block; seconds between two of them; seconds that a consumer sleeps."""

SENTENCE = "There are 7 apples in the old box that stands in the barn by the road from the farm to Oslo."
"""What the tool says and the model repeats, word by word."""

QUERY = "How many apples are there?"
QUANTILES = {"p50": 0.50, "p99": 0.99}


class Writer:
    """Asks for the call, then writes an answer word by word."""

    name, provider = "writer", "bench"
    pace, price = Pace(start=0.01, per_token=0.001), Price(input_per_million=0.0, output_per_million=0.0)

    async def stream(self, request: ModelRequest):
        """The next step of the run."""
        await asyncio.sleep(0.005)
        if request.messages[-1]["role"] == "user":
            yield CallReady(Call(id="c", tool="apples"))
        else:
            for word in SENTENCE.split():
                yield TextDelta(f"{word} ")
                await asyncio.sleep(0.001)
        yield Finish()


@tool(read_only=True)
async def apples() -> str:
    """How many apples there are."""
    await asyncio.sleep(0.01)
    return SENTENCE


async def alone(agent: Agent) -> float:
    """The time of a run that nobody listens to."""
    return (await agent.run(QUERY, budget=Budget(latency=10))).elapsed


async def asleep(agent: Agent) -> float:
    """The time that a run took whose consumer sleeps after each event; it is told so long after."""
    async for event in agent.stream(QUERY, budget=Budget(latency=10)):
        if isinstance(event, Result):
            return event.elapsed
        await asyncio.sleep(SLEEP)
    raise AssertionError("a stream ends with the result")


async def begun(agent: Agent, one: Callable[[Agent], Awaitable[float]]) -> list[asyncio.Task[float]]:
    """A block of runs, begun one after the other."""
    tasks = []
    for _ in range(BLOCK):
        tasks.append(asyncio.ensure_future(one(agent)))
        await asyncio.sleep(APART)
    return tasks


async def first_events(agent: Agent, count: int = 2_000) -> tuple[list[float], list[float]]:
    """Seconds from the call of `stream` to its first event, by the wall and of this thread's processor time: what else
    runs on the machine makes the first longer, and hardly the second."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        began, busy = time.perf_counter(), time.thread_time()
        events = agent.stream(QUERY, budget=Budget(latency=10))
        first = await anext(events)
        found[0].append(time.perf_counter() - began)
        found[1].append(time.thread_time() - busy)
        assert isinstance(first, RunStarted)
        await events.aclose()
    return found


async def orders(agent: Agent) -> None:
    """A consumer that reads sees the call before the result, so that the runs measured are real ones."""
    kinds = [type(event) async for event in agent.stream(QUERY)]
    assert kinds.index(CallStarted) < kinds.index(CallFinished) < kinds.index(Result)


async def measure(runs: int, rounds: int) -> None:
    """Print what was found."""
    agent = Agent(Writer(), [apples])
    await orders(agent)
    gc.collect()
    gc.freeze()
    for kind, times in zip(("by the wall", "of processor time"), await first_events(agent), strict=True):
        one, other = (1e3 * _quantile(sorted(times), share) for share in QUANTILES.values())
        print(f"first event {kind}: median {one:.2f} ms, p99 {other:.2f} ms")
    for number in range(1, rounds + 1):
        pairs = [await pair(agent, at) for at in range(-(-runs // BLOCK))]
        sleeping = sum(not task.done() for _, other in pairs for task in other)
        took = [[sorted(await asyncio.gather(*tasks)) for tasks in each] for each in pairs]
        print(f"round {number}: {sleeping} consumers asleep at the end of it")
        for name, share in QUANTILES.items():
            one, other = ([_quantile(times, share) for times in kind] for kind in zip(*took, strict=True))
            ratio = statistics.median(b / a for a, b in zip(one, other, strict=True))
            print(f"  {name}: alone {1e3 * statistics.median(one):.1f} ms, with sleepers "
                  f"{1e3 * statistics.median(other):.1f} ms, ratio {ratio:.3f}")  # fmt: skip


async def pair(agent: Agent, at: int) -> tuple[list[asyncio.Task[float]], list[asyncio.Task[float]]]:
    """Two blocks beside each other; which comes first changes, so that a drift of the machine favours neither."""
    if at % 2:
        one = await begun(agent, alone)
        return one, await begun(agent, asleep)
    other = await begun(agent, asleep)
    return await begun(agent, alone), other


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(runs: int = 1_000, rounds: int = 3) -> None:
    """Measure, and print it."""
    asyncio.run(measure(runs, rounds))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
