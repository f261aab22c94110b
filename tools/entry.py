"""What an attempt needs before it begins: that it is admitted, and that the ledger grants it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..policies.admission import UNDOUBTED, AdmissionState, Admit, CallSituation
from ..policies.deadline import Deadline
from ..policies.forecast import Forecast
from ..policies.latency import LatencyState
from ..policies.ledger import Claim, Refusal, Reservation
from ..policies.outcome import Skipped
from .attempt import Job
from .gate import Gate
from .history import ToolHistory
from .lent import Scope
from .prospect import Prospect
from .records import Record
from .tool import Tool


class Means:
    """What every attempt of a tool goes through in one run.

    Attributes:
        gate: the tool's gate.
        history: what was learnt of it.
        claim: what an attempt takes of the ledger at most.
        retries: attempts that may follow the first.
        hedges: whether a second attempt may race one.
        light: whether it only reads, costs nothing and has no fallback.
    """

    __slots__ = ("_prospect", "_scope", "claim", "gate", "hedges", "history", "light", "retries")

    def __init__(self, tool: Tool, scope: Scope) -> None:
        self._scope = scope
        self._prospect: Prospect | None = None
        self.gate: Gate = scope.memory.gates.of(tool.name, tool.concurrency)
        self.history: ToolHistory = scope.memory.history.tool(tool)
        self.claim = Claim(tool=tool.name, tool_calls=1, cost_usd=tool.cost_usd)
        self.light = tool.read_only and not tool.cost_usd and tool.fallback is None
        self.hedges = tool.repeatable and tool.hedge is not False
        self.retries = tool.retry
        if self.retries is None:
            self.retries = scope.policy.attempts.retries if tool.repeatable else 0

    def prospect(self, forecast: Forecast) -> Prospect:
        """What the forecast says of the attempts; a forecast serves many of them."""
        known = self._prospect
        if known is None or known.forecast is not forecast:
            known = self._prospect = Prospect.of(forecast, self._scope.policy)
        return known


class Leave(NamedTuple):
    """Leave to begin an attempt.

    Attributes:
        timeout: seconds it may take at most; infinite where nothing bounds it.
        prospect: what is expected of it; `None` where nothing is known.
        probe: the record of what speaks against it, where it is begun all the same.
        chance: how likely it ends in time; `None` where nothing is known, or it has all the time.
    """

    timeout: float
    prospect: Prospect | None
    probe: Record[LatencyState] | None
    chance: float | None = None


class Entry:
    """Says whether the attempts of one run may begin, and records why."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._policy = scope.policy.admission
        self._means: dict[Tool, Means] = {}

    def means(self, tool: Tool) -> Means:
        """What every attempt of the tool goes through."""
        known = self._means.get(tool)
        if known is None:
            known = self._means[tool] = Means(tool, self._scope)
        return known

    def refusal(self, job: Job) -> Skipped | None:
        """Why an attempt could not begin now, whatever the ledger says; asking changes nothing."""
        means = self.means(job.tool)
        refused = means.gate.refusal(self._scope.now())
        if refused is not None:
            return refused
        record = means.history.speaking_of(job.size)
        _, decided = self._weigh(job, means, record, UNDOUBTED if record is None else record.doubts)
        if isinstance(decided, Skipped):
            return decided
        return means.gate.crowded(self.latest(self._leave(means, record, decided, None), light=means.light))

    def passed_over(self, job: Job) -> None:
        """Another tool is called in its place: where that is for what was learnt, it counts as a call withheld."""
        means = self.means(job.tool)
        record = means.history.speaking_of(job.size)
        if record is not None:
            situation, decided = self._weigh(job, means, record, record.doubts)
            if isinstance(decided, Skipped):
                record.doubts = self._policy.after(record.doubts, situation, decided)

    def admit(self, job: Job, means: Means, *, probe: bool = False) -> Leave | Skipped:
        """Leave to begin, or why there is none; `probe` says that it was given once as a probe, and is given again."""
        record, trace = means.history.speaking_of(job.size), self._scope.trace
        doubts = UNDOUBTED if record is None else record.doubts
        if probe:
            doubts = AdmissionState(self._policy.probe, doubts.returned)
        situation, decided = self._weigh(job, means, record, doubts)
        if record is not None and (doubts is not UNDOUBTED or isinstance(decided, Skipped)):
            record.doubts = self._policy.after(doubts, situation, decided)
        if isinstance(decided, Skipped):
            trace.decision("skip", job.tool.name, decided.reason, situation, call=job.call, limit=decided.limit)
            return decided
        trace.decision("admit", job.tool.name, decided.reason, situation, call=job.call)
        return self._leave(means, record, decided, situation.chance)

    def _leave(self, means: Means, record: Record[LatencyState] | None, admitted: Admit, chance: float | None) -> Leave:
        forecast = None if record is None else record.asked
        prospect = None if forecast is None else means.prospect(forecast)
        return Leave(admitted.timeout, prospect, record if admitted.probe else None, chance)

    def _weigh(
        self, job: Job, means: Means, record: Record[LatencyState] | None, doubts: AdmissionState
    ) -> tuple[CallSituation, Admit | Skipped]:
        """Whether an attempt may begin now, and what that was decided on."""
        tool, scope = job.tool, self._scope
        remaining = scope.soft.remaining(scope.now())
        forecast = None if record is None else record.asked
        if forecast is None:
            situation = CallSituation(tool.name, remaining, None, None, tool.timeout, tool.cost_usd, doubts.withheld,
                                      0, *self._late(None, None), means.light)  # fmt: skip
        else:
            chance = None if remaining == math.inf else forecast.probability(remaining)
            expected = means.prospect(forecast).median
            situation = CallSituation(tool.name, remaining, expected, chance, tool.timeout, tool.cost_usd,
                                      doubts.withheld, forecast.n, *self._late(forecast, chance),
                                      means.light)  # fmt: skip
        return situation, self._policy.admit(situation)

    def _late(self, forecast: Forecast | None, chance: float | None) -> tuple[float, float | None]:
        """Seconds until an answer begins to be written beside the attempt, and how likely it ends later but in time;
        `chance` is how likely it ends in time at all."""
        scope = self._scope
        if scope.answer.at >= scope.soft.at:
            return math.inf, None
        beside = scope.answer.remaining(scope.now())
        if forecast is None or chance is None or beside <= 0:
            return beside, None
        before = forecast.probability(beside)
        return beside, (chance - before) / (1 - before) if before < 1 else 0.0

    def latest(self, leave: Leave, *, light: bool) -> Deadline:
        """The instant from which on an attempt is not begun any more, so that nobody waits longer for a place."""
        soft, policy, prospect = self._scope.soft, self._policy, leave.prospect
        if soft.never or leave.probe is not None or prospect is None:
            return soft
        return soft.less(max(policy.smallest, prospect.forecast.quantile(policy.least(light=light))))

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
