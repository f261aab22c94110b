"""The bucket lends extra attempts while failures are few, and none in an outage."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shotclock.policies.bucket import Bucket
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.outcome import Cancelled, Failed, Ok, Skipped, TimedOut

FAILURES = st.sampled_from([Failed("OSError", "down"), TimedOut(1.0)])
NEUTRAL = st.sampled_from([Failed("ToolError", "no such city", retryable=False), Cancelled("cut"), Skipped("cost", "")])


class BucketMachine(RuleBasedStateMachine):
    """In any history tokens stay within the bucket, and failed extras are paid for by half a bucket, successes and
    time."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = Bucket()
        self.state = self.bucket.full()
        self.successes = 0
        self.failed_extras = 0
        self.now = 0.0

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds):
        self.now += seconds

    @rule(times=st.integers(1, 40))
    def succeed(self, times):
        for _ in range(times):
            before = self.state
            self.state = self.bucket.after(before, Ok(1), self.now)
            assert self.state.tokens == min(10.0, self.tokens(before) + 0.1)
        self.successes += times

    @rule(outcome=FAILURES)
    def fail(self, outcome):
        before = self.state
        self.state = self.bucket.after(before, outcome, self.now)
        assert self.state.tokens == max(0.0, self.tokens(before) - 1.0)

    @rule(outcome=FAILURES)
    def fail_with_an_extra_where_it_is_lent(self, outcome):
        if self.bucket.lends(self.state, self.now):
            self.failed_extras += 1
            self.state = self.bucket.after(self.state, outcome, self.now)

    @rule(outcome=NEUTRAL)
    def end_without_a_word_on_load(self, outcome):
        assert self.bucket.after(self.state, outcome, self.now) is self.state

    @invariant()
    def tokens_stay_within(self):
        assert 0.0 <= self.state.tokens <= 10.0
        assert self.bucket.lends(self.state, self.now) == (self.tokens(self.state) > 5.0)

    @invariant()
    def failed_extras_are_paid_for(self):
        # The last one is lent where the tokens are barely above half, hence 6.
        assert self.failed_extras <= 6.0 + 0.1 * self.successes + 0.5 * self.now + 1e-6

    def tokens(self, state):
        """Half a token a second comes back by itself."""
        return min(10.0, state.tokens + 0.5 * max(0.0, self.now - state.at)) if state.tokens < 10.0 else state.tokens


TestBucketMachine = BucketMachine.TestCase


def test_five_failures_end_the_extras():
    """A full bucket lends through four failures and not after the fifth."""
    bucket, lent = Bucket(), []
    state = bucket.full()
    for _ in range(6):
        lent.append(bucket.lends(state, 0.0))
        state = bucket.after(state, Failed("OSError", "down"), 0.0)
    assert lent == [True, True, True, True, True, False]


def test_a_tool_that_is_seldom_called_is_tried_again():
    """After five failures time alone brings the extras back: half a token a second, and never more than a bucket."""
    bucket = Bucket()
    state = bucket.full()
    for _ in range(5):
        state = bucket.after(state, TimedOut(1.0), 0.0)
    assert [bucket.lends(state, now) for now in (0.0, 0.1, 3600.0)] == [False, True, True]
    assert bucket.after(state, TimedOut(1.0), 3600.0).tokens == 9.0
    assert not Bucket(per_second=0).lends(state, 3600.0)


def test_successes_bring_the_extras_back():
    """From empty, extras are lent again after more than half a bucket of successes and not before."""
    bucket = Bucket(capacity=4, refill=0.5)
    state = bucket.full()
    for _ in range(9):
        state = bucket.after(state, TimedOut(1.0), 0.0)
    for _ in range(4):
        state = bucket.after(state, Ok(1), 0.0)
    assert not bucket.lends(state, 0.0)
    assert bucket.lends(bucket.after(state, Ok(1), 0.0), 0.0)


def test_a_bucket_of_nothing_never_lends():
    """`capacity=0` turns retries and hedges off."""
    bucket = Bucket(capacity=0)
    assert not bucket.lends(bucket.after(bucket.full(), Ok(1), 0.0), 9.0)


@pytest.mark.parametrize("setting", [{"capacity": -1}, {"refill": float("nan")}, {"per_second": -1}])
def test_impossible_settings_are_refused_by_name(setting):
    """A negative or NaN setting is refused with its own name."""
    with pytest.raises(InvalidPolicy, match=f"bucket.{next(iter(setting))}"):
        Bucket(**setting)
