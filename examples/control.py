"""A shop whose services drop requests, hang and are down, and what is done about it: python -m examples.control"""

from __future__ import annotations

import asyncio
from itertools import count

from shotclock import Agent, Budget, tool
from shotclock.testing import ScriptedModel, VirtualClock, ask

requests, trips = count(1), count(1)


@tool(read_only=True, retry=2)
async def stock(product: str) -> int:
    """Pieces in the warehouse; every eighth request is dropped."""
    if next(requests) % 8 == 0:
        raise ConnectionError("connection reset")
    return 7


@tool(read_only=True, hedge=True)
async def delivery(city: str) -> int:
    """Days to deliver to a city; every ninth request hangs."""
    return await asyncio.sleep(30 if next(trips) % 9 == 0 else 0.05, 3)


@tool(read_only=True, cache="1h", isolation="process")
def parcels(pieces: int) -> int:
    """Parcels for so many pieces, by a library that may crash."""
    return -(-pieces // 4)


@tool(read_only=True)
async def listed(product: str) -> float:
    """Price in last week's list."""
    return 39.9


@tool(read_only=True, timeout=0.3, fallback=listed)
async def price(product: str) -> float:
    """Price today; the service is down."""
    return await asyncio.sleep(30, 35.0)


async def main() -> None:
    """Ask the same forty times, and print what was decided, how often and why."""
    lamp = {"product": "lamp"}
    calls = ask(("stock", lamp), ("delivery", {"city": "Oslo"}), ("parcels", {"pieces": 7}), ("price", lamp))
    agent = Agent(ScriptedModel([calls, "7 lamps are there."]), [stock, delivery, parcels, price])
    results = [await agent.run("Can I have a lamp?", budget=Budget(latency=1.5)) for _ in range(40)]
    print(f"{sum(result.verified for result in results)} of {len(results)} answers are verified")
    for kind in ("retry", "hedge", "cache", "fallback"):
        reasons = [each["reason"] for result in results for each in result.decisions if each["kind"] == kind]
        print(f"{kind}, {len(reasons)} times\n  first: {reasons[0]}\n  last:  {reasons[-1]}")


if __name__ == "__main__":
    VirtualClock().run(main())
