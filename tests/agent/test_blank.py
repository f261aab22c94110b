"""Models that stop without an answer, or in the middle of one: the run says so and uses what is there."""

from __future__ import annotations

import pytest

from shotclock import Agent, Budget
from shotclock.agent.models.base import CallReady, Finish, Pace, TextDelta
from shotclock.testing import VirtualClock, fake_tool
from shotclock.tools.call import Call

LOOK = CallReady(Call(id="c", tool="look"))
CUT = CallReady(Call(id="d", tool="look", malformed="the token limit cut the arguments off"))
SEVEN = TextDelta("There are 7 apples.")


class Gives:
    """A model that gives these events, one list a call, and keeps to the last one."""

    name, provider, price = "gives", "test", None

    def __init__(self, *turns):
        self.pace = Pace(start=0.05, per_token=0.001)
        self.requests = []
        self._turns = turns

    async def stream(self, request):
        self.requests.append(request)
        for event in self._turns[min(len(self.requests), len(self._turns)) - 1]:
            yield event


def run(*turns, latency=5):
    look = fake_tool("look", returns="There are 7 apples.", read_only=True)
    agent = Agent(Gives(*turns), [look])
    return VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=latency)))


def test_a_model_that_stops_without_a_word_is_asked_for_its_answer():
    """It is asked once more, for the answer; that it had stopped is said, and nobody is told that it had answered."""
    result = run([LOOK, Finish()], [Finish()], [SEVEN, Finish()])
    assert (result.answer, result.verified) == ("There are 7 apples.", True)
    assert (result.status, result.stop_reason) == ("partial", "model_failed")
    assert "stopped without an answer (finish reason: stop)" in result.warnings[0]


@pytest.mark.parametrize("reason", ["stop", "content_filter"])
def test_a_model_that_never_says_a_word_leaves_what_was_found(reason):
    """The answer is put together from the evidence, and why is said."""
    result = run([LOOK, Finish()], [Finish(reason=reason)])
    assert (result.answer, result.status, result.stop_reason) == ("There are 7 apples.", "fallback", "model_failed")
    assert f"finish reason: {reason}" in result.warnings[0]


@pytest.mark.parametrize("text", ["", "There are 7 apples. And the"])
def test_a_limit_of_the_endpoint_s_own_is_no_whole_answer(text):
    """Where no limit of the run ended an answer, its last half sentence is dropped and the cut is said."""
    result = run([LOOK, Finish()], [TextDelta(text), Finish(reason="length")], latency=None)
    assert (result.answer, result.stop_reason) == ("There are 7 apples.", "tokens")
    assert result.status in ("partial", "fallback")
    assert "the tokens that the endpoint allowed" in result.warnings[0]


def test_a_call_whose_arguments_were_cut_costs_only_itself():
    """Its sibling is run, the model is told what was wrong, and answers."""
    result = run([LOOK, CUT, Finish(reason="length")], [SEVEN, Finish()])
    assert (result.answer, result.verified, result.spend.tool_calls) == ("There are 7 apples.", True, 1)
    assert [item.outcome.name for item in sorted(result.evidence, key=lambda item: item.id)] == ["ok", "error"]
