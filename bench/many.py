"""Many runs at the same time: 1, 100 and 1,000 of three turns, where a model call takes 50 ms and two tools 20 ms.

::

    python -m bench.many                          # every peer that has an environment (`make peers`)
    python -m bench.many --runs 1,100 --rounds 1 --peers ours,langgraph
    python -m bench.many --out FILE               # as JSON too

The ideal is what waiting alone takes: three turns and an answer, 260 ms. Every figure has a process of its own that is
fresh but for one run, with limits as in the world; the peers take turns, and a figure is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .peers.machine import machine
from .peers.process import Process, there
from .peers.register import OWN

TURNS, TOOLS, MODEL_SECONDS, TOOL_SECONDS = 3, 2, 0.05, 0.02
IDEAL = TURNS * (MODEL_SECONDS + TOOL_SECONDS) + MODEL_SECONDS
"""Seconds of a run that costs nothing."""

RUNS = (1, 100, 1_000)
MIB = 1 << 20


def measure(names: Sequence[str], runs: Sequence[int], rounds: int) -> dict[str, Any]:
    """Every peer with every number of runs."""
    found: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    versions = {}
    for _ in range(rounds):
        for at_once in runs:
            for name in names:
                with Process(name) as peer:
                    versions[name] = peer.ask("about")["version"]
                    found[name, at_once].append(_figures(peer, at_once))
    return {
        "machine": machine(),
        "rounds": rounds,
        "ideal_s": IDEAL,
        "versions": versions,
        "rows": {name: {str(n): _medians(found[name, n]) for n in runs} for name in names},
    }


def _figures(peer: Process, runs: int) -> dict[str, float]:
    shape = {"turns": TURNS, "tools": TOOLS, "model_seconds": MODEL_SECONDS, "tool_seconds": TOOL_SECONDS}
    before = peer.ask("many", runs=1, **shape)["peak"]
    told = peer.ask("many", runs=runs, **shape)
    each = sorted(told["each"])
    return {
        "runs_per_s": runs / told["wall"],
        "cpu_ms": told["cpu"] / runs * 1000,
        "p50_s": statistics.median(each),
        "p99_s": each[min(len(each) - 1, int(0.99 * len(each)))],
        "peak_mib": told["peak"] / MIB,
        "more_mib": (told["peak"] - before) / MIB,
    }


def _medians(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(row[key] for row in rows), 4) for key in rows[0]}


def text(found: Mapping[str, Any]) -> str:
    """The table."""
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['cores']} cores, CPython {about['python']}; medians of {found['rounds']} rounds",
        f"ideal {found['ideal_s'] * 1000:.0f} ms a run",
        "                       at once   runs/s   p50 ms   p99 ms   CPU ms a run   peak MiB (of it, the runs')",
    ]
    for name, row in found["rows"].items():
        for runs, cell in row.items():
            lines.append(
                f"  {name:<20} {int(runs):>7,}  {cell['runs_per_s']:7.1f}  {cell['p50_s'] * 1000:7.0f}  "
                f"{cell['p99_s'] * 1000:7.0f}        {cell['cpu_ms']:7.1f}     {cell['peak_mib']:7.0f} "
                f"({cell['more_mib']:.0f})"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.many", description="Many runs at the same time.")
    parser.add_argument("--runs", default=",".join(map(str, RUNS)), help="at the same time, with commas between them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="", help="which, with commas between them (default: all that are there)")
    parser.add_argument("--out", type=Path, help="a file for the figures as JSON")
    asked = parser.parse_args()
    names = asked.peers.split(",") if asked.peers else [*OWN, *there()]
    found = measure(names, [int(n) for n in asked.runs.split(",")], asked.rounds)
    print(text(found))
    if asked.out is not None:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
