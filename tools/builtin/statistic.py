"""One figure of a table, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ...policies.errors import ToolError
from .database import Column, Database, Table
from .figures import cut, plain, shown
from .loading import quoted

Statistic = Literal["rows", "columns", "count", "sum", "mean", "median", "minimum", "maximum"]

TIMEOUT = 30.0
"""Seconds one query may take."""

_ASKED = {
    "count": "count({0})",
    "sum": "sum({0})",
    "mean": "avg({0})",
    "median": "median({0})",
    "minimum": "min({0})",
    "maximum": "max({0})",
}
_FIGURE = r"[-+(]?[$€£¥]?\s*\d[\d.,'/\s]*(%|[$€£¥]|[A-Za-z]{1,3})?\)?"
"""Text that people read as a number or a date, and that does not sort as one."""
_FOR_NUMBERS = ("sum", "mean", "median")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Which rows are meant: those whose `column` equals `value`, ignoring case."""

    column: Column
    value: str

    def sql(self) -> tuple[str, list[Any]]:
        """The condition and its parameters.

        Raises:
            ToolError: the column holds numbers and the value is none.
        """
        name = quoted(self.column.name)
        if self.column.kind == "number":
            return f"{name} = ?", [_number(self)]
        return f"lower(trim(CAST({name} AS VARCHAR))) = lower(trim(CAST(? AS VARCHAR)))", [self.value]

    def __str__(self) -> str:
        return f" where {self.column.name} is {cut(self.value, 80)}"


def describe(
    database: Database, table: Table, statistic: Statistic, column: Column | None, where: Condition | None
) -> dict[str, Any]:
    """The figure with the rows it was made from.

    Raises:
        ToolError: the column is missing, cannot be added up, or no row has a value.
    """
    if statistic == "columns":
        return _columns(table)
    if statistic == "rows":
        return _rows(database, table, column, where)
    if column is None:
        raise ToolError(f"{statistic} needs a column; {table.name} has: {_names(table)}")
    _refuse_text(statistic, column)
    if statistic in ("minimum", "maximum") and column.kind == "text":
        _refuse_figures(database, table, statistic, column, where)
    return _figure(database, table, statistic, column, where)


def _columns(table: Table) -> dict[str, Any]:
    count = len(table.columns)
    summary = f"Columns of {table.origin}: {count} ({_names(table)})"
    return _result(table, "columns", count, summary) | {
        "columns": {column.name: column.kind for column in table.columns}
    }


def _rows(database: Database, table: Table, column: Column | None, where: Condition | None) -> dict[str, Any]:
    if column is not None:
        return _rows_with(database, table, column, where)
    if where is None:
        return _result(table, "rows", table.rows, f"Rows of {table.origin}: {table.rows:,}")
    (count,) = _ask(database, table, "count(*)", where)
    summary = f"Rows of {table.origin}{where}: {count:,} (of {table.rows:,} rows)"
    return _result(table, "rows", count, summary) | {"rows_used": count}


def _rows_with(database: Database, table: Table, column: Column, where: Condition | None) -> dict[str, Any]:
    """How many rows have a value in a column."""
    count, rows = _ask(database, table, f"count({quoted(column.name)}), count(*)", where)
    summary = f"Rows of {table.origin}{where or ''} with a value in {column.name}: {count:,} (of {rows:,} rows)"
    counted = {"column": column.name, "rows_used": count, "nulls": rows - count}
    return _result(table, "rows", count, summary) | counted


def _figure(
    database: Database, table: Table, statistic: str, column: Column, where: Condition | None
) -> dict[str, Any]:
    name = quoted(column.name)
    # Floats are added with compensation, so that 0.1 ten times is 1.
    asked = "fsum({0})" if statistic == "sum" and column.type in ("DOUBLE", "FLOAT") else _ASKED[statistic]
    found, used, rows = _ask(database, table, f"{asked.format(name)}, count({name}), count(*)", where)
    if statistic != "count" and not used:
        raise ToolError(_nothing(table, column, where, rows))
    value = plain(found)
    condition = "" if where is None else str(where)
    summary = f"{statistic.capitalize()} of {column.name}{condition}: {shown(value)} ({_basis(table, used, rows)})"
    return _result(table, statistic, value, summary) | {
        "column": column.name,
        "rows_used": used,
        "nulls": rows - used,
    }


def _basis(table: Table, used: int, rows: int) -> str:
    without = f", {rows - used:,} more without a value" if rows > used else ""
    return f"{used:,} row{'' if used == 1 else 's'} of {table.origin}{without}"


def _result(table: Table, statistic: str, value: Any, summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "statistic": statistic,
        "value": value,
        "table": table.name,
        "origin": table.origin,
        "rows_used": table.rows,
        "nulls": 0,
    }


def _ask(database: Database, table: Table, asked: str, where: Condition | None) -> tuple[Any, ...]:
    condition, parameters = ("true", []) if where is None else where.sql()
    with database.cursor(TIMEOUT) as cursor:
        row: tuple[Any, ...] = cursor.execute(
            f"SELECT {asked} FROM {quoted(table.name)} WHERE {condition}", parameters
        ).fetchone()
        return row


def _refuse_text(statistic: str, column: Column) -> None:
    if statistic in _FOR_NUMBERS and column.kind != "number":
        example = f", for example {column.values[0]!r}" if column.values else ""
        raise ToolError(
            f"there is no {statistic} of {column.name}: it holds {column.kind} ({column.type}{example}), not numbers; "
            "ask for its count, minimum or maximum"
        )
    if statistic in ("minimum", "maximum") and column.kind == "other":
        raise ToolError(f"there is no {statistic} of {column.name}: it holds {column.type}; ask for its count")


def _refuse_figures(database: Database, table: Table, statistic: str, column: Column, where: Condition | None) -> None:
    """Text such as `99,00` sorts letter by letter, before `9`: its maximum is not the largest number."""
    name = f"trim({quoted(column.name)})"
    looks = f"regexp_full_match({name}, '{_FIGURE.replace(chr(39), chr(39) * 2)}')"
    example, figures, values = _ask(
        database, table, f"min({name}) FILTER ({looks}), count(*) FILTER ({looks}), count({name})", where
    )
    if figures and figures * 2 >= values:
        raise ToolError(
            f"there is no {statistic} of {column.name}: it holds text ({column.type}, for example "
            f"{cut(example, 80)!r}) that looks like numbers or dates but would be compared letter by letter; ask for "
            "its count, or convert it in SQL"
        )


def _nothing(table: Table, column: Column, where: Condition | None, rows: int) -> str:
    if where is None or rows:
        return f"no row of {table.origin}{where or ''} has a value in {column.name}"
    known = f"; its values are: {', '.join(where.column.values)}" if where.column.values else ""
    return f"no row of {table.origin} has {where.column.name} equal to {cut(where.value, 80)!r}{known}"


def _number(where: Condition) -> int | float:
    text = where.value.strip().replace(",", "").replace("_", "")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError as error:
        raise ToolError(
            f"{where.column.name} holds numbers, and where_value {cut(where.value, 80)!r} is none; give a number"
        ) from error


def _names(table: Table) -> str:
    return cut(", ".join(column.name for column in table.columns), 500)
