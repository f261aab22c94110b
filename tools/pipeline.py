"""The one way from a call to its evidence: read → admit → attempts → isolation → check → settle."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.admission import Admit, CallSituation
from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.ledger import Claim, Ledger, Refusal, Reservation
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut, Verdict
from ..policies.settings import Policy
from .call import Call, Evidence
from .history import History
from .isolation import MAX_THREADS, Flight, abandon, start
from .landing import Landed, ended
from .schema import Problem
from .scope import ENCLOSING, Enclosing
from .tool import Tool
from .toolbox import Toolbox

BACKOFF = wait_random_exponential(multiplier=0.05, max=2.0)
"""Full jitter between attempts, as the gRPC retry design asks (A6): 0 to 50 ms, doubling, at most 2 s."""


class AttemptSpan(Protocol):
    """A span of one attempt, which the trace gives and the pipeline ends."""

    def context(self) -> Any:
        """A context manager inside which the span is the current one."""

    def end(self, outcome: Outcome, *, result: Any = None, cost_usd: float | None = None) -> None:
        """End the span, once."""


class Trace(Protocol):
    """What the pipeline tells of its work."""

    def execute_tool(
        self,
        tool: str,
        call_id: str,
        *,
        attempt: int,
        kind: str,
        timeout: float,
        remaining: float,
        arguments: Any,
        p50: float | None,
        p95: float | None,
    ) -> AttemptSpan:
        """Begin the span of one attempt."""

    def decision(self, kind: str, choice: str, reason: str, /, **figures: Any) -> Any:
        """Record a decision with the figures it was made from; for a `skip`, the choice is the tool's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run lends to its pipeline.

    Attributes:
        ledger: the run's ledger; every attempt is reserved in it first.
        policy: the run's policies.
        soft: the instant at which calls are interrupted.
        now: the clock that `soft` is measured by.
        trace: where spans and decisions go.
        history: how long the tools have taken so far.
        own: told of every future that is started, so that the run can let go of it.
    """

    ledger: Ledger
    policy: Policy
    soft: Deadline
    now: Callable[[], float]
    trace: Trace
    history: History
    own: Callable[[asyncio.Future[Any]], None]


class Pipeline:
    """Takes calls of one run to evidence. It raises nothing for what tools do."""

    def __init__(self, toolbox: Toolbox, scope: Scope) -> None:
        self._toolbox = toolbox
        self._scope = scope
        self._flights: dict[str, tuple[Call, Flight, float]] = {}

    def landed(self) -> list[Evidence]:
        """The evidence of attempts that have landed while the loop could not say so; any thread may ask."""
        now = self._scope.now()
        return [
            evidence(call, flight.tool, flight.arguments, flight.landed, attempts=1, duration=now - started)
            for call, flight, started in list(self._flights.values())
            if flight.landed is not None
        ]

    async def call(self, call: Call) -> Evidence:
        """Run one call, in the time and under the limits that are left; it is over by the soft deadline."""
        started = self._scope.now()
        prepared = self._read(call)
        if isinstance(prepared, Evidence):
            return prepared
        tool, arguments = prepared
        if tool.fallback is not None:
            tool = self._quicker(tool, tool.fallback, call.id)
        landed, attempts = await self._attempts(tool, arguments, call)
        self._flights.pop(call.id, None)
        duration = self._scope.now() - started
        return evidence(call, tool, arguments, landed, attempts=attempts, duration=duration)

    def _read(self, call: Call) -> tuple[Tool, dict[str, Any]] | Evidence:
        """The tool and its validated arguments, or a clear message for the model that cost no attempt."""
        tool = self._toolbox.get(call.tool)
        if tool is None:
            return rejected(call, "UnknownTool", self._toolbox.unknown(call.tool))
        if call.malformed is not None:
            return rejected(call, "MalformedArguments", f"{call.tool} was not called: {call.malformed}")
        arguments = tool.schema.read(call.arguments)
        if isinstance(arguments, Problem):
            return rejected(call, "InvalidArguments", arguments.message)
        return tool, arguments

    def _admit(self, tool: Tool, forecast: Forecast | None, call_id: str) -> Admit | Skipped:
        scope = self._scope
        remaining = scope.soft.remaining(scope.now())
        situation = CallSituation(
            tool=tool.name,
            remaining=remaining,
            expected=None if forecast is None else forecast.median,
            chance=None if forecast is None or math.isinf(remaining) else forecast.probability(remaining),
            timeout=tool.timeout,
        )
        admitted = scope.policy.admission.admit(situation)
        if isinstance(admitted, Skipped):
            scope.trace.decision(
                "skip", tool.name, admitted.reason, call=call_id, remaining=remaining, expected=situation.expected,
                chance=situation.chance, limit=admitted.limit,
            )  # fmt: skip
        return admitted

    def _quicker(self, tool: Tool, quicker: Tool, call_id: str) -> Tool:
        """The tool, or its fallback where the tool does not fit into the time left and the fallback does."""
        history = self._scope.history
        skipped = self._admit(tool, history.forecast(tool), call_id)
        if isinstance(skipped, Admit) or isinstance(self._admit(quicker, history.forecast(quicker), call_id), Skipped):
            return tool
        self._scope.trace.decision("fallback", quicker.name, skipped.reason, tool=tool.name, call=call_id)
        return quicker

    async def _attempts(self, tool: Tool, arguments: dict[str, Any], call: Call) -> tuple[Landed, int]:
        if not tool.retry:
            landed = await self._attempt(tool, arguments, call, 1)
            return landed, int(not isinstance(landed.outcome, Skipped))
        return await self._retried(tool, arguments, call)

    async def _retried(self, tool: Tool, arguments: dict[str, Any], call: Call) -> tuple[Landed, int]:
        started = 0
        last = ended(tool.name, Skipped("deadline", "nothing was begun"))

        async def attempt() -> Landed:
            nonlocal started, last
            landed = await self._attempt(tool, arguments, call, started + 1)
            if isinstance(landed.outcome, Skipped) and started:
                return last  # the budget ended the retrying; what the last attempt did is what there is to say
            started += not isinstance(landed.outcome, Skipped)
            last = landed
            return landed

        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            wait=BACKOFF,
            stop=lambda state: self._give_up(tool, state),
            retry=retry_if_result(_may_pass),
            retry_error_callback=lambda state: last,
        )
        landed: Landed = await retrying(attempt)
        return landed, started

    def _give_up(self, tool: Tool, state: RetryCallState) -> bool:
        """Whether no further attempt is made: none is left, or it could not end before the soft deadline."""
        scope = self._scope
        remaining = scope.soft.remaining(scope.now()) - state.upcoming_sleep
        refusal = scope.ledger.check(_claim(tool))
        over = state.attempt_number > tool.retry or remaining <= (tool.latency or 0.0) or refusal is not None
        tried = f"attempt {state.attempt_number} of {tool.retry + 1} failed, {remaining:.3f} s would be left"
        scope.trace.decision(
            "retry",
            "give_up" if over else "retry",
            refusal.reason if refusal else tried,
            tool=tool.name,
            attempt=state.attempt_number,
            remaining=remaining,
            wait=state.upcoming_sleep,
        )
        return over

    async def _attempt(self, tool: Tool, arguments: dict[str, Any], call: Call, number: int) -> Landed:
        """One execution: reserved in the ledger, bounded in time, abandoned when its slice is used up."""
        scope = self._scope
        forecast = scope.history.forecast(tool)
        admitted = self._admit(tool, forecast, call.id)
        if isinstance(admitted, Skipped):
            return ended(tool.name, admitted)
        reservation = scope.ledger.reserve(_claim(tool))
        if isinstance(reservation, Refusal):
            return ended(tool.name, self._refused(tool, call.id, reservation))
        now = scope.now()
        timeout = scope.policy.attempts.timeout(admitted.timeout, forecast, may_retry=number <= tool.retry)
        span = scope.trace.execute_tool(
            tool.name,
            call.id,
            attempt=number,
            kind="primary" if number == 1 else "retry",
            timeout=timeout,
            remaining=scope.soft.remaining(now),
            arguments=arguments,
            p50=None if forecast is None else forecast.median,
            p95=None if forecast is None else forecast.quantile(0.95),
        )
        landed = ended(tool.name, Cancelled("the run was interrupted"))
        flight = Flight(tool, arguments, scope.policy.limits.result)
        self._flights[call.id] = (call, flight, now)
        try:
            landed = await self._bounded(flight, span, Deadline.after(now, timeout), reservation)
        finally:
            outcome = landed.outcome
            self._learn(tool, outcome, scope.now() - now)
            span.end(outcome, result=outcome.value if isinstance(outcome, Ok) else None, cost_usd=tool.cost_usd or None)
        return landed

    def _learn(self, tool: Tool, outcome: Outcome, seconds: float) -> None:
        """A result is a sample, an attempt that was cut a censored one, and a failure, which may be quick, is none."""
        if not isinstance(outcome, (Failed, Skipped)):
            self._scope.history.observe(tool, seconds, censored=not isinstance(outcome, Ok))

    async def _bounded(self, flight: Flight, span: AttemptSpan, until: Deadline, reservation: Reservation) -> Landed:
        token = ENCLOSING.set(Enclosing(until, self._scope.ledger))
        try:
            with span.context():
                future = start(flight)
        finally:
            ENCLOSING.reset(token)
        self._scope.own(future)
        slice_ = until.remaining(self._scope.now())
        try:
            await asyncio.wait((future,), timeout=None if until.never else slice_)
        except asyncio.CancelledError:
            abandon(future)
            raise
        if not future.done() and flight.claim():
            # No thread was free for it: it was never begun, so it cost no attempt.
            abandon(future)
            reservation.release()
            return ended(flight.tool.name, self._no_thread(flight.tool, slice_))
        reservation.settle(cost_usd=flight.tool.cost_usd)
        if future.done() and not future.cancelled():
            error = future.exception()
            return future.result() if error is None else flight.raised(error)
        abandon(future)
        return flight.landed or ended(flight.tool.name, TimedOut(round(slice_, 6)))

    def _no_thread(self, tool: Tool, waited: float) -> Skipped:
        reason = f"no thread was free for it within {waited:.2f} s; {MAX_THREADS} are busy or stuck"
        self._scope.trace.decision("skip", tool.name, reason, limit="threads", allowed=MAX_THREADS, waited=waited)
        return Skipped("threads", reason)

    def _refused(self, tool: Tool, call_id: str, refusal: Refusal) -> Skipped:
        self._scope.trace.decision(
            "skip", tool.name, refusal.reason, call=call_id, limit=refusal.limit, allowed=refusal.allowed,
            left=refusal.left, wanted=refusal.wanted,
        )  # fmt: skip
        return Skipped(refusal.limit, refusal.reason)


def evidence(
    call: Call, tool: Tool, arguments: Mapping[str, Any], landed: Landed, *, attempts: int, duration: float
) -> Evidence:
    """A call and how it landed, as evidence."""
    content = landed.content
    return Evidence(
        id=call.id,
        tool=tool.name,
        arguments=arguments,
        outcome=landed.outcome,
        content=content.text,
        passages=content.passages,
        verdict=landed.verdict,
        origin=content.passages[0].source if content.passages else tool.name,
        truncated=content.truncated,
        trusted=tool.trusted,
        attempts=attempts,
        duration=duration,
    )


def rejected(call: Call, error_type: str, message: str) -> Evidence:
    """The evidence of a call that could not even be begun; it cost no attempt."""
    return Evidence(
        id=call.id,
        tool=call.tool,
        arguments=call.arguments,
        outcome=Failed(error_type, message, retryable=False),
        content=message,
        verdict=Verdict.failed("arguments", message),
        origin=call.tool,
    )


def _claim(tool: Tool) -> Claim:
    return Claim(tool=tool.name, tool_calls=1, cost_usd=tool.cost_usd)


def _may_pass(landed: Landed) -> bool:
    outcome = landed.outcome
    return isinstance(outcome, TimedOut) or (isinstance(outcome, Failed) and outcome.retryable)
