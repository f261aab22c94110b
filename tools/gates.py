"""The gates of an agent's tools."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from ..policies.breaker import Breaker
from ..policies.bucket import Bucket
from ..policies.concurrency import Concurrency
from ..policies.outcome import Skipped
from .gate import Gate
from .scope import clock


class Gates:
    """The gates of an agent's tools, by name; made when they are first asked for.

    Args:
        breaker: when a failing tool is not called.
        bucket: when extra attempts are made.
        concurrency: how many attempts of a tool may be under way.
        now: the clock of the deadlines; the running loop's by default.
    """

    def __init__(
        self,
        breaker: Breaker | None = None,
        bucket: Bucket | None = None,
        concurrency: Concurrency | None = None,
        *,
        now: Callable[[], float] = clock,
    ) -> None:
        self._breaker = breaker or Breaker()
        self._bucket = bucket or Bucket()
        self._concurrency = concurrency or Concurrency()
        self._now = now
        self._lock = threading.Lock()
        self._gates: dict[str, Gate] = {}

    def of(self, tool: str, limit: int | Literal["adaptive"] | None = None) -> Gate:
        """The tool's gate; `limit` fixes its concurrency, or lets it adapt, where this is the first time it is asked
        for.

        Raises:
            InvalidPolicy: `limit` is below 1.
        """
        gate = self._gates.get(tool)
        return gate if gate is not None else self._make(tool, limit)

    def refusals(self, now: float) -> dict[str, Skipped]:
        """The tools that would be refused at `now` whatever the time left, and why: they are not offered to the
        model."""
        asked = ((name, gate.refusal(now)) for name, gate in list(self._gates.items()))
        return {name: refusal for name, refusal in asked if refusal is not None}

    def _make(self, tool: str, limit: int | Literal["adaptive"] | None) -> Gate:
        concurrency = self._concurrency.fixed(limit) if isinstance(limit, int) else self._concurrency
        with self._lock:
            if tool not in self._gates:
                self._gates[tool] = Gate(
                    tool, self._breaker, self._bucket, concurrency, self._now, bounded=limit is not None
                )
            return self._gates[tool]
