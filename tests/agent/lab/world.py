"""A small world on the virtual clock: every query has luck of its own, whatever budget it is asked under."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import contextmanager
from math import exp
from typing import Any

import opentelemetry.sdk.trace as sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget, Tool, Verdict
from shotclock.agent.models.base import CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta, Usage
from shotclock.agent.trace.exporter import row_of
from shotclock.agent.trace.run_view import RunView
from shotclock.agent.trace.schema import run_of
from shotclock.testing import VirtualClock
from shotclock.tools.call import Call

TOOLS = {"fast": (0.25, 0.5), "slow": (0.7, 0.6), "rare": (1.5, 0.4)}
"""The median of each tool's latency in seconds, and its deviation on a logarithmic axis."""


class World:
    """Its model asks for one to three tools side by side and, of every third query, for one more; then it answers."""

    name, provider = "small", "test"

    def __init__(self, seed: int, budget: float) -> None:
        self.price: Price | None = Price(input_per_million=1.0, output_per_million=4.0)
        self.pace = Pace(start=0.3, per_token=0.01)
        self.budget = budget
        self._seed = seed
        self._tried: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self.query = 0

    def luck(self, *what: object) -> random.Random:
        return random.Random(f"{self._seed} {self.query} {what}")

    def seconds(self, median: float, sigma: float, *what: object) -> float:
        self._tried[f"{self.query} {what}"] += 1
        return median * exp(sigma * self.luck(*what, self._tried[f"{self.query} {what}"]).gauss())

    def wanted(self) -> list[list[str]]:
        first = self.luck("tools").choices(list(TOOLS), [5, 4, 1], k=self.luck("width").randint(1, 3))
        return [first, ["fast"]] if self.query % 3 == 0 else [first]

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        turn = sum("calls" in message for message in request.messages)
        wanted = self.wanted()
        asks = request.purpose == "reason" and turn < len(wanted)
        await asyncio.sleep(self.seconds(0.35, 0.2, "model", turn if asks else "answer"))
        if asks:
            for place, tool in enumerate(wanted[turn]):
                key = "abc"[turn] + "abc"[place]
                yield CallReady(Call(id=f"call-{next(self._ids)}", tool=tool, arguments={"key": key}))
            yield Usage(input_tokens=200, output_tokens=20)
            yield Finish(reason="tool_calls")
            return
        for item in request.evidence:
            await asyncio.sleep(0.05)
            value = item.content.partition("VA-")[2][:5]
            yield TextDelta(
                f"The {item.tool} is VA-{value}. " if item.usable else f"The {item.tool} could not be found. "
            )
        if self.luck("invents").random() < 0.15:
            yield TextDelta("It comes to 98,765 in all.")
        yield Usage(input_tokens=300, output_tokens=8 * len(request.evidence))
        yield Finish()

    def tools(self) -> list[Tool]:
        return [self._tool(name, *latency) for name, latency in TOOLS.items()]

    def _tool(self, name: str, median: float, sigma: float) -> Tool:
        async def look_up(key: str) -> dict[str, str]:
            """Looks a record up."""
            await asyncio.sleep(self.seconds(median, sigma, name, key))
            return {"value": f"VA-{10_000 + self.query * 10 + sum(map(ord, key)) % 10}"}

        return Tool(look_up, name, read_only=True)

    async def audit(self, answered: Any) -> Verdict:
        """A second register confirms it."""
        await asyncio.sleep(self.seconds(0.08, 0.3, "audit"))
        refused = self.luck("refused").random() < 0.1
        return Verdict.failed("audit", "it differs") if refused else Verdict.passed("audit", "it agrees")


def recorded(seed: int, latency: float, queries: int, warm_up: int = 20) -> list[RunView]:
    """Traces of an agent in the world under a budget, after a warm-up that is not recorded."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    world = World(seed, latency)

    async def live() -> None:
        loop = asyncio.get_running_loop()
        agent = Agent(world, world.tools(), verify=[world.audit], tracer_provider=provider)
        with virtual_wall(loop):
            for query in range(warm_up + queries):
                if query == warm_up:
                    memory.clear()
                world.query = query
                await agent.run("What do the records say?", budget=Budget(latency=latency if query >= warm_up else 20))
                await asyncio.sleep(5)

    random.seed(seed)
    VirtualClock().run(live())
    return viewed([row_of(span) for span in memory.get_finished_spans()])


@contextmanager
def virtual_wall(loop: asyncio.AbstractEventLoop) -> Any:
    """The wall clock, which spans are timed by, follows the loop's."""
    real, origin = time.time_ns, 1_700_000_000_000_000_000
    time.time_ns = sdk.time_ns = lambda: origin + int(loop.time() * 1e9)
    try:
        yield
    finally:
        time.time_ns = sdk.time_ns = real


def viewed(spans: list[Any]) -> list[RunView]:
    """The runs among spans."""
    traces: dict[str, list[Any]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    runs = [(run, spans) for spans in traces.values() for span in spans if (run := run_of(span)) is not None]
    return [RunView.of(run, spans) for run, spans in runs]
