"""What `shotclock trace top` draws: many runs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .subjects import LOOP
from .tables import columns, gauge, glyphs_of, section
from .totals import QUANTILES, CallTotals, Spread, Totals
from .waterfall import Glyphs
from .wording import clean, duration, joined

_LISTED: Final = 12
"""Calls shown by name; `--json` has all."""


def show_totals(totals: Totals, console: Console, *, said: Sequence[str] = ()) -> None:
    """Print what many runs had in common; `said` are sentences on what was read."""
    glyphs = glyphs_of(console)
    for line in (*_head(totals), *said):
        console.print(Text(line))
    section(console, "Where the time went, by phase of the critical path", _phases(totals, glyphs))
    section(console, "Where the time went, by call", _calls(totals, glyphs))
    section(console, "How long calls took, and whether it was forecast", _forecasts(totals))
    section(console, "Deadline misses, by what the run was waiting for", _misses(totals, glyphs))
    section(console, "What skips, retries, hedges and early starts did", _deeds(totals, console.width))


def _head(totals: Totals) -> list[str]:
    took = "  ".join(f"p{q * 100:g} {_seconds(totals.took.quantile(q))}" for q in QUANTILES)
    ended = ", ".join(f"{n:,} {clean(status)}" for status, n in totals.statuses.items())
    lines = [f"{_count(totals.runs, 'run')}: {took}", f"{ended}; {totals.verified:,} verified"]
    if totals.limited:
        missed = sum(totals.misses.values())
        lines.append(f"{totals.limited:,} had a deadline: {missed:,} were cut short by it, {totals.late:,} came late")
    if totals.lost:
        lines.append(f"{_count(totals.lost, 'span')} without parents: what they took counts as the run's own time")
    return lines


def _phases(totals: Totals, glyphs: Glyphs) -> Table:
    table = columns("phase", *(f"p{q * 100:g}>" for q in QUANTILES), "share>", "")
    whole = totals.took.total or 1.0
    for phase, spread in sorted(totals.phases.items(), key=lambda pair: -pair[1].total):
        if spread.total:
            share = spread.total / whole
            table.add_row(phase, *_quantiles(spread), f"{share:.1%}", gauge(share, glyphs))
    return table


def _calls(totals: Totals, glyphs: Glyphs) -> RenderableType:
    table = columns("call", *(f"p{q * 100:g}>" for q in QUANTILES), "share>", "saves>", "")
    _cut_first(table)
    for each in totals.calls[:_LISTED]:
        saves = each.saves / (totals.took.total or 1.0)
        table.add_row(
            _name(each), *_quantiles(each.per_run), f"{each.share:.1%}", f"{saves:.1%}", gauge(each.share, glyphs, 12)
        )
    note = "seconds of the critical path a run; saves: of all time, had this call taken none"
    return Group(table, *_rest(totals), Text(note, "dim"))


def _forecasts(totals: Totals) -> RenderableType:
    heads = ["call", "calls>", *(f"p{q * 100:g}>" for q in QUANTILES), "cut>", "met p50>", "met p95>"]
    table = columns(*heads)
    _cut_first(table)
    for each in totals.calls[:_LISTED]:
        total = each.took.n + each.cut.n
        table.add_row(
            _name(each),
            f"{total:,}",
            *_quantiles(each.took),
            f"{each.cut.n:,}",
            *(_met(each, name) for name in each.met),
        )
    note = "took, of calls that ended by themselves; met: share that ended within the forecast"
    return Group(table, Text(note, "dim"))


def _met(each: CallTotals, name: str) -> str:
    within, of = each.met[name]
    return f"{within / of:.0%}" if of else ""


def _misses(totals: Totals, glyphs: Glyphs) -> RenderableType:
    if not totals.misses:
        return Text("none", "dim")
    table = columns("cause", "runs>", "share>", "")
    _cut_first(table)
    whole = sum(totals.misses.values())
    for who, n in totals.misses.items():
        name = "the run itself" if who == LOOP else clean(str(who))
        table.add_row(name, f"{n:,}", f"{n / whole:.0%}", gauge(n / whole, glyphs))
    return table


def _deeds(totals: Totals, width: int) -> RenderableType:
    lines = [f"skipped: {_skips(totals.skips)}" if totals.skips else "skipped: none"]
    lines.append(_deed("retries", totals.retries, "succeeded"))
    lines.append(_deed("hedges", totals.hedges, "won"))
    lines.append(_deed("early starts", totals.early, "asked for in the end"))
    return Text("\n".join(part for line in lines for part in joined(line.split("   "), width)))


def _skips(skips: Mapping[tuple[str, str], int]) -> str:
    return "   ".join(f"{clean(tool)} {n:,} ({clean(limit)})" for (tool, limit), n in skips.items())


def _deed(what: str, counts: tuple[int, int], outcome: str) -> str:
    started, well = counts
    return f"{what}: {started:,}, of which {well:,} {outcome} ({well / started:.0%})" if started else f"{what}: none"


def _rest(totals: Totals) -> list[Text]:
    more = len(totals.calls) - _LISTED
    return [Text(f"and {more} more, in --json", "dim")] if more > 0 else []


def _name(each: CallTotals) -> str:
    return clean(str(each.subject))


def _quantiles(spread: Spread) -> list[str]:
    return [_seconds(spread.quantile(q)) for q in QUANTILES]


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(value)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _cut_first(table: Table, column: Any = None) -> None:
    """Where the terminal is narrow the name is cut, never a figure."""
    table.columns[0].no_wrap, table.columns[0].overflow = True, "ellipsis"
