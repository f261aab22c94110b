"""Table files: what is read of each, however it is written."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.errors import InvalidPath, ToolError
from shotclock.tools.builtin import database as database_module
from shotclock.tools.builtin.dialect import column_names
from shotclock.tools.builtin.tables import Tables


def tables(folder: Path, name: str, content: str | bytes) -> Tables:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Tables([path])


def rows(made: Tables, table: str | None = None) -> list[list[Any]]:
    name = table or next(iter(made.tables))
    return [list(row.values()) for row in made.query(f'SELECT * FROM "{name}"')["rows"]]


def columns(made: Tables) -> dict[str, str]:
    (table,) = made.tables.values()
    return {column.name: column.type for column in table.columns}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("bom.csv", b"\xef\xbb\xbfa,b\n1,x\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("semicolon.csv", "a;b\n1;x\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("tab.csv", "a\tb\n1\tx\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("tab.tsv", "a\tb\n1\tx, y\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("pipe.csv", "a|b\n1|x\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("excel.csv", "sep=;\na;b\n1;x\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("above.csv", "\n\na,b\n1,x\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("crlf.csv", "a,b\r\n1,x\r\n", {"a": "BIGINT", "b": "VARCHAR"}),
        ("utf16.csv", "a,b\n1,é\n".encode("utf-16"), {"a": "BIGINT", "b": "VARCHAR"}),
        ("one.csv", "name\nx\ny\n", {"name": "VARCHAR"}),
        (
            "headless.csv",
            "1,x,2026-01-01\n2,y,2026-01-02\n",
            {"column_1": "BIGINT", "column_2": "VARCHAR", "column_3": "DATE"},
        ),
        ("years.csv", "region,2024,2025\nNorth,1,2\n", {"region": "VARCHAR", "2024": "BIGINT", "2025": "BIGINT"}),
        ("unnamed.csv", ",a,a,A\n1,2,3,4\n", {"column_1": "BIGINT", "a": "BIGINT", "a_2": "BIGINT", "A_3": "BIGINT"}),
        (
            "codes.csv",
            "zip,phone,n\n00123,+4712,1e3\n10000,+4713,2\n",
            {"zip": "VARCHAR", "phone": "VARCHAR", "n": "DOUBLE"},
        ),
        ("long.csv", "n,m\n99999999999999999999,9223372036854775807\n5,1\n", {"n": "VARCHAR", "m": "BIGINT"}),
        ("missing.csv", "n,region\n1.5,NA\nN/A,EU\n", {"n": "DOUBLE", "region": "VARCHAR"}),
        ("thousands.csv", 'n,m\n"1,000",1\n', {"n": "VARCHAR", "m": "BIGINT"}),
        ("times.csv", "t,ok\n2026-01-01 10:00,true\n2026-01-02,FALSE\n", {"t": "TIMESTAMP", "ok": "BOOLEAN"}),
        ("header.csv", "a,b\n", {"a": "VARCHAR", "b": "VARCHAR"}),
    ],
)
def test_delimited_text_is_read_as_it_is_written(
    tmp_path: Path, name: str, content: str | bytes, expected: dict[str, str]
) -> None:
    """Encoding, delimiter, header and column types are told from the file, and no value loses a character."""
    made = tables(tmp_path, name, content)
    assert columns(made) == expected
    assert made.warnings == ()


def test_quotes_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    """A quoted cell keeps its line ends, commas and doubled quotes."""
    made = tables(tmp_path, "t.csv", 'a,b\n1,"x\ny"\n2,"z, ""q"""\n')
    assert rows(made) == [[1, "x\ny"], [2, 'z, "q"']]


def test_windows_1252_is_read(tmp_path: Path) -> None:
    """Text that is no UTF-8 is read as Windows-1252, the euro sign included."""
    made = tables(tmp_path, "t.csv", "Ort;Preis €\nKöln;3.5\n".encode("cp1252"))
    assert (columns(made), rows(made)) == ({"Ort": "VARCHAR", "Preis €": "DOUBLE"}, [["Köln", 3.5]])


def test_ragged_rows_are_kept_and_the_surplus_is_reported(tmp_path: Path) -> None:
    """A short row is filled with empty cells, a long one is cut with a warning, and none is lost."""
    made = tables(tmp_path, "t.csv", "a,b,c\n1,2\n1,2,3,4,5\n5,6,7\n")
    assert rows(made) == [[1, 2, None], [1, 2, 3], [5, 6, 7]]
    assert made.warnings == ("t.csv: rows with more cells than the 3 columns: 1; the surplus was left out",)


def test_an_endless_row_is_left_out_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row over the limit costs only itself."""
    monkeypatch.setattr("shotclock.tools.builtin.loading.MAX_LINE_BYTES", 1000)
    made = tables(tmp_path, "t.csv", f"a,b\n1,{'x' * 2000}\n2,y\n")
    assert rows(made) == [[2, "y"]]
    assert "could not be read and were left out: 1" in made.warnings[0]


def test_a_word_for_missing_is_kept_in_text_and_empty_among_numbers(tmp_path: Path) -> None:
    """`NA` is a region in a column of text and no value in a column of numbers."""
    made = tables(tmp_path, "t.csv", "n,region\n1.5,NA\nN/A,EU\n")
    assert rows(made) == [[1.5, "NA"], [None, "EU"]]


def test_json_and_json_lines_are_tables(tmp_path: Path) -> None:
    """An array of objects and one object a line give the same table; a missing key is an empty cell."""
    for name, text in (
        ("a.json", '[{"x": 1, "y": "a"}, {"x": 2}]'),
        ("b.jsonl", '\ufeff{"x": 1, "y": "a"}\n{"x": 2}\n'),
    ):
        assert rows(tables(tmp_path, name, text)) == [[1, "a"], [2, None]]


def test_nested_json_can_be_counted_and_queried(tmp_path: Path) -> None:
    """A nested column is returned as JSON and has no statistics but its count."""
    made = tables(tmp_path, "t.json", '[{"n": {"a": [1, 2]}}, {"n": null}]')
    assert rows(made) == [[{"a": [1, 2]}], [None]]
    assert made.describe("count", "n")["value"] == 1
    with pytest.raises(ToolError, match="ask for its count"):
        made.describe("maximum", "n")


def test_parquet_is_a_table(tmp_path: Path) -> None:
    """A Parquet file keeps its types, exact decimals and dates included."""
    import duckdb

    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        query = "SELECT 1.10::DECIMAL(10, 2) AS price, DATE '2026-01-01' AS day, 'a' AS name"
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    made = Tables([path])
    assert rows(made) == [[1.1, "2026-01-01", "a"]]
    assert made.describe("sum", "price")["value"] == 1.1


def test_sqlite_gives_every_table_and_keeps_text_as_text(tmp_path: Path) -> None:
    """Each table of a SQLite file is one; a number stored as text stays text, and empty text is not null."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE goods (code TEXT, price REAL, stock INTEGER, photo BLOB, since TEXT)")
        connection.execute("INSERT INTO goods VALUES ('1', 2.5, 3, x'0102', '2026-01-01')")
        connection.execute("INSERT INTO goods VALUES ('', NULL, 4, NULL, NULL)")
        connection.execute('CREATE TABLE "odd ""name" (x)')
    connection.close()
    made = Tables([tmp_path / "shop.db"])
    assert list(made.tables) == ["goods", "odd_name"]
    assert rows(made, "goods") == [["1", 2.5, 3, "(2 bytes)", "2026-01-01"], ["", None, 4, None, None]]
    assert made.describe("sum", "stock")["origin"] == "shop.db, table goods"


def test_a_name_with_wildcards_is_one_file(tmp_path: Path) -> None:
    """Brackets and stars in a file name are letters, not patterns."""
    (tmp_path / "a1.csv").write_text("x\n9\n")
    assert rows(tables(tmp_path, "a[1]*.csv", "x,y\n1,2\n")) == [[1, 2]]


def test_table_names_are_identifiers(tmp_path: Path) -> None:
    """A table is named after its file as SQL can write it; repeated names are numbered."""
    for name in ("Sales 2026.csv", "order.csv", "2026.csv", "sub/order.csv", "größe.csv", "!.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    made = Tables([tmp_path])
    assert set(made.tables) == {"sales_2026", "order_table", "t_2026", "order_table_2", "größe", "table_table"}
    for name in made.tables:
        assert made.query(f"SELECT x FROM {name}")["rows"] == [{"x": 1}]


@given(st.lists(st.text(max_size=5), min_size=1, max_size=20))
def test_column_names_are_distinct_and_never_empty(names: list[str]) -> None:
    """Whatever the header holds, every column can be named, and no two differ in case only."""
    made = column_names(names)
    assert len({name.lower() for name in made}) == len(names)
    assert all(made)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"x": 1}\n{broken\n'),
        ("b.json", '[{"x": 1}, 2]'),
        ("c.parquet", b"PAR1 and nothing"),
        ("d.db", b"SQLite format 3\0 and nothing"),
    ],
)
def test_a_broken_table_raises_when_named_and_warns_in_a_folder(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    """A file that only looks like a table raises on first use; in a folder it costs only itself."""
    with pytest.raises(InvalidPath, match=f"{name} cannot be read as a table"):
        _ = tables(tmp_path, name, content).tables
    (tmp_path / "good.csv").write_text("x\n1\n")
    made = Tables([tmp_path])
    assert list(made.tables) == ["good"]
    assert name in made.warnings[0]


def test_a_table_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An oversized file is refused with its size and the limit."""
    monkeypatch.setattr(database_module, "MAX_BYTES", 10)
    with pytest.raises(InvalidPath, match=r"it has 24 bytes; a table may have 10"):
        _ = tables(tmp_path, "t.csv", "x,y\n1,2\n1,2\n1,2\n1,2\n1,2\n").tables
