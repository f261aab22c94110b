"""The turn's calls: all of them begin together, each under an id of its own, and each is accounted for."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Agent, Budget, tool
from shotclock.agent.models.base import CallReady, Finish, Pace, TextDelta
from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool
from shotclock.tools.call import Call


class Turns:
    """A model that hands out the calls of each turn, `lasts` seconds before the turn ends, under the ids it is given;
    after the last it answers."""

    name, provider, price = "turns", "test", None

    def __init__(self, *turns, lasts=0.0, answer="Done."):
        self.pace = Pace(start=0.0, per_token=0.0)
        self.requests = []
        self._turns, self._lasts, self._answer = turns, lasts, answer

    async def stream(self, request):
        self.requests.append(request)
        if len(self.requests) > len(self._turns):
            yield TextDelta(self._answer)
            yield Finish()
            return
        for identity, name, arguments in self._turns[len(self.requests) - 1]:
            yield CallReady(Call(id=identity, tool=name, arguments=arguments))
        await asyncio.sleep(self._lasts)
        yield Finish(reason="tool_calls")


def takes(seconds, name, **options):
    """A tool that takes so long and gives its text back."""

    async def echo(text: str = "") -> str:
        """Give the text back."""
        await asyncio.sleep(seconds)
        return f"{name} {text}"

    return tool(name, **options)(echo)


def run(model, tools, **limits):
    """One run on the virtual clock."""
    return VirtualClock().run(Agent(model, tools).run("?", budget=Budget(**{"latency": 30} | limits)))


def two_steps(first, second):
    """The arguments of a plan whose second step waits for its first."""
    return {"steps": [{"id": "a", "tool": first, "arguments": {}},
                      {"id": "b", "tool": second, "arguments": {}, "after": ["a"]}]}  # fmt: skip


def test_the_effects_of_every_begun_plan_start_as_soon_as_the_turn_is_complete():
    """A plan that was begun early does not wait for the one before it to end."""
    tools = [takes(1, "look", read_only=True), takes(3, "write"), takes(3, "post")]
    calls = [("1", "plan", two_steps("look", "write")), ("2", "plan", two_steps("look", "post"))]
    result = run(Turns(calls, lasts=2.0), tools)
    assert result.elapsed == pytest.approx(5.0)
    assert [item.outcome.name for item in result.evidence] == ["ok"] * 4


def test_an_early_start_is_recorded_with_what_it_was_decided_on():
    """The situation in the record is that of the decision, not of the moment at which the call began."""
    tools = [takes(1, "look", read_only=True), takes(1, "see", read_only=True)]
    calls = [("1", "plan", two_steps("look", "see")), ("2", "look", {"text": "x"})]
    result = run(Turns(calls, lasts=5.0), tools)
    eager = {d["figures"]["call"]: d["figures"]["taken"] for d in result.decisions if d["kind"] == "eager"}
    assert eager == {"1.a": 2, "2": 3, "1.b": 3}


def test_a_fault_inside_the_pipeline_is_said():
    """Where a tool only failed, though by no fault of its own, the answer is partial and the user is told."""
    agent = Agent(ScriptedModel([ask(("look", {})), "I do not know."]), [fake_tool("look", read_only=True)])
    agent.memory.gates.of = None  # what the pipeline asks first, and now raises
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=5)))
    assert result.status == "partial"
    assert any(
        warning.startswith("Nothing came of look: look failed inside the pipeline") for warning in result.warnings
    )
    assert result.evidence[0].verdict.verifier == "pipeline"
