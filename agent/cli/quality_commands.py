"""`shotclock calibration`, `shotclock feedback` and `shotclock export`: how answers fared by kind of query, what people
say of them, and both beside the runs for those who evaluate and train."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...policies.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any

    from rich.console import Console

    from ...policies.quality import Quality

DbOption = Annotated[Path | None, typer.Option(metavar="PATH", help="The store; default: that of the traces.")]


def calibration(
    policy: Annotated[Path | None, typer.Option(help="A policy file in TOML: its [quality] judges.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The share that has to be right, from 0 to 1.")] = None,
    checks: Annotated[
        bool, typer.Option("--checks", help="Show what costly checks, such as judges, took instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    db: DbOption = None,
) -> None:
    """Show how often answers were right, by the kind of query: its modality, the tools used, and the model."""
    if checks:
        _check_costs(db, as_json)
        return
    from ..quality import QualityStore
    from .quality_view import Judged, show_judged

    store, quality = QualityStore(db), _quality(policy, threshold)
    judged = [Judged.of(entry, quality) for entry in store.entries()]
    if as_json:
        # ASCII only, so that a pipe of any encoding takes it.
        print(json.dumps([one.to_dict() for one in judged], indent=2))
    elif not judged:
        typer.echo(f'nothing is known yet in {store.path}; runs teach it: shotclock ask "What is 17 * 23?"')
    else:
        show_judged(judged, quality, _console())


def _check_costs(db: Path | None, as_json: bool) -> None:
    from ..trace.store import TraceStore
    from .check_costs import check_costs, show_check_costs

    store = TraceStore(db)
    costs = check_costs(store)
    if as_json:
        print(json.dumps([cost.to_dict() for cost in costs], indent=2))
    elif not costs:
        typer.echo(f"no costly check is recorded in {store.path}; a judge is one: Agent(verify=[judge(...)])")
    else:
        show_check_costs(costs, _console())


def _console() -> Console:
    from rich.console import Console

    # A pipe of a narrow encoding gets a question mark, not a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False)


def _quality(policy: Path | None, threshold: float | None) -> Quality:
    from dataclasses import replace

    from ...policies.quality import Quality

    quality = Quality()
    if policy is not None:
        from ...policies.settings import Policy

        quality = Policy.from_toml(policy).quality
    return quality if threshold is None else replace(quality, threshold=threshold)


def feedback(
    ident: Annotated[
        str, typer.Argument(metavar="ID", help="A trace's id, at least its first 4 characters, or 'last'.")
    ],
    score: Annotated[float, typer.Argument(help="From 0, wrong or useless, to 1, right.")],
    comment: Annotated[str | None, typer.Option(help="In words.")] = None,
    author: Annotated[str, typer.Option(help="Who says so; the same author's earlier word is replaced.")] = "",
    db: DbOption = None,
) -> None:
    """Say how good an answer was: it is kept with the run and counted for its kind of query."""
    from ..feedback import keep, read_feedback
    from ..quality import QualityStore

    kept, kind, counts = keep(QualityStore(db), read_feedback(ident, score, comment, author))
    typer.echo(f"noted {kept.score:g} for {kept.trace_id[:12]} ({kind.words})")
    rated = "1 answer of this kind is rated" if counts.rated == 1 else f"{counts.rated} answers of this kind are rated"
    typer.echo(f"{rated}, {counts.mean or 0.0:.2f} on average: shotclock calibration")


def export(
    shape: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="trajectories, preferences or rewards.")
    ] = "trajectories",
    since: Annotated[str | None, typer.Option(help="Only runs since then: 7d, 12h, 30min, or 2026-11-24.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Only runs that ended so, such as complete; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; default: standard output.")] = None,
    db: DbOption = None,
) -> None:
    """Write runs with their verdicts, scores and feedback as lines of JSON, for evaluation and training."""
    from ..export import Selection, lines

    rows = lines(shape, Selection.read(since, status), db)
    if out is None:
        _print_lines(rows)
        return
    try:
        with open(out, "w", encoding="ascii") as file:
            written = _write(rows, file)
    except OSError as error:
        raise UsageError(f"--out {str(out)!r} cannot be written: {error.strerror or error}") from error
    print(f"wrote {written} line{'' if written == 1 else 's'} of {shape} to {out}", file=sys.stderr)


def _print_lines(rows: Iterator[dict[str, Any]]) -> None:
    try:
        _write(rows, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader who left, such as `head`, has what it wanted. What is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(rows: Iterable[dict[str, Any]], file: IO[str]) -> int:
    """Write each row as a line of ASCII, which every reader takes; the number of lines."""
    written = 0
    for row in rows:
        file.write(json.dumps(row, allow_nan=False) + "\n")
        written += 1
    return written
