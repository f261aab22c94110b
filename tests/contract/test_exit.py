"""Nothing is left behind: no growing number of threads or tasks, and the program ends."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from shotclock import Agent, Budget
from shotclock.testing import ScriptedModel, ask, fake_tool

pytestmark = pytest.mark.alone


async def stubborn() -> str:
    """Ignores being cancelled for a while."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            continue
    return "late"


def agent() -> Agent:
    """An agent that calls a stuck thread, a hanging coroutine, a stubborn one and a good one."""
    tools = [
        fake_tool("good", returns="There are 42 apples."),
        fake_tool("hangs", after=3600),
        fake_tool("blocks", after=0.3, blocking=True),
        stubborn,
    ]
    calls = ask(("good", {}), ("hangs", {}), ("blocks", {}), ("stubborn", {}))
    return Agent(ScriptedModel([calls, "There are 42 apples."]), tools)


async def test_two_hundred_runs_leave_no_tasks_and_no_growing_number_of_threads():
    """After 200 runs with stuck tools the loop holds no task of theirs and the threads stay bounded."""
    shared = agent()
    before, others = len(asyncio.all_tasks()), threading.active_count()

    async def wave() -> int:
        runs = [shared.run("How many apples?", budget=Budget(latency=0.5)) for _ in range(50)]
        results = await asyncio.gather(*runs)
        assert all(any(item.tool == "good" for item in result.evidence) for result in results)
        return sum(thread.name.startswith("shotclock-tool") for thread in threading.enumerate())

    threads = [await wave() for _ in range(4)]
    # What was still under way when the last run returned ends by itself: 1 s for the stubborn one, and room.
    for _ in range(60):
        await asyncio.sleep(0.05)
        if len(asyncio.all_tasks()) == before:
            break
    gc.collect()
    assert len(asyncio.all_tasks()) == before
    assert max(threads) <= 64, "the pool is bounded at 64 threads"
    assert threading.active_count() <= others + 64 + 10, "and nothing else begins any"


PROGRAM = """
import asyncio, sys, time
from shotclock import Agent, Budget
from shotclock.testing import ScriptedModel, ask, fake_tool

async def stubborn() -> str:
    "Ignores being cancelled."
    while True:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            continue

async def cleans_up() -> str:
    "Cleans up slowly."
    try:
        await asyncio.sleep(30)
    finally:
        await asyncio.sleep(30)

def stuck() -> str:
    "Blocks its thread."
    time.sleep(30)

async def blocks_the_loop() -> str:
    "Blocks the loop."
    time.sleep(30)

tools = [fake_tool("good", returns="There are 42 apples."), {victim}]
agent = Agent(ScriptedModel([ask(("good", {{}}), ("{victim}", {{}})), "There are 42 apples."]), tools)
if "{how}" == "run":
    result = asyncio.run(agent.run("How many?", budget=Budget(latency=0.3)))
else:
    result = agent.run_sync("How many?", budget=Budget(latency=0.3))
assert "42" in result.answer
print(time.time(), flush=True)
"""


@pytest.mark.parametrize(
    ("victim", "how"),
    [
        ("stubborn", "run"),
        ("cleans_up", "run"),
        ("stuck", "run"),
        ("stubborn", "run_sync"),
        ("stuck", "run_sync"),
        ("blocks_the_loop", "run_sync"),
    ],
)
def test_the_program_exits_within_a_second(victim, how):
    """A tool that is still stuck does not hold up the end of the program."""
    program = textwrap.dedent(PROGRAM).format(victim=victim, how=how)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    ended = time.time()
    assert run.returncode == 0, run.stderr
    assert ended - float(run.stdout.split()[-1]) <= 1.0
