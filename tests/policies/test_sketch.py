"""The sketch against the store of DDSketch itself, from which it has its bins."""

from __future__ import annotations

import json
import math
import random

import pytest
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import CollapsingLowestDenseStore

from shotclock.policies.errors import UsageError
from shotclock.policies.sketch import BINS, Sketches

ALPHA = 0.01


def theirs(logs, weight=1.0):
    """The bins of DDSketch's own store, as upper edges and counts."""
    mapping, store = LogarithmicMapping(ALPHA), CollapsingLowestDenseStore(BINS)
    for log in logs:
        store.add(mapping.key(math.exp(log)), weight)
    step = math.log(mapping.gamma)
    return [(key * step, count) for key, count in enumerate(store.bins, store.offset) if count]


def ours(logs, weight=1.0, window=10**9):
    """A sketch of these log seconds."""
    sketches = Sketches(ALPHA, window)
    for log in logs:
        sketches.add(log, weight)
    return sketches


@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 5.0, 40.0, 200.0])
def test_the_counts_are_those_of_ddsketch(spread):
    """Bin by bin, also where the samples span more than 2,048 bins and the smallest share one."""
    for seed in range(5):
        chance = random.Random(seed)
        logs = [min(max(chance.gauss(-3, spread), -690.0), 690.0) for _ in range(700)]
        for weight in (1.0, 0.25):
            assert list(ours(logs, weight).bins()) == theirs(logs, weight)


def test_what_was_merged_is_what_one_would_have_counted():
    """Also where one of them lies so far under the other that its samples share the lowest bin."""
    chance = random.Random(1)
    low = [chance.gauss(-100, 3) for _ in range(200)]
    high = [chance.gauss(1, 3) for _ in range(200)]
    for one, other in ((low, high), (high, low)):
        merged = ours(one)
        merged.absorb(ours(other))
        assert list(merged.bins()) == theirs([*one, *other])
        assert merged.count == 400


def test_a_full_window_is_kept_until_the_next_one_is_full():
    """At any time the last one to two windows are counted, and nothing before."""
    sketches = ours([0.0] * 10 + [1.0] * 9, window=10)
    assert sketches.count == 19
    assert [count for _, count in sketches.bins()] == [10, 9]
    sketches.add(1.0)
    assert sketches.count == 10
    assert [(edge, count) for edge, count in sketches.bins()] == [(pytest.approx(1.0, abs=2 * ALPHA), 10)]


def test_a_sketch_survives_json_and_counts_on():
    """Written and read in the middle of a window, it rotates when the other does."""
    chance = random.Random(2)
    logs = [chance.gauss(0, 2) for _ in range(60)]
    whole, again = ours(logs, window=25), Sketches(ALPHA, 25)
    again.load(json.loads(json.dumps(ours(logs[:40], window=25).to_dict())))
    for log in logs[40:]:
        again.add(log)
    assert again.to_dict() == whole.to_dict()


@pytest.mark.parametrize("log", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_and_not_counted(log):
    """DDSketch's own class takes NaN silently."""
    sketches = ours([0.0])
    with pytest.raises(UsageError, match="finite"):
        sketches.add(log)
    assert sketches.count == 1
