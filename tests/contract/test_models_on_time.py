"""Promise 1, for models: whatever an endpoint does, the caller has a result by the deadline with the evidence in it.

Over real sockets: a local server of chat completions plays the endpoint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from shotclock import Agent, Budget, tool
from shotclock.agent.models.openai import OpenAI
from shotclock.testing import Hang, ScriptedModel, ask

from ..agent.openai_server import CUT, HOLD, Answer, OpenAIServer, chunk, piece, sse, usage

pytestmark = pytest.mark.alone

LATENCY = 0.5
LATEST = 0.55
SENTENCE = "The sibling found 42 apples."


@tool(read_only=True)
async def sibling() -> str:
    """How many apples the sibling found."""
    return SENTENCE


def calls() -> Answer:
    """The endpoint asks for the sibling."""
    start = piece("{}", id="call-1", name="sibling")
    return Answer(steps=(sse(chunk({"tool_calls": [start]}), chunk(finish="tool_calls"), usage()),))


JSON = (("Content-Type", "application/json"),)
HALF_A_CALL = sse(chunk({"tool_calls": [piece('{"te', id="call-2", name="sibling")]}), done=False)
WORDS = sse(chunk({"content": "Well, "}), done=False)

VICTIMS = {
    "hangs before the headers": [Answer(steps=(HOLD,), silent=True)],
    "hangs before the first token": [Answer(steps=(HOLD,))],
    "hangs in the middle": [Answer(steps=(WORDS, HOLD))],
    "trickles for ever": [Answer(steps=(WORDS, 0.02) * 200)],
    "drops the connection in a call": [Answer(steps=(HALF_A_CALL, CUT))] * 2,
    "drops the connection in the text": [Answer(steps=(WORDS, CUT))] * 2,
    "answers 429": [Answer(status=429, headers=(("Retry-After", "30"),), framing="length", steps=(b"slow down",))] * 2,
    "answers 500": [Answer(status=500, headers=JSON, framing="length", steps=(b'{"error": {"message": "oops"}}',))] * 2,
    "answers 500 in plain text": [Answer(status=500, framing="length", steps=(b"oops",))] * 2,
    "sends broken JSON": [Answer(steps=(sse("{broken"),))] * 2,
    "sends broken arguments": [
        Answer(
            steps=(sse(chunk({"tool_calls": [piece('{"a": ', id="c", name="sibling")]}), chunk(finish="tool_calls")),)
        )
    ]
    * 2,
}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def agent_for(server: OpenAIServer, victim: str) -> Agent:
    server.script(calls(), *VICTIMS[victim])
    return Agent(OpenAI("tiny", base_url=server.base_url), [sibling])


def check(result, elapsed, victim) -> None:
    assert elapsed <= LATEST, f"back after {elapsed:.3f} s"
    assert result.evidence[0].content == SENTENCE
    assert "42 apples" in result.answer
    assert result.verified
    assert result.status in ("fallback", "partial")
    assert result.warnings
    expected = "deadline" if victim.startswith(("hangs", "trickles")) else "model_failed"
    if victim != "sends broken arguments":
        assert result.stop_reason == expected


@pytest.mark.parametrize("victim", VICTIMS)
async def test_run_is_on_time(server, victim):
    """`run` returns by the deadline with the evidence found before the endpoint failed."""
    agent = agent_for(server, victim)
    began = time.monotonic()
    result = await agent.run("How many apples did the sibling find?", budget=Budget(latency=LATENCY))
    check(result, time.monotonic() - began, victim)


@pytest.mark.parametrize("victim", VICTIMS)
def test_run_sync_is_on_time(server, victim):
    """`run_sync` returns by the deadline with the evidence found before the endpoint failed."""
    agent = agent_for(server, victim)
    began = time.monotonic()
    result = agent.run_sync("How many apples did the sibling find?", budget=Budget(latency=LATENCY))
    check(result, time.monotonic() - began, victim)


@pytest.mark.parametrize("how", ["run", "run_sync"])
def test_the_interruption_is_seen_by_the_server_within_50_ms(server, how):
    """At the soft deadline the socket is closed at once: the endpoint stops generating, and charging."""
    agent = agent_for(server, "hangs in the middle")
    budget = Budget(latency=LATENCY)
    began = time.monotonic()
    if how == "run":
        result = asyncio.run(agent.run("How many apples did the sibling find?", budget=budget))
    else:
        result = agent.run_sync("How many apples did the sibling find?", budget=budget)
    stop = next(item["at"] for item in result.decisions if item["kind"] == "stop")
    assert server.left.wait(1)
    assert server.hung_up[0] - (began + stop) <= 0.05


def test_an_endpoint_that_is_not_there_is_answered_for(server):
    """An unreachable endpoint costs the better model, not the answer: the embedded one takes over and uses the
    tools."""
    agent = Agent(OpenAI("tiny", base_url="http://127.0.0.1:9/v1"), [sibling])
    result = agent.run_sync("How many apples did the sibling find?", budget=Budget(latency=2))
    assert "42 apples" in result.answer
    assert result.status == "fallback"
    assert result.stop_reason == "model_failed"
    assert any("tiny failed" in warning and "'rules' took over" in warning for warning in result.warnings)


def test_parallel_calls_and_a_streamed_answer(server):
    """The straight line: two calls in one turn, run side by side, then a streamed answer that is checked."""

    @tool(read_only=True)
    async def weather(city: str) -> str:
        """Weather in a city."""
        await asyncio.sleep(0.2)
        return f"It is {len(city)} degrees in {city}."

    two = [
        piece('{"city": "Oslo"}', index=0, id="a", name="weather"),
        piece('{"city": "Lima"}', index=1, id="b", name="weather"),
    ]
    text = ["It is 4 degrees in ", "Oslo. It is 4 degrees in Lima."]
    server.script(
        Answer(
            steps=(sse(*[chunk({"tool_calls": [call]}) for call in two], chunk(finish="tool_calls"), usage(50, 20)),)
        ),
        Answer(steps=(sse(*[chunk({"content": part}) for part in text], chunk(finish="stop"), usage(80, 15)),)),
    )
    agent = Agent(OpenAI("tiny", base_url=server.base_url), [weather])
    result = agent.run_sync("How warm is it in Oslo and Lima?", budget=Budget(latency=10))
    assert result.answer == "".join(text)
    assert result.status == "complete"
    assert result.verified
    assert (result.spend.input_tokens, result.spend.output_tokens) == (130, 35)
    assert result.elapsed < 0.4, "the two calls of 0.2 s ran side by side"
    assert [message["role"] for message in server.received[1].body["messages"]] == [
        "system", "user", "assistant", "tool", "tool",
    ]  # fmt: skip
    assert server.invalid == []


@pytest.mark.parametrize(
    ("error", "name"),
    [(RuntimeError("bug"), "RuntimeError"), (SystemExit(1), "SystemExit"), (KeyError("x"), "KeyError")],
)
def test_a_model_that_raises_anything_costs_one_model_call(error, name):
    """An adapter with a fault of its own is treated like an endpoint that failed."""
    from shotclock.testing import Fail

    agent = Agent(ScriptedModel([ask(("sibling", {})), Fail(error)]), [sibling])
    result = agent.run_sync("How many apples did the sibling find?", budget=Budget(latency=LATENCY))
    assert "42 apples" in result.answer
    assert result.stop_reason == "model_failed"
    assert any(name in warning for warning in result.warnings)


def test_a_lot_of_evidence_delays_no_answer():
    """Sixteen long documents beside a model that hangs: what is put together from them is there by the deadline.

    Half a tenth of a second of room for a machine that is slow at reading, beside what is promised."""

    @tool(read_only=True)
    async def document(number: int) -> str:
        """A long document."""
        return f"Orchard {number} grew {number + 40} apples in the spring of 2024, as in the year before it. " * 230

    model = ScriptedModel([ask(*(("document", {"number": number}) for number in range(16))), Hang()])
    agent = Agent(model, [document])
    agent.run_sync("How many apples?", budget=Budget(latency=1.0))  # what is imported late is no part of the promise
    model = ScriptedModel([ask(*(("document", {"number": number}) for number in range(16))), Hang()])
    began = time.monotonic()
    result = Agent(model, [document]).run_sync("How many apples grew in orchard 7?", budget=Budget(latency=1.0))
    assert time.monotonic() - began <= 1.1
    assert len([item for item in result.evidence if item.usable]) == 16
    assert "47 apples" in result.answer
