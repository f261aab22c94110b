"""What a run writes: the tree of spans, their attributes, and how they end."""

from __future__ import annotations

import contextvars
import json
import logging
import math
import threading
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from shotclock.agent.trace.spans import Recorder, RunTrace
from shotclock.policies.budget import Budget, Spend
from shotclock.policies.forecast import Forecast
from shotclock.policies.outcome import Cancelled, Failed, Ok, TimedOut, Verdict
from shotclock.policies.shapes import Steps, Tail

BUDGET = Budget(latency=2.0, tool_calls=5, cost_usd=0.01, per_tool={"weather": 2})


class Traced:
    """A provider that keeps its spans in memory."""

    def __init__(self) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self.time = 0.0

    def recorder(self, agent: str = "desk") -> Recorder:
        return Recorder(self.provider, agent=agent, model="m-1", clock=lambda: self.time)

    def start(self, budget: Budget = BUDGET) -> RunTrace:
        return self.recorder().start_run("secret question", budget, {"team": "ops"}, thread_id="t-1", reserve=0.3)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.memory.get_finished_spans()}

    def span(self, name: str) -> ReadableSpan:
        return self.spans[name]

    def attributes(self, name: str) -> dict[str, object]:
        return dict(self.span(name).attributes or {})


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Traced:
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", raising=False)
    monkeypatch.delenv("SHOTCLOCK_OPENINFERENCE", raising=False)
    return Traced()


def end(run: RunTrace, stop_reason: str = "answered", **more: object) -> None:
    spend = Spend(latency=0.8, tool_calls=2, model_calls=1, input_tokens=900, output_tokens=90, cost_usd=0.004)
    run.end_run("complete", stop_reason, True, spend, **more)  # type: ignore[arg-type]


def test_the_tree(traced: Traced) -> None:
    """Chat, tool and verify spans are children of the one root, and their names and kinds are the conventions'."""
    run = traced.start()
    run.chat("m-1", "openai", purpose="reason", node="reason").end()
    run.execute_tool("weather", "c1").end()
    check = run.verify("answer", verifier="grounding")
    run.chat("judge", "openai", purpose="judge", node="verify", parent=check).end()
    check.end(Verdict.passed("grounding", "supported", 0.9))
    end(run)
    spans = traced.spans
    root = spans["invoke_agent desk"]
    assert {name: span.kind for name, span in spans.items()} == {
        "chat m-1": SpanKind.CLIENT,
        "execute_tool weather": SpanKind.INTERNAL,
        "chat judge": SpanKind.CLIENT,
        "verify answer": SpanKind.INTERNAL,
        "invoke_agent desk": SpanKind.INTERNAL,
    }
    parents = {name: span.parent.span_id for name, span in spans.items() if span.parent}
    assert parents.pop("chat judge") == spans["verify answer"].context.span_id
    assert set(parents.values()) == {root.context.span_id}
    assert root.parent is None
    assert run.trace_id == f"{root.context.trace_id:032x}"


def test_the_root_at_creation_and_at_the_end(traced: Traced) -> None:
    """The limits that are set are on the root from the start, what was used at the end; unknown is left out."""
    seen: dict[str, object] = {}
    processor = SimpleSpanProcessor(InMemorySpanExporter())
    processor.on_start = lambda span, parent_context=None: seen.update(span.attributes or {})  # type: ignore[method-assign]
    traced.provider.add_span_processor(processor)
    run = traced.start()
    assert seen == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "desk",
        "gen_ai.request.model": "m-1",
        "gen_ai.conversation.id": "t-1",
        "shotclock.budget.latency.limit": 2.0,
        "shotclock.budget.latency.reserve": 0.3,
        "shotclock.budget.tool_calls.limit": 5,
        "shotclock.budget.cost_usd.limit": 0.01,
        "shotclock.budget.per_tool.limit": '{"weather": 2}',
        "shotclock.metadata.team": "ops",
    }
    run.end_run("partial", "deadline", False, Spend(latency=2.0, tool_calls=1, cost_usd=None))
    added = {name: value for name, value in traced.attributes("invoke_agent desk").items() if name not in seen}
    assert added == {
        "shotclock.run.status": "partial",
        "shotclock.run.stop_reason": "deadline",
        "shotclock.run.verified": False,
        "shotclock.budget.latency.consumed": 2.0,
        "shotclock.budget.tool_calls.consumed": 1,
        "shotclock.budget.model_calls.consumed": 0,
        "shotclock.budget.tokens.consumed": 0,
    }
    assert traced.span("invoke_agent desk").status.status_code is StatusCode.UNSET


def test_a_calls_attributes(traced: Traced) -> None:
    """A chat and a tool span carry what they were granted, what was left, and how they ended; no content."""
    run = traced.start()
    chat = run.chat(
        "m-1", "openai", purpose="reason", node="reason", max_tokens=200, remaining=1.5, server=("api.test", 443)
    )
    chat.end(input_tokens=40, output_tokens=8, finish_reason="stop", first_chunk=0.2, response_model="m-1b")
    forecast = Forecast(Steps((math.log(0.2), math.log(0.4)), (0.5, 0.95), Tail(scale=1.0, weight=2.0)), 9)
    tool = run.execute_tool(
        "weather", "c1", attempt=2, kind="retry", timeout=0.5, remaining=1.0, arguments={"city": "Oslo"},
        forecast=forecast,
    )  # fmt: skip
    tool.end(Ok("rain"), result="rain", cost_usd=0.001)
    end(run)
    assert traced.attributes("chat m-1") == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m-1",
        "gen_ai.request.max_tokens": 200,
        "gen_ai.response.model": "m-1b",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.2,
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.output_tokens": 8,
        "server.address": "api.test",
        "server.port": 443,
        "shotclock.node": "reason",
        "shotclock.model.purpose": "reason",
        "shotclock.budget.latency.remaining": 1.5,
        "shotclock.call.attempt": 1,
        "shotclock.call.outcome": "ok",
    }
    assert traced.attributes("execute_tool weather") == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "desk",
        "shotclock.node": "act",
        "shotclock.call.attempt": 2,
        "shotclock.call.kind": "retry",
        "shotclock.call.timeout": 0.5,
        "shotclock.budget.latency.remaining": 1.0,
        "shotclock.forecast.p50": pytest.approx(0.2),
        "shotclock.forecast.p95": pytest.approx(0.4),
        "shotclock.call.outcome": "ok",
        "shotclock.call.cost_usd": 0.001,
    }


@pytest.mark.parametrize(
    ("outcome", "error_type", "said", "error"),
    [
        (Ok(1), None, "ok", None),
        ("cached", None, "cached", None),
        (Failed("ConnectError", "refused"), None, "error", "ConnectError"),
        ("error", None, "error", "_OTHER"),
        ("error", "429", "error", "429"),
        (TimedOut(0.5), None, "timed_out", "timeout"),
        (Cancelled("deadline"), None, "cancelled", "cancelled"),
        ("ok", "timeout", "timed_out", "timeout"),
        ("rejected", None, "rejected", "rejected"),
    ],
)
def test_how_a_call_ended(
    traced: Traced, outcome: object, error_type: str | None, said: str, error: str | None
) -> None:
    """Outcome, error.type and status agree: success is UNSET with no error.type, the rest is ERROR with one."""
    run = traced.start()
    run.execute_tool("weather", "c1").end(outcome, error_type=error_type)  # type: ignore[arg-type]
    end(run)
    span = traced.span("execute_tool weather")
    assert (span.attributes or {}).get("shotclock.call.outcome") == said
    assert (span.attributes or {}).get("error.type") == error
    assert span.status.status_code is (StatusCode.UNSET if error is None else StatusCode.ERROR)
    assert span.status.description is None
    assert traced.span("invoke_agent desk").status.status_code is StatusCode.UNSET


def test_a_verdict_is_an_event_and_no_error(traced: Traced) -> None:
    """A check that says `fail` has worked: its verdict is the event `gen_ai.evaluation.result`, its status UNSET."""
    run = traced.start()
    run.verify("answer", verifier="grounding").end(Verdict.failed("grounding", "no source says so", 0.1))
    end(run)
    span = traced.span("verify answer")
    (event,) = span.events
    assert event.name == "gen_ai.evaluation.result"
    assert dict(event.attributes or {}) == {
        "gen_ai.evaluation.name": "grounding",
        "gen_ai.evaluation.score.value": 0.1,
        "gen_ai.evaluation.score.label": "fail",
        "gen_ai.evaluation.explanation": "no source says so",
    }
    assert (span.attributes or {})["shotclock.verifier.outcome"] == "fail"
    assert span.status.status_code is StatusCode.UNSET


def test_ending_twice_changes_nothing(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    """The first end of a handle or a run stands; later ones neither change nor warn."""
    run = traced.start()
    tool = run.execute_tool("weather", "c1")
    check = run.verify("answer", verifier="v")
    with caplog.at_level(logging.WARNING):
        tool.end("ok")
        tool.end(TimedOut(1.0))
        check.end(Verdict.passed("v", "fine"))
        check.end(Verdict.failed("v", "late"))
        end(run)
        end(run, "deadline")
        tool.interrupt("cancelled")
    assert traced.attributes("execute_tool weather")["shotclock.call.outcome"] == "ok"
    assert len(traced.span("verify answer").events) == 1
    assert traced.attributes("invoke_agent desk")["shotclock.run.stop_reason"] == "answered"
    assert len(traced.memory.get_finished_spans()) == 3
    assert caplog.records == []


@pytest.mark.parametrize(("stop_reason", "error"), [("deadline", "abandoned"), ("cancelled", "cancelled")])
def test_stragglers_end_before_the_root(traced: Traced, stop_reason: str, error: str) -> None:
    """What is still open when the run ends is ended before its parent, as abandoned or cancelled."""
    run = traced.start()
    check = run.verify("answer", verifier="judge")
    run.chat("judge", "openai", purpose="judge", node="verify", parent=check)
    tool = run.execute_tool("hang", "c1")
    end(run, stop_reason)
    tool.end("ok")
    finished = traced.memory.get_finished_spans()
    assert [span.name for span in finished][-1] == "invoke_agent desk"
    assert [s.name for s in finished].index("chat judge") < [s.name for s in finished].index("verify answer")
    for span in finished[:-1]:
        assert (span.attributes or {})["error.type"] == error
        assert (span.attributes or {})["shotclock.call.outcome"] == "cancelled"
        assert span.status.status_code is StatusCode.ERROR
        assert span.end_time is not None
        assert finished[-1].end_time is not None
        assert span.end_time <= finished[-1].end_time


def test_a_run_the_caller_cancelled_is_an_error(traced: Traced) -> None:
    """A cancelled run sets status and error.type itself, because a cancellation leaves a span UNSET."""
    end(traced.start(), "cancelled")
    assert traced.attributes("invoke_agent desk")["error.type"] == "cancelled"
    assert traced.span("invoke_agent desk").status.status_code is StatusCode.ERROR


def test_nothing_starts_after_the_end(traced: Traced) -> None:
    """A call that comes after the run's end is not recorded, and its handle can be used all the same."""
    run = traced.start()
    end(run)
    late = run.execute_tool("late", "c9")
    with late.context():
        late.end("ok")
    assert list(traced.spans) == ["invoke_agent desk"]


def test_usage_is_the_sum_of_the_chats(traced: Traced) -> None:
    """The root's token totals are those its chat spans report, the judge's included, not the ledger's worst case."""
    run = traced.start()
    for tokens in (10, 20):
        run.chat("m-1", "openai", purpose="reason", node="reason").end(input_tokens=tokens, output_tokens=1)
    run.chat("m-1", "openai", purpose="answer", node="answer").end("cancelled")
    end(run)
    root = traced.attributes("invoke_agent desk")
    assert (root["gen_ai.usage.input_tokens"], root["gen_ai.usage.output_tokens"]) == (30, 2)
    assert root["shotclock.budget.tokens.consumed"] == 990


def test_decisions_are_events_and_are_kept(traced: Traced) -> None:
    """Every decision is an event with its figures and is kept with the time it was made; a skip has its own name."""
    run = traced.start()
    traced.time = 0.5
    run.decision("skip", "search", "0.2 s left, 0.9 s expected", remaining=0.2, expected=0.9, limit="deadline")
    run.decision("stop", "enough", "two agree", remaining=float("inf"), unknown=None)
    end(run)
    skip, stop = traced.span("invoke_agent desk").events
    assert (skip.name, stop.name) == ("shotclock.tool.skipped", "shotclock.decision")
    assert dict(skip.attributes or {}) == {
        "shotclock.elapsed": 0.5,
        "shotclock.kind": "skip",
        "shotclock.choice": "search",
        "shotclock.reason": "0.2 s left, 0.9 s expected",
        "gen_ai.tool.name": "search",
        "shotclock.figure.remaining": 0.2,
        "shotclock.figure.expected": 0.9,
        "shotclock.figure.limit": "deadline",
    }
    assert (stop.attributes or {})["shotclock.figure.remaining"] == "inf"
    assert [(d.at, d.kind, d.choice) for d in run.decisions] == [(0.5, "skip", "search"), (0.5, "stop", "enough")]
    assert run.decisions[0].to_dict()["figures"] == {"remaining": 0.2, "expected": 0.9, "limit": "deadline"}


def test_a_run_that_began_before_its_trace(traced: Traced) -> None:
    """Where the run began before its trace was started, the root span and the decisions count from the run's start."""
    traced.time = 5.0
    run = traced.recorder().start_run("q", BUDGET, begun=4.75)
    run.decision("stop", "enough", "because")
    assert run.decisions[0].at == 0.25
    end(run)
    root = traced.span("invoke_agent desk")
    assert root.end_time - root.start_time >= 250_000_000  # type: ignore[operator]


def test_the_budget_ticks(traced: Traced) -> None:
    """A tick says what is left under each limit that is set, the time included."""
    run = traced.start()
    run.budget_tick(0.5, {"tool_calls": 3, "cost_usd": 0.006}, reserve=0.25)
    end(run)
    (tick,) = traced.span("invoke_agent desk").events
    assert tick.name == "shotclock.budget.tick"
    assert dict(tick.attributes or {}) == {
        "shotclock.elapsed": 0.5,
        "shotclock.budget.latency.remaining": 1.5,
        "shotclock.budget.tool_calls.remaining": 3,
        "shotclock.budget.cost_usd.remaining": 0.006,
        "shotclock.budget.latency.reserve": 0.25,
    }


def test_the_burn_down_is_no_denser_than_a_chart_shows(traced: Traced) -> None:
    """Of ticks within a hundredth of the time limit the first is written; what came last is written with the end."""
    run = traced.start()
    for number in range(100):
        run.budget_tick(0.0005 * number, {"tool_calls": 100 - number})
    end(run)
    ticks = [dict(event.attributes or {}) for event in traced.span("invoke_agent desk").events]
    assert [tick["shotclock.elapsed"] for tick in ticks] == pytest.approx([0.0, 0.02, 0.04, 0.0495])
    assert ticks[-1]["shotclock.budget.tool_calls.remaining"] == 1


def test_foreign_spans_nest_under_the_handle(traced: Traced) -> None:
    """Within a handle's context its span is current, also in a thread that was given a copy of the context."""
    run = traced.start()
    tool = run.execute_tool("weather", "c1")
    tracer = traced.provider.get_tracer("foreign")
    with tool.context():
        copied = contextvars.copy_context()
    thread = threading.Thread(target=copied.run, args=(lambda: tracer.start_span("GET").end(),))
    thread.start()
    thread.join()
    tool.end()
    end(run)
    assert traced.span("GET").parent.span_id == traced.span("execute_tool weather").context.span_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_run_within_a_tool_is_nested(traced: Traced) -> None:
    """An agent that runs as another's tool is a child of that tool's span and says that it is nested."""
    outer = traced.start()
    tool = outer.execute_tool("inner", "c1")
    with tool.context():
        inner = traced.recorder("inner").start_run("q", Budget())
    end(inner)
    tool.end()
    end(outer)
    assert inner.trace_id == outer.trace_id
    assert traced.span("invoke_agent inner").parent.span_id == traced.span("execute_tool inner").context.span_id
    assert traced.attributes("invoke_agent inner")["shotclock.run.nested"] is True
    assert "shotclock.run.nested" not in traced.attributes("invoke_agent desk")


def test_a_nested_run_ends_with_the_call_it_is_in(traced: Traced) -> None:
    """A run that still goes on when the call around it is given up ends before that call, as cancelled, all of it."""
    outer = traced.start()
    tool = outer.execute_tool("inner", "c1")
    with tool.context():
        inner = traced.recorder("inner").start_run("q", Budget())
    chat = inner.chat("m-1", "openai", purpose="reason", node="reason")
    tool.end(TimedOut(0.5))
    chat.end(input_tokens=3)
    end(inner)
    end(outer)
    order = [span.name for span in traced.memory.get_finished_spans()]
    assert order == ["chat m-1", "invoke_agent inner", "execute_tool inner", "invoke_agent desk"]
    for name in ("chat m-1", "invoke_agent inner"):
        assert traced.attributes(name)["error.type"] == "cancelled"
        assert traced.span(name).status.status_code is StatusCode.ERROR


def test_content_only_where_it_is_asked_for(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """Query, arguments, results, error messages and the answer are written only with capture on, without secrets."""

    def everything() -> str:
        traced.memory.clear()
        run = traced.recorder().start_run("what is sk-abcdefghijklmnop?", BUDGET)
        run.execute_tool("t", "1", arguments={"password": "pw-1", "city": "Oslo"}).end(Ok(1), result={"sky": "grey"})
        run.execute_tool("f", "2").end(Failed("E", "no such city"))
        end(run, answer="it rains")
        spans = traced.memory.get_finished_spans()
        return json.dumps([[dict(s.attributes or {}), s.status.description] for s in spans])

    hidden = everything()
    assert not any(word in hidden for word in ("what is", "Oslo", "grey", "no such city", "it rains"))
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    shown = everything()
    assert all(word in shown for word in ("what is", "Oslo", "grey", "no such city", "it rains"))
    assert "pw-1" not in shown
    assert "sk-abc" not in shown


def test_openinference_behind_one_switch(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the opt-in every span has OpenInference's kind; without it none has."""
    monkeypatch.setenv("SHOTCLOCK_OPENINFERENCE", "true")
    run = traced.start()
    run.chat("m-1", "openai", purpose="reason", node="reason").end()
    run.execute_tool("weather", "c1").end()
    run.verify("answer", verifier="v").end()
    end(run)
    kinds = {name: (span.attributes or {})["openinference.span.kind"] for name, span in traced.spans.items()}
    assert list(kinds.values()) == ["LLM", "TOOL", "EVALUATOR", "AGENT"]


def _none() -> TracerProvider | None:
    return None


@pytest.mark.parametrize("make", [_none, lambda: TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)])
def test_without_anybody_who_records(make: Callable[[], TracerProvider | None]) -> None:
    """With no provider, or a run that is not sampled, everything can be called, and decisions and an id are there."""
    run = Recorder(make(), agent="a", model="m").start_run("q", BUDGET)
    tool = run.execute_tool("weather", "c1")
    with tool.context():
        pass
    tool.end(TimedOut(1.0))
    run.verify("answer", verifier="v").end()
    run.budget_tick(0.1, {})
    run.decision("stop", "enough", "because", figure=1)
    end(run)
    assert not run.recording
    assert len(run.trace_id) == 32
    assert int(run.trace_id, 16)
    assert [decision.kind for decision in run.decisions] == ["stop"]


def test_times_are_the_runs_own(traced: Traced) -> None:
    """Spans and events take their times from the run's clock: a wall clock that jumps, or a virtual one, bends none."""
    run = traced.start()
    traced.time = 1.0
    tool = run.execute_tool("weather", "c1")
    traced.time = 3.5
    run.decision("stop", "enough", "because")
    tool.end()
    traced.time = 4.0
    end(run)
    root, call = traced.span("invoke_agent desk"), traced.span("execute_tool weather")
    assert root.start_time is not None
    times = [call.start_time, call.end_time, root.events[0].timestamp, root.end_time]
    assert [(at or 0) - root.start_time for at in times] == [1_000_000_000, 3_500_000_000, 3_500_000_000, 4_000_000_000]


def test_many_threads_end_one_run(traced: Traced) -> None:
    """Handles may be started and ended from many threads while another ends the run; nothing ends after the root."""
    run = traced.start()
    begun = threading.Barrier(5)

    def work() -> None:
        begun.wait()
        for number in range(100):
            run.execute_tool("t", str(number)).end()
            run.decision("route", "x", "y")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    end(run)
    for thread in threads:
        thread.join()
    root = traced.span("invoke_agent desk")
    assert all(s.end_time <= root.end_time for s in traced.memory.get_finished_spans())  # type: ignore[operator]
    assert len(run.decisions) == 400
