"""One attempt of a call: what it is made of, and what its run lent it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..policies.deadline import Deadline
from ..policies.latency import LatencyState
from ..policies.ledger import Reservation
from ..policies.limits import ProcessLimits
from ..policies.outcome import Ok
from .flight import Flight
from .landing import Landed
from .lent import AttemptSpan
from .records import Record
from .ticket import Ticket
from .tool import Tool

Kind = Literal["primary", "retry", "hedge"]
"""What an attempt is to its call."""


class Job(NamedTuple):
    """What an attempt is made of: a call, read.

    Attributes:
        tool: the tool that does it.
        arguments: its validated arguments.
        call: the call's id.
        size: characters of text among the arguments, for forecasts that tell sizes apart.
        drawn_from: untrusted content that a plan made the arguments from: tools by origin.
        ahead: seconds that what needs its result takes, each as probable; empty where nothing does.
        approved: whether a person has approved the call.
    """

    tool: Tool
    arguments: Mapping[str, Any]
    call: str
    size: int
    drawn_from: Mapping[str, str]
    ahead: tuple[float, ...] = ()
    approved: bool = False


class Attempt(Flight):
    """An attempt under way: its flight, and what the run lent it. One object, because every attempt makes one.

    Attributes:
        job: what it is made of.
        ticket: its leave from the tool's gate.
        reservation: its claim in the ledger.
        number: which attempt of its call it is, counted from 1.
        began: the instant it began.
        until: the instant at which it is given up.
        brought: untrusted content that a run inside it has read, tools by origin.
        doubted: what spoke against it, where it was begun all the same.
        span: its span, where anybody records.
        future: how it lands; its tool runs behind it.
        settled: how it ended for the run: told once, and then the same.
    """

    __slots__ = (
        "began", "brought", "doubted", "future", "job", "number", "reservation", "settled", "span", "ticket", "until",
    )  # fmt: skip

    future: asyncio.Future[Landed]

    def __init__(
        self,
        job: Job,
        ticket: Ticket,
        reservation: Reservation,
        number: int,
        began: float,
        until: Deadline,
        limit: int,
        process: ProcessLimits,
        doubted: Record[LatencyState] | None = None,
    ) -> None:
        super().__init__(job.tool, job.arguments, limit, process, ticket.ended)
        self.job = job
        self.ticket = ticket
        self.reservation = reservation
        self.number = number
        self.began = began
        self.until = until
        self.doubted = doubted
        self.brought: dict[str, str] = {}
        self.span: AttemptSpan | None = None
        self.settled: Landed | None = None

    @property
    def good(self) -> bool:
        """Whether it has returned a result."""
        return self.landed is not None and isinstance(self.landed.outcome, Ok)

    @property
    def granted(self) -> float:
        """Seconds it may take; infinite where nothing bounds it."""
        return self.until.at - self.began
