"""What the page shows, as JSON values: the totals of many runs, a line for each, and some of them whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..run_view import RunView
from ..subjects import LOOP, Subject, cause, missed
from ..totals import CallTotals, Tally, Totals
from .detail import detail
from .histogram import Axis

DETAILS: Final = 100
"""Runs that a page holds whole, unless told otherwise; the others have a line each."""


def report(
    views: Iterable[RunView], *, details: int = DETAILS, live: bool = False, notes: Iterable[str] = ()
) -> dict[str, Any]:
    """All that a page shows.

    Args:
        views: the runs, the newest first; they are gone through once.
        details: how many of them are whole: first those that missed their deadline, then the slowest.
        live: whether the page can ask a server for the others.
        notes: sentences on what was left out.
    """
    tally, rows, whole = Tally(), list[list[Any]](), _Whole(details)
    for view in views:
        tally.add(view)
        key = f"{view.run.trace_id}.{view.run.span_id}"
        rows.append(_row(key, view))
        whole.offer(key, view)
    totals = tally.totals()
    said = list(notes)
    if len(rows) > details and not live:
        said.append(
            f"{details:,} of {len(rows):,} runs can be opened: those that missed their deadline, then the slowest; "
            "the others have a line in the list"
        )
    return {
        "live": live,
        "notes": said,
        "totals": _totals(totals),
        "durations": _durations(totals, rows),
        "rows": rows,
        "details": whole.details(),
    }


class _Whole:
    """Keeps the runs that are to be shown whole while all of them pass by."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[bool, float, str, RunView]] = []

    def offer(self, key: str, view: RunView) -> None:
        self._kept.append((missed(view), view.duration, key, view))
        if len(self._kept) >= 2 * self._most + 100:
            self._trim()

    def _trim(self) -> None:
        self._kept.sort(key=lambda kept: kept[:2], reverse=True)
        del self._kept[self._most :]

    def details(self) -> dict[str, Any]:
        self._trim()
        return {key: detail(view) for _, _, key, view in self._kept}


def _row(key: str, view: RunView) -> list[Any]:
    """A run's line: key, start in milliseconds, agent, model, seconds, deadline, status, stop reason, verified, calls,
    cost, and the cause where it missed its deadline."""
    run = view.run
    return [
        key, run.started_ns // 1_000_000, run.agent, run.model, round(view.duration, 6), view.deadline, run.status,
        run.stop_reason, run.verified, run.tool_calls, run.cost_usd, _name(cause(view)) if missed(view) else None,
    ]  # fmt: skip


def _totals(totals: Totals) -> dict[str, Any]:
    axis = Axis.logarithmic(value for each in totals.calls for value in _shown(each))
    found = totals.to_dict()
    found["axis"] = axis.to_list()
    found["calls"] = [_call(each, axis) for each in totals.calls]
    found["deadline_misses"] = [[_name(who), n] for who, n in totals.misses.items()]
    return found


def _shown(each: CallTotals) -> Iterator[float]:
    yield from (*each.took.values, *each.cut.values, *(said for said in each.forecasts.values() if said is not None))


def _call(each: CallTotals, axis: Axis) -> Mapping[str, Any]:
    return each.to_dict() | {
        "title": _name(each.subject),
        "bins": axis.counts(each.took.values),
        "cut_bins": axis.counts(each.cut.values),
    }


def _durations(totals: Totals, rows: list[list[Any]]) -> dict[str, Any]:
    """The runs' durations as counts by status, and the deadline that most of them had."""
    deadlines = [row[5] for row in rows if row[5] is not None]
    usual = max(set(deadlines), key=deadlines.count) if deadlines else None
    longest = max(totals.took.values, default=1.0)
    axis = Axis.linear(max(longest, usual or 0.0) if usual is None or usual <= 2 * longest else longest)
    by_status = {
        status: axis.counts(row[4] for row in rows if (row[6] or "unknown") == status) for status in totals.statuses
    }
    return {"axis": axis.to_list(), "counts": by_status, "deadline": usual}


def _name(who: Subject) -> str:
    return "the run itself" if who == LOOP else str(who)
