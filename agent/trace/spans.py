"""Where a run's trace starts: a recorder for each agent, a root span for each run.

Emission rests on `opentelemetry-api` alone. Where nobody records, a handle is an empty object and no attribute is
built; the decisions are kept all the same, because results and replay read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.trace import SpanKind

from ...policies.budget import Budget
from . import conventions as names
from .attributes import Attributes, known, labels, limits
from .content import ContentRule, message, redact
from .decisions import Decision
from .guard import guarded
from .handles import ChatSpan, SpanHandle, ToolSpan, VerifySpan
from .run_trace import ENCLOSING_RUN, RunTrace

__all__ = ["ChatSpan", "Decision", "Recorder", "RunTrace", "SpanHandle", "ToolSpan", "VerifySpan"]


class Recorder:
    """Starts the traces of one agent's runs.

    Args:
        tracer_provider: where spans go; `None` is the process's global provider, which records nothing unless the
            program has set one up. A global provider is never set here.
        agent: the agent's name.
        model: the model's name.
        clock: seconds, for `Decision.at`; give it the run's clock. Span times are always the wall clock's.
    """

    def __init__(
        self,
        tracer_provider: otel.TracerProvider | None = None,
        *,
        agent: str,
        model: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.agent = agent
        self.model = model
        self._clock = clock
        self._rule = ContentRule.from_environment()
        self._tracer = otel.get_tracer("shotclock", tracer_provider=tracer_provider)

    def start_run(
        self,
        query: str,
        budget: Budget,
        metadata: Mapping[str, Any] | None = None,
        *,
        thread_id: str | None = None,
        reserve: float | None = None,
        begun: float | None = None,
    ) -> RunTrace:
        """Start the root span, as a child of whatever span is current, and hand back the run's trace.

        Args:
            query: the question; written only where the capture of content is on.
            budget: the limits; those that are set become attributes at creation, so that samplers see them.
            metadata: the caller's own labels; scalars are written under `shotclock.metadata.`.
            thread_id: the conversation, for `gen_ai.conversation.id`.
            reserve: seconds kept back for the answer, where they are known: the soft deadline of the waterfall.
            begun: instant of the recorder's clock at which the run began, where that was before this call; the root
                span and `Decision.at` count from there. Default now.
        """
        attributes: Attributes = {
            names.OPERATION_NAME: names.INVOKE_AGENT,
            names.AGENT_NAME: self.agent,
            names.REQUEST_MODEL: self.model,
            names.CONVERSATION_ID: thread_id,
            names.LATENCY_RESERVE: reserve,
            names.RUN_NESTED: otel_context.get_value(ENCLOSING_RUN) or None,
            **limits(budget),
            **labels(metadata or {}),
            **self._rule.kind(names.INVOKE_AGENT),
        }
        if self._rule.capture:
            attributes[names.INPUT_MESSAGES] = message("user", query)
            attributes |= self._rule.io(input=redact(query))
        now = self._clock()
        begun = now if begun is None else begun
        span = guarded(
            self._tracer.start_span,
            f"{names.INVOKE_AGENT} {self.agent}",
            kind=SpanKind.INTERNAL,
            attributes=known(attributes),
            start_time=time.time_ns() - int(max(0.0, now - begun) * 1e9),
        )
        span = otel.INVALID_SPAN if span is None else span
        return RunTrace(self._tracer, span, budget, agent=self.agent, rule=self._rule, clock=self._clock, begun=begun)
