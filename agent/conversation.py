"""The conversation that a run belongs to, and what the run waits for in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from ..policies.approval import Asker
from ..policies.budget import Spend
from ..tools.call import PendingCall
from .replies import Approver

LEASE: Final = 60.0
"""Seconds for which a suspended run is left to whoever has taken it up. The answer is kept within a fraction of that;
where the process has died before, another one may take the run up then. It is long beside what clocks of machines
differ by, as it is measured by the time of day."""


@dataclass(slots=True, kw_only=True, eq=False)
class Conversation:
    """Where a run goes on with what was said and spent before it, and where it may be left to wait for a person.

    Attributes:
        thread_id: its name; empty where none is kept.
        named: whether the caller named that, so that there may be something of it.
        suspends: whether the run can wait for a person: its state is kept, and it may be resumed.
        approver: the product's function that asks a person to approve a call.
        before: what the run had spent when it was suspended; `None` where it was not.
        origin: the id of its first trace, where it was suspended; empty where it was not.
        begins: how many messages and pieces of evidence of the conversation are older than the run.
        leased: until when no other process takes up the run that this one goes on with, in seconds since 1970.
        pending: the calls that wait for a person.
        waits: whether the run was interrupted for them.
        edited: the arguments that a person gave a call, as JSON, by the call's id.
    """

    thread_id: str = ""
    named: bool = False
    suspends: bool = False
    approver: Approver | None = None
    before: Spend | None = None
    origin: str = ""
    begins: tuple[int, int] = (0, 0)
    leased: float = math.inf
    pending: tuple[PendingCall, ...] = ()
    waits: bool = False
    edited: dict[str, str] = field(default_factory=dict)

    @property
    def asker(self) -> Asker:
        """How a person is asked to approve a call."""
        return "callback" if self.approver is not None else "suspension" if self.suspends else "nobody"

    @property
    def waiting(self) -> tuple[PendingCall, ...]:
        """The calls for which the run was interrupted."""
        return self.pending if self.waits else ()
