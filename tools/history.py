"""How long an agent's tools have taken, and so how long they will take."""

from __future__ import annotations

import threading

from ..policies.forecast import PRIORS, Forecast, ForecastPolicy, Prior
from ..policies.latency import LatencyState
from .tool import Tool


class History:
    """The latencies of an agent's tools, learnt from its runs and shared by them; safe to use from several threads.

    Args:
        policy: how what is learnt replaces what was believed before.
    """

    def __init__(self, policy: ForecastPolicy | None = None) -> None:
        self._policy = policy or ForecastPolicy()
        self._lock = threading.Lock()
        self._states: dict[str, LatencyState] = {}

    def forecast(self, tool: Tool) -> Forecast | None:
        """How long the next attempt takes; `None` where its author declared nothing and it was never seen."""
        with self._lock:
            state = self._states.get(tool.name)
            if state is None and not tool.latency:
                return None
            return self._state(tool).forecast()

    def observe(self, tool: Tool, seconds: float, *, censored: bool = False) -> None:
        """Learn from an attempt. One that was cut is `censored`: it would have taken longer. A failure is no sample."""
        with self._lock:
            self._state(tool).observe(seconds, censored)

    def _state(self, tool: Tool) -> LatencyState:
        state = self._states.get(tool.name)
        if state is None:
            prior = Prior(p50=tool.latency) if tool.latency else PRIORS["tool"]
            state = self._states[tool.name] = LatencyState(prior, self._policy)
        return state
