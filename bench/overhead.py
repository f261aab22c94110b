"""What a run costs where nothing takes any time: a scripted model that answers at once and tools that do nothing.

::

    python -m bench.overhead                      # 7 rounds over every peer that has an environment (`make peers`)
    python -m bench.overhead --rounds 3 --cells 1x1,4x4
    python -m bench.overhead --out FILE           # as JSON too

N turns of K tools and an answer. Every peer has a process of its own that is kept alive; all are asked in turn, round
by round, so that the same state of the machine meets all. The figures are medians over the rounds, in CPU milliseconds
a run; ratios are medians of the ratios round by round. `+limits` has the limits it has in the world; the other row has
none.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .peers.machine import machine
from .peers.process import Process, there
from .peers.register import OWN

CELLS = tuple((turns, tools) for turns in (1, 4, 16) for tools in (1, 4, 16))
BASES = ("ours", "langgraph")
"""What the others are divided by."""

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """A peer with or without its limits."""

    peer: str
    limited: bool

    @property
    def name(self) -> str:
        """What the table calls it. Ours is never without its limits."""
        return f"{self.peer}+limits" if self.limited and self.peer not in OWN else self.peer


def rows(names: Iterable[str]) -> list[Row]:
    """Ours with a budget, the bare ones without, and every peer both ways."""
    own = [Row("ours", True), Row("langgraph", False), Row("asyncio", False)]
    return [row for row in own if row.peer in names] + [
        Row(name, limited) for name in names if name not in OWN for limited in (False, True)
    ]


def measure(names: Sequence[str], cells: Sequence[tuple[int, int]], rounds: int, starts: int) -> dict[str, Any]:
    """Start the peers, ask them in turn, and put the figures together."""
    about = started(names, starts)
    with contextlib.ExitStack() as stack:
        peers = {name: stack.enter_context(Process(name)) for name in names}
        found: dict[tuple[str, int, int], list[dict[str, float]]] = defaultdict(list)
        for at in range(rounds + 1):  # the first round warms everything up
            for turns, tools in cells:
                for row in rows(names):
                    runs = max(1, 16 // (turns * tools))
                    asked = {"turns": turns, "tools": tools, "runs": runs, "limited": row.limited}
                    figure = peers[row.peer].ask("drill", **asked)
                    if at:
                        found[row.name, turns, tools].append(figure)
    return {
        "machine": machine(),
        "rounds": rounds,
        "peers": about,
        "rows": {row.name: {f"{n}x{k}": _cell(found, row.name, n, k) for n, k in cells} for row in rows(names)},
    }


def started(names: Sequence[str], starts: int) -> dict[str, dict[str, Any]]:
    """Versions, and medians over several fresh processes of the seconds and bytes until an agent is there."""
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(starts):
        for name in names:
            with Process(name) as peer:
                told[name].append(peer.ask("about"))
    return {
        name: each[0] | {key: statistics.median(one[key] for one in each) for key in ("seconds", "rss")}
        for name, each in told.items()
    }


def _cell(found: Mapping[tuple[str, int, int], list[dict[str, float]]], name: str, n: int, k: int) -> dict[str, Any]:
    figures = found[name, n, k]
    cell: dict[str, Any] = {
        f"{what}_ms": round(statistics.median(each[what] for each in figures) * 1000, 3) for what in ("cpu", "wall")
    }
    cell["rss_mib"] = round(max(each["rss"] for each in figures) / MIB, 1)
    for base in BASES:
        if theirs := found.get((base, n, k)):
            ratios = [own["cpu"] / other["cpu"] for own, other in zip(figures, theirs, strict=True)]
            cell[f"times_{base}"] = round(statistics.median(ratios), 3)
    return cell


def text(found: Mapping[str, Any]) -> str:
    """The table."""
    cells = list(next(iter(found["rows"].values())))
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['cores']} cores, CPython {about['python']}; medians of {found['rounds']} rounds",
        f"CPU ms a run, N turns x K tools  {'  '.join(f'{cell:>7}' for cell in cells)}   of ours   import s    MiB",
    ]
    for name, row in found["rows"].items():
        peer = found["peers"][name.removesuffix("+limits")]
        times = statistics.geometric_mean(cell.get("times_ours", 1.0) for cell in row.values())
        label = f"{name} {peer['version']}" if not name.endswith("+limits") else name
        figures = "  ".join(f"{cell['cpu_ms']:7.2f}" for cell in row.values())
        lines.append(f"  {label:<30} {figures}   {times:6.2f}x    {peer['seconds']:6.2f}   {peer['rss'] / MIB:5.0f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description="What a run costs.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--starts", type=int, default=3, help="fresh processes of each, for import and memory")
    parser.add_argument("--peers", default="", help="which, with commas between them (default: all that are there)")
    parser.add_argument("--cells", default="", help="NxK, with commas between them (default: all nine)")
    parser.add_argument("--out", type=Path, help="a file for the figures as JSON")
    asked = parser.parse_args()
    cells = [(int(n), int(k)) for n, k in (cell.split("x") for cell in asked.cells.split(",") if cell)] or list(CELLS)
    names = asked.peers.split(",") if asked.peers else [*OWN, *there()]
    found = measure(names, cells, asked.rounds, asked.starts)
    print(text(found))
    if asked.out is not None:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
