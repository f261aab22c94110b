"""An agent inside a tool of another: one deadline and one ledger for both."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Agent, AudioChunk, Budget, CallProgress, InnerCall, progress, send_audio, tool
from shotclock.policies.errors import InvalidTool
from shotclock.policies.ledger import Claim, Ledger, Refusal
from shotclock.testing import Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

LOOK = fake_tool("look", returns="There are 7 apples.", after=1)


def pair(inner_steps, outer_answer="There are 7 apples.", tools=(LOOK,)):
    """An outer agent whose only tool is an inner agent."""
    inner = Agent(ScriptedModel(inner_steps), tools, name="expert", instructions="Knows about apples.")
    outer = ScriptedModel([ask(("expert", {"question": "How many apples?"})), outer_answer])
    return Agent(outer, [inner.as_tool()])


def run(agent, **limits):
    return VirtualClock().run(agent.run("How many apples are there?", budget=Budget(**{"latency": 10} | limits)))


def test_the_inner_answer_is_the_tools_result():
    """What the inner agent answers is evidence of the outer one."""
    result = run(pair([ask(("look", {})), "There are 7 apples."]))
    assert result.evidence[0].value == "There are 7 apples."
    assert result.verified


def test_what_the_inner_run_spends_is_spent():
    """The outer spend holds the inner tool calls and model calls."""
    result = run(pair([ask(("look", {})), "There are 7 apples."]))
    assert result.spend.tool_calls == 2
    assert result.spend.model_calls == 4
    assert result.spend.per_tool == {"expert": 1, "look": 1}


@pytest.mark.parametrize(("limit", "value"), [("tool_calls", 3), ("model_calls", 4)])
def test_the_outer_limit_holds_inside(limit, value):
    """An inner agent that would go on for ever stops at what the outer one has left."""
    asking = [ask(*[("look", {"text": f"{turn} {n}"}) for n in range(4)]) for turn in range(20)]
    result = run(pair(asking), **{limit: value})
    assert getattr(result.spend, limit) <= value


def test_the_outer_deadline_holds_inside():
    """An inner agent that hangs is interrupted in time for the outer one to answer."""
    result = run(pair([ask(("look", {})), Hang()]), latency=4)
    assert result.elapsed <= 4
    assert "7 apples" in result.answer


def test_an_inner_answer_that_failed_its_checks_is_an_error():
    """A wrong inner answer does not become evidence."""
    result = run(pair([ask(("look", {})), "There are 9 apples."], outer_answer="I do not know."))
    assert result.evidence[0].outcome.name == "error"
    assert "9" in result.evidence[0].content


def test_an_inner_run_without_an_answer_is_an_error():
    """That nothing was found is no evidence: the outer model is told why, and the tool failed."""
    inner = Agent("rules", [fake_tool("look", error=ValueError("down"))], name="expert", instructions="Knows apples.")
    outer = ScriptedModel([ask(("expert", {"question": "How many apples?"})), "I do not know."])
    result = run(Agent(outer, [inner.as_tool()]))
    assert result.evidence[0].outcome.name == "error"
    assert result.evidence[0].content.startswith("expert failed: expert has no answer (")
    assert any(warning.startswith("Nothing came of expert") for warning in result.warnings)


def test_a_partial_inner_answer_says_so():
    """The outer model reads that an answer was cut short; a complete one is handed on as it is."""
    slow = Say("There are 7 apples. They are red and", every=0.5)
    result = run(pair([ask(("look", {})), slow], outer_answer="There are 7 apples."), latency=4)
    assert result.evidence[0].content == (
        "There are 7 apples.\n[partial answer: the reasoning ended early by deadline]"
    )


def test_an_agent_without_a_description_is_no_tool():
    """A model must be told what the tool is for."""
    with pytest.raises(InvalidTool, match="has no docstring"):
        Agent(ScriptedModel([])).as_tool()
    assert Agent(ScriptedModel([])).as_tool("helper", description="Helps.").name == "helper"


@tool(read_only=True)
async def count() -> str:
    """Count apples."""
    progress(0.5, "half of them")
    send_audio(b"one", 0.0, 0.5)
    return "There are 7 apples."


@tool(read_only=True, isolation="process")
def ask_apart() -> str:
    """Ask an agent in a worker process."""
    return Agent(ScriptedModel([ask(("count", {})), "There are 7 apples."]), [count]).run_sync("How many?").answer


def sayings(agent):
    """What a stream of the agent tells of what its tools say meanwhile."""

    async def consume():
        return [event async for event in agent.stream("How many apples?", budget=Budget(latency=20))]

    return [event for event in asyncio.run(consume()) if isinstance(event, CallProgress | AudioChunk)]


def test_what_a_tool_inside_says_reaches_the_outer_stream():
    """Progress and sound come under the outer call, and name the calls inside that they are of."""
    middle = Agent(ScriptedModel([ask(("count", {})), "There are 7 apples."]), [count], name="expert")
    boss = Agent(ScriptedModel([ask(("expert", {"question": "?"})), "There are 7 apples."]),
                 [middle.as_tool(description="Knows apples.")], name="boss")  # fmt: skip
    model = ScriptedModel([ask(("boss", {"question": "?"})), "There are 7 apples."])
    said, heard = sayings(Agent(model, [boss.as_tool(description="Knows people.")]))
    assert (said.call, said.tool, said.fraction, said.message) == ("call-1", "boss", 0.5, "half of them")
    assert said.inner == (InnerCall(id="call-1", tool="expert"), InnerCall(id="call-1", tool="count"))
    assert said.to_dict()["inner"] == [
        {"id": "call-1", "tool": "expert", "attempt": 1}, {"id": "call-1", "tool": "count", "attempt": 1},
    ]  # fmt: skip
    assert (heard.data, heard.inner) == (b"one", said.inner)


def test_it_does_so_out_of_a_worker_process():
    """An agent that a tool runs in a process of its own is heard too."""
    said, heard = sayings(Agent(ScriptedModel([ask(("ask_apart", {})), "There are 7 apples."]), [ask_apart]))
    assert [each.tool for each in said.inner] == ["count"]
    assert (said.tool, said.fraction, heard.data) == ("ask_apart", 0.5, b"one")


def test_an_inner_run_that_is_streamed_itself_tells_both():
    """Whoever streams the inner run is told of its own calls, and whoever streams the outer one what is inside."""
    inner = Agent(ScriptedModel([ask(("count", {})), "There are 7 apples."]), [count])
    own = []

    @tool(read_only=True)
    async def relay() -> str:
        """Ask the other one."""
        own.extend([event async for event in inner.stream("?") if isinstance(event, CallProgress)])
        return "There are 7 apples."

    said, _ = sayings(Agent(ScriptedModel([ask(("relay", {})), "There are 7 apples."]), [relay]))
    assert [(each.tool, each.inner) for each in own] == [("count", ())]
    assert (said.tool, said.inner) == ("relay", (InnerCall(id="call-1", tool="count"),))


def test_ledgers_nest():
    """Both ledgers must grant a claim, a refusal by one leaves nothing in the other, and settling reaches both."""
    above = Ledger(Budget(tokens=100))
    below = Ledger(Budget(tokens=80), above)
    first = below.reserve(Claim(input_tokens=50))
    assert isinstance(below.reserve(Claim(input_tokens=40)), Refusal)
    assert (above.spend().tokens, below.spend().tokens) == (50, 50)
    assert below.left() == {"tokens": 30}
    first.settle(input_tokens=10)
    assert (above.spend().tokens, below.spend().tokens) == (10, 10)
    second = below.reserve(Claim(input_tokens=60))
    second.release()
    assert (above.spend().tokens, below.spend().tokens) == (10, 10)
