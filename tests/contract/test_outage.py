"""A dependency that fails for a minute under ten or fifty queries a second: promises hold, and it is left alone."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Agent, Budget, tool
from shotclock.testing import ScriptedModel, VirtualClock, ask

BEGINS, ENDS, OVER = 2.0, 62.0, 98.5


@pytest.mark.parametrize(
    ("fault", "rate"),
    [
        ("error", 10),
        pytest.param("error", 50, marks=pytest.mark.slow),
        pytest.param("hang", 50, marks=pytest.mark.slow),
    ],
)
def test_a_dependency_that_fails_for_a_minute(fault, rate):
    """At most 10 % of the queries try it during the outage, all are answered on time, and within 35 s it is back."""
    attempts: list[float] = []
    seconds: list[float] = []
    good: list[float] = []

    @tool(read_only=True, retry=2, timeout=1.0)
    async def stock(item: str) -> str:
        """How many of an item there are."""
        now = asyncio.get_running_loop().time()
        attempts.append(now)
        if BEGINS <= now < ENDS:
            if fault == "error":
                raise ConnectionError("no route to host")
            await asyncio.sleep(3600)
        await asyncio.sleep(0.05)
        return f"There are 7 of {item}."

    agent = Agent(ScriptedModel([ask(("stock", {"item": "pens"})), "Done."]), [stock])

    async def query():
        began = asyncio.get_running_loop().time()
        result = await agent.run("How many pens are there?", budget=Budget(latency=2))
        seconds.append(asyncio.get_running_loop().time() - began)
        if result.evidence[0].usable:
            good.append(began)

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(int(OVER * rate)):
                group.create_task(query())
                await asyncio.sleep(1 / rate)

    VirtualClock().run(main())
    during = [at for at in attempts if BEGINS <= at < ENDS]
    assert len(during) <= 0.1 * rate * (ENDS - BEGINS)
    assert len(seconds) == int(OVER * rate)
    assert max(seconds) <= 2.0
    assert min(at for at in good if at >= ENDS) <= ENDS + 35
    assert len([at for at in good if at < BEGINS - 0.1]) >= rate * (BEGINS - 0.1) - 1
    # Once it is back, every query has it again.
    assert len([at for at in good if at >= ENDS + 36]) >= rate * (OVER - ENDS - 36) - 1
