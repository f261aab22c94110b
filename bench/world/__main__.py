"""Put systems into the world and print what their answers were worth.

::

    python -m bench.world                       # a short table in under three minutes
    python -m bench.world --full                # five seeds, more systems, tens of thousands of queries
    python -m bench.world --peers               # other libraries too, those that have an environment (make peers)
    python -m bench.world --out FOLDER          # figures.json and curves.svg as well
    python -m bench.world --systems ours,loop --faults none,hangs --seeds 101,102 --queries 100
    python -m bench.world --wall                # the wall clock at 1:10, a few queries, tools that block the loop too
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path

from ..peers.process import interpreter
from .faults import FAULTS
from .report import drawing, figures, text
from .systems.register import LIBRARIES
from .table import SEEDS, Size, fill
from .wall import main as wall


def main() -> None:
    """Read what is asked, run it and print the report."""
    asked = _asked()
    if asked.wall:
        print(wall(asked.queries or 12))
        return
    began = time.monotonic()
    there = tuple(name for name in LIBRARIES if interpreter(name))
    systems = ("ours", "ours-turns", "ours-retry", "loop", "loop-plain") if asked.full else ("ours", "loop")
    systems += there if asked.full or asked.peers else ()
    size = Size(
        systems=_names(asked.systems, systems),
        faults=_names(asked.faults, FAULTS),
        seeds=tuple(int(seed) for seed in _names(asked.seeds, map(str, SEEDS if asked.full else SEEDS[:1]))),
        queries=asked.queries or (200 if asked.full else 40),
    )
    found = figures(fill(size, asked.workers), rounds=1_000 if asked.full else 300)
    print(text(found))
    print(f"\n{time.monotonic() - began:.0f} s")
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "figures.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (asked.out / "curves.svg").write_text(drawing(found), encoding="utf-8")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.world", description="What answers by a deadline are worth.")
    parser.add_argument("--full", action="store_true", help="five seeds, all systems, 200 queries a row")
    parser.add_argument("--peers", action="store_true", help="other libraries too, those that have an environment")
    parser.add_argument("--wall", action="store_true", help="on the wall clock at 1:10, a few queries")
    parser.add_argument("--out", type=Path, help="a folder for figures.json and curves.svg")
    parser.add_argument("--queries", type=int, help="queries a row")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    for name in ("systems", "faults", "seeds"):
        parser.add_argument(f"--{name}", default="", help="which, with commas between them")
    return parser.parse_args()


def _names(asked: str, otherwise: Iterable[str]) -> tuple[str, ...]:
    return tuple(asked.split(",")) if asked else tuple(otherwise)


if __name__ == "__main__":
    main()
