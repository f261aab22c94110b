"""What a run lends to its pipeline: its ledger, its clock, its trace, and what outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..policies.approval import Asker
from ..policies.deadline import NEVER, Deadline
from ..policies.forecast import Forecast
from ..policies.ledger import Ledger
from ..policies.outcome import Outcome
from ..policies.settings import Policy
from .memory import Memory
from .progress import Said
from .seen import Seen


class AttemptSpan(Protocol):
    """A span of one attempt, which the trace gives and the pipeline ends."""

    def context(self) -> Any:
        """A context manager inside which the span is the current one."""

    def end(
        self, outcome: Outcome, *, result: Any = None, cost_usd: float | None = None, hedge_won: bool | None = None
    ) -> None:
        """End the span, once."""


class Trace(Protocol):
    """What the pipeline tells of its work.

    Attributes:
        silent: whether nothing can come of its spans, so that none need be begun.
    """

    silent: bool

    def execute_tool(
        self,
        tool: str,
        call_id: str,
        *,
        attempt: int,
        kind: str,
        timeout: float,
        remaining: float,
        arguments: Any,
        queued: float | None,
        forecast: Forecast | None,
    ) -> AttemptSpan:
        """Begin the span of one attempt."""

    def decision(self, kind: str, choice: str, reason: str, /, situation: Any = None, **figures: Any) -> Any:
        """Record a decision with the situation it was made on; for a `skip`, the choice is the tool's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run lends to its pipeline.

    Attributes:
        ledger: the run's ledger; every attempt is reserved in it first.
        policy: the run's policies.
        soft: the instant at which calls are interrupted.
        answer: the instant from which on an answer is written beside them: what will hardly end any more is interrupted
            then.
        now: the clock that `soft` is measured by.
        trace: where spans and decisions go.
        memory: what is known of the tools from this run and others.
        own: told of every future that was given up and runs on, so that the run can count it.
        seen: what the run's model has been shown.
        report: told what a tool says meanwhile, by call, tool and number of the attempt, from any thread; `None` where
            nobody listens.
        asker: how a person can be asked to approve a call.
    """

    ledger: Ledger
    policy: Policy
    soft: Deadline
    now: Callable[[], float]
    trace: Trace
    memory: Memory
    own: Callable[[asyncio.Future[Any]], None]
    seen: Seen = field(default_factory=Seen)
    answer: Deadline = NEVER
    report: Callable[[str, str, int, Said], None] | None = None
    asker: Asker = "nobody"
