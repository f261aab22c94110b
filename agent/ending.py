"""How a run ends: why its reasoning did, and the answer that it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..policies.outcome import Verdict
from .result import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its verdict: `composed` where no model wrote it, `unanswered` where it says that there is none,
    `boasts` where it says that something was done and no call shows it. `by` is the name of the model that wrote it,
    and `gap` says that something was left out. Where answers have a type, `value` is the answer as that, and `misfit`
    says why there is none."""

    text: str
    verdict: Verdict
    composed: bool = False
    unanswered: bool = False
    boasts: bool = False
    by: str = ""
    gap: bool = False
    value: Any = None
    misfit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why reasoning ended, and in words."""

    stop_reason: StopReason
    reason: str

    @classmethod
    def by(cls, limit: str, reason: str) -> Ending:
        """The ending by a limit of the ledger, or by a stop reason."""
        if limit.startswith("per_tool"):
            return cls(stop_reason="tool_calls", reason=reason)
        named: dict[str, StopReason] = {"cost_usd": "cost"}
        stop = named.get(limit, limit)
        return cls(stop_reason=stop, reason=reason)  # type: ignore[arg-type]  # the others have the same name
