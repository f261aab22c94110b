"""Typed spans, arithmetic and units of a question."""

from __future__ import annotations

from datetime import date
from time import process_time

import pytest

from shotclock.agent.models.arithmetic import expressions
from shotclock.agent.models.span import Kind
from shotclock.agent.models.spans import find_spans
from shotclock.agent.models.units import Unit, unit_of
from shotclock.agent.models.words import stem


def today() -> date:
    return date(2025, 1, 1)  # a Wednesday


def values(text: str, kind: Kind) -> list[object]:
    return [span.value for span in find_spans(text, today=today) if span.kind == kind]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("What is 17.5% of 2,480?", "17.5% of 2480"),
        ("12*37 and more", "12*37"),
        ("the square root of 144", "sqrt(144)"),
        ("two plus seven", "2 + 7"),
        ("15 percent of $80", "15% of 80"),
        ("20% off 80", "80 * (1 - 20 / 100)"),
        ("100 plus 15%", "100 * (1 + 15 / 100)"),
        ("the average of 3, 5 and 9", "(3 + 5 + 9) / 3"),
        ("3 million / 4", "3000000 / 4"),
        ("3/4 of 200", "3/4 * 200"),
        ("what percent of 80 is 20", "20 / 80 * 100"),
        ("subtract 4 from 10", "10 - 4"),
        ("(2+3)^2 / 5", "(2+3)^2 / 5"),
        ("5 squared", "5**2"),
        ("3 to the power of 4", "3 ** 4"),
    ],
)
def test_arithmetic_is_found_and_written_in_symbols(text: str, value: str) -> None:
    """Arithmetic in figures or words becomes one expression in the usual symbols."""
    assert [found.value for found in expressions(text)] == [value]


@pytest.mark.parametrize("text", ["3+ years of C++", "room 12", "5 apples over 3", "a half", "v1.2.3", "", "60+"])
def test_what_is_no_arithmetic_is_left_alone(text: str) -> None:
    """A number without an operator between two operands is no expression."""
    assert list(expressions(text)) == []


@pytest.mark.parametrize("text", ["24/7", "2019-2021", "3 x 4"])
def test_what_may_be_something_else_is_weak(text: str) -> None:
    """A lone dash, slash or x between numbers is marked as perhaps no arithmetic."""
    assert [found.weak for found in expressions(text)] == [True]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ('say "good morning" twice', "quoted", ["good morning"]),
        ("say 'good morning' to Ann's cat", "quoted", ["good morning"]),
        ("see https://example.org/a(b).", "uri", ["https://example.org/a(b)"]),
        ("see (www.example.org/x), please", "uri", ["https://www.example.org/x"]),
        ("mail ada.l@example.org now", "email", ["ada.l@example.org"]),
        ("open ./notes/plan.md", "path", ["./notes/plan.md"]),
        ("select a from b where c > 1", "sql", ["select a from b where c > 1"]),
        ("on 2025-03-04", "date", ["2025-03-04"]),
        ("on 12 March 2025 and April 1st, 2025", "date", ["2025-03-12", "2025-04-01"]),
        ("tomorrow", "date", ["2025-01-02"]),
        ("on Friday", "date", ["2025-01-03"]),
        ("on 25/12/2025", "date", ["2025-12-25"]),
        ("on 03/04/2025", "date", []),
        ("on 2025-13-40", "date", []),
        ("about 1,234.5 of them, -3 and twelve", "number", [1234.5, -3, 12]),
        ("2.5 million", "number", [2500000]),
        ("order ORD-123 of AAPL", "code", ["ORD-123", "AAPL"]),
        ("$100 in euros", "currency", ["USD", "EUR"]),
        ("in New York, Lima and Rio de Janeiro", "place", ["New York", "Lima", "Rio de Janeiro"]),
        ("weather in Lima, Peru", "place", ["Lima, Peru"]),
        ("tokyo weather", "place", ["tokyo"]),
        ("the time in timbuktu", "place", ["timbuktu"]),
        ("in the morning, in total, in March, in euros", "place", []),
        ("translate into German: hello world", "after-colon", ["hello world"]),
    ],
)
def test_each_kind_of_span_is_found(text: str, kind: Kind, expected: list[object]) -> None:
    """Every kind of span is read with its value, and what only looks like one is not."""
    assert values(text, kind) == expected


def test_what_is_quoted_is_read_as_text_only() -> None:
    """Nothing inside quotes is taken for a place, a date or arithmetic."""
    kinds = {span.kind for span in find_spans('"what is 1+1 in Lima on 2025-01-01"', today=today)}
    assert kinds == {"quoted"}


def test_a_date_is_no_subtraction() -> None:
    """The dashes of a date subtract nothing."""
    assert values("on 2025-03-04", "expression") == []


@pytest.mark.parametrize(
    ("text", "number", "key"),
    [
        ("26.2 miles", 26.2, "mile"),
        ("100 F", 100, "fahrenheit"),
        ("30°C", 30, "celsius"),
        ("60 miles per hour", 60, "mile/hour"),
        ("5 in to cm", 5, "inch"),
        ("12 square feet", 12, "square foot"),
        ("5-kilometre", 5, "kilometre"),
    ],
)
def test_a_quantity_is_a_number_with_its_unit(text: str, number: float, key: str) -> None:
    """A number and the unit behind it are read together, in any of the unit's spellings."""
    (found,) = values(text, "quantity")
    assert isinstance(found, tuple)
    assert (found[0], found[1].key) == (number, key)


def test_units_convert_only_within_what_they_measure() -> None:
    """A length converts to a length, an ounce to a mass or a volume, and nothing to itself."""

    def unit(name: str) -> Unit:
        known = unit_of(name)
        assert known is not None
        return Unit(name, known.key, known.measures, 0, len(name))

    assert unit("miles").converts_to(unit("km"))
    assert unit("oz").converts_to(unit("gram"))
    assert unit("oz").converts_to(unit("ml"))
    assert not unit("kg").converts_to(unit("miles"))
    assert not unit("km").converts_to(unit("kilometres"))
    assert unit_of("apples") is None


def test_forms_of_a_word_share_a_stem() -> None:
    """Plurals and verb forms give the same stem, and different words do not."""
    assert {stem(word) for word in ("price", "prices", "priced", "pricing")} == {"pric"}
    assert {stem(word) for word in ("company", "companies", "company's")} == {"compani"}
    assert stem("news") != stem("new")


@pytest.mark.parametrize(
    "text",
    ["1" * 12_000, "1," * 6_000, "((1+" * 3_000, "a/" * 6_000, "'a " * 4_000, "select " * 1_700, "a.b@" * 3_000,
     "http://" * 1_700, "Oslo, " * 2_000],
)  # fmt: skip
def test_no_text_makes_reading_slow(text: str) -> None:
    """Hostile text of 12,000 characters is read in under two seconds: no rule backtracks without end."""
    start = process_time()
    find_spans(text, today=today)
    assert process_time() - start < 2.0
