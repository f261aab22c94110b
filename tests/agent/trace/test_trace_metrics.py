"""What runs are measured by: the names, units and buckets of the table, and what a run records into them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget, Result
from shotclock.agent.models.base import Usage
from shotclock.policies.errors import ModelError
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

SECONDS = [0.01 * 2**step for step in range(14)]
TABLE: dict[str, tuple[str, list[float]]] = {
    "gen_ai.client.operation.duration": ("s", SECONDS),
    "gen_ai.client.operation.time_to_first_chunk": ("s", SECONDS),
    "gen_ai.execute_tool.duration": ("s", SECONDS),
    "gen_ai.invoke_agent.duration": ("s", [0.1 * 2**step for step in range(13)]),
    "gen_ai.invoke_agent.tool_calls": ("{tool_call}", [1, 2, 4, 8, 16, 32, 64, 128]),
    "gen_ai.invoke_agent.inference_calls": ("{inference_call}", [1, 2, 4, 8, 16, 32, 64, 128]),
    "gen_ai.client.token.usage": ("{token}", [4**step for step in range(14)]),
    "shotclock.budget.utilization": ("1", [*(n / 10 for n in range(1, 11)), 1.05, 1.25, 2]),
    "shotclock.run.overrun.duration": ("s", [0.001 * 2**step for step in range(13)]),
    "shotclock.run.critical_path.time": ("s", SECONDS),
}
"""The histograms, their units and their buckets, as the conventions and our own table have them."""
COUNTERS = {
    "shotclock.budget.exhaustions",
    "shotclock.tool.skips",
    "shotclock.tool.abandoned",
    "shotclock.verifier.verdicts",
}


class Metered:
    """Providers that keep what they are given in memory."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracer = TracerProvider(shutdown_on_exit=False)
        self.tracer.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meter = MeterProvider([self.reader], shutdown_on_exit=False, exemplar_filter=AlwaysOnExemplarFilter())
        self._read: dict[str, Any] | None = None

    def run(self, agent: Agent, budget: Budget | None = None) -> Result:
        return VirtualClock().run(agent.run("What is there?", budget=budget))

    @property
    def metrics(self) -> dict[str, Any]:
        if self._read is None:
            data = self.reader.get_metrics_data()
            scopes = data.resource_metrics[0].scope_metrics if data else []
            self._read = {metric.name: metric for scope in scopes for metric in scope.metrics}
        return self._read

    def points(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """The points of a metric by their attributes but the agent's name, which is the same in all of them."""
        return {
            tuple(
                sorted((k.rpartition(".")[2], v) for k, v in point.attributes.items() if k != "gen_ai.agent.name")
            ): point
            for point in self.metrics[name].data.data_points
        }

    def sums(self, name: str) -> dict[tuple[tuple[str, Any], ...], float]:
        points = self.points(name).items()
        return {key: round(getattr(point, "sum", getattr(point, "value", 0)), 9) for key, point in points}


@pytest.fixture
def metered() -> Iterator[Metered]:
    given = Metered()
    yield given
    given.meter.shutdown()


def busy(metered: Metered) -> Agent:
    """An agent whose run waits, fails, skips and leaves something behind."""
    model = ScriptedModel(
        [
            ask(("look", {}), ("fail", {}), ("fail", {"text": "again"}), ("nowhere", {}), after=1.0),
            Say("Grey.", after=0.5),
        ],
        usage=Usage(input_tokens=100, output_tokens=20),
    )
    tools = [
        fake_tool("look", returns="grey", after=2.0, read_only=True),
        fake_tool("fail", error=ValueError("no"), after=0.5),
    ]
    return Agent(model, tools, name="desk", tracer_provider=metered.tracer, meter_provider=metered.meter)


def test_the_instruments_are_those_of_the_table(metered: Metered) -> None:
    """Every histogram and counter that a run records has the name, the unit and the buckets of the table, no other."""
    metered.run(busy(metered), Budget(latency=10, tool_calls=2))
    found = metered.metrics
    assert set(found) <= set(TABLE) | COUNTERS
    assert set(TABLE) <= set(found)
    for name, (unit, buckets) in TABLE.items():
        assert found[name].unit == unit
        assert list(found[name].data.data_points[0].explicit_bounds) == pytest.approx(buckets)


def test_what_a_run_records(metered: Metered) -> None:
    """Durations, counts, tokens, shares and phases are the run's own, by the labels they are told apart by."""
    result = metered.run(busy(metered), Budget(latency=10, tool_calls=2))
    assert result.elapsed == pytest.approx(3.5)
    chat = (("model", "scripted"), ("name", "chat"), ("name", "scripted"))
    assert metered.sums("gen_ai.client.operation.duration") == {chat: 1.5}
    assert metered.sums("gen_ai.client.token.usage") == {
        (*chat, ("type", "input")): 200,
        (*chat, ("type", "output")): 40,
    }
    assert metered.sums("gen_ai.execute_tool.duration") == {
        (("name", "look"), ("type", "function")): 2.0,
        (("name", "fail"), ("type", "ValueError"), ("type", "function")): 0.5,
    }
    outcome = (("status", result.status), ("verified", result.verified))
    assert metered.sums("gen_ai.invoke_agent.duration") == {outcome: 3.5}
    assert metered.sums("gen_ai.invoke_agent.tool_calls") == {(): 2}
    assert metered.sums("gen_ai.invoke_agent.inference_calls") == {(): 2}
    assert metered.sums("shotclock.run.overrun.duration") == {(): 0}
    assert metered.sums("shotclock.budget.utilization") == {
        (("type", "latency"),): 0.35,
        (("type", "tool_calls"),): 1.0,
    }
    assert metered.sums("shotclock.run.critical_path.time") == {
        (("phase", "inference"),): 1.5,
        (("phase", "tool"),): 2.0,
    }
    assert metered.sums("shotclock.tool.skips") == {(("name", "fail"), ("reason", "tool_calls")): 1}
    assert metered.sums("shotclock.budget.exhaustions") == {(("type", "tool_calls"),): 1}
    assert sum(metered.sums("shotclock.verifier.verdicts").values()) == 2


def test_span_and_metric_say_the_same(metered: Metered) -> None:
    """A duration is that of its span to the nanosecond, its `error.type` the span's, and its exemplar leads there."""
    metered.run(busy(metered), Budget(latency=10, tool_calls=2))
    (failed,) = [span for span in metered.spans.get_finished_spans() if span.name == "execute_tool fail"]
    (point,) = [p for key, p in metered.points("gen_ai.execute_tool.duration").items() if ("type", "ValueError") in key]
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "ValueError"
    assert point.sum == (failed.end_time - failed.start_time) / 1e9  # type: ignore[operator]
    (exemplar,) = point.exemplars
    assert exemplar.span_id == failed.context.span_id
    roots = [span for span in metered.spans.get_finished_spans() if span.name == "invoke_agent desk"]
    (run,) = metered.points("gen_ai.invoke_agent.duration").values()
    assert [exemplar.span_id for exemplar in run.exemplars] == [root.context.span_id for root in roots]


def test_a_deadline_that_ends_a_run_is_an_exhausted_budget(metered: Metered) -> None:
    """A run that its deadline ended counts as one whose latency ran out, and what it left behind as abandoned."""

    async def deaf(text: str = "") -> str:
        """Ignore every cancellation."""
        while True:
            try:
                await asyncio.sleep(30)
                return "late"
            except asyncio.CancelledError:
                continue

    model = ScriptedModel([ask(("deaf", {})), Hang()])
    agent = Agent(model, [deaf], tracer_provider=metered.tracer, meter_provider=metered.meter)
    assert metered.run(agent, Budget(latency=2)).stop_reason == "deadline"
    assert metered.sums("shotclock.budget.exhaustions") == {(("type", "latency"),): 1}
    assert metered.sums("shotclock.tool.abandoned") == {(): 1}
    assert metered.points("shotclock.run.overrun.duration")[()].bucket_counts[0] == 1


def test_a_call_of_a_tool_that_does_not_exist_makes_no_label(metered: Metered) -> None:
    """Names that only a model made up are counted under one label: labels must not grow with what models write."""
    calls = [(f"made_up_{number}", {"text": str(number)}) for number in range(40)]
    agent = Agent(
        ScriptedModel([ask(*calls), "Done."]), [fake_tool("real")], tracer_provider=metered.tracer,
        meter_provider=metered.meter,
    )  # fmt: skip
    metered.run(agent)
    assert "made_up" not in str([dict(p.attributes) for m in metered.metrics.values() for p in m.data.data_points])
    assert {key[0] for key in metered.sums("shotclock.tool.skips")} == {("name", "_OTHER")}


def test_metrics_need_no_spans(metered: Metered) -> None:
    """With a meter provider and no tracer provider the same values are recorded."""
    model = ScriptedModel([ask(("look", {}), after=1.0), Fail(ModelError("no", kind="status", status=401))])
    agent = Agent(model, [fake_tool("look", after=2.0)], meter_provider=metered.meter)
    metered.run(agent, Budget(latency=10))
    assert metered.sums("gen_ai.execute_tool.duration") == {(("name", "look"), ("type", "function")): 2.0}
    assert ("type", "401") in {pair for key in metered.points("gen_ai.client.operation.duration") for pair in key}
    phases = metered.sums("shotclock.run.critical_path.time")
    assert phases[(("phase", "tool"),)] == 2.0


class _BrokenMeter(MeterProvider):
    def get_meter(self, *given: Any, **named: Any) -> Any:
        raise RuntimeError("get_meter")


class _BrokenTracer(TracerProvider):
    def get_tracer(self, *given: Any, **named: Any) -> Any:
        raise RuntimeError("get_tracer")


def test_broken_providers_fail_no_run() -> None:
    """A provider that gives neither tracer nor meter costs the telemetry, not the run."""
    broken = Agent(
        ScriptedModel(["Grey."]), tracer_provider=_BrokenTracer(shutdown_on_exit=False),
        meter_provider=_BrokenMeter(shutdown_on_exit=False),
    )  # fmt: skip
    result = VirtualClock().run(broken.run("?"))
    assert (result.answer, len(result.trace_id)) == ("Grey.", 32)
