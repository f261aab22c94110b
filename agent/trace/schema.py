"""The tables of the trace store, and how rows go into them and come out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ...policies.errors import StoreError
from . import conventions as names
from .rows import EventRow, RunRow, SpanRow

PATH_ENV: Final = "SHOTCLOCK_TRACES"
SCHEMA_VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, name TEXT NOT NULL, agent TEXT NOT NULL, model TEXT NOT NULL,
    started_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, status TEXT, stop_reason TEXT, verified INTEGER,
    tool_calls INTEGER, model_calls INTEGER, cost_usd REAL, error_type TEXT,
    PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_started ON runs (started_ns);
CREATE TABLE IF NOT EXISTS spans (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT NULL, kind TEXT NOT NULL,
    started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, status TEXT NOT NULL, description TEXT,
    attributes TEXT NOT NULL, events TEXT NOT NULL,
    PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS spans_started ON spans (started_ns);
"""
RUN_COLUMNS: Final = (
    "trace_id, span_id, name, agent, model, started_ns, duration_ns, status, stop_reason, verified, tool_calls, "
    "model_calls, cost_usd, error_type"
)
SPAN_COLUMNS: Final = (
    "trace_id, span_id, parent_id, name, kind, started_ns, ended_ns, status, description, attributes, events"
)
FORECASTS_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS forecasts (
    version INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, updated_ns INTEGER NOT NULL, learnt TEXT NOT NULL,
    PRIMARY KEY (version, kind, key)
)
"""
"""Made by the first who keeps a forecast: a file without it is a whole trace store. Texts of several versions may lie
side by side, each for those who read it."""

QUALITY_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS quality (
    version INTEGER NOT NULL, modality TEXT NOT NULL, tools TEXT NOT NULL, model TEXT NOT NULL,
    updated_ns INTEGER NOT NULL, good INTEGER NOT NULL, bad INTEGER NOT NULL, unsure INTEGER NOT NULL,
    rated INTEGER NOT NULL, score REAL NOT NULL,
    PRIMARY KEY (version, modality, tools, model)
)
"""
"""Made by the first who keeps counts of how answers fared."""
FEEDBACK_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS feedback (
    trace_id TEXT NOT NULL, author TEXT NOT NULL, given_ns INTEGER NOT NULL, score REAL NOT NULL, comment TEXT,
    modality TEXT NOT NULL, tools TEXT NOT NULL, model TEXT NOT NULL,
    PRIMARY KEY (trace_id, author)
)
"""
FEEDBACK_TRIGGER: Final = """
CREATE TRIGGER IF NOT EXISTS feedback_goes_with_its_trace AFTER DELETE ON runs
WHEN NOT EXISTS (SELECT 1 FROM runs WHERE trace_id = OLD.trace_id)
BEGIN DELETE FROM feedback WHERE trace_id = OLD.trace_id; END
"""
"""Whoever deletes a trace, of whatever version, deletes the feedback to it. A run that is written again is not deleted:
SQLite fires no trigger for the row that `INSERT OR REPLACE` takes away, unless it is told to."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction; it takes the write lock at once, because a later upgrade would not wait its turn."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_schema(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file holds our tables; `False` where it is empty.

    Raises:
        StoreError: it is of a newer version, or another program's.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables and version == 0:
        return False
    if not {"runs", "spans"} <= tables:
        raise StoreError(f"{path} is another program's database, not a trace store; name another file with {PATH_ENV}")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the trace store {path} is of version {version}, and this Shotclock reads up to {SCHEMA_VERSION}; "
            f"update Shotclock, or name another file with {PATH_ENV}"
        )
    return True


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the file has this table."""
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (name,)).fetchone() is not None


def is_busy(error: BaseException) -> bool:
    """Whether another process held the lock: the same write may succeed a moment later."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where the error is not SQLite's own."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def run_of(span: SpanRow) -> RunRow | None:
    """The run whose root this span is; `None` for other spans and for runs that went on inside another run."""
    read = span.attributes.get
    if read(names.OPERATION_NAME) != names.INVOKE_AGENT or read(names.RUN_NESTED):
        return None
    return RunRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        name=span.name,
        agent=str(read(names.AGENT_NAME, "")),
        model=str(read(names.REQUEST_MODEL, "")),
        started_ns=span.started_ns,
        duration_ns=span.duration_ns,
        status=read(names.RUN_STATUS),
        stop_reason=read(names.RUN_STOP_REASON),
        verified=read(names.RUN_VERIFIED),
        tool_calls=read(names.consumed("tool_calls")),
        model_calls=read(names.consumed("model_calls")),
        cost_usd=read(names.consumed("cost_usd")),
        error_type=read(names.ERROR_TYPE),
    )


def run_from(row: tuple[Any, ...]) -> RunRow:
    """A row of `RUN_COLUMNS` as a run."""
    pairs = dict(zip(RunRow.__dataclass_fields__, row, strict=True))
    verified = pairs["verified"]
    return RunRow(**pairs | {"verified": None if verified is None else bool(verified)})


def run_values(run: RunRow) -> tuple[Any, ...]:
    """A run in the order of `RUN_COLUMNS`."""
    return tuple(getattr(run, name) for name in RunRow.__dataclass_fields__)


def span_from(row: tuple[Any, ...]) -> SpanRow:
    """A row of `SPAN_COLUMNS` as a span.

    Raises:
        ValueError, TypeError, LookupError: its JSON is damaged.
    """
    *plain, attributes, events = row
    pairs = dict(zip(SpanRow.__dataclass_fields__, plain, strict=False))
    return SpanRow(
        **pairs,
        attributes=json.loads(attributes),
        events=tuple(EventRow(name=e[0], at_ns=e[1], attributes=e[2]) for e in json.loads(events)),
    )


def span_values(span: SpanRow) -> tuple[Any, ...]:
    """A span in the order of `SPAN_COLUMNS`."""
    events = [[event.name, event.at_ns, dict(event.attributes)] for event in span.events]
    return (
        span.trace_id,
        span.span_id,
        span.parent_id,
        span.name,
        span.kind,
        span.started_ns,
        span.ended_ns,
        span.status,
        span.description,
        json.dumps(dict(span.attributes), default=str),
        json.dumps(events, default=str),
    )
