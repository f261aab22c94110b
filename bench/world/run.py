"""Runs: a system through the queries of a row, measured from outside, in virtual time or on the wall clock."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .faults import Faults
from .stage import Reply, Scene, Stage
from .systems.base import System
from .tape import ARRIVAL

WARM_UP = 50
"""Queries at ten times the median that every system lives through first; they are left out."""

Clock = Callable[[Coroutine[Any, Any, "list[Record]"]], "list[Record]"]
"""Runs a row: as `asyncio.run`, in virtual time or not."""

_JUMP = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One query answered, as the caller saw it.

    Attributes:
        query: the query's index.
        elapsed: seconds of the tape until the answer was there.
        deadline: seconds the caller waited.
        whole: whether every part was right.
        credit: the share of the parts that was right; nothing where one was wrong.
        wrong: parts stated wrongly.
        verified: whether the system called the answer verified.
        attempts: attempts of tools it started.
        needed: calls the query needs.
        overspent: whether it went beyond the limits of calls or cost.
        error: what was raised to the caller, or nothing.
        detail: what the system says of it.
        text: the answer.
    """

    query: int
    elapsed: float
    deadline: float
    whole: bool
    credit: float
    wrong: int
    verified: bool
    attempts: int
    needed: int
    overspent: bool
    error: str
    detail: str
    text: str

    @property
    def on_time(self) -> bool:
        """Whether the answer was there by the deadline."""
        return self.elapsed <= self.deadline + 1e-9

    @property
    def good(self) -> bool:
        """Whether it was right, on time and within the limits."""
        return self.whole and self.on_time and not self.overspent and not self.error

    @property
    def graded(self) -> float:
        """Credit for what was on time and within the limits."""
        return self.credit if self.on_time and not self.overspent and not self.error else 0.0


def play(
    system: System,
    stage: Stage,
    queries: Sequence[int],
    deadline: float,
    warm_up: Sequence[int] = (),
    ample: float = 0.0,
    clock: Clock | None = None,
) -> list[Record]:
    """A system through queries in virtual time; those of the warm-up have `ample` seconds each and are left out.

    `clock` runs the row; without one it is the virtual clock that ships with the package.
    """
    random.seed(f"{stage.seed} {system.name} {stage.faults.name} {deadline}")
    return (clock or _shipped())(_row(system, stage, queries, deadline, warm_up, ample))


def _shipped() -> Clock:
    from shotclock.testing import VirtualClock  # a peer's environment has no shotclock

    return VirtualClock().run


async def _row(
    system: System, stage: Stage, queries: Sequence[int], deadline: float, warm_up: Sequence[int], ample: float
) -> list[Record]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # what a system leaves behind is not looked at
    with jumping(stage.faults, loop.time):
        for index in warm_up:
            await _arrive(loop, index, stage.scale)
            await asked(system, stage, index, ample)
        records = []
        for index in queries:
            await _arrive(loop, index, stage.scale)
            records.append(await asked(system, stage, index, deadline))
    return records


async def _arrive(loop: asyncio.AbstractEventLoop, index: int, scale: float) -> None:
    """In virtual time wait for the query's nominal time; on the wall clock the next one comes at once."""
    if getattr(loop, "virtual", False):
        await asyncio.sleep(max(0.0, index * ARRIVAL * scale - loop.time()))


async def asked(system: System, stage: Stage, index: int, deadline: float) -> Record:
    """One query, on a clock outside the system."""
    scene = stage.set(index)
    loop, error = asyncio.get_running_loop(), ""
    began = loop.time()
    try:
        reply = await system.answer(stage, deadline)
    except Exception as raised:  # an exception to the caller is no answer
        reply, error = Reply(text=""), f"{type(raised).__name__}: {raised}"[:200]
    return _record(scene, stage, reply, error, (loop.time() - began) / stage.scale, deadline)


def _record(scene: Scene, stage: Stage, reply: Reply, error: str, elapsed: float, deadline: float) -> Record:
    marks = scene.query.mark(reply.text)
    return Record(
        query=scene.query.index,
        elapsed=elapsed,
        deadline=deadline,
        whole=marks.whole,
        credit=marks.credit,
        wrong=len(marks.wrong),
        verified=reply.verified,
        attempts=scene.attempts,
        needed=len(scene.query.nodes),
        overspent=scene.attempts > scene.query.calls or scene.mind.cost_usd > stage.cost_usd,
        error=error,
        detail=reply.detail,
        text=reply.text,
    )


@contextlib.contextmanager
def jumping(faults: Faults, now: Callable[[], float]) -> Iterator[None]:
    """The wall clock jumps forth and back by an hour each second, where that is at fault."""
    if not faults.jump:
        yield
        return
    real = time.time
    time.time = lambda: real() + _JUMP * (int(now()) % 2)
    try:
        yield
    finally:
        time.time = real
