"""What the pipeline around a call costs: a no-op async tool through it, against a bare task around the same function.

::

    python -m bench.pipeline            # 200 rounds of 25 calls one after the other and 16 at once, interleaved

All run in one loop, in turns, so that a noisy machine slows all; the figures are medians over the rounds, in CPU
microseconds a call. Nobody records spans, as in a program that has set up no tracing.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from shotclock import Agent, Budget
from shotclock.agent.beginning import Asked, begin
from shotclock.testing import ScriptedModel
from shotclock.tools.call import Call
from shotclock.tools.pipeline import Pipeline
from shotclock.tools.tool import Tool

CALLS = 25
"""Calls of a run: its record of decisions grows with them, and no run makes hundreds."""

AT_ONCE = 16
"""Calls of a turn, for what a further parallel call costs."""


async def nothing(text: str = "") -> str:
    """Do nothing."""
    return "ok"


async def bare(_: object = None) -> None:
    """The function in a task of its own."""
    await asyncio.get_running_loop().create_task(nothing(text="x"))


async def in_turn(one: Callable[[int], Awaitable[object]]) -> float:
    """Microseconds a call, over `CALLS` of them one after the other."""
    started = time.process_time()
    for number in range(CALLS):
        await one(number)
    return (time.process_time() - started) / CALLS * 1e6


async def at_once(one: Callable[[int], Awaitable[object]]) -> float:
    """Microseconds that each of `AT_ONCE` further calls adds to one call, the task around it included."""
    started = time.process_time()
    await asyncio.gather(one(0))
    alone = time.process_time()
    await asyncio.gather(*(one(number) for number in range(AT_ONCE + 1)))
    return (time.process_time() - alone - (alone - started)) / AT_ONCE * 1e6


async def main(rounds: int) -> None:
    """Interleave them and print medians."""
    loop = asyncio.get_running_loop()
    agent = Agent(ScriptedModel(["done"]), [Tool(nothing, read_only=True)])
    calls = [Call(id=f"c{number}", tool="nothing", arguments={"text": "x"}) for number in range(CALLS)]

    def pipeline() -> Pipeline:
        return begin(agent, Asked(query="What is there?", budget=Budget(latency=3600)), loop.time).pipeline

    rows = []
    for at in range(rounds + 20):  # the first ones teach the forecast, and are left out
        one, other = pipeline(), pipeline()
        row = (
            await in_turn(bare),
            await in_turn(lambda number, pipe=one: pipe.call(calls[number])),  # type: ignore[misc]
            await at_once(bare),
            await at_once(lambda number, pipe=other: pipe.call(calls[number])),  # type: ignore[misc]
        )
        if at >= 20:
            rows.append(row)
    task, pipe, further_task, further = (statistics.median(column) for column in zip(*rows, strict=True))
    times, further_times = (statistics.median(row[at + 1] / row[at] for row in rows) for at in (0, 2))
    print(f"bare task {task:.1f} µs, pipeline {pipe:.1f} µs an attempt: {times:.1f} times")
    print(f"{AT_ONCE} at once, a further one: {further_task:.1f} µs, {further:.1f} µs: {further_times:.1f} times")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
