"""The one way from a call to its evidence: read → trust → choose → cache → attempts → evidence.

An attempt (see `attempts`) is admitted, let through the tool's gate, reserved, isolated, bounded in time, checked and
settled.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Mapping
from typing import Any

from ..policies.approval import ApprovalSituation, Ask, Proceed, Unasked
from ..policies.fencing import HIDDEN, neutralised
from ..policies.outcome import Failed, Ok, Skipped, Verdict
from ..policies.trust import Admit, Question, Refuse
from .attempt import Job
from .attempts import Attempts
from .cache import canonical
from .call import Call, Evidence
from .landing import Landed, ended
from .lent import Scope
from .memory import copied
from .retries import attempted, may_pass
from .schema import Problem
from .tool import Tool
from .toolbox import Toolbox

APPROVAL = "approval"
"""The limit that a call names which nobody has approved."""

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
        if (refused := self._mistrusted(job) or self._unapproved(job)) is not None:
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
        return Job(tool, arguments, call.id, _size(arguments), call.drawn_from, call.ahead, call.approved)

    def _mistrusted(self, job: Job, *, record: bool = True) -> Skipped | None:
        """Why a call is not let through: untrusted content may have asked for it, or it carries what must not leave."""
        scope = self._scope
        if scope.seen.nothing_of(job.arguments, job.drawn_from):
            return None
        situation = scope.seen.situation(job.tool, job.arguments, job.drawn_from, approval=self._needs(job.tool))
        decided = scope.policy.trust.decide(situation)
        if isinstance(decided, Admit) or (isinstance(decided, Question) and job.approved):
            # Most calls change nothing, or come before any untrusted content: that says nothing.
            if record and situation.effects and situation.through:
                choice = "admit" if isinstance(decided, Admit) else "approved"
                scope.trace.decision("trust", choice, decided.reason, situation, call=job.call)
            return None
        if record:
            scope.trace.decision("trust", "refuse", decided.reason, situation, call=job.call, rule=decided.rule)
        asked = ", and nobody has approved it" if isinstance(decided, Question) else ""
        return Skipped("trust", f"{decided.reason}{asked}")

    def question(self, call: Call, *, denied: bool) -> Ask | Unasked | None:
        """Whether a person has to approve the call, and can be asked; `None` where nobody has to, or it would be
        refused whatever they say. `denied` says whether one has denied the same call before.
        """
        if call.approved or isinstance(job := self._read(call), Evidence):
            return None
        mistrust = ""
        if not self._scope.seen.nothing_of(job.arguments, job.drawn_from):
            needs = self._needs(job.tool)
            trusted = self._scope.policy.trust.decide(
                self._scope.seen.situation(job.tool, job.arguments, job.drawn_from, approval=needs)
            )
            if isinstance(trusted, Refuse):
                return None
            mistrust = trusted.reason if isinstance(trusted, Question) else ""
        decided = self._asked(job, mistrust, hidden=_hides(call.arguments), denied=denied)
        return None if isinstance(decided, Proceed) else decided

    def _asked(self, job: Job, mistrust: str, *, hidden: bool, denied: bool) -> Proceed | Ask | Unasked:
        """Whether a person is asked before the call; recorded where one has to approve it."""
        tool, scope = job.tool, self._scope
        situation = ApprovalSituation(
            tool=tool.name,
            declared=tool.approval,
            effects=not tool.read_only,
            mistrust=mistrust,
            denied=denied,
            asker=scope.asker,
            hidden=hidden,
        )
        decided = scope.policy.approval.decide(situation)
        if not isinstance(decided, Proceed):
            choice = "ask" if isinstance(decided, Ask) else "refuse"
            scope.trace.decision("approval", choice, decided.reason, situation, call=job.call)
        return decided

    def _unapproved(self, job: Job) -> Skipped | None:
        """Why a call is not made that nobody was asked about: one in the place of another."""
        if job.approved or not self._needs(job.tool):
            return None
        return Skipped(APPROVAL, "it needs approval, which is asked only for calls of their own; call it by itself")

    def _needs(self, tool: Tool) -> bool:
        """Whether every call of the tool has to be approved."""
        policy = self._scope.policy.approval
        return policy.needed(tool.name, declared=tool.approval, effects=not tool.read_only)

    def _refused(self, job: Job) -> Skipped | None:
        """Why the tool could not be called now, whatever the ledger says; asking changes nothing."""
        return self._attempts.entry.refusal(job) or self._mistrusted(job, record=False) or self._unapproved(job)

    def _quicker(self, job: Job, quicker: Tool) -> Job:
        """The job, or its fallback where the tool could not be called now and the fallback could."""
        refused = self._refused(job)
        other = job._replace(tool=quicker)
        if refused is None or self._refused(other) is not None:
            return job
        self._attempts.entry.passed_over(job)
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

        until, key = self._scope.soft, (tool, canonical(job.arguments))
        landed, source = await self._scope.memory.cache.get_or_run(key, ttl, attempt, until=until)
        if source != "miss":
            reason = "an equal call was answered before" if source == "hit" else "an equal call is under way"
            self._scope.trace.decision("cache", source, reason, tool=tool.name, call=job.call)
        if landed is None:
            return ended(tool.name, Skipped("deadline", "an equal call was still under way")), attempts
        return await self._own(landed), attempts

    async def _own(self, landed: Landed) -> Landed:
        """A result with a value of this call's own: whoever changes it must not change what is kept."""
        copying = copied(landed)
        if isinstance(copying, Landed):
            return copying
        left = self._scope.soft.remaining(self._scope.now())
        await asyncio.wait((copying,), timeout=None if left == math.inf else left)
        return copying.result() if copying.done() else landed

    def _attempted(self, job: Job) -> Awaitable[tuple[Landed, int]]:
        retries = self._attempts.entry.means(job.tool).retries
        if retries:
            return attempted(self._scope, self._attempts, job, retries)
        return self._attempts.once(job, 1, may_retry=False)


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


def _hides(arguments: Mapping[str, Any]) -> bool:
    """Whether arguments hold what a person would not see of them."""
    return HIDDEN in neutralised(json.dumps(dict(arguments), ensure_ascii=False, default=str)).found


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
    return tool.repeatable and may_pass(landed)
