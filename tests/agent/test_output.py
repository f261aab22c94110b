"""Answers of a type: asked for, read, checked, repaired once, and honestly missing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from shotclock import Agent, Budget, Policy, UsageError, tool
from shotclock.agent.lab.replay import replay
from shotclock.agent.models.base import Finish, Pace, TextDelta, Usage
from shotclock.agent.output import Misfit, Output
from shotclock.policies.outcome import Ok
from shotclock.policies.verification import Verification
from shotclock.testing import Hang, ScriptedModel, VirtualClock, ask, fake_tool


class Stock(BaseModel):
    """What is in stock."""

    model_config = ConfigDict(extra="forbid")
    fruit: str
    count: int


class Report(BaseModel):
    """A report that may be short."""

    fruit: str
    count: int | None = None
    remarks: list[str] = []


APPLES = fake_tool("apples", returns={"fruit": "apples", "count": 7}, read_only=True)
ASKS = ask(("apples", {}))
GOOD, BAD = '{"fruit": "apples", "count": 7}', '{"fruit": "apples", "count": 9}'


def run(*steps, kind=Stock, tools=(APPLES,), latency=10, model=None, pace=None, **options):
    """A run of an agent whose answers are of a type."""
    model = model or ScriptedModel([ASKS, *steps], pace=pace)
    agent = Agent(model, tools, output_type=kind, **options)
    result = VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=latency)))
    assert all(each.same for each in replay(result.decisions, agent.policy))
    json.dumps(result.to_dict())
    return result


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"Here it is: {GOOD}"])
def test_an_answer_is_a_value_of_the_type_and_is_checked(text):
    """JSON alone, in a fence or beside words becomes a value, whose fields are checked against the evidence."""
    result = run(text)
    assert (result.answer, result.verified, result.status) == (Stock(fruit="apples", count=7), True, "complete")
    assert result.to_dict()["answer"] == {"fruit": "apples", "count": 7}


def test_a_value_that_the_evidence_refutes_is_refused():
    """It fits the type and is wrong all the same: it is asked for again, and else given as not verified."""
    assert run(BAD, GOOD).answer == Stock(fruit="apples", count=7)
    result = run(BAD)
    assert (result.answer, result.verified, result.status) == (Stock(fruit="apples", count=9), False, "partial")


@pytest.mark.parametrize(
    "wrong", ["There are 7 apples.", '{"fruit": "apples"}', '{"fruit": "apples", "count": "many"}']
)
def test_what_does_not_fit_is_repaired_once(wrong):
    """The model is told what is wrong with it, by field, in one further call."""
    told = []

    def again(request):
        told.append(request.messages[-1]["content"])
        return GOOD

    result = run(wrong, again)
    assert (result.answer, result.status, result.spend.model_calls) == (Stock(fruit="apples", count=7), "complete", 3)
    assert told[0].startswith("That answer was refused: it ")
    assert "Stock" in told[0]


def test_the_repair_is_budgeted_and_its_failure_is_honest():
    """Without a call for it, or where it fails too, there is no answer, and the reason is said."""
    for options in ({"policy": Policy(verification=Verification(resamples=0))}, {}):
        result = run("There are 7 apples.", "Seven.", **options)
        assert (result.answer, result.verified, result.status) == (None, False, "partial")
        assert any(w.startswith("There is no answer of the type Stock: it must be one JSON") for w in result.warnings)


def test_a_repair_that_fits_is_better_than_a_text_that_does_not():
    """Even where its check refuses it: the caller's program can read it, and is told that it is not verified."""
    result = run("There are 7 apples.", BAD)
    assert (result.answer, result.verified) == (Stock(fruit="apples", count=9), False)


def test_a_draft_that_fits_is_used_at_the_deadline():
    """What a model had written when its time was up is the answer where it fits the type as far as it got."""
    cut = Hang('{"fruit": "apples", "count": 7, "remarks": ["They are re')
    result = run(cut, kind=Report, pace=Pace(start=0.1, per_token=0.001), latency=3)
    assert (result.answer, result.status, result.stop_reason) == (
        Report(fruit="apples", count=7),
        "partial",
        "deadline",
    )
    assert result.elapsed <= 3


def test_a_draft_that_does_not_fit_gives_way_to_what_the_evidence_holds():
    """Where nothing usable was written the value is composed from a result that fits the type, else there is none."""
    cut = Hang('{"fruit": "app')
    result = run(cut, pace=Pace(start=0.1, per_token=0.001), latency=3)
    assert (result.answer, result.status, result.model) == (Stock(fruit="apples", count=7), "fallback", "")
    words = fake_tool("apples", returns="There are 7 apples.", read_only=True)
    result = run(cut, tools=[words], pace=Pace(start=0.1, per_token=0.001), latency=3)
    assert (result.answer, result.status) == (None, "fallback")
    assert any(w.startswith("There is no answer of the type Stock: no result") for w in result.warnings)


def test_the_embedded_model_composes_the_value_or_says_that_it_cannot():
    """It writes no JSON: a result that fits is the answer, several that differ or none are no answer."""

    @tool(read_only=True)
    def stock(fruit: str) -> dict[str, Any]:
        """How many pieces of a fruit are in stock."""
        return {"fruit": "apples", "count": 7}

    agent = Agent("rules", [stock], output_type=Stock)
    result = VirtualClock().run(agent.run("How many pieces of fruit are in stock? The fruit is apples."))
    assert (result.answer, result.status) == (Stock(fruit="apples", count=7), "fallback")
    assert run(model="rules", tools=()).answer is None
    said, seen = Output(Stock).composed, result.evidence
    assert said(seen) == Stock(fruit="apples", count=7)
    other = dataclasses.replace(seen[0], outcome=Ok({"fruit": "pears", "count": 1}))
    assert "differ" in said([*seen, other]).reason
    assert isinstance(said([]), Misfit)
    halves = [dataclasses.replace(seen[0], outcome=Ok(value)) for value in ({"fruit": "figs"}, {"count": 3})]
    assert said(halves) == Stock(fruit="figs", count=3)


@pytest.mark.parametrize(
    ("kind", "value"), [(float, 7.0), (list[str], ["a", "b"]), (dict[str, int], {"a": 1}), (Stock | None, None)]
)
def test_a_type_that_is_no_object_stands_in_one(kind, value):
    """Endpoints take schemas of objects only: what is none is wrapped, and unwrapped."""
    output = Output(kind)
    assert output.form.schema["type"] == "object"
    assert output.read(output.write(value)) == value


@pytest.mark.parametrize("kind", [lambda: 1, object(), ScriptedModel])
def test_a_type_without_a_schema_is_refused_when_the_agent_is_made(kind):
    """What could only fail in the middle of a run is a mistake of the program."""
    with pytest.raises(UsageError, match="output_type"):
        Agent("rules", output_type=kind)


def test_the_model_is_told_the_schema_and_adapters_are_given_it():
    """The messages ask for it, and the request carries it for endpoints that can hold a model to it."""
    model = ScriptedModel([ASKS, GOOD])
    run(model=model)
    for request in model.requests:
        assert '"count": {"title": "Count", "type": "integer"}' in request.messages[0]["content"]
        assert request.form == Output(Stock).form


def test_a_verifier_is_shown_the_value():
    """A product's own check reads the value, not its text."""
    seen = []
    run(GOOD, verify=[lambda answered: seen.append(answered.value) or True])
    assert seen == [Stock(fruit="apples", count=7)]


def test_a_typed_agent_is_a_tool_that_gives_json():
    """Its caller's model reads the answer as JSON."""
    inner = Agent(ScriptedModel([ASKS, GOOD]), [APPLES], output_type=Stock, name="stock")
    stock = inner.as_tool(description="What is in stock.")
    outer = Agent(ScriptedModel([ask(("stock", {"question": "How many?"})), "There are 7 apples."]), [stock])
    result = VirtualClock().run(outer.run("How many apples are there?", budget=Budget(latency=10)))
    assert json.loads(result.evidence[0].content) == {"fruit": "apples", "count": 7}


def test_an_answer_that_its_tokens_ended_is_read_as_far_as_it_got():
    """JSON that `max_tokens` cut off is used where it fits, and the result is not called complete."""

    class Limited(ScriptedModel):
        async def stream(self, request):
            yield TextDelta('{"fruit": "apples", "remarks": ["red", "gre')
            yield Usage(input_tokens=9, output_tokens=request.max_tokens)
            yield Finish(reason="length")

    model = Limited([""], pace=Pace(start=0.1, per_token=0.01))
    result = run(model=model, tools=(), kind=Report, latency=3)
    assert (result.answer, result.status) == (Report(fruit="apples", remarks=["red"]), "partial")
