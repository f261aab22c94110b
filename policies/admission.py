"""Whether a call is begun: only where it can end before the soft deadline."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy
from .outcome import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSituation:
    """What is known when a call asks to begin.

    Attributes:
        tool: the tool's name.
        remaining: seconds to the soft deadline; infinite where there is none.
        expected: seconds the tool usually takes, as its author declared; `None` where unknown.
        timeout: seconds one attempt may take, as its author declared; `None` where undeclared.
    """

    tool: str
    remaining: float
    expected: float | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Begin the call; one attempt may take `timeout` seconds (infinite where there is no deadline)."""

    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Admit a call that can end in time, and give it its slice.

    Attributes:
        smallest: seconds under which no call is begun: starting it would only be cut. Default 0.002.
    """

    smallest: float = 0.002

    def __post_init__(self) -> None:
        if not self.smallest >= 0:
            raise InvalidPolicy(f"admission.smallest must be 0 or more seconds, got {self.smallest!r}")

    def admit(self, situation: CallSituation) -> Admit | Skipped:
        """Admit with the seconds an attempt may take, or say why the call is skipped."""
        remaining = situation.remaining
        if remaining < self.smallest:
            return Skipped("deadline", f"{remaining * 1000:.0f} ms are left, too little to begin {situation.tool}")
        if situation.expected is not None and situation.expected > remaining:
            return Skipped(
                "deadline",
                f"{situation.tool} usually takes {situation.expected:g} s and {remaining:.2f} s are left",
            )
        return Admit(timeout=remaining if situation.timeout is None else min(situation.timeout, remaining))
