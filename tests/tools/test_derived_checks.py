"""Checks that hold a result against what was asked and against itself, and the shapes of errors and of nothing."""

from __future__ import annotations

from typing import Any

import pytest

from shotclock.policies.errors import UsageError
from shotclock.tools.checks import echoes, quotes, recomputed
from shotclock.tools.shapes import is_empty, looks_like_error


@pytest.mark.parametrize(
    ("asked", "result", "said"),
    [
        ({"id": 7}, {"id": 7}, True),
        ({"id": 7}, {"id": "7"}, True),
        ({"id": "c-88"}, {"id": "C-88"}, True),
        ({"id": 7}, {"id": 8}, False),
        ({"id": 7}, {}, False),
        ({}, {"id": 8}, None),
    ],
)
def test_a_result_repeats_what_was_asked(asked: dict[str, Any], result: Any, said: bool | None) -> None:
    """The result of another id fails, whatever its case; where nothing was asked there is nothing to say."""
    found = echoes("id")(result, asked)
    assert (found if found in (True, None) else False) is said


def test_an_argument_may_be_repeated_under_another_name() -> None:
    """The field may be nested and have a name of its own."""
    check = echoes("city", "place.name")
    assert check({"place": {"name": "Oslo"}}, {"city": "oslo"}) is True
    assert "asked for city 'Oslo', got 'Bergen'" in str(check({"place": {"name": "Bergen"}}, {"city": "Oslo"}))


def test_a_value_is_recomputed_from_the_rest() -> None:
    """What does not follow is refused with both values; a rounding error is none."""
    check = recomputed("total", lambda r: sum(r["parts"]))
    assert check({"parts": [0.1, 0.2], "total": 0.3}) is True
    assert check({"parts": [1, 2], "total": 4}) == "total is 4, recomputed it is 3"
    assert check({"parts": [1, 2]}) == "total is missing"
    assert recomputed("total", lambda r: r["net"] * 1.25, tolerance=0.01)({"net": 10.0, "total": 12.45}) is True
    with pytest.raises(UsageError, match="tolerance"):
        recomputed("total", len, tolerance=-1)


@pytest.mark.parametrize(
    ("quotation", "said"),
    [("we shall not  yield", True), ("“We shall not yield”", True), ("we shall never yield", False), (None, False)],
)
def test_a_quotation_stands_in_its_text(quotation: Any, said: bool) -> None:
    """Spaces, quotation marks and the first letter do not count; words do."""
    found = quotes("quote", within="text")({"quote": quotation, "text": 'He said: "We shall not yield," and left.'})
    assert (found is True) is said


@pytest.mark.parametrize(
    "value",
    [
        {"response": {"docs": [], "numFound": 0}},
        {"hits": {"total": 0, "hits": []}},
        {"data": {"items": []}},
        "No results found.",
        "no matching records were found",
        "Not found",
    ],
)
def test_nothing_comes_in_many_shapes(value: Any) -> None:
    """A list of nothing in an object, or a sentence that says so, is empty."""
    assert is_empty(value)


@pytest.mark.parametrize(
    "value", [{"response": {"docs": [1]}}, {"data": {"id": 3}}, "No results were found in 1990 either.", {"data": 0}]
)
def test_what_holds_something_is_not_empty(value: Any) -> None:
    """An object around a value, and prose that merely speaks of results, are not."""
    assert not is_empty(value)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"success": False, "message": "Invalid API key"}, True),
        ("Sorry, something went wrong. Please try again later.", True),
        ("Checking your browser before accessing a.example.", True),
        ({"status": "failed", "message": "no such city"}, True),
        ({"id": 9, "status": "failed", "exit_code": 3}, False),
        ({"success": True, "message": "stored"}, False),
        ({"success": False, "results": [1]}, False),
        ({"bp": 1240, "error": 28, "lab_code": "Ua-81022"}, False),
        ({"error": 404, "message": "gone"}, True),
    ],
)
def test_an_error_is_told_from_a_thing_that_failed(value: Any, error: bool) -> None:
    """An error says nothing else; a job that failed is a record with a status like any other."""
    assert (looks_like_error(value) is not None) is error
