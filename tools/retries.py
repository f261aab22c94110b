"""The attempts of one call, one after the other, for as long as that may pay."""

from __future__ import annotations

import asyncio

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.attempts import GiveUp, RetrySituation
from ..policies.outcome import Failed, Ok, Skipped, TimedOut
from .attempt import Job
from .attempts import Attempts
from .landing import Landed, ended
from .lent import Scope

BACKOFF = wait_random_exponential(multiplier=0.05, max=2.0)
"""Full jitter between attempts, as the gRPC retry design asks (A6): 0 to 50 ms, doubling, at most 2 s."""


def may_pass(landed: Landed) -> bool:
    """Whether another attempt could end differently."""
    outcome = landed.outcome
    return isinstance(outcome, TimedOut) or (isinstance(outcome, Failed) and outcome.retryable)


class Retries:
    """One call of a tool that may be attempted again.

    Args:
        scope: what the run lends.
        attempts: makes the attempts.
        job: the call.
        allowed: attempts that may follow the first.
    """

    def __init__(self, scope: Scope, attempts: Attempts, job: Job, allowed: int) -> None:
        self._scope = scope
        self._attempts = attempts
        self._job = job
        self._allowed = allowed
        self._begun = 0
        self._made = 0
        self._hedged = False
        self._over = False
        self._last = ended(job.tool.name, Skipped("deadline", "nothing was begun"))

    async def run(self) -> tuple[Landed, int]:
        """How the last attempt landed, and how many were started, hedges included."""
        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            wait=_wait,
            stop=self._give_up,
            retry=retry_if_result(self._again),
            retry_error_callback=lambda state: self._last,
        )
        landed: Landed = await retrying(self._attempt)
        return landed, self._begun

    async def _attempt(self) -> Landed:
        self._made += 1
        # Only its author says that an attempt which takes long is worth another one.
        may_retry = self._job.tool.retry is not None and self._made <= self._allowed
        landed, begun = await self._attempts.once(self._job, self._begun + 1, may_retry=may_retry)
        if isinstance(landed.outcome, Skipped) and self._begun:
            # What the last attempt did is what there is to say; that no other began is this run's affair.
            self._over = True
            self._last = self._last._replace(poor=True)
            return self._last
        self._begun += begun
        self._hedged = begun > 1
        self._last = landed
        return landed

    def _again(self, landed: Landed) -> bool:
        """Whether another attempt may end better: after what may pass, where the tool's author says so, else after what
        is known to; and after a result that the checks refused, of a tool that changes nothing by it."""
        outcome, tool = landed.outcome, self._job.tool
        if self._over:
            return False
        if isinstance(outcome, Ok):
            refused = landed.verdict.outcome == "fail" and tool.read_only
            return refused and self._made <= self._scope.policy.attempts.refused
        return may_pass(landed) if tool.retry is not None else isinstance(outcome, Failed) and outcome.passing

    def _give_up(self, state: RetryCallState) -> bool:
        """Whether no further attempt is made."""
        scope, job, means = self._scope, self._job, self._attempts.entry.means(self._job.tool)
        now, wait = scope.now(), state.upcoming_sleep
        forecast = means.history.forecast(job.size)
        refusal, closed = scope.ledger.check(means.claim), means.gate.refusal(now + wait)
        situation = RetrySituation(
            tool=job.tool.name,
            attempt=self._made,
            retries=self._allowed,
            remaining=scope.soft.remaining(now) - wait,
            wait=wait,
            expected=job.tool.latency if forecast is None else forecast.median,
            lends=means.gate.may_retry(),
            refusal=None if refusal is None else refusal.reason,
            closed=None if closed is None else closed.reason,
            hedged=self._hedged,
        )
        decided = scope.policy.attempts.retry(situation)
        over = isinstance(decided, GiveUp)
        scope.trace.decision("retry", "give_up" if over else "retry", decided.reason, situation, call=job.call)
        if isinstance(decided, GiveUp):
            self._last = self._last._replace(poor=decided.poor)
        return over


def _wait(state: RetryCallState) -> float:
    """What the endpoint asked for, else full jitter."""
    outcome = state.outcome.result().outcome if state.outcome else None
    asked = outcome.retry_after if isinstance(outcome, Failed) else None
    return asked if asked is not None else BACKOFF(state)
