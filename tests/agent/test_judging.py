"""Costly checks of results: beside the next turn, and before calls that change something."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Agent, Budget, Policy, judge, tool
from shotclock.agent.judge import RESULT_RUBRIC
from shotclock.agent.lab.replay import replay
from shotclock.agent.models.base import Pace
from shotclock.agent.priced import costly
from shotclock.policies.errors import ModelError
from shotclock.policies.verification import Verification
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask

QUICK = Pace(start=0.5, per_token=0.001)
PASS, FAIL = '{"verdict": "pass", "reason": "yes"}', '{"verdict": "fail", "reason": "the stock is of last year"}'
EAGER = Policy(verification=Verification(probe=1.0))
"""Costly checks are asked whatever they usually take."""


def shop(check):
    """Two tools: one that reads, whose results are checked, and one that changes something; and what it did."""
    sold = []

    @tool(read_only=True, checks=[check])
    async def stock(item: str) -> str:
        """How many pieces are in stock."""
        await asyncio.sleep(0.3)
        return f"There are 7 pieces of {item}."

    @tool
    async def sell(item: str) -> str:
        """Sell one piece."""
        sold.append(item)
        return f"One piece of {item} was sold."

    return [stock, sell], sold


def run(check, *steps, policy=EAGER, latency=20):
    """A run that reads the stock, and then does these steps."""
    tools, sold = shop(check)
    model = ScriptedModel([ask(("stock", {"item": "lamp"})), *steps], name="writer")
    agent = Agent(model, tools, policy=policy)
    result = VirtualClock().run(agent.run("Sell a lamp if there is one.", budget=Budget(latency=latency)))
    assert all(each.same for each in replay(result.decisions, agent.policy))
    return result, sold, model


def reader(*says, after=0.8):
    """A judge that says this."""
    return judge(ScriptedModel([Say(each, after=after) if isinstance(each, str) else each for each in says],
                               name="reader", pace=QUICK))  # fmt: skip


SELLS = ask(("sell", {"item": "lamp"}))
SOLD = "One piece of lamp was sold."


def test_a_result_is_judged_beside_the_next_turn():
    """The model's turn of 1 s and the judge's of 0.8 s run side by side; the result has the judge's verdict."""
    result, _, _ = run(reader(PASS), Say("There are 7 pieces of lamp.", after=1.0))
    assert result.elapsed == pytest.approx(1.3, abs=0.01)
    assert (result.evidence[0].verdict.outcome, result.evidence[0].verdict.verifier) == ("pass", "judge")
    assert (result.verified, result.spend.model_calls) == (True, 3)


def test_the_judge_is_shown_the_call_and_its_result():
    """With a rubric for results where none is given, and the result fenced as data."""
    model = ScriptedModel([Say(PASS, after=0.1)], name="reader", pace=QUICK)
    run(judge(model), "There are 7 pieces of lamp.")
    system, user = (message["content"] for message in model.requests[0].messages)
    assert system == RESULT_RUBRIC
    assert 'stock {"item": "lamp"}' in user
    assert "<untrusted>\nThere are 7 pieces of lamp.\n</untrusted>" in user


def test_a_call_with_effects_waits_for_the_verdict():
    """It is made once the judge has passed what it rests on, not before."""
    result, sold, _ = run(reader(PASS), SELLS, SOLD)
    assert sold == ["lamp"]
    assert result.elapsed == pytest.approx(0.3 + 0.8, abs=0.01)
    assert [d["choice"] for d in result.decisions if d["kind"] == "hold"] == ["release"]


def test_a_call_with_effects_is_held_where_what_it_rests_on_was_refused():
    """It is skipped with the reason; the model is told that the result is withdrawn, and may ask again."""
    result, sold, model = run(reader(FAIL), SELLS, "It is not known whether there are any.")
    assert sold == []
    assert result.evidence[0].verdict.outcome == "fail"
    assert result.evidence[1].outcome.limit == "judging"
    told = model.requests[2].messages[-1]["content"]
    assert told.startswith("The result of stock that you were shown is withdrawn; do not use it: the stock is of last")
    assert "sell was not called: one result is refused meanwhile that it may rest on." in result.warnings
    _, sold, _ = run(reader(FAIL, PASS), SELLS, SELLS, SOLD)
    assert sold == ["lamp"], "asked again by a model that was told"


@pytest.mark.parametrize("trouble", [Hang(), Fail(ModelError("down", status=500)), "no verdict"])
def test_a_call_is_held_where_no_verdict_came_unless_the_policy_says_otherwise(trouble):
    """A judge that hangs or fails leaves the result unsure: the call is skipped by default, in time, and made where the
    policy allows it. One that answers, if only with nonsense, is unsure of it and holds nothing."""
    result, sold, _ = run(reader(trouble), SELLS, "It was not sold.", latency=6)
    assert sold == ([] if trouble != "no verdict" else ["lamp"])
    assert result.elapsed <= 6
    allowing = Policy(verification=Verification(probe=1.0, unsettled="allow"))
    _, sold, _ = run(reader(trouble), SELLS, SOLD, policy=allowing, latency=6)
    assert sold == ["lamp"]


def test_read_only_calls_never_wait():
    """Only what changes something is held up by a judge."""
    result, _, _ = run(reader(PASS, PASS, after=2.0), ask(("stock", {"item": "chair"})), Say("Fine.", after=0.1))
    began = [d["at"] for d in result.decisions if d["kind"] == "admit"]
    assert began == [pytest.approx(0.0, abs=0.01), pytest.approx(0.3, abs=0.01)]


def test_an_answer_that_rests_on_a_result_that_is_refused_is_not_verified():
    """The answer waits for the verdict, and its check leaves out what was refused."""
    result, _, _ = run(reader(FAIL, after=1.5), "There are 7 pieces of lamp.")
    assert (result.verified, result.verdict.outcome) == (False, "fail")
    assert any(warning.startswith("A result of stock was refused: the stock is") for warning in result.warnings)


def test_a_costly_function_checks_results_as_a_judge_does():
    """`costly` makes one of any function of what was `Answered`; a cheap check before it still runs in the pipeline."""
    seen = []

    def fresh(answered):
        seen.append((answered.call, answered.value))
        return "last year" not in answered.text

    result, _, _ = run(costly(fresh, latency=0.1), "There are 7 pieces of lamp.")
    assert seen == [('stock {"item": "lamp"}', "There are 7 pieces of lamp.")]
    assert result.evidence[0].verdict.outcome == "pass"


def test_a_check_that_does_not_pay_is_not_bought_and_holds_nothing():
    """Where a judge takes longer than the tool it checks, `[verification]` leaves it out, and the record says so."""
    careful = Policy(verification=Verification(probe=0.0))
    slow = judge(ScriptedModel([Say(PASS, after=9)], name="reader", pace=Pace(start=9.0, per_token=0.001)))
    result, sold, _ = run(slow, SELLS, SOLD, policy=careful)
    assert sold == ["lamp"]
    assert next(d["choice"] for d in result.decisions if d["kind"] == "verify") == "not_bought"
