"""What costly checks are worth, counted over the runs of an agent: how often they refuse something, and how long that
takes to make."""

from __future__ import annotations

import statistics
import threading
from collections import Counter, deque

from ..policies.outcome import Verdict

KEPT = 50
"""Answers whose time is kept; the typical one of them counts."""


class Tally:
    """How often a costly verifier refused what cheaper ones had passed or left open, and how long answers took, over
    the runs of an agent."""

    __slots__ = ("_asked", "_lock", "_refused", "_took")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._took: deque[float] = deque(maxlen=KEPT)

    def made(self, seconds: float) -> float:
        """Note how long an answer took to make, and say how long one typically does."""
        with self._lock:
            self._took.append(seconds)
            return statistics.median(self._took)

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
