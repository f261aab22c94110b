"""What the checks of single results refuse, doubt and pass."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.errors import UsageError
from shotclock.policies.outcome import Verdict
from shotclock.tools.checking import Check, run_checks
from shotclock.tools.checks import (
    has_fields,
    in_range,
    in_unit,
    matches,
    monotone,
    not_older_than,
    one_of,
)


def check(value: Any, *checks: Check, content: str = "", schema_checked: bool = False) -> Verdict:
    return run_checks("lookup", value, {"city": "Oslo"}, checks, content, schema_checked=schema_checked)


@pytest.mark.parametrize(
    "value",
    [
        "Error: no such city",
        "error - timeout",
        "Database error: no such table: nope",
        "ValueError: bad input",
        "requests.exceptions.ConnectionError: refused",
        "Traceback (most recent call last):\n  File ...",
        "some log\nTraceback (most recent call last):\n  File ...",
        "404 Not Found",
        "HTTP/1.1 503 Service Unavailable",
        "Internal Server Error",
        "Rate limit exceeded, try again later",
        "<html><head><title>404 Not Found</title></head></html>",
        "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
        {"error": "no such city"},
        {"errors": [{"message": "bad"}]},
        {"isError": True, "content": "no"},
        {"status": "error", "message": "no"},
        {"status": 500},
        {"status_code": "404"},
        {"code": 429, "message": "slow down"},
        '{"error": {"message": "quota"}}',
    ],
)
def test_error_messages_in_disguise_fail(value: Any) -> None:
    """A result that is an error message in the shape of data fails, and the reason says so."""
    verdict = check(value, schema_checked=True)
    assert verdict.outcome == "fail"
    assert "looks like an error message" in verdict.reason


@pytest.mark.parametrize(
    "value",
    [
        "The error rate is 3 %.",
        "Mean absolute error: 0.3",
        "Errors and omissions are excepted.",
        "404 visitors came on Monday.",
        {"error": None, "value": 3},
        {"errors": [], "value": 3},
        {"error": "one row skipped", "results": [1, 2]},
        {"status": 200, "value": 1},
        {"status": "ok", "value": 1},
        {"status": "open", "errors_found": 4},
        {"isError": False, "value": 2},
        "<html><head><title>Opening hours</title></head></html>",
        "[see note] and {braces} in prose",
        '{"a": 1}\n{"a": 2}',
        0,
        False,
        [0],
    ],
)
def test_data_that_only_resembles_an_error_passes(value: Any) -> None:
    """Data that speaks of errors, zero and `False` are data."""
    assert check(value, schema_checked=True).outcome == "pass"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  \n",
        [],
        {},
        (),
        {"results": []},
        {"items": [], "total": 0},
        {"data": None},
        "[]",
        "{}",
        '{"hits": []}',
    ],
)
def test_nothing_found_fails(value: Any) -> None:
    """No answer may rest on an empty result."""
    verdict = check(value, schema_checked=True)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("empty result")


@pytest.mark.parametrize("cut", [1, 2, 10, 25, 40])
def test_json_that_was_cut_off_fails(cut: int) -> None:
    """JSON text that begins like JSON and does not end is refused, however much of it there is."""
    whole = json.dumps([{"city": "Oslo", "temp": -3.5}, {"city": "Lima", "temp": 20}])
    assert check(whole, schema_checked=True).outcome == "pass"
    verdict = check(whole[:-cut], schema_checked=True)
    assert verdict.outcome == "fail"
    assert "cut off" in verdict.reason


@pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, -math.inf], {"a": {"b": [math.nan]}}, '{"a": NaN}'])
def test_numbers_that_are_none_fail(value: Any) -> None:
    """NaN and infinity anywhere in a result are refused."""
    assert check(value, schema_checked=True).outcome == "fail"


def test_content_is_read_where_the_value_is_an_object() -> None:
    """For a value that is no JSON value, its text as the model sees it is checked."""

    @dataclass
    class Report:
        text: str

    assert check(Report("x"), content='{"error": "no access"}', schema_checked=True).outcome == "fail"
    assert check(Report("x"), content='{"text": "x"}', schema_checked=True).outcome == "pass"


def test_nothing_to_check_is_unsure() -> None:
    """A result that met no check of substance is `unsure`, never `pass`."""
    assert (check("some text").outcome, check("some text").reason) == ("unsure", "nothing to check")
    assert check("some text", lambda result: None).outcome == "unsure"
    assert check("some text", schema_checked=True).outcome == "pass"


def holds_city(result: Any, arguments: Mapping[str, Any]) -> bool:
    return bool(arguments["city"] in result)


@pytest.mark.parametrize(
    ("said", "outcome"), [(True, "pass"), (False, "fail"), (None, "unsure"), ("too cold", "fail"), (3, "unsure")]
)
def test_what_a_check_says_becomes_a_verdict(said: Any, outcome: str) -> None:
    """`True`, `False`, a reason and no opinion each have one meaning, and anything else is a doubt."""
    verdict = check({"a": 1}, lambda result: said)
    assert verdict.outcome == outcome
    if isinstance(said, str):
        assert verdict.reason == said


def test_a_check_may_ask_for_the_arguments() -> None:
    """A check with two parameters gets the arguments, and is named by its `__name__`."""
    assert check("Oslo: snow", holds_city).verifier == "holds_city"
    assert check("Oslo: snow", holds_city).outcome == "pass"
    assert check("Lima: sun", holds_city).outcome == "fail"


def test_a_verdict_is_taken_as_it_stands() -> None:
    """A check may return a `Verdict` of its own, with its score."""
    assert check({"a": 1}, lambda result: Verdict.passed("mine", "good", 0.7)).score == 0.7


def test_the_first_failure_decides_and_later_checks_do_not_run() -> None:
    """The first check that fails ends the checking, also after one that was unsure."""
    ran: list[str] = []

    def later(result: Any) -> bool:
        ran.append("later")
        return True

    verdict = check({"a": 1}, lambda result: Verdict.unsure("u", "?"), lambda result: "no", later)
    assert (verdict.outcome, verdict.reason, ran) == ("fail", "no", [])


@pytest.mark.parametrize("error", [ValueError("boom"), KeyError("x"), GeneratorExit(), RecursionError()])
def test_a_check_that_raises_is_a_doubt(error: BaseException) -> None:
    """A broken check says nothing about the result: the verdict is `unsure` and names the check and the error."""

    def broken(result: Any) -> bool:
        raise error

    verdict = check({"a": 1}, broken, schema_checked=True)
    assert verdict.outcome == "unsure"
    assert "broken" in verdict.reason
    assert type(error).__name__ in verdict.reason


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_check_that_ends_the_program_is_one_that_raised(error: type[BaseException]) -> None:
    """`KeyboardInterrupt` and `SystemExit` of a check say nothing of the result and do not reach the caller."""

    def leave(result: Any) -> bool:
        raise error

    verdict = check({"a": 1}, leave)
    assert verdict.outcome == "unsure"
    assert error.__name__ in verdict.reason


def test_in_range_names_field_value_and_limits() -> None:
    """A number outside the range fails with the field, the value and the limits in its reason."""
    temperature = in_range(-60, 60, field="now.temp", unit="°C")
    assert check({"now": {"temp": 21.5}}, temperature).outcome == "pass"
    assert check({"now": {"temp": 210}}, temperature).reason == "now.temp is 210 °C, not within -60 to 60 °C"
    assert check({"now": {}}, temperature).reason == "now.temp is missing"
    assert check({"now": {"temp": "mild"}}, temperature).outcome == "fail"
    assert check([1, 2, 3], in_range(0, 2)).outcome == "fail"
    assert check([{"t": 1}, {"t": 5}], in_range(0, 2, field="t")).outcome == "fail"
    assert check(True, in_range(0, 2)).outcome == "fail"
    with pytest.raises(UsageError, match="low"):
        in_range(3, 1)


def test_not_older_than_reads_times_of_every_kind() -> None:
    """Epoch seconds and milliseconds, ISO text and datetimes are read; too old, future and missing ones fail."""
    fresh = not_older_than(600, field="at")
    now = time.time()
    stamp = datetime.now(UTC)
    for at in (
        now,
        now * 1000,
        stamp,
        stamp.isoformat(),
        stamp.replace(tzinfo=None).isoformat(),
        stamp.isoformat()[:19] + "Z",
    ):
        assert check({"at": at}, fresh).outcome == "pass", at
    for at in (now - 601, stamp - timedelta(days=1), now + 3600, "2001-01-01", "yesterday", None):
        assert check({"at": at}, fresh).outcome == "fail", at
    assert check({"other": 1}, fresh).outcome == "fail"
    with pytest.raises(UsageError, match="seconds"):
        not_older_than(-1, field="at")


def test_one_of_monotone_and_has_fields() -> None:
    """The other ready-made checks pass what they describe and say what is wrong with the rest."""
    assert check({"unit": "km"}, one_of(["km", "m"], "unit")).outcome == "pass"
    assert "not one of" in check({"unit": "mile"}, one_of(["km", "m"], "unit")).reason
    assert check({"x": 1}, one_of(["km"], "unit")).outcome == "fail"
    assert check([1, 2, 2, 5], monotone()).outcome == "pass"
    assert check([1, 2, 1], monotone()).reason == "the result falls from 2 to 1 at position 2"
    assert check([{"t": 3}, {"t": 1}], monotone("t", increasing=False)).outcome == "pass"
    assert check({"a": 1, "b": 0}, has_fields("a", "b")).outcome == "pass"
    assert check([{"a": 1}, {"b": 2}], has_fields("a")).reason == "the result has no a"
    assert check({"a": None, "b": 1}, has_fields("a")).outcome == "fail"


def test_in_unit_reads_what_stands_behind_a_number() -> None:
    """A quantity passes in one of its units, and other units, bare numbers and no numbers fail."""
    distance = in_unit("km", "m", field="distance")
    for value in ("42 km", "42km", "-1,250.5 m", ["1 km", "2 m"]):
        assert check({"distance": value}, distance).outcome == "pass", value
    for value in ("42 miles", "42", 42, "far km", "", ["1 km", "2 mi"], "42 km/h"):
        assert check({"distance": value}, distance).outcome == "fail", value
    assert check({"distance": "42 miles"}, distance).reason == "distance is '42 miles', no number in km or m"
    assert check({"other": 1}, distance).reason == "distance is missing"
    assert check([{"distance": "1 km"}, {"distance": "2 ft"}], distance).outcome == "fail"
    assert check("21.5 °C", in_unit("°C")).outcome == "pass"
    with pytest.raises(UsageError, match="unit"):
        in_unit()


def test_matches_holds_a_result_to_a_type() -> None:
    """A result, a field or JSON text of the type passes; where it differs the place is named."""
    readings = matches(list[Reading], field="readings")
    assert check({"readings": [{"city": "Oslo", "temp": 3.5}]}, readings).outcome == "pass"
    bad = check({"readings": [{"city": "Oslo", "temp": 3.5}, {"city": "Lima", "temp": "mild"}]}, readings)
    assert bad.outcome == "fail"
    assert bad.reason.startswith("readings.1.temp: ")
    assert check({}, readings).outcome == "fail"
    assert check('{"city": "Oslo", "temp": 3}', matches(Reading)).outcome == "pass"
    assert check("no JSON", matches(Reading)).outcome == "fail"
    with pytest.raises(UsageError, match="pydantic"):
        matches(threading.Lock)


@dataclass
class Reading:
    """What a station measured."""

    city: str
    temp: float


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(_json, st.booleans())
def test_any_result_gets_a_verdict(value: Any, schema_checked: bool) -> None:
    """No result makes the checks raise, and none passes that met no check."""
    verdict = run_checks("lookup", value, {}, (), "", schema_checked=schema_checked)
    assert verdict.outcome in ("pass", "fail", "unsure")
    assert verdict.outcome != "pass" or schema_checked
    assert verdict.reason
    assert verdict.duration >= 0


@pytest.mark.parametrize(
    "value", ["{" * 500_000, "[" * 500_000, '{"a":' * 100_000, '"' * 1_000_000, "<html>" * 150_000, "e" * 1_000_000]
)
def test_hostile_results_take_bounded_time(value: str) -> None:
    """A megabyte of brackets or tags is judged in bounded time."""
    started = time.perf_counter()
    check(value, schema_checked=True)
    assert time.perf_counter() - started < 1
