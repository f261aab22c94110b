"""`shotclock trace list` and `shotclock trace show`: recent runs, and one of them whole."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ...policies.errors import ShotclockError, UsageError
from .store import TraceStore

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Show where the time and the budget of past runs went.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(help="Most runs to list.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List recent runs, the newest first."""
    store = TraceStore()
    try:
        if limit < 1:
            raise UsageError(f"--limit must be at least 1, got {limit}")
        runs = store.runs(limit)
    except ShotclockError as error:
        _fail(error)
    if as_json:
        _print_json([run.to_dict() for run in runs])
    elif not runs:
        typer.echo(store.nothing_yet)
    else:
        from .show import show_runs

        show_runs(runs, _console())


@app.command()
def show(
    ident: Annotated[
        str, typer.Argument(metavar="ID", help="A trace's id, at least its first 4 characters, or 'last'.")
    ] = "last",
    as_json: JsonOption = False,
) -> None:
    """Show one run: its waterfall, its budget, its decisions, and what took the time."""
    from .run_view import RunView

    store = TraceStore()
    try:
        runs = store.find(ident)
        spans = store.spans(runs[0].trace_id)
    except ShotclockError as error:
        _fail(error)
    views = [RunView.of(run, spans) for run in runs]
    if as_json:
        _print_json([view.to_dict() for view in views] if len(views) > 1 else views[0].to_dict())
        return
    from .show import show_run

    console = _console()
    for index, view in enumerate(views):
        if index:
            console.print()
            console.rule()
        show_run(view, console)


def _console() -> Console:
    from rich.console import Console

    # A pipe of a narrow encoding gets a question mark, not a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False)


def _print_json(value: Any) -> None:
    # ASCII only, so that a pipe of any encoding takes it.
    json.dump(value, sys.stdout, indent=2)
    print()


def _fail(error: ShotclockError) -> NoReturn:
    print(f"shotclock trace: {error}", file=sys.stderr)
    raise typer.Exit(2) from None
