"""Writing the page to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....policies.errors import UsageError
from ..output import unwritable
from ..rows import RunRow
from ..select import views
from ..store import TraceStore
from .data import report
from .page import page


def write_page(store: TraceStore, runs: Sequence[RunRow], out: Path, *, details: int, limit: int | None = None) -> str:
    """Write the page on these runs; what was written, in a sentence.

    Args:
        store: where the runs are kept.
        runs: which, the newest first.
        out: the file.
        details: the most runs that the page holds whole.
        limit: the most that were asked for; the page says where it was reached. `None` where none was.

    Raises:
        UsageError: the file cannot be written, or `details` is negative.
        StoreError: the store cannot be read.
    """
    if details < 0:
        raise UsageError(f"--details must be 0 or more, got {details}")
    unread: list[RunRow] = []
    notes = [f"Only the newest {limit:,} runs were read: --limit."] if limit is not None and len(runs) == limit else []
    data = report(views(store, runs, unread), details=details, notes=notes)
    if unread:
        data["notes"].append(f"{len(unread)} more cannot be read: their traces are damaged.")
    text = page(data, title_of(runs))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(out, error) from error
    shown = len(runs) - len(unread)
    return f"wrote {shown:,} run{'' if shown == 1 else 's'} to {out} ({len(text) / 1e6:.1f} MB)"


def title_of(runs: Sequence[RunRow]) -> str:
    """What a page on these runs is called."""
    return f"run {runs[0].trace_id[:12]}" if len(runs) == 1 else f"{len(runs):,} runs"
