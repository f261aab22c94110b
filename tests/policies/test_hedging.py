"""When a second attempt races the first: a pure decision, and what it learns from its races."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.hedging import RECENT, Hedge, HedgeSituation, HedgeState, Hedging, NoHedge, TwiceSituation

LONG_TAIL = HedgeSituation(tool="search", n=100, p50=0.1, p95=0.35, p99=100.0, remaining=10.0)
POLICY = Hedging()


def test_a_long_tail_is_hedged_at_p95():
    """A tool that hangs now and then gets its second attempt when 95 % of its attempts would have ended."""
    assert POLICY.decide(LONG_TAIL) == Hedge(after=0.35, reason="search usually ends within 0.35 s")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 19}, "19 attempts of search were seen, hedging.learn_from=20"),
        ({"p99": 0.29}, "p99 of search is 2.9 times its p50, hedging.tail=3"),
        ({"extra": 0.1}, "10.0% of the attempts of search are hedges, hedging.most_extra=0.1"),
        ({"lends": False}, "search fails too often: its bucket lends no extra attempts"),
        ({"calls_left": 1}, "1 tool calls would be left, hedging.spare_calls=1"),
        ({"fired": 20, "wins": 1}, "1 of the last 20 hedges of search won"),
        ({"remaining": 0.19}, "0.19 s are too little for two attempts of search"),
    ],
)
def test_each_reason_against_a_hedge_is_said_with_its_figures(change, words):
    """A tool that is unknown, even, overloaded, failing, short of calls, losing or short of time is not hedged."""
    decided = POLICY.decide(replace(LONG_TAIL, **change))
    assert isinstance(decided, NoHedge)
    assert decided.reason == words
    assert decided.losing == ("fired" in change)


def test_a_tool_whose_hangs_hedging_hides_is_still_hedged():
    """Where hedges keep outrunning their attempts, the tail that the forecast no longer sees is there."""
    even = replace(LONG_TAIL, p95=0.12, p99=0.2, extra=0.05)
    assert isinstance(POLICY.decide(even), NoHedge)
    assert isinstance(POLICY.decide(replace(even, fired=20, wins=2)), Hedge)


def test_losing_hedges_are_tried_again_now_and_then():
    """After twenty attempts that were not hedged for too few wins, one is."""
    losing = replace(LONG_TAIL, fired=RECENT, wins=0)
    assert isinstance(POLICY.decide(replace(losing, withheld=19)), NoHedge)
    assert isinstance(POLICY.decide(replace(losing, withheld=20)), Hedge)


URGENT = replace(LONG_TAIL, p99=0.2, remaining=0.3, moments=(0.0, 0.1, 0.2), gains=(0.02, 0.15, 0.3))
"""A tool without a tail, and a deadline that it may miss."""


def test_a_call_that_may_be_late_is_raced_at_the_first_moment_that_saves_it():
    """Whatever the tail: a second attempt begins when it ends in time often enough where the first does not."""
    decided = POLICY.decide(URGENT)
    assert decided == Hedge(
        after=0.1, urgent=True, reason="a second attempt after 0.1 s saves the call with probability 0.15"
    )
    assert POLICY.decide(replace(URGENT, gains=(0.1, 0.2, 0.3))).after == POLICY.smallest


@pytest.mark.parametrize(
    "change",
    [
        {"urgent": 0.8},
        {"cost_usd": 0.001},
        {"lends": False},
        {"calls_left": 1},
        {"gains": (0.0, 0.02, 0.029)},
        {"n": 4},
    ],
)
def test_what_speaks_against_an_urgent_second_attempt(change):
    """Not for more than four attempts in five, nor of tools that cost something, fail, are not known, or leave the
    model no call."""
    assert isinstance(POLICY.decide(replace(URGENT, **change)), NoHedge)


def test_a_tool_that_is_hardly_known_may_be_urgent():
    """A deadline does not wait until a tail is known: five attempts are enough for a second one that it asks for."""
    assert isinstance(POLICY.decide(replace(URGENT, n=5)), Hedge)


TWICE = TwiceSituation(model="m", n=100, usual=1.0, remaining=3.0, price=0.01)


def test_a_model_whose_call_takes_much_of_the_time_is_asked_twice_at_once():
    """The quicker of two leaves more of the time to the tools."""
    assert POLICY.at_once(TWICE) == Hedge(
        after=0.0,
        urgent=True,
        reason="a call of m usually takes 1.00 s of the 3.00 s that are left; the quicker of two leaves more of it",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 4}, "4 calls were seen, hedging.urgent_from=5"),
        ({"remaining": 5.1}, "hedging.twice=0.2"),
        ({"remaining": float("inf")}, "hedging.twice=0.2"),
        ({"remaining": 0.9}, "it ends too late as often as not"),
        ({"price": float("inf")}, "the budget limits no money, or the model has no price"),
        ({"price": 0.3}, "another one takes 30% of the money left, hedging.twice_price=0.25"),
        ({"calls_left": 1}, "1 model calls would be left, hedging.spare_calls=1"),
        ({"urgent": 0.8}, "80.0% of the calls were made twice, hedging.urgent_extra=0.8"),
    ],
)
def test_what_speaks_against_asking_a_model_twice(change, words):
    """Not one that is unknown, quick beside what is left or too slow for it, of a price that nobody has granted, or
    that is asked twice too often."""
    decided = POLICY.at_once(replace(TWICE, **change))
    assert isinstance(decided, NoHedge)
    assert decided.reason.endswith(words)


def test_a_policy_may_ask_no_model_twice():
    """`twice = 1` is off, however little time is left."""
    assert isinstance(Hedging(twice=1).at_once(replace(TWICE, remaining=1.01)), NoHedge)


def test_urgent_hedges_are_counted_apart():
    """They use up their own share, and say nothing of whether hedges against the tail win."""
    state = POLICY.after(HedgeState(), hedged=True, won=True, urgent=True)
    assert (state.extra, state.fired, state.urgent) == (0.0, 0, pytest.approx(1 / 200))


def test_only_a_chance_that_matters_is_pressing():
    """An attempt that nearly surely ends in time is not thought about any further."""
    assert POLICY.pressing(0.98)
    assert not POLICY.pressing(0.998)
    assert not POLICY.pressing(None)
    assert not Hedging(urgent_extra=0).pressing(0.5)


def test_under_a_tight_deadline_the_hedge_is_earlier_and_rarer():
    """Where one at p95 would come too late, it begins at the last useful moment, for as many as the load allows."""
    tight = replace(LONG_TAIL, p95=2.0, remaining=0.5, late=0.2)
    assert POLICY.decide(replace(tight, draw=0.49)) == Hedge(
        after=pytest.approx(0.4), reason="a hedge after 0.4 s can still end in time"
    )
    assert isinstance(POLICY.decide(replace(tight, draw=0.5)), NoHedge)


def test_no_timer_is_finer_than_a_busy_loop():
    """A tool of a tenth of a millisecond is hedged after 5 ms at the earliest."""
    quick = replace(LONG_TAIL, p50=1e-4, p95=2e-4, p99=1.0)
    assert POLICY.decide(quick).after == 0.005


@given(st.lists(st.sampled_from(["alone", "won", "lost", "withheld"]), max_size=60))
def test_the_state_remembers_the_last_twenty_hedges(events):
    """Whatever happened, wins never exceed the hedges remembered, those never twenty, and the share is one."""
    state = HedgeState()
    for event in events:
        state = POLICY.after(state, hedged=event in ("won", "lost"), won=event == "won", losing=event == "withheld")
    fired = [event for event in events if event in ("won", "lost")][-RECENT:]
    assert (state.fired, state.wins) == (len(fired), fired.count("won"))
    assert 0 <= state.extra <= 1


@pytest.mark.parametrize(
    "setting", [{"quantile": 0.4}, {"quantile": 1.0}, {"most_extra": 1.1}, {"probe": 0}, {"tail": -1.0}]
)
def test_settings_out_of_range_are_named(setting):
    """A setting out of its range is refused by its name."""
    with pytest.raises(InvalidPolicy, match=f"hedging.{next(iter(setting))}"):
        Hedging(**setting)
