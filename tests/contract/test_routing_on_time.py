"""Promise 1 with several models: one that is dead or hangs costs neither the answer nor the deadline.

Over real sockets: a local server of chat completions plays each endpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from shotclock import Agent, Budget, Policy, judge, tool
from shotclock.agent.models.base import Pace
from shotclock.agent.models.openai import OpenAI
from shotclock.policies.verification import Verification

from ..agent.openai_server import CUT, HOLD, Answer, OpenAIServer, chunk, piece, sse, usage

pytestmark = pytest.mark.alone

LATENCY = 1.5
LATEST = LATENCY + 0.05
QUICK = Pace(start=0.05, per_token=0.0005)
SENTENCE, OPEN = "The sibling found 42 apples.", "It depends on how one counts."
ASKED = Policy(verification=Verification(probe=1.0))
"""A judge is asked whatever was learnt of it."""
DEAD = "http://127.0.0.1:9/v1"

TROUBLE = {
    "hangs before the headers": Answer(steps=(HOLD,), silent=True),
    "hangs before the first token": Answer(steps=(HOLD,)),
    "hangs in the middle": Answer(steps=(sse(chunk({"content": "Well, "}), done=False), HOLD)),
    "drops the connection": Answer(steps=(CUT,)),
    "answers 500": Answer(status=500, framing="length", steps=(b"oops",)),
    "answers 429": Answer(status=429, headers=(("Retry-After", "30"),), framing="length", steps=(b"slow down",)),
}


@tool(read_only=True)
async def sibling() -> str:
    """How many apples the sibling found."""
    return SENTENCE


def asks() -> Answer:
    """The endpoint asks for the sibling."""
    start = piece("{}", id="call-1", name="sibling")
    return Answer(steps=(sse(chunk({"tool_calls": [start]}), chunk(finish="tool_calls"), usage()),))


def says(text: str) -> Answer:
    """The endpoint writes this."""
    return Answer(steps=(sse(chunk({"content": text}), chunk(finish="stop"), usage()),))


@pytest.fixture
def good() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def bad() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def model(name: str, url: str) -> OpenAI:
    return OpenAI(name, base_url=url, pace=QUICK)


def run(models, **options):
    """A run in real time, and how long its caller waited for it."""
    agent = Agent(models, [sibling], **options)
    began = time.monotonic()
    result = agent.run_sync("How many apples did the sibling find?", budget=Budget(latency=LATENCY))
    return result, time.monotonic() - began


@pytest.mark.parametrize("trouble", [*TROUBLE, "is not there"])
def test_a_dead_or_hanging_stronger_model_costs_neither_answer_nor_deadline(good, bad, trouble):
    """The answer that was doubted stands as it was, in time, whatever the stronger model does."""
    good.script(asks(), says(OPEN))
    bad.script(*[TROUBLE.get(trouble, says(""))] * 2)
    url = DEAD if trouble == "is not there" else bad.base_url
    result, took = run([model("small", good.base_url), model("large", url)])
    assert took <= LATEST
    assert (result.answer, result.model, result.status) == (OPEN, "small", "complete")
    assert any(d["kind"] == "route" and d["choice"] == "escalate" for d in result.decisions)


@pytest.mark.parametrize("trouble", [*TROUBLE, "is not there"])
def test_a_dead_or_hanging_judge_costs_neither_answer_nor_deadline(good, bad, trouble):
    """The answer stands with the verdict that the evidence gave it, in time, whatever the judge does."""
    good.script(asks(), says(OPEN))
    bad.script(*[TROUBLE.get(trouble, says(""))] * 2)
    url = DEAD if trouble == "is not there" else bad.base_url
    result, took = run(model("small", good.base_url), verify=[judge(model("reader", url))], policy=ASKED)
    assert took <= LATEST
    assert (result.answer, result.verdict.outcome, result.status) == (OPEN, "unsure", "complete")
    assert any(warning.startswith("The verifier judge") for warning in result.warnings)


@pytest.mark.parametrize("trouble", [name for name in TROUBLE if name != "hangs in the middle"] + ["is not there"])
def test_the_next_model_answers_for_one_that_is_dead_or_hangs(good, bad, trouble):
    """The first model's endpoint fails or says nothing: the second does it all, in time, and no fallback is needed."""
    good.script(asks(), says(SENTENCE))
    bad.script(*[TROUBLE.get(trouble, says(""))] * 2)
    url = DEAD if trouble == "is not there" else bad.base_url
    result, took = run([model("small", url), model("large", good.base_url)])
    assert took <= LATEST
    assert (result.answer, result.model, result.status, result.verified) == (SENTENCE, "large", "complete", True)
