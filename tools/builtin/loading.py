"""From a file to tables in DuckDB: delimited text, JSON, Parquet and SQLite."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .content import TABLE_SUFFIXES
from .dialect import Dialect, as_utf8, column_names, dialect_of

MAX_LINE_BYTES = 10_000_000
"""Bytes of one row of a delimited file; a longer one is left out."""
MAX_COLUMNS = 1_000
"""Columns of a delimited file."""

_NULL = "\\N"
_RAW = "raw rows"
_SAMPLE_ROWS = 2_000
# What people write for "no value"; such a cell is empty only in a column whose other cells are all figures or dates.
_MISSING = "('', 'na', 'n/a', '#n/a', 'nan', 'null', 'none', '-', '--', '?')"
# No leading zero and no plus: 007 and +4712345678 are codes, and would lose a character as numbers. Nor is a whole
# number a DOUBLE that would lose digits in it.
_INTEGER = r"-?(0|[1-9][0-9]*)"
_NUMBER = r"-?((0|[1-9][0-9]{{0,14}})(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"
_TESTS = {
    "BIGINT": f"try_cast({{0}} AS BIGINT) IS NOT NULL AND regexp_full_match({{0}}, '{_INTEGER}')",
    "DOUBLE": f"try_cast({{0}} AS DOUBLE) IS NOT NULL AND regexp_full_match({{0}}, '{_NUMBER}')",
    "DATE": r"try_cast({0} AS DATE) IS NOT NULL AND regexp_full_match({0}, '\d{{4}}-\d\d-\d\d')",
    "TIMESTAMP": "try_cast({0} AS TIMESTAMP) IS NOT NULL AND "
    r"regexp_full_match({0}, '\d{{4}}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?')",
    "BOOLEAN": "lower({0}) IN ('true', 'false')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A table that a file gave.

    Attributes:
        name: its name in the database.
        part: the table's own name in a file that holds several.
        warnings: what of the file was left out, one sentence each, without the file's name.
    """

    name: str
    part: str | None = None
    warnings: tuple[str, ...] = ()


def load(connection: Any, path: Path, name: Callable[[str], str], workspace: Path) -> list[Loaded]:
    """Load every table of a file.

    Args:
        connection: a DuckDB connection that may still read files.
        path: a file that passed `content.check`.
        name: gives a table a free name, from the one proposed.
        workspace: an empty folder for copies in another encoding.

    Raises:
        ValueError: the file is no table, in one sentence.
        OSError: it cannot be read.
    """
    kind = TABLE_SUFFIXES[path.suffix.lower()]
    if kind == "SQLite":
        return _load_sqlite(connection, path, name, workspace)
    if kind == "delimited text":
        return [_load_delimited(connection, path, name(path.stem), workspace)]
    table = name(path.stem)
    if kind == "Parquet":
        connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT * FROM read_parquet(?)", [literal_path(path)])
    else:
        _load_json(connection, as_utf8(path, workspace / "utf8.json"), table)
    return [Loaded(name=table)]


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal_path(path: Path) -> str:
    """A path in which DuckDB finds no wildcard."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))


def _load_json(connection: Any, path: Path, table: str) -> None:
    connection.execute(
        f"CREATE TABLE {quoted(table)} AS SELECT * FROM read_json(?, sample_size = -1, map_inference_threshold = -1)",
        [literal_path(path)],
    )
    names = [row[0] for row in connection.execute(f"DESCRIBE {quoted(table)}").fetchall()]
    if names == ["json"]:
        connection.execute(f"DROP TABLE {quoted(table)}")
        raise ValueError("it holds JSON that is no table; give an array of objects or one object a line")


def _load_delimited(connection: Any, path: Path, table: str, workspace: Path) -> Loaded:
    dialect = dialect_of(path)
    if len(dialect.columns) > MAX_COLUMNS:
        raise ValueError(f"it has {len(dialect.columns):,} columns; a table may have {MAX_COLUMNS:,}")
    warnings = _read_rows(connection, as_utf8(path, workspace / "utf8.csv"), dialect, null="")
    _type_columns(connection, table, dialect.columns, [tuple(_TESTS)] * len(dialect.columns))
    return Loaded(name=table, warnings=tuple(warnings))


def _read_rows(connection: Any, path: Path, dialect: Dialect, *, null: str) -> list[str]:
    """Read a delimited file as text into the table of raw rows, and say what did not fit."""
    width = len(dialect.columns)
    # One column more than the header has: it catches the surplus cells, so that they are seen and no row is lost.
    columns = "{" + ", ".join(f"'c{number}': 'VARCHAR'" for number in range(width + 1)) + "}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {quoted(_RAW)} AS SELECT * FROM read_csv(?, auto_detect = false, "
        f"columns = {columns}, delim = ?, quote = '\"', escape = '\"', header = {dialect.header}, "
        f"skip = {dialect.skip}, nullstr = ?, null_padding = true, strict_mode = false, ignore_errors = true, "
        f"store_rejects = true, parallel = false, max_line_size = {MAX_LINE_BYTES})",
        [literal_path(path), dialect.delimiter, null],
    )
    surplus = _one(connection, f"SELECT count(c{width}) FROM {quoted(_RAW)}")
    rejected = _one(connection, "SELECT count(DISTINCT line) FROM reject_errors")
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    warnings = []
    if surplus:
        warnings.append(f"rows with more cells than the {width} columns: {surplus:,}; the surplus was left out")
    if rejected:
        warnings.append(f"rows that could not be read and were left out: {rejected:,}")
    return warnings


def _type_columns(connection: Any, table: str, names: Sequence[str], allowed: Sequence[Iterable[str]]) -> None:
    """Make the raw rows a table: a column gets the first of its allowed types that all its values fit, else text."""
    # The first rows rule out most types, so that the whole table is tested for few: 6 s instead of 27 on 200 MB.
    likely = _fitting(connection, allowed, f"(FROM {quoted(_RAW)} LIMIT {_SAMPLE_ROWS})", empty=True)
    # A column without any value fits every type; as text it claims nothing.
    fitting = _fitting(connection, likely, quoted(_RAW), empty=False)
    selected = []
    for number, (name, types) in enumerate(zip(names, fitting, strict=True)):
        cell = f"trim(c{number})"
        typed = f"CASE WHEN lower({cell}) NOT IN {_MISSING} THEN CAST({cell} AS {types[0]}) END" if types else ""
        selected.append(f"{typed or f'c{number}'} AS {quoted(name)}")
    connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT {', '.join(selected)} FROM {quoted(_RAW)}")
    connection.execute(f"DROP TABLE {quoted(_RAW)}")


def _fitting(connection: Any, allowed: Sequence[Iterable[str]], source: str, *, empty: bool) -> list[tuple[str, ...]]:
    """Of the types allowed for each column, those that every value in `source` has; `empty`: whether none counts."""
    asked = [item for number, types in enumerate(allowed) for item in _counts(f"trim(c{number})", types)]
    counts = iter(connection.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchone())
    result = []
    for types in allowed:
        present = next(counts)
        fits = [kind for kind in types if next(counts) == present]
        result.append(tuple(fits) if present or empty else ())
    return result


def _counts(cell: str, types: Iterable[str]) -> list[str]:
    present = f"lower({cell}) NOT IN {_MISSING}"
    return [f"count(*) FILTER ({present})"] + [
        f"count(*) FILTER ({present} AND {_TESTS[kind].format(cell)})" for kind in types
    ]


def _load_sqlite(connection: Any, path: Path, name: Callable[[str], str], workspace: Path) -> list[Loaded]:
    # DuckDB's own SQLite reader is an extension it would have to download.
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as source:
            source.text_factory = lambda data: data.decode("utf-8", errors="replace")
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            parts = [row[0] for row in source.execute(query + " ORDER BY name")]
            loaded = [_load_part(connection, source, part, name(part), workspace) for part in parts]
    except sqlite3.Error as error:
        raise ValueError(f"SQLite cannot read it: {error}") from error
    if not loaded:
        raise ValueError("it is a SQLite database without tables")
    return loaded


def _load_part(connection: Any, source: sqlite3.Connection, part: str, table: str, workspace: Path) -> Loaded:
    rows = source.execute(f"SELECT * FROM {quoted(part)}")
    names = column_names(column[0] for column in rows.description)
    stored: list[set[type]] = [set() for _ in names]
    copy = workspace / "rows.csv"
    with open(copy, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in rows:
            for kinds, value in zip(stored, row, strict=True):
                kinds.add(type(value))
            writer.writerow([_cell(value) for value in row])
    dialect = Dialect(delimiter=",", header=False, columns=names)
    warnings = _read_rows(connection, copy, dialect, null=_NULL)
    _type_columns(connection, table, names, [_types_of(kinds) for kinds in stored])
    return Loaded(name=table, part=part, warnings=tuple(warnings))


def _cell(value: Any) -> str:
    if value is None:
        return _NULL
    return f"({len(value):,} bytes)" if isinstance(value, bytes) else str(value).replace("\0", "")


def _types_of(stored: set[type]) -> tuple[str, ...]:
    """What a SQLite column may become: numbers stay numbers, and text stays text unless all of it is dates."""
    kinds = stored - {type(None)}
    if kinds == {int}:
        return ("BIGINT",)
    if kinds and kinds <= {int, float}:
        return ("DOUBLE",)
    return ("DATE", "TIMESTAMP") if kinds == {str} else ()


def _one(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
