"""Tables: what the figures are, the sentences that say them, and what a model is told of the columns."""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.policies.errors import MissingExtra, ToolError
from shotclock.tools.builtin.figures import plain, rounded, shown
from shotclock.tools.builtin.tables import Tables

ORDERS = """\
id,day,region,product,quantity,amount,express
1,2026-01-05,North,Lamp,2,79.5,true
2,2026-01-06,South,Lamp,1,39.75,false
3,2026-02-01,north,Desk,1,,false
4,2026-02-03,East,Chair,4,400,true
"""


def tables(folder: Path, name: str, content: str | bytes) -> Tables:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Tables([path])


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return tables(tmp_path_factory.mktemp("orders"), "orders.csv", ORDERS)


@pytest.mark.parametrize(
    ("arguments", "value", "summary"),
    [
        ({"statistic": "rows"}, 4, "Rows of orders.csv: 4"),
        (
            {"statistic": "columns"},
            7,
            "Columns of orders.csv: 7 (id, day, region, product, quantity, amount, express)",
        ),
        (
            {"statistic": "count", "column": "amount"},
            3,
            "Count of amount: 3 (3 rows of orders.csv, 1 more without a value)",
        ),
        ({"statistic": "sum", "column": "quantity"}, 8, "Sum of quantity: 8 (4 rows of orders.csv)"),
        (
            {"statistic": "mean", "column": "amount", "where_column": "product", "where_value": "lamp"},
            59.625,
            "Mean of amount where product is lamp: 59.625 (2 rows of orders.csv)",
        ),
        ({"statistic": "median", "column": "quantity"}, 1.5, "Median of quantity: 1.5 (4 rows of orders.csv)"),
        ({"statistic": "minimum", "column": "day"}, "2026-01-05", "Minimum of day: 2026-01-05 (4 rows of orders.csv)"),
        (
            {"statistic": "maximum", "column": "product"},
            "Lamp",
            "Maximum of product: Lamp (4 rows of orders.csv)",
        ),
        (
            {"statistic": "rows", "where_column": "region", "where_value": " NORTH "},
            2,
            "Rows of orders.csv where region is  NORTH : 2 (of 4 rows)",
        ),
        (
            {"statistic": "rows", "where_column": "quantity", "where_value": "1.0"},
            2,
            "Rows of orders.csv where quantity is 1.0: 2 (of 4 rows)",
        ),
        (
            {"statistic": "rows", "where_column": "express", "where_value": "True"},
            2,
            "Rows of orders.csv where express is True: 2 (of 4 rows)",
        ),
        (
            {"statistic": "rows", "where_column": "region", "where_value": "West"},
            0,
            "Rows of orders.csv where region is West: 0 (of 4 rows)",
        ),
    ],
)
def test_a_figure_comes_with_the_sentence_that_says_it(
    orders: Tables, arguments: dict[str, Any], value: Any, summary: str
) -> None:
    """Each statistic gives its value and a summary that shows the same figure and the rows behind it."""
    result = orders.describe_table(**arguments)
    assert (result["value"], result["summary"]) == (value, summary)
    assert (result["table"], result["origin"]) == ("orders", "orders.csv")


def test_rows_without_a_value_are_counted_apart(orders: Tables) -> None:
    """A figure says how many rows it was made from and how many had no value."""
    result = orders.describe("mean", "amount", "region", "north")
    assert (result["value"], result["rows_used"], result["nulls"]) == (79.5, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"statistic": "mean", "column": "product"}, "no mean of product: it holds text"),
        ({"statistic": "sum", "column": "day"}, "it holds date"),
        ({"statistic": "mean"}, "mean needs a column; orders has: id, day"),
        ({"statistic": "mean", "column": "price"}, "no table has the columns price"),
        ({"statistic": "mean", "column": "amount", "where_column": "region"}, "where_value is missing"),
        ({"statistic": "mean", "column": "amount", "where_value": "North"}, "where_column is missing"),
        (
            {"statistic": "mean", "column": "amount", "where_column": "product", "where_value": "Sofa"},
            "its values are: Chair, Desk, Lamp",
        ),
        (
            {"statistic": "sum", "column": "amount", "where_column": "product", "where_value": "Desk"},
            "has a value in amount",
        ),
        ({"statistic": "rows", "where_column": "quantity", "where_value": "many"}, "'many' is none; give a number"),
        ({"statistic": "rows", "table": "customers"}, "there is no table 'customers'"),
    ],
)
def test_what_cannot_be_worked_out_is_explained(orders: Tables, arguments: dict[str, Any], says: str) -> None:
    """A question without an answer is a ToolError that says what to ask instead, never a zero."""
    with pytest.raises(ToolError) as error:
        orders.describe(**arguments)
    assert says in str(error.value)


def test_the_schema_lists_columns_and_known_values(orders: Tables) -> None:
    """A model finds the columns as an enum, their types, and the values of text columns with few."""
    schema = orders.describe_table.schema.parameters
    assert schema["required"] == ["statistic"]
    named = ["id", "day", "region", "product", "quantity", "amount", "express"]
    for parameter in ("column", "where_column"):
        assert schema["properties"][parameter]["anyOf"][0]["enum"] == named
        assert "amount: number (DOUBLE)" in schema["properties"][parameter]["description"]
    value = schema["properties"]["where_value"]
    assert value["x-values"] == {
        "express": ["true", "false"],
        "region": ["East", "North", "South", "north"],
        "product": ["Chair", "Desk", "Lamp"],
    }
    assert value["examples"][:7] == ["East", "North", "South", "north", "Chair", "Desk", "Lamp"]
    assert "table" not in schema["properties"]
    json.dumps(schema)


def test_arguments_are_validated_against_the_columns(orders: Tables) -> None:
    """A column that is not there is refused by the schema, and a number is taken for where_value."""
    schema = orders.describe_table.schema
    refused = schema.read({"statistic": "mean", "column": "price"})
    assert "'quantity'" in getattr(refused, "message", "")
    read = schema.read({"statistic": "rows", "where_column": "quantity", "where_value": 4})
    assert isinstance(read, dict)
    assert orders.describe_table(**read)["value"] == 1


def test_a_column_with_many_values_lists_none(tmp_path: Path) -> None:
    """Past twenty distinct values a text column's values are not listed."""
    made = tables(tmp_path, "t.csv", "few,many\n" + "".join(f"a{n % 20},b{n % 21}\n" for n in range(100)))
    schema = made.describe_table.schema.parameters
    assert list(schema["properties"]["where_value"]["x-values"]) == ["few"]


def test_several_tables_are_told_apart(tmp_path: Path) -> None:
    """The table follows from the columns where only one has them, and has to be named where several do."""
    (tmp_path / "a.csv").write_text("shared,only_a\n1,2\n")
    (tmp_path / "b.csv").write_text("shared,only_b\n3,4\n")
    made = Tables([tmp_path])
    assert made.describe_table.schema.parameters["properties"]["table"]["anyOf"][0]["enum"] == ["a", "b"]
    assert made.describe("sum", "only_b")["value"] == 4
    assert made.describe("sum", "shared", table="b")["value"] == 3
    with pytest.raises(ToolError, match="say which table is meant: a, b"):
        made.describe("sum", "shared")
    with pytest.raises(ToolError, match="b has no column 'only_a'; it has: shared, only_b"):
        made.describe("sum", "only_a", table="b")


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=30))
@settings(max_examples=15, deadline=None)
def test_figures_agree_with_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    """Sum, mean, median, minimum and maximum are those of Python's statistics, to six decimals."""
    text = "n,x\n" + "".join(f"{index},{number:.3f}\n" for index, number in enumerate(numbers))
    made = tables(tmp_path_factory.mktemp("figures"), "t.csv", text)
    assert made.describe("sum", "x")["value"] == pytest.approx(sum(numbers), abs=2e-6, rel=1e-9)
    assert made.describe("mean", "x")["value"] == pytest.approx(statistics.fmean(numbers), abs=2e-6, rel=1e-5)
    assert made.describe("median", "x")["value"] == pytest.approx(statistics.median(numbers), abs=2e-6, rel=1e-5)
    assert made.describe("minimum", "x")["value"] == pytest.approx(min(numbers), abs=2e-6)
    assert made.describe("maximum", "x")["value"] == pytest.approx(max(numbers), abs=2e-6)


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers()))
def test_a_sentence_shows_the_digits_of_its_value(number: float) -> None:
    """What a summary shows reads back as exactly the value beside it."""
    value = rounded(number)
    assert type(value)(shown(value).replace(",", "")) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1204.5, "1,204.5"),
        (1000000, "1,000,000"),
        (0.1 + 0.2, "0.3"),
        (1.23456789e-7, "0.000000123457"),
        (-0.5, "-0.5"),
    ],
)
def test_figures_are_rounded_sensibly(value: float, text: str) -> None:
    """Figures have at most six decimals, small ones six significant digits, and no exponent."""
    assert shown(rounded(value)) == text


def test_infinity_is_no_figure() -> None:
    """NaN and infinity are no value rather than invalid JSON."""
    assert [plain(float("nan")), plain(float("inf"))] == [None, None]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Figures are those of the file as it is now."""
    made = tables(tmp_path, "t.csv", "x,y\n1,a\n")
    tool = made.describe_table
    assert tool(statistic="sum", column="x")["value"] == 1
    (tmp_path / "t.csv").write_text("x,y\n5,a\n")
    os.utime(tmp_path / "t.csv", ns=(1, 1))
    assert tool(statistic="sum", column="x")["value"] == 5


def test_a_file_that_went_bad_is_told_to_the_model(tmp_path: Path) -> None:
    """A table that was good when the tool was made and is gone or broken now is a ToolError, not old figures."""
    made = tables(tmp_path, "t.csv", "x,y\n1,a\n")
    tool = made.describe_table
    (tmp_path / "t.csv").unlink()
    with pytest.raises(ToolError, match=r"t\.csv cannot be read as a table"):
        tool(statistic="rows")
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    assert tool(statistic="rows")["value"] == 2


def test_threads_share_one_database(orders: Tables) -> None:
    """Questions from many threads at once are each answered rightly."""
    found: list[Any] = []
    quantities = random.Random(1).choices([("1", 2), ("2", 1), ("4", 1)], k=16)
    threads = [
        threading.Thread(
            target=lambda value=value, count=count: found.append(
                orders.describe("rows", None, "quantity", value)["value"] == count
            )
        )
        for value, count in quantities
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 16


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without duckdb the first use names the extra; sorting the files needs none."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    made = tables(tmp_path, "t.csv", "x\n1\n")
    with pytest.raises(MissingExtra, match="'files'"):
        _ = made.tables


def test_rows_of_a_column_are_those_with_a_value(orders: Tables) -> None:
    """A column given with `rows` is not ignored: only rows with a value in it count, and the sentence says so."""
    found = orders.describe("rows", "amount")
    assert (found["value"], found["nulls"]) == (3, 1)
    assert found["summary"] == "Rows of orders.csv with a value in amount: 3 (of 4 rows)"


@pytest.mark.parametrize("statistic", ["minimum", "maximum"])
def test_text_that_looks_like_numbers_has_no_extreme(tmp_path: Path, statistic: Any) -> None:
    """Decimal commas make a column text, whose largest is not the largest number: it is refused with the reason."""
    stock = tables(tmp_path, "stock.csv", "item;price\nlamp;12,50\nchair;99,00\ndesk;1.250,00\n")
    with pytest.raises(ToolError, match="letter by letter"):
        stock.describe(statistic, "price")
    assert stock.describe("minimum", "item")["value"] == "chair"
