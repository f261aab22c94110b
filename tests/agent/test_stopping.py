"""Stop rules in whole runs, on the virtual clock."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from shotclock import Agent, Budget, Policy, ToolError
from shotclock.agent.models.base import Pace, Price, Usage
from shotclock.policies.limits import Limits
from shotclock.policies.stopping import Stop, Stopping, TurnSituation
from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool

ANSWER = "There are 7 apples."
CHECKED = {"checks": [lambda value: True]}
LOOK = fake_tool("look", returns="There are 7 apples.", **CHECKED)
COUNT = fake_tool("count", returns="there are 7.0 apples", **CHECKED)
OTHER = fake_tool("other", returns="There are 9 pears.", **CHECKED)
BROKEN = fake_tool("broken", error=ToolError("no such shelf"))


def run(steps, tools, stopping, *, budget=None, limits=None, **model):
    """One run of a scripted model under a stopping policy."""
    agent = Agent(
        ScriptedModel([*steps, ANSWER], **model), tools, policy=Policy(stopping=stopping, limits=limits or Limits())
    )
    return VirtualClock().run(agent.run("How many apples are there?", budget=budget or Budget(latency=60)))


def asks(*tools):
    """A turn for each tool, every call with an argument of its own."""
    return [ask((tool.name, {"text": str(number)})) for number, tool in enumerate(tools)]


def decisions(result, kind):
    return [decision for decision in result.decisions if decision["kind"] == kind]


def reason(result):
    return decisions(result, "stop")[0]["reason"]


def again(decision):
    """The situation a record holds, made anew from its JSON."""
    figures = json.loads(json.dumps(decision["figures"]))
    return TurnSituation(**{field.name: figures[field.name] for field in fields(TurnSituation)})


def test_two_sources_that_agree_are_enough():
    """Two different tools whose checked results say the same end the reasoning, whatever else was found."""
    result = run(asks(LOOK, OTHER, COUNT, LOOK), [LOOK, OTHER, COUNT], Stopping(agree=2))
    assert (result.stop_reason, result.spend.tool_calls) == ("enough", 3)
    assert "2 checked sources say the same" in reason(result)


def test_one_tool_asked_differently_is_two_sources():
    """The same tool with another argument agrees with itself."""
    result = run(asks(LOOK, LOOK, LOOK, LOOK), [LOOK], Stopping(agree=3))
    assert (result.stop_reason, result.spend.tool_calls) == ("enough", 3)


def test_the_same_call_twice_is_one_source():
    """Asking the same twice in one turn confirms nothing."""
    twice = [ask(("look", {}), ("look", {}), ("other", {}))]
    result = run(twice, [LOOK, OTHER], Stopping(agree=2))
    assert result.stop_reason == "answered"
    assert again(decisions(result, "continue")[0]).agreeing == 1


def test_results_without_checks_do_not_agree():
    """What no check has passed is no witness."""
    unchecked = [fake_tool("one", returns=ANSWER), fake_tool("two", returns=ANSWER)]
    assert run(asks(*unchecked), unchecked, Stopping(agree=2)).stop_reason == "answered"


def test_fruitless_turns_end_the_reasoning():
    """Three turns in a row that gave nothing usable are the end; one that gave something starts the count anew."""
    result = run(asks(*[BROKEN] * 9), [BROKEN], Stopping())
    assert (result.stop_reason, result.spend.tool_calls) == ("enough", 3)
    assert "3 turns in a row brought nothing usable" in reason(result)
    result = run(asks(BROKEN, BROKEN, LOOK, BROKEN, BROKEN, LOOK), [BROKEN, LOOK], Stopping())
    assert (result.stop_reason, result.spend.tool_calls) == ("answered", 6)
    result = run(asks(*[BROKEN] * 5), [BROKEN], Stopping(fruitless=None))
    assert result.stop_reason == "answered"


def test_repetition_is_seen_across_all_earlier_turns():
    """A call that was made two turns before is no progress, whatever came between."""
    steps = [ask(("look", {"text": text})) for text in ("a", "b", "a", "c")]
    result = run(steps, [LOOK], Stopping())
    assert (result.stop_reason, result.spend.tool_calls) == ("enough", 3)
    assert "made before" in reason(result)


def test_turns_that_bring_nothing_are_not_waited_for():
    """With a price on waiting, a tool that keeps failing its checks is given up when its chance has sunk."""
    doubtful = fake_tool("doubtful", returns=ANSWER, checks=[lambda value: False])
    steps = [ask(("doubtful", {"text": str(n)}), after=1) for n in range(20)]
    stopping = Stopping(value_usd=0.055, second_usd=0.01, fruitless=None)
    result = run(steps, [doubtful], stopping, pace=Pace(start=1.0, per_token=0.0))
    # Beta(1, 1): after n blank turns the chance is 1/(n+2), worth .055/(n+2); a turn costs .01.
    assert result.stop_reason == "enough"
    assert again(decisions(result, "stop")[0]).turn == 4
    assert "is worth" in reason(result)


def test_turns_that_bring_something_go_on():
    """The same prices let a tool go on that brings a new result each turn."""
    steps = [ask(("look", {"text": str(n)}), after=1) for n in range(8)]
    result = run(steps, [LOOK], Stopping(value_usd=0.05, second_usd=0.01), pace=Pace(start=1.0, per_token=0.0))
    assert (result.stop_reason, result.spend.tool_calls) == ("answered", 8)


def test_a_teams_own_rule_decides_on_the_spend():
    """A rule sees time, calls, money and results, and its reason is the run's."""
    seen = []

    def three_calls(situation):
        seen.append(situation)
        return "three calls are plenty" if situation.tool_calls >= 3 else None

    usage, price = Usage(input_tokens=1000, output_tokens=0), Price(input_per_million=10.0, output_per_million=0.0)
    steps = [ask(("look", {"text": str(n)}), after=1) for n in range(9)]
    result = run(steps, [LOOK], Stopping(rules=(three_calls,)), usage=usage, price=price)
    assert (result.stop_reason, result.status, result.spend.tool_calls) == ("enough", "complete", 3)
    assert reason(result) == "three_calls: three calls are plenty"
    last = seen[-1]
    assert (last.turn, last.tool_calls, last.model_calls, last.passed) == (3, 3, 3, 3)
    assert last.elapsed == pytest.approx(3.0, abs=0.01)
    assert last.cost_usd == pytest.approx(0.03)
    assert [(s.tool, s.outcome, s.verdict, s.text, s.turn) for s in last.results] == [
        ("look", "ok", "pass", ANSWER, turn) for turn in (1, 2, 3)
    ]


def test_a_rule_that_raises_costs_a_warning_only():
    """A broken rule is a warning, once, and a decision; the run goes on as without it."""

    def broken(situation):
        raise RuntimeError("out of order")

    result = run(asks(LOOK, LOOK), [LOOK], Stopping(rules=(broken,)))
    assert (result.answer, result.status, result.stop_reason) == (ANSWER, "complete", "answered")
    assert result.warnings == ("The stop rule broken raised RuntimeError: out of order.",)
    assert [d["choice"] for d in decisions(result, "rule")] == ["failed", "failed"]


def test_the_deadline_comes_before_enough():
    """A turn that the soft deadline interrupted is said to be, though what it brought would have been enough."""
    slow = fake_tool("slow", returns="late", after=60)
    steps = [ask(("look", {}), ("slow", {}))]
    result = run(steps, [LOOK, slow], Stopping(enough=1), budget=Budget(latency=5))
    assert (result.stop_reason, result.status) == ("deadline", "partial")


def test_a_used_up_limit_comes_before_enough():
    """Calls that a limit refused are said to be refused, though the others would have been enough."""
    steps = [ask(("look", {"text": "a"}), ("look", {"text": "b"}))]
    result = run(steps, [LOOK], Stopping(enough=1), budget=Budget(latency=60, tool_calls=1))
    assert result.stop_reason == "tool_calls"


def test_every_decision_can_be_made_again_from_its_record():
    """The situation in a record, through JSON, is decided as it was, and otherwise under another policy."""
    result = run(asks(LOOK, OTHER, COUNT), [LOOK, OTHER, COUNT], Stopping(agree=2))
    stop, went_on = decisions(result, "stop")[0], decisions(result, "continue")
    assert {d["situation"] for d in (stop, *went_on)} == {"TurnSituation"}
    assert Stopping(agree=2).decide(again(stop)) == Stop(stop_reason="enough", reason=stop["reason"])
    assert [Stopping(agree=2).decide(again(d)).reason for d in went_on] == [d["reason"] for d in went_on]
    assert isinstance(Stopping(enough=1).decide(again(went_on[0])), Stop)


def test_records_hold_no_text_unless_content_is_captured(monkeypatch):
    """What a tool said stays out of decisions by default, and a rule is shown it all the same."""
    texts = []
    stopping = Stopping(rules=(lambda s: texts.append(s.results[0].text),))
    result = run(asks(LOOK), [LOOK], stopping)
    assert texts == [ANSWER]
    assert [seen.text for seen in again(decisions(result, "continue")[0]).results] == [""]
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    result = run(asks(LOOK), [LOOK], stopping)
    assert [seen.text for seen in again(decisions(result, "continue")[0]).results] == [ANSWER]


def test_a_long_runs_records_stay_readable():
    """A record keeps the newest results that fit, as whole JSON, and the counts of all."""
    steps = [ask(*[("look", {"text": f"{turn} {n}"}) for n in range(10)]) for turn in range(20)]
    result = run(steps, [LOOK], Stopping(), limits=Limits(turns=20))
    last = decisions(result, "stop")[0]
    assert len(last["figures"]["results"]) <= 12_000
    situation = again(last)
    assert situation.passed == 200
    assert 50 < len(situation.results) < 200
    assert situation.results[-1].turn == 20
