"""The concurrency limit follows the latency it sees, within its bounds."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.concurrency import Concurrency
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.outcome import Cancelled, Failed, Ok, TimedOut

OUTCOMES = st.sampled_from([Ok(1), TimedOut(1.0), Failed("OSError", "down"), Cancelled("cut")])


def drive(policy, latency, attempts, state=None, demand=math.inf):
    """As many attempts as wanted under the limit, whose latency is a function of how many are under way."""
    state = state or policy.initial()
    for _ in range(attempts):
        in_flight = min(demand, int(state.limit))
        state = policy.after(state, Ok(1), latency(in_flight), in_flight)
    return state


@given(st.lists(st.tuples(OUTCOMES, st.floats(0, 1e4), st.integers(1, 300)), max_size=300))
def test_the_limit_keeps_its_bounds(samples):
    """No history moves the limit out of its bounds or makes a figure that is not finite."""
    policy = Concurrency(start=5, smallest=2, largest=12)
    state = policy.initial()
    for outcome, seconds, in_flight in samples:
        state = policy.after(state, outcome, seconds, in_flight)
        assert 2 <= state.limit <= 12
        assert math.isfinite(state.usual)


def test_a_steady_tool_gets_the_whole_limit():
    """Latency that does not rise with the load lets the limit grow to its largest."""
    assert drive(Concurrency(), lambda n: 0.1, 40_000).limit == 200


def test_a_heavy_tail_alone_is_no_reason_to_throttle():
    """Pareto latencies with the tail index .9 of recorded tools, whatever the load, do not keep the limit down."""
    rng = random.Random(7)
    state = drive(Concurrency(), lambda n: 0.06 * rng.paretovariate(0.9), 40_000)
    assert state.limit > 100


def test_a_tool_that_saturates_is_throttled():
    """Where calls beyond a capacity of 10 queue at the other end, the limit settles near it, from above and below."""

    def saturating(in_flight):
        return 0.1 * max(1.0, in_flight / 10)

    warm = drive(Concurrency(), saturating, 300, demand=8)
    assert warm.limit == 20, "a demand below half the limit moves nothing"
    settled = drive(Concurrency(), saturating, 3000, warm)
    assert 10 <= settled.limit <= 30


def test_there_is_no_growth_without_demand():
    """While fewer than half the limit are under way, the limit stays."""
    assert drive(Concurrency(), lambda n: 0.1, 1000, demand=9).limit == 20
    assert drive(Concurrency(), lambda n: 0.1, 1000, demand=10).limit > 20


def test_a_window_is_one_round_trip():
    """The limit moves once for as many samples as it has places, by a fifth of the headroom."""
    policy = Concurrency()
    assert drive(policy, lambda n: 0.1, 19).limit == 20
    assert drive(policy, lambda n: 0.1, 20).limit == pytest.approx(20.8)


def test_a_slow_spell_shrinks_the_limit_by_at_most_a_tenth_a_window():
    """Latency a hundred times its level halves the wanted limit, of which a fifth is taken."""
    policy = Concurrency(start=100)
    warm = drive(policy, lambda n: 0.1, 3000, demand=40)
    slow = drive(policy, lambda n: 10.0, 100, warm)
    assert slow.limit == pytest.approx(100 - 0.2 * (50 - 4))


def test_failures_and_cut_attempts_are_no_samples():
    """A quick failure or a cancelled attempt does not look like a fast tool."""
    policy = Concurrency()
    state = policy.after(policy.initial(), Ok(1), 2.0, 1)
    for outcome in (Failed("OSError", "down"), Cancelled("cut")):
        assert policy.after(state, outcome, 0.001, 1) is state


def test_a_timeout_counts_where_it_took_longer_than_usual():
    """A timeout is a lower bound: above the usual latency it is a sample, below it says nothing."""
    policy = Concurrency()
    state = policy.after(policy.initial(), Ok(1), 2.0, 1)
    assert policy.after(state, TimedOut(1.0), 1.0, 1) is state
    assert policy.after(state, TimedOut(8.0), 8.0, 1).samples == 2


def test_the_wait_is_estimated_from_the_usual_latency():
    """With 1 s a call and four places, the eighth in the queue waits two seconds; unknown latency estimates nothing."""
    policy = Concurrency().fixed(4)
    assert policy.wait(policy.initial(), 7) == 0.0
    assert policy.wait(policy.after(policy.initial(), Ok(1), 1.0, 1), 7) == pytest.approx(2.0)


def test_a_fixed_limit_stays():
    """What the tool's author asked for is never adapted."""
    policy = Concurrency().fixed(3)
    assert drive(policy, lambda n: 0.1, 500).limit == 3
    assert drive(policy, lambda n: n * 10.0, 500).limit == 3


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"start": 0}, "smallest=1, start=0"),
        ({"largest": 10}, "largest=10"),
        ({"smoothing": 0}, "concurrency.smoothing"),
        ({"tolerance": 0.5}, "concurrency.tolerance"),
        ({"queue": float("nan")}, "concurrency.queue"),
        ({"abandoned": -1}, "concurrency.abandoned"),
    ],
)
def test_impossible_settings_are_refused_by_name(setting, named):
    """A setting out of range is refused with its name and value."""
    with pytest.raises(InvalidPolicy, match=named):
        Concurrency(**setting)


def test_waits_are_reckoned_by_the_latency_of_now():
    """After a slow spell of 120 attempts, 40 quick ones are enough for a wait to be a quick attempt's."""
    policy = Concurrency(start=1, smallest=1, largest=1)
    state = drive(policy, lambda n: 0.02, 40, drive(policy, lambda n: 2.0, 120))
    assert policy.wait(state, 0) == pytest.approx(0.02, rel=0.1)
    assert policy.usual(state) > 0.5
