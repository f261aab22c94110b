"""The watch over event loops: how late they are, and for how many runs."""

from __future__ import annotations

import asyncio
import time

from shotclock import Agent, Budget
from shotclock.testing import ScriptedModel
from shotclock.tools.watchdog import INTERVAL, PATIENCE, WATCHDOG


def work(times: int = 1) -> None:
    """Be busy with many small things, none of which blocks for long."""
    for _ in range(times):
        time.sleep(PATIENCE)


async def test_the_runs_of_a_loop_share_one_watch():
    """A loop is watched once, however many runs it has, and for as long as it has one."""
    loop = asyncio.get_running_loop()
    first, second = WATCHDOG.add(loop), WATCHDOG.add(loop)
    assert first is second
    WATCHDOG.remove(first)
    assert WATCHDOG.add(loop) is first
    WATCHDOG.remove(first)
    WATCHDOG.remove(first)
    again = WATCHDOG.add(loop)
    WATCHDOG.remove(again)
    assert again is not first


async def test_a_loop_that_has_too_much_to_do_is_late():
    """What is due waits for what is there before it: the lag is that wait, while it lasts and for a while after it."""
    watch = WATCHDOG.add(asyncio.get_running_loop())
    try:
        await asyncio.sleep(3 * INTERVAL)
        at_leisure = watch.lag()
        work(4)
        assert at_leisure < 3 * PATIENCE < watch.lag()
        await asyncio.sleep(2 * INTERVAL)
        assert watch.lag() > 3 * PATIENCE
        assert watch.lag(since=time.monotonic()) == 0
    finally:
        WATCHDOG.remove(watch)


async def test_a_run_on_a_late_loop_says_so():
    """A result that may have come late for the loop's sake has it among its decisions, with the seconds."""

    async def busy() -> None:
        for _ in range(8):
            work()
            await asyncio.sleep(0)

    agent = Agent(ScriptedModel(["The sky is blue."]))
    result, *_ = await asyncio.gather(
        agent.run("Which colour has the sky?", budget=Budget(latency=30)), *(busy() for _ in range(4))
    )
    [said] = [each for each in result.decisions if each["kind"] == "watchdog"]
    assert said["choice"] in ("late", "blocked")
    assert said["choice"] == "blocked" or said["figures"]["seconds"] > PATIENCE
