"""Model calls are timed, forecast and interrupted: every run over the virtual clock, so that seconds are exact."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget, Policy
from shotclock.agent import timing
from shotclock.agent.models.base import Finish, Pace, Price, TextDelta, Usage
from shotclock.policies.errors import ModelError
from shotclock.policies.interruption import Interruption, StreamSituation
from shotclock.policies.pace import PUBLISHED, ModelLatency, PacePolicy
from shotclock.policies.stopping import Stopping
from shotclock.policies.sums import NOTHING, mixture, roughly, total
from shotclock.policies.verification import Verification
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

APPLES = fake_tool("apples", returns="There are 7 apples.", read_only=True)
QUICK = Pace(start=0.5, per_token=0.01)
SENTENCE = "There are 7 apples. "
ONCE = Policy(verification=Verification(resamples=0))
"""An answer is written once, whatever its check says."""
NO_PROBE = Policy(interruption=Interruption(probe=0))


def decisions(result, kind):
    return [decision for decision in result.decisions if decision["kind"] == kind]


def paced(steps, pace=QUICK, **options):
    return ScriptedModel(steps, pace=pace, **options)


def runs(agent, times, **budget):
    """So many runs of the same agent, one after the other; their results."""
    clock = VirtualClock()
    return [clock.run(agent.run("How many apples are there?", budget=Budget(**budget))) for _ in range(times)]


def taught(model, tools=(APPLES,), *, seconds=1.0, tokens=60, first=None, calls=20, policy=NO_PROBE):
    """An agent that has seen so many calls of its model: they took so many seconds, and began to bring something after
    `first` (by default at their end)."""
    agent = Agent(model, tools, policy=policy)
    for _ in range(calls):
        history = agent.memory.history
        timing.of(history, model).observe(seconds, tokens)
        timing.answers_of(history, model).observe(seconds, tokens)
        timing.first_tokens_of(history, model).observe(seconds if first is None else first)
    return agent


# --- learning ---------------------------------------------------------------------------------------------------------


def test_a_declared_pace_is_what_is_believed_before_the_first_call():
    """One notion of pace: `Pace` is the author's word, and becomes the prior, 0 becoming next to nothing."""
    assert Pace().prior == PUBLISHED
    assert Pace(start=0.0, per_token=0.0).prior.instant
    assert ModelLatency(Pace(start=1.0, per_token=0.02).prior).fit == pytest.approx((1.0, 0.02))


def test_a_declaration_of_no_time_gives_way_to_the_first_call_that_takes_some():
    """A model that says 0 and takes 4 s is forecast at 4 s, and what was learnt survives being kept."""
    latency = ModelLatency(Pace(start=0.0, per_token=0.0).prior)
    latency.observe(0.0, 5)
    assert latency.forecast().median < 0.001
    latency.observe(4.0, 60)
    assert latency.forecast().median == pytest.approx(4.0, rel=0.01)
    again = ModelLatency.from_dict(latency.to_dict(), latency.pace)
    assert again.forecast(60).median == pytest.approx(latency.forecast(60).median)
    assert latency.merged(again).forecast().median == pytest.approx(4.0, rel=0.05)


def test_a_model_slower_than_it_says_is_learnt_and_the_reserve_grows():
    """The q95 of the answers an agent has seen, not the declared one, is kept back in its later runs."""
    slow = paced([Say(SENTENCE, after=3.0)], Pace(start=0.05, per_token=0.001))
    agent = Agent(slow, [])
    results = runs(agent, 8, latency=30)
    reserves = [decisions(result, "reserve")[0]["figures"]["answer_q95"] for result in results]
    assert reserves[0] < 1.0
    assert 3.0 < reserves[-1] < 12.0
    assert all((result.answer, result.stop_reason) == (SENTENCE, "answered") for result in results)


def test_an_agent_learns_across_its_runs_and_another_agent_does_not_know():
    """What a model took is the agent's, shared by its runs."""
    agent = Agent(paced([Say(SENTENCE, after=2.0)]), [], policy=ONCE)
    runs(agent, 3, latency=20)
    assert timing.of(agent.memory.history, agent.model).n == 3
    other = Agent(agent.model, [], policy=ONCE)
    assert timing.of(other.memory.history, other.model).n == 0


def test_a_cut_call_counts_as_one_that_would_have_taken_longer():
    """A stream cut after 5 s makes the forecast longer than 5 s, not equal to it."""
    agent = Agent(paced([Hang()]), [])
    runs(agent, 4, latency=5)
    learnt = timing.of(agent.memory.history, agent.model)
    assert learnt.n == 4
    assert learnt.forecast().quantile(0.9) > 5.0


def test_a_failed_call_is_no_sample():
    """An error after 10 ms says nothing of how long an answer takes."""
    agent = Agent(paced([Fail(ModelError("no such model", status=404), after=0.01)]), [APPLES])
    runs(agent, 3, latency=10)
    assert timing.of(agent.memory.history, agent.model).n == 0


def test_tokens_are_the_endpoints_own_or_reckoned_from_characters():
    """Reported tokens are learnt as they are; without a report, four characters are one."""
    for usage, expected in ((Usage(input_tokens=9, output_tokens=200), 200), (None, 5)):
        agent = Agent(paced([Say(SENTENCE.strip(), after=2.0)], usage=usage), [], policy=ONCE)
        runs(agent, 1, latency=20)
        (sample,) = timing.of(agent.memory.history, agent.model).record.fresh
        assert sample[:2] == (pytest.approx(2.0), expected)


# --- planning ---------------------------------------------------------------------------------------------------------


def test_max_tokens_shrink_with_the_time_left():
    """Each turn is granted what its model can write in the time that is left then, and never more than in the first."""
    slow_tool = fake_tool("slow", returns="There are 7 apples.", after=3.0, read_only=True)
    model = paced([ask(("slow", {"text": str(n)}), after=0.5) for n in range(2)] + [SENTENCE])
    result = runs(Agent(model, [slow_tool]), 1, latency=12)[0]
    granted = [request.max_tokens for request in model.requests]
    assert result.status == "complete"
    assert granted == sorted(granted, reverse=True)
    assert granted[0] - granted[-1] > 300


def test_a_model_that_proved_slow_is_asked_for_fewer_tokens():
    """The grant follows what was learnt, not what was declared."""
    model = paced([SENTENCE])
    runs(Agent(model, [], policy=ONCE), 1, latency=10)
    runs(taught(model, [], seconds=6.0, tokens=60), 1, latency=10)
    assert model.requests[1].max_tokens < model.requests[0].max_tokens / 3


def test_a_turn_that_would_leave_no_room_for_the_answer_is_not_begun():
    """With 4 s left and turns of 2 s for the model and 3 s for the tool, the run answers instead."""
    slow_tool = fake_tool("slow", returns="There are 7 apples.", after=3.0, read_only=True, latency=3.0)
    model = paced([ask(("slow", {"text": str(n)}), after=2.0) for n in range(5)])
    agent = taught(model, [slow_tool], seconds=2.0, tokens=10)
    result = runs(agent, 1, latency=9.2)[0]
    stop = decisions(result, "stop")[0]
    assert (result.stop_reason, result.spend.tool_calls) == ("deadline", 1)
    assert stop["figures"]["next_turn"] > 4.5
    assert stop["figures"]["remaining"] == pytest.approx(4.13, abs=0.1)
    assert result.verified


def test_the_same_turn_is_begun_where_the_tool_is_quick():
    """It is the tool of the run so far that decides: with a quick one there is room for another turn."""
    model = paced([ask(("apples", {"text": "1"}), after=2.0), Say(SENTENCE.strip(), after=2.0)])
    result = runs(taught(model, seconds=2.0, tokens=10), 1, latency=9.2)[0]
    assert (result.stop_reason, result.status) == ("answered", "complete")


def test_times_are_convolved_and_medians_are_not_added():
    """The sum of heavy-tailed parts has a larger median than the sum of their medians, on both grids."""
    parts = [ModelLatency().forecast(), ModelLatency().forecast(), ModelLatency().forecast()]
    added = sum(part.median for part in parts)
    fine, rough = total(parts), roughly(parts)
    assert fine.median > 1.15 * added
    assert rough.median == pytest.approx(fine.median, rel=0.02)
    assert rough.quantile(0.95) == pytest.approx(fine.quantile(0.95), rel=0.1)


def test_a_mixture_is_as_often_each_as_it_weighs():
    """Nine quick tools in ten make the median quick, and the tenth shows above the 90th percentile."""
    quick, slow = (ModelLatency(PacePolicy(start=s, per_token=1e-6)).totals.forecast() for s in (0.01, 100.0))
    mixed = mixture([(quick, 9.0), (slow, 1.0)])
    assert mixed.probability(1.0) == pytest.approx(0.9, abs=0.03)
    assert mixed.median < 0.05
    assert mixture([]) is NOTHING
    assert mixture([(slow, 2.0)]) is slow


# --- interruption -----------------------------------------------------------------------------------------------------


def test_an_answer_being_streamed_at_the_soft_deadline_is_finished():
    """The text is the answer, so it may use what was kept back for another one, and the result is complete."""
    words = Say(" ".join(["apples"] * 24) + ".", after=1.0, every=0.25)
    model = paced([words], usage=Usage(input_tokens=10, output_tokens=42))
    result = runs(taught(model, [], seconds=2.0, tokens=42), 1, latency=8)[0]
    kept = decisions(result, "reserve")[0]["figures"]["answer_q95"]
    assert 8 - kept < result.elapsed == pytest.approx(6.75, abs=0.01)
    assert result.answer.endswith("apples.")
    assert (result.status, result.stop_reason, result.spend.model_calls) == ("complete", "answered", 1)


def test_an_answer_that_does_not_end_in_time_is_used_as_far_as_it_got():
    """It is cut when only composing and checking still fits, and used up to its last whole sentence."""
    model = paced([Say(SENTENCE * 200, after=1.0, every=0.25)])
    result = runs(taught(model, [], seconds=6.0, tokens=500), 1, latency=20)[0]
    (decision,) = decisions(result, "interrupt")
    assert decision["choice"] == "cut"
    assert result.elapsed == pytest.approx(20 - 0.07, abs=0.01)
    assert result.answer.endswith("7 apples.")
    assert (result.status, result.stop_reason) == ("partial", "deadline")


def test_a_decision_can_be_made_again_from_its_figures():
    """The figures of a recorded interruption rebuild its situation, which the same policy decides the same way."""
    model = paced([Say(SENTENCE * 200, after=1.0, every=0.25)])
    result = runs(taught(model, [], seconds=6.0, tokens=500), 1, latency=20)[0]
    (decision,) = decisions(result, "interrupt")
    situation = StreamSituation(**decision["figures"])
    assert decision["situation"] == "StreamSituation"
    assert Interruption().decide(situation).reason == decision["reason"]
    assert Interruption().decide(replace(situation, elapsed=situation.last - 1)).until == situation.last


# --- an answer beside what still runs ---------------------------------------------------------------------------------


def beside(*calls, tools):
    """A run of 10 s whose model asks for calls, then answers; its answers usually take 2 s, and 2.1 are kept back."""
    model = paced([ask(*calls, after=0.5), Say(SENTENCE.strip(), after=1.0)])
    agent = taught(model, tools, seconds=2.0, tokens=10)
    for made in tools:
        for n in range(40):
            agent.memory.history.observe(made, 6.0 + n / 10)
    return runs(agent, 1, latency=10)[0], model


LATE = fake_tool("late", returns="There are 8 pears.", after=8.5, read_only=True)
SLOW = fake_tool("slow", returns="There are 8 pears.", after=60, read_only=True)


def test_an_answer_is_written_beside_a_call_that_may_still_end():
    """At the soft deadline the model begins to write of what there is; what still runs brings nothing: it is used."""
    result, model = beside(("apples", {}), ("slow", {}), tools=[APPLES, SLOW])
    (begun,) = [d for d in decisions(result, "answer") if d["figures"].get("beside")]
    kept = decisions(result, "reserve")[0]["figures"]["answer_q95"]
    assert begun["at"] == pytest.approx(10 - kept - 0.07, abs=0.001)
    assert result.answer == SENTENCE.strip()
    assert (result.status, result.spend.model_calls) == ("partial", 2)
    assert "7 apples" in str(model.requests[1].messages)
    assert result.elapsed < 10


def test_what_comes_in_while_the_answer_is_written_is_not_lost():
    """A call that ends after the answer was begun makes it out of date: the answer holds what both calls found."""
    result, _ = beside(("apples", {}), ("late", {}), tools=[APPLES, LATE])
    assert "7 apples" in result.answer
    assert "8 pears" in result.answer
    assert result.verified
    assert result.elapsed <= 10


def test_no_answer_is_begun_of_nothing():
    """Where nothing was found yet, the model is not asked to say so while a call that may end still runs."""
    result, _ = beside(("late", {}), tools=[LATE])
    assert not [d for d in decisions(result, "answer") if d["figures"].get("beside")]
    assert "8 pears" in result.answer


def test_a_hung_first_token_is_cut_early_and_called_again():
    """Where nothing comes long after first tokens have come so far, and another attempt fits, it is made."""
    model = paced([ask(("apples", {}), after=0.5), Hang(), Say(SENTENCE.strip(), after=0.5)])
    result = runs(taught(model, first=0.5), 1, latency=20)[0]
    (cut,) = decisions(result, "interrupt")
    assert (cut["choice"], cut["figures"]["tokens"]) == ("cut", 0)
    assert cut["figures"]["elapsed"] < 5.0
    assert (result.status, result.verified, result.spend.model_calls) == ("complete", True, 3)
    assert result.elapsed == pytest.approx(cut["at"] + 0.5, abs=0.01)


def test_a_hang_on_the_first_turn_leaves_the_embedded_model_its_time():
    """Nothing was found yet and nothing comes: the embedded model takes over early enough to use the tools."""
    found = fake_tool("apples", returns="There are 7 apples.", after=0.2, read_only=True, latency=0.2)
    result = runs(Agent(paced([Hang()], Pace()), [found], policy=NO_PROBE), 1, latency=4)[0]
    assert "7 apples" in result.answer
    assert result.verified
    assert (result.status, result.stop_reason) == ("fallback", "deadline")
    assert result.elapsed < 4.0
    assert any("was too slow" in warning for warning in result.warnings)


def test_a_model_known_to_be_too_slow_is_not_asked_first():
    """Calls of 8 s do not fit into 2 s: the embedded model answers at once, and no token of the other is paid for."""
    model = paced([Say(SENTENCE, after=8.0)])
    result = runs(taught(model, seconds=8.0), 1, latency=2)[0]
    assert model.requests == []
    assert "7 apples" in result.answer
    assert (result.status, result.stop_reason) == ("fallback", "deadline")
    assert decisions(result, "interrupt")[0]["choice"] == "decline"
    assert result.elapsed < 0.1


def test_some_runs_ask_a_slow_model_all_the_same():
    """A share of the runs waits to see whether it still is too slow: with `probe=1` all of them, until the last."""
    model = paced([ask(("apples", {}), after=3.8), Say(SENTENCE.strip(), after=0.2)])
    probing = Policy(interruption=Interruption(probe=1))
    result = runs(taught(model, seconds=8.0, policy=probing), 1, latency=4)[0]
    assert len(model.requests) == 1
    assert decisions(result, "interrupt") == []
    assert result.verified


LOOK_ONCE = Policy(stopping=Stopping(rules=(lambda seen: "it was looked up",)), interruption=Interruption(probe=1))
"""Reasoning ends after one turn, so that the final answer is one that has to be asked for."""


def writers(agent, times):
    """Who wrote the final answer of so many runs of 10 s."""
    return [decisions(result, "answer")[0]["choice"] for result in runs(agent, times, latency=10)]


def test_after_an_outage_the_model_is_asked_for_the_final_answer_again():
    """Answers that took 30 s as the process began are no reason to compose for ever: the 17th run asks for one, and as
    it comes in time so do all that follow."""
    model = paced([ask(("apples", {}), after=0.5), Say(SENTENCE.strip(), after=0.5)])
    agent = taught(model, seconds=30.0, calls=3, policy=LOOK_ONCE)
    assert writers(agent, 40) == ["composed"] * 16 + ["model"] * 24
    assert timing.answer_forecast(agent.memory.history, model).median == pytest.approx(0.5)


def test_a_model_whose_answers_are_still_slow_is_asked_for_one_now_and_then():
    """An answer that is asked for to see whether it is quick, and is cut, costs one run of 17, and that is on time."""
    model = paced([ask(("apples", {}), after=0.5), Hang()])
    agent = taught(model, seconds=30.0, calls=3, policy=LOOK_ONCE)
    results = runs(agent, 52, latency=10)
    asked = [n for n, result in enumerate(results, 1) if decisions(result, "answer")[0]["choice"] == "model"]
    assert asked == [17, 34, 51]
    assert all(result.elapsed <= 10 and "7 apples" in result.answer for result in results)


def test_without_tools_a_slow_model_is_asked_for_there_is_nobody_else():
    """The embedded model needs tools, so half an answer of the slow model is the best there is."""
    model = paced([Say(SENTENCE * 50, after=0.5, every=0.1)])
    result = runs(taught(model, [], seconds=60.0, tokens=900), 1, latency=3)[0]
    assert len(model.requests) == 1
    assert result.answer.endswith("7 apples.")


def test_a_call_that_comes_after_the_soft_deadline_is_made_where_it_can_end():
    """A text that turns out to be the preamble of a call: the call still brings the answer, though its stream hangs."""

    class Preamble(ScriptedModel):
        async def stream(self, request):
            self.requests.append(request)
            if len(self.requests) > 1:
                yield TextDelta(SENTENCE)
                return
            yield TextDelta("Let me look that up")
            await asyncio.sleep(request.deadline.at - 2.0)
            async for event in self._ask((("apples", {}),), 0.0, 0.0):
                yield event
            await asyncio.sleep(60)

    model = Preamble([""], pace=QUICK)
    result = runs(taught(model, [APPLES], seconds=3.0, tokens=10), 1, latency=14)[0]
    assert result.spend.tool_calls == 1
    assert result.stop_reason == "deadline"
    assert (result.answer, result.verified) == ("There are 7 apples.", True)
    assert result.elapsed <= 14


def test_an_answer_ended_by_its_limit_of_tokens_is_not_called_complete():
    """What `max_tokens` cut off is used up to its last whole sentence, and the result says which limit it was."""

    class Limited(ScriptedModel):
        async def stream(self, request):
            yield TextDelta("There are 7 apples. They are red and")
            yield Usage(input_tokens=9, output_tokens=request.max_tokens)
            yield Finish(reason="length")

    for budget, limit in (({"latency": 3}, "deadline"), ({"latency": 60, "tokens": 200}, "tokens")):
        result = runs(Agent(Limited([""], pace=QUICK), []), 1, **budget)[0]
        assert result.answer == "There are 7 apples."
        assert (result.status, result.stop_reason) == ("partial", limit)


# --- what the trace says ----------------------------------------------------------------------------------------------


def test_a_span_of_a_model_call_has_its_forecast_its_first_token_and_its_cost():
    """p50 and p95 as they were forecast, seconds to the first chunk, and US dollars where price and usage are known."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    price = Price(input_per_million=1.0, output_per_million=10.0)
    model = paced([Say(SENTENCE.strip(), after=1.5)], price=price, usage=Usage(input_tokens=100, output_tokens=20))
    agent = Agent(model, [], tracer_provider=provider)
    VirtualClock().run(agent.run("How many?", budget=Budget(latency=30)))
    chat = next(span for span in exporter.get_finished_spans() if span.name.startswith("chat"))
    figures = dict(chat.attributes)
    p50, p95 = (figures[f"shotclock.forecast.{name}"] for name in ("p50", "p95"))
    assert p50 == pytest.approx(0.5 + 129 * 0.01, rel=0.01)
    assert p95 > p50
    assert figures["gen_ai.response.time_to_first_chunk"] == pytest.approx(1.5)
    assert figures["shotclock.call.cost_usd"] == pytest.approx(3e-4)
