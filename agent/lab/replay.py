"""Decisions made again: the situations that a run recorded, put to the same policies or to others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ...policies.admission import CallSituation
from ...policies.approval import ApprovalSituation
from ...policies.attempts import RetrySituation, TimeoutSituation
from ...policies.errors import UsageError
from ...policies.hedging import HedgeSituation, TwiceSituation
from ...policies.interruption import BeginSituation, StreamSituation
from ...policies.media import ModalitySituation, PartSituation
from ...policies.quality import QualitySituation
from ...policies.reserve import AnswerSituation, ReserveSituation
from ...policies.routing import DoubtSituation, EffortSituation, FailureSituation
from ...policies.settings import Policy
from ...policies.speculation import EarlySituation
from ...policies.stopping import TurnSituation
from ...policies.trust import TrustSituation
from ...policies.verification import AgainSituation, HoldSituation, RungSituation
from ..trace.decisions import fields_of


class Decided(Protocol):
    """What every policy answers: a value of its own, with its reason."""

    @property
    def reason(self) -> str:
        """The reason in one sentence, with the figures that decided."""


SITUATIONS: Final[Mapping[str, tuple[type, Callable[[Policy, Any], Decided]]]] = {
    "AnswerSituation": (AnswerSituation, lambda policy, s: policy.reserve.writer(s)),
    "AgainSituation": (AgainSituation, lambda policy, s: policy.verification.again(s)),
    "ApprovalSituation": (ApprovalSituation, lambda policy, s: policy.approval.decide(s)),
    "BeginSituation": (BeginSituation, lambda policy, s: policy.interruption.begin(s)),
    "DoubtSituation": (DoubtSituation, lambda policy, s: policy.routing.escalate(s)),
    "EarlySituation": (EarlySituation, lambda policy, s: policy.speculation.early(s)),
    "CallSituation": (CallSituation, lambda policy, s: policy.admission.admit(s)),
    "EffortSituation": (EffortSituation, lambda policy, s: policy.routing.ease(s)),
    "FailureSituation": (FailureSituation, lambda policy, s: policy.routing.fall_back(s)),
    "HedgeSituation": (HedgeSituation, lambda policy, s: policy.hedging.decide(s)),
    "ModalitySituation": (ModalitySituation, lambda policy, s: policy.media.route_to(s)),
    "PartSituation": (PartSituation, lambda policy, s: policy.media.treat(s)),
    "QualitySituation": (QualitySituation, lambda policy, s: policy.quality.decide(s)),
    "HoldSituation": (HoldSituation, lambda policy, s: policy.verification.hold(s)),
    "ReserveSituation": (ReserveSituation, lambda policy, s: policy.reserve.plan(s)),
    "RetrySituation": (RetrySituation, lambda policy, s: policy.attempts.retry(s)),
    "RungSituation": (RungSituation, lambda policy, s: policy.verification.decide(s)),
    "StreamSituation": (StreamSituation, lambda policy, s: policy.interruption.decide(s)),
    "TimeoutSituation": (TimeoutSituation, lambda policy, s: policy.attempts.timeout(s)),
    "TrustSituation": (TrustSituation, lambda policy, s: policy.trust.decide(s)),
    "TwiceSituation": (TwiceSituation, lambda policy, s: policy.hedging.at_once(s)),
    "TurnSituation": (TurnSituation, lambda policy, s: policy.stopping.decide(s)),
}
"""Every situation that policies decide on, and who decides on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A decision made again.

    Attributes:
        recorded: the decision as the run recorded it, as in `Result.decisions`.
        again: what the policy says of the same situation now.
    """

    recorded: Mapping[str, Any]
    again: Decided

    @property
    def same(self) -> bool:
        """Whether it was decided as before, for the same reason."""
        return bool(self.again.reason == self.recorded["reason"])


def replay(decisions: Iterable[Mapping[str, Any]], policy: Policy) -> list[Replayed]:
    """Put every recorded situation to `policy`; decisions that no policy made (a cache hit, a fault) are left out.

    Args:
        decisions: as `Result.decisions` holds them, or `Decision.to_dict` of those read from a trace.
        policy: the policy to ask; with the run's own, every decision comes out the same.

    Raises:
        UsageError: a situation is unknown, or its figures do not make one.
    """
    return [
        Replayed(recorded=decision, again=_decide(decision, policy)) for decision in decisions if decision["situation"]
    ]


def _decide(decision: Mapping[str, Any], policy: Policy) -> Decided:
    name, figures = decision["situation"], decision["figures"]
    if name not in SITUATIONS:
        known = ", ".join(SITUATIONS)
        raise UsageError(f"the situation {name!r} is none of {known}; was it recorded by a later version?")
    kind, decide = SITUATIONS[name]
    given = {name: _read(figures[name]) for name in fields_of(kind) if name in figures}
    try:
        return decide(policy, kind(**given))
    except TypeError as error:
        raise UsageError(f"the figures of a recorded {name} do not make one: {error}") from error


def _read(figure: Any) -> Any:
    """A figure as it was: traces write infinity as text."""
    return float(figure) if figure in ("inf", "-inf") else figure
