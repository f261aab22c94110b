"""Tables in memory that can be asked and not changed: DuckDB without access to files."""

from __future__ import annotations

import re
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...policies.errors import InvalidPath, MissingExtra, ToolError
from .loading import Loaded, load, quoted
from .paths import Files, stamp_of

MAX_BYTES = 200_000_000
"""Bytes of one table file."""
MAX_TOTAL_BYTES = 500_000_000
"""Bytes of all table files together."""
MAX_TABLES = 50
"""Tables that are loaded."""
MAX_VALUES = 20
"""Distinct values up to which a text column's values are listed."""
MEMORY = "2GB"
"""Memory that tables and queries may take together; a query over it fails."""

Kind = Literal["number", "text", "date", "truth", "other"]
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name in the file.
        type: its SQL type.
        kind: what can be asked of it.
        values: all values of a text column with at most twenty different ones, in alphabetical order.
    """

    name: str
    type: str
    kind: Kind
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        name: its name in SQL.
        origin: the file it was read from, with the table's own name where the file holds several.
        columns: its columns, in order.
        rows: how many rows it has.
    """

    name: str
    origin: str
    columns: tuple[Column, ...]
    rows: int

    def column(self, name: str | None) -> Column | None:
        """The column of that name, or `None`."""
        return next((column for column in self.columns if column.name == name), None)


class Database:
    """The tables of some files, read once.

    Args:
        files: the files, sorted.

    Attributes:
        tables: the tables, by name.
        warnings: what was left out, one sentence each.

    Raises:
        MissingExtra: the extra `files` is not installed.
        InvalidPath: a file that was named itself is no table, or is too large.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        # What of duckdb is still held when the interpreter ends makes it print a report of leaks. Whoever keeps this
        # object alive until then (the context of a timer, a cycle) must not cause that, so it lets go by itself.
        duckdb = _duckdb()
        self._held = {"module": duckdb, "connection": duckdb.connect(":memory:", config=_SETTINGS)}
        weakref.finalize(self, self._held.clear)
        self._names = {row[0] for row in self._connection.execute(_RESERVED).fetchall()}
        self.tables: dict[str, Table] = {}
        self.warnings: list[str] = []
        total = 0
        for path in files.tables:
            total += stamp_of(path)[1]
            self._load(path, total)
        # From here on nothing that SQL says can reach a file, the network, or these settings.
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    @property
    def _connection(self) -> Any:
        return self._held["connection"]

    @property
    def _duckdb(self) -> Any:
        return self._held["module"]

    @contextmanager
    def cursor(self, timeout: float) -> Iterator[Any]:
        """A cursor for one read-only query, which is interrupted after `timeout` seconds.

        Raises:
            ToolError: the query failed, with the first line of what the database said, or it took too long.
        """
        cursor = self._connection.cursor()
        timer = threading.Timer(timeout, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor
        except self._duckdb.InterruptException as error:
            raise ToolError(f"the query was stopped after {timeout:g} seconds; ask for less") from error
        except self._duckdb.Error as error:
            raise ToolError(f"the query failed: {_first_line(error)}") from error
        finally:
            timer.cancel()
            # The timer's thread holds the cursor; one that outlives the interpreter makes duckdb complain of leaks at
            # exit.
            timer.join()
            cursor.close()

    def statement_types(self, sql: str) -> list[str]:
        """The kinds of the statements in `sql`: `SELECT`, `COPY`, …; DESCRIBE and SUMMARIZE count as `SELECT`.

        Raises:
            ToolError: it is no SQL.
        """
        try:
            return [statement.type.name for statement in self._connection.cursor().extract_statements(sql)]
        except (self._duckdb.Error, UnicodeError) as error:
            raise ToolError(f"the query failed: {_first_line(error)}") from error

    def _load(self, path: Path, total: int) -> None:
        label = self._files.label(path)
        try:
            self._check_room(path, total)
            with tempfile.TemporaryDirectory(prefix="tables-") as workspace:
                loaded = load(self._connection, path, self._free_name, Path(workspace))
        except (OSError, ValueError, self._duckdb.Error) as error:
            self._refuse(path, f"{label} cannot be read as a table: {_first_line(error)}", error)
            return
        for item in loaded:
            origin = label if item.part is None else f"{label}, table {item.part}"
            self.warnings += [f"{origin}: {warning}" for warning in item.warnings]
            self.tables[item.name] = self._table(item, origin)

    def _check_room(self, path: Path, total: int) -> None:
        size = stamp_of(path)[1]
        if size > MAX_BYTES:
            raise ValueError(f"it has {size:,} bytes; a table may have {MAX_BYTES:,}")
        if total > MAX_TOTAL_BYTES:
            raise ValueError(f"the tables have over {MAX_TOTAL_BYTES:,} bytes together; give fewer")
        if len(self.tables) >= MAX_TABLES:
            raise ValueError(f"there are {MAX_TABLES} tables already; give fewer")

    def _refuse(self, path: Path, problem: str, error: Exception) -> None:
        """A file that was named itself raises; one found in a folder must not cost the others."""
        if path in self._files.named:
            raise InvalidPath(problem) from error
        self.warnings.append(problem)

    def _free_name(self, proposed: str) -> str:
        stem = re.sub(r"\W+", "_", proposed.lower()).strip("_")[:60] or "table"
        stem = f"t_{stem}" if stem[0].isdigit() else stem
        name, number = (f"{stem}_table", 1) if stem in self._names and stem not in self.tables else (stem, 1)
        first = name
        while name in self._names:
            number += 1
            name = f"{first}_{number}"
        self._names.add(name)
        return name

    def _table(self, loaded: Loaded, origin: str) -> Table:
        described = self._connection.execute(f"DESCRIBE {quoted(loaded.name)}").fetchall()
        count = self._connection.execute(f"SELECT count(*) FROM {quoted(loaded.name)}").fetchone()[0]
        columns = tuple(self._column(loaded.name, str(row[0]), str(row[1])) for row in described)
        return Table(name=loaded.name, origin=origin, columns=columns, rows=int(count))

    def _column(self, table: str, name: str, type_: str) -> Column:
        kind = kind_of(type_)
        values: tuple[str, ...] = ()
        if kind == "text":
            distinct = f"SELECT DISTINCT {quoted(name)} FROM {quoted(table)} WHERE {quoted(name)} <> ''"
            rows = self._connection.execute(f"{distinct} LIMIT {MAX_VALUES + 1}").fetchall()
            found = sorted(str(row[0]) for row in rows)
            values = tuple(found) if len(found) <= MAX_VALUES and all(len(value) <= 60 for value in found) else ()
        return Column(name=name, type=type_, kind=kind, values=values)


_SETTINGS = {
    # What a query cannot hold in memory fails; nothing is written to disk, and no extension is fetched.
    "memory_limit": MEMORY,
    "threads": "2",
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_RESERVED = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"


def kind_of(type_: str) -> Kind:
    """What can be asked of a column of an SQL type."""
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        return "other"
    if type_ == "VARCHAR" or type_.startswith("ENUM"):
        return "text"
    if type_ == "BOOLEAN":
        return "truth"
    if type_.startswith(("DATE", "TIME")):
        return "date"
    return "number" if any(number in type_ for number in _NUMBERS) and "INTERVAL" not in type_ else "other"


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra("tables", "files") from error
    return duckdb


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
