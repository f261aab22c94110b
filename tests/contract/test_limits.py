"""Promise 2: nothing starts that the ledger has not reserved."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Agent, Budget, tool
from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool


def counting_tool(name="look_up", **options):
    """A tool that counts how often it was started."""
    started = []

    @tool(name, **options)
    async def look_up(text: str) -> str:
        """Look something up."""
        started.append(text)
        await asyncio.sleep(0.01)
        return f"{text} is known."

    return look_up, started


def eight_calls(name="look_up"):
    """A model that asks for eight calls at once, then answers."""
    return ScriptedModel([ask(*[(name, {"text": f"item {n}"}) for n in range(8)]), "I know what I know."])


@pytest.mark.parametrize("limit", range(7))
@pytest.mark.parametrize("how", ["run", "run_sync"])
def test_tool_calls_holds(limit, how):
    """With `tool_calls=N` and eight calls requested, exactly N are started and nothing is raised."""
    look_up, started = counting_tool()
    agent = Agent(eight_calls(), [look_up])
    budget = Budget(latency=5, tool_calls=limit)
    result = agent.run_sync("?", budget=budget) if how == "run_sync" else asyncio.run(agent.run("?", budget=budget))
    assert len(started) == limit
    assert result.spend.tool_calls == limit
    assert result.stop_reason == "tool_calls"
    assert result.status == "partial"
    outcomes = [item.outcome.name for item in result.evidence]
    assert outcomes.count("ok") == limit
    assert outcomes.count("skipped") == 8 - limit


@pytest.mark.parametrize("limit", range(7))
def test_per_tool_holds(limit):
    """`per_tool` limits one tool and leaves the others alone."""
    scarce, scarce_started = counting_tool("scarce")
    plenty, plenty_started = counting_tool("plenty")
    calls = [(name, {"text": f"item {n}"}) for n in range(8) for name in ("scarce", "plenty")]
    agent = Agent(ScriptedModel([ask(*calls), "Done."]), [scarce, plenty])
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=5, per_tool={"scarce": limit})))
    assert len(scarce_started) == limit
    assert len(plenty_started) == 8
    assert result.spend.per_tool.get("scarce", 0) == limit


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_retries_count(limit):
    """Attempts are what is counted: a tool that is retried uses up the limit with its retries."""
    failing = fake_tool("failing", error=OSError("down"), read_only=True, retry=9)
    agent = Agent(ScriptedModel([ask(("failing", {})), "It failed."]), [failing])
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=60, tool_calls=limit)))
    assert result.spend.tool_calls == limit
    assert result.evidence[0].attempts == limit
    assert result.evidence[0].outcome.name == "error"


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_model_calls_holds(limit):
    """`model_calls=N` starts at most N model calls; the answer is composed from what there is."""
    look_up, _ = counting_tool()
    model = eight_calls()
    agent = Agent(model, [look_up])
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=5, model_calls=limit)))
    assert len(model.requests) == limit
    assert result.spend.model_calls == limit
    assert result.stop_reason == ("answered" if limit == 2 else "model_calls")
    assert result.status == ("complete" if limit == 2 else "fallback")


def test_bad_arguments_cost_no_attempt():
    """Arguments that do not fit come back to the model as a clear message, and the limit is untouched."""
    look_up, started = counting_tool()
    model = ScriptedModel(
        [ask(("look_up", {"txt": 1}), ("lookup", {})), ask(("look_up", {"text": "a"})), "a is known."]
    )
    result = VirtualClock().run(Agent(model, [look_up]).run("?", budget=Budget(latency=5, tool_calls=1)))
    assert started == ["a"]
    told = [message["content"] for message in model.requests[1].messages if message["role"] == "tool"]
    assert told[0].startswith("look_up was not called: text: Field required")
    assert "did you mean 'look_up'?" in told[1]
    assert result.spend.tool_calls == 1
    assert result.verified


def test_money_holds():
    """A tool's price is reserved before it starts, and the limit is never passed."""
    priced = fake_tool("priced", returns="7 apples", cost_usd=0.4)
    model = ScriptedModel([ask(*[("priced", {"text": str(n)}) for n in range(5)]), "There are 7 apples."])
    result = VirtualClock().run(Agent(model, [priced]).run("?", budget=Budget(latency=5, cost_usd=1.0)))
    assert result.spend.tool_calls == 2
    assert result.spend.cost_usd == pytest.approx(0.8)
