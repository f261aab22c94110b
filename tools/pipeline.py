"""The one way from a call to its evidence: read → trust → choose → cache → attempts → evidence.

An attempt (see `attempts`) is admitted, let through the tool's gate, reserved, isolated, bounded in time, checked and
settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.attempts import GiveUp, RetrySituation
from ..policies.outcome import Failed, Ok, Skipped, TimedOut, Verdict
from ..policies.trust import Admit
from .attempts import Attempts, Job
from .cache import canonical
from .call import Call, Evidence
from .landing import Landed, ended
from .lent import Scope
from .schema import Problem
from .tool import Tool
from .toolbox import Toolbox

BACKOFF = wait_random_exponential(multiplier=0.05, max=2.0)
"""Full jitter between attempts, as the gRPC retry design asks (A6): 0 to 50 ms, doubling, at most 2 s."""

_ELSEWHERE = frozenset({"deadline", "breaker", "concurrency", "abandoned", "threads", "processes", "loop"})
"""Limits of one tool only: where they skip it, another one may still be called."""


class Pipeline:
    """Takes calls of one run to evidence. It raises nothing for what tools do."""

    def __init__(self, toolbox: Toolbox, scope: Scope) -> None:
        self._toolbox = toolbox
        self._scope = scope
        self._attempts = Attempts(scope)

    def landed(self) -> list[Evidence]:
        """The evidence of attempts that have landed while the loop could not say so; any thread may ask."""
        return [
            evidence(Call(id=job.call, tool=job.tool.name), job, landed, attempts=1, duration=seconds)
            for job, landed, seconds in self._attempts.landed()
        ]

    def under_way(self) -> list[asyncio.Future[Any]]:
        """The attempts that run now."""
        return [*self._attempts.under_way()]

    async def call(self, call: Call) -> Evidence:
        """Run one call, in the time and under the limits that are left; it is over by the soft deadline."""
        started = self._scope.now()
        job = self._read(call)
        if isinstance(job, Evidence):
            return job
        if (refused := self._mistrusted(job)) is not None:
            return evidence(call, job, ended(job.tool.name, refused), attempts=0, duration=self._scope.now() - started)
        if job.tool.fallback is not None:
            job = self._quicker(job, job.tool.fallback)
        landed, attempts = await self._made(job)
        if job.tool.fallback is not None and _another(job.tool, landed):
            job, landed, more = await self._other(job, job.tool.fallback, landed)
            attempts += more
        return evidence(call, job, landed, attempts=attempts, duration=self._scope.now() - started)

    def _read(self, call: Call) -> Job | Evidence:
        """The tool and its validated arguments, or a clear message for the model that cost no attempt."""
        tool = self._toolbox.get(call.tool)
        if tool is None:
            return rejected(call, "UnknownTool", self._toolbox.unknown(call.tool))
        if call.malformed is not None:
            return rejected(call, "MalformedArguments", f"{call.tool} was not called: {call.malformed}")
        arguments = tool.schema.read(call.arguments)
        if isinstance(arguments, Problem):
            return rejected(call, "InvalidArguments", arguments.message)
        return Job(tool, arguments, call.id, _size(arguments), call.drawn_from)

    def _mistrusted(self, job: Job, *, record: bool = True) -> Skipped | None:
        """Why a call is not let through: untrusted content may have asked for it, or it carries what must not leave."""
        scope = self._scope
        if scope.seen.nothing_of(job.arguments, job.drawn_from):
            return None
        situation = scope.seen.situation(job.tool, job.arguments, job.drawn_from)
        decided = scope.policy.trust.decide(situation)
        if isinstance(decided, Admit):
            # Most calls change nothing, or come before any untrusted content: that says nothing.
            if record and situation.effects and situation.through:
                scope.trace.decision("trust", "admit", decided.reason, situation, call=job.call)
            return None
        if record:
            scope.trace.decision("trust", "refuse", decided.reason, situation, call=job.call, rule=decided.rule)
        return Skipped("trust", decided.reason)

    def _refused(self, job: Job) -> Skipped | None:
        """Why the tool could not be called now, whatever the ledger says; asking changes nothing."""
        gate = self._attempts.gate(job.tool)
        refused = gate.refusal(self._scope.now())
        if refused is not None:
            return refused
        _, admitted = self._attempts.weigh(job, self._attempts.forecast(job), gate)
        return admitted if isinstance(admitted, Skipped) else self._mistrusted(job, record=False)

    def _quicker(self, job: Job, quicker: Tool) -> Job:
        """The job, or its fallback where the tool could not be called now and the fallback could."""
        refused = self._refused(job)
        other = job._replace(tool=quicker)
        if refused is None or self._refused(other) is not None:
            return job
        # Counted as a call that was not begun, so that one asks now and then whether the tool still is so slow.
        self._attempts.gate(job.tool).withheld += refused.limit == "deadline"
        self._scope.trace.decision("fallback", quicker.name, refused.reason, tool=job.tool.name, call=job.call)
        return other

    async def _other(self, job: Job, fallback: Tool, failed: Landed) -> tuple[Job, Landed, int]:
        """What the fallback makes of a call that its tool failed; where it makes nothing either, the tool's failure."""
        other = job._replace(tool=fallback)
        if self._refused(other) is not None:
            return job, failed, 0
        self._scope.trace.decision("fallback", fallback.name, failed.content.text, tool=job.tool.name, call=job.call)
        landed, attempts = await self._made(other)
        return (other, landed, attempts) if isinstance(landed.outcome, Ok) else (job, failed, attempts)

    def _made(self, job: Job) -> Awaitable[tuple[Landed, int]]:
        """What the call gives, and how many attempts that took; plain, because every layer of coroutines costs."""
        return self._attempted(job) if job.tool.cache is None else self._kept(job, job.tool.cache)

    async def _kept(self, job: Job, ttl: float) -> tuple[Landed, int]:
        """What was kept of an equal call, what one under way gives, or what this call's own attempts give."""
        tool = job.tool
        attempts = 0

        async def attempt() -> Landed:
            nonlocal attempts
            landed, attempts = await self._attempted(job)
            return landed

        until, key = self._scope.soft, f"{tool.name} {canonical(job.arguments)}"
        landed, source = await self._scope.memory.cache.get_or_run(key, ttl, attempt, until=until)
        if source != "miss":
            reason = "an equal call was answered before" if source == "hit" else "an equal call is under way"
            self._scope.trace.decision("cache", source, reason, tool=tool.name, call=job.call)
        return landed or ended(tool.name, Skipped("deadline", "an equal call was still under way")), attempts

    def _attempted(self, job: Job) -> Awaitable[tuple[Landed, int]]:
        retries = self._retries(job.tool)
        return self._retried(job, retries) if retries else self._attempts.once(job, 1, may_retry=False)

    def _retries(self, tool: Tool) -> int:
        if tool.retry is not None:
            return tool.retry
        return self._scope.policy.attempts.retries if tool.repeatable else 0

    async def _retried(self, job: Job, retries: int) -> tuple[Landed, int]:
        started, number = 0, 0
        last = ended(job.tool.name, Skipped("deadline", "nothing was begun"))

        async def attempt() -> Landed:
            nonlocal started, last, number
            number += 1
            # Only its author says that an attempt which takes long is worth another one.
            may_retry = job.tool.retry is not None and number <= retries
            landed, begun = await self._attempts.once(job, number, may_retry=may_retry)
            if isinstance(landed.outcome, Skipped) and started:
                return last  # the budget ended the retrying; what the last attempt did is what there is to say
            started += begun
            last = landed
            return landed

        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            wait=_wait,
            stop=lambda state: self._give_up(job, retries, state),
            retry=retry_if_result(lambda landed: self._again(job, landed, number)),
            retry_error_callback=lambda state: last,
        )
        landed: Landed = await retrying(attempt)
        return landed, started

    def _again(self, job: Job, landed: Landed, number: int) -> bool:
        """Whether another attempt may end better: after what may pass, where the tool's author says so, else after what
        is known to; and after a result that the checks refused, of a tool that changes nothing by it."""
        outcome = landed.outcome
        if isinstance(outcome, Ok):
            refused = landed.verdict.outcome == "fail" and job.tool.read_only
            return refused and number <= self._scope.policy.attempts.refused
        return _may_pass(landed) if job.tool.retry is not None else isinstance(outcome, Failed) and outcome.passing

    def _give_up(self, job: Job, retries: int, state: RetryCallState) -> bool:
        """Whether no further attempt is made."""
        scope, wait = self._scope, state.upcoming_sleep
        forecast = self._attempts.forecast(job)
        refusal = scope.ledger.check(self._attempts.claim(job.tool))
        situation = RetrySituation(
            tool=job.tool.name,
            attempt=state.attempt_number,
            retries=retries,
            remaining=scope.soft.remaining(scope.now()) - wait,
            wait=wait,
            expected=job.tool.latency if forecast is None else forecast.median,
            lends=self._attempts.gate(job.tool).may_retry(),
            refusal=None if refusal is None else refusal.reason,
        )
        decided = scope.policy.attempts.retry(situation)
        over = isinstance(decided, GiveUp)
        scope.trace.decision("retry", "give_up" if over else "retry", decided.reason, situation, call=job.call)
        return over


def evidence(call: Call, job: Job, landed: Landed, *, attempts: int, duration: float) -> Evidence:
    """A call and how it landed, as evidence."""
    content, tool = landed.content, job.tool
    return Evidence(
        id=call.id,
        tool=tool.name,
        arguments=job.arguments,
        outcome=landed.outcome,
        content=content.text,
        passages=content.passages,
        verdict=landed.verdict,
        origin=content.passages[0].source if content.passages else tool.name,
        truncated=content.truncated,
        trusted=tool.trusted and not landed.brought and not job.drawn_from,
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
        trusted=not call.drawn_from,
    )


def _size(arguments: Mapping[str, Any]) -> int:
    """Characters of text among the arguments: what makes a call large is a text, a list of them or a file."""
    size = 0
    for value in arguments.values():
        if isinstance(value, (str, bytes, list, dict)):
            size += len(value)
    return size


def _another(tool: Tool, landed: Landed) -> bool:
    """Whether another tool may do what this one did not: it failed in a way that may pass, or was not called."""
    outcome = landed.outcome
    if isinstance(outcome, Skipped):
        return outcome.limit in _ELSEWHERE
    return tool.repeatable and _may_pass(landed)


def _wait(state: RetryCallState) -> float:
    """What the endpoint asked for, else full jitter."""
    outcome = state.outcome.result().outcome if state.outcome else None
    asked = outcome.retry_after if isinstance(outcome, Failed) else None
    return asked if asked is not None else BACKOFF(state)


def _may_pass(landed: Landed) -> bool:
    outcome = landed.outcome
    return isinstance(outcome, TimedOut) or (isinstance(outcome, Failed) and outcome.retryable)
