"""The turn's calls: all of them begin together, each under an id of its own, and each is accounted for."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from shotclock import Agent, Budget, tool
from shotclock.agent.models.base import CallDelta, CallReady, Finish, Pace, TextDelta
from shotclock.policies.errors import ModelError
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


def account(result):
    """Launched, adopted and wasted early starts."""
    rows = [d["figures"] for d in result.decisions if d["kind"] == "speculation"]
    return [(row["launched"], row["adopted"], row["wasted"]) for row in rows]


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


def test_a_model_that_counts_anew_every_turn_loses_nothing():
    """Calls that a model names alike in its turns are different ones in the run, and go back as it named them."""
    turns = [[("call_0", "look", {"text": f"{turn}"}), ("call_1", "look", {"text": f"{turn}b"})] for turn in range(3)]
    model = Turns(*turns)
    result = run(model, [takes(0.1, "look", read_only=True)])
    assert account(result) == [(6, 6, 0)]
    assert len({item.id for item in result.evidence}) == 6
    assert sorted(item.value for item in result.evidence) == [f"look {n}{b}" for n in range(3) for b in ("", "b")]
    sent = model.requests[-1].messages
    assert [[call["id"] for call in m["calls"]] for m in sent if "calls" in m] == [["call_0", "call_1"]] * 3
    told = [(m["call_id"], m["content"]) for m in sent if m["role"] == "tool"]
    assert told == [(f"call_{n}", f"look {turn}{b}") for turn in range(3) for n, b in enumerate(("", "b"))]


def test_two_calls_of_one_name_in_a_turn_are_told_apart():
    """Where a model gives two calls of a turn one id, the messages that go back name them differently."""
    model = Turns([("x", "look", {"text": "1"}), ("x", "look", {"text": "2"})])
    run(model, [takes(0.1, "look", read_only=True)])
    sent = model.requests[-1].messages
    asked = [(call["id"], call["arguments"]["text"]) for m in sent for call in m.get("calls", ())]
    assert asked == [("x", "1"), ("x-2", "2")]
    assert [(m["call_id"], m["content"]) for m in sent if m["role"] == "tool"] == [("x", "look 1"), ("x-2", "look 2")]


def test_what_landed_under_a_repeated_id_is_kept_where_the_loop_is_blocked():
    """The thread that closes the run takes in a result of this turn, whatever an earlier turn's was called."""

    async def block() -> str:
        """Block the loop."""
        time.sleep(0.8)  # noqa: ASYNC251  # that is what is tested
        return "never"

    calls = [("call_0", "look", {"text": "2"}), ("call_1", "block", {})]
    model = Turns([("call_0", "look", {"text": "1"})], calls)
    tools = [fake_tool("look", returns="found", read_only=True), tool(block)]
    result = Agent(model, tools).run_sync("?", budget=Budget(latency=0.4))
    assert [item.content for item in result.evidence] == ["found", "found"]
    assert len({item.id for item in result.evidence}) == 2


def test_a_failed_attempt_lends_its_plan_no_steps():
    """A model call that is made again writes its plan anew: a step of the same name is run with its new arguments."""

    class Breaks(Turns):
        async def stream(self, request):
            self.requests.append(request)
            if len(self.requests) >= 3:
                yield TextDelta("I see.")
                yield Finish()
                return
            steps = [{"id": "a", "tool": "look", "arguments": {"text": f"{len(self.requests)}"}}]
            steps.append({"id": "b", "tool": "look", "arguments": {"text": "same"}})
            text = json.dumps({"steps": steps})
            yield CallDelta("p", "plan", text[:-2])
            await asyncio.sleep(0.2)
            if len(self.requests) == 1:
                raise ModelError("gone", kind="dropped")
            yield CallDelta("p", "plan", text[-2:])
            yield CallReady(Call(id="p", tool="plan", arguments={"steps": steps}))
            yield Finish(reason="tool_calls")

    result = run(Breaks(), [takes(0.1, "look", read_only=True), takes(0.1, "see")])
    by_step = {item.id.rpartition(".")[2]: item.value for item in result.evidence[-2:]}
    assert by_step["a"] == "look 2"
    assert result.spend.tool_calls == 3
    assert account(result) == [(3, 2, 1)]


def test_a_plan_that_nobody_asked_for_begins_nothing():
    """Where only an answer is wanted, a model that writes a plan all the same starts no tool with it."""

    class Writes(Turns):
        async def stream(self, request):
            self.requests.append(request)
            if request.purpose == "answer":
                yield CallDelta("p", "plan", json.dumps(two_steps("look", "look")))
                await asyncio.sleep(0.5)
            yield Finish()

    model = Writes()
    result = run(model, [takes(0.1, "look", read_only=True), takes(0.1, "see")])
    assert [request.purpose for request in model.requests] == ["reason", "answer"]
    assert result.spend.tool_calls == 0
