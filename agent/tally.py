"""What costly checks are worth, counted over the runs of an agent: how often they refuse something, and how long that
takes to make."""

from __future__ import annotations

import statistics
import threading
from collections import Counter, defaultdict, deque

from ..policies.hedging import HedgeState, Hedging
from ..policies.outcome import Verdict

KEPT = 50
"""Answers of a model whose time is kept; the typical one of them counts."""


class Tally:
    """How often a costly verifier refused what cheaper ones had passed or left open, how long answers took, and what
    asking another model brought, over the runs of an agent; safe to use from several threads."""

    __slots__ = ("_asked", "_hedges", "_helped", "_lock", "_refused", "_took", "_tried")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._took: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._tried: Counter[str] = Counter()
        self._helped: Counter[str] = Counter()
        self._hedges: dict[str, HedgeState] = {}

    def made(self, model: str, seconds: float) -> float:
        """Note how long an answer of a model took to make, and say how long one of its typically does."""
        with self._lock:
            took = self._took[model]
            took.append(seconds)
            return statistics.median(took)

    def count(self, name: str, before: Verdict, verdict: Verdict) -> None:
        """Note a verdict; one that is unsure says nothing of the answer."""
        if verdict.outcome == "unsure":
            return
        with self._lock:
            self._asked[name, before.outcome] += 1
            self._refused[name, before.outcome] += verdict.outcome == "fail"

    def of(self, name: str, before: Verdict) -> tuple[int, int]:
        """How often it was asked after such a verdict, and how often it refused."""
        with self._lock:
            return self._asked[name, before.outcome], self._refused[name, before.outcome]

    def escalated(self, doubt: str, *, helped: bool) -> None:
        """Note what a stronger model's answer was worth that was asked for because of such a doubt."""
        with self._lock:
            self._tried[doubt] += 1
            self._helped[doubt] += helped

    def help(self, doubt: str) -> tuple[int, int]:
        """How often a stronger model was asked because of such a doubt, and how often it helped."""
        with self._lock:
            return self._tried[doubt], self._helped[doubt]

    def hedges(self, model: str) -> HedgeState:
        """What asking another model beside this one has brought."""
        with self._lock:
            return self._hedges.get(model, HedgeState())

    def raced(
        self,
        policy: Hedging,
        model: str,
        *,
        hedged: bool,
        won: bool = False,
        losing: bool = False,
        urgent: bool = False,
    ) -> None:
        """Note a call of a model that could have been raced, as `Hedging.after` takes it."""
        with self._lock:
            state = self._hedges.get(model, HedgeState())
            self._hedges[model] = policy.after(state, hedged=hedged, won=won, losing=losing, urgent=urgent)
