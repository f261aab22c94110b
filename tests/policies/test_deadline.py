"""Deadlines are absolute and nest by the earlier one."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.deadline import Deadline

instants = st.floats(min_value=0, max_value=1e9) | st.just(math.inf)


@given(instants, instants, instants)
def test_nesting_is_min(a, b, c):
    """`earlier` is associative, commutative and idempotent, and never is its neutral element."""
    x, y, z = Deadline(a), Deadline(b), Deadline(c)
    assert x.earlier(y) == y.earlier(x) == Deadline(min(a, b))
    assert x.earlier(y.earlier(z)) == x.earlier(y).earlier(z)
    assert x.earlier(x) == x
    assert x.earlier(Deadline()) == x


@given(st.floats(min_value=0, max_value=1e6), st.floats(min_value=0, max_value=1e6), instants)
def test_an_enclosing_deadline_can_only_shrink_what_remains(now, seconds, enclosing):
    """Nothing inside a run can have more time than the run."""
    nested = Deadline.after(now, seconds).earlier(Deadline(enclosing))
    assert nested.remaining(now) <= Deadline(enclosing).remaining(now)
    assert nested.remaining(now) >= 0


def test_remaining_is_never_negative_and_never_has_no_end():
    """What is over has 0 seconds left; without a deadline there are infinitely many."""
    assert Deadline(5.0).remaining(9.0) == 0.0
    assert Deadline(5.0).expired(5.0)
    assert Deadline.after(3.0, None).never
    assert Deadline().remaining(1e12) == math.inf


def test_less_moves_it_earlier():
    """The soft deadline is the deadline less the reserve."""
    assert Deadline(5.0).less(1.5) == Deadline(3.5)
    assert Deadline().less(1.5).never
