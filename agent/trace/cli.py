"""`shotclock trace`: past runs as a list, one whole, two side by side, many at once, and handed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...policies.errors import ShotclockError, UsageError
from .output import JsonOption, OutOption, console, fail, print_json, say, write_lines
from .select import Selection
from .selecting import selecting
from .store import TraceStore

if TYPE_CHECKING:
    from .rows import RunRow
    from .run_view import RunView

app = typer.Typer(
    help="Show where the time and the budget of past runs went.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A trace's id, at least its first 4 characters, or 'last'.")
]
OneOrSelected = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="One trace; else those selected.", show_default=False)
]


@app.command("list")
@selecting(20)
def list_runs(*, selection: Selection, as_json: JsonOption = False) -> None:
    """List recent runs, the newest first."""
    try:
        store = TraceStore()
        runs = selection.runs(store)
        if as_json:
            print_json([run.to_dict() for run in runs])
        elif not runs:
            typer.echo(_none(store))
        else:
            from .show import show_runs

            show_runs(runs, console())
    except ShotclockError as error:
        fail(error)


@app.command()
def show(ident: IdArgument = "last", as_json: JsonOption = False) -> None:
    """Show one run: its waterfall, its budget, its decisions, and what took the time."""
    try:
        views = _trace(ident)
    except ShotclockError as error:
        fail(error)
    if as_json:
        print_json([view.to_dict() for view in views] if len(views) > 1 else views[0].to_dict())
        return
    from .show import show_run

    out = console()
    for index, view in enumerate(views):
        if index:
            out.print()
            out.rule()
        show_run(view, out)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A trace's id or the beginning of one.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="Another one, or 'last'.")] = "last",
    as_json: JsonOption = False,
) -> None:
    """Show two runs side by side: what changed in time, in what was decided, and in the answer."""
    from .diff import Diff

    try:
        found = Diff.of(_trace(before)[0], _trace(after)[0])
    except ShotclockError as error:
        fail(error)
    if as_json:
        print_json(found.to_dict())
        return
    from .diff_view import show_diff

    show_diff(found, console())


@app.command()
@selecting(1_000)
def top(*, selection: Selection, as_json: JsonOption = False) -> None:
    """Show where the time of many runs went, what missed deadlines, and how forecasts and hedges did."""
    from .totals import totals

    try:
        store = TraceStore()
        runs = selection.runs(store)
        unread: list[RunRow] = []
        found = totals(_views(store, runs, unread))
    except ShotclockError as error:
        fail(error)
    if as_json:
        print_json(found.to_dict() | {"unread": len(unread)})
    elif not runs:
        typer.echo(_none(store))
    else:
        from .top_view import show_totals

        said = [f"{len(unread)} more cannot be read: their traces are damaged"] if unread else []
        if len(runs) == selection.limit:
            said.append(f"--limit {selection.limit:,} was reached: there may be older runs")
        show_totals(found, console(), said=said)


@app.command()
@selecting(1_000)
def export(
    *,
    ident: OneOrSelected = None,
    shape: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="runs: as show --json does; otlp: for a collector.")
    ] = "runs",
    selection: Selection,
    out: OutOption = None,
) -> None:
    """Write runs as lines of JSON: worked out, or as OpenTelemetry's own (OTLP)."""
    try:
        if shape not in ("runs", "otlp"):
            raise UsageError(f"--format must be runs or otlp, got {shape!r}")
        store = TraceStore()
        unread: list[RunRow] = []
        runs = _chosen(store, ident, selection)
        written = write_lines(_lines(store, runs, shape, unread), out)
    except ShotclockError as error:
        fail(error)
    if unread:
        say(f"{len(unread)} of {len(runs)} runs were left out: their traces are damaged")
    if written is not None:
        say(f"wrote {written} line{'' if written == 1 else 's'} of {shape} to {out}")


@app.command()
@selecting(1_000)
def html(
    *,
    ident: OneOrSelected = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to.")] = Path("shotclock.html"),
    selection: Selection,
    details: Annotated[int, typer.Option(help="Most runs that the page holds whole.")] = 100,
) -> None:
    """Write one page of HTML on a run or on many; it needs nothing else and can be sent to anyone."""
    from .report.command import write_page

    try:
        store = TraceStore()
        runs = _chosen(store, ident, selection)
        said = write_page(store, runs, out, details=details, limit=None if ident else selection.limit)
    except ShotclockError as error:
        fail(error)
    say(said)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port on this machine; 0 takes any that is free.")] = 8420,
    limit: Annotated[int, typer.Option(help="Most runs on the page, the newest of them.")] = 500,
) -> None:
    """Show the store in a browser, for you alone, until you press Ctrl+C."""
    from .report.server import Server

    try:
        if limit < 1:
            raise UsageError(f"--limit must be at least 1, got {limit}")
        server = Server(TraceStore(), port=port, limit=limit)
    except ShotclockError as error:
        fail(error)
    say(f"showing {server.store.path} at {server.url} (Ctrl+C ends it)")
    server.serve()


def _lines(store: TraceStore, runs: list[RunRow], shape: str, unread: list[RunRow]) -> Iterator[dict[str, Any]]:
    from .otlp_json import traces_data

    for view in _views(store, runs, unread):
        yield view.to_dict() if shape == "runs" else traces_data([view.root, *(span for _, span in view.spans)])


def _trace(ident: str) -> list[RunView]:
    from .run_view import RunView

    store = TraceStore()
    runs = store.find(ident)
    spans = store.spans(runs[0].trace_id)
    return [RunView.of(run, spans) for run in runs]


def _views(store: TraceStore, runs: list[RunRow], unread: list[RunRow]) -> Iterator[RunView]:
    from .select import views

    return views(store, runs, unread)


def _chosen(store: TraceStore, ident: str | None, selection: Selection) -> list[RunRow]:
    return store.find(ident) if ident is not None else selection.runs(store)


def _none(store: TraceStore) -> str:
    return f"none of the runs in {store.path} is such" if store.runs(limit=1) else store.nothing_yet
