"""One plan instead of three turns: each step begins once what it takes is there. Run it: python -m examples.plan"""

from __future__ import annotations

import asyncio
from typing import TypedDict

from shotclock import Agent, Budget, tool
from shotclock.testing import Say, ScriptedModel, VirtualClock, ask


class Order(TypedDict):
    """What is known of an order."""

    customer: str
    product: str


@tool(read_only=True)
async def order(number: int) -> Order:
    """Look an order up by its number."""
    return await asyncio.sleep(0.3, Order(customer="Ada", product="lamp"))


@tool(read_only=True)
async def home(customer: str) -> str:
    """City a customer lives in."""
    return await asyncio.sleep(0.2, "Oslo")


@tool(read_only=True)
async def days(product: str, city: str) -> int:
    """Days a product takes to a city."""
    return await asyncio.sleep(0.4, 3)


# What a model writes where it is offered the tool `plan`; `$o.customer` is a field of what step `o` returns.
STEPS = [
    {"id": "o", "tool": "order", "arguments": {"number": 17}},
    {"id": "h", "tool": "home", "arguments": {"customer": "$o.customer"}},
    {"id": "d", "tool": "days", "arguments": {"product": "$o.product", "city": "$h"}},
]
TURNS = [("order", {"number": 17}), ("home", {"customer": "Ada"}), ("days", {"product": "lamp", "city": "Oslo"})]
ANSWER = Say("The lamp takes 3 days to Oslo.", after=0.6)


async def main() -> None:
    """Answer the same question both ways, with a model that takes 0.6 s a call."""
    for name, calls in (("by plan", [("plan", {"steps": STEPS})]), ("turn by turn", TURNS)):
        model = ScriptedModel([*(ask(call, after=0.6) for call in calls), ANSWER])
        result = await Agent(model, [order, home, days]).run("When does order 17 arrive?", budget=Budget(latency=10))
        print(f"{name}: {result.elapsed:.1f} s, {result.spend.model_calls} model calls. {result.answer}")
        for each in result.evidence:
            print(f"  {each.tool}({', '.join(map(str, each.arguments.values()))}) gave {each.content}")


if __name__ == "__main__":
    VirtualClock().run(main())
