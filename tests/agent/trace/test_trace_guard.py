"""What whoever records a run raises costs spans, never the run."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from shotclock import Agent, Budget
from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool


class Raises(SpanProcessor):
    """A processor that raises where the spans of one name start or end."""

    def __init__(self, where: str, name: str) -> None:
        self.where, self.name = where, name

    def on_start(self, span, parent_context=None):
        self._at("start", span.name)

    def on_end(self, span):
        self._at("end", span.name)

    def _at(self, where, name):
        if where == self.where and name.startswith(self.name):
            raise RuntimeError("broken")


@pytest.mark.parametrize("where", ["start", "end"])
@pytest.mark.parametrize("name", ["invoke_agent", "chat", "execute_tool", "verify"])
def test_a_processor_that_raises_costs_no_run(where, name):
    """Wherever it raises, the run is what it is without it, twice, and its tool's place is free again."""
    provider = TracerProvider()
    provider.add_span_processor(Raises(where, name))
    look = fake_tool("look", returns="There are 7 apples.", read_only=True, concurrency=1)
    model = ScriptedModel([ask(("look", {})), "There are 7 apples."])
    agent, clock = Agent(model, [look], tracer_provider=provider), VirtualClock()
    for _ in range(2):
        result = clock.run(agent.run("How many apples are there?", budget=Budget(latency=1)))
        assert (result.status, result.answer, result.verified) == ("complete", "There are 7 apples.", True)
        assert (result.spend.tool_calls, result.elapsed, len(result.trace_id)) == (1, 0.0, 32)
    assert agent.memory.gates.of("look").in_flight == 0
