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
    """In any history tokens stay within the bucket, and failed extras are paid for by half a bucket and successes."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = Bucket()
        self.state = self.bucket.full()
        self.successes = 0
        self.failed_extras = 0

    @rule(times=st.integers(1, 40))
    def succeed(self, times):
        for _ in range(times):
            before = self.state
            self.state = self.bucket.after(before, Ok(1))
            assert self.state.tokens == min(10.0, before.tokens + 0.1)
        self.successes += times

    @rule(outcome=FAILURES)
    def fail(self, outcome):
        before = self.state
        self.state = self.bucket.after(before, outcome)
        assert self.state.tokens == max(0.0, before.tokens - 1.0)

    @rule(outcome=FAILURES)
    def fail_with_an_extra_where_it_is_lent(self, outcome):
        if self.bucket.lends(self.state):
            self.failed_extras += 1
            self.state = self.bucket.after(self.state, outcome)

    @rule(outcome=NEUTRAL)
    def end_without_a_word_on_load(self, outcome):
        assert self.bucket.after(self.state, outcome) is self.state

    @invariant()
    def tokens_stay_within(self):
        assert 0.0 <= self.state.tokens <= 10.0
        assert self.bucket.lends(self.state) == (self.state.tokens > 5.0)

    @invariant()
    def failed_extras_are_paid_for(self):
        # The last one is lent where the tokens are barely above half, hence 6.
        assert self.failed_extras <= 6.0 + 0.1 * self.successes


TestBucketMachine = BucketMachine.TestCase


def test_five_failures_end_the_extras():
    """A full bucket lends through four failures and not after the fifth."""
    bucket, lent = Bucket(), []
    state = bucket.full()
    for _ in range(6):
        lent.append(bucket.lends(state))
        state = bucket.after(state, Failed("OSError", "down"))
    assert lent == [True, True, True, True, True, False]


def test_successes_bring_the_extras_back():
    """From empty, extras are lent again after more than half a bucket of successes and not before."""
    bucket = Bucket(capacity=4, refill=0.5)
    state = bucket.full()
    for _ in range(9):
        state = bucket.after(state, TimedOut(1.0))
    for _ in range(4):
        state = bucket.after(state, Ok(1))
    assert not bucket.lends(state)
    assert bucket.lends(bucket.after(state, Ok(1)))


def test_a_bucket_of_nothing_never_lends():
    """`capacity=0` turns retries and hedges off."""
    bucket = Bucket(capacity=0)
    assert not bucket.lends(bucket.after(bucket.full(), Ok(1)))


@pytest.mark.parametrize("setting", [{"capacity": -1}, {"refill": float("nan")}])
def test_impossible_settings_are_refused_by_name(setting):
    """A negative or NaN setting is refused with its own name."""
    with pytest.raises(InvalidPolicy, match=f"bucket.{next(iter(setting))}"):
        Bucket(**setting)
