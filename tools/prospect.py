"""What a forecast says of the attempts of a tool: when one is cut, and whether a second one may race it."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..policies.attempts import Attempts, TimeoutSituation
from ..policies.forecast import Forecast
from ..policies.settings import Policy
from .lent import Scope


class Cut(NamedTuple):
    """The seconds an attempt may take, and what that was decided on where the forecast gives it less than was
    granted."""

    seconds: float
    on: TimeoutSituation | None = None

    def tell(self, scope: Scope, call: str) -> None:
        """Record it; of attempts that end before it could matter nothing is said."""
        if self.on is not None:
            slice_ = scope.policy.attempts.timeout(self.on)
            scope.trace.decision("timeout", self.on.tool, slice_.reason, self.on, call=call, seconds=self.seconds)


class Prospect(NamedTuple):
    """What is asked of a forecast for every attempt; worked out once for each forecast.

    Attributes:
        forecast: the forecast.
        median: seconds an attempt usually takes.
        known: whether a hedge may rest on it.
        tailed: whether it rests on enough attempts, and some of them took far longer than most.
        last: seconds within which all but a few attempts end, and the seconds after which a last attempt is cut.
        first: the same of an attempt that a retry can follow.
    """

    forecast: Forecast
    median: float
    known: bool
    tailed: bool
    last: tuple[float, float]
    first: tuple[float, float]

    @classmethod
    def of(cls, forecast: Forecast, policy: Policy) -> Prospect:
        """What it says under the policy."""
        median, hedging = forecast.median, policy.hedging
        known = forecast.n >= min(hedging.learn_from, hedging.urgent_from)
        tailed = forecast.n >= hedging.learn_from and forecast.quantile(0.99) >= hedging.tail * median
        last, first = (_cut(forecast, policy.attempts, may_retry=may_retry) for may_retry in (False, True))
        return cls(forecast, median, known, tailed, last, first)

    def cut(self, tool: str, granted: float, *, may_retry: bool) -> Cut:
        """What was granted, or less where the forecast knows better; `may_retry` says that another attempt can
        follow."""
        likely, seconds = self.first if may_retry else self.last
        if seconds >= granted:
            return Cut(granted)
        return Cut(seconds, TimeoutSituation(tool, granted, self.forecast.n, likely, may_retry))


def _cut(forecast: Forecast, policy: Attempts, *, may_retry: bool) -> tuple[float, float]:
    if not policy.known(forecast.n, may_retry=may_retry):
        return math.inf, math.inf
    likely = forecast.quantile(1 - policy.false(may_retry=may_retry))
    return likely, policy.cut(likely)
