"""Checks of answers by functions that take time or money."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

from ..policies.budget import amount, seconds
from ..policies.errors import UsageError
from ..policies.forecast import Forecast, key
from ..policies.ledger import Claim
from ..policies.pace import PUBLISHED, PacePolicy
from ..tools.checking import CheckResult, check_name
from ..tools.history import ModelHistory
from ..tools.isolation import abandon
from .run import Run
from .verifiers import Answered, Terms, Verifier, begun


class Priced:
    """The verifier that `costly` makes."""

    def __init__(self, verifier: Verifier, name: str, latency: float, cost_usd: float) -> None:
        self.__name__ = name
        self._verifier = verifier
        # A declared latency is taken at its word as far as a model's pace is that writes so many tokens.
        self._prior = replace(PacePolicy.declared(latency, 0.0), sigma_unknown=PUBLISHED.sigma)
        self._cost_usd = cost_usd

    def __call__(self, answered: Answered) -> CheckResult | Awaitable[CheckResult]:
        """What the function says."""
        return self._verifier(answered)

    def forecast(self, run: Run) -> Forecast:
        """As it took so far, beginning at what its author declares."""
        return self._history(run).forecast()

    def claim(self, run: Run, answered: Answered) -> Claim:
        """Its price; it is no model call that we know of."""
        return Claim(cost_usd=self._cost_usd)

    async def ask(self, run: Run, answered: Answered, terms: Terms) -> CheckResult:
        """Ask the function, in a thread where it is a plain one, and learn how long it took."""
        began, censored = run.now(), True
        future = begun(self._verifier, answered)
        try:
            said: CheckResult = await future
            censored = False
            return said
        finally:
            abandon(future)
            terms.reservation.settle(cost_usd=self._cost_usd)
            if not censored or future.cancelled() or not future.done():  # one that raised is no sample
                self._history(run).observe(run.now() - began, censored=censored)

    def _history(self, run: Run) -> ModelHistory:
        return run.memory.history.model(key(self.__name__, "verifier"), self._prior)


def costly(
    verifier: Verifier, *, latency: float | str | timedelta, cost_usd: float = 0.0, name: str | None = None
) -> Priced:
    """A verifier that takes time or money, such as one that asks a service: it is asked after the cheap ones, and only
    where its verdict would come in time and is worth its price (`policy.verification`).

    Args:
        verifier: a function of what was `Answered`, plain or async.
        latency: seconds it usually takes, before anything was measured.
        cost_usd: US dollars a verdict costs. Default 0.
        name: what traces, reasons and forecasts call it; the function's name by default.

    Raises:
        UsageError: `verifier` cannot be called.
        InvalidBudget: `latency` or `cost_usd` is no such amount.
    """
    if not callable(verifier):
        raise UsageError(f"costly({verifier!r}): it must be a function of an answer")
    name = name or check_name(verifier)
    return Priced(
        verifier,
        name,
        seconds(f"latency of verifier {name!r}", latency) or 0.0,
        amount(f"cost_usd of verifier {name!r}", cost_usd, unit="US dollars"),
    )
