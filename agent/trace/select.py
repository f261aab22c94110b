"""Which runs a command of `shotclock trace` is about, and how they are read: by status, by age, by tool."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ...policies.budget import seconds
from ...policies.errors import UsageError
from . import conventions as names
from .rows import RunRow, SpanRow
from .run_view import RunView
from .schema import RUN_COLUMNS, SPAN_COLUMNS, run_from, span_from
from .store import TraceStore

STATUSES: Final = ("complete", "partial", "fallback", "suspended")
STOP_REASONS: Final = (
    "answered", "enough", "deadline", "tool_calls", "model_calls", "tokens", "cost", "model_failed", "approval",
    "cancelled",
)  # fmt: skip

NO_MODEL: Final = "none"
"""What stands in the place of a model where a call was tried without one."""

_PAGE: Final = 100
_AGO: Final = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*(s|min|m|h|d|w)")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Runs of a store, the newest first. A call that was tried by itself (`shotclock tools try`) is no run: it is shown
    by its id, and left out here, so that it changes no figure about runs.

    Attributes:
        statuses: those that ended so; empty for all.
        stop_reasons: those that stopped for one of these; empty for all.
        slower_than: those that took longer, in seconds. Default all.
        tool: those that called this tool. Default all.
        since_ns: those that began then or later, nanoseconds since 1970. Default all.
        unverified: only those whose answer did not pass its checks, or of which that is unknown.
        limit: the most, the newest of them.
    """

    statuses: tuple[str, ...] = ()
    stop_reasons: tuple[str, ...] = ()
    slower_than: float | None = None
    tool: str | None = None
    since_ns: int = 0
    unverified: bool = False
    limit: int = 20

    @classmethod
    def read(
        cls,
        *,
        status: Iterable[str] | None = None,
        stop_reason: Iterable[str] | None = None,
        slower_than: str | None = None,
        tool: str | None = None,
        since: str | None = None,
        unverified: bool = False,
        limit: int = 20,
    ) -> Selection:
        """A selection from what a person writes: durations such as `2s`, ages such as `7d` and dates.

        Raises:
            UsageError, InvalidBudget: it is none of these.
        """
        if limit < 1:
            raise UsageError(f"--limit must be at least 1, got {limit}")
        return cls(
            statuses=_known("--status", status, STATUSES),
            stop_reasons=_known("--stop-reason", stop_reason, STOP_REASONS),
            slower_than=seconds("--slower-than", slower_than),
            tool=tool,
            since_ns=0 if since is None else instant_ns(since),
            unverified=unverified,
            limit=limit,
        )

    def runs(self, store: TraceStore) -> list[RunRow]:
        """The runs, the newest first.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        clauses, values = self._where()
        sql = f"SELECT {RUN_COLUMNS} FROM runs WHERE {' AND '.join(clauses)} ORDER BY started_ns DESC, trace_id LIMIT ?"
        return [run_from(row) for row in store.read(sql, (*values, self.limit))]

    def _where(self) -> tuple[list[str], list[Any]]:
        clauses, values = ["started_ns >= ?", "model <> ?"], list[Any]([self.since_ns, NO_MODEL])
        for column, wanted in (("status", self.statuses), ("stop_reason", self.stop_reasons)):
            if wanted:
                clauses.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values += wanted
        if self.slower_than is not None:
            clauses.append("duration_ns > ?")
            values.append(int(self.slower_than * 1e9))
        if self.unverified:
            clauses.append("verified IS NOT 1")
        if self.tool is not None:
            clauses.append("EXISTS (SELECT 1 FROM spans WHERE spans.trace_id = runs.trace_id AND spans.name = ?)")
            values.append(f"{names.EXECUTE_TOOL} {self.tool}")
        return clauses, values


def _known(option: str, given: Iterable[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(given or ())
    for each in chosen:
        if each not in known:
            raise UsageError(f"{option} must be one of {', '.join(known)}, got {each!r}")
    return chosen


def instant_ns(text: str) -> int:
    """An instant, nanoseconds since 1970, from what a person writes after `--since`: an age such as `7d`, `12h` or
    `30min`, or a date or instant in ISO 8601, local unless it says otherwise.

    Raises:
        UsageError: it is none of these.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return max(0, time.time_ns() - int(float(ago[1]) * _SECONDS[ago[2]] * 1e9))
    try:
        return max(0, int(datetime.fromisoformat(text.strip()).timestamp() * 1e9))
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"--since must be an age such as 7d, 12h or 30min, or a date such as 2026-11-24, got {text!r}"
        ) from error


def views(store: TraceStore, runs: Sequence[RunRow], unread: list[RunRow] | None = None) -> Iterator[RunView]:
    """The runs worked out, in their order; some are in memory at a time.

    Args:
        store: where they are kept.
        runs: which.
        unread: gets the runs that are damaged or were pruned meanwhile; they are left out.

    Raises:
        StoreError: the store cannot be read; the message says what to do.
    """
    for start in range(0, len(runs), _PAGE):
        page = runs[start : start + _PAGE]
        spans = _spans(store, {run.trace_id for run in page})
        for run in page:
            found = spans.get(run.trace_id)
            if found and any(span.span_id == run.span_id for span in found):
                yield RunView.of(run, found)
            elif unread is not None:
                unread.append(run)


def _spans(store: TraceStore, trace_ids: set[str]) -> dict[str, list[SpanRow] | None]:
    """The spans of traces, in the order they started; `None` for a trace with a span that is damaged."""
    marks = ", ".join("?" * len(trace_ids))
    sql = f"SELECT {SPAN_COLUMNS} FROM spans WHERE trace_id IN ({marks}) ORDER BY started_ns, ended_ns DESC"
    spans: dict[str, list[SpanRow] | None] = {}
    for row in store.read(sql, tuple(trace_ids)):
        known = spans.setdefault(row[0], [])
        try:
            if known is not None:
                known.append(span_from(row))
        except (ValueError, TypeError, LookupError):
            spans[row[0]] = None
    return spans
