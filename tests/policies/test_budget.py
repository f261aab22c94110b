"""Budgets are read once, refuse nonsense by name, and keep `0` and `None` apart."""

from __future__ import annotations

import math
import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock import Budget, Spend
from shotclock.policies.errors import InvalidBudget

COUNTS = ("tool_calls", "model_calls", "tokens")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(2, 2.0), ("2s", 2.0), ("250ms", 0.25), ("1.5min", 90.0), ("3", 3.0), (timedelta(seconds=4), 4.0), (0, 0.0)],
)
def test_latency_is_read_from_every_documented_form(written, seconds):
    """A latency may be a number, a text with a unit, or a timedelta, and is seconds afterwards."""
    assert Budget(latency=written).latency == seconds


@pytest.mark.parametrize("written", [None, math.inf])
def test_no_latency_limit_is_none(written):
    """`None` and infinity both mean that there is no deadline."""
    assert Budget(latency=written).latency is None


@pytest.mark.parametrize("name", ["latency", *COUNTS, "cost_usd"])
@pytest.mark.parametrize("value", [-1, math.nan, "soon", True, [2]])
def test_a_bad_limit_is_refused_by_its_name(name, value):
    """A limit that is negative, NaN or of the wrong type raises one sentence that names it."""
    with pytest.raises(InvalidBudget, match=name) as caught:
        Budget(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_must_be_whole(name):
    """Half a call is refused by name."""
    with pytest.raises(InvalidBudget, match=f"{name} must be a whole number"):
        Budget(**{name: 2.5})


def test_per_tool_limits_are_checked_like_the_others():
    """A bad per-tool limit is refused with the tool's name."""
    with pytest.raises(InvalidBudget, match=r"per_tool\['search'\]"):
        Budget(per_tool={"search": -1})
    with pytest.raises(InvalidBudget, match="per_tool must map"):
        Budget(per_tool=3)


def test_zero_is_not_no_limit():
    """`0` allows none, `None` does not limit."""
    assert Budget(tool_calls=0).tool_calls == 0
    assert Budget().tool_calls is None


def test_a_budget_is_frozen_and_can_be_copied():
    """A budget cannot be changed; `replace` and pickling make equal ones."""
    budget = Budget("2s", tool_calls=3, per_tool={"a": 1})
    with pytest.raises(AttributeError):
        budget.latency = 9
    assert budget.replace(tool_calls=4) == Budget(2, tool_calls=4, per_tool={"a": 1})
    assert pickle.loads(pickle.dumps(budget)) == budget
    assert budget.to_dict() == {"latency": 2.0, "tool_calls": 3, "per_tool": {"a": 1}}


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_reading_a_latency_twice_changes_nothing(seconds):
    """Reading is idempotent."""
    once = Budget(latency=seconds)
    assert Budget(latency=once.latency) == once


def test_spend_adds_tokens_and_keeps_unknown_money_unknown():
    """Tokens are the sum of both kinds, and an unknown price is `None`, not zero."""
    spend = Spend(input_tokens=3, output_tokens=4, cost_usd=None)
    assert spend.tokens == 7
    assert spend.to_dict()["cost_usd"] is None


@pytest.mark.parametrize("name", ["latency", *COUNTS, "cost_usd"])
@pytest.mark.parametrize("value", [10**400, -(10**400), 10**9000], ids=["large", "negative", "unprintable"])
def test_a_number_too_large_for_a_float_is_refused_by_its_name(name, value):
    """An integer beyond every float, even beyond what Python prints, is a bad limit like others."""
    with pytest.raises(InvalidBudget, match=f"{name} must be a number"):
        Budget(**{name: value})


def test_per_tool_limits_are_by_name():
    """A key that is no text cannot be a tool's name."""
    with pytest.raises(InvalidBudget, match=r"per_tool must map tool names .* got 5"):
        Budget(per_tool={5: 1})
