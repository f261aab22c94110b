"""The answer of a run while it is being made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ..policies.outcome import Verdict
from .models.base import Message
from .turn import Turn


class Beside(Protocol):
    """Who writes the final answer beside what still runs."""

    def disarm(self) -> None:
        """The run has come to its answer: begin nothing any more."""

    def stop(self) -> None:
        """What it writes is not wanted."""

    async def take(self) -> Turn | None:
        """What it has written; `None` where that is nothing, or out of date."""


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """How the answer of a run comes about. Used by the run's loop only.

    Attributes:
        asked: the conversation as the model was asked last.
        writer: who writes the final answer beside what still runs.
        spoke: the name of the model whose turn ended reasoning.
        whole: whether the last message is a whole answer, not one that was interrupted.
        unanswered: whether the model says that it found nothing to answer with.
        resampled: how often the model was asked again after its answer was refused.
        reopened: what was said against an answer for which the tools are asked again; `None` once that has begun.
        refused: the answer that was refused then.
        verifying: seconds that costly checks have taken of the run.
    """

    asked: list[Message] = field(default_factory=list)
    writer: Beside | None = None
    spoke: str = ""
    whole: bool = False
    unanswered: bool = False
    resampled: int = 0
    reopened: Verdict | None = None
    refused: str = ""
    verifying: float = 0.0

    def take(self, turn: Turn) -> None:
        """The turn that ends reasoning: what it wrote is the answer to begin with."""
        self.spoke = turn.by
        self.unanswered = turn.finish is not None and turn.finish.unanswered
        self.whole = turn.refusal is None and not turn.cut and turn.limited is None
