"""Several models for one agent: the cheapest begins, a stronger one goes on, another takes over."""

from __future__ import annotations

import math

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget, Policy, judge
from shotclock.agent import timing
from shotclock.agent.lab.replay import replay
from shotclock.agent.models.base import Pace, Price, TextDelta, Usage
from shotclock.policies.errors import ModelError, UnknownModel
from shotclock.policies.quality import Quality
from shotclock.policies.routing import Routing
from shotclock.policies.standing import Kind
from shotclock.policies.verification import Verification
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

APPLES = fake_tool("apples", returns="There are 7 apples.", read_only=True)
GOOD, BAD, OPEN = "There are 7 apples.", "There are 9 apples.", "It depends on how one counts."
QUICK, SLOW = Pace(start=0.3, per_token=0.002), Pace(start=0.8, per_token=0.005)
ASKS = ask(("apples", {}))
DOWN = Fail(ModelError("small: overloaded", status=503))


def small(*steps, **options):
    return ScriptedModel(list(steps), name="small", **{"pace": QUICK} | options)


def large(*steps, **options):
    return ScriptedModel(list(steps), name="large", **{"pace": SLOW} | options)


def run(models, *, latency=20, tools=(APPLES,), times=1, agent=None, **options):
    """The last of so many runs of an agent with these models; the recorded decisions can all be made again."""
    budget = Budget(latency=latency, **options.pop("limits", {}))
    agent = agent or Agent(models, tools, **options)
    for _ in range(times):
        result = VirtualClock().run(agent.run("How many apples are there?", budget=budget))
        assert all(each.same for each in replay(result.decisions, agent.policy))
    return result


def routes(result):
    """What was decided of the models."""
    return [decision["choice"] for decision in result.decisions if decision["kind"] == "route"]


# --- the models of an agent -------------------------------------------------------------------------------------------


def test_one_model_is_asked_as_ever():
    """A list of one is that one, and no decision about models is recorded."""
    result = run([small(ASKS, GOOD)])
    assert (result.answer, result.model, routes(result)) == (GOOD, "small", [])


@pytest.mark.parametrize("models", [[], (), ["rules", "nobody"], [small(GOOD), 7]])
def test_a_list_that_names_no_model_is_refused(models):
    """An empty list, or one of its items that nobody serves, is found when the agent is made."""
    with pytest.raises(UnknownModel):
        Agent(models)


def test_the_cheapest_model_answers_alone_where_its_answer_passes():
    """Without doubt nobody else is asked or paid."""
    strong = large(GOOD)
    result = run([small(ASKS, GOOD), strong])
    assert (result.answer, result.model, result.verified, result.status) == (GOOD, "small", True, "complete")
    assert (strong.requests, routes(result), result.spend.model_calls) == ([], [], 2)


# --- doubt ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "told"), [(BAD, "That answer was refused:"), (OPEN, "That answer could not be")])
def test_a_refused_or_open_answer_goes_to_the_stronger_model(first, told):
    """It is told why, and its answer stands where its checks find it better; the result says who wrote it."""
    strong = large(GOOD)
    result = run([small(ASKS, first), strong])
    assert (result.answer, result.model, result.verified) == (GOOD, "large", True)
    assert routes(result) == ["escalate"]
    assert strong.requests[0].messages[-1]["content"].startswith(told)
    assert result.spend.model_calls == 3


def test_a_judges_refusal_escalates():
    """What a judge refuses is a doubt as what the evidence refutes."""
    reader = ScriptedModel(
        ['{"verdict": "fail", "reason": "it evades"}', '{"verdict": "pass", "score": 1, "reason": "yes"}'],
        name="reader",
        pace=Pace(start=0.2, per_token=0.001),
    )
    result = run([small(ASKS, OPEN), large(GOOD)], verify=[judge(reader)])
    assert (result.answer, result.model) == (GOOD, "large")
    assert "it evades" in next(d["reason"] for d in result.decisions if d["kind"] == "route")


def test_an_answer_that_is_no_better_leaves_the_first():
    """The stronger model's answer must be better by its checks; the first one stands else, under its own name."""
    result = run([small(ASKS, OPEN), large("Well, who can tell?")])
    assert (result.answer, result.model) == (OPEN, "small")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"limits": {"model_calls": 2}}, "for large model_calls=2 leaves 0"),
        ({"limits": {"cost_usd": 0.001}}, "for large cost_usd=0.001 leaves"),
        ({"latency": 1.5}, "large takes about"),
        ({"policy": Policy(routing=Routing(escalations=0))}, "routing.escalations=0"),
        ({"policy": Policy(routing=Routing(unsure=False))}, "routing.unsure=false"),
    ],
)
def test_no_stronger_model_is_asked_without_room(options, why):
    """Time, calls, money and the policy each keep the answer as it is, and the reason is on record."""
    strong = large(GOOD, price=Price(input_per_million=10.0, output_per_million=30.0))
    result = run([small(ASKS, OPEN), strong], **options)
    assert (result.answer, strong.requests, routes(result)) == (OPEN, [], ["stay"])
    assert why in next(d["reason"] for d in result.decisions if d["kind"] == "route")
    assert any(warning.startswith("The answer is not verified") for warning in result.warnings)


def test_doubt_climbs_one_model_at_a_time_and_is_capped():
    """Each further doubt goes to the next stronger model, as often as the policy allows."""
    ladder = [small(ASKS, OPEN), large(OPEN), ScriptedModel([OPEN], name="huge", pace=SLOW),
              ScriptedModel([GOOD], name="vast", pace=SLOW)]  # fmt: skip
    result = run(ladder)
    assert routes(result) == ["escalate"]
    assert result.answer == OPEN, "who says the same again is believed"
    ladder[1] = large("Who knows.")
    result = run(ladder)
    assert routes(result) == ["escalate", "escalate"]
    assert (ladder[3].requests, result.answer) == ([], OPEN)


def test_a_turn_that_brought_nothing_is_followed_by_a_stronger_models():
    """Calls that found nothing are a doubt about who asked for them."""
    strong = large(ASKS, GOOD)
    result = run([small(ask(("aples", {}))), strong])
    assert (result.answer, result.model, routes(result)) == (GOOD, "large", ["escalate"])
    assert result.decisions[[d["kind"] for d in result.decisions].index("route")]["figures"]["doubt"] == "fruitless"


def test_a_tool_that_was_cut_is_no_doubt_about_the_model():
    """What a tool's own slowness brought about is not the model's doing, and no stronger one would change it."""
    slow = fake_tool("slow", after=9.0, read_only=True, timeout=0.5)
    strong = large(GOOD)
    result = run([small(ask(("slow", {})), "It could not be found."), strong],
                 tools=[slow], policy=Policy(routing=Routing(unsure=False)))  # fmt: skip
    assert "fruitless" not in [d["figures"].get("doubt") for d in result.decisions]
    assert strong.requests == []


def test_the_embedded_model_that_cannot_answer_hands_the_question_on():
    """`rules` begins for nothing; what it has no answer to is asked of the next model, tools and all."""
    strong = large(ASKS, GOOD)
    agent = Agent(["rules", strong], [fake_tool("apples", returns="There are 7 apples.", read_only=True)])
    result = VirtualClock().run(agent.run("Tell me a story about trains.", budget=Budget(latency=20)))
    assert (result.answer, result.model, result.status) == (GOOD, "large", "complete")
    assert strong.requests[0].tools


def test_a_kind_of_query_that_is_too_often_wrong_goes_to_the_stronger_model():
    """Once the tools used tell the kind, `[quality]` says that the small model's answers are not good enough."""
    agent = Agent([small(ASKS, GOOD), large(GOOD)], [APPLES], policy=Policy(quality=Quality(threshold=0.8)))
    kind = Kind("text", "apples", "small")
    for number in range(30):
        agent.memory.standing.note(f"{number:032x}", kind, "fail" if number % 2 else "pass")
    result = run(None, agent=agent)
    assert (result.model, routes(result)) == ("large", ["doubt", "escalate"])
    assert agent.memory.standing.of(Kind("text", "apples", "large")).good == 1


def test_a_stronger_model_that_never_helps_is_no_longer_asked():
    """How often it helped is counted over the runs of the agent, by doubt."""
    never = Policy(routing=Routing(probe=0))
    result = run([small(ASKS, OPEN), large("Who knows.")], times=12, policy=never)
    assert routes(result) == ["stay"]
    assert "helped 0 of" in next(d["reason"] for d in result.decisions if d["kind"] == "route")


def test_a_stronger_model_that_fails_or_hangs_leaves_the_answer_as_it_was():
    """The answer is there already: the stronger model costs some time, never the answer."""
    for step in (Fail(ModelError("down", status=400)), Fail(ModelError("down", status=503)), Hang(), Hang("Well, ")):
        result = run([small(ASKS, OPEN), large(step)], latency=20)
        assert (result.answer, result.model, result.status) == (OPEN, "small", "complete")
        assert result.elapsed < 8


# --- failure ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (ModelError("small: no such model", status=404), 1),
        (ModelError("small: slow down", status=429, retry_after=30.0), 1),
        (ModelError("small: oops", status=500), 2),
        (ModelError("small: unreachable", kind="unreachable"), 2),
        (RuntimeError("a fault of the adapter"), 1),
    ],
)
def test_the_next_model_takes_over_from_one_that_fails(error, calls):
    """After the one retry that may help, or at once where none does or it would be long, the other model does it
    all."""
    weak, strong = small(Fail(error)), large(ASKS, GOOD)
    result = run([weak, strong])
    assert (result.answer, result.model, result.status, result.stop_reason) == (GOOD, "large", "complete", "answered")
    assert (len(weak.requests), result.spend.model_calls) == (calls, calls + 2)
    assert routes(result)[-1] == "fall_back"
    assert result.elapsed < 4


@pytest.mark.parametrize(("kind", "tokens"), [("status", 0), ("unreachable", 0), ("dropped", 1)])
def test_a_request_that_no_endpoint_took_costs_nothing(kind, tokens):
    """What was refused or never arrived leaves the money to the next model; what was cut may be billed, and stays at
    its worst case."""
    price = Price(input_per_million=1.0, output_per_million=1.0)
    used = Usage(input_tokens=0, output_tokens=0)
    weak = small(Fail(ModelError("small: gone", kind=kind, status=400)), price=price)
    result = run([weak, large(GOOD, price=price, usage=used)], limits={"cost_usd": 0.05}, tools=())
    assert (result.model, result.spend.tokens > 0) == ("large", bool(tokens))


def test_the_strongest_gives_way_to_a_weaker_one_and_the_user_is_told():
    """A stronger model that fails in the middle of a run leaves it to the weaker one, which is said."""
    strong = large(Fail(ModelError("large: gone", status=404)))
    result = run([small(ask(("aples", {})), ASKS, GOOD), strong])
    assert (result.answer, result.model, routes(result)) == (GOOD, "small", ["escalate", "fall_back"])
    assert "The model large failed (large: gone); small took over." in result.warnings


def test_where_all_fail_the_embedded_model_takes_over():
    """It stays the last resort, with the evidence, and the result says so."""
    result = run([small(DOWN), large(Fail(ModelError("large: gone", status=404)))])
    assert (result.model, result.status, result.stop_reason) == ("rules", "fallback", "model_failed")
    assert "7 apples" in result.answer


def test_a_silent_model_is_left_for_the_other_before_anything_was_learnt():
    """Where another one stands by, what the author declares of the pace says when a first token is overdue."""
    result = run([small(Hang()), large(ASKS, GOOD)])
    assert (result.answer, result.model, result.status) == (GOOD, "large", "complete")
    assert result.elapsed < 8


# --- a late first token -----------------------------------------------------------------------------------------------


def taught(models, first=0.3, **options):
    """An agent whose models have begun to speak after some 0.3 s, and now and then much later; whatever their answers'
    checks say, they are written once."""
    routing = Routing(escalations=0, hedge=options.pop("hedge", True))
    policy = Policy(routing=routing, verification=Verification(resamples=0))
    agent = Agent(models, [], policy=policy, **options)
    for model in models:
        for number in range(60):
            timing.first_tokens_of(agent.memory.history, model).observe(first * (8 if number % 30 == 0 else 1))
            timing.of(agent.memory.history, model).observe(first + 0.2, 20)
    return agent


def hedged(result):
    return [d["choice"] for d in result.decisions if d["kind"] == "hedge"]


def test_who_speaks_first_goes_on():
    """Beside a model that is late to speak another one is asked; its answer is given, and both are in the ledger."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    price, usage = Price(input_per_million=1.0, output_per_million=1.0), Usage(input_tokens=50, output_tokens=10)
    models = [small(Hang(), price=price), large(Say(GOOD, after=0.2), price=price, usage=usage)]
    result = run(None, agent=taught(models, tracer_provider=provider))
    assert (result.answer, result.model, hedged(result)) == (GOOD, "large", ["hedge"])
    assert result.elapsed < 1.5
    assert result.spend.model_calls == 2
    assert result.spend.cost_usd > price.of(50, 10), "the one that was cut stays at its worst case"
    spans = {s.attributes["gen_ai.request.model"]: dict(s.attributes) for s in exporter.get_finished_spans()
             if s.name.startswith("chat")}  # fmt: skip
    assert spans["small"]["shotclock.call.outcome"] == "cancelled"
    assert spans["large"]["gen_ai.response.time_to_first_chunk"] == pytest.approx(0.2)


def test_the_first_may_still_win():
    """Where the late one speaks first after all, the other is cut, and nothing of it is shown."""
    models = [small(Say(GOOD, after=1.0)), large(Say("I am late.", after=3.0))]
    result = run(None, agent=taught(models))
    assert (result.answer, result.model, hedged(result)) == (GOOD, "small", ["hedge"])
    assert (result.elapsed, result.spend.model_calls) == (pytest.approx(1.0), 2)


@pytest.mark.parametrize(
    ("policy", "limits", "choice"),
    [
        ({"hedge": False}, {}, []),
        ({}, {"model_calls": 1}, []),
        ({}, {"cost_usd": 0.0004}, ["refused"]),
    ],
)
def test_no_second_model_is_asked_without_room(policy, limits, choice):
    """The policy, the calls and the money each let a late model alone."""
    price = Price(input_per_million=1.0, output_per_million=0.1)
    dear = Price(input_per_million=50.0, output_per_million=50.0)
    models = [small(Say(GOOD, after=1.0), price=price), large(Say(GOOD, after=0.2), price=dear)]
    result = run(None, agent=taught(models, **policy), limits=limits)
    assert (result.model, result.spend.model_calls, hedged(result)) == ("small", 1, choice)


PRICE = Price(input_per_million=1.0, output_per_million=1.0)


def test_under_a_tight_deadline_the_same_model_is_asked_twice():
    """Who speaks first goes on, nothing of the other is shown, and both are in the ledger."""
    model = small(Say("I am slow.", after=1.5), Say(GOOD, after=0.2), price=PRICE)
    result = run(None, agent=taught([model]), latency=2, limits={"cost_usd": 0.1})
    assert (result.answer, hedged(result), result.spend.model_calls) == (GOOD, ["hedge"], 2)
    assert result.elapsed == pytest.approx(0.2)


def test_what_lost_was_under_way_until_the_other_spoke():
    """Its time is a censored sample of how long it was waited for, not of how long the winner took."""
    model = small(Hang(), Say(GOOD, after=0.2), price=PRICE)
    agent = taught([model])
    known = timing.of(agent.memory.history, model).record.state.totals
    run(None, agent=agent, latency=2, limits={"cost_usd": 0.1})
    assert [round(math.exp(log), 2) for log, censored in list(known._window)[-2:] if censored] == [0.2]


@pytest.mark.parametrize(
    ("latency", "limits", "price"),
    [(20, {"cost_usd": 0.1}, PRICE), (2, {}, PRICE), (2, {"cost_usd": 0.1}, None), (2, {"cost_usd": 0.0004}, PRICE)],
)
def test_a_model_is_asked_once_where_nothing_presses_or_nobody_pays(latency, limits, price):
    """Not where there is time, where the budget names no money, or where the model has no price or is too dear."""
    model = small(Say(GOOD, after=0.4), Say(GOOD, after=0.2), price=price)
    result = run(None, agent=taught([model]), latency=latency, limits=limits)
    assert (result.answer, hedged(result), result.spend.model_calls) == (GOOD, [], 1)


def test_where_both_fail_the_first_failure_counts_and_the_run_goes_on():
    """A second that fails leaves the floor to the first, and the other way round."""
    down = Fail(ModelError("large: down", status=400))
    result = run(None, agent=taught([small(Say(GOOD, after=1.2)), large(down)]))
    assert (result.answer, result.model) == (GOOD, "small")
    late_down = Fail(ModelError("small: down", status=400), after=1.0)
    result = run(None, agent=taught([small(late_down), large(Say(GOOD, after=1.5))]))
    assert (result.answer, result.model) == (GOOD, "large")


def test_an_answer_that_no_model_wrote_names_none():
    """`Result.model` is empty where the answer was composed from the evidence."""
    result = run([small(ASKS, BAD)], policy=Policy(verification=Verification(compose=True, resamples=0)))
    assert (result.status, result.model) == ("fallback", "")


# --- reasoning effort -------------------------------------------------------------------------------------------------


class Deep(ScriptedModel):
    """A model that takes 3 s at its usual effort and 0.5 s at a low one."""

    def takes_effort(self, effort):
        return effort == "low"

    async def stream(self, request):
        self._steps = [Say(GOOD, after=0.5 if request.effort else 3.0)]
        async for event in super().stream(request):
            yield event


def test_the_effort_is_lowered_where_time_is_short_and_learnt_apart():
    """With time the usual effort is asked for; without, the lower one, whose times are those of a model of its own."""
    deep = Deep([], name="deep", pace=Pace(start=3.0, per_token=0.002))
    policy = Policy(routing=Routing(probe=0, escalations=0), verification=Verification(resamples=0))
    agent = Agent(deep, [], policy=policy)
    for _ in range(6):
        result = run(None, agent=agent, latency=30)
    assert (result.model, result.elapsed) == ("deep", pytest.approx(3.0))
    result = run(None, agent=agent, latency=2.5)
    assert (result.answer, result.model, result.elapsed) == (GOOD, "deep (low effort)", pytest.approx(0.5))
    assert [request.effort for request in deep.requests] == [""] * 6 + ["low"]
    assert routes(result) == ["ease"]
    assert timing.of(agent.memory.history, deep).n == 6
    result = run(None, agent=agent, latency=30)
    assert (result.model, routes(result)) == ("deep", ["usual"])


def test_a_model_that_takes_no_effort_is_asked_as_ever():
    """Nothing is sent that an endpoint might refuse, and nothing is recorded."""
    result = run([small(ASKS, GOOD)])
    assert routes(result) == []


def test_a_model_at_a_lower_effort_keeps_its_place_among_the_models():
    """Where it fails the next one takes over, and it is not asked again at any effort."""

    class Breaks(Deep):
        async def stream(self, request):
            self.requests.append(request)
            yield TextDelta("")
            if request.effort:
                raise ModelError("deep: no", status=404)

    deep, strong = Breaks([], name="deep", pace=Pace(start=0.2, per_token=0.002)), large(GOOD)
    agent = Agent([deep, strong], [], policy=Policy(routing=Routing(probe=0, escalations=0, hedge=False)))
    for _ in range(8):
        timing.of(agent.memory.history, deep).observe(9.0, 20)
    result = run(None, agent=agent, latency=6)
    assert (result.model, [request.effort for request in deep.requests]) == ("large", ["low"])
