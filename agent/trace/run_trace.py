"""The trace of one run: its root span, the calls under it, and every decision with its figures."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from opentelemetry.trace import SpanKind

from ...policies.budget import Budget, Spend
from ...policies.forecast import Forecast
from . import conventions as names
from .attributes import Attributes, Event, consumed, known
from .content import ContentRule, content, conversation, message, redact
from .decisions import Decision, Made, event_of
from .handles import ChatSpan, SpanHandle, ToolSpan, VerifySpan
from .tree import SpanTree

TICK_SHARE: Final = 0.01
"""Share of the time limit that two points of the burn-down are apart at least."""


class RunTrace:
    """The trace of one run. It is explicit, not found by context, and safe to use from several threads.

    Attributes:
        trace_id: 32 hexadecimal digits; random where nobody records, so that a result always has one.
        root_id: the id of the root span, to which feedback can be linked; 0 where nobody records.
        recording: whether spans and events go anywhere.
        silent: whether nothing can come of a span: nobody records or measures, and there is none to nest under.
    """

    def __init__(self, tree: SpanTree, budget: Budget, *, agent: str) -> None:
        self._tree = tree
        self._budget = budget
        self._agent = agent
        # Kept as they come and made decisions when they are read: most runs' are read once, at the end, or never.
        self._decisions: list[Made] = []
        self._held: tuple[float, Mapping[str, float], float | None] | None = None
        self._ticked = -math.inf
        context = tree.root.get_span_context()
        self.root_id = context.span_id if tree.recording else 0
        self.trace_id = f"{context.trace_id:032x}" if context.is_valid else secrets.token_hex(16)
        self.recording = tree.recording
        self.silent = not (tree.live or tree.nests)

    @property
    def rule(self) -> ContentRule:
        """What content is written."""
        return self._tree.rule

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision so far, in order; kept whether or not anybody records."""
        return tuple(Decision.of(*made) for made in self.made)

    @property
    def made(self) -> tuple[Made, ...]:
        """What they are made from."""
        return tuple(self._decisions)

    def context(self) -> AbstractContextManager[None]:
        """Make the root span current for a while, so that foreign spans nest under it."""
        return self._tree.current(None)

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
        messages: Sequence[Mapping[str, Any]] = (),
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
            messages: what it is asked; written only where the capture of content is on.
            parent: the span it belongs to, such as the `verify` of a judge; the root where not given.
        """
        handle = ChatSpan(self._tree)
        if self._tree.live:
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
            if self.rule.capture and messages:
                attributes[names.INPUT_MESSAGES] = text = conversation(messages)
                attributes |= self.rule.io(input=text)
            self._tree.start(handle, names.CHAT, model, attributes, parent, SpanKind.CLIENT)
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
        handle = ToolSpan(self._tree)
        if self._tree.live:
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
            self._tree.start(handle, names.EXECUTE_TOOL, tool, attributes, parent)
        return handle

    def verify(self, what: str, *, verifier: str, node: str = "verify", parent: SpanHandle | None = None) -> VerifySpan:
        """Start the span of a check; `what` names its object, such as `answer` or a tool, never its content."""
        handle = VerifySpan(self._tree, verifier)
        if self._tree.live:
            attributes = {names.OPERATION_NAME: names.VERIFY, names.VERIFIER_NAME: verifier, names.NODE: node}
            self._tree.start(handle, names.VERIFY, what, attributes, parent, lazy=True)
        return handle

    def decision(self, kind: str, choice: str, reason: str, /, situation: Any = None, **figures: Any) -> None:
        """Keep a decision and write it as an event: `shotclock.tool.skipped` for a `skip`, else `shotclock.decision`.

        `situation` is what a policy decided on, a frozen dataclass: its fields become figures, so that the same policy,
        or another one, can be asked again. A figure that is dear may be given as a function that makes it.

        A figure named `wait` says that the run waits so many seconds from now on, unless the choice is `give_up`; the
        critical path counts them as waiting.
        """
        tree = self._tree
        made = (tree.timeline.elapsed(), kind, choice, reason, situation, figures)
        self._decisions.append(made)  # appending is atomic
        if tree.meter is not None:
            tree.meter.decided(tree.timeline.instant(), kind, choice, situation, figures, tree.context_of(None))
        # That a call was admitted is what its span says: as an event it would only bury the others.
        if tree.recording and kind != "admit":
            tree.event(made[0], event_of, *made)

    def budget_tick(self, elapsed: float, left: Mapping[str, float], *, reserve: float | None = None) -> None:
        """Write what is left of the budget as an event: one point of the burn-down.

        A point less than a hundredth of the time limit after the one before it is kept back: no chart shows it. The
        last one is written with the run's end.

        Args:
            elapsed: seconds since the run began.
            left: what is left under each limit that is set, as `Ledger.left()` gives it; `latency` is worked out.
            reserve: seconds kept back for the answer, as they are reckoned now.
        """
        if self._tree.meter is not None:
            self._tree.meter.mark(self._tree.timeline.instant())
        if not self.recording:
            return
        self._held = (elapsed, left, reserve)
        if elapsed - self._ticked >= (self._budget.latency or 0.0) * TICK_SHARE:
            self._tell_tick()

    def _tell_tick(self) -> None:
        if self._held is not None:
            (elapsed, left, reserve), self._held = self._held, None
            self._ticked = elapsed
            self._tree.event(elapsed, _tick, elapsed, left, reserve, self._budget.latency)

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
        self._tell_tick()
        stragglers = self._tree.take_stragglers()
        if stragglers is None:
            return
        cancelled = stop_reason == "cancelled"
        for handle in stragglers:
            handle.interrupt("cancelled" if cancelled else "abandoned")
        if not self._tree.live:
            self._tree.end({})
            return
        attributes = self._closing(status, stop_reason, verified, spend)
        attributes[names.ERROR_TYPE] = error_type or ("cancelled" if cancelled else None)
        if self.rule.capture and answer is not None:
            attributes[names.OUTPUT_MESSAGES] = message("assistant", answer)
            attributes |= self.rule.io(output=redact(answer))
        self._end_root(known(attributes), spend)

    def _closing(self, status: str, stop_reason: str, verified: bool, spend: Spend) -> Attributes:
        return {
            names.RUN_STATUS: status,
            names.RUN_STOP_REASON: stop_reason,
            names.RUN_VERIFIED: verified,
            **consumed(spend),
            **self._tree.usage(),
        }

    def _end_root(self, attributes: Attributes, spend: Spend) -> None:
        tree = self._tree
        if tree.meter is not None:
            root = tree.as_row(f"{names.INVOKE_AGENT} {self._agent}", attributes)
            tree.meter.run_ended(root, self._budget, spend, tree.context_of(None))
        tree.end(attributes)


def _tick(elapsed: float, left: Mapping[str, float], reserve: float | None, latency: float | None) -> Event:
    """One point of the burn-down."""
    attributes: Attributes = {names.ELAPSED: elapsed, names.LATENCY_RESERVE: reserve}
    if latency is not None:
        attributes[names.LATENCY_REMAINING] = max(0.0, latency - elapsed)
    attributes |= {names.remaining(limit): value for limit, value in left.items()}
    return names.BUDGET_TICK, known(attributes)
