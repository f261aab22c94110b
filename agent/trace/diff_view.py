"""What `shotclock trace diff` draws: two runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.text import Text

from .diff import DecisionChange, Diff, TimeChange
from .run_view import RunView
from .tables import columns, section
from .wording import clean, duration, figure, recently

_MARKS: Final = {"removed": "-", "added": "+", "changed": "~"}
_STYLES: Final = {"removed": "red", "added": "green", "changed": "yellow"}
_SHOWN: Final = 300


def show_diff(diff: Diff, console: Console) -> None:
    """Print two runs side by side: their ends, their time by phase and by call, what was decided otherwise."""
    console.print(Group(_run("before", diff.before), _run("after", diff.after)))
    section(console, "What changed", _facts(diff))
    section(console, "Time on the critical path, by phase", _times(diff, diff.phases, "phase"))
    section(console, "Time on the critical path, by call", _times(diff, diff.calls, "call"))
    section(console, "Decisions", _decisions(diff.decisions))


def _run(word: str, view: RunView) -> Text:
    run = view.run
    verified = {True: "verified", False: "not verified", None: "verification unknown"}[run.verified]
    ended = f"{run.status or 'unknown'}: {clean(run.stop_reason or 'unknown')}, {verified}"
    return Text(f"{word:<7}{run.trace_id[:12]} {recently(run.started_ns)} {duration(view.duration):>7}  {ended}")


def _facts(diff: Diff) -> RenderableType:
    if not diff.facts:
        return Text("both ended alike", "dim")
    table = columns("", "before", "after")
    for name, (old, new) in diff.facts.items():
        table.add_row(name.replace("_", " "), _shown(old), _shown(new))
    return table


def _shown(value: object) -> str:
    text = "unknown" if value is None else figure(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _times(diff: Diff, rows: Sequence[TimeChange], what: str) -> RenderableType:
    table = columns(what, "before>", "after>", "change>", "calls>")
    table.columns[0].no_wrap, table.columns[0].overflow = True, "ellipsis"
    for row in rows:
        calls = f"{row.calls_before} → {row.calls_after}" if row.calls_before or row.calls_after else ""
        table.add_row(clean(row.what), duration(row.before), duration(row.after), _change(row), calls)
    whole = TimeChange(what="the run", before=diff.before.duration, after=diff.after.duration)
    table.add_row("the run", duration(whole.before), duration(whole.after), _change(whole), "", style="bold")
    return table


def _change(row: TimeChange) -> Text:
    sign = "+" if row.change > 0 else "-" if row.change < 0 else ""
    big = abs(row.change) >= 0.001
    style = ("red" if row.change > 0 else "green") if big else ""
    return Text(f"{sign}{duration(abs(row.change))}", style)


def _decisions(rows: Sequence[DecisionChange]) -> RenderableType:
    same = sum(row.change == "same" for row in rows)
    table = columns("", "at>", "kind", "choice and reason")
    for row in rows:
        if row.change != "same":
            made, mark = row.shown, _MARKS[row.change]
            body = Text.assemble((clean(made.choice), "bold"), f"  {clean(made.reason)}")
            if row.change == "changed" and row.before is not None:
                body = Group(body, Text(f"before: {clean(row.before.reason)}", "dim"))  # type: ignore[assignment]
            table.add_row(Text(mark, _STYLES[row.change]), duration(made.at), clean(made.kind).replace("_", " "), body)
    note = Text(f"{same} more were made alike" if table.row_count else f"all {same} were made alike", "dim")
    return Group(table, note) if table.row_count else note
