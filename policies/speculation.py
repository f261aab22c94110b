"""What is begun before the model has finished its turn, and whether it may hand over plans."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlySituation:
    """What is known when a call's arguments are complete while the model still writes.

    Attributes:
        tool: the tool's name.
        read_only: whether it changes nothing.
        taken: calls of this turn so far, this one and the steps of plans included.
        most: most calls that are taken from one turn.
    """

    tool: str
    read_only: bool
    taken: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Begin the call now; `reason` says it in words."""

    reason: str = "it is read only and its arguments are complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Leave the call to the turn; `reason` says it in words."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """Begin early what can change nothing, and let a model plan several calls ahead.

    Attributes:
        eager: whether read-only calls are begun the moment their arguments are complete. One whose turn is cut or fails
            was begun for nothing, and counts as an attempt all the same. Default yes.
        plans: whether a model is offered the built-in tool `plan`, with which one call's result becomes another's
            argument without a model call between them (LLMCompiler, arXiv 2312.04511). Default yes.
        drift: whether a plan's step that only reads takes, where a part of a result is not where the plan expects it,
            the only other part that can be meant, such as `data.route_code` for `route`. Default yes.
    """

    eager: bool = True
    plans: bool = True
    drift: bool = True

    def early(self, situation: EarlySituation) -> Begin | Wait:
        """Whether a call is begun before its turn is complete."""
        s = situation
        if not self.eager:
            return Wait(reason="speculation.eager is off")
        if not s.read_only:
            return Wait(reason=f"{s.tool} may change something, and the turn may yet fail")
        if s.taken > s.most:
            return Wait(reason=f"limits.parallel={s.most} calls of one turn are taken")
        return Begin()
