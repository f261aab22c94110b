"""Judgements of results that are under way beside the next turn; one object a run."""

from __future__ import annotations

import asyncio


class Aside:
    """What of a run's results is being judged, and what the model has not been told yet. Used by the run's loop only.

    Attributes:
        refused: reasons against results that the model was shown before they were refused, until it is told.
        unsettled: results whose costly check gave no verdict: it hung, failed or was cut.
    """

    __slots__ = ("_under_way", "refused", "unsettled")

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.unsettled = 0
        self._under_way: set[asyncio.Task[None]] = set()

    def add(self, task: asyncio.Task[None]) -> None:
        """Note a judgement that was begun."""
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    @property
    def under_way(self) -> int:
        """How many results are being judged."""
        return len(self._under_way)

    async def settle(self, seconds: float | None) -> None:
        """Wait for every verdict, for so many seconds at most; `None` waits as long as they take."""
        waiting = set(self._under_way)
        if waiting and (seconds is None or seconds > 0):
            await asyncio.wait(waiting, timeout=seconds)

    def news(self) -> list[str]:
        """What the model has to be told; it is told once."""
        told, self.refused = self.refused, []
        return told
