"""Results that must agree, and calls that are made again."""

from __future__ import annotations

import itertools

import pytest

from shotclock import Agent, Budget, UsageError
from shotclock.agent.recheck import recheck
from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool
from shotclock.tools.checks import agrees_with
from shotclock.tools.tool import Tool


def shops(one, two, *, other="lamp", **options):
    """A run that asks two shops for a price and then answers with what the first one said."""
    first = fake_tool("first", returns=one, checks=[agrees_with("second", **options)])
    second = fake_tool("second", returns=two)
    model = ScriptedModel(
        [ask(("first", {"text": "lamp"}), ("second", {"text": other})), "The lamp costs 39.90 euros."]
    )
    result = VirtualClock().run(Agent(model, [first, second]).run("What does the lamp cost?", budget=Budget(latency=9)))
    return result, model


COSTS = "The lamp costs 39.90 euros."


def test_results_that_agree_pass_with_a_higher_score():
    """What two tools say alike is surer than what one says."""
    result, _ = shops(COSTS, "the lamp costs 39.90 euros")
    assert [(item.verdict.outcome, item.verdict.score) for item in result.evidence] == [("pass", 0.75)] * 2
    assert result.verified


def test_results_that_disagree_leave_both_open():
    """Neither is believed over the other; model and user are told, and no answer that rests on one is verified."""
    result, model = shops(COSTS, "The lamp costs 45.00 euros.")
    assert [item.verdict.outcome for item in result.evidence] == ["unsure", "unsure"]
    assert (result.verdict.outcome, result.verdict.verifier) == ("unsure", "agreement")
    assert "First and second disagree." in result.warnings
    assert "[first and second disagree]" in model.requests[1].messages[-1]["content"]


@pytest.mark.parametrize(
    ("two", "other", "options"),
    [
        ("The lamp costs 45.00 euros.", "chair", {}),
        ("", "lamp", {}),
        ({"price": 45}, "lamp", {"field": "price"}),
    ],
)
def test_what_is_not_the_same_question_is_not_compared(two, other, options):
    """Other arguments, an empty result or one without the field say nothing against a result."""
    result, _ = shops(COSTS, two, other=other, **options)
    assert not any(item.verdict.verifier == "agreement" for item in result.evidence)


def test_fields_are_compared_within_a_tolerance():
    """Records that differ elsewhere agree where the field does."""
    result, _ = shops({"price": 39.9, "shop": "a"}, {"price": 40.0, "shop": "b"}, field="price")
    assert [item.verdict.outcome for item in result.evidence] == ["pass", "pass"]
    strict, _ = shops({"price": 39.9}, {"price": 40.0}, field="price", tolerance=0.001)
    assert [item.verdict.outcome for item in strict.evidence] == ["unsure", "unsure"]
    with pytest.raises(UsageError, match="tolerance"):
        agrees_with("second", tolerance=-1)


def counting(values, **options):
    """A tool that returns one value after the other."""
    given = iter(values)

    async def count() -> str:
        """How many apples there are."""
        return f"There are {next(given)} apples."

    return Tool(count, "count", **options)


def rechecked(values, *, tool_calls=None, **options):
    """A run whose answer is checked by making its call again."""
    model = ScriptedModel([ask(("count", {})), "There are 7 apples."])
    agent = Agent(model, [counting(values, latency=0.1, **options)], verify=[recheck("count")])
    budget = Budget(latency=9, tool_calls=tool_calls)
    return VirtualClock().run(agent.run("How many apples are there?", budget=budget))


def test_a_call_that_gives_the_same_again_is_no_objection():
    """The second call counts like any other, and the answer stands."""
    result = rechecked(itertools.repeat(7), read_only=True)
    assert (result.verified, result.spend.tool_calls, len(result.evidence)) == (True, 2, 1)


def test_a_call_that_gives_something_else_refuses_the_answer():
    """The reason names both."""
    result = rechecked(itertools.chain([7], itertools.repeat(8)), read_only=True)
    assert result.verdict.reason == "count gave 'There are 7 apples.' and, asked again, 'There are 8 apples.'"


@pytest.mark.parametrize(
    ("options", "calls"), [({}, None), ({"read_only": True, "cache": 5}, None), ({"read_only": True}, 1)]
)
def test_no_call_is_made_again_that_must_not_be(options, calls):
    """An effect is not repeated, a kept result is not compared with itself, and no limit is exceeded."""
    result = rechecked(itertools.count(7), tool_calls=calls, **options)
    assert (result.verified, result.spend.tool_calls) == (True, 1)
