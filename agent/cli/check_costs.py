"""`shotclock calibration --checks`: what costly checks took beside what it takes to make what they check."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..trace import conventions as names
from ..trace.run_view import RunView
from ..trace.store import TraceStore
from ..trace.wording import clean, duration

RUNS: Final = 200
"""The newest runs that are read."""

_SITUATION: Final = "RungSituation"
_COLUMNS: Final = ("asked>", "refused>", "not asked>", "takes>", "making>", "ratio>")


@dataclass(slots=True, kw_only=True)
class CheckCost:
    """A costly check of what one model, or one tool, made, over some runs.

    Attributes:
        verifier: the check.
        made_by: the model that wrote the answers, or the tool that gave the results.
        refused: how often it refused.
        not_asked: how often it was not worth asking.
        took: seconds of each verdict.
        making: seconds that what it checks usually takes to make, as they were reckoned at each decision; 0, where that
            takes no time, is left out.
    """

    verifier: str
    made_by: str
    refused: int = 0
    not_asked: int = 0
    took: list[float] = field(default_factory=list)
    making: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """How many times as long as making it checking takes, by the medians; `None` where one is not known."""
        return statistics.median(self.took) / statistics.median(self.making) if self.took and self.making else None

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints; `null` for what is not known."""
        return {
            "verifier": self.verifier,
            "made_by": self.made_by,
            "asked": len(self.took),
            "refused": self.refused,
            "not_asked": self.not_asked,
            "takes": statistics.median(self.took) if self.took else None,
            "making": statistics.median(self.making) if self.making else None,
            "ratio": self.ratio,
        }


def check_costs(store: TraceStore, limit: int = RUNS) -> list[CheckCost]:
    """The costly checks of the newest runs in the store, by check and by who made what they check.

    Raises:
        StoreError: the store cannot be read.
    """
    found: dict[tuple[str, str], CheckCost] = {}
    for run in store.runs(limit):
        spans = store.spans(run.trace_id)
        if any(span.span_id == run.span_id for span in spans):
            _count(RunView.of(run, spans), found)
    return [found[each] for each in sorted(found)]


def _count(view: RunView, found: dict[tuple[str, str], CheckCost]) -> None:
    made_by: dict[str, str] = {}
    for decision in view.decisions:
        if decision.kind != "verify" or decision.situation != _SITUATION:
            continue
        verifier = str(decision.figures.get("verifier", ""))
        made_by[verifier] = maker = str(decision.figures.get("made_by") or view.run.model)
        cost = found.setdefault((verifier, maker), CheckCost(verifier=verifier, made_by=maker))
        cost.not_asked += decision.choice == "not_bought"
        making = decision.figures.get("generate")
        if isinstance(making, (int, float)) and making > 0:
            cost.making.append(float(making))
    for _, span in view.spans:
        verifier = str(span.attributes.get(names.VERIFIER_NAME, ""))
        if verifier in made_by:
            cost = found[verifier, made_by[verifier]]
            cost.took.append(span.duration_ns / 1e9)
            cost.refused += span.attributes.get(names.VERIFIER_OUTCOME) == "fail"


def show_check_costs(costs: Iterable[CheckCost], console: Console) -> None:
    """Print a line a check."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("check", overflow="fold", min_width=8)
    table.add_column("of", overflow="fold", min_width=8)
    for column in _COLUMNS:
        table.add_column(column.removesuffix(">"), justify="right", no_wrap=True)
    for cost in costs:
        said = cost.to_dict()
        times = ["" if said[each] is None else duration(said[each]) for each in ("takes", "making")]
        ratio = "" if cost.ratio is None else f"{cost.ratio:.2f}"
        counts = [str(said[each]) for each in ("asked", "refused", "not_asked")]
        table.add_row(clean(cost.verifier), clean(cost.made_by), *counts, *times, ratio)
    console.print(table)
    console.print(
        Text("takes, making: medians; ratio: the first over the second, which [verification] ratio limits", "dim")
    )
