"""Which model is asked: every rule of the routing policy."""

from __future__ import annotations

import math

import pytest

from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.routing import DoubtSituation, EffortSituation, FailureSituation, Routing, Stay, Switch


def doubt(**change):
    """A doubt about `small` that `large` could settle."""
    return DoubtSituation(**{"model": "small", "stronger": "large", "doubt": "refused", "reason": "it is wrong",
                             "remaining": 5.0, "expected": 1.0, "q95": 2.0} | change)  # fmt: skip


def failure(**change):
    """A failure of `small` that `large` could take over."""
    return FailureSituation(**{"model": "small", "other": "large", "problem": "500", "remaining": 5.0,
                               "expected": 1.0} | change)  # fmt: skip


def test_a_doubt_goes_to_the_stronger_model_with_the_time_it_may_take():
    """Where nothing is against it the stronger one goes on, waited for a quarter longer than its 95th percentile."""
    decided = Routing().escalate(doubt())
    assert decided == Switch("large", "")
    assert decided.seconds == pytest.approx(2.5)
    assert Routing().escalate(doubt(remaining=1.5)).seconds == 1.5


@pytest.mark.parametrize(
    ("change", "policy", "why"),
    [
        ({"stronger": ""}, {}, "no stronger model is left"),
        ({"doubt": "unsure"}, {"unsure": False}, "routing.unsure=false lets it stand"),
        ({"escalated": 2}, {}, "routing.escalations=2"),
        ({}, {"escalations": 0}, "routing.escalations=0"),
        ({"refusal": "cost_usd=0.01 leaves 0"}, {}, "for large cost_usd=0.01 leaves 0"),
        ({"remaining": 0.9}, {}, "large takes about 1.00 s and 0.90 s are left"),
        ({"tried": 20}, {}, "large helped 0 of 20 times, routing.least_gain=0.1"),
    ],
)
def test_what_is_against_a_stronger_model(change, policy, why):
    """Each reason against it alone keeps the run with the model that was asked, and names its figures."""
    decided = Routing(**policy).escalate(doubt(**change))
    assert isinstance(decided, Stay)
    assert why in decided.reason


def test_a_stronger_model_that_never_helps_is_tried_now_and_then():
    """A run that probes asks it all the same, and one helpful answer in five is enough to be asked again."""
    assert isinstance(Routing().escalate(doubt(tried=20, draw=0.01)), Switch)
    assert isinstance(Routing().escalate(doubt(tried=20, helped=4)), Switch)


def test_a_failed_model_gives_way_to_another():
    """Where the same model may not be asked again the other one is, if it fits."""
    assert Routing().fall_back(failure()) == Switch("large", "")
    assert Routing().fall_back(failure(remaining=math.inf)) == Switch("large", "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"other": ""}, "no other model is left"),
        ({"refusal": "model_calls=2 leaves 0"}, "for large model_calls=2 leaves 0"),
        ({"remaining": 0.5}, "large takes about 1.00 s, 0.50 s are left"),
        ({"again": True, "wait": 0.5}, "can be asked again in 0.50 s"),
    ],
)
def test_what_keeps_a_run_with_a_failed_model(change, why):
    """Nobody else, no room, or a retry that is soon there: the run stays where it is."""
    decided = Routing().fall_back(failure(**change))
    assert isinstance(decided, Stay)
    assert why in decided.reason


@pytest.mark.parametrize("change", [{"wait": 30.0}, {"took": 5.0}, {"attempt": 2}])
def test_a_long_wait_or_a_slow_failure_is_no_retry(change):
    """After a `Retry-After` over `patience`, a failure that took longer or the last retry the other model is asked
    at once."""
    assert isinstance(Routing().fall_back(failure(again=True, **change)), Switch)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("escalations", 6),
        ("escalations", -1),
        ("fruitless", 0),
        ("least_gain", 1.5),
        ("probe", math.nan),
        ("slack", 0.5),
        ("patience", -1),
        ("retries", -1),
        ("effort_chance", 2),
        ("effort_from", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(setting, value):
    """A routing that cannot be meant names its setting."""
    with pytest.raises(InvalidPolicy, match=f"routing.{setting}"):
        Routing(**{setting: value})


def effort(**change):
    """A call that would probably not end in time at the usual effort."""
    return EffortSituation(**{"model": "deep", "lower": "deep (low effort)", "remaining": 2.0, "chance": 0.3,
                              "seen": 20} | change)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "policy", "eased"),
    [
        ({}, {}, True),
        ({"lower": ""}, {}, False),
        ({"chance": 0.9}, {}, False),
        ({"seen": 4}, {}, False),
        ({"draw": 0.01}, {}, False),
        ({}, {"effort_chance": 0.2}, False),
    ],
)
def test_the_effort_is_lowered_where_a_call_would_not_end_in_time(change, policy, eased):
    """It takes a model that has a lower effort, enough calls seen, and a chance below the policy's; some runs probe."""
    decided = Routing(**policy).ease(effort(**change))
    assert decided == Switch("deep (low effort)", "") if eased else isinstance(decided, Stay)
