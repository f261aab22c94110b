"""Calibration: it counts whether forecasts keep their word, and the forecasts keep it."""

from __future__ import annotations

import json
import math
import random

import pytest

from shotclock.policies.calibration import CHANCE, LEVELS, Calibration, Coverage
from shotclock.policies.errors import UsageError
from shotclock.policies.latency import LatencyState

from .latencies import SOURCES, measured


@pytest.mark.parametrize("name", SOURCES)
def test_from_three_to_twenty_samples_coverage_is_not_below_what_was_asked(name):
    """A quantile made of few samples is met at least as often as it says, within three sampling errors."""
    for n, q, covered, error, _ in measured(name, (3, 4, 5, 7, 10, 12, 15, 17, 20), 400):
        assert covered >= q - 3 * error, f"{covered:.4f} ± {error:.4f} at n = {n}, q = {q}"


@pytest.mark.parametrize("name", SOURCES)
def test_from_twenty_samples_coverage_is_within_two_points(name):
    """From 20 samples on a quantile is met as often as it says, give or take two points."""
    for n, q, covered, _, _ in measured(name, (20, 28, 35, 40, 50, 75, 100, 140, 240, 260), 200):
        assert abs(covered - q) <= 0.02, f"{covered:.4f} at n = {n}, q = {q}"


@pytest.mark.parametrize("name", SOURCES)
def test_from_fifty_samples_the_median_forecast_is_at_most_1_3_times_the_true_quantile(name):
    """Also p99 of the recorded delays, whose largest of 150 lies at six times their 99th percentile."""
    for n, q, _, _, width in measured(name, (50, 70, 100, 150, 199, 240, 260), 400):
        assert width <= 1.3, f"{width:.2f} at n = {n}, q = {q}"


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_counted_is_what_the_forecasts_cover(name):
    """Scored sample by sample, settled forecasts cover what they say and early ones no less."""
    source, prior = SOURCES[name]
    counted, chance = Calibration(), random.Random(5)
    for _ in range(40):
        state = LatencyState(prior)
        for _ in range(120):
            seconds = source.quantile(chance.random())
            counted.score(state.forecast(), seconds)
            state.observe(seconds)
    assert counted.count == 40 * 120
    for coverage in counted.coverage():
        assert coverage.n == 40 * 100
        assert coverage.share == pytest.approx(coverage.q, abs=0.02)
    assert all(coverage.share >= coverage.q - 0.02 for coverage in counted.coverage(early=True)[1:])


def settled(n=30):
    """A forecast of so many samples."""
    chance = random.Random(n)
    state = LatencyState()
    for _ in range(n):
        state.observe(math.exp(chance.gauss(0, 0.5)))
    return state.forecast()


@pytest.mark.parametrize(("fell", "within"), [(0.3, 4), (0.7, 3), (0.93, 2), (0.97, 1), (0.995, 0)])
def test_a_sample_is_within_every_quantile_above_it(fell, within):
    """A sample at the 70th percentile missed the median and met the three above."""
    counted = Calibration()
    counted.score(settled(), settled().quantile(fell))
    assert [coverage.within for coverage in counted.coverage()] == [0] * (4 - within) + [1] * within
    assert all(coverage.n == 1 for coverage in counted.coverage())


def test_a_cut_sample_decides_only_what_it_had_passed():
    """Cut at the 93rd percentile it missed p50 and p90; whether it would have met p95 nobody knows."""
    counted = Calibration()
    counted.score(settled(), settled().quantile(0.93), censored=True)
    assert [(coverage.within, coverage.n) for coverage in counted.coverage()] == [(0, 1), (0, 1), (0, 0), (0, 0)]
    assert counted.coverage()[3].share is None


def test_forecasts_of_few_samples_are_counted_apart():
    """19 samples make an early forecast, 20 a settled one."""
    counted = Calibration()
    counted.score(settled(19), 1.0)
    assert (counted.coverage(early=True)[0].n, counted.coverage()[0].n) == (1, 0)
    counted.score(settled(20), 1.0)
    assert (counted.coverage(early=True)[0].n, counted.coverage()[0].n) == (1, 1)


def test_counts_of_several_processes_add_up_and_survive_json():
    """Two halves counted apart, written, read and added are the whole."""
    whole, halves, chance = Calibration(), (Calibration(), Calibration()), random.Random(8)
    for at in range(400):
        sample = (settled(10 + at % 20), math.exp(chance.gauss(0, 0.8)), at % 7 == 0)
        whole.score(*sample)
        halves[at % 2].score(*sample)
    sums = Calibration()
    for half in halves:
        sums.add(Calibration.from_dict(json.loads(json.dumps(half.to_dict()))))
    assert sums.to_dict() == whole.to_dict()


@pytest.mark.parametrize(
    "damage",
    [{"version": 2}, {"levels": [0.5]}, {"ended": [[1, 2], [3]]}, {"cut": [[-1] * 5] * 2}, {"ended": None}],
)
def test_damaged_counts_are_refused_and_the_message_says_what_to_do(damage):
    """Counts of other quantiles, negative ones and missing ones are not taken for ours."""
    with pytest.raises(UsageError, match="delete it"):
        Calibration.from_dict(Calibration().to_dict() | damage)


@pytest.mark.parametrize("q", LEVELS)
@pytest.mark.parametrize("n", [1, 40, 300])
def test_a_coverage_is_judged_by_the_exact_binomial(q, n):
    """`short` and `long` are said exactly where chance gives as few, or as many, less than 1 % of the time."""
    weights = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
    for k in range(n + 1):
        few, many = sum(weights[: k + 1]), sum(weights[k:])
        if min(abs(few - CHANCE), abs(many - CHANCE)) < 1e-9:
            continue
        expected = "short" if few < CHANCE else "long" if many < CHANCE else "fair"
        assert Coverage(q, k, n).judgement == expected, f"{k} of {n}"


def test_a_million_samples_are_judged_too():
    """Large counts neither overflow nor take long, and nothing scored is fair."""
    assert Coverage(0.99, 989_000, 1_000_000).judgement == "short"
    assert Coverage(0.99, 990_050, 1_000_000).judgement == "fair"
    assert Coverage(0.99, 991_000, 1_000_000).judgement == "long"
    assert Coverage(0.99, 0, 0).judgement == "fair"
