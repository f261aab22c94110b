"""What `shotclock trace` draws: one run whole, and the list of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from . import conventions as names
from .critical_path import by_span
from .rows import RunRow
from .run_view import RunView, Tick, label, outcome
from .tables import columns, gauge, glyphs_of, section
from .waterfall import Glyphs, waterfall
from .wording import apportion, clean, duration, figure, joined, quantity, recently, style_of, when

_WORDS: Final = {
    "latency": "time",
    "tool_calls": "tool calls",
    "model_calls": "model calls",
    "tokens": "tokens",
    "cost_usd": "cost",
}
_LISTED: Final = ("id", "when", "agent", "model", "took", "status", "stopped by", "verified", "calls")
_AGENT_COLUMN: Final = _LISTED.index("agent")
_MODEL_COLUMN: Final = _LISTED.index("model")
_STATUS_COLUMN: Final = _LISTED.index("status")
_FLUSH_RIGHT: Final = (_LISTED.index("took"), _LISTED.index("calls"))
_SHOWN_CONTENT: Final = 600
_SHOWN_FIGURE: Final = 160


def show_run(view: RunView, console: Console) -> None:
    """Print a run: what it was asked and gave, its waterfall, its budget as it burnt down, every decision with its
    figures, and what took the time."""
    glyphs = glyphs_of(console)
    console.print(_header(view))
    console.print(_spend(view, glyphs))
    section(console, "Waterfall", Group(*waterfall(view, console.width, glyphs)))
    section(console, "Budget left", _burn_down(view, glyphs))
    section(console, "Decisions", decisions_of(view))
    section(console, "What took the time", _phases(view, glyphs))
    section(console, "Slowest spans", _slowest(view))


def show_runs(runs: Sequence[RunRow], console: Console) -> None:
    """Print recent runs, the newest first; the ids are as long as it takes to tell them apart.

    Where the terminal is narrow, the names of agents and models are cut, never a figure.
    """
    length = unique_length([run.trace_id for run in runs])
    rows = [_listed(run, length) for run in runs]
    words = [max(map(len, column)) for column in zip(_LISTED, *rows, strict=True)]
    gap = 2 if sum(words) + 2 * len(words) <= console.width else 1
    spare = console.width - sum(words) - gap * (len(words) - 1)
    for column in (_MODEL_COLUMN, _AGENT_COLUMN):
        cut = min(max(0, -spare), max(0, words[column] - 6))
        words[column] -= cut
        spare += cut
    console.print(_cells(_LISTED, words, gap, "dim"))
    for run, row in zip(runs, rows, strict=True):
        console.print(_cells(row, words, gap, style_of(run.status or "")))


def _listed(run: RunRow, length: int) -> list[str]:
    return [
        run.trace_id[:length],
        recently(run.started_ns),
        clean(run.agent),
        clean(run.model),
        duration(run.duration_ns / 1e9),
        run.status or "unknown",
        clean(run.stop_reason or run.error_type or "unknown"),
        {True: "yes", False: "no", None: "unknown"}[run.verified],
        "?" if run.tool_calls is None else str(run.tool_calls),
    ]


def _cells(row: Sequence[str], widths: Sequence[int], gap: int, status_style: str) -> Text:
    """One line of the list; the figures are flush right."""
    cells = []
    for column, (text, width) in enumerate(zip(row, widths, strict=True)):
        cell = Text(text.rjust(width) if column in _FLUSH_RIGHT else text)
        cell.truncate(width, overflow="ellipsis", pad=True)
        if column == _STATUS_COLUMN or status_style == "dim":
            cell.stylize(status_style)
        cells.append(cell)
    line = Text(" " * gap, no_wrap=True, overflow="crop").join(cells)
    line.rstrip()
    return line


def unique_length(trace_ids: Iterable[str], least: int = 8) -> int:
    """The fewest leading characters, at least 8, that tell the ids apart."""
    ids = set(trace_ids)
    return next((n for n in range(least, 32) if len({i[:n] for i in ids}) == len(ids)), 32)


def _header(view: RunView) -> Group:
    run = view.run
    lines = [
        Text.assemble((f"{clean(run.agent)} on {clean(run.model)}", "bold"), f"   {when(run.started_ns)}"),
        Text(f"trace {run.trace_id}", "dim"),
    ]
    lines += [
        Text(f"{word}: {_short(text)}") for word, text in (("asked", view.query), ("answer", view.answer)) if text
    ]
    status = run.status or "unknown"
    verified = {True: "verified", False: "not verified", None: "verification unknown"}[run.verified]
    ended = Text.assemble((status, f"bold {style_of(status)}"), f": {clean(run.stop_reason or 'unknown')}, {verified}")
    if view.lost:
        ended.append(f", {view.lost} of its spans are not below it: their parents were not stored", "yellow")
    if run.error_type:
        ended.append(f", failed with {clean(run.error_type)}", "red")
    return Group(*lines, ended)


def _short(text: str) -> str:
    flat = clean(text)
    return flat if len(flat) <= _SHOWN_CONTENT else f"{flat[:_SHOWN_CONTENT]}…"


def _spend(view: RunView, glyphs: Glyphs) -> Padding:
    table = columns("budget", "spent>", "limit>", "", "used>")
    for limit in names.BUDGET_TYPES:
        spent, allowed = view.consumed.get(limit), view.limits.get(limit)
        if limit == "latency" and spent is None:
            spent = view.duration
        row = [_WORDS[limit], quantity(limit, spent), "no limit" if allowed is None else quantity(limit, allowed)]
        if allowed and spent is not None:
            row += [gauge(spent / allowed, glyphs), f"{spent / allowed:.0%}"]
        table.add_row(*row, style="red" if allowed is not None and (spent or 0) > allowed else "")
    return Padding(table, (1, 0, 0, 0))


def _burn_down(view: RunView, glyphs: Glyphs) -> RenderableType:
    limited = [limit for limit in names.BUDGET_TYPES if any(limit in tick.left for tick in view.ticks)]
    if not limited:
        return Text("no limit was set, or none was recorded as it burnt down", "dim")
    table = columns("at>", *(f"{_WORDS[limit]}>" for limit in limited), f"{_WORDS[limited[0]]} left")
    for tick in (_start(view, limited), *view.ticks):
        if tick is None:
            continue
        left = [quantity(limit, tick.left[limit]) if limit in tick.left else "?" for limit in limited]
        allowed = view.limits.get(limited[0])
        bar = gauge(tick.left.get(limited[0], 0.0) / allowed, glyphs) if allowed else ""
        table.add_row(duration(tick.at), *left, bar)
    return table


def _start(view: RunView, limited: Sequence[str]) -> Tick | None:
    """The whole budget as the first point, where the run did not record it itself."""
    if view.ticks and view.ticks[0].at < 0.001:
        return None
    return Tick(at=0.0, left={limit: view.limits[limit] for limit in limited if limit in view.limits})


def decisions_of(view: RunView) -> RenderableType:
    """Every decision of a run with its figures, as a table."""
    if not view.decisions:
        return Text("none was recorded", "dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, show_edge=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for made in view.decisions:
        chosen = Text.assemble((clean(made.choice), "bold"), f"  {clean(made.reason)}")
        figures = "  ".join(f"{clean(name)}={_cut(figure(value))}" for name, value in made.figures.items())
        body = [chosen, Text(figures, "dim")] if figures else [chosen]
        kind = clean(made.kind).replace("_", " ")
        table.add_row(duration(made.at), Text(kind, style_of("skipped") if made.kind == "skip" else ""), Group(*body))
    return table


def _cut(text: str) -> str:
    """A figure that is a document in itself is for `--json`."""
    return text if len(text) <= _SHOWN_FIGURE else f"{text[:_SHOWN_FIGURE]}…"


def _phases(view: RunView, glyphs: Glyphs) -> Table:
    """Seconds and shares, each column summing to its last row; a run of milliseconds is shown to the microsecond."""
    phases = {phase: spent for phase, spent in view.phases.items() if spent}
    digits = 3 if view.duration >= 0.1 else 6
    unit = 10**digits
    total = round(view.duration * unit)
    seconds = apportion(list(phases.values()), total)
    shares = apportion(list(phases.values()), 1_000)
    table = columns("phase", "seconds>", "share>", "")
    rows = sorted(zip(phases, seconds, shares, strict=True), key=lambda row: -row[1])
    for phase, spent, share in rows:
        table.add_row(phase, f"{spent / unit:.{digits}f}", f"{share / 10:.1f} %", gauge(share / 1e3, glyphs))
    table.add_row("the run", f"{total / unit:.{digits}f}", "100.0 %" if phases else "", "", style="bold")
    return table


def _slowest(view: RunView) -> RenderableType:
    """The slowest spans, and what each call among them meant for the run's duration."""
    slowest = view.slowest()
    if not slowest:
        return Text("there are none below the root", "dim")
    table = columns("span", "took>", "on path>", "saves>", "slack>", "with>", "outcome")
    table.columns[0].no_wrap, table.columns[0].overflow = True, "ellipsis"
    own = by_span(view.sections)
    for span in slowest:
        meant, how = view.sensitivities.get(span.span_id), outcome(span)
        table.add_row(
            clean(label(span)),
            duration(span.duration_ns / 1e9),
            duration((meant.on_path_ns if meant else own.get(span.span_id, 0)) / 1e9),
            duration(meant.saves_ns / 1e9) if meant else "",
            duration(view.slack(span)),
            str(meant.fan_out - 1) if meant else "",
            Text(how, style_of(how)),
        )
    legend = "saves: the run would be shorter by it if the call took no time   with: other calls at the same time"
    return Group(table, *(Text(line, "dim") for line in joined(legend.split("   "), 80)))
