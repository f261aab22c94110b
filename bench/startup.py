"""What a command and an import cost, beside what they stand on. Run it: python -m bench.startup [ROUNDS]

Whole processes, in turn (A B A B …), after a warm-up; the ratio is the median of the ratios pair by pair, so that a
machine whose speed drifts says the same.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

RUN = "from shotclock.agent.cli import run; run()"
ASK = f"import sys; sys.argv = ['shotclock', 'ask', 'What is 17.5% of 2,480?']; {RUN}"
PAIRS = {
    "shotclock ask / import langgraph.graph": (ASK, "import langgraph.graph"),
    "import shotclock / bare interpreter": ("import shotclock", "pass"),
    "shotclock trace list / bare interpreter": (
        f"import sys; sys.argv = ['shotclock', 'trace', 'list']; {RUN}",
        "pass",
    ),
}


def seconds(code: str, store: str) -> float:
    """Wall time of a whole interpreter that runs `code`."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"SHOTCLOCK_TRACES": store}
    )
    return time.perf_counter() - began


def main(rounds: int) -> None:
    """Print each pair's medians, the median ratio and the median difference."""
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "traces.db")
        for name, (ours, theirs) in PAIRS.items():
            pairs = [(seconds(ours, store), seconds(theirs, store)) for _ in range(rounds + 1)][1:]
            a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(x / y for x, y in pairs)
            extra = statistics.median(x - y for x, y in pairs)
            print(f"{name}: {a:.3f} s / {b:.3f} s, ratio {ratio:.2f}, difference {extra * 1000:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
