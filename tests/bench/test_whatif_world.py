"""What-if beside the benchmark's world: predicted from runs under one budget, and then lived through under others."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget
from shotclock.agent.lab.learnt import Learnt
from shotclock.agent.lab.whatif import Lot, predicted, recorded
from shotclock.agent.trace.exporter import row_of
from shotclock.agent.trace.run_view import RunView
from shotclock.agent.trace.schema import run_of
from shotclock.testing import VirtualClock

QUERIES, WARM_UP, AMPLE = 200, 50, 30.0


def traced(latency: float) -> list[RunView]:
    """Traces of an agent in the world under a budget, after a warm-up with ample time that is not recorded."""
    from bench.world.faults import FAULTS
    from bench.world.stage import Stage
    from bench.world.systems.ours import WorldModel, _auditor, _tool

    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    stage = Stage(77, FAULTS["none"])

    async def live() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        tools = [_tool(stage, name, None) for name in stage.tools]
        agent = Agent(WorldModel(stage), tools, verify=[_auditor(stage)], tracer_provider=provider)
        for index in range(WARM_UP + QUERIES):
            if index == WARM_UP:
                memory.clear()
            await asyncio.sleep(max(0.0, index * 10.0 - loop.time()))
            scene = stage.set(index)
            seconds = latency if index >= WARM_UP else AMPLE
            budget = Budget(latency=seconds, tool_calls=scene.query.calls, cost_usd=stage.cost_usd)
            await agent.run(scene.query.text, budget=budget)

    VirtualClock().run(live())
    traces: dict[str, list] = {}
    for span in map(row_of, memory.get_finished_spans()):
        traces.setdefault(span.trace_id, []).append(span)
    return [RunView.of(run, spans) for spans in traces.values() for span in spans if (run := run_of(span)) is not None]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_smaller_budgets_are_predicted_within_five_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """From runs under 4 s, what 1, 2 and 3 s give is predicted within 5 points: on time, complete and verified."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    learnt = Learnt.of(traced(4.0))

    def shares(lot: Lot) -> list[float]:
        return [lot.on_time.value, lot.complete.value, lot.verified.value]

    for latency in (1.0, 2.0, 3.0):
        seen = recorded(Learnt.of(traced(latency)).recordings)
        assert shares(predicted(learnt, latency)) == pytest.approx(shares(seen), abs=0.05), latency
