"""What `shotclock trace whatif` draws."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ..trace.tables import columns, section
from ..trace.wording import duration, money
from .whatif import HeldBack, Lot, Share, WhatIf


def show_what_if(found: WhatIf, console: Console, *, said: Sequence[str] = ()) -> None:
    """Print what other budgets would have given, how sure that is, and what is recommended."""
    console.print(Text(f"{found.seen.complete.of:,} runs, lived through again at other budgets", "bold"))
    for line in said:
        console.print(Text(line, "dim"))
    console.print()
    console.print(_predictions(found))
    console.print(Text("shares in %, with the range in which 95 of 100 such samples lie; time and cost a run", "dim"))
    section(console, "How far off such predictions were, on runs that were held back", _held_back(found.held_back))
    if found.target is not None:
        console.print()
        console.print(Text(recommendation(found), "bold"))


def recommendation(found: WhatIf) -> str:
    """The smallest budget for the target, in a sentence."""
    target = found.target or 0.0
    if found.recommended is None:
        best = max((lot.complete.value for _, lot in found.predictions), default=0.0)
        return f"none of these budgets is complete in {target:.0%} of runs; the best is so in {best:.0%}"
    complete = dict(found.predictions)[found.recommended].complete
    low, high = complete.interval
    return (
        f"{found.recommended:g} s is the smallest of these budgets with {target:.0%} complete: "
        f"{complete.value:.0%} ({low:.0%} to {high:.0%})"
    )


def _predictions(found: WhatIf) -> Table:
    table = columns("budget>", "on time>", "complete>", "verified>", "took>", "cost>")
    table.add_row("as it was", *_row(found.seen), style="dim")
    for latency, lot in found.predictions:
        table.add_row(f"{latency:g} s", *_row(lot), style="bold" if latency == found.recommended else "")
    return table


def _row(lot: Lot) -> list[str]:
    shares = [_share(share) for share in (lot.on_time, lot.complete, lot.verified)]
    return [*shares, duration(lot.seconds), money(lot.cost_usd)]


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.value * 100:.0f} ({low * 100:.0f}-{high * 100:.0f})"


def _held_back(rows: Sequence[HeldBack]) -> Group | Text:
    if not rows:
        return Text("there are too few runs with a deadline to hold some back", "dim")
    table = columns("budget>", "runs>", "complete>", "was>", "verified>", "was>", "off by>")
    for row in rows:
        told, was = row.predicted, row.seen
        worst = max(abs(row.errors[name]) for name in ("complete", "verified"))
        table.add_row(
            f"{row.latency:g} s", f"{was.complete.of:,}", f"{told.complete.value:.0%}", f"{was.complete.value:.0%}",
            f"{told.verified.value:.0%}", f"{was.verified.value:.0%}", f"{worst * 100:.0f} points",
        )  # fmt: skip
    return Group(table)
