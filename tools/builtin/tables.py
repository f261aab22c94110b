"""Questions to tables: a figure of a column, or any SQL that only reads."""

from __future__ import annotations

import inspect
import os
import re
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from ...policies.errors import InvalidPath, ToolError
from ..tool import Tool
from .database import Column, Database, Table
from .figures import cut, plain
from .loading import quoted
from .paths import Files, sort_paths, stamp_of
from .statistic import TIMEOUT, Condition, Statistic, describe

MAX_ROWS = 200
"""Rows one query returns; what is over is cut, and the result says so."""
MAX_COLUMNS = 200
"""Columns that are offered by name; the others can be asked for in SQL."""
MAX_NOTE = 2_000
"""Characters of a description of columns."""
MAX_SCHEMA = 4_000
"""Characters of the schema in the description of `query_table`."""
MAX_EXAMPLES = 60
"""Known values that are offered for `where_value`."""

# One call of these makes a text or a list of gigabytes, which neither the memory limit nor an interrupt holds back;
# the last ones run SQL that is hidden in a text.
_REFUSED = re.compile(
    r"\b(repeat|lpad|rpad|format|printf|bitstring|list_resize|array_resize|query|query_table|json_execute_serialized_sql)"
    r"\b\"?\s*(/\*.*?\*/\s*|--[^\n]*\n\s*)*\(",
    re.IGNORECASE | re.DOTALL,
)

Sql = Annotated[
    str,
    Field(
        description="One SELECT, WITH, DESCRIBE or SUMMARIZE statement in DuckDB's SQL.",
        json_schema_extra={"format": "sql"},
    ),
]


class Tables:
    """Tables and the tools that ask them.

    The files are read when a tool is first made, since the schemas name their columns; a file that has changed is read
    again on the next call.

    Args:
        paths: files and folders, or `Files` that are sorted already.

    Raises:
        InvalidPath: see `sort_paths`; on first use also for a file that is no table after all.
        MissingExtra: on first use, where the extra `files` is not installed.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]] | Files) -> None:
        self.files = paths if isinstance(paths, Files) else sort_paths(paths)
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._stamps: tuple[tuple[int, int], ...] = ()

    @property
    def tables(self) -> dict[str, Table]:
        """The tables, by their name in SQL."""
        return self._current().tables

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, one sentence each."""
        return (*self.files.warnings, *self._current().warnings)

    @cached_property
    def describe_table(self) -> Tool:
        """The tool: `describe_table(statistic, column, where_column, where_value, table) -> dict`."""
        tables = self.tables

        def describe_table(**arguments: Any) -> dict[str, Any]:
            return self.describe(**arguments)

        describe_table.__doc__ = (
            "One figure of a table: how many rows or columns, or the count, sum, mean, median, minimum or maximum of a "
            f"column, of all rows or of those where a column has a value. {_overview(tables)}"
        )
        describe_table.__signature__ = _signature(list(tables.values()))  # type: ignore[attr-defined]
        return Tool(describe_table, read_only=True, trusted=False)

    @cached_property
    def query_table(self) -> Tool:
        """The tool: `query_table(sql) -> dict` with the `rows` as a list of dicts."""

        def query_table(sql: Sql) -> dict[str, Any]:
            return self.query(sql)

        query_table.__doc__ = (
            f"Run one SQL query (DuckDB, read only) on these tables; at most {MAX_ROWS} rows come back.\n\n"
            + self._schema_text()
        )
        return Tool(query_table, read_only=True, trusted=False)

    def describe(
        self,
        statistic: Statistic,
        column: str | None = None,
        where_column: str | None = None,
        where_value: str | None = None,
        table: str | None = None,
    ) -> dict[str, Any]:
        """One figure: its `value`, its rows (`rows_used`, `nulls`), and a `summary` that shows the same digits.

        Raises:
            ToolError: there is no such column, it cannot be added up, or no row has a value.
        """
        database = self._current()
        chosen = _chosen(database.tables, table, [name for name in (column, where_column) if name])
        where = _condition(chosen, where_column, where_value)
        return describe(database, chosen, statistic, _column(chosen, column), where)

    def query(self, sql: str, timeout: float = TIMEOUT) -> dict[str, Any]:
        """The rows of one read-only statement.

        Returns:
            `rows` (a list of dicts), `row_count`, and where there were more than 200 a `note` that says so.

        Raises:
            ToolError: it is no SQL, more than one statement, more than reading, or it took over `timeout` seconds.
        """
        database = self._current()
        _refuse(database.statement_types(sql), sql)
        with database.cursor(timeout) as cursor:
            cursor.execute(sql)
            names = _column_keys([str(item[0]) for item in cursor.description])
            found = cursor.fetchmany(MAX_ROWS + 1)
        rows = [dict(zip(names, map(plain, row), strict=True)) for row in found[:MAX_ROWS]]
        result: dict[str, Any] = {"rows": rows, "row_count": len(rows)}
        if len(found) > MAX_ROWS:
            result["note"] = f"cut: only the first {MAX_ROWS} rows are shown; add a condition, GROUP BY or LIMIT"
        return result

    def _current(self) -> Database:
        """The database, read again where a file has changed."""
        with self._lock:
            stamps = tuple(map(stamp_of, self.files.tables))
            if self._database is None or stamps != self._stamps:
                # The old one is left to the queries that still run on it.
                self._database, self._stamps = self._read(), stamps
            return self._database

    def _read(self) -> Database:
        try:
            return Database(self.files)
        except InvalidPath as error:
            if self._database is None:
                raise
            # It was good when the tools were made: now it is the model that has to be told.
            raise ToolError(str(error)) from error

    def _schema_text(self) -> str:
        parts = [_table_text(self._current(), table) for table in self.tables.values()]
        return cut("\n".join(parts), MAX_SCHEMA)


def _signature(tables: Sequence[Table]) -> inspect.Signature:
    """The parameters of `describe_table`, with the names that these tables have."""
    columns = _by_name(tables)
    names: Any = Literal[tuple(columns)[:MAX_COLUMNS]] | None
    note = cut("; ".join(f"{name}: {column.kind} ({column.type})" for name, column in columns.items()), MAX_NOTE)
    values = _values(tables)
    kinds: dict[str, Any] = {
        "statistic": Annotated[Statistic, Field(description="What to work out; `count` counts rows with a value.")],
        "column": Annotated[names, Field(description=f"The column; of `rows`, those with a value. {note}")],
        "where_column": Annotated[names, Field(description=f"Use only rows where this column is where_value. {note}")],
        "where_value": Annotated[
            str | None,
            BeforeValidator(_as_text),
            Field(
                description="The value that where_column must equal, ignoring case.",
                examples=list(dict.fromkeys(item for each in values.values() for item in each))[:MAX_EXAMPLES],
                json_schema_extra={"x-values": cast(Any, values)},
            ),
        ],
    }
    if len(tables) > 1:
        listed = "; ".join(f"{table.name}: {', '.join(c.name for c in table.columns)}" for table in tables)
        kinds["table"] = Annotated[
            Literal[tuple(table.name for table in tables)] | None,
            Field(description=f"The table; needed where several have the column. {cut(listed, MAX_NOTE)}"),
        ]
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=kind,
            default=inspect.Parameter.empty if name == "statistic" else None,
        )
        for name, kind in kinds.items()
    ]
    return inspect.Signature(parameters, return_annotation=dict[str, Any])


def _by_name(tables: Sequence[Table]) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for table in tables:
        for column in table.columns:
            columns.setdefault(column.name, column)
    return columns


def _values(tables: Sequence[Table]) -> dict[str, list[str]]:
    """The known values of each text column that has few."""
    known: dict[str, list[str]] = {}
    for table in tables:
        for column in table.columns:
            values = ("true", "false") if column.kind == "truth" else column.values
            if values:
                known[column.name] = list(dict.fromkeys([*known.get(column.name, ()), *values]))
    return known


def _as_text(value: Any) -> Any:
    """Models write 5 and true where a text is asked for; there is no doubt what they mean."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _chosen(tables: dict[str, Table], name: str | None, columns: Sequence[str]) -> Table:
    """The table that is meant: by its name, else the only one that has the columns."""
    if name is not None:
        if name not in tables:
            raise ToolError(f"there is no table {name!r}; the tables are: {', '.join(tables)}")
        return tables[name]
    fitting = [table for table in tables.values() if all(table.column(column) for column in columns)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise ToolError(f"no table has the columns {', '.join(columns)}; {_overview(tables)}")
    raise ToolError(f"several tables fit; say which table is meant: {', '.join(table.name for table in fitting)}")


def _column(table: Table, name: str | None) -> Column | None:
    found = table.column(name)
    if name is not None and found is None:
        has = cut(", ".join(column.name for column in table.columns), 500)
        raise ToolError(f"{table.name} has no column {name!r}; it has: {has}")
    return found


def _condition(table: Table, name: str | None, value: str | None) -> Condition | None:
    if name is None and value is None:
        return None
    column = _column(table, name)
    if column is None or value is None:
        missing = "where_column" if column is None else "where_value"
        raise ToolError(f"where_column and where_value go together; {missing} is missing")
    return Condition(column=column, value=value)


def _refuse(types: Sequence[str], sql: str) -> None:
    if len(types) != 1:
        raise ToolError(f"sql must be one statement, got {len(types)}; ask for one at a time")
    if types[0] != "SELECT":
        raise ToolError(f"sql must only read, got {types[0]}; write a SELECT, WITH, DESCRIBE or SUMMARIZE statement")
    found = _REFUSED.search(sql)
    if found:
        raise ToolError(f"sql must not use the function {found[1]}; write the query without it")


def _column_keys(names: Sequence[str]) -> list[str]:
    """Names as the keys of a row: a second `count` becomes `count_2`."""
    keys: list[str] = []
    for name in names:
        key, number = name, 1
        while key in keys:
            number += 1
            key = f"{name}_{number}"
        keys.append(key)
    return keys


def _overview(tables: dict[str, Table]) -> str:
    listed = [f"{table.name} ({table.origin}, {table.rows:,} rows)" for table in tables.values()]
    return cut(f"The tables: {', '.join(listed)}.", 600)


def _table_text(database: Database, table: Table) -> str:
    """A table as the model reads of it: its columns with their types, and two rows."""
    columns = ", ".join(f"{quoted(column.name)} {cut(column.type, 80)}" for column in table.columns[:MAX_COLUMNS])
    with database.cursor(TIMEOUT) as cursor:
        rows = cursor.execute(f"SELECT * FROM {quoted(table.name)} LIMIT 2").fetchall()
    samples = [" | ".join(cut(str(plain(value)), 40) for value in row[:MAX_COLUMNS]) for row in rows]
    head = f"{quoted(table.name)} ({table.origin}, {table.rows:,} rows): {columns}"
    return "\n".join([cut(head, MAX_NOTE), *(f"  for example: {cut(sample, 500)}" for sample in samples)])
