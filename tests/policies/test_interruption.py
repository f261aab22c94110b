"""When a model call is begun, waited for and cut, as a pure decision."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.interruption import (
    Begin,
    BeginSituation,
    Continue,
    Cut,
    Decline,
    Interruption,
    StreamSituation,
)

FRESH = StreamSituation(purpose="reason", elapsed=0.0, tokens=0, calls=0, last=9.9, overdue=3.0, switch=7.0)
SLOW = BeginSituation(remaining=1.0, expected=5.0, chance=0.1, seen=5, draw=0.5, embedded=True)


def decide(**changes):
    return Interruption().decide(replace(FRESH, **changes))


def test_a_stream_is_looked_at_again_at_the_next_moment_only():
    """First the overdue token, then the embedded model's last chance, then the last instant."""
    assert decide() == Continue(until=3.0)
    assert decide(elapsed=3.0, again=math.inf, switch=math.inf).until == 9.9
    assert decide(elapsed=3.1, tokens=5).until == 7.0
    assert decide(elapsed=8.0, tokens=50, chance=0.1) == Continue(until=9.9)
    assert decide(last=math.inf, overdue=math.inf, switch=math.inf).until == math.inf


def test_nothing_goes_on_past_the_last_instant():
    """While only composing and checking still fits, the stream is cut however likely it would end."""
    assert isinstance(decide(elapsed=9.9, tokens=50, chance=1.0), Cut)


@pytest.mark.parametrize("changes", [{"calls": 1}, {"calls": 1, "tokens": 9}, {}])
def test_calls_and_silence_end_at_the_last_instant_too(changes):
    """A call that comes later could bring nothing, so its stream gets no more time."""
    assert decide(elapsed=9.9, chance=1.0, **changes) == Cut(reason="the deadline interrupted the model")
    assert isinstance(decide(elapsed=9.8, overdue=math.inf, switch=math.inf, **changes), Continue)


def test_an_overdue_first_token_is_given_up_for_another_attempt_that_fits():
    """A stream that hangs is called again where the median of a call still fits before the last instant."""
    assert decide(elapsed=3.0, again=6.9).then == "retry"
    assert decide(elapsed=3.0, again=7.0).then == "embedded"
    assert isinstance(decide(elapsed=3.0, again=7.0, switch=math.inf), Continue)
    assert isinstance(decide(elapsed=3.0, again=1.0, tokens=1), Continue)


def test_the_embedded_model_takes_over_while_it_still_can():
    """At its last chance a silent model is given up where it would probably be cut, and waited for where not."""
    assert decide(elapsed=7.0, overdue=math.inf, chance=0.2).then == "embedded"
    assert decide(elapsed=7.0, overdue=math.inf, chance=0.4).until == 9.9


def test_a_model_that_is_known_to_be_too_slow_is_not_asked():
    """With less than its least chance to end in time the embedded model begins instead."""
    decided = Interruption().begin(SLOW)
    assert decided == Decline(reason="a call usually takes 5.00 s and 1.00 s are left")


@pytest.mark.parametrize("changes", [{"chance": 0.34}, {"seen": 4}, {"embedded": False}, {"draw": 0.06}])
def test_a_model_is_asked_where_that_may_pay(changes):
    """It may fit, too little is known, nobody could do it instead, or this run asks whether it still is slow."""
    assert isinstance(Interruption().begin(replace(SLOW, **changes)), Begin)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wait_chance", 1.1),
        ("wait_chance", -0.1),
        ("probe", 2),
        ("overdue", 1),
        ("tokens", 0),
        ("tokens", 1e-308),
        ("tokens", 0.9999),
        ("patience", -1),
        ("learn_from", 0),
        ("tokens", math.nan),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name, value):
    """A setting that cannot be meant is named with its value."""
    with pytest.raises(InvalidPolicy, match=rf"interruption\.{name} .*got {value!r}"):
        Interruption(**{name: value})
