"""The same on the wall clock, ten times as fast as the tape: what virtual time cannot show, such as a blocked loop.

Ours answers through `run_sync`, from a thread; the loop has its own event loop, as a program has. The outside clock is
the caller's thread. A tenth of the time leaves a tenth of the slack: what a machine's own work takes weighs ten times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from .faults import BLOCKING, FAULTS, Faults
from .run import jumping
from .stage import Reply, Stage
from .systems.loop import Loop
from .systems.ours import Ours
from .systems.tuning import tuned
from .table import SEEDS

SCALE = 0.1
DEADLINES = (3.0, 6.0)
"""Seconds of the tape."""

ROWS: tuple[Faults, ...] = (FAULTS["none"], FAULTS["hangs"], FAULTS["manners"], FAULTS["jump"], BLOCKING)


def main(queries: int) -> str:
    """Run a few queries of each row and say how punctual and right the answers were."""
    lines = [f"the wall clock at 1:{1 / SCALE:.0f}, {queries} queries a line; real milliseconds past the deadline"]
    for faults in ROWS:
        for name, make in _systems(faults).items():
            late, good = [], 0
            for deadline in DEADLINES:
                stage = Stage(SEEDS[0], faults, SCALE)
                answer = make(stage)
                for index in range(queries):
                    past, right = _one(stage, answer, index, deadline, faults)
                    late.append(past * 1000)
                    good += right
            within = sum(each <= 50 for each in late) / len(late)
            lines.append(
                f"  {faults.name:<10} {name:<6} within 50 ms {within:6.1%}   latest {max(late):8.1f} ms   "
                f"right and on time {good / len(late):6.1%}"
            )
    return "\n".join(lines)


def _systems(faults: Faults) -> dict[str, Callable[[Stage], Callable[[float], Reply]]]:
    def ours(stage: Stage) -> Callable[[float], Reply]:
        system = Ours(stage)
        return lambda deadline: system.answer_sync(stage, deadline)

    def loop(stage: Stage) -> Callable[[float], Reply]:
        system = Loop(stage, tuned(faults))
        return lambda deadline: asyncio.run(system.answer(stage, deadline))

    return {"ours": ours, "loop": loop}


def _one(
    stage: Stage, answer: Callable[[float], Reply], index: int, deadline: float, faults: Faults
) -> tuple[float, bool]:
    """Real seconds past the deadline, and whether the answer was right and on time."""
    scene = stage.set(index)
    with jumping(faults, time.monotonic):
        began = time.perf_counter()
        reply = answer(deadline)
        past = time.perf_counter() - began - deadline * stage.scale
    return past, scene.query.mark(reply.text).whole and past <= 0.0
