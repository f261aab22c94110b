"""A product's own tools, checked, answered by a deadline. Run it: python -m examples.shop"""

from __future__ import annotations

from shotclock import Agent, Budget, tool


@tool(read_only=True, timeout=1.0, checks=[lambda price: price > 0 or "a price is above zero"])
async def price(product: str) -> float:
    """Current price of a product in the shop, in euros."""
    return {"lamp": 39.90, "chair": 89.00}.get(product.lower(), 0.0)


def main() -> None:
    """Ask about a lamp, with two seconds and three tool calls at most."""
    agent = Agent("rules", tools=[price])
    result = agent.run_sync('What is the price of the product "lamp"?', budget=Budget(latency=2.0, tool_calls=3))
    print(result.answer)
    print(result.status, result.stop_reason, "verified" if result.verified else "not verified")
    print(f"{result.spend.tool_calls} tool call in {result.elapsed:.3f} s of {result.budget.latency} s")


if __name__ == "__main__":
    main()
