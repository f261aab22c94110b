"""Forecasts: calibrated from the first samples on, quick to follow a change, and summed as distributions."""

from __future__ import annotations

import json
import math
import random
import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shotclock.policies.errors import InvalidPolicy, UsageError
from shotclock.policies.forecast import PRIORS, Forecast, ForecastPolicy, Prior, key, size_class
from shotclock.policies.latency import LatencyState, Observation, merge
from shotclock.policies.pace import ModelLatency, PacePolicy
from shotclock.policies.sums import NOTHING, slowest, total

from .latencies import LogNormal, Recorded

LEVELS = (0.9, 0.95, 0.99)


def learnt(samples, prior=PRIORS["tool"]):
    """The state after these samples."""
    return LatencyState.of([Observation(seconds) for seconds in samples], prior)


def drawn(n, p50=0.3, sigma=0.7, seed=7):
    """So many log-normal samples."""
    chance = random.Random(seed)
    return [p50 * math.exp(chance.gauss(0, sigma)) for _ in range(n)]


def to_go(forecast, after):
    """Mean seconds still to go after so many; the last 1/64 of the probability counts with its middle, as a heavy tail
    has no mean."""
    rest = forecast.conditional(after)
    return statistics.fmean(rest.quantile((i + 0.5) / 64) for i in range(64)) - after


def test_before_any_sample_the_prior_speaks():
    """With no sample the median is the prior's, and the quantiles allow for a prior that is wrong."""
    forecast = LatencyState(Prior(p50=2.0)).forecast()
    assert forecast.n == 0
    assert forecast.median == pytest.approx(2.0)
    assert forecast.quantile(0.95) > LogNormal(2.0, 0.70).quantile(0.95)


@pytest.mark.parametrize("factor", [5.0, 0.2, 3.0])
@pytest.mark.parametrize("before", [40, 150, 1500])
def test_after_a_change_of_regime_the_quantiles_follow_within_a_hundred_samples(factor, before):
    """100 samples after a latency has become another multiple, p50, p90 and p95 are those of the new regime."""
    state = learnt([*drawn(before), *drawn(100, p50=0.3 * factor, seed=8)])
    truth = LogNormal(0.3 * factor, 0.7)
    for q in (0.5, 0.9, 0.95):
        assert 0.65 < state.forecast().quantile(q) / truth.quantile(q) < 1.55


def test_a_steady_latency_raises_no_alarm_of_drift():
    """10,000 samples of one regime, heavy-tailed, keep the memory that a window promises."""
    chance, source = random.Random(2), Recorded()
    state = learnt([source.quantile(chance.random()) for _ in range(10_000)])
    assert state.count == 10_000


@pytest.mark.parametrize("n", [15, 150, 1200])
def test_cut_samples_count_as_longer_not_as_their_length(n):
    """Where a third of the samples is cut at their p66, the median stays true, and p90 is not taken for the cut."""
    cut, truth = LogNormal(0.3, 0.7).quantile(0.66), LogNormal(0.3, 0.7)
    state = LatencyState.of([Observation(min(s, cut), s > cut) for s in drawn(n)])
    assert 0.7 < state.forecast().median / truth.quantile(0.5) < 1.4
    assert state.forecast().quantile(0.9) > 1.15 * cut
    assert state.forecast().quantile(0.9) < 3 * truth.quantile(0.9)


def test_a_tool_that_was_only_ever_cut_is_expected_to_take_longer():
    """Timeouts alone move the forecast beyond the timeout."""
    state = LatencyState.of([Observation(2.0, censored=True)] * 10)
    assert state.forecast().probability(2.0) < 0.4


def test_after_two_seconds_a_heavy_tail_has_far_to_go():
    """Of the recorded delays one that has taken 2 s has some 4 % to end within its usual 63 ms, and seconds to go."""
    source = Recorded()
    chance = random.Random(4)
    forecast = learnt([source.quantile(chance.random()) for _ in range(900)], PRIORS["fast tool"]).forecast()
    assert forecast.conditional(2.0).probability(2.063) < 0.1
    assert to_go(forecast, 2.0) > 5.0 > 1.5 > to_go(forecast, 0.0)


def test_a_model_call_that_runs_has_no_more_to_go_than_a_fresh_one():
    """The mean residual of a light tail stays: keep streaming."""
    forecast = learnt(drawn(1000, 2.97, 0.4), PRIORS["model"]).forecast()
    assert 0.5 < to_go(forecast, 3.0) < to_go(forecast, 0.0)


@pytest.mark.parametrize("n", [0, 7, 60, 700])
@given(q=st.floats(0.06, 0.999))
def test_quantile_and_probability_are_inverses(n, q):
    """P(T ≤ quantile(q)) is q in every way of forecasting, above the smallest sample's share."""
    forecast = learnt(drawn(n)).forecast()
    if q > 1 / (n + 1) or n == 0:
        assert forecast.probability(forecast.quantile(q)) == pytest.approx(q, abs=2e-3)


@example(samples=[(0.0, False), (89.0, False), (89.0, False)], q=0.5)  # once off by the last digit
@given(samples=st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), max_size=60), q=st.floats(0.001, 0.998))
def test_quantiles_ascend_and_are_never_nan(samples, q):
    """Whatever was seen, a higher probability never means less time."""
    forecast = LatencyState.of([Observation(*sample) for sample in samples]).forecast()
    assert 0 < forecast.quantile(q) <= forecast.quantile(q + 0.001)
    assert 0 <= forecast.probability(1.0) <= forecast.probability(2.0) <= 1
    assert to_go(forecast, 1.0) >= -1e-9


def test_the_ends_are_nothing_and_infinity():
    """q = 0 and q = 1 are 0 s and infinity, and so are their probabilities."""
    forecast = LatencyState().forecast()
    assert (forecast.quantile(0), forecast.quantile(1)) == (0, math.inf)
    assert (forecast.probability(0), forecast.probability(math.inf)) == (0, 1)


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_a_sample_that_is_no_duration_is_refused_by_name(seconds):
    """NaN, infinity and negatives never reach the sketch."""
    with pytest.raises(UsageError, match="seconds must be 0 or more"):
        LatencyState().observe(seconds)


@pytest.mark.parametrize(
    "setting", [{"kappa0": 0}, {"nu0": 2}, {"alpha": 1}, {"window": 10}, {"drift_alarm": math.nan}]
)
def test_a_setting_out_of_range_is_refused_by_name(setting):
    """The message names the setting."""
    with pytest.raises(InvalidPolicy, match=next(iter(setting))):
        ForecastPolicy(**setting)


def test_priors_and_questions_out_of_range_are_refused():
    """A median of 0, a probability above 1 and a NaN are mistakes of the calling program."""
    with pytest.raises(InvalidPolicy, match=r"prior\.p50"):
        Prior(p50=0)
    with pytest.raises(InvalidPolicy, match=r"pace\.memory"):
        PacePolicy(memory=0)
    with pytest.raises(UsageError, match="q must be a probability"):
        LatencyState().forecast().quantile(95)
    with pytest.raises(UsageError, match="within"):
        LatencyState().forecast().probability(math.nan)


@pytest.mark.parametrize("n", [0, 5, 100, 1000])
def test_what_was_learnt_survives_json(n):
    """A state that was written and read holds the same, and forecasts from all of it."""
    state = learnt(drawn(n))
    again = LatencyState.from_dict(json.loads(json.dumps(state.to_dict())))
    assert (again.to_dict(), again.count) == (state.to_dict(), state.count)
    assert again.forecast().n == n
    if not state.sketched:  # one from sketches is kept for a while, and so is older
        assert [again.forecast().quantile(q) for q in LEVELS] == pytest.approx(
            [state.forecast().quantile(q) for q in LEVELS], rel=0.02
        )


@pytest.mark.parametrize("data", [{}, {"version": 1}, {"version": 1, "window": [["x", 0]], "sketches": None}])
def test_a_damaged_state_is_refused_and_says_what_to_do(data):
    """Reading never leaves half a state."""
    with pytest.raises(UsageError, match="delete it"):
        LatencyState.from_dict(data)


@pytest.mark.parametrize(("n", "m"), [(10, 30), (30, 900), (900, 900), (0, 5)])
def test_merged_states_know_what_both_saw(n, m):
    """Merging two states is as good as having seen all samples in one."""
    a, b = learnt(drawn(n, seed=1)), learnt(drawn(m, seed=2))
    both, whole = merge(a, b), learnt([*drawn(n, seed=1), *drawn(m, seed=2)])
    assert both.count == n + m
    assert both.forecast().quantile(0.9) == pytest.approx(whole.forecast().quantile(0.9), rel=0.15)


def test_a_sum_is_convolved_and_not_added_up():
    """The sum of 3, 6 and 12 calls is met as often as it says; adding their 95th percentiles overshoots."""
    chance = random.Random(6)
    for width in (1, 3, 6, 12):
        forecasts = [learnt(drawn(1000, seed=seed)).forecast() for seed in range(width)]
        sums = [sum(0.3 * math.exp(chance.gauss(0, 0.7)) for _ in range(width)) for _ in range(4000)]
        for q in (0.5, 0.9, 0.95):
            asked = total(forecasts).quantile(q)
            met = sum(s <= asked for s in sums) / len(sums)
            assert abs(met - q) < 0.025, f"{met:.3f} of {width} calls at q = {q}"
    whole = total(forecasts)
    assert sum(f.quantile(0.95) for f in forecasts) > 1.3 * whole.quantile(0.95)
    assert whole.probability(whole.quantile(0.9)) == pytest.approx(0.9, abs=0.01)


def test_side_by_side_the_slowest_decides():
    """Of five calls side by side all end within t with the fifth power of one's probability."""
    one = learnt(drawn(500)).forecast()
    assert slowest([one] * 5).probability(1.0) == pytest.approx(one.probability(1.0) ** 5, abs=0.01)
    assert slowest([one] * 5).quantile(0.9) == pytest.approx(one.quantile(0.9 ** (1 / 5)), rel=0.05)


def test_nothing_to_do_takes_no_time():
    """Sums and the slowest of none are nothing, of one that one."""
    one = LatencyState().forecast()
    assert total([]) is slowest([]) is NOTHING
    assert NOTHING.quantile(0.99) < 1e-5
    assert total([one]) is slowest([one]) is one


def calls(n, start=0.58, per_token=0.0185, seed=3):
    """So many model calls: seconds and tokens."""
    chance = random.Random(seed)
    for _ in range(n):
        tokens = int(129 * math.exp(chance.gauss(0, 0.66)))
        yield (start + per_token * tokens) * math.exp(chance.gauss(0, 0.23)), tokens


def test_a_model_is_forecast_from_its_tokens():
    """After 100 calls of models four times as fast, start and pace are near their own, and p95 by tokens is met."""
    met = []
    for seed in range(20):
        model = ModelLatency()
        for seconds, tokens in calls(100, 0.2, 0.005, seed):
            model.observe(seconds, tokens)
        start, per_token = model.fit
        assert 0.1 < start < 0.4
        assert per_token == pytest.approx(0.005, rel=0.25)
        fresh = calls(100, 0.2, 0.005, 100 + seed)
        met += [seconds <= model.forecast(tokens).quantile(0.95) for seconds, tokens in fresh]
    assert statistics.fmean(met) == pytest.approx(0.95, abs=0.02)


def test_before_any_call_a_model_has_the_published_pace():
    """0.58 s + 18.5 ms a token; what fits into 3 s at p95 fits there, and one token more takes longer."""
    model = ModelLatency()
    assert model.fit == pytest.approx((0.58, 0.0185))
    tokens = model.tokens_within(3.0, 0.95)
    assert model.forecast(tokens).quantile(0.95) <= 3.0 + 1e-6 < model.forecast(tokens + 1).quantile(0.95)
    assert model.tokens_within(0.1) == 0


def test_hangs_do_not_carry_the_pace_away():
    """One call in fifty that hangs for 100 s leaves start and pace where they were."""
    model = ModelLatency()
    for at, (seconds, tokens) in enumerate(calls(300)):
        model.observe(100.0 if at % 50 == 49 else seconds, tokens)
    assert model.forecast(129).median == pytest.approx(2.97, rel=0.2)


def test_a_stream_is_forecast_again_as_it_flows():
    """What remains shrinks with the tokens so far, grows with a slow stream of its own, and ends at the limit."""
    model = ModelLatency()
    for seconds, tokens in calls(60):
        model.observe(seconds, tokens)
    early, late = model.remaining(10, 0.8, limit=200), model.remaining(180, 3.9, limit=200)
    assert late.quantile(0.95) < 0.8 < early.quantile(0.95)
    assert model.remaining(100, 10.0, limit=200).median > 1.5 * model.remaining(100, 2.4, limit=200).median
    assert model.remaining(200, 4.0, limit=200).quantile(0.95) < 0.001
    assert model.remaining(0, 0.3).median > 0.5


def test_a_model_survives_json_and_merging():
    """What two processes learnt of a model is one, and is read back as it was written."""
    a, b = ModelLatency(), ModelLatency()
    for at, (seconds, tokens) in enumerate(calls(80, 1.5, 0.03)):
        (a if at % 2 else b).observe(seconds, tokens)
    again = ModelLatency.from_dict(json.loads(json.dumps(a.merged(b).to_dict())))
    assert again.totals.count == 80
    assert again.forecast(100).median == pytest.approx(4.5, rel=0.15)
    with pytest.raises(UsageError, match="delete it"):
        ModelLatency.from_dict({"moments": [1]})


def test_keys_tell_sizes_apart_by_their_magnitude():
    """A size class is an order of magnitude, and a key without one is the name."""
    assert [size_class(n) for n in (0, 100, 101, 5_000, 10**7)] == ["≤100B", "≤100B", "≤1kB", "≤10kB", ">1MB"]
    assert key("search") == "search" != key("search", size_class(500))
    with pytest.raises(UsageError, match="size must be"):
        size_class(-1)


def test_a_forecast_does_not_change_after_it_was_handed_out():
    """Later samples leave an earlier forecast as it was."""
    state = learnt(drawn(30))
    forecast: Forecast = state.forecast()
    before = forecast.quantile(0.9)
    for _ in range(300):
        state.observe(50.0)
    assert forecast.quantile(0.9) == before
