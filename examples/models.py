"""Several models for one agent: one answers, one is asked in doubt or takes over. Run it: python examples/models.py"""

from __future__ import annotations

from shotclock import Agent, Budget, tool
from shotclock.agent.models.base import Pace, Price, Usage
from shotclock.policies.errors import ModelError
from shotclock.testing import Fail, ScriptedModel, ask
from shotclock.testing.model import Step


@tool(read_only=True)
def price(item: str) -> str:
    """What an item costs."""
    return f"The {item} costs 39.90 euros."


def scripted(name: str, *steps: Step, usd: float) -> ScriptedModel:
    """A script in the place of a model, so that this runs offline; `usd` is its price per million tokens."""
    rates = Price(input_per_million=usd, output_per_million=8 * usd)
    used = Usage(input_tokens=200, output_tokens=20)
    return ScriptedModel(steps, name=name, price=rates, usage=used, pace=Pace(start=0.05, per_token=0.001))


ASKS = ask(("price", {"item": "lamp"}))
RIGHT, WRONG = "The lamp costs 39.90 euros.", "The lamp costs 29.90 euros."
DOWN = Fail(ModelError("small: down for maintenance", status=503))

CASES = {
    "the small one is right": (scripted("small", ASKS, RIGHT, usd=0.05), scripted("large", RIGHT, usd=1.25)),
    "its answer is refused": (scripted("small", ASKS, WRONG, usd=0.05), scripted("large", RIGHT, usd=1.25)),
    "it is down": (scripted("small", DOWN, usd=0.05), scripted("large", ASKS, RIGHT, usd=1.25)),
}

if __name__ == "__main__":
    for what, models in CASES.items():
        agent = Agent(models, [price])  # as Agent(["openai:gpt-5-nano", "openai:gpt-5"], [price])
        result = agent.run_sync("What does the lamp cost?", budget=Budget(latency=5, cost_usd=0.05))
        print(f"{what}: {result.answer} ({result.model}, verified: {result.verified})")
        for made in result.decisions:
            if made["kind"] == "route":
                print(f"  {made['choice']}: {made['reason']}")
