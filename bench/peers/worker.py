"""A peer's process, in the peer's environment: it reads requests as lines of JSON and writes an answer to each.

    python -m bench.peers.worker NAME

It is kept alive and asked round by round, so that all peers are measured in the same state of the machine.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import os
import platform
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from ..world.faults import FAULTS
from ..world.run import play
from ..world.stage import Stage
from ..world.systems.loop import Timeouts
from ..world.systems.tuning import Build, best
from .base import Bounded, Limits
from .clock import Clock
from .drill import ANSWER, DRILL, TOOL, WIRING, Drill
from .register import load

_HOUR, _MANY = 3600.0, 1_000


class Worker:
    """What can be asked of a peer.

    Args:
        name: of the peer.
    """

    def __init__(self, name: str) -> None:
        began = time.perf_counter()
        self._make = load(name)
        limited = self._make(WIRING, Limits(seconds={TOOL: _HOUR}, turns=_MANY))
        self._seconds = time.perf_counter() - began
        self._peers = {False: self._make(WIRING), True: limited}
        self._runner = asyncio.Runner()

    def about(self) -> dict[str, Any]:
        """Its version, and the seconds and bytes it took until the agent was there."""
        version = importlib.metadata.version(self._make.distribution) if self._make.distribution else ""
        return {"version": version, "python": platform.python_version(), "seconds": self._seconds, "rss": _memory()}

    def drill(self, turns: int, tools: int, runs: int, limited: bool) -> dict[str, Any]:
        """Runs one after the other that do nothing: seconds of wall and CPU time a run."""
        return self._runner.run(self._drilled(turns, tools, runs, limited))

    def many(self, runs: int, turns: int, tools: int, model_seconds: float, tool_seconds: float) -> dict[str, Any]:
        """Runs at the same time: seconds of each, of all, and of CPU time; and the peak of memory in bytes."""
        drills = [Drill(turns, tools, model_seconds, tool_seconds) for _ in range(runs)]
        return self._runner.run(self._crowd(drills)) | {"peak": _peak()}

    def tune(self, fault: str) -> dict[str, Any]:
        """The way it is bounded and the timeouts that are best under a fault, as `play` takes them."""
        builds: list[Build] = [partial(Bounded, self._make, **way) for way in self._make.ways]
        build, timeouts = best(FAULTS[fault], builds, Clock(self._make.clocks).run)
        return {"way": self._make.ways[builds.index(build)], "timeouts": asdict(timeouts)}

    def play(
        self, seed: int, fault: str, deadline: float, indices: list[int], way: dict[str, Any], timeouts: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """A row of the world. It has no warm-up, as no peer learns."""
        stage = Stage(seed, FAULTS[fault])
        system = Bounded(self._make, stage, Timeouts(**timeouts), **way)
        records = play(system, stage, indices, deadline, clock=Clock(self._make.clocks).run)
        return [asdict(record) for record in records]

    async def _drilled(self, turns: int, tools: int, runs: int, limited: bool) -> dict[str, Any]:
        drills = [Drill(turns, tools) for _ in range(runs)]
        began, cpu = time.perf_counter(), time.process_time()
        for drill in drills:
            await self._run(drill, limited)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        return {"wall": wall / runs, "cpu": cpu / runs, "rss": _memory()}

    async def _crowd(self, drills: list[Drill]) -> dict[str, Any]:
        began, cpu = time.perf_counter(), time.process_time()
        each = await asyncio.gather(*(asyncio.create_task(self._timed(drill)) for drill in drills))
        return {"each": each, "wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}

    async def _timed(self, drill: Drill) -> float:
        began = time.perf_counter()
        await self._run(drill, limited=True)
        return time.perf_counter() - began

    async def _run(self, drill: Drill, limited: bool) -> None:
        DRILL.set(drill)
        seconds, calls = (_HOUR, _MANY) if limited else (None, None)
        text, _ = await self._peers[limited].converse("Look all of it up.", seconds=seconds, calls=calls)
        if (text, drill.called) != (ANSWER, drill.turns * drill.tools):
            raise AssertionError(f"{self._make.name} answered {text!r} after {drill.called} calls")


def _memory() -> int:
    """Bytes this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(name: str) -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    logging.disable(logging.CRITICAL)
    worker = Worker(name)
    for line in sys.stdin:
        request: Mapping[str, Any] = json.loads(line)
        try:
            answer = {"answer": getattr(worker, request["do"])(**request["with"])}
        except Exception as error:  # the driver says whose it is
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
