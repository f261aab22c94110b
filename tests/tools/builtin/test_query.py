"""SQL on tables: what comes back, and that it can neither write nor reach a file."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.policies.errors import ToolError
from shotclock.tools.builtin.tables import MAX_ROWS, Tables

ORDERS = """\
id,day,region,product,quantity,amount,express
1,2026-01-05,North,Lamp,2,79.5,true
2,2026-01-06,South,Lamp,1,39.75,false
3,2026-02-01,north,Desk,1,,false
4,2026-02-03,East,Chair,4,400,true
"""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    path.write_text(ORDERS)
    return Tables([path])


REFUSED = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM parquet_metadata('{file}')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM '{file}'",
    'SELECT * FROM "{file}"',
    "FROM '{folder}/*.csv'",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM query('SELECT * FROM ''{file}''')",
    "SELECT * FROM query_table('{file}')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT repeat('x', 4000000000)",
    "SELECT 'x'.\"repeat\"/* */(4000000000)",
    "SELECT lpad('x', 2000000000, 'y')",
    "COPY orders TO '{new}'",
    "COPY (SELECT 1) TO '{new}' (FORMAT json)",
    "EXPORT DATABASE '{new}'",
    "ATTACH '{new}'",
    "ATTACH '{new}' AS other (TYPE sqlite)",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TABLE t AS SELECT * FROM '{file}'",
    "CREATE SECRET s (TYPE s3)",
    "INSERT INTO orders SELECT * FROM orders",
    "UPDATE orders SET amount = 0",
    "DELETE FROM orders",
    "DROP TABLE orders",
    "ALTER TABLE orders ADD COLUMN x INT",
    "TRUNCATE orders",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "SELECT 1; DELETE FROM orders",
    "SELECT 1; SELECT 2",
    "PREPARE p AS SELECT 1",
    "CALL pragma_version()",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT",
    "VACUUM",
    "USE memory",
    "",
    ";",
    "-- nothing",
    "SELECT",
    "hello",
]


def test_a_query_returns_rows_as_dicts(orders: Tables) -> None:
    """SELECT, WITH, DESCRIBE and SUMMARIZE give rows; two columns of one name both stay."""
    query = orders.query_table
    assert query(sql="SELECT region, quantity FROM orders WHERE id = 1")["rows"] == [{"region": "North", "quantity": 2}]
    assert query(sql="WITH a AS (SELECT 1 AS n) SELECT n, n FROM a;")["rows"] == [{"n": 1, "n_2": 1}]
    assert query(sql="DESCRIBE orders")["row_count"] == 7
    assert query(sql="SUMMARIZE orders")["row_count"] == 7
    json.dumps(query(sql="SELECT *, INTERVAL 1 DAY, '\\x01'::BLOB, 'nan'::DOUBLE, uuid() FROM orders")["rows"])


def test_a_long_result_is_cut_and_says_so(orders: Tables) -> None:
    """At most 200 rows come back, with a note where there were more."""
    assert "note" not in orders.query(f"SELECT * FROM range({MAX_ROWS})")
    cut = orders.query(f"SELECT * FROM range({MAX_ROWS + 1})")
    assert len(cut["rows"]) == MAX_ROWS
    assert "first 200 rows" in cut["note"]


def test_the_query_tool_shows_the_schema(orders: Tables) -> None:
    """A model reads table names, columns, types and two rows, and the argument is marked as SQL."""
    tool = orders.query_table
    for part in (
        '"orders" (orders.csv, 4 rows)',
        '"amount" DOUBLE',
        "1 | 2026-01-05 | North",
        "2 | 2026-01-06 | South",
    ):
        assert part in tool.description
    assert tool.schema.parameters["properties"]["sql"]["format"] == "sql"


def test_a_slow_query_is_stopped(orders: Tables) -> None:
    """A query over its time is interrupted, and the next one works."""
    with pytest.raises(ToolError, match=r"stopped after 0\.1 seconds"):
        orders.query("SELECT count(*) FROM range(1000000000) a, range(1000000) b", timeout=0.1)
    assert orders.query("SELECT 1 AS n")["rows"] == [{"n": 1}]


def test_an_sql_error_is_one_line(orders: Tables) -> None:
    """What the database says against a query reaches the model in one line."""
    with pytest.raises(ToolError, match="the query failed: ") as error:
        orders.query("SELECT nothing FROM orders")
    assert "\n" not in str(error.value)
    assert "nothing" in str(error.value)


@pytest.mark.parametrize("sql", REFUSED)
def test_sql_can_neither_write_nor_reach_a_file(tmp_path: Path, orders: Tables, sql: str) -> None:
    """Whatever reads other files, writes, changes settings, hides SQL or is no single query is a ToolError."""
    file, new = tmp_path / "secret.csv", tmp_path / "new"
    file.write_text("secret\n42\n")
    with pytest.raises(ToolError):
        orders.query(sql.format(file=file, folder=tmp_path, new=new))
    assert not new.exists()
    assert orders.describe("rows")["value"] == 4
    assert orders.describe("sum", "amount")["value"] == 519.25


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_arbitrary_sql_is_answered_or_refused(orders: Tables, sql: str) -> None:
    """Any text is either a query with rows or a ToolError."""
    with contextlib.suppress(ToolError):
        assert "rows" in orders.query(sql)


@given(st.sampled_from(["region", "amount", "day", "express"]), st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_arbitrary_values_are_compared_or_refused(orders: Tables, column: str, value: str) -> None:
    """A condition's value is data: it counts rows or is a ToolError, and never becomes SQL."""
    with contextlib.suppress(ToolError):
        assert orders.describe("rows", None, column, value)["value"] in range(5)
