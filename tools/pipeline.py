"""The one way from a call to its evidence: read → admit → attempts → isolation → check → settle."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.admission import Admit, CallSituation
from ..policies.deadline import Deadline
from ..policies.ledger import Claim, Ledger, Refusal, Reservation
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut, Verdict
from ..policies.settings import Policy
from .call import Call, Evidence
from .checks import run_checks
from .content import Content, render
from .history import History
from .isolation import Flight, abandon, start
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
        """The evidence of attempts that have ended while the loop could not yet say so; any thread may ask."""
        return [
            replace(
                self._evidence(call, flight.tool, flight.arguments, flight.outcome),
                attempts=1,
                duration=self._scope.now() - started,
            )
            for call, flight, started in list(self._flights.values())
            if flight.outcome is not None
        ]

    async def call(self, call: Call) -> Evidence:
        """Run one call, in the time and under the limits that are left; it is over by the soft deadline."""
        started = self._scope.now()
        prepared = self._read(call)
        if isinstance(prepared, Evidence):
            return prepared
        tool, arguments = prepared
        admitted = self._admit(tool, call.id)
        if isinstance(admitted, Skipped) and tool.fallback is not None:
            tool, admitted = self._instead(tool, tool.fallback, call.id, admitted)
        attempts = 0
        outcome: Outcome
        if isinstance(admitted, Skipped):
            outcome = admitted
        else:
            outcome, attempts = await self._attempts(tool, arguments, call)
        self._flights.pop(call.id, None)
        evidence = self._evidence(call, tool, arguments, outcome)
        return replace(evidence, attempts=attempts, duration=self._scope.now() - started)

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

    def _admit(self, tool: Tool, call_id: str) -> Admit | Skipped:
        scope = self._scope
        remaining = scope.soft.remaining(scope.now())
        forecast = scope.history.forecast(tool)
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

    def _instead(self, tool: Tool, quicker: Tool, call_id: str, skipped: Skipped) -> tuple[Tool, Admit | Skipped]:
        """The fallback of a tool that does not fit, where the fallback does."""
        admitted = self._admit(quicker, call_id)
        if isinstance(admitted, Skipped):
            return tool, skipped
        self._scope.trace.decision("fallback", quicker.name, skipped.reason, tool=tool.name, call=call_id)
        return quicker, admitted

    async def _attempts(self, tool: Tool, arguments: dict[str, Any], call: Call) -> tuple[Outcome, int]:
        if not tool.retry:
            outcome = await self._attempt(tool, arguments, call, 1)
            return outcome, int(not isinstance(outcome, Skipped))
        return await self._retried(tool, arguments, call)

    async def _retried(self, tool: Tool, arguments: dict[str, Any], call: Call) -> tuple[Outcome, int]:
        started = 0
        last: Outcome = Skipped("deadline", "nothing was begun")

        async def attempt() -> Outcome:
            nonlocal started, last
            outcome = await self._attempt(tool, arguments, call, started + 1)
            if isinstance(outcome, Skipped) and started:
                return last  # the budget ended the retrying; what the last attempt did is what there is to say
            started += not isinstance(outcome, Skipped)
            last = outcome
            return outcome

        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            wait=BACKOFF,
            stop=lambda state: self._give_up(tool, state),
            retry=retry_if_result(_may_pass),
            retry_error_callback=lambda state: last,
        )
        outcome: Outcome = await retrying(attempt)
        return outcome, started

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

    async def _attempt(self, tool: Tool, arguments: dict[str, Any], call: Call, number: int) -> Outcome:
        """One execution: reserved in the ledger, bounded in time, abandoned when its slice is used up."""
        scope = self._scope
        admitted = self._admit(tool, call.id)
        if isinstance(admitted, Skipped):
            return admitted
        reservation = scope.ledger.reserve(_claim(tool))
        if isinstance(reservation, Refusal):
            return self._refused(tool, call.id, reservation)
        now = scope.now()
        forecast = scope.history.forecast(tool)
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
        outcome: Outcome = Cancelled("the run was interrupted")
        flight = Flight(tool, arguments)
        self._flights[call.id] = (call, flight, now)
        try:
            outcome = await self._bounded(flight, span, Deadline.after(now, timeout), reservation)
        finally:
            self._learn(tool, outcome, scope.now() - now)
            span.end(outcome, result=outcome.value if isinstance(outcome, Ok) else None, cost_usd=tool.cost_usd or None)
        return outcome

    def _learn(self, tool: Tool, outcome: Outcome, seconds: float) -> None:
        """A result is a sample, an attempt that was cut a censored one, and a failure, which may be quick, is none."""
        if not isinstance(outcome, (Failed, Skipped)):
            self._scope.history.observe(tool, seconds, censored=not isinstance(outcome, Ok))

    async def _bounded(self, flight: Flight, span: AttemptSpan, until: Deadline, reservation: Reservation) -> Outcome:
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
        reservation.settle(cost_usd=flight.tool.cost_usd)
        if future.done() and not future.cancelled():
            return future.result()
        abandon(future)
        return TimedOut(round(slice_, 6))

    def _refused(self, tool: Tool, call_id: str, refusal: Refusal) -> Skipped:
        self._scope.trace.decision(
            "skip", tool.name, refusal.reason, call=call_id, limit=refusal.limit, allowed=refusal.allowed,
            left=refusal.left, wanted=refusal.wanted,
        )  # fmt: skip
        return Skipped(refusal.limit, refusal.reason)

    def _evidence(self, call: Call, tool: Tool, arguments: Mapping[str, Any], outcome: Outcome) -> Evidence:
        content = Content(explain(tool.name, outcome))
        verdict = Verdict.failed("outcome", content.text)
        if isinstance(outcome, Ok):
            content = render(outcome.value, self._scope.policy.limits.result)
            verdict = _check(tool, arguments, outcome.value, content)
        return Evidence(
            id=call.id,
            tool=tool.name,
            arguments=arguments,
            outcome=outcome,
            content=content.text,
            passages=content.passages,
            verdict=verdict,
            origin=content.passages[0].source if content.passages else tool.name,
            truncated=content.truncated,
            trusted=tool.trusted,
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


def explain(tool: str, outcome: Outcome) -> str:
    """Why there is no result, in one sentence for the model."""
    match outcome:
        case Failed(message=message):
            return f"{tool} failed: {message}"
        case TimedOut(after=after):
            return f"{tool} timed out after {after:.2f} s."
        case Cancelled(reason=reason):
            return f"{tool} was cancelled: {reason}."
        case Skipped(reason=reason):
            return f"{tool} was skipped: {reason}."
        case Ok():
            return ""


def _claim(tool: Tool) -> Claim:
    return Claim(tool=tool.name, tool_calls=1, cost_usd=tool.cost_usd)


def _may_pass(outcome: Outcome) -> bool:
    return isinstance(outcome, TimedOut) or (isinstance(outcome, Failed) and outcome.retryable)


def _check(tool: Tool, arguments: Mapping[str, Any], value: Any, content: Content) -> Verdict:
    # A result that was cut is checked as far as it is shown: validating 50 MB would hold up everybody else.
    declared = tool.schema.declares_result and not content.truncated
    if declared and (problem := tool.schema.problem_of_result(value)) is not None:
        return Verdict.failed("schema", f"the result is not what {tool.name} declares: {problem}")
    return run_checks(tool.name, value, arguments, tool.checks, content=content.text, schema_checked=declared)
