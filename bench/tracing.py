"""What tracing costs a run: four turns of a model and a tool that take no time, with nobody who records, with a tracer
whose spans go into the trace store, and with metrics beside it, each against the same run that writes nothing at all.

::

    python -m bench.tracing            # 300 rounds, interleaved, after 30

A round runs every way once, in an order of its own, in one loop and one process: a noisy machine slows all. A ratio is
the median of the ratios round by round. *Run* is the CPU time of the thread that runs the loop, which is what delays an
answer; *process* counts the thread that writes the store too. Decisions are kept in every way, as results hold them.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, TracerProvider

from shotclock import Agent, Budget
from shotclock.agent.trace.content import ContentRule
from shotclock.agent.trace.handles import ChatSpan, ToolSpan, VerifySpan
from shotclock.agent.trace.provider import local_tracing
from shotclock.agent.trace.run_trace import RunTrace
from shotclock.agent.trace.spans import Recorder
from shotclock.agent.trace.timeline import Timeline
from shotclock.agent.trace.tree import SpanTree
from shotclock.testing import ScriptedModel, ask, fake_tool
from shotclock.testing.model import Usage

TURNS = 4
"""Turns that call the tool; the answer is the fifth model call."""
WARM_UP = 30
"""Rounds that teach the forecasts, and are left out."""

BUDGET = Budget(latency=60, tool_calls=50, model_calls=50)


class Untraced(RunTrace):
    """A trace that keeps decisions and writes nothing, whoever asks."""

    def chat(self, *given: Any, **named: Any) -> ChatSpan:
        """No span."""
        return ChatSpan(self._tree)

    def execute_tool(self, *given: Any, **named: Any) -> ToolSpan:
        """No span."""
        return ToolSpan(self._tree)

    def verify(self, what: str, **named: Any) -> VerifySpan:
        """No span."""
        return VerifySpan(self._tree, what)

    def budget_tick(self, *given: Any, **named: Any) -> None:
        """No event."""

    def end_run(self, *given: Any, **named: Any) -> None:
        """Nothing to end."""


class Unrecorded(Recorder):
    """Starts traces that write nothing."""

    def start_run(self, query: str, budget: Budget, *given: Any, clock: Any = time.monotonic, **named: Any) -> RunTrace:
        """No root span."""
        timeline = Timeline.of(clock, None, None)
        return Untraced(SpanTree(NoOpTracer(), INVALID_SPAN, ContentRule(), timeline, None), budget, agent=self.agent)


def agent(tracer: TracerProvider | None = None, meter: MeterProvider | None = None) -> Agent:
    """Four turns of one call each, then an answer."""
    steps = [*(ask(("look_up", {"text": str(turn)})) for turn in range(TURNS)), "It is grey."]
    model = ScriptedModel(steps, usage=Usage(input_tokens=100, output_tokens=20))
    tool = fake_tool("look_up", returns="grey", read_only=True)
    return Agent(model, [tool], tracer_provider=tracer, meter_provider=meter)


async def one(each: Agent) -> tuple[float, float]:
    """CPU seconds of one run: of the loop's thread, and of the process."""
    thread, process = time.thread_time(), time.process_time()
    await each.run("What colour is the sky?", budget=BUDGET)
    return time.thread_time() - thread, time.process_time() - process


def untraced() -> Agent:
    """The run that all are compared with."""
    bare = agent()
    bare._recorder = Unrecorded(agent=bare.name, model=bare.model.name)
    return bare


async def main(rounds: int) -> None:
    """Interleave the ways and print their medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        tracing = local_tracing(Path(folder) / "traces.db")
        ways: dict[str, Callable[[], Agent]] = {
            "nothing at all": untraced,
            "no provider": agent,
            "into the store": lambda: agent(tracing),
            "metrics": lambda: agent(None, SdkMeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)),
        }
        agents = {name: make() for name, make in ways.items()}
        rows = []
        for at in range(rounds + WARM_UP):
            order = random.sample(list(agents), len(agents))
            row = {name: await one(agents[name]) for name in order}
            if at >= WARM_UP:
                rows.append(row)
        tracing.flush(5.0)
        tracing.shutdown()
    print(f"{rounds} rounds; a run of {TURNS} turns, {len(agents)} ways interleaved")
    for name in agents:
        for which, of in enumerate(("run", "process")):
            spent = statistics.median(row[name][which] for row in rows) * 1e3
            ratio = statistics.median(row[name][which] / row["nothing at all"][which] for row in rows)
            print(f"{name:16} {of:8} {spent:6.2f} ms  {ratio - 1:+6.1%}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
