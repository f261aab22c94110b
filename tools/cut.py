"""How long an attempt may take, and when that is worth a word."""

from __future__ import annotations

from typing import NamedTuple

from ..policies.attempts import Attempts, TimeoutSituation
from ..policies.forecast import Forecast
from .lent import Scope


class Cut(NamedTuple):
    """The seconds an attempt may take, and what that was decided on where the forecast gives it less than was
    granted."""

    seconds: float
    on: tuple[str, float, int, float, bool] | None = None

    @classmethod
    def of(cls, policy: Attempts, tool: str, granted: float, forecast: Forecast | None, *, may_retry: bool) -> Cut:
        """What was granted, or less where the forecast knows better; `may_retry` says that another attempt can
        follow."""
        if forecast is None or not policy.known(forecast.n, may_retry=may_retry):
            return cls(granted)
        likely = forecast.quantile(1 - policy.false(may_retry=may_retry))
        seconds = policy.cut(likely)
        return cls(granted) if seconds >= granted else cls(seconds, (tool, granted, forecast.n, likely, may_retry))

    def tell(self, scope: Scope, call: str) -> None:
        """Record it; of attempts that end before it could matter nothing is said."""
        if self.on is not None:
            situation = TimeoutSituation(*self.on)
            slice_ = scope.policy.attempts.timeout(situation)
            scope.trace.decision("timeout", situation.tool, slice_.reason, situation, call=call, seconds=self.seconds)
