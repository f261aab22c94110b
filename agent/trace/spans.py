"""Where a run's trace starts: a recorder for each agent, a root span for each run.

Emission rests on `opentelemetry-api` alone. Where nobody records, a handle is an empty object and no attribute is
built; the decisions are kept all the same, because results and replay read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import trace as otel
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import INVALID_SPAN, SpanKind

from ...policies.budget import Budget
from . import conventions as names
from .attributes import Attributes, known, labels, limits
from .content import ContentRule, message, redact
from .decisions import Decision
from .guard import guarded
from .handles import ChatSpan, SpanHandle, ToolSpan, VerifySpan
from .metrics import Instruments, RunMeter
from .run_trace import RunTrace
from .timeline import Timeline
from .tree import Around, SpanTree

__all__ = ["ChatSpan", "Decision", "Recorder", "RunTrace", "SpanHandle", "ToolSpan", "VerifySpan"]


class Recorder:
    """Starts the traces of one agent's runs.

    Args:
        tracer_provider: where spans go; `None` is the process's global provider, which records nothing unless the
            program has set one up. A global provider is never set here.
        meter_provider: where metrics go; `None` likewise.
        agent: the agent's name.
        model: the model's name.
        tools: the names of its tools, which metrics are told apart by.
        clock: seconds, for runs that bring no clock of their own.
    """

    def __init__(
        self,
        tracer_provider: otel.TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        agent: str,
        model: str,
        tools: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.agent = agent
        self.model = model
        self._tools = frozenset(tools)
        self._clock = clock
        self._provider = tracer_provider
        tracer = guarded(otel.get_tracer, "shotclock", tracer_provider=tracer_provider)
        self._tracer = tracer if tracer is not None else otel.NoOpTracer()
        self._instruments = Instruments(meter_provider)

    def start_run(
        self,
        query: str,
        budget: Budget,
        metadata: Mapping[str, Any] | None = None,
        *,
        thread_id: str | None = None,
        reserve: float | None = None,
        begun: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> RunTrace:
        """Start the root span, as a child of whatever span is current, and hand back the run's trace.

        Args:
            query: the question; written only where the capture of content is on.
            budget: the limits; those that are set become attributes at creation, so that samplers see them.
            metadata: the caller's own labels; scalars are written under `shotclock.metadata.`.
            thread_id: the conversation, for `gen_ai.conversation.id`.
            reserve: seconds kept back for the answer, where they are known: the soft deadline of the waterfall.
            begun: instant of the clock at which the run began, where that was before this call; the root span and
                `Decision.at` count from there. Default now.
            clock: the run's clock, which the times of its spans are taken from; the recorder's where not given.
        """
        rule = ContentRule.of(self._provider)
        around = Around.current()
        timeline = Timeline.of(clock or self._clock, begun, None if around is None else around.tree.timeline)
        attributes: Attributes = {
            names.OPERATION_NAME: names.INVOKE_AGENT,
            names.AGENT_NAME: self.agent,
            names.REQUEST_MODEL: self.model,
            names.CONVERSATION_ID: thread_id,
            names.LATENCY_RESERVE: reserve,
            names.RUN_NESTED: None if around is None else True,
            **limits(budget),
            **labels(metadata or {}),
            **rule.kind(names.INVOKE_AGENT),
        }
        if rule.capture:
            attributes[names.INPUT_MESSAGES] = message("user", query)
            attributes |= rule.io(input=redact(query))
        span = guarded(
            self._tracer.start_span,
            f"{names.INVOKE_AGENT} {self.agent}",
            kind=SpanKind.INTERNAL,
            attributes=known(attributes),
            start_time=timeline.started_ns,
        )
        meter = RunMeter(self._instruments, self.agent, self._tools) if self._instruments.ready() else None
        tree = SpanTree(self._tracer, span if span is not None else INVALID_SPAN, rule, timeline, meter)
        if around is not None:
            around.tree.adopt(around.handle, tree)
        return RunTrace(tree, budget, agent=self.agent)
