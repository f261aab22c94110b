"""What a deadline does: one tool answers, one hangs, the answer is on time. Run it: python -m examples.slow_tools"""

from __future__ import annotations

import asyncio

from shotclock import Agent, Budget, tool


@tool(read_only=True)
async def weather(city: str) -> dict[str, float]:
    """Current weather in a city."""
    await asyncio.sleep(0.2)
    return {"celsius": 4.0}


@tool(read_only=True)
async def population(city: str) -> dict[str, int]:
    """Population of a city."""
    await asyncio.sleep(60)
    return {"people": 717_710}


async def main() -> None:
    """Ask for both with one second, and look at what came of it."""
    agent = Agent("rules", tools=[weather, population])
    result = await agent.run("What is the weather in Oslo and the population of Oslo?", budget=Budget(latency=1.0))
    print(result.answer)
    print(f"{result.status}, {result.stop_reason}, after {result.elapsed:.2f} s")
    for item in result.evidence:
        print(f"  {item.tool}: {item.outcome.name}, {item.verdict.outcome}")
    for warning in result.warnings:
        print(f"  ! {warning}")


if __name__ == "__main__":
    asyncio.run(main())
