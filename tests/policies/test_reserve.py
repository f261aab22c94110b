"""What is kept back for the final answer, and who writes it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.reserve import AnswerSituation, Plan, Reserve, ReserveSituation


def plan(latency, q95):
    return Reserve().plan(ReserveSituation(latency=latency, answer_q95=q95))


def test_the_reserve_holds_a_models_answer_where_it_is_a_fair_share():
    """q95 of the answer, the time to compose and check, and the margin are kept back."""
    assert plan(10.0, 2.0) == Plan(seconds=pytest.approx(2.07), answer="model")


def test_a_short_budget_is_answered_without_the_model():
    """Where the model's answer would eat more than its share, only the time to compose is kept back."""
    assert plan(2.0, 2.0) == Plan(seconds=pytest.approx(0.07), answer="composed")


def test_a_tiny_budget_keeps_half_for_work():
    """The reserve never takes more than its largest share of a tiny budget."""
    assert plan(0.1, 2.0).seconds == pytest.approx(0.05)
    assert plan(0.0, 0.0).seconds == 0.0


def test_without_a_deadline_nothing_is_kept_back():
    """No latency limit, no reserve."""
    assert plan(None, 5.0) == Plan(seconds=0.0, answer="model")


def test_a_plan_says_the_figures_it_was_made_from():
    """The reason names the q95 and the share, so that a reader can follow it."""
    assert plan(10.0, 2.0).reason == (
        "95 % of the model's answers take up to 2.00 s, and 40% of 10.00 s may be kept back"
    )


def test_after_plans_without_the_model_one_asks_it_all_the_same_where_a_usual_call_fits():
    """An outage ends unseen where nobody asks: the 17th plan has the model write, in its largest share of the time."""
    after = ReserveSituation(latency=10.0, answer_q95=30.0, usual=0.5, withheld=16)
    probe = Reserve().plan(after)
    assert probe == Plan(seconds=4.0, answer="model", probe=True)
    assert "after 16 plans without the model one asks whether that still holds" in probe.reason
    for kept in (replace(after, withheld=15), replace(after, usual=3.94), ReserveSituation(latency=10, answer_q95=30)):
        assert Reserve().plan(kept).answer == "composed"
    asked = AnswerSituation(planned="model", remaining=3.9, expected=20.0, q95=30.0, probe=True)
    assert Reserve().writer(asked).by == "model"
    assert Reserve().writer(replace(asked, failed=True)).by == "composed"


def test_a_probe_after_no_plan_at_all_is_refused_by_name():
    """Every run would ask a slow model."""
    with pytest.raises(InvalidPolicy, match=r"reserve\.probe must be at least 1, got 0"):
        Reserve(probe=0)


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        ({}, "model"),
        ({"remaining": 1.9}, "composed"),
        ({"planned": "composed"}, "composed"),
        ({"planned": "composed", "remaining": 5.0}, "model"),
        ({"failed": True, "remaining": 5.0}, "composed"),
        ({"remaining": math.inf}, "model"),
    ],
)
def test_the_model_writes_where_that_was_planned_or_nearly_always_fits(changes, by):
    """A planned answer needs its median, an unplanned one its q95, and a failed model writes none."""
    usual = {"planned": "model", "remaining": 3.0, "expected": 2.0, "q95": 4.0}
    assert Reserve().writer(AnswerSituation(**usual | changes)).by == by
