"""What `shotclock forecast` draws: a table of all that is known, and one key whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...policies.calibration import EARLY, Calibration, Coverage, Judgement
from ...policies.forecast import Forecast, Prior
from ...policies.latency import LatencyState
from ...policies.pace import PacePolicy
from ...tools.records import WHOLE, Kept, Key
from ..forecasts import Entry
from ..trace.wording import clean, duration, recently, when

SHOWN: Final = (0.5, 0.9, 0.95, 0.99)
"""The quantiles that are shown."""

_MARKS: Final[dict[Judgement, str]] = {"fair": "", "short": "!", "long": "+"}
_MEANINGS: Final[dict[Judgement, str]] = {
    "fair": "as forecast",
    "short": "less often than forecast",
    "long": "more often than forecast",
}
_ROWS: Final = 12
_BAR: Final = 40
_SHORTEST: Final = 8


@dataclass(frozen=True, slots=True)
class Known:
    """One key as it is shown.

    Attributes:
        key: of what.
        kept: what was learnt.
        updated_ns: when, nanoseconds since 1970.
    """

    key: Key
    kept: Kept
    updated_ns: int

    @classmethod
    def of(cls, entry: Entry) -> Known:
        """What an entry of the store says.

        Raises:
            UsageError: it cannot be read.
        """
        settings = Prior if entry.key.kind == "tool" else PacePolicy
        return cls(entry.key, Kept.read(entry.text, settings), entry.updated_ns)

    @property
    def latency(self) -> LatencyState:
        """The latency of the whole call."""
        state = self.kept.state
        return state if isinstance(state, LatencyState) else state.totals

    @property
    def forecast(self) -> Forecast:
        """What the next call takes."""
        return self.latency.forecast()

    @property
    def fit(self) -> tuple[float, float] | None:
        """Seconds to start and seconds an output token, of a model."""
        state = self.kept.state
        return None if isinstance(state, LatencyState) else state.fit

    def coverage(self, *, early: bool) -> tuple[Coverage, ...]:
        """How often calls ended within the forecasts of whole calls."""
        return self.kept.scores.get(WHOLE, Calibration()).coverage(early=early)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints; seconds, shares from 0 to 1, and `null` for what is not known."""
        forecast = self.forecast
        fitted = {} if self.fit is None else {"start": self.fit[0], "per_token": self.fit[1]}
        return {
            "key": self.key.name,
            "kind": self.key.kind,
            "n": forecast.n,
            **{f"p{q * 100:g}": forecast.quantile(q) for q in SHOWN},
            "censored": self.latency.censored_share,
            **fitted,
            "updated_ns": self.updated_ns,
            "calibration": {
                what: {"settled": _listed(scores.coverage()), "early": _listed(scores.coverage(early=True))}
                for what, scores in self.kept.scores.items()
            },
        }


def _listed(coverages: Iterable[Coverage]) -> list[dict[str, Any]]:
    return [
        {"q": c.q, "share": c.share, "within": c.within, "n": c.n, "judgement": c.judgement if c.n else None}
        for c in coverages
    ]


def show_all(known: Sequence[Known], console: Console) -> None:
    """Print a table of all, as two where the terminal is narrow; a tool's size classes only where there are several."""
    shown = [one for one in known if not _alone(one, known)]
    columns = ["key", "kind", "n>", *(f"p{q * 100:g}>" for q in SHOWN), "cut>", "updated", "met p90 95 99", "pace"]
    columns = columns if any(one.fit for one in shown) else columns[:-1]
    rows = [_row(one)[: len(columns)] for one in shown]
    half = columns.index("cut>")
    if _width(columns, rows) <= console.width:
        console.print(_listing(columns, rows, console.width))
    else:
        console.print(_listing(columns[:half], [row[:half] for row in rows], console.width))
        console.print()
        rest = [[row[0], *row[half:]] for row in rows]
        console.print(_listing([columns[0], *columns[half:]], rest, console.width))
    for judgement in sorted({coverage.judgement for one in shown for coverage in _shown(one)} - {"fair"}):
        console.print(Text(f"{_MARKS[judgement]} met {_MEANINGS[judgement]}, by more than chance explains", "dim"))


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, cells)) for cells in zip([c.removesuffix(">") for c in columns], *rows, strict=True)]


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(_widths(columns, rows)) + 2 * len(columns)


def _listing(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Where the terminal is narrow the key is cut, never a figure."""
    table = _table(*columns)
    for column, needed in zip(table.columns, _widths(columns, rows), strict=True):
        column.no_wrap, column.overflow, column.width = True, "ellipsis", needed
    spare = width - _width(columns, rows)
    table.columns[0].width = max(_SHORTEST, _widths(columns, rows)[0] + min(0, spare))
    for row in rows:
        table.add_row(*row)
    return table


def _alone(one: Known, known: Sequence[Known]) -> bool:
    """Whether this is the only size class of a tool."""
    tool, space, _ = one.key.name.rpartition(" ")
    siblings = [k for k in known if k.key.kind == "tool" and k.key.name.rpartition(" ")[0] == tool]
    return bool(space) and one.key.kind == "tool" and len(siblings) < 2


def _row(one: Known) -> list[str]:
    return [
        clean(one.key.name),
        one.key.kind,
        str(one.forecast.n),
        *(duration(one.forecast.quantile(q)) for q in SHOWN),
        f"{one.latency.censored_share:.0%}",
        recently(one.updated_ns),
        _met(_shown(one)),
        _pace(one),
    ]


def _shown(one: Known) -> tuple[Coverage, ...]:
    """The coverage of p90, p95 and p99 by settled forecasts, by early ones where there is no other."""
    settled = one.coverage(early=False)[1:]
    return settled if settled[0].n else one.coverage(early=True)[1:]


def _met(coverages: Sequence[Coverage]) -> str:
    if not any(coverage.n for coverage in coverages):
        return "not scored"
    shares = ["?" if c.share is None else f"{100 * c.share:.0f}{_MARKS[c.judgement]}" for c in coverages]
    return f"{' '.join(shares)} % of {max(c.n for c in coverages)}"


def _pace(one: Known) -> str:
    return "" if one.fit is None else f"{duration(one.fit[0])} + {duration(one.fit[1])} a token"


def show_one(one: Known, console: Console) -> None:
    """Print one key: its quantiles, its distribution in plain characters, and how often it was met."""
    forecast = one.forecast
    console.print(Text.assemble((clean(one.key.name), "bold"), f"   {one.key.kind}, last {when(one.updated_ns)}"))
    quantiles = "   ".join(f"p{q * 100:g} {duration(forecast.quantile(q))}" for q in SHOWN)
    console.print(Text(f"{quantiles}   from {forecast.n} samples, {one.latency.censored_share:.0%} cut"))
    if one.fit is not None:
        console.print(Text(f"pace {_pace(one)}"))
    console.print()
    console.print(Text("\n".join(histogram(forecast)), no_wrap=True))
    console.print()
    console.print(_calibration(one))


def histogram(forecast: Forecast, rows: int = _ROWS, width: int = _BAR) -> list[str]:
    """A distribution as lines of plain characters, between its 1st and its 99th percentile in steps of one factor."""
    low, high = max(forecast.quantile(0.01), 1e-6), forecast.quantile(0.99)
    step = max(high / low, 1.01) ** (1 / rows)
    edges = [low * step**at for at in range(rows + 1)]
    shares = [forecast.probability(b) - forecast.probability(a) for a, b in pairwise(edges)]
    tallest = max(*shares, 1e-9)
    bars = ["#" * round(share / tallest * width) for share in shares]
    lines = [
        f"{duration(a):>9} to {duration(b):>9} {bar:<{width}} {share:4.0%}"
        for (a, b), bar, share in zip(pairwise(edges), bars, shares, strict=True)
    ]
    beyond = 1 - forecast.probability(edges[-1])
    return [*lines, f"{'beyond':>12} {duration(edges[-1]):>9} {'':<{width}} {beyond:4.0%}"]


def _calibration(one: Known) -> Table | Text:
    scored = [(what, scores) for what, scores in sorted(one.kept.scores.items(), reverse=True) if scores.count]
    if not scored:
        return Text("no forecast of it was scored yet", "dim")
    table = _table("forecasts met", "from", "quantile>", "share>", "of>", "")
    for what, scores in scored:
        for early in (True, False):
            for coverage in (c for c in scores.coverage(early=early) if c.n):
                stage = f"under {EARLY} samples" if early else f"{EARLY} or more"
                share = f"{coverage.within / coverage.n:.1%}"
                meaning = _MEANINGS[coverage.judgement]
                style = "yellow" if coverage.judgement == "short" else ""
                table.add_row(what, stage, f"p{coverage.q * 100:g}", share, str(coverage.n), Text(meaning, style))
    return table


def _table(*columns: str) -> Table:
    """A table without lines; a column whose name ends in `>` holds figures, flush right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in columns:
        figures = column.endswith(">")
        table.add_column(
            column.removesuffix(">"), justify="right" if figures else "left", no_wrap=figures, overflow="fold"
        )
    return table
