"""The fakes that ship do what they say, so that products can rest their tests on them."""

from __future__ import annotations

import asyncio
import time

import pytest

from shotclock import Agent, Budget
from shotclock.testing import Say, ScriptedModel, VirtualClock, ask, fake_tool


def test_a_virtual_day_takes_no_time():
    """Sleeping moves the clock, exactly, and nobody waits."""
    clock = VirtualClock(start=100.0)

    async def sleep():
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(86_400))
        return began, loop.time()

    real = time.monotonic()
    assert clock.run(sleep()) == (100.0, 86_500.0)
    assert clock.now == 86_500.0
    assert time.monotonic() - real < 5


def test_timeouts_are_virtual_too():
    """What waits with a timeout sees the virtual clock."""

    async def wait():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 50)
        return asyncio.get_running_loop().time()

    assert VirtualClock().run(wait()) == 50.0


def test_the_clock_stands_still_for_threads():
    """A sync tool takes real time, during which no virtual timeout fires."""
    tool = fake_tool("blocking", returns="done", after=0.05, blocking=True, timeout=1)
    agent = Agent(ScriptedModel([ask(("blocking", {})), "Done."]), [tool])
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=2)))
    assert result.evidence[0].outcome.name == "ok"


async def test_each_run_has_the_script_from_its_beginning():
    """Runs that share a model do not take steps from one another."""
    agent = Agent(ScriptedModel([ask(("a", {})), "First.", "Second."]), [fake_tool("a")])
    results = await asyncio.gather(*[agent.run("?") for _ in range(20)])
    assert {result.answer for result in results} == {"First."}
    assert {result.spend.tool_calls for result in results} == {1}


def test_a_step_may_be_a_function_of_the_request():
    """A script can look at what it was sent."""
    model = ScriptedModel([lambda request: f"You asked: {request.query}"])
    result = VirtualClock().run(Agent(model, []).run("why"))
    assert result.answer == "You asked: why"
    assert model.requests[0].purpose == "reason"


def test_words_come_one_by_one():
    """`Say(every=...)` streams at a pace."""
    result = VirtualClock().run(Agent(ScriptedModel([Say("one two three", after=1, every=0.5)]), []).run("?"))
    assert (result.answer, result.elapsed) == ("one two three", 2.0)


def test_a_tool_fails_as_often_as_it_is_told():
    """`failures=2` fails twice, then works."""
    tool = fake_tool("flaky", returns="ok", error=OSError("down"), failures=2, idempotent=True, retry=5)
    agent = Agent(ScriptedModel([ask(("flaky", {})), "Done."]), [tool])
    result = VirtualClock().run(agent.run("?"))
    assert result.evidence[0].attempts == 3
