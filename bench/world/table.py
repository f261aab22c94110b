"""The rows of the benchmark: every system, fault, deadline and seed over the same queries, on several cores."""

from __future__ import annotations

import statistics
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..peers.process import kept
from .faults import FAULTS
from .run import WARM_UP, Record, play
from .score import MULTIPLES, Query, Worth
from .stage import Stage
from .systems.oracle import Foreseen, causal, clairvoyant
from .systems.register import LIBRARIES, SYSTEMS
from .tape import Tape
from .task import make

SEEDS = (101, 102, 103, 104, 105)
"""The seeds of reports; those of training are others."""

ORACLE, CAUSAL = "oracle", "causal"
_ORACLES = {ORACLE: clairvoyant, CAUSAL: causal}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run: these systems and faults, so many queries of each seed after a warm-up."""

    systems: tuple[str, ...]
    faults: tuple[str, ...]
    seeds: tuple[int, ...]
    queries: int
    warm_up: int = WARM_UP

    @property
    def indices(self) -> range:
        """The queries that count; those before them are the warm-up."""
        return range(self.warm_up, self.warm_up + self.queries)


@dataclass(frozen=True, slots=True)
class Job:
    """One row: a system under a fault, a deadline and a seed; another library with what it was tuned to."""

    system: str
    fault: str
    multiple: float
    seed: int
    median: float
    size: Size
    tuned: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)

    def run(self) -> list[Record]:
        """Its answers; another library gives them in its own environment."""
        deadline, ample, warm_up = self.multiple * self.median, 10 * self.median, range(self.size.warm_up)
        if self.system in LIBRARIES:
            return self._elsewhere(deadline)
        stage = Stage(self.seed, FAULTS[self.fault])
        return play(SYSTEMS[self.system](stage), stage, self.size.indices, deadline, warm_up, ample)

    def _elsewhere(self, deadline: float) -> list[Record]:
        asked = {"seed": self.seed, "fault": self.fault, "deadline": deadline, "indices": list(self.size.indices)}
        return [Record(**row) for row in kept(self.system).ask("play", **asked, **self.tuned)]


def median(size: Size) -> float:
    """Seconds: the median of the clairvoyant oracle over the queries that count, where nothing is at fault."""
    none = FAULTS["none"]
    return statistics.median(
        clairvoyant(make(seed, index), Tape(seed, index, none)).seconds for seed in size.seeds for index in size.indices
    )


@dataclass(slots=True)
class Table:
    """All answers: by system, with the multiple of the deadline; and what each query brought."""

    size: Size
    median: float
    records: dict[str, list[tuple[Job, Record]]]
    tuned: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """What other libraries were tuned to, by system and fault."""

    def good(self, system: str) -> dict[Query, dict[float, float]]:
        """Whether each query was answered rightly, on time and within the limits."""
        return self._worth(system, "good")

    def graded(self, system: str) -> dict[Query, dict[float, float]]:
        """The share of each query's parts that was."""
        return self._worth(system, "graded")

    def _worth(self, system: str, what: str) -> dict[Query, dict[float, float]]:
        found: dict[Query, dict[float, float]] = defaultdict(dict)
        for job, record in self.records[system]:
            found[job.fault, job.seed, record.query][job.multiple] = float(getattr(record, what))
        return dict(found)


def only(worth: Worth, fault: str | None) -> Worth:
    """What the queries under one fault brought, or all of them."""
    return worth if fault is None else {query: curve for query, curve in worth.items() if query[0] == fault}


def fill(size: Size, workers: int = 2) -> Table:
    """Run everything."""
    middle = median(size)
    table = Table(size, middle, {name: _foreseen(name, size, middle) for name in _ORACLES})
    with ProcessPoolExecutor(workers) as pool:
        ways = [(system, fault) for system in size.systems if system in LIBRARIES for fault in size.faults]
        table.tuned = dict(zip(ways, pool.map(_tune, ways), strict=True))
        jobs = [
            Job(system, fault, multiple, seed, middle, size, table.tuned.get((system, fault), {}))
            for system in size.systems
            for fault in size.faults
            for seed in size.seeds
            for multiple in MULTIPLES
        ]
        for job, records in zip(jobs, pool.map(Job.run, jobs), strict=True):
            table.records.setdefault(job.system, []).extend((job, record) for record in records)
    return table


def _tune(way: tuple[str, str]) -> dict[str, Any]:
    system, fault = way
    found: dict[str, Any] = kept(system).ask("tune", fault=fault)
    return found


def _foreseen(name: str, size: Size, middle: float) -> list[tuple[Job, Record]]:
    rows = []
    for fault in size.faults:
        for seed in size.seeds:
            for index in size.indices:
                query = make(seed, index)
                foreseen = _ORACLES[name](query, Tape(seed, index, FAULTS[fault]))
                for multiple in MULTIPLES:
                    job = Job(name, fault, multiple, seed, middle, size)
                    rows.append((job, _record(foreseen, index, len(query.nodes), multiple * middle)))
    return rows


def _record(foreseen: Foreseen, index: int, needed: int, deadline: float) -> Record:
    credit = foreseen.credit(deadline)
    return Record(
        query=index,
        elapsed=min(foreseen.seconds, deadline),
        deadline=deadline,
        whole=credit == 1.0,
        credit=credit,
        wrong=sum(foreseen.wrong),
        verified=False,
        attempts=foreseen.attempts,
        needed=needed,
        overspent=False,
        error="",
        detail="",
        text="",
    )
