"""Look at single queries: where ours lost what the oracle had, why, and what was decided on the way.

::

    python -m bench.world.look --fault bursts --multiple 3 --show 3
    python -m bench.world.look --fault none --multiple 2 --seed 11 --system ours-compose

The cause of a loss is the first that fits, from the answer back to the call; it is a place to look, no proof.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass

from shotclock import Result

from .faults import FAULTS, Faults
from .run import WARM_UP, Record, play
from .stage import Reply, Stage
from .systems.oracle import clairvoyant, stream
from .systems.ours import Ours
from .systems.register import SYSTEMS
from .table import SEEDS, Size, median
from .tape import Tape
from .task import Node, Query, codes, make


class Watched:
    """Ours, with every result kept."""

    def __init__(self, inner: Ours) -> None:
        self.name = inner.name
        self.results: list[Result] = []
        self._inner = inner

    async def answer(self, stage: Stage, deadline: float) -> Reply:
        """Answer, and keep the result."""
        reply = await self._inner.answer(stage, deadline)
        if self._inner.result is not None:
            self.results.append(self._inner.result)
        return reply


@dataclass(frozen=True, slots=True)
class Loss:
    """A query that the oracle had and ours had not."""

    query: Query
    faults: Faults
    record: Record
    result: Result
    cause: str
    peer: bool


def losses(fault: str, multiple: float, seed: int, queries: int, system: str) -> tuple[list[Loss], str]:
    """What was lost, and how many ours, the loop and the oracle had."""
    size = Size(systems=(), faults=(fault,), seeds=(seed,), queries=queries)
    middle, faults = median(size), FAULTS[fault]

    def played(name: str) -> tuple[list[Record], list[Result]]:
        stage = Stage(seed, faults)
        made = SYSTEMS[name](stage)
        watched = Watched(made) if isinstance(made, Ours) else made
        records = play(watched, stage, size.indices, multiple * middle, range(WARM_UP), 10 * middle)
        return records, watched.results[WARM_UP:] if isinstance(watched, Watched) else []

    (own, results), (theirs, _) = played(system), played("loop")
    found, best = [], 0
    for record, result, other in zip(own, results, theirs, strict=True):
        query = make(seed, record.query)
        had = clairvoyant(query, Tape(seed, record.query, faults)).seconds <= record.deadline
        best += had
        if had and not record.good:
            found.append(Loss(query, faults, record, result, cause(query, record, result), other.good))
    good, peer = (sum(record.good for record in rows) for rows in (own, theirs))
    return found, f"{fault} at {multiple:g}x: {system} {good}, loop {peer}, oracle {best} of {queries}"


def cause(query: Query, record: Record, result: Result) -> str:
    """Why a query was lost, in a few words."""
    said = [(each["kind"], each["choice"], each["reason"]) for each in result.decisions]
    stops = " ".join(reason for kind, _, reason in said if kind == "stop")
    kept = next((choice for kind, choice, _ in said if kind == "reserve"), "")
    held = {code for item in result.evidence if item.usable for code in codes(item.content)}
    told = set(codes(record.text))
    lacking = [part for part in query.parts if part.value not in told]
    refused = any(item.outcome.name == "ok" and not item.usable for item in result.evidence)
    failed = next((item for item in result.evidence if item.outcome.name == "error"), None)
    kinds = {kind for kind, _, _ in said}
    rules = (
        (not record.on_time, "late"),
        (record.wrong > 0, "a wrong value was told"),
        (bool(lacking) and all(part.value in held for part in lacking), "the evidence held what the answer lacks"),
        (any(s[:2] == ("interrupt", "decline") for s in said), "the model was declined at the start"),
        ("fallback" in kinds, "the embedded model took over"),
        ("made before" in stops, "stopped: the calls were made before"),
        ("withhold" in kinds, "a breaker withheld a tool"),
        ("tokens" in stops, "a turn was ended by the tokens that the deadline allowed"),
        (refused, "a result was refused, and no second try came in time"),
        (failed is not None, f"{_kind(failed)}, and no second try came in time"),
        (_skipped(result), "a call was skipped as too slow"),
        (any(s[:2] == ("interrupt", "cut") for s in said), "the model's turn was cut at the soft deadline"),
        (_cut(result), "a tool was cut at the soft deadline"),
    )
    first = next((name for holds, name in rules if holds), f"other: {stops[:60]}")
    return f"{first} (answer planned: {kept})"


def _kind(failed: object) -> str:
    content = str(getattr(failed, "content", ""))
    return "an error (429)" if "429" in content else "a plan's reference missed" if ": $" in content else "an error"


def _skipped(result: Result) -> bool:
    return any(item.outcome.name == "skipped" for item in result.evidence)


def _cut(result: Result) -> bool:
    return any(item.outcome.name in ("timed_out", "cancelled") for item in result.evidence)


def main() -> None:
    """Print the causes, most frequent first, and some of the queries."""
    parser = argparse.ArgumentParser(prog="python -m bench.world.look", description="Why queries were lost.")
    parser.add_argument("--fault", default="none", choices=FAULTS)
    parser.add_argument("--multiple", type=float, default=2.0, help="deadline over the oracle's median (default 2)")
    parser.add_argument("--seed", type=int, default=SEEDS[0])
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--system", default="ours", choices=[name for name in SYSTEMS if name.startswith("ours")])
    parser.add_argument("--show", type=int, default=0, help="how many queries to show with their decisions")
    asked = parser.parse_args()
    found, summary = losses(asked.fault, asked.multiple, asked.seed, asked.queries, asked.system)
    print(summary)
    by_cause: dict[str, list[Loss]] = defaultdict(list)
    for loss in found:
        by_cause[loss.cause].append(loss)
    for name, times in Counter(loss.cause for loss in found).most_common():
        unused = sum(loss.record.deadline - loss.record.elapsed for loss in by_cause[name]) / times
        print(f"{times:>5}  the loop had {sum(loss.peer for loss in by_cause[name]):>3}, {unused:.2f} s unused: {name}")
    for loss in found[: asked.show]:
        _show(loss)


def _show(loss: Loss) -> None:
    record = loss.record
    print(f"\nquery {record.query}: {record.elapsed:.2f} of {record.deadline:.2f} s, {record.detail}; {loss.cause}")
    print(f"  {loss.query.text}\n  {record.text}")
    for each in loss.result.decisions:
        print(f"  {each['at']:7.3f}  {each['kind']:<12} {each['choice']:<10} {each['reason']}")
    for node in loss.query.nodes:
        print(f"  {_met(loss, node)}")
    for item in loss.result.evidence:
        print(f"  {item.duration:7.3f}  {item.tool} {dict(item.arguments)} {item.outcome.name}: {item.content[:100]}")


def _met(loss: Loss, node: Node) -> str:
    """What the tape holds for a look-up: when the model writes it, what its attempts take, and what it waits for."""
    query, tape = loss.query, Tape(loss.query.seed, loss.query.index, loss.faults)
    written = " or ".join(f"{stream(query, tape, j)[node.number]:.2f}" for j in (1, 2))
    fates = [tape.attempt(node.tool, f"{node.key} {node.field}", j) for j in (1, 2, 3)]
    takes = ", ".join(f"{fate.seconds:.2f} {fate.how}" for fate in fates)
    after = "" if node.parent is None else f" after the {query.nodes[node.parent].field}"
    return f"{node.field} from {node.tool}{after}: written at {written} s; attempts take {takes}"


if __name__ == "__main__":
    main()
