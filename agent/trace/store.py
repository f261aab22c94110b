"""Traces kept in one SQLite file, so that `shotclock trace` can show them with nothing else running.

Reading needs the standard library only. Several processes may write and read at once (write-ahead log, short busy
timeout). Writing is the exporter's affair: see `exporter`.
"""

from __future__ import annotations

import math
import os
import shlex
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ...policies.errors import StoreError, UsageError
from .rows import RunRow, SpanRow
from .schema import (
    PATH_ENV,
    RUN_COLUMNS,
    SCHEMA,
    SCHEMA_VERSION,
    SPAN_COLUMNS,
    check_schema,
    has_table,
    is_busy,
    primary_code,
    run_from,
    run_of,
    run_values,
    span_from,
    span_values,
    transaction,
)

BUSY_SECONDS: Final = 0.25
"""Seconds a write waits for another process's write; a write takes a few milliseconds."""
READ_BUSY_SECONDS: Final = 0.5
KEEP_RUNS: Final = 100_000
KEEP_SECONDS: Final = 30 * 86_400.0
KEEP_BYTES: Final = 1 << 30
WAL_BYTES: Final = 32 << 20
"""Bytes the write-ahead log beside the file keeps when it is not needed; a burst makes it larger for a while."""
MIN_PREFIX: Final = 4
"""Fewest characters of an id that are looked up."""

_PRUNE_AT_ONCE: Final = 500
_VACUUM_PAGES: Final = 2_000
"""Pages given back to the file system at once."""
_NOT_OPENED: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR)


def default_path() -> Path:
    """Where traces are kept: `SHOTCLOCK_TRACES`, else `shotclock/traces.db` in the user's state directory."""
    named = os.environ.get(PATH_ENV)
    if named:
        return Path(named).expanduser()
    state = os.environ.get("XDG_STATE_HOME")
    base = Path(state) if state and Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return base / "shotclock" / "traces.db"


class TraceStore:
    """The file of traces. Opening it touches nothing; each read and write opens what it needs.

    Args:
        path: the file; `None` is `default_path()`.
        keep_runs: runs kept, the newest; default 100,000.
        keep_seconds: age at which a run is dropped, in seconds; default 30 days.
        keep_bytes: size past which the oldest runs are dropped; default 1 GiB.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        keep_runs: int = KEEP_RUNS,
        keep_seconds: float = KEEP_SECONDS,
        keep_bytes: int = KEEP_BYTES,
    ) -> None:
        self.path = default_path() if path is None else Path(path).expanduser()
        self._keep_runs = keep_runs
        self._keep_seconds = keep_seconds
        self._keep_bytes = keep_bytes

    # Reading.

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists() and (not self.path.is_file() or self.path.stat().st_size > 0)

    def runs(self, limit: int = 20) -> list[RunRow]:
        """The newest runs, the newest first; none where the store does not exist yet.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        sql = f"SELECT {RUN_COLUMNS} FROM runs ORDER BY started_ns DESC, trace_id LIMIT ?"
        return [run_from(row) for row in self.read(sql, (limit,))]

    def find(self, ident: str) -> list[RunRow]:
        """The runs of one trace, in order: by its id, a prefix of at least 4 characters, or `last`.

        Raises:
            UsageError: no trace has that id, or several have that prefix.
            StoreError: the store cannot be read; the message says what to do.
        """
        trace_id = self._last() if ident == "last" else self._one(_prefix(ident))
        sql = f"SELECT {RUN_COLUMNS} FROM runs WHERE trace_id = ? ORDER BY started_ns"
        runs = [run_from(row) for row in self.read(sql, (trace_id,))]
        if not runs:
            raise UsageError(
                f"trace {trace_id} has spans but no run that ended: it is still going on, or its process died; "
                "show it again when the run is over"
            )
        return runs

    def spans(self, trace_id: str) -> list[SpanRow]:
        """The spans of a trace in the order they started.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        sql = f"SELECT {SPAN_COLUMNS} FROM spans WHERE trace_id = ? ORDER BY started_ns, ended_ns DESC"
        try:
            return [span_from(row) for row in self.read(sql, (trace_id,))]
        except (ValueError, TypeError, LookupError) as error:
            raise self._damaged(error) from error

    def _last(self) -> str:
        newest = self.runs(limit=1)
        if not newest:
            raise UsageError(self.nothing_yet)
        return newest[0].trace_id

    def _one(self, prefix: str) -> str:
        sql = (
            "SELECT trace_id FROM runs WHERE trace_id >= ? AND trace_id < ? "
            "UNION SELECT trace_id FROM spans WHERE trace_id >= ? AND trace_id < ? LIMIT 4"
        )
        found = [row[0] for row in self.read(sql, (prefix, prefix + "g") * 2)]
        if not found and not self.runs(limit=1):
            raise UsageError(self.nothing_yet)
        if not found:
            raise UsageError(f"no trace begins with {prefix!r}; see the ids with: shotclock trace list")
        if len(found) > 1:
            some = ", ".join(f"{trace_id[:12]}…" for trace_id in found[:3])
            raise UsageError(f"{prefix!r} is the beginning of several traces ({some}); give more characters")
        return str(found[0])

    @property
    def nothing_yet(self) -> str:
        """What to say where no trace was written: where they would lie, and how to make one."""
        return f'no traces yet in {self.path}; make one with: shotclock ask "What is 17 * 23?"'

    def read(self, sql: str, parameters: Sequence[Any] = (), *, table: str = "runs") -> list[tuple[Any, ...]]:
        """The rows of one query of a table; none where the file or the table does not exist yet.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        try:
            if not self.exists:
                return []
            with closing(self._open_to_read()) as connection:
                if not check_schema(connection, self.path) or not has_table(connection, table):
                    return []
                return connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self.unusable(error) from error

    def _open_to_read(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", timeout=READ_BUSY_SECONDS, uri=True)

    def unusable(self, error: sqlite3.Error | OSError) -> StoreError:
        """What to say of a file that cannot be opened, read or written."""
        if is_busy(error):
            return StoreError(f"the trace store {self.path} is locked by another process; try again in a moment")
        if isinstance(error, OSError) or primary_code(error) in _NOT_OPENED:
            return StoreError(
                f"the trace store {self.path} cannot be opened ({error}); check that it is a file and its "
                f"permissions, or name another file with {PATH_ENV}"
            )
        return self._damaged(error)

    def _damaged(self, error: Exception) -> StoreError:
        old, new = shlex.quote(str(self.path)), shlex.quote(f"{self.path}.damaged")
        return StoreError(f"the trace store {self.path} is damaged ({error}); move it away with: mv {old} {new}")

    # Writing.

    def connect(self) -> sqlite3.Connection:
        """Open the file to write, making it and its folder where they are missing; for one thread at a time.

        Raises:
            StoreError: it is another program's file or of a newer version.
            OSError, sqlite3.Error: it cannot be opened.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if not check_schema(connection, self.path):
                self._create(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        # Before there is any table, else it takes rewriting the file.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            for statement in filter(str.strip, SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def write(self, connection: sqlite3.Connection, spans: Iterable[SpanRow]) -> int:
        """Write spans, and a run for each of them that is a run's root, in one transaction; the number of runs."""
        rows = list(spans)
        runs = [run for run in map(run_of, rows) if run is not None]
        with transaction(connection):
            connection.executemany(
                "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [span_values(r) for r in rows]
            )
            connection.executemany(
                f"INSERT OR REPLACE INTO runs ({RUN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [run_values(run) for run in runs],
            )
        return len(runs)

    def prune(self, connection: sqlite3.Connection) -> int:
        """Drop some of what is past `keep_runs`, `keep_seconds` or `keep_bytes`, the oldest first; the number of runs.

        At most 500 runs go at once, so that a write never waits long; what is left goes the next time. The file gets
        smaller, a few megabytes at once, where it was made by a version that keeps account of its free pages.
        """
        oldest = time.time_ns() - int(self._keep_seconds * 1e9)
        with transaction(connection):
            count = min(_PRUNE_AT_ONCE, self._past(connection, oldest))
            doomed = connection.execute("SELECT trace_id FROM runs ORDER BY started_ns LIMIT ?", (count,)).fetchall()
            for table in ("runs", "spans"):
                connection.executemany(f"DELETE FROM {table} WHERE trace_id = ?", doomed)
            # Spans of runs that never ended have no run to go with.
            connection.execute(
                "DELETE FROM spans WHERE (trace_id, span_id) IN "
                "(SELECT trace_id, span_id FROM spans WHERE started_ns < ? LIMIT ?)",
                (oldest, _PRUNE_AT_ONCE),
            )
        if doomed:
            connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")  # `execute` gives one page back
        return len(doomed)

    def _past(self, connection: sqlite3.Connection, oldest: int) -> int:
        """How many runs are too many, too old, or take more room than there is."""
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        (expired,) = connection.execute("SELECT count(*) FROM runs WHERE started_ns < ?", (oldest,)).fetchone()
        used = self.used_bytes(connection)
        heavy = math.ceil(count * (1 - self._keep_bytes / used)) if used > self._keep_bytes else 0
        return max(0, int(count) - self._keep_runs, int(expired), heavy)

    def used_bytes(self, connection: sqlite3.Connection) -> int:
        """Bytes of the file that hold something; what was deleted is free for what comes."""
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def _prefix(ident: str) -> str:
    prefix = ident.strip().lower().removesuffix("…")
    if len(prefix) < MIN_PREFIX or set(prefix) - set("0123456789abcdef"):
        raise UsageError(
            f"ID must be 'last' or at least {MIN_PREFIX} hexadecimal digits of a trace's id, got {ident!r}; "
            "see the ids with: shotclock trace list"
        )
    return prefix
