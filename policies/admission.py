"""Whether a call is begun: only where it can end before the soft deadline, and pays for itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from .errors import InvalidPolicy
from .outcome import Skipped


class CallSituation(NamedTuple):
    """What is known when a call asks to begin; a tuple, because every attempt makes one.

    Attributes:
        tool: the tool's name.
        remaining: seconds to the soft deadline; infinite where there is none.
        expected: seconds the tool usually takes: the median of its forecast; `None` where nothing is known.
        chance: probability that it ends before the soft deadline; `None` where nothing is known.
        timeout: seconds one attempt may take, as its author declared; `None` where undeclared.
        cost_usd: US dollars an attempt costs at most.
        withheld: calls in a row, of all runs, that were not begun because the tool had been too slow before; 0 where
            only its author says so.
        n: samples that what is expected rests on; 0 where only its author says so.
        beside: seconds until an answer begins to be written beside the call; infinite where there is no deadline.
        late: probability that it ends before the soft deadline where it has not ended by then; `None` where nothing is
            known.
        light: whether it only reads, costs nothing and has no fallback: nothing is lost by its being cut but time.
    """

    tool: str
    remaining: float
    expected: float | None = None
    chance: float | None = None
    timeout: float | None = None
    cost_usd: float = 0.0
    withheld: int = 0
    n: int = 0
    beside: float = math.inf
    late: float | None = None
    light: bool = False


class Admit(NamedTuple):
    """Begin the call; one attempt may take `timeout` seconds (infinite where there is no deadline). A `probe` is begun
    against what was learnt, to see whether that still holds, or on a slim chance."""

    timeout: float
    reason: str = "it can end in time"
    probe: bool = False


class AdmissionState(NamedTuple):
    """How the calls fared that what was learnt of their tool's latency spoke against.

    Attributes:
        withheld: how many in a row, of all runs, were not begun.
        returned: how many probes in a row returned in time.
    """

    withheld: int = 0
    returned: int = 0


UNDOUBTED = AdmissionState()
"""How every tool begins, and what a call brings back that nothing spoke against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Admit a call that can end in time, and give it its slice.

    Attributes:
        smallest: seconds under which no call is begun: starting it would only be cut. Default 0.002.
        least_chance: probability of ending in time under which a call is not begun, from 0 to 1. Default 1/3: a call
            that is cut two times in three mostly costs its turn the time. A choice of ours, not a measured optimum.
        slim_chance: the same of a call that only reads, costs nothing and has no fallback, from 0 to 1; it counts where
            it is less than `least_chance`. Default 0.1: what else was found is there at the deadline all the same. On
            the training seeds of `bench/world` more queries so end right than with 1/3.
        late_chance: least probability of ending in time with which a call is waited for beside the answer that is
            written without it, from 0 to 1. Default 0.1: who waits for less mostly waits for nothing. A choice of ours.
        probe: calls in a row that are not begun for what was learnt of their tool, after which one is begun all the
            same: only a call can show that it is quick again. Default 16.
        believe: probes in a row that must return in time before it is believed, and what was cut is forgotten: after
            one that returns the next call is a probe as well. Default 3: of a tool that ends in time three times in
            ten, three in a row do in one of 37. A choice of ours, not a measured optimum.
        value_usd: US dollars a result is worth: a call that costs more than its chance of ending in time times that is
            not begun. `None` asks no price of a call but the budget's. Default `None`.
        second_usd: US dollars that a second of the user's waiting costs, beside the call's own price. Default 0.
    """

    smallest: float = 0.002
    least_chance: float = 1 / 3
    slim_chance: float = 0.1
    late_chance: float = 0.1
    probe: int = 16
    believe: int = 3
    value_usd: float | None = None
    second_usd: float = 0.0

    def __post_init__(self) -> None:
        if not self.smallest >= 0:
            raise InvalidPolicy(f"admission.smallest must be 0 or more seconds, got {self.smallest!r}")
        for name in ("least_chance", "slim_chance", "late_chance"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"admission.{name} must be from 0 to 1, got {getattr(self, name)!r}")
        for name in ("probe", "believe"):
            if not getattr(self, name) >= 1:
                raise InvalidPolicy(f"admission.{name} must be at least 1, got {getattr(self, name)!r}")
        for name in ("value_usd", "second_usd"):
            if getattr(self, name) is not None and not getattr(self, name) >= 0:
                raise InvalidPolicy(f"admission.{name} must be 0 or more US dollars, got {getattr(self, name)!r}")

    def least(self, *, light: bool) -> float:
        """The probability of ending in time under which a call is not begun."""
        return min(self.slim_chance, self.least_chance) if light else self.least_chance

    def admit(self, situation: CallSituation) -> Admit | Skipped:
        """Admit with the seconds an attempt may take, or say why the call is skipped."""
        remaining = situation.remaining
        if remaining < self.smallest:
            return Skipped("deadline", f"{remaining * 1000:.0f} ms are left, too little to begin {situation.tool}")
        granted = remaining
        if 0 < situation.beside < remaining and (situation.late is None or situation.late < self.late_chance):
            granted = situation.beside
        slice_ = granted if situation.timeout is None else min(situation.timeout, granted)
        chance = situation.chance
        if self.value_usd is None and (chance is None or chance >= self.least_chance):
            return Admit(slice_)
        against = self._late(situation) or self._dear(situation)
        if against is None:
            slim = chance is not None and chance < self.least_chance
            return (
                Admit(slice_, f"it ends in time with probability {chance:.2f}", probe=True) if slim else Admit(slice_)
            )
        if situation.withheld < self.probe or not self._learnt(situation):
            return against
        asks = f"but after {situation.withheld} calls that were not begun one asks whether it still does"
        return Admit(slice_, f"{against.reason}, {asks}", probe=True)

    def _late(self, s: CallSituation) -> Skipped | None:
        if s.chance is None or s.chance >= self.least(light=s.light):
            return None
        expected = s.expected or 0.0
        takes = f"{expected:.3g} s" if expected < 3600 else "over an hour"  # where hardly any attempt ever ended
        return Skipped("deadline", f"{s.tool} usually takes {takes} and {s.remaining:.2f} s are left")

    def _dear(self, s: CallSituation) -> Skipped | None:
        if self.value_usd is None:
            return None
        gain = self.value_usd * (1.0 if s.chance is None else s.chance)
        price = s.cost_usd + self.second_usd * (s.expected or 0.0)
        if price <= gain:
            return None
        worth = f"costs US$ {price:.4g}, more than the US$ {gain:.4g} it is likely to bring"
        return Skipped("value", f"{s.tool} {worth}")

    def _learnt(self, s: CallSituation) -> bool:
        """Whether it is only what was learnt that speaks against a call: nothing can show a price to be lower."""
        return self.value_usd is None or s.cost_usd <= self.value_usd

    def after(self, state: AdmissionState, s: CallSituation, decided: Admit | Skipped) -> AdmissionState:
        """The state once a call was decided on: withheld for what was learnt, begun as a probe, or undoubted."""
        if isinstance(decided, Admit):
            return AdmissionState(0, state.returned) if decided.probe else UNDOUBTED
        if not s.n or s.remaining < self.smallest or not self._learnt(s):
            return state
        return AdmissionState(state.withheld + 1, state.returned)

    def probed(self, state: AdmissionState, *, good: bool) -> AdmissionState:
        """The state once a probe has ended; where it returned in time, the next call is a probe at once."""
        return AdmissionState(self.probe, state.returned + 1) if good else AdmissionState(state.withheld)

    def recovered(self, state: AdmissionState) -> bool:
        """Whether enough probes returned in time for what was cut before to be forgotten."""
        return state.returned >= self.believe
