"""When to stop asking: by count, by agreement, by price, by a rule of your own. Run it: python -m examples.stop_rule"""

from __future__ import annotations

import asyncio

from shotclock import Agent, Budget, Policy, Tool, tool
from shotclock.policies.stopping import Stopping, TurnSituation
from shotclock.testing import ScriptedModel, VirtualClock, ask


def shop(name: str, price: float) -> Tool:
    """A shop that is asked for a price."""

    @tool(name, read_only=True)
    async def offer(product: str) -> str:
        """Price of a product in this shop."""
        return await asyncio.sleep(0.4, f"{price} euros")

    return offer


SHOPS = [shop("first", 41.5), shop("second", 39.9), shop("third", 52.0), shop("fourth", 39.9)]


def cheap(situation: TurnSituation) -> str | None:
    """Stop at the first price below 40 euros; it runs after each turn and must be quick."""
    prices = [float(seen.text.split()[0]) for seen in situation.results if seen.verdict == "pass"]
    return f"{min(prices)} euros is cheap" if min(prices, default=40) < 40 else None


WAYS = {
    "the model decides": Stopping(),
    "three results are enough": Stopping(enough=3),
    "two shops agree": Stopping(agree=2),
    "a result is worth a cent, and so is a second": Stopping(value_usd=0.01, second_usd=0.01),
    "a rule of our own": Stopping(rules=(cheap,)),
}


async def main() -> None:
    """Ask one shop a turn until the policy stops; a model call takes half a second."""
    steps = [ask((each.name, {"product": "lamp"}), after=0.5) for each in SHOPS]
    for way, stopping in WAYS.items():
        model = ScriptedModel([*steps, "The lamp costs 39.9 euros."])
        agent = Agent(model, SHOPS, policy=Policy(stopping=stopping))
        result = await agent.run("What does the lamp cost?", budget=Budget(latency=10))
        stop = next(each for each in result.decisions if each["kind"] == "stop")
        print(
            f"{way}: asked {result.spend.tool_calls} of 4 shops in {result.elapsed:.1f} s. Stopped, as {stop['reason']}"
        )


if __name__ == "__main__":
    VirtualClock().run(main())
