"""What the pipeline around a call costs: a no-op async tool through it, against a bare task around the same function.

::

    python -m bench.pipeline            # 200 rounds of 25 calls each, interleaved

Both run in one loop, in turns, so that a noisy machine slows both; the figures are medians over the rounds, in CPU
microseconds a call. Nobody records spans, as in a program that has set up no tracing.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from shotclock import Agent, Budget
from shotclock.testing import ScriptedModel
from shotclock.tools.call import Call
from shotclock.tools.tool import Tool

CALLS = 25
"""Calls of a run: its record of decisions grows with them, and no run makes hundreds."""


async def nothing(text: str = "") -> str:
    """Do nothing."""
    return "ok"


async def bare() -> None:
    """The function in a task of its own."""
    await asyncio.get_running_loop().create_task(nothing(text="x"))


async def timed(one: Callable[[int], Awaitable[object]]) -> float:
    """Microseconds a call, over `CALLS` of them one after the other."""
    started = time.process_time()
    for number in range(CALLS):
        await one(number)
    return (time.process_time() - started) / CALLS * 1e6


async def main(rounds: int) -> None:
    """Interleave the two and print medians."""
    loop = asyncio.get_running_loop()
    agent = Agent(ScriptedModel(["done"]), [Tool(nothing, read_only=True)])
    calls = [Call(id=f"c{number}", tool="nothing", arguments={"text": "x"}) for number in range(CALLS)]
    pairs = []
    for at in range(rounds + 20):  # the first ones teach the forecast, and are left out
        run = agent._start("What is there?", Budget(latency=3600), None, None, loop.time, None)
        pipeline = run.pipeline
        pair = await timed(lambda _: bare()), await timed(lambda number, pipe=pipeline: pipe.call(calls[number]))  # type: ignore[misc]
        if at >= 20:
            pairs.append(pair)
    task, pipe = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"bare task {task:.1f} µs, pipeline {pipe:.1f} µs an attempt: {ratio:.1f} times")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
