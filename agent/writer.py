"""The final answer of a model, begun while calls still run: it is there at the deadline, and nothing was given up for
it."""

from __future__ import annotations

import asyncio

from ..tools.isolation import abandon, spawn
from . import timing
from .inference import infer
from .run import Run
from .turn import Turn
from .unseen import told


class Writer:
    """Writes beside what still runs, from the soft deadline on.

    What is found after it has begun makes what it writes out of date: then the answer is written anew where that fits,
    and else put together from the evidence. Used by the run's loop only.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Turn] | None = None
        self._knew = 0

    def arm(self) -> None:
        """Begin at the soft deadline, unless the run comes to its answer before. A model that takes no time needs no
        beginning."""
        run = self._run
        if run.plan.answer == "model" and not run.soft.never and not timing.embedded(run.model):
            delay = run.soft.remaining(run.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._begin)

    def disarm(self) -> None:
        """The run has come to its answer: begin nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def stop(self) -> None:
        """What it writes is not wanted."""
        self.disarm()
        if self._task is not None:
            abandon(self._task)

    async def take(self) -> Turn | None:
        """What it has written, waited for where it still writes; `None` where it was not begun or is out of date."""
        self.disarm()
        if self._task is None:
            return None
        if _usable(self._run) > self._knew:
            self.stop()
            return None
        return await self._task

    def _begin(self) -> None:
        run, knows = self._run, _usable(self._run)
        # A model that is writing text writes the answer already, and nothing can be said of nothing.
        if knows == 0 or run.ending is not None or run.answering:
            return
        situation = timing.final_answer(run, run.last.remaining(run.now()))
        decided = run.policy.reserve.writer(situation)
        run.trace.decision("answer", decided.by, decided.reason, situation, beside=True)
        if decided.by == "model":
            self._knew = knows
            asked = told(run, run.draft.asked)
            self._task = spawn(infer(run, asked, (), "answer", run.last), f"answer by {run.model.name}")
            run.own(self._task)


def _usable(run: Run) -> int:
    return sum(item.usable for item in run.evidence)
