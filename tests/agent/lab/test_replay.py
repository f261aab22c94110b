"""Every decision of a run is a pure function of what it recorded: made again, it comes out the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget, Policy
from shotclock.agent.lab.replay import SITUATIONS, replay
from shotclock.policies.admission import Admission
from shotclock.policies.errors import UsageError
from shotclock.testing import Say, ScriptedModel, VirtualClock, ask, fake_tool

POLICY = Policy.from_dict({"attempts": {"learn_from": 2, "learn_last_from": 3}, "hedging": {"learn_from": 3}})


def busy_run(exporter=None):
    """A run that meets all there is: retries, a hedge, a skip, a timeout, several turns, an answer at the deadline."""
    provider = TracerProvider()
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    tails = [*(0.1 + 0.001 * n for n in range(30)), 9.0, 9.0]
    tools = [
        fake_tool("flaky", error=OSError("down"), failures=1, read_only=True, retry=2, after=0.1),
        fake_tool("hangs", after=30, read_only=True),
        fake_tool("slow", latency=60),
        fake_tool("good", returns="There are 7 apples.", after=0.2),
    ]
    steps = [ask(("flaky", {}), ("hangs", {}), ("good", {}), after=0.3), ask(("slow", {}), ("good", {"text": "b"})),
             Say("There are 7 apples in the first basket, and so on. " * 20, after=0.2, every=0.05)]  # fmt: skip
    agent = Agent(ScriptedModel(steps), tools, policy=POLICY, tracer_provider=provider)
    for seconds in tails:
        agent.memory.history.observe(tools[1], seconds)
    return VirtualClock().run(agent.run("How many apples?", budget=Budget(latency=6, tool_calls=20)))


def test_a_whole_run_is_decided_again_as_it_was():
    """Replayed from its result, after a trip through JSON, every decision has the same choice for the same reason."""
    result = busy_run()
    decisions = json.loads(json.dumps(result.decisions))
    replayed = replay(decisions, POLICY)
    assert [r.recorded for r in replayed if not r.same] == []
    seen = {r.recorded["situation"] for r in replayed}
    assert seen >= {"CallSituation", "RetrySituation", "HedgeSituation", "ReserveSituation", "TurnSituation"}
    assert len(replayed) >= 10


def test_a_run_is_decided_again_from_its_trace():
    """What the trace holds is enough: its events, read back, are decided the same."""
    exporter = InMemorySpanExporter()
    busy_run(exporter)
    root = next(span for span in exporter.get_finished_spans() if span.parent is None)
    decisions = [
        {
            "situation": event.attributes["shotclock.situation"],
            "reason": event.attributes["shotclock.reason"],
            "figures": {
                name.removeprefix("shotclock.figure."): value
                for name, value in event.attributes.items()
                if name.startswith("shotclock.figure.")
            },
        }
        for event in root.events
        if "shotclock.situation" in event.attributes
    ]
    replayed = replay(decisions, POLICY)
    assert len(replayed) >= 6
    assert [r.recorded for r in replayed if not r.same] == []


def test_another_policy_decides_otherwise():
    """Put to a policy that asks more of a call, situations of the same run are decided differently, and it is seen."""
    strict = replace(POLICY, admission=Admission(least_chance=1.0))
    changed = [r for r in replay(busy_run().decisions, strict) if not r.same]
    assert changed
    assert {r.recorded["situation"] for r in changed} == {"CallSituation"}


def test_every_policy_method_is_replayable():
    """Each situation is a frozen value whose name is its key."""
    for name, (kind, _) in SITUATIONS.items():
        assert kind.__name__ == name
        assert issubclass(kind, tuple) or kind.__dataclass_params__.frozen


def test_records_that_make_no_situation_are_named():
    """An unknown situation, and one whose figures are missing, are refused by name."""
    with pytest.raises(UsageError, match="the situation 'Weather' is none of"):
        replay([{"situation": "Weather", "figures": {}, "reason": ""}], POLICY)
    with pytest.raises(UsageError, match="figures of a recorded CallSituation do not make one"):
        replay([{"situation": "CallSituation", "figures": {}, "reason": ""}], POLICY)
