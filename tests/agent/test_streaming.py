"""Streams: what is told of a run, what text stands meanwhile, and that listening changes nothing."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from contextlib import aclosing
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from shotclock import (
    Agent,
    Budget,
    BudgetTick,
    CallFinished,
    CallProgress,
    CallStarted,
    Judged,
    Policy,
    Provisional,
    Result,
    RunStarted,
    TextDelta,
    TextWithdrawn,
    progress,
    tool,
)
from shotclock.agent.beginning import begin
from shotclock.agent.graph import compile_graph
from shotclock.agent.models.base import Pace
from shotclock.policies.errors import InvalidBudget, InvalidQuery, ModelError
from shotclock.policies.verification import Verification
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

SEVEN = "There are 7 apples."
QUERY = "How many apples are there?"


@pytest.fixture(autouse=True, scope="module")
def one_graph():
    """Compiling LangGraph's graph takes most of a test here, and every agent's is the same."""
    graph = compile_graph("agent", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shotclock.agent.graph.compile_graph", lambda name, checkpointer: graph)
        yield


def apples(after=0.0):
    return fake_tool("apples", returns=SEVEN, read_only=True, after=after)


class Count(BaseModel):
    """A number of apples."""

    apples: int


LOOK = ask(("apples", {}), after=0.3)
SCENES = {
    "straight": {"steps": [LOOK, Say(SEVEN, after=0.2, every=0.1)]},
    "thinking aloud": {"steps": [lambda request: Say("Let me see.", every=0.1)]},
    "refused, then right": {"steps": [LOOK, Say("There are 9 apples.", every=0.1), Say(SEVEN, every=0.1)]},
    "refused for good": {"steps": [LOOK, Say("There are 9 apples.", every=0.1)]},
    "refused, and nothing else composed": {
        "steps": [LOOK, Say("There are 9 apples. There are 7 apples.", every=0.1)],
        "policy": Policy(verification=Verification(compose=False)),
    },
    "a tool hangs": {"steps": [ask(("apples", {}), ("slow", {})), Say(SEVEN, after=0.3, every=0.1)], "latency": 2.0},
    "all hangs": {"steps": [ask(("slow", {}))], "latency": 1.0},
    "the model hangs in a sentence": {"steps": [LOOK, Hang("There are 7 apples. They are")], "latency": 2.0},
    "the model hangs before its sentence ends": {"steps": [LOOK, Hang("There are")], "latency": 2.0},
    "the model fails": {"steps": [LOOK, Fail(ModelError("gone", status=404), text="There", after=0.1)]},
    "no time": {"steps": [LOOK, SEVEN], "latency": 0.0},
    "a value": {"steps": [LOOK, Say('{"apples":  7}', every=0.1)], "output_type": Count},
    "a value that does not fit": {"steps": [LOOK, Say('{"pears": 7}', every=0.1)], "output_type": Count},
    "a slow model": {
        "steps": [ask(("apples", {}), ("slow", {}), after=0.5), Say(SEVEN, after=0.5, every=0.2)],
        "latency": 4.0,
        "pace": Pace(start=0.5, per_token=0.05),
    },
}


def agent_of(scene):
    slow = fake_tool("slow", returns="late", after=60.0, read_only=True)
    model = ScriptedModel(scene["steps"], pace=scene.get("pace"))
    options = {name: scene[name] for name in ("policy", "output_type") if name in scene}
    return Agent(model, [apples(scene.get("after", 0.4)), slow], **options)


def plain(scene):
    budget = Budget(latency=scene.get("latency", 10.0))
    return VirtualClock().run(agent_of(scene).run(QUERY, budget=budget))


def streamed(scene, pauses=(), tick=0.1):
    """The events of a scene, whose consumer takes the pauses in turn, one after each event."""

    async def consume():
        events = []
        budget = Budget(latency=scene.get("latency", 10.0))
        async for event in agent_of(scene).stream(QUERY, budget=budget, tick=tick):
            events.append(event)
            if pauses:
                await asyncio.sleep(pauses[len(events) % len(pauses)])
        return events

    return VirtualClock().run(consume())


def standing(events):
    """The text that stands after these events, as a screen that does what they say shows it."""
    drafts: dict[int, str] = {}
    for event in events:
        match event:
            case TextDelta():
                drafts[event.draft] = drafts.get(event.draft, "") + event.text
            case TextWithdrawn():
                del drafts[event.draft]
        assert len(drafts) <= 1, "two drafts stand at a time"
    return "".join(drafts.values())


def said(result):
    """All that a result says, but for the id of its trace."""
    return {name: value for name, value in result.to_dict().items() if name != "trace_id"}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("pauses", [(), (0.03,), (0.0, 60.0)], ids=["eager", "slow", "asleep"])
def test_a_stream_gives_what_the_run_gives_and_its_text_stands(name, pauses):
    """However slowly it is read, a stream ends with the result of the run alone, to the instant, and the text that
    stands is its answer."""
    scene = SCENES[name]
    alone, events = plain(scene), streamed(scene, pauses)
    assert said(events[-1]) == said(alone)
    answer = events[-1].answer
    text = standing(events)
    assert (text == answer) if isinstance(answer, str) else answer is None or Count.model_validate_json(text) == answer
    assert isinstance(events[0], RunStarted)
    assert [type(event) for event in events].count(Result) == 1


STEPS = st.lists(
    st.one_of(
        st.sampled_from([LOOK, ask(("slow", {})), ask(("apples", {}), ("slow", {})), SEVEN, "I do not know."]),
        st.builds(Say, st.sampled_from([SEVEN, "There are 9 apples.", "Well. There are 7 apples, I think"]),
                  after=st.sampled_from([0.0, 0.4]), every=st.sampled_from([0.0, 0.2])),
        st.builds(Hang, st.sampled_from(["", "There are 7 apples. And"])),
        st.builds(Fail, st.just(ModelError("gone", status=404)), st.sampled_from(["", "There are"])),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@given(
    steps=STEPS,
    latency=st.sampled_from([0.5, 2.0, 8.0]),
    pauses=st.lists(st.sampled_from([0.0, 0.05, 3.0]), max_size=3),
    tick=st.sampled_from([None, 0.1]),
)
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
def test_whatever_happens_the_text_that_stands_is_the_answer(steps, latency, pauses, tick):
    """Over scripted runs of any kind, the text that stands is the answer, and listening costs no time."""
    scene = {"steps": steps, "latency": latency}
    events = streamed(scene, pauses, tick)
    assert standing(events) == events[-1].answer
    assert said(events[-1]) == said(plain(scene))


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_text_before_calls_is_withdrawn_as_thinking():
    """A model that writes and then asks for calls was thinking aloud; the screen is told the moment the call comes."""

    class Thinks(ScriptedModel):
        async def stream(self, request):
            if len(self.requests) == 0:
                async for event in self._say(Say("Let me look.", after=0.1, every=0.1)):
                    yield event
            async for event in super().stream(request):
                yield event

    model = Thinks([ask(("apples", {}), after=0.2), Say(SEVEN, every=0.1)])

    async def consume():
        return [event async for event in Agent(model, [apples()]).stream(QUERY, tick=None)]

    events = VirtualClock().run(consume())
    (gone,) = of(TextWithdrawn, events)
    (started,) = of(CallStarted, events)
    assert (gone.draft, gone.why, gone.at) == (1, "calls", pytest.approx(0.5))
    assert events.index(gone) < events.index(started)
    assert {each.draft for each in of(TextDelta, events)} == {1, 2}


def test_a_refused_draft_is_judged_withdrawn_and_replaced():
    """The verdict names the draft, the draft goes, and the text of the next one stands."""
    events = streamed(SCENES["refused, then right"], tick=None)
    judged = [(each.draft, each.verdict.outcome) for each in of(Judged, events) if each.what == "answer"]
    assert judged == [(1, "fail"), (2, "pass")]
    assert [(each.draft, each.why) for each in of(TextWithdrawn, events)] == [(1, "refused")]
    assert all(each.provisional for each in of(TextDelta, events))
    best = of(Provisional, events)
    assert [(each.text, each.verdict.outcome, each.model) for each in best] == [
        (SEVEN, "unsure", ""),
        ("There are 9 apples.", "fail", "scripted"),
        (SEVEN, "pass", "scripted"),
    ]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("There are 7 apples. ![x](https://evil.example/x.png)", True),
        ("apples " * 2_000, False),
    ],
)
def test_the_first_results_make_an_answer_before_a_model_writes_one(result, told):
    """After a turn there is a provisional answer of what was found; it fetches nothing, and none is made of a lot."""
    tool_ = fake_tool("apples", returns=result, read_only=True, after=0.4, trusted=False)
    model = ScriptedModel([LOOK, Say(SEVEN, after=3.0)])

    async def consume():
        return [event async for event in Agent(model, [tool_]).stream(QUERY, tick=None)]

    early = [event for event in of(Provisional, VirtualClock().run(consume())) if event.at < 3.0]
    assert [("7 apples" in event.text, "![" in event.text) for event in early] == ([(True, False)] if told else [])


def test_an_answer_that_no_model_wrote_comes_as_one_settled_piece():
    """Where the answer is put together from the evidence, what was written goes; its text is given once, settled."""
    events = streamed(SCENES["the model hangs before its sentence ends"], tick=None)
    *drafts, last = of(TextDelta, events)
    assert events[-1].status == "fallback"
    assert (last.text, last.provisional, last.purpose) == (events[-1].answer, False, "answer")
    assert [each.text for each in drafts] == ["There are"]
    assert [(each.draft, each.why) for each in of(TextWithdrawn, events)] == [(1, "replaced")]


def test_each_result_is_judged_after_its_call():
    """The verdict of a result names its call, and follows it."""
    events = streamed(SCENES["straight"], tick=None)
    (finished,), judged = of(CallFinished, events), [each for each in of(Judged, events) if each.what == "result"]
    assert [(each.call, each.tool) for each in judged] == [(finished.evidence.id, "apples")]
    assert events.index(finished) + 1 == events.index(judged[0])


def test_ticks_come_at_their_period_while_somebody_reads():
    """A budget tick comes every period, says what is left at that moment, and none comes where none is wanted."""
    scene = {"steps": [LOOK, Say(SEVEN, after=0.7)], "latency": 4.0}
    ticks = of(BudgetTick, streamed(scene, tick=0.25))
    assert [each.at for each in ticks] == [pytest.approx(0.25 * n) for n in range(1, 6)]
    assert [each.remaining for each in ticks] == [pytest.approx(4 - 0.25 * n) for n in range(1, 6)]
    assert ticks[-1].spend.tool_calls == 1
    assert of(BudgetTick, streamed(scene, tick=None)) == of(BudgetTick, streamed(scene, tick=0)) == []


def test_a_tick_is_of_the_moment_it_is_read():
    """A consumer that was asleep is given one tick, of now, and not those that it slept through."""
    events = streamed({"steps": [LOOK, Say(SEVEN, after=30.0)], "latency": 60.0}, pauses=(7.0,))
    for before, after in itertools.pairwise(events):
        assert not (isinstance(before, BudgetTick) and isinstance(after, BudgetTick)) or after.at - before.at >= 7.0


def test_a_consumer_that_does_not_read_leaves_a_run_without_timers():
    """Ticks are made by reading: a stream that nobody reads has one event loop timer less than it takes to tick."""

    async def consume():
        timers = []
        loop = asyncio.get_running_loop()
        plain_call_at = loop.call_at

        def noted(when, callback, *args, **kwargs):
            timers.append(callback)
            return plain_call_at(when, callback, *args, **kwargs)

        loop.call_at = noted
        async with aclosing(agent_of(SCENES["all hangs"]).stream(QUERY, budget=Budget(latency=5))) as events:
            await anext(events)
            await asyncio.sleep(0.01)
            before = len(timers)
            await asyncio.sleep(3.0)
            return len(timers) - before

    assert VirtualClock().run(consume()) <= 3  # that of the sleep here, and those of the run's own


def test_every_event_is_json_with_its_type():
    """Each kind of event gives JSON values with a type of its own, which are the same when they come back."""

    @tool(read_only=True)
    async def counts(day: str) -> str:
        """Count."""
        progress(0.5, "half")
        await asyncio.sleep(1)
        return SEVEN

    model = ScriptedModel([
        ask(("counts", {"day": "2026-01-01"})), "There are 9 apples.", Fail(ModelError("gone", status=404)),
    ])  # fmt: skip

    async def consume():
        return [event async for event in Agent(model, [counts]).stream(QUERY)]

    events = VirtualClock().run(consume())
    dicts = [event.to_dict() for event in events]
    assert json.loads(json.dumps(dicts)) == dicts
    assert {each["type"] for each in dicts} >= {
        "run_started", "text_delta", "text_withdrawn", "call_started", "call_progress", "call_finished", "judged",
        "provisional", "budget_tick", "warned", "result",
    }  # fmt: skip
    assert all("at" in each for each in dicts[:-1])


def test_arguments_that_are_no_json_are_told_as_json():
    """Validated arguments may be dates; what is sent of them is text."""

    @tool(read_only=True)
    async def counts(day: date) -> str:
        """Count."""
        return SEVEN

    model = ScriptedModel([ask(("counts", {"day": "2026-01-01"})), SEVEN])

    async def consume():
        return [event async for event in Agent(model, [counts]).stream(QUERY)]

    events = VirtualClock().run(consume())
    assert "2026-01-01" in json.dumps([event.to_dict() for event in events])


@pytest.mark.parametrize("leave", ["break", "aclose", "cancel", "raise"])
async def test_whoever_leaves_cancels_the_run_and_its_calls(leave):
    """Breaking out, closing, being cancelled and raising all end what the run had begun."""
    started, stopped = asyncio.Event(), asyncio.Event()

    @tool(read_only=True)
    async def waits() -> str:
        """Wait."""
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return "late"

    agent = Agent(ScriptedModel([ask(("waits", {})), "Done."]), [waits])

    async def consume():
        async for event in agent.stream("?"):
            if isinstance(event, CallStarted) and leave != "cancel":
                await started.wait()
                if leave == "break":
                    return
                raise KeyError("mine")

    async def close():
        async with aclosing(agent.stream("?")) as events:
            async for event in events:
                if isinstance(event, CallStarted):
                    await started.wait()
                    break
        assert stopped.is_set(), "the stream was closed, and the call goes on"

    task = asyncio.create_task(close() if leave == "aclose" else consume())
    await asyncio.wait_for(started.wait(), 5)
    if leave == "cancel":
        task.cancel()
    await asyncio.wait((task,))
    await asyncio.wait_for(stopped.wait(), 5)
    assert task.cancelled() == (leave == "cancel")
    if leave == "raise":
        assert isinstance(task.exception(), KeyError)
    else:
        assert task.cancelled() or task.exception() is None


async def test_a_stream_that_is_not_read_begins_nothing():
    """A generator that nobody iterates starts no run, opens no span and leaves no task."""
    agent = Agent(ScriptedModel([SEVEN]), [])
    before = asyncio.all_tasks()
    events = agent.stream("?")
    del events
    gc.collect()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert agent.model.requests == []


async def test_a_run_that_is_cancelled_before_its_first_step_is_closed(monkeypatch):
    """A consumer that leaves at once leaves a whole trace."""
    agent = Agent(ScriptedModel([SEVEN]), [])
    runs = []

    def noted(*arguments, **named):
        runs.append(begin(*arguments, **named))
        return runs[-1]

    monkeypatch.setattr("shotclock.agent.agent.begin", noted)
    events = agent.stream("?")
    await anext(events)
    await events.aclose()
    assert [run.closed for run in runs] == [True]


def test_what_is_wrong_with_the_question_is_said_before_the_stream_begins():
    """A server can refuse a query before it has sent anything."""
    agent = Agent("rules")
    with pytest.raises(InvalidQuery, match="query is empty"):
        agent.stream(" ")
    with pytest.raises(InvalidBudget, match="tick must be"):
        agent.stream("?", tick=-1)


def test_a_listener_that_raises_costs_the_run_nothing(caplog):
    """What `on_event` raises is logged; the run goes on and tells it nothing more."""
    told = []

    def on_event(event):
        told.append(event)
        raise ValueError("mine")

    result = Agent(ScriptedModel([ask(("apples", {})), SEVEN]), [apples()]).run_sync(QUERY, on_event=on_event)
    assert (result.answer, result.verified, len(told)) == (SEVEN, True, 1)
    assert "on_event raised" in caplog.text


def test_nothing_is_told_after_the_result():
    """A tool that goes on after its run has ended, and says how far it is, is not heard any more."""
    told = []

    @tool(read_only=True, timeout=0.1)
    def stubborn() -> str:
        """Go on and on."""
        import time

        for n in range(40):
            progress(n / 40)
            time.sleep(0.01)
        return "late"

    agent = Agent(ScriptedModel([ask(("stubborn", {})), "I do not know."]), [stubborn])
    agent.run_sync("?", on_event=told.append)
    count = len(told)
    import time

    time.sleep(0.4)
    assert len(told) == count
    assert of(CallProgress, told)


async def test_the_first_event_does_not_wait_for_the_run():
    """`RunStarted` is there before the model is asked for anything."""

    class Noting(ScriptedModel):
        async def stream(self, request):
            order.append("asked")
            async for event in super().stream(request):
                yield event

    order = []
    async with aclosing(Agent(Noting([SEVEN]), []).stream("?")) as events:
        assert isinstance(await anext(events), RunStarted)
        order.append("told")
        await anext(events)
    assert order == ["told", "asked"]


async def test_the_first_event_waits_for_no_turn_of_the_loop():
    """`RunStarted` is there when it is asked for, however much else the loop has to do."""
    events = Agent(ScriptedModel([SEVEN]), [apples()]).stream("?")
    with pytest.raises(StopIteration) as given:
        anext(events).send(None)
    assert isinstance(given.value.value, RunStarted)
    assert [type(event) for event in [event async for event in events]].count(RunStarted) == 0


@pytest.mark.parametrize("many", [30, pytest.param(1_000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_slow_consumers_move_no_run(many):
    """With many streams beside it whose consumers sleep, a run ends at the very instant at which it ends alone, and so
    does each of theirs."""
    scene = SCENES["straight"]
    agent = agent_of(scene)

    async def sleeps():
        async for event in agent.stream(QUERY):
            if isinstance(event, Result):
                return event.elapsed
            await asyncio.sleep(100.0)
        return None

    async def beside():
        slow = [asyncio.create_task(sleeps()) for _ in range(many)]
        one = await agent.run(QUERY, budget=Budget(latency=10))
        return one.elapsed, set(await asyncio.gather(*slow))

    alone = plain(scene).elapsed
    assert VirtualClock().run(beside()) == (alone, {alone})
