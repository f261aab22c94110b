"""The trace of one run: its root span, the calls under it, and every decision with its figures."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from ...policies.budget import Budget, Spend
from ...policies.forecast import Forecast
from . import conventions as names
from .attributes import Attributes, consumed, known
from .content import ContentRule, content, message, redact
from .decisions import Decision
from .guard import guarded
from .handles import ChatSpan, SpanHandle, ToolSpan, VerifySpan

ENCLOSING_RUN: Final = otel_context.create_key("shotclock-run")
"""The context's key that says a run is going on: a run that starts in it is nested."""


class RunTrace:
    """The trace of one run. It is explicit, not found by context, and safe to use from several threads.

    Attributes:
        trace_id: 32 hexadecimal digits; random where nobody records, so that a result always has one.
        recording: whether spans and events go anywhere.
        silent: whether nothing can come of a span: nobody records, and there is none to nest under.
        rule: what content is written.
    """

    def __init__(
        self,
        tracer: Tracer,
        root: Span,
        budget: Budget,
        *,
        agent: str,
        rule: ContentRule,
        clock: Callable[[], float],
        begun: float,
    ) -> None:
        self.rule = rule
        self._tracer = tracer
        self._root = root
        self._budget = budget
        self._agent = agent
        self._clock = clock
        self._begun = begun
        self._lock = threading.Lock()
        self._open: dict[SpanHandle, None] = {}
        # Kept as they come and made decisions when they are read: most runs' are read once, at the end, or never.
        self._decisions: list[tuple[float, str, str, str, Any, dict[str, Any]]] = []
        self._usage: dict[str, int] = {}
        self._ended = False
        context = root.get_span_context()
        self.trace_id = f"{context.trace_id:032x}" if context.is_valid else secrets.token_hex(16)
        self.recording = root.is_recording()
        self._nests = context.is_valid
        self.silent = not (self.recording or self._nests)
        self._context = self._make_current(root)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision so far, in order; kept whether or not anybody records."""
        return tuple(Decision.of(*made) for made in list(self._decisions))

    def context(self) -> AbstractContextManager[None]:
        """Make the root span current for a while, so that foreign spans nest under it."""
        return self.current(self._root)

    def chat(
        self,
        model: str,
        provider: str,
        *,
        purpose: str,
        node: str,
        max_tokens: int | None = None,
        remaining: float | None = None,
        timeout: float | None = None,
        attempt: int = 1,
        p50: float | None = None,
        p95: float | None = None,
        server: tuple[str, int] | None = None,
        parent: SpanHandle | None = None,
    ) -> ChatSpan:
        """Start the span of a model call.

        Args:
            model: the model asked for.
            provider: the value of `gen_ai.provider.name`.
            purpose: what it is for: `reason`, `answer` or `judge`.
            node: the graph's node it happens in.
            max_tokens: most tokens it may write.
            remaining: seconds left of the run's budget; `None` or infinity where there is no deadline.
            timeout: seconds granted to this call.
            attempt: which attempt it is, counted from 1.
            p50: forecast of its median duration, seconds.
            p95: forecast of its 95th percentile, seconds.
            server: host and port of the endpoint.
            parent: the span it belongs to, such as the `verify` of a judge; the root where not given.
        """
        handle = ChatSpan(self)
        if self.recording:
            address, port = server or (None, None)
            attributes = {
                names.OPERATION_NAME: names.CHAT,
                names.PROVIDER_NAME: provider,
                names.REQUEST_MODEL: model,
                names.REQUEST_MAX_TOKENS: max_tokens,
                names.NODE: node,
                names.PURPOSE: purpose,
                names.LATENCY_REMAINING: remaining,
                names.CALL_TIMEOUT: timeout,
                names.CALL_ATTEMPT: attempt,
                names.FORECAST_P50: p50,
                names.FORECAST_P95: p95,
                names.SERVER_ADDRESS: address,
                names.SERVER_PORT: port,
            }
            self._start(handle, names.CHAT, model, attributes, parent, SpanKind.CLIENT)
        return handle

    def execute_tool(
        self,
        tool: str,
        call_id: str,
        *,
        attempt: int = 1,
        kind: str = "primary",
        timeout: float | None = None,
        remaining: float | None = None,
        node: str = "act",
        arguments: Any = None,
        queued: float | None = None,
        forecast: Forecast | None = None,
        tool_type: str = "function",
        parent: SpanHandle | None = None,
    ) -> ToolSpan:
        """Start the span of one attempt of a tool.

        Args:
            tool: the tool's name.
            call_id: the id the model gave the call.
            attempt: which attempt it is, counted from 1.
            kind: `primary`, `retry`, `hedge` or `speculative`.
            timeout: seconds granted to this attempt.
            remaining: seconds left of the run's budget.
            node: the graph's node it happens in.
            arguments: what the tool is given; written only where the capture of content is on.
            queued: seconds it waited for a place *before* this span starts; shown as waiting.
            forecast: how long it is expected to take; its median and 95th percentile are written.
            tool_type: `function`, `extension` or `datastore`.
            parent: the span it belongs to; the root where not given.
        """
        handle = ToolSpan(self)
        if self.recording:
            attributes = {
                names.OPERATION_NAME: names.EXECUTE_TOOL,
                names.TOOL_NAME: tool,
                names.TOOL_CALL_ID: call_id,
                names.TOOL_TYPE: tool_type,
                names.AGENT_NAME: self._agent,
                names.NODE: node,
                names.CALL_ATTEMPT: attempt,
                names.CALL_KIND: kind,
                names.CALL_TIMEOUT: timeout,
                names.LATENCY_REMAINING: remaining,
                names.CALL_QUEUE_DURATION: queued,
                names.FORECAST_P50: None if forecast is None else forecast.median,
                names.FORECAST_P95: None if forecast is None else forecast.quantile(0.95),
            }
            if self.rule.capture and arguments is not None:
                attributes[names.TOOL_CALL_ARGUMENTS] = text = content(arguments)
                attributes |= self.rule.io(input=text)
            self._start(handle, names.EXECUTE_TOOL, tool, attributes, parent)
        return handle

    def verify(self, what: str, *, verifier: str, node: str = "verify", parent: SpanHandle | None = None) -> VerifySpan:
        """Start the span of a check; `what` names its object, such as `answer` or a tool, never its content."""
        handle = VerifySpan(self, verifier)
        if self.recording:
            attributes = {names.OPERATION_NAME: names.VERIFY, names.VERIFIER_NAME: verifier, names.NODE: node}
            self._start(handle, names.VERIFY, what, attributes, parent)
        return handle

    def event(self, name: str, /, **attributes: Any) -> None:
        """Add an event to the root span."""
        if self.recording:
            guarded(self._root.add_event, name, known(attributes))

    def decision(self, kind: str, choice: str, reason: str, /, situation: Any = None, **figures: Any) -> None:
        """Keep a decision and write it as an event: `shotclock.tool.skipped` for a `skip`, else `shotclock.decision`.

        `situation` is what a policy decided on, a frozen dataclass: its fields become figures, so that the same policy,
        or another one, can be asked again.

        A figure named `wait` says that the run waits so many seconds from now on, unless the choice is `give_up`; the
        critical path counts them as waiting.
        """
        made = (self._clock() - self._begun, kind, choice, reason, situation, figures)
        self._decisions.append(made)  # appending is atomic
        # That a call was admitted is what its span says: as an event it would only bury the others.
        if self.recording and kind != "admit":
            guarded(self._root.add_event, *Decision.of(*made).to_event())

    def budget_tick(self, elapsed: float, left: Mapping[str, float], *, reserve: float | None = None) -> None:
        """Write what is left of the budget as an event: one point of the burn-down.

        Args:
            elapsed: seconds since the run began.
            left: what is left under each limit that is set, as `Ledger.left()` gives it; `latency` is worked out.
            reserve: seconds kept back for the answer, as they are reckoned now.
        """
        if not self.recording:
            return
        latency = {} if self._budget.latency is None else {"latency": max(0.0, self._budget.latency - elapsed)}
        attributes: Attributes = {names.remaining(limit): value for limit, value in (latency | dict(left)).items()}
        attributes |= {names.ELAPSED: elapsed, names.LATENCY_RESERVE: reserve}
        guarded(self._root.add_event, names.BUDGET_TICK, known(attributes))

    def end_run(
        self,
        status: str,
        stop_reason: str,
        verified: bool,
        spend: Spend,
        *,
        error_type: str | None = None,
        answer: str | None = None,
    ) -> None:
        """End what is still open, then the root. Calling it again changes nothing; any thread may call it.

        Args:
            status: `complete`, `partial`, `fallback` or `suspended`.
            stop_reason: why the run stopped.
            verified: whether the answer passed its checks.
            spend: what was used.
            error_type: set where the run itself failed; a call's failure that was handled does not belong here. A run
                that stopped because it was `cancelled` gets `cancelled`.
            answer: written only where the capture of content is on.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
            stragglers = list(self._open)
        if not self.recording:
            guarded(self._root.end)
            return
        cancelled = stop_reason == "cancelled"
        # The newest first, so that children end before the spans they belong to.
        for handle in reversed(stragglers):
            handle.interrupt("cancelled" if cancelled else "abandoned")
        self._end_root(status, stop_reason, verified, spend, error_type or ("cancelled" if cancelled else None), answer)

    def _end_root(
        self,
        status: str,
        stop_reason: str,
        verified: bool,
        spend: Spend,
        error_type: str | None,
        answer: str | None,
    ) -> None:
        attributes = {
            names.RUN_STATUS: status,
            names.RUN_STOP_REASON: stop_reason,
            names.RUN_VERIFIED: verified,
            names.ERROR_TYPE: error_type,
            **consumed(spend),
            # The sum of the chat spans, not the ledger's worst case: viewers add the children up and compare.
            **self._usage,
        }
        if self.rule.capture and answer is not None:
            attributes[names.OUTPUT_MESSAGES] = message("assistant", answer)
            attributes |= self.rule.io(output=redact(answer))
        guarded(self._root.set_attributes, known(attributes))
        if error_type is not None:
            guarded(self._root.set_status, Status(StatusCode.ERROR))
        guarded(self._root.end)

    # What the handles need of their run.

    def elapsed(self) -> float:
        """Seconds since the run began, on the recorder's clock."""
        return self._clock() - self._begun

    def close(self, handle: SpanHandle, usage: Mapping[str, int]) -> int | None:
        """Take a handle out of those that are open: the instant it ended (wall clock, ns), or `None` if it had."""
        with self._lock:
            if handle not in self._open:
                return None
            del self._open[handle]
            for name, tokens in usage.items():
                self._usage[name] = self._usage.get(name, 0) + tokens
            # Taken under the lock: an end that races with the run's end still lies before it.
            return time.time_ns()

    def current(self, span: Span | None) -> AbstractContextManager[None]:
        """Make a span current; nothing at all where there is no valid span to nest under."""
        return _attached(self._make_current(span or self._root)) if self._nests else _NOTHING

    def _make_current(self, span: Span) -> Context:
        return otel.set_span_in_context(span, otel_context.set_value(ENCLOSING_RUN, True))

    def _start(
        self,
        handle: SpanHandle,
        operation: str,
        target: str,
        attributes: Attributes,
        parent: SpanHandle | None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        parent_span = None if parent is None else parent.span
        context = self._context if parent_span is None else self._make_current(parent_span)
        attributes |= self.rule.kind(operation)
        with self._lock:
            if self._ended:
                return
            handle.span = guarded(
                self._tracer.start_span,
                f"{operation} {target}", context, kind, known(attributes), record_exception=False,
            )  # fmt: skip
            if handle.span is not None:
                self._open[handle] = None


_NOTHING: Final = nullcontext()


@contextmanager
def _attached(context: Context) -> Iterator[None]:
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)
