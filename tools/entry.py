"""What an attempt needs before it begins: that it is admitted, and that the ledger grants it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..policies.admission import UNDOUBTED, AdmissionState, Admit, CallSituation
from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.ledger import Claim, Refusal, Reservation
from ..policies.outcome import Skipped
from .attempt import Job
from .gate import Gate
from .history import ToolHistory
from .lent import Scope
from .tool import Tool


class Means(NamedTuple):
    """What every attempt of a tool goes through: its gate, what was learnt of it, and its claim in the ledger."""

    gate: Gate
    history: ToolHistory
    claim: Claim


class Leave(NamedTuple):
    """Leave to begin an attempt.

    Attributes:
        timeout: seconds it may take at most; infinite where nothing bounds it.
        forecast: how long it is expected to take; `None` where nothing is known.
        probe: whether it is begun against what was learnt.
    """

    timeout: float
    forecast: Forecast | None
    probe: bool


class Entry:
    """Says whether the attempts of one run may begin, and records why."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._means: dict[Tool, Means] = {}

    def means(self, tool: Tool) -> Means:
        """What every attempt of the tool goes through."""
        known = self._means.get(tool)
        if known is None:
            memory = self._scope.memory
            gate = memory.gates.of(tool.name, tool.concurrency)
            claim = Claim(tool=tool.name, tool_calls=1, cost_usd=tool.cost_usd)
            known = self._means[tool] = Means(gate, memory.history.tool(tool), claim)
        return known

    def refusal(self, job: Job) -> Skipped | None:
        """Why an attempt could not begin now, whatever the ledger says; asking changes nothing."""
        gate, history, _ = self.means(job.tool)
        refused = gate.refusal(self._scope.now())
        if refused is not None:
            return refused
        forecast = history.forecast(job.size)
        _, decided = self._weigh(job, forecast, history.doubts(job.size))
        if isinstance(decided, Skipped):
            return decided
        return gate.crowded(self.latest(Leave(decided.timeout, forecast, decided.probe)))

    def passed_over(self, job: Job) -> None:
        """Another tool is called in its place: where that is for what was learnt, it counts as a call withheld."""
        history = self.means(job.tool).history
        before = history.doubts(job.size)
        situation, decided = self._weigh(job, history.forecast(job.size), before)
        if isinstance(decided, Skipped):
            history.doubt(job.size, self._scope.policy.admission.after(before, situation, decided))

    def _weigh(
        self, job: Job, forecast: Forecast | None, doubts: AdmissionState
    ) -> tuple[CallSituation, Admit | Skipped]:
        """Whether an attempt may begin now, and what that was decided on."""
        scope, tool = self._scope, job.tool
        remaining = scope.soft.remaining(scope.now())
        if forecast is None:
            situation = CallSituation(tool.name, remaining, None, None, tool.timeout, tool.cost_usd, doubts.withheld,
                                      0, *self._late(None, remaining))  # fmt: skip
        else:
            chance = None if remaining == math.inf else forecast.probability(remaining)
            situation = CallSituation(tool.name, remaining, forecast.median, chance, tool.timeout, tool.cost_usd,
                                      doubts.withheld, forecast.n, *self._late(forecast, remaining))  # fmt: skip
        return situation, scope.policy.admission.admit(situation)

    def _late(self, forecast: Forecast | None, remaining: float) -> tuple[float, float | None]:
        """Seconds until an answer begins to be written beside the attempt, and how likely it ends later but in time."""
        scope = self._scope
        if scope.answer.at >= scope.soft.at:
            return math.inf, None
        beside = scope.answer.remaining(scope.now())
        if forecast is None or beside <= 0:
            return beside, None
        before = forecast.probability(beside)
        return beside, (forecast.probability(remaining) - before) / (1 - before) if before < 1 else 0.0

    def admit(self, job: Job, means: Means, *, probe: bool = False) -> Leave | Skipped:
        """Leave to begin, or why there is none; `probe` says that it was given once as a probe, and is given again."""
        policy, history = self._scope.policy.admission, means.history
        forecast = history.forecast(job.size)
        before = AdmissionState(policy.probe) if probe else history.doubts(job.size)
        situation, decided = self._weigh(job, forecast, before)
        if before is not UNDOUBTED or isinstance(decided, Skipped):
            history.doubt(job.size, policy.after(before, situation, decided))
        if isinstance(decided, Skipped):
            self._scope.trace.decision("skip", job.tool.name, decided.reason, situation, call=job.call,
                                       limit=decided.limit)  # fmt: skip
            return decided
        self._scope.trace.decision("admit", job.tool.name, decided.reason, situation, call=job.call)
        return Leave(decided.timeout, forecast, decided.probe)

    def latest(self, leave: Leave) -> Deadline:
        """The instant from which on an attempt is not begun any more, so that nobody waits longer for a place."""
        soft, policy = self._scope.soft, self._scope.policy.admission
        if soft.never or leave.probe or leave.forecast is None:
            return soft
        return soft.less(max(policy.smallest, leave.forecast.quantile(policy.least_chance)))

    def skipped(self, job: Job, skipped: Skipped, **figures: Any) -> Skipped:
        """Record that a call is not begun."""
        self._scope.trace.decision("skip", job.tool.name, skipped.reason, call=job.call, limit=skipped.limit, **figures)
        return skipped

    def reserve(self, job: Job, means: Means) -> Reservation | Skipped:
        """The attempt's claim in the ledger, or why that refuses it."""
        reservation = self._scope.ledger.reserve(means.claim)
        if isinstance(reservation, Refusal):
            skipped = Skipped(reservation.limit, reservation.reason)
            return self.skipped(job, skipped, allowed=reservation.allowed, left=reservation.left,
                                wanted=reservation.wanted)  # fmt: skip
        return reservation
