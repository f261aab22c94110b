"""What a run returns, whatever happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic_core import to_jsonable_python

from ..policies.budget import Budget, Spend
from ..policies.outcome import Verdict
from ..tools.call import Evidence, PendingCall
from .trace.decisions import Decision, Made

Status = Literal["complete", "partial", "fallback", "suspended"]
"""`complete`: the model answered and nothing was cut. `partial`: it answered without something it wanted, or its
answer was refused by a check, or is given without the sentences that were. `fallback`: the answer was composed from the
evidence, or by the embedded model because the chosen one failed. `suspended`: it waits for a person, and
`agent.resume` goes on with it."""

StopReason = Literal[
    "answered",
    "enough",
    "deadline",
    "tool_calls",
    "model_calls",
    "tokens",
    "cost",
    "model_failed",
    "approval",
    "cancelled",
]
"""Why reasoning ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer and everything that is to be known about it. A run always returns one and raises for nothing that
    tools
    or models did.

    Attributes:
        answer: the answer as text, or an honest sentence that says there is none; of an agent with an `output_type` a
            value of that type, or `None`, and the warnings say why.
        model: the name of the model that wrote it; empty where it was composed from the evidence without one. The trace
            has every model call with its own.
        status: how the answer came about.
        stop_reason: why reasoning ended.
        verified: `True` only where the answer passed its checks.
        verdict: what the check of the answer said.
        evidence: what calls gave, each with its verdict and origin, failures included.
        spend: time, attempts, model calls, tokens and money used.
        budget: the limits the run had.
        warnings: sentences the user should be told.
        elapsed: seconds from the call to the return.
        trace_id: 32 hexadecimal digits; `shotclock trace show ID` where the trace was kept.
        decided: what `decisions` is made from.
        answered: `False` where the answer only says that there is none.
        pending: the calls that wait for approval, of a suspended run.
        thread_id: the conversation it belongs to, by which a suspended run is resumed; empty without a checkpointer.
    """

    type: ClassVar[str] = "result"
    answer: Any
    model: str
    status: Status
    stop_reason: StopReason
    verified: bool
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    spend: Spend
    budget: Budget
    warnings: tuple[str, ...]
    elapsed: float
    trace_id: str
    decided: tuple[Made, ...] = field(default=(), repr=False, compare=False)
    answered: bool = True
    pending: tuple[PendingCall, ...] = ()
    thread_id: str = ""

    @property
    def decisions(self) -> tuple[dict[str, Any], ...]:
        """Each decision with the figures it was made from, as JSON values; made when they are asked for, as most are
        never read."""
        return tuple(Decision.of(*made).to_dict() for made in self.decided)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, as `shotclock ask --json` prints them and servers send them: the last event of a stream."""
        return {
            "type": self.type,
            "answer": to_jsonable_python(self.answer, fallback=str),
            "model": self.model,
            "answered": self.answered,
            "status": self.status,
            "stop_reason": self.stop_reason,
            "verified": self.verified,
            "verdict": {
                "outcome": self.verdict.outcome,
                "score": self.verdict.score,
                "reason": self.verdict.reason,
                "verifier": self.verdict.verifier,
            },
            "evidence": to_jsonable_python([item.to_dict() for item in self.evidence], fallback=str),
            "spend": self.spend.to_dict(),
            "budget": self.budget.to_dict(),
            "warnings": list(self.warnings),
            "elapsed": round(self.elapsed, 6),
            "trace_id": self.trace_id,
            "thread_id": self.thread_id,
            "pending": [call.to_dict() for call in self.pending],
        }
