"""Which costly checks are bought, what verdicts say together, and when an answer is asked for again."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.outcome import Verdict
from shotclock.policies.verdicts import together
from shotclock.policies.verification import (
    Again,
    AgainSituation,
    Buy,
    Keep,
    NotBought,
    RungSituation,
    Verification,
)


def rung(**changes):
    """A judge that there is every reason to ask."""
    usual = {"verifier": "judge", "verdict": "unsure", "slack": 5.0, "expected": 0.8, "q95": 1.0, "latency": 8.0,
             "generate": 1.5, "again": 1.5}  # fmt: skip
    return RungSituation(**usual | changes)


def test_a_costly_check_is_bought_where_everything_speaks_for_it():
    """It is granted its share or a quarter more than its 95th percentile, and no more than another answer leaves."""
    assert Verification().decide(rung()) == Buy(2.0, "")
    assert Verification().decide(rung(latency=4.0)) == Buy(1.25, "")
    assert Verification().decide(rung(q95=0.8, latency=4.0)) == Buy(1.0, "")
    assert Verification().decide(rung(slack=2.6)) == Buy(1.1, "")
    assert Verification(patience=3).decide(rung()) == Buy(3.0, "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"refusal": "model_calls=2 leaves 0"}, "model_calls=2 leaves 0"),
        ({"slack": 0.9}, "95 % of the verdicts of judge take up to 1.00 s and 0.90 s are left"),
        ({"spent": 1.3}, "judge takes about 0.80 s, 1.30 s went to such checks, and verification.share=0.25 of 8.00 s"),
        ({"latency": 3.0}, "verification.share=0.25 of 3.00 s is the most"),
        ({"generate": 0.7}, "judge takes about 0.80 s and making what it checks 0.70 s; verification.ratio=1"),
        ({"verdict": "pass", "asked": 200, "refused": 1}, r"refuses in 1.0% of the cases \(1 of 200\)"),
        ({"slack": 2.4}, "could only be marked: judge and another answer take up to 2.50 s and 2.40 s are left"),
        ({"refusal_again": "model_calls=3 leaves 1"}, "could only be marked: after judge model_calls=3 leaves 1"),
    ],
)  # fmt: skip
def test_each_reason_against_a_costly_check_is_said_with_its_figures(change, words):
    """One reason suffices, and it names the figures and the setting."""
    decided = Verification().decide(rung(**change))
    assert isinstance(decided, NotBought)
    assert re.search(words, decided.reason), decided.reason


def test_what_never_fails_is_asked_now_and_then():
    """A check that refuses next to nothing of what has passed is still asked in a share of the runs."""
    idle = {"verdict": "pass", "asked": 1000, "refused": 0}
    assert isinstance(Verification().decide(rung(**idle, draw=0.04)), Buy)
    assert isinstance(Verification().decide(rung(**idle, draw=0.06)), NotBought)
    assert isinstance(Verification().decide(rung(**idle | {"verdict": "unsure"})), Buy)


def test_the_chance_of_a_refusal_is_learnt():
    """Before anything was seen a passed answer is refused once in ten times, an open one three times; then as seen."""
    chance = Verification().chance
    assert (chance(rung(verdict="pass")), chance(rung())) == (0.1, 0.3)
    assert chance(rung(asked=90, refused=47)) == 0.5


def test_money_counts_where_a_wrong_answer_has_a_price():
    """A check that costs more than what it finds is worth, or nobody knows what, is not bought."""
    policy = Verification(value_usd=0.01)
    assert isinstance(policy.decide(rung(cost_usd=0.002)), Buy)
    assert policy.decide(rung(cost_usd=0.004)) == NotBought("judge costs 0.004 USD and is worth 0.003 USD")
    assert "unknown" in policy.decide(rung(cost_usd=None)).reason
    assert isinstance(Verification().decide(rung(cost_usd=None)), Buy)


def test_where_no_other_answer_is_to_be_had_a_verdict_marks():
    """A check is bought for the mark alone where nothing else could follow in any case, or the policy says so."""
    assert isinstance(Verification().decide(rung(slack=1.5, again=None)), Buy)
    assert isinstance(Verification(marks=True).decide(rung(slack=1.5)), Buy)


def test_without_a_deadline_a_check_is_waited_for_with_patience():
    """Where nothing presses, a check that hangs is still left behind."""
    assert Verification().decide(rung(slack=math.inf, latency=math.inf)) == Buy(1.25, "")
    assert isinstance(Verification(share=0).decide(rung(slack=math.inf, latency=math.inf)), NotBought)


@given(
    slack=st.floats(0, 100), q95=st.floats(0.01, 20), latency=st.floats(0.1, 100), spent=st.floats(0, 20),
    again=st.none() | st.floats(0, 10), generate=st.floats(0, 10),
)  # fmt: skip
def test_what_is_bought_fits(slack, q95, latency, spent, again, generate):
    """A check that is bought is granted no more than is left beside another answer."""
    s = rung(slack=slack, q95=q95, expected=q95 / 2, latency=latency, spent=spent, again=again, generate=generate)
    decided = Verification().decide(s)
    if isinstance(decided, Buy):
        assert 0 < decided.seconds <= slack
        assert decided.seconds <= max(0.25 * latency - spent, 1.25 * q95)
        assert again is None or decided.seconds <= slack - again


def test_a_few_slow_verdicts_are_not_the_last():
    """What little is known of is given the benefit of the doubt; what much is known of is not."""
    slow = {"expected": 2.1, "q95": 2.5, "generate": 9.0}
    assert [isinstance(Verification().decide(rung(**slow, seen=seen)), Buy) for seen in (0, 1, 400, 10_000)] == [
        False, True, True, False
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("evidence", "said", "outcome"),
    [
        ("fail", [("pass", True)], "fail"),
        ("pass", [("pass", False), ("fail", False)], "fail"),
        ("pass", [("unsure", False)], "pass"),
        ("pass", [("unsure", True)], "unsure"),
        ("pass", [("pass", True), ("unsure", True)], "unsure"),
        ("unsure", [("pass", False)], "unsure"),
        ("unsure", [("unsure", True), ("pass", True)], "pass"),
        ("unsure", [], "unsure"),
    ],
)
def test_verdicts_together(evidence, said, outcome):
    """Refusals win, the evidence comes next, and what it leaves open only somebody who vouches can pass."""

    def verdict(name):
        return Verdict(outcome=name, reason=name, verifier="v")

    assert together(verdict(evidence), [(verdict(name), vouches) for name, vouches in said]).outcome == outcome


def test_the_policy_says_why_it_asks_again_or_keeps():
    """Each reason against another answer is said with its figures."""
    usual = {"reason": "no", "resampled": 0, "remaining": 3.0, "expected": 1.0}
    assert isinstance(Verification().again(AgainSituation(**usual)), Again)
    for change, words in (
        ({"embedded": True}, "the embedded model would say the same again"),
        ({"unfounded": True}, "no tool has found anything that another answer could rest on"),
        ({"resampled": 1}, "it was asked 1 times more, verification.resamples=1"),
        ({"refusal": "model_calls=2 leaves 0"}, "model_calls=2 leaves 0"),
        ({"remaining": 0.5}, "an answer takes about 1.00 s and 0.50 s are left"),
    ):
        assert Verification().again(AgainSituation(**usual | change)) == Keep(words)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("resamples", 6, "from 0 to 5, got 6"),
        ("share", 1.5, "a share from 0 to 1, got 1.5"),
        ("least_chance", -0.1, "a share from 0 to 1"),
        ("probe", math.nan, "a share from 0 to 1"),
        ("ratio", -1.0, "0 or more, got -1.0"),
        ("value_usd", math.nan, "0 or more"),
        ("patience", 0.5, "1 or more, got 0.5"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(setting, value, words):
    """A policy that cannot be meant names its setting and the limit."""
    with pytest.raises(InvalidPolicy, match=rf"verification\.{setting} must be {words}"):
        Verification(**{setting: value})
