"""The agent's face: queries, budgets, streams, conversations, and what the result says of how it came about."""

from __future__ import annotations

import asyncio

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from shotclock import (
    Agent,
    Budget,
    CallFinished,
    CallStarted,
    Model,
    Policy,
    Result,
    RunStarted,
    TextDelta,
    UsageError,
    Warned,
)
from shotclock.agent.models.base import Pace, Price, Usage
from shotclock.agent.query import read_text
from shotclock.policies.errors import InvalidBudget, InvalidPolicy, InvalidQuery, ModelError, UnknownModel
from shotclock.policies.interruption import Interruption
from shotclock.policies.limits import Limits
from shotclock.policies.stopping import Stopping
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

APPLES = fake_tool("apples", returns="There are 7 apples.", read_only=True)


def run(steps, *, tools=(APPLES,), budget=None, policy=None, **model):
    """One run of a scripted model on the virtual clock."""
    agent = Agent(ScriptedModel(steps, **model), tools, policy=policy)
    return VirtualClock().run(agent.run("How many apples are there?", budget=budget or Budget(latency=10)))


def test_the_straight_line():
    """The model asks, the tool answers, the model answers, the answer is checked."""
    result = run([ask(("apples", {})), "There are 7 apples."])
    assert result.answer == "There are 7 apples."
    assert (result.status, result.stop_reason, result.verified) == ("complete", "answered", True)
    assert result.warnings == ()
    assert (result.spend.tool_calls, result.spend.model_calls) == (1, 2)
    assert len(result.trace_id) == 32


def test_an_invented_number_is_not_verified():
    """`verified` is said only where every fact of the answer stands in the evidence."""
    result = run([ask(("apples", {})), "There are 9 apples."])
    assert not result.verified
    assert result.verdict.outcome == "fail"
    assert any("9" in warning for warning in result.warnings)


def test_an_answer_with_nothing_to_check_is_unsure():
    """Without evidence there is nothing to verify by."""
    result = run(["Nice to meet you."])
    assert (result.verified, result.verdict.outcome) == (False, "unsure")


def test_the_graph_has_the_four_nodes_and_their_edges():
    """The loop is a real LangGraph graph that can be looked at."""
    graph = Agent(ScriptedModel([""]), [APPLES]).graph.get_graph()
    assert {"reason", "act", "verify", "answer"} <= set(graph.nodes)
    edges = {(edge.source, edge.target) for edge in graph.edges}
    assert {("reason", "act"), ("act", "verify"), ("verify", "reason"), ("verify", "answer")} <= edges


def test_a_model_interrupted_in_its_answer_is_used_up_to_its_last_sentence():
    """At the soft deadline what was streamed so far is used, without half a sentence."""
    slow = Say("There are 7 apples. They are red and", every=0.5)
    result = run([ask(("apples", {})), slow], budget=Budget(latency=3))
    assert result.answer == "There are 7 apples."
    assert (result.status, result.stop_reason) == ("partial", "deadline")
    assert result.verified


def test_a_model_that_hangs_leaves_an_answer_from_the_evidence():
    """Where the model writes nothing, the answer is put together from what was found."""
    result = run([ask(("apples", {})), Hang()], budget=Budget(latency=3))
    assert "7 apples" in result.answer
    assert (result.status, result.stop_reason, result.verified) == ("fallback", "deadline", True)
    assert "without the model" in " ".join(result.warnings)
    assert result.elapsed <= 3


def test_a_failing_model_is_retried_once_where_it_may_pass():
    """A 429 that asks for 2 s is waited for, and the second attempt answers; both count."""
    error = ModelError("slow down", status=429, retry_after=2.0)
    result = run([Fail(error), ask(("apples", {})), "There are 7 apples."])
    assert (result.status, result.verified, result.spend.model_calls) == ("complete", True, 3)
    assert 2.0 <= result.elapsed < 2.1


def test_a_model_that_keeps_failing_hands_over():
    """The embedded model takes over with the tools that are there, and the result says so."""
    result = run([Fail(ModelError("no such model", status=404))])
    assert "7 apples" in result.answer
    assert (result.status, result.stop_reason) == ("fallback", "model_failed")


def test_no_room_for_another_turn_ends_the_reasoning():
    """A model that took 4 s a turn is not asked again with 3 s left; the run answers at once."""
    steps = [ask(("apples", {"text": str(n)}), after=4) for n in range(5)]
    result = run(steps, budget=Budget(latency=7))
    assert result.stop_reason == "deadline"
    assert result.elapsed == pytest.approx(4.0, abs=0.01)
    assert result.verified


def test_enough_evidence_ends_the_reasoning():
    """`stopping.enough` results that passed their checks are enough."""
    steps = [ask(("checked", {"text": str(n)})) for n in range(5)] + ["There are 7 apples."]
    checked = fake_tool("checked", returns="There are 7 apples.", checks=[lambda value: True])
    result = run(steps, tools=[checked], policy=Policy(stopping=Stopping(enough=2)))
    assert (result.stop_reason, result.spend.tool_calls) == ("enough", 2)
    assert result.answer == "There are 7 apples."


def test_asking_for_the_same_again_is_no_progress():
    """A model that repeats its call is stopped after the first repetition."""
    result = run([ask(("apples", {})), ask(("apples", {})), ask(("apples", {})), "There are 7 apples."])
    assert (result.stop_reason, result.spend.tool_calls) == ("enough", 2)
    assert result.verified


def test_turns_are_bounded():
    """`limits.turns` ends a model that never stops asking."""
    steps = [ask(("apples", {"text": str(n)})) for n in range(50)] + ["There are 7 apples."]
    result = run(steps, policy=Policy(limits=Limits(turns=3)))
    assert result.spend.tool_calls == 3
    assert "limits.turns=3" in next(d["reason"] for d in result.decisions if d["kind"] == "stop")


def test_tokens_are_reserved_and_settled():
    """What the endpoint reports is what was spent, and a token limit bounds what may be written."""
    usage = Usage(input_tokens=100, output_tokens=20)
    price = Price(input_per_million=1.0, output_per_million=10.0)
    result = run([ask(("apples", {})), "There are 7 apples."], usage=usage, price=price, budget=Budget(tokens=5000))
    assert (result.spend.input_tokens, result.spend.output_tokens) == (200, 40)
    assert result.spend.cost_usd == pytest.approx(2 * (100 * 1 + 20 * 10) / 1e6)


def test_a_call_cut_before_it_said_its_usage_is_counted_at_its_worst_case():
    """Unknown is not zero: an interrupted model call stays at what was reserved for it."""
    price = Price(input_per_million=0.0, output_per_million=10.0)
    agent = Agent(ScriptedModel([Hang()], price=price, pace=Pace(start=0.0, per_token=0.01)), [])
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=5, tokens=1000)))
    assert result.spend.output_tokens > 100


def test_tokens_that_cost_nothing_are_limited_all_the_same():
    """A free endpoint has tokens too: they are reserved at their worst case, and the limit holds."""
    free = Price(input_per_million=0.0, output_per_million=0.0)
    model = ScriptedModel(["Hello there."], price=free, pace=Pace(start=0.0, per_token=0.01))
    agent = Agent(model, [])
    assert VirtualClock().run(agent.run("?", budget=Budget(tokens=20))).stop_reason == "tokens"
    assert model.requests == []
    result = VirtualClock().run(agent.run("?", budget=Budget(tokens=1000)))
    assert result.status == "complete"
    assert 0 < result.spend.tokens <= 1000


def test_max_tokens_come_from_the_time_left():
    """A model is asked for no more than it can write in time, as often as the policy says: here in half of cases."""
    model = ScriptedModel(["Hello."], pace=Pace(start=1.0, per_token=0.01))
    even = Policy(interruption=Interruption(tokens=0.5))
    result = VirtualClock().run(Agent(model, [], policy=even).run("?", budget=Budget(latency=10)))
    assert result.status == "complete"
    soft = model.requests[0].deadline.at
    assert model.requests[0].max_tokens == int((soft - 1.0) / 0.01)


def test_an_unknown_price_is_said():
    """A money limit that cannot be enforced warns, and the cost is `None`."""

    class Unpriced(ScriptedModel):
        def __init__(self) -> None:
            super().__init__(["Hello there."])
            self.price = None

    result = VirtualClock().run(Agent(Unpriced(), []).run("?", budget=Budget(cost_usd=1.0)))
    assert result.spend.cost_usd is None
    assert "cost_usd could not be enforced" in " ".join(result.warnings)


def test_a_read_only_call_starts_while_the_model_still_writes():
    """A call whose arguments are complete does not wait for the rest of the stream, unless it changes something."""
    early = fake_tool("early", returns="There are 7 apples.", after=3, read_only=True)
    careful = fake_tool("careful", returns="There are 7 apples.", after=3)
    for tool, seconds in ((early, 3.0), (careful, 5.0)):
        asked = ask((tool.name, {"text": "a"}), ("apples", {}), ("apples", {"text": "b"}), every=1.0)
        result = run([asked, "There are 7 apples."], tools=[tool, APPLES])
        assert result.elapsed == pytest.approx(seconds, abs=0.01)
        assert result.spend.tool_calls == 3
        assert [e.outcome.name for e in result.evidence] == ["ok"] * 3


async def test_a_stream_tells_what_happens_and_ends_with_the_result():
    """Events come in order: started, calls, text, and the result last."""
    agent = Agent(ScriptedModel([ask(("apples", {})), "There are 7 apples."]), [APPLES])
    events = [event async for event in agent.stream("How many?")]
    kinds = [type(event) for event in events]
    assert kinds[0] is RunStarted
    assert kinds[-1] is Result
    assert kinds.index(CallStarted) < kinds.index(CallFinished) < kinds.index(TextDelta)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == events[-1].answer


async def test_streamed_and_unstreamed_runs_give_the_same():
    """Streaming changes nothing in the result."""
    agent = Agent(ScriptedModel([ask(("apples", {})), "There are 7 apples."]), [APPLES])
    streamed = [event async for event in agent.stream("How many?")][-1]
    plain = await agent.run("How many?")
    same = ("answer", "status", "stop_reason", "verified", "warnings")
    assert all(getattr(streamed, name) == getattr(plain, name) for name in same)


async def test_a_consumer_that_leaves_cancels_the_run():
    """Closing the stream ends the run's work."""
    started, stopped = asyncio.Event(), asyncio.Event()

    async def waits() -> str:
        """Wait."""
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return "late"

    agent = Agent(ScriptedModel([ask(("waits", {})), "Done."]), [waits])
    stream = agent.stream("?")
    async for event in stream:
        if isinstance(event, CallStarted):
            await started.wait()
            break
    await stream.aclose()
    await asyncio.wait_for(stopped.wait(), 1)
    assert stopped.is_set()


async def test_a_stream_raises_what_its_run_raises(monkeypatch):
    """A fault outside of all that a run answers for ends the stream too, instead of leaving its consumer waiting."""
    agent = Agent(ScriptedModel(["Hello."]), [APPLES])
    monkeypatch.setattr(agent.graph, "ainvoke", None)

    async def consume():
        return [event async for event in agent.stream("?")]

    with pytest.raises(TypeError):
        await asyncio.wait_for(consume(), 5)


async def test_warnings_are_events_too():
    """A user watching the stream is told at once that the model failed."""
    agent = Agent(ScriptedModel([Fail(ModelError("gone", status=404))]), [APPLES])
    events = [event async for event in agent.stream("How many apples are there?")]
    assert any(isinstance(event, Warned) and "gone" in event.message for event in events)


async def test_a_thread_remembers_the_conversation():
    """With a checkpointer, a thread's earlier questions come before this one's."""
    model = ScriptedModel(["Hello Ada.", "You said hello."])
    agent = Agent(model, [], checkpointer=InMemorySaver())
    await agent.run("I am Ada.", thread_id="t")
    await agent.run("What did I say?", thread_id="t")
    said = [message["content"] for message in model.requests[1].messages if message["role"] != "system"]
    assert said == ["I am Ada.", "Hello Ada.", "What did I say?"]


def test_a_thread_without_a_checkpointer_is_refused():
    """A conversation needs somewhere to live."""
    with pytest.raises(InvalidQuery, match="thread_id='t' needs a checkpointer"):
        Agent(ScriptedModel(["x"])).run_sync("?", thread_id="t")


@pytest.mark.parametrize(
    ("query", "says"),
    [("", "query is empty"), ("  \n", "query is empty"), (3, "must be a text, got int"), (None, "got NoneType")],
)
def test_a_query_that_is_none_is_refused(query, says):
    """An empty query is one clear sentence."""
    with pytest.raises(InvalidQuery, match=says):
        Agent("rules").run_sync(query)


def test_a_query_of_a_megabyte_is_answered_in_time_or_refused_by_the_limit():
    """A huge query costs no more time than its budget; over the limit it is refused with both figures."""
    result = Agent("rules", [APPLES]).run_sync("apples " * 150_000, budget=Budget(latency=2))
    assert result.elapsed <= 2.05
    with pytest.raises(InvalidQuery, match=r"1,050,000 characters and limits.query=1,000,000"):
        Agent("rules", policy=Policy(limits=Limits(query=1_000_000))).run_sync("apples " * 150_000)


def test_wrong_types_are_refused_by_name():
    """Budget and policy must be what they are called."""
    with pytest.raises(InvalidBudget, match="budget must be a Budget, got 3"):
        Agent("rules", budget=3)
    with pytest.raises(InvalidBudget, match="budget must be a Budget"):
        Agent("rules").run_sync("?", budget={"latency": 2})
    with pytest.raises(InvalidPolicy, match="policy must be a Policy"):
        Agent("rules", policy="fast")
    with pytest.raises(UnknownModel):
        Agent("gpt-9")
    assert issubclass(UnknownModel, UsageError)


def test_the_scripted_model_is_a_model():
    """What the tests use satisfies the protocol that products implement."""
    assert isinstance(ScriptedModel([]), Model)


def test_without_a_deadline_a_run_takes_as_long_as_it_takes():
    """`latency=None` waits for everything."""
    slow = fake_tool("slow", returns="There are 7 apples.", after=1e6)
    result = run([ask(("slow", {})), "There are 7 apples."], tools=[slow], budget=Budget(latency=None))
    assert result.status == "complete"
    assert result.elapsed >= 1e6


def test_a_budget_of_no_time_is_answered_at_once():
    """Zero seconds is an answer that says so, not an error."""
    result = run([ask(("apples", {})), "There are 7 apples."], budget=Budget(latency=0))
    assert result.stop_reason == "deadline"
    assert not result.verified
    assert result.answer


def test_metadata_that_is_no_mapping_is_refused():
    """A list of labels is one clear sentence before the run."""
    with pytest.raises(InvalidQuery, match=r"metadata must map names to short values, .* got a list"):
        Agent("rules").run_sync("What is 2 + 2?", metadata=[1])


def test_a_lone_surrogate_in_the_question_is_replaced():
    """Text that is no UTF-8 is answered with a question mark in its place."""
    agent = Agent(ScriptedModel(["Hello."]), [])
    result = VirtualClock().run(agent.run("Say hello \udce9", metadata={"user": "u"}))
    assert result.answer == "Hello."
    assert read_text("Say hello \udce9", agent.policy) == "Say hello ?"


def test_a_tool_whose_breaker_is_open_is_not_offered():
    """Once a tool has failed five times in a row the model is shown the others, and told why; after 30 s it is back."""
    offers, heads = [], []

    def first(request):
        offers.append([spec.name for spec in request.tools])
        heads.append(request.messages[0]["content"])
        return ask(("down", {}), ("up", {}))

    tools = [fake_tool("down", error=OSError("no route")), fake_tool("up"), fake_tool("spare")]
    agent = Agent(ScriptedModel([first, "Done."]), tools)
    clock = VirtualClock()
    for _ in range(6):
        result = clock.run(agent.run("?"))
    clock.now += 31
    clock.run(agent.run("?"))
    assert [("down" in names) for names in offers] == [True] * 5 + [False, True]
    assert "Out of order for now: down failed 5 times in a row; it is not called for up to 30.0 s more." in heads[5]
    assert [d["choice"] for d in result.decisions if d["kind"] == "withhold"] == ["down"]
    assert result.evidence[0].outcome.name == "skipped"


def test_a_tool_that_only_failed_leaves_the_answer_partial():
    """An answer that lacks what a tool would have told says so, in its status and in words."""
    bad = fake_tool("bad", error=ConnectionError("no route"))
    result = VirtualClock().run(Agent(ScriptedModel([ask(("bad", {})), "All is well."]), [bad]).run("?"))
    assert result.status == "partial"
    assert "Nothing came of bad: bad failed: ConnectionError: no route" in result.warnings


def test_a_failure_that_was_made_good_leaves_the_answer_complete():
    """A tool that failed first and was then asked again with success is no gap."""
    flaky = fake_tool("flaky", returns="7 apples", error=OSError("down"), failures=1)
    script = [ask(("flaky", {})), ask(("flaky", {"text": "again"})), "There are 7 apples."]
    assert VirtualClock().run(Agent(ScriptedModel(script), [flaky]).run("?")).status == "complete"
