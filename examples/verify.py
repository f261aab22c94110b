"""Checks of answers: a rule of the product's own, and a model that judges. Run it: python examples/verify.py"""

from __future__ import annotations

from shotclock import Agent, Answered, Budget, Verdict, judge, tool
from shotclock.testing import ScriptedModel, ask


@tool(read_only=True)
def price(item: str) -> str:
    """What an item costs."""
    return f"The {item} costs 39.90 euros."


def in_euros(answered: Answered) -> str | bool:
    """Customers are told prices in euros."""
    return True if "euro" in answered.text else "it must name the price in euros"


async def our_word(answered: Answered) -> Verdict:
    """Where the check against the evidence cannot tell, a verdict of ours vouches for the answer."""
    used = [item.tool for item in answered.evidence if item.usable]
    if "price" in used and "39.90" in answered.text:
        return Verdict.passed("our_word", "the price list was asked, and its figure is named")
    return Verdict.unsure("our_word", "the price list was not asked")


# Scripts stand in for models here, so that it runs offline; put "openai:NAME" in their place.
writer = ScriptedModel([ask(("price", {"item": "lamp"})), "The lamp costs 39.90.", "The lamp costs 39.90 euros."])
reader = ScriptedModel(['{"verdict": "pass", "score": 0.9, "reason": "the evidence says so"}'], name="reader")

if __name__ == "__main__":
    agent = Agent(writer, [price], verify=[in_euros, our_word, judge(reader)])
    result = agent.run_sync("What does the lamp cost?", budget=Budget(latency=5))
    print(result.answer)
    print(f"verified: {result.verified} ({result.verdict.verifier}: {result.verdict.reason})")
    print(f"model calls: {result.spend.model_calls}, the judge's among them")
    for made in result.decisions:
        if made["kind"] == "verify":
            print(f"{made['choice']}: {made['reason']}")
