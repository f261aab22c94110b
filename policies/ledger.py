"""The one mutable object of a run: it reserves the worst case before anything starts, and settles to the actual.

Admitting on the projected spend and settling on the actual is what keeps `tool_calls=5` true under concurrency: a
limit is never exceeded at any moment, not only at the end (INTENT, arXiv 2602.11541).
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from .budget import Budget, Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The worst case of something about to start.

    Attributes:
        tool: the tool whose attempt this is, for `per_tool`; `None` for a model call.
        tool_calls: tool attempts, 0 or 1.
        model_calls: model calls, 0 or 1.
        input_tokens: tokens that will be sent.
        output_tokens: tokens that may be written at most.
        cost_usd: US dollars at most; `None` where the price is unknown.
    """

    tool: str | None = None
    tool_calls: int = 0
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the ledger refused: `limit` is the parameter's name, with what it allows, what is left and what was
    wanted."""

    limit: str
    allowed: float
    left: float
    wanted: float

    @property
    def reason(self) -> str:
        """The refusal in one sentence."""
        return f"{self.limit}={self.allowed:g} leaves {self.left:g}, and {self.wanted:g} would be needed"


class Granted(Protocol):
    """A claim that a ledger has granted; settle or release it once."""

    def settle(
        self, *, input_tokens: int | None = None, output_tokens: int | None = None, cost_usd: float | None = None
    ) -> None:
        """Replace the worst case by the actual."""

    def release(self) -> None:
        """Give the whole claim back."""


class Above(Protocol):
    """The ledger of the run that another one is part of: a `Ledger`, or how one is reached from another process."""

    def reserve(self, claim: Claim) -> Granted | Refusal:
        """Grant the whole claim or refuse it whole."""

    def check(self, claim: Claim) -> Refusal | None:
        """Why the claim would be refused now, or `None`."""

    def left(self) -> dict[str, float]:
        """What is left under each limit that is set."""


class Reservation:
    """A claim the ledger has granted. Settle it once; settling again changes nothing."""

    __slots__ = ("_above", "_ledger", "_open", "claim")

    def __init__(self, ledger: Ledger, claim: Claim, above: Granted | None = None) -> None:
        self.claim = claim
        self._ledger = ledger
        self._above = above
        self._open = True

    def settle(
        self, *, input_tokens: int | None = None, output_tokens: int | None = None, cost_usd: float | None = None
    ) -> None:
        """Replace the worst case by the actual. What is not given is unknown and stays at the worst case."""
        self._ledger._settle(self, input_tokens, output_tokens, cost_usd)
        if self._above is not None:
            self._above.settle(input_tokens=input_tokens, output_tokens=output_tokens, cost_usd=cost_usd)

    def release(self) -> None:
        """Give the whole claim back: it was never started."""
        self._ledger._release(self)
        if self._above is not None:
            self._above.release()


_NOTHING = Spend()


class Ledger:
    """What a run has reserved and spent against its budget; safe to use from several threads.

    Args:
        budget: the limits. `per_tool` limits hold beside `tool_calls`.
        above: the ledger of the run this one is part of: what is spent here is spent there too, and both must grant it.
        spent: what the run had spent before it was suspended; the limits hold for all of it, and `above` knows of it.
    """

    def __init__(self, budget: Budget, above: Above | None = None, spent: Spend | None = None) -> None:
        self.budget = budget
        self._above = above
        self._lock = threading.Lock()
        before = spent or _NOTHING
        self._before = before.latency
        self._tool_calls = before.tool_calls
        self._model_calls = before.model_calls
        self._input_tokens = before.input_tokens
        self._output_tokens = before.output_tokens
        self._cost = before.cost_usd or 0.0
        self._unknown_prices = int(before.cost_usd is None)
        self._per_tool: Counter[str] = Counter(before.per_tool)
        limits = (budget.tool_calls, budget.model_calls, budget.tokens, budget.cost_usd)
        self._unlimited = not budget.per_tool and limits == (None, None, None, None)

    def reserve(self, claim: Claim) -> Reservation | Refusal:
        """Grant the whole claim or refuse it whole, at once."""
        above = None if self._above is None else self._above.reserve(claim)
        if isinstance(above, Refusal):
            return above
        with self._lock:
            # Most runs are limited in their time alone: nothing is looked at.
            refusal = None if self._unlimited else self._check(claim)
            if refusal is None:
                self._add(claim, 1)
                return Reservation(self, claim, above)
        if above is not None:
            above.release()
        return refusal

    def check(self, claim: Claim) -> Refusal | None:
        """Why the claim would be refused now, or `None`; reserves nothing."""
        refusal = None if self._above is None else self._above.check(claim)
        if refusal is not None:
            return refusal
        with self._lock:
            return None if self._unlimited else self._check(claim)

    def spend(self, elapsed: float = 0.0) -> Spend:
        """What has been spent and is reserved, `elapsed` seconds after the start, or after it was resumed."""
        with self._lock:
            return Spend(
                latency=self._before + elapsed,
                tool_calls=self._tool_calls,
                model_calls=self._model_calls,
                input_tokens=self._input_tokens,
                output_tokens=self._output_tokens,
                cost_usd=None if self._unknown_prices else round(self._cost, 12),
                per_tool=dict(self._per_tool),
            )

    def left(self) -> dict[str, float]:
        """What is left under each limit that is set, here and above; for the model and for traces."""
        above = {} if self._above is None else self._above.left()
        if self._unlimited:
            return above
        with self._lock:
            own = {limit: max(0.0, allowed - used) for limit, allowed, used in self._limits(None)}
        return above | {limit: min(left, above.get(limit, left)) for limit, left in own.items()}

    def _limits(self, tool: str | None) -> list[tuple[str, float, float]]:
        budget = self.budget
        rows: list[tuple[str, float, float]] = []
        if budget.tool_calls is not None:
            rows.append(("tool_calls", budget.tool_calls, self._tool_calls))
        if budget.model_calls is not None:
            rows.append(("model_calls", budget.model_calls, self._model_calls))
        if budget.tokens is not None:
            rows.append(("tokens", budget.tokens, self._input_tokens + self._output_tokens))
        if budget.cost_usd is not None:
            rows.append(("cost_usd", budget.cost_usd, self._cost))
        if tool is not None and tool in budget.per_tool:
            rows.append((f"per_tool[{tool!r}]", budget.per_tool[tool], self._per_tool[tool]))
        return rows

    def _check(self, claim: Claim) -> Refusal | None:
        limits = self._limits(claim.tool)
        wanted = {
            "tool_calls": claim.tool_calls,
            "model_calls": claim.model_calls,
            "tokens": claim.input_tokens + claim.output_tokens,
            "cost_usd": claim.cost_usd or 0.0,
        }
        for limit, allowed, used in limits:
            want = wanted.get(limit, claim.tool_calls)
            # A claim of nothing is never refused, so that a run at its limit can still do what is free.
            if want and used + want > allowed + 1e-12:
                return Refusal(limit=limit, allowed=allowed, left=max(0.0, allowed - used), wanted=want)
        return None

    def _add(self, claim: Claim, sign: int) -> None:
        if claim.tool_calls:
            self._tool_calls += sign * claim.tool_calls
        if claim.tool is not None:
            self._per_tool[claim.tool] += sign * claim.tool_calls
        if claim.model_calls or claim.input_tokens or claim.output_tokens:
            self._model_calls += sign * claim.model_calls
            self._input_tokens += sign * claim.input_tokens
            self._output_tokens += sign * claim.output_tokens
        if claim.cost_usd is None:
            self._unknown_prices += sign
        elif claim.cost_usd:
            self._cost += sign * claim.cost_usd

    def _settle(
        self, reservation: Reservation, input_tokens: int | None, output_tokens: int | None, cost_usd: float | None
    ) -> None:
        with self._lock:
            if not reservation._open:
                return
            reservation._open = False
            claim = reservation.claim
            if input_tokens is not None:
                self._input_tokens += input_tokens - claim.input_tokens
            if output_tokens is not None:
                self._output_tokens += output_tokens - claim.output_tokens
            if cost_usd is not None:
                self._cost += cost_usd - (claim.cost_usd or 0.0)
                self._unknown_prices -= claim.cost_usd is None

    def _release(self, reservation: Reservation) -> None:
        with self._lock:
            if reservation._open:
                reservation._open = False
                self._add(reservation.claim, -1)
