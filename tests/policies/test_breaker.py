"""The breaker opens after failures in a row, stays open, and lets one trial decide."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from shotclock.policies.breaker import CLOSED, Breaker, BreakerState, Open
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.outcome import Cancelled, Failed, Ok, Skipped, TimedOut

FAILURES = [Failed("OSError", "down"), TimedOut(1.0)]
ANSWERS = [Ok(1), Failed("ToolError", "no such city", retryable=False)]
UNKNOWN = [Cancelled("interrupted"), Skipped("deadline", "")]
DOWN = FAILURES[0]


class BreakerMachine(RuleBasedStateMachine):
    """In any order of begun, ended and cut calls the breaker agrees with a model of it that is written out in full."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.policy = Breaker(failures=3, ejection=30.0)
        self.state = CLOSED
        self.now = 0.0
        self.row = 0
        self.open_until: float | None = None
        self.trials: list[float] = []  # instants at which the trials under way began

    @rule(seconds=st.sampled_from([0.0, 1.0, 29.0, 30.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(target=calls)
    def begin(self):
        refused = self.policy.refusal(self.state, self.now)
        if refused is not None:
            assert self.open_until is not None, "only an open breaker refuses"
            assert 0 < refused.seconds <= 30.0
            return multiple()
        trial = self.open_until is not None
        if trial:
            assert self.now >= self.open_until, "nothing passes before the ejection is over"
            assert all(self.now - began >= 30.0 for began in self.trials), "one trial at a time"
            self.trials.append(self.now)
        self.state = self.policy.begin(self.state, self.now)
        return (self.now, trial)

    @rule(call=consumes(calls), outcome=st.sampled_from(FAILURES + ANSWERS + UNKNOWN))
    def end(self, call, outcome):
        _, trial = call
        before = self.state
        self.state = self.policy.after(self.state, outcome, self.now, trial=trial)
        if self.open_until is None:
            self._closed(outcome)
        elif not trial:
            assert self.state is before, "what began before it opened changes nothing"
        elif outcome in ANSWERS:
            self.open_until, self.row, self.trials = None, 0, []
        elif outcome in FAILURES:
            self.open_until, self.trials = self.now + 30.0, []
        else:
            self.trials = []

    def _closed(self, outcome):
        if outcome in ANSWERS:
            self.row = 0
        elif outcome in FAILURES:
            self.row += 1
            if self.row >= 3:
                self.open_until, self.trials = self.now + 30.0, []

    @invariant()
    def agrees_with_the_model(self):
        assert (self.state.opened is not None) == (self.open_until is not None)
        if self.open_until is not None and self.now < self.open_until:
            assert self.policy.refusal(self.state, self.now) == Open(seconds=self.open_until - self.now)
        if self.open_until is None:
            assert self.policy.refusal(self.state, self.now) is None
            assert self.state.failures == self.row < 3


TestBreakerMachine = BreakerMachine.TestCase


def opened(at=0.0):
    """A breaker with its defaults that was opened at an instant."""
    state = CLOSED
    for _ in range(5):
        state = Breaker().after(state, DOWN, at, trial=False)
    return state


def test_the_fifth_failure_in_a_row_opens_it_for_thirty_seconds():
    """Four failures let calls through, the fifth lets none through for 30 s, and then there is a trial."""
    breaker, state = Breaker(), CLOSED
    for _ in range(4):
        state = breaker.after(state, TimedOut(1.0), 7.0, trial=False)
        assert breaker.refusal(state, 7.0) is None
    state = breaker.after(state, DOWN, 8.0, trial=False)
    assert breaker.refusal(state, 8.0) == Open(seconds=30.0)
    assert breaker.refusal(state, 37.5) == Open(seconds=0.5)
    assert breaker.refusal(state, 38.0) is None


def test_a_throttled_tool_is_asked_again_soon_and_ever_more_rarely():
    """After 429s it stays open for a second, doubled with each trial that is throttled too, up to the ejection."""
    breaker, state, now, waits = Breaker(), CLOSED, 0.0, []
    busy = Failed("HTTPStatusError", "429", passing=True, throttled=True)
    for _ in range(5):
        state = breaker.after(state, busy, now, trial=False)
    for _ in range(7):
        waits.append(breaker.refusal(state, now).seconds)
        now += waits[-1]
        state = breaker.after(breaker.begin(state, now), busy, now, trial=True)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    state = breaker.after(breaker.begin(state, now + 30), DOWN, now + 30, trial=True)
    assert breaker.refusal(state, now + 30).seconds == 30.0


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_any_kind_ends_the_row(answer):
    """A result or a `ToolError` between failures begins the count anew."""
    breaker, state = Breaker(failures=2), CLOSED
    for outcome in (DOWN, answer, DOWN):
        state = breaker.after(state, outcome, 0.0, trial=False)
    assert breaker.refusal(state, 0.0) is None
    assert state.failures == 1


@pytest.mark.parametrize("cut", UNKNOWN)
def test_cut_calls_are_neither_failures_nor_successes(cut):
    """Attempts the run cut neither open the breaker nor end the row of failures."""
    state = BreakerState(failures=4)
    assert Breaker().after(state, cut, 0.0, trial=False) is state


def test_one_trial_at_a_time():
    """While the trial is under way the next call is refused, and told that a trial is waited for."""
    breaker = Breaker()
    state = breaker.begin(opened(), 30.0)
    assert breaker.refusal(state, 31.0) == Open(seconds=29.0, trial=True)


def test_a_trial_that_was_cut_leaves_the_next_call_to_try():
    """A trial cancelled by its run says nothing: the breaker stays half open and the next call is the trial."""
    breaker = Breaker()
    state = breaker.after(breaker.begin(opened(), 30.0), Cancelled("deadline"), 31.0, trial=True)
    assert breaker.refusal(state, 31.0) is None
    assert state.opened is not None


def test_a_trial_that_fails_ejects_for_as_long_again():
    """One failed trial is enough to open the breaker for another 30 s from then."""
    breaker = Breaker()
    state = breaker.after(breaker.begin(opened(), 30.0), TimedOut(2.0), 32.0, trial=True)
    assert breaker.refusal(state, 32.0) == Open(seconds=30.0)
    assert state.failures == 6


def test_a_trial_that_is_never_heard_of_does_not_lock_the_tool_out():
    """A trial without an end is given up after the ejection time, and another call may try."""
    breaker = Breaker()
    state = breaker.begin(opened(), 30.0)
    assert breaker.refusal(state, 60.0) is None


def test_it_can_be_turned_off():
    """`failures=None` never opens."""
    breaker, state = Breaker(failures=None), CLOSED
    for _ in range(100):
        state = breaker.after(state, DOWN, 0.0, trial=False)
    assert breaker.refusal(state, 0.0) is None


@pytest.mark.parametrize("setting", [{"failures": 0}, {"ejection": -1}, {"ejection": float("nan")}])
def test_impossible_settings_are_refused_by_name(setting):
    """A setting out of range is refused with its own name."""
    with pytest.raises(InvalidPolicy, match=f"breaker.{next(iter(setting))}"):
        Breaker(**setting)
