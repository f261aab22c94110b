"""What single levers are worth, reckoned on the tape: from one attempt of everything up to the clairvoyant oracle.

::

    python -m bench.world.ladder --faults none,all --seeds 11,12,13 --queries 30

Each rung is a way to meet the same luck: so many model calls begun at once, so many attempts of a call, the next one
begun at once or when a share of attempts would have ended, all composed without a model. The difference between two
rungs is what the lever between them can bring at most; no policy runs here, and what it costs in model calls is not
counted.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .faults import FAULTS
from .mind import FIRST_TURN
from .score import MULTIPLES, TIGHT, Worth, areas, curve, ratio
from .systems.oracle import STREAMS, Foreseen, causal, clairvoyant, followed, stream
from .table import WARM_UP, Size, median
from .tape import CLASSES, Tape, quantile
from .task import Node, Query, make

Way = Callable[[Query, Tape], Foreseen]
"""What is made of a query under a tape."""

MOST = 3
"""Attempts of a call at most, as the budget allows."""


@dataclass(frozen=True, slots=True)
class Rung:
    """So many model calls and attempts of a call at once, the next attempt when the share `patience` has ended."""

    streams: int
    attempts: int
    patience: float = 0.0

    @property
    def name(self) -> str:
        """In a few words."""
        when = f" after q{self.patience:g}" if self.patience else ""
        return f"{self.streams} model, {self.attempts} of a tool{when if self.attempts > 1 else ''}"

    def __call__(self, query: Query, tape: Tape) -> Foreseen:
        """What it makes of a query."""
        streams = [stream(query, tape, j) for j in range(1, self._granted(tape) + 1)]
        begins = {node.number: min(each[node.number] for each in streams) for node in query.nodes}
        return followed(query, begins, lambda node, start: self._tool(tape, node, start))

    def _granted(self, tape: Tape) -> int:
        """Model calls until one is not refused: a refusal takes hardly any time, and the next one follows."""
        granted = [j for j in range(1, STREAMS + 1) if not tape.thought(FIRST_TURN, j).refused]
        return max(self.streams, granted[0] if granted else STREAMS)

    def _tool(self, tape: Tape, node: Node, start: float) -> tuple[float, bool, int]:
        """When a call ends, whether it is wrong, and how many attempts it took; what failed is replaced at once."""
        patience = quantile(CLASSES[node.tool], self.patience) if self.patience else 0.0
        due = [start + n * patience for n in range(self.attempts)]
        best, wrong, made = math.inf, False, 0
        while due and made < MOST and due[0] < best:
            begun, made = due.pop(0), made + 1
            fate = tape.attempt(node.tool, f"{node.key} {node.field}", made)
            end = begun + fate.seconds
            if fate.how in ("refused", "garbage"):
                due = [end, *due[1:]]
            elif end < best:
                best, wrong = end, fate.how == "wrong"
        return best, wrong, made


RUNGS = (
    Rung(1, 1), Rung(2, 1), Rung(1, 2, 0.5), Rung(1, 2), Rung(2, 2, 0.5), Rung(2, 2), Rung(2, 3),
)  # fmt: skip


def main() -> None:
    """Print each rung's goodput, areas and attempts."""
    parser = argparse.ArgumentParser(prog="python -m bench.world.ladder", description="What single levers are worth.")
    parser.add_argument("--faults", default=",".join(FAULTS), help="which, with commas between them")
    parser.add_argument("--seeds", default="11,12,13", help="which; those of training by default")
    parser.add_argument("--queries", type=int, default=30)
    asked = parser.parse_args()
    seeds, faults = [int(seed) for seed in asked.seeds.split(",")], asked.faults.split(",")
    best = _worth(clairvoyant, seeds, faults, asked.queries)[0]
    print(f"goodput (%)                        {'  '.join(f'{m:>5g}x' for m in MULTIPLES)}   area   at 1-3x   attempts")
    named: list[tuple[str, Way]] = [(rung.name, rung) for rung in RUNGS]
    named += [("causal oracle", causal), ("clairvoyant oracle", clairvoyant)]
    for name, way in named:
        worth, attempts = _worth(way, seeds, faults, asked.queries)
        values = "  ".join(f"{100 * value:6.1f}" for value in curve(worth).values())
        whole, tight = (_ratio(worth, best, multiples) for multiples in (MULTIPLES, TIGHT))
        print(f"  {name:<31} {values}   {whole:.3f}  {tight:.3f}     {attempts:.2f}")


def _ratio(own: Worth, best: Worth, multiples: Sequence[float]) -> float:
    return ratio([*areas(own, multiples).values()], [*areas(best, multiples).values()])


def _worth(way: Way, seeds: Sequence[int], faults: Sequence[str], queries: int) -> tuple[Worth, float]:
    """What each query brings, and the attempts of a call it needs."""
    size = Size(systems=(), faults=tuple(faults), seeds=tuple(seeds), queries=queries)
    middle, worth, attempts, needed = median(size), {}, 0, 0
    for fault in faults:
        for seed in seeds:
            for index in range(WARM_UP, WARM_UP + queries):
                query = make(seed, index)
                found = way(query, Tape(seed, index, FAULTS[fault]))
                worth[fault, seed, index] = {m: float(found.credit(m * middle) == 1.0) for m in MULTIPLES}
                attempts, needed = attempts + found.attempts, needed + len(query.nodes)
    return worth, attempts / needed


if __name__ == "__main__":
    main()
