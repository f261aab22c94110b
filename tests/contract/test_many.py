"""A thousand runs at once on one loop: each back by its own deadline, none overspent, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import random
import time

import pytest

from shotclock import Agent, Budget
from shotclock.testing import ScriptedModel, ask, fake_tool


async def one(agent: Agent, latency: float):
    began = time.monotonic()
    result = await agent.run("How many apples?", budget=Budget(latency=latency, tool_calls=3))
    return time.monotonic() - began - latency, result


@pytest.fixture
def frozen_heap():
    """What a server does after start-up: what is loaded is not looked through for garbage again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.usefixtures("frozen_heap")
async def test_a_thousand_runs_at_once_are_on_time():
    """With deadlines spread over 3 to 6 s, each with hanging, failing and fast tools, 99.9 % are back within 50 ms."""
    tools = [
        fake_tool("hangs", after=3600),
        fake_tool("fails", after=0.2, error=OSError("down")),
        fake_tool("fast", returns="There are 7 apples.", after=0.1, read_only=True),
    ]
    calls = ask(*[(tool.name, {}) for tool in tools], ("fast", {"text": "again"}), after=0.05)
    agent = Agent(ScriptedModel([calls, "There are 7 apples."]), tools)
    chance = random.Random(7)
    before = len(asyncio.all_tasks())
    runs = await asyncio.gather(*[one(agent, chance.uniform(3, 6)) for _ in range(1000)])
    assert sum(late <= 0.05 for late, _ in runs) >= 999
    assert all("7 apples" in result.answer for _, result in runs)
    assert all(result.spend.tool_calls == 3 for _, result in runs)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before
