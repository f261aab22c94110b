"""How long a full trace store takes to list, to look into and to prune. Run it: python -m bench.store [RUNS]

The store is filled with runs of four spans each, as a service writes them; the figures are medians of 20, the whole
command's of 5.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from shotclock.agent.trace.rows import EventRow, SpanRow
from shotclock.agent.trace.store import TraceStore

SECOND = 1_000_000_000
BATCH = 1_000
ROOT = {
    "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "desk", "gen_ai.request.model": "small",
    "shotclock.run.status": "complete", "shotclock.run.stop_reason": "answered", "shotclock.run.verified": True,
    "shotclock.budget.tool_calls.consumed": 2, "shotclock.budget.model_calls.consumed": 2,
}  # fmt: skip
CALL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up", "shotclock.call.outcome": "ok"}
EVENTS = tuple(
    EventRow(name="shotclock.decision", at_ns=0, attributes={f"shotclock.figure.f{n}": n / 7 for n in range(12)})
    for _ in range(10)
)


def run(number: int, runs: int) -> list[SpanRow]:
    """One run's spans; the newest was just now."""
    trace_id, started = f"{number * 2654435761 % 2**64:032x}", time.time_ns() - (runs - number) * SECOND
    root = SpanRow(trace_id=trace_id, span_id="0", name="invoke_agent desk", started_ns=started,
                   ended_ns=started + SECOND, attributes=ROOT, events=EVENTS)  # fmt: skip
    calls = [
        SpanRow(trace_id=trace_id, span_id=str(at), parent_id="0", name="execute_tool look_up", started_ns=started + at,
                ended_ns=started + SECOND // 2, attributes=CALL)
        for at in (1, 2, 3)
    ]  # fmt: skip
    return [root, *calls]


def milliseconds(act: Callable[[], object], times: int = 20) -> float:
    """Median wall time of so many times."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1e3


def listed(path: Path) -> None:
    """`shotclock trace list` as a whole process."""
    code = "import sys; sys.argv = ['shotclock', 'trace', 'list']; from shotclock.agent.cli import run; run()"
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"SHOTCLOCK_TRACES": str(path)}
    )


def main(runs: int) -> None:
    """Fill a store and print what it takes to read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traces.db"
        store = TraceStore(path, keep_runs=runs)
        with closing(store.connect()) as connection:
            began = time.perf_counter()
            for first in range(0, runs, BATCH):
                store.write(connection, [s for n in range(first, min(first + BATCH, runs)) for s in run(n, runs)])
            wrote = time.perf_counter() - began
            prune = milliseconds(lambda: store.prune(connection))
            used = store.used_bytes(connection)
        newest = store.runs(limit=1)[0].trace_id
        print(f"{runs:,} runs of 4 spans, {used / 2**20:.0f} MiB, written in {wrote:.1f} s")
        print(f"list the newest 20    {milliseconds(lambda: store.runs(limit=20)):8.2f} ms")
        print(f"find by 12 characters {milliseconds(lambda: store.find(newest[:28])):8.2f} ms")
        print(f"read one run's spans  {milliseconds(lambda: store.spans(newest)):8.2f} ms")
        print(f"prune, nothing to do  {prune:8.2f} ms")
        print(f"shotclock trace list  {milliseconds(lambda: listed(path), 5):8.0f} ms, the process and all")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
