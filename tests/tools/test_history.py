"""What an agent learns of its tools and models: by size, from any thread, and handed over once."""

from __future__ import annotations

import json
import logging
import math
import random
import threading

import pytest

from shotclock.policies.calibration import Calibration
from shotclock.policies.errors import UsageError
from shotclock.policies.forecast import PRIORS
from shotclock.policies.pace import PacePolicy
from shotclock.tools.history import BATCH, ENOUGH, History
from shotclock.tools.records import BY_TOKENS, MOST_FRESH, WHOLE, Kept, Key
from shotclock.tools.tool import tool

SMALL, LARGE = 50, 5_000


@tool
def search(words: str) -> str:
    """Search."""
    return words


@tool(latency=2.0)
def report(words: str) -> str:
    """Report."""
    return words


def drawn(n, p50=0.3, sigma=0.4, seed=1):
    """So many log-normal seconds."""
    chance = random.Random(seed)
    return [p50 * math.exp(chance.gauss(0, sigma)) for _ in range(n)]


def learn(history, seconds, *, size=None, of=search):
    """Forecast and observe one attempt after the other, as the pipeline does."""
    for sample in seconds:
        history.forecast(of, size=size)
        history.observe(of, sample, size=size)


def handed_over(history):
    """What is new, by its key."""
    taken = {}
    history.hand_over(lambda new: taken.update({increment.key: increment for increment in new}))
    return taken


def test_what_waits_to_be_learnt_is_not_lost():
    """Samples of a much used tool are learnt a few at a time; a forecast lags by less than that, what is handed over by
    none, and one that was cut is learnt at once."""
    history = History()
    learn(history, [0.3] * (200 + BATCH - 1))
    assert history.forecast(search).n >= 200
    assert len(handed_over(history)[Key("tool", "search")].samples) == 200 + BATCH - 1
    learn(history, [0.3] * 3)
    history.observe(search, 1.0, censored=True)
    assert history.tool(search).whole.state.count == 200 + BATCH + 3


def test_of_a_tool_that_declared_nothing_and_was_never_seen_nothing_is_known():
    """Unknown is `None`, not a guess; one sample makes it known."""
    history = History()
    assert history.forecast(search) is None
    history.observe(search, 0.2)
    assert history.forecast(search).n == 1


def test_a_declared_latency_is_believed_until_it_is_learnt():
    """Two declared seconds are the median before the first attempt, and forgotten after forty of 0.3 s."""
    history = History()
    assert history.forecast(report).median == pytest.approx(2.0)
    learn(history, drawn(40), of=report)
    assert history.forecast(report).median == pytest.approx(0.3, rel=0.3)


def test_a_forecast_is_kept_until_the_next_sample():
    """It is asked for at every attempt, so that asking again costs nothing."""
    history = History()
    learn(history, drawn(30))
    told = history.forecast(search)
    assert history.forecast(search) is told
    history.observe(search, 0.3)
    assert history.forecast(search) is not told


def test_a_size_class_speaks_for_itself_from_twenty_samples_on():
    """Large arguments that take ten times as long are forecast so, once there are enough of them and small ones too."""
    history = History()
    learn(history, drawn(40), size=SMALL)
    learn(history, drawn(ENOUGH - 1, p50=3.0), size=LARGE)
    assert history.forecast(search, size=LARGE) is history.forecast(search)
    learn(history, drawn(1, p50=3.0), size=LARGE)
    assert history.forecast(search, size=LARGE).median == pytest.approx(3.0, rel=0.4)
    assert history.forecast(search, size=SMALL).median == pytest.approx(0.3, rel=0.4)
    assert history.forecast(search).n == 40 + ENOUGH
    assert history.forecast(search, size=10**7) is history.forecast(search)


def test_one_size_class_alone_is_the_tool():
    """Where all arguments are alike there is nothing to tell apart."""
    history = History()
    learn(history, drawn(60), size=SMALL)
    assert history.forecast(search, size=SMALL) is history.forecast(search)


@pytest.mark.parametrize("n", [5, 60, 700])
@pytest.mark.parametrize("kept", [False, True])
def test_an_only_size_that_gets_company_has_learnt_what_it_would_have_learnt_alone(n, kept):
    """It is learnt as the whole tool until another size comes, and then forecasts as if it had been told apart always;
    also where all of that was learnt by an earlier process."""
    history, alone = History(), History()
    learn(history, drawn(n), size=SMALL)
    if kept:
        earlier, history = history, History()
        history.load({key: new.onto(None) for key, new in handed_over(earlier).items()})
    learn(history, drawn(ENOUGH, p50=3.0), size=LARGE)
    learn(history, drawn(30, seed=2), size=SMALL)
    learn(alone, [*drawn(n), *drawn(30, seed=2)])
    told, expected = history.forecast(search, size=SMALL), alone.forecast(search)
    assert [told.quantile(q) for q in (0.5, 0.95)] == pytest.approx(
        [expected.quantile(q) for q in (0.5, 0.95)], rel=0.02
    )
    new = handed_over(history)
    assert len(new[Key("tool", "search ≤100B")].samples) == (30 if kept else n + 30)
    assert len(new[Key("tool", "search")].samples) == (30 + ENOUGH if kept else n + 30 + ENOUGH)


def test_what_an_only_size_has_learnt_is_kept_whatever_fails_and_comes_meanwhile():
    """A write that fails while the second size comes loses nothing of either, and counts nothing twice."""
    history = History()
    learn(history, [0.1, 0.2], size=SMALL)

    def fail(new):
        learn(history, [0.3], size=LARGE)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        history.hand_over(fail)
    samples = {key.name: [seconds for seconds, _ in new.samples] for key, new in handed_over(history).items()}
    assert samples == {"search": [0.1, 0.2, 0.3], "search ≤100B": [0.1, 0.2], "search ≤10kB": [0.3]}


def test_a_sample_of_no_known_size_belongs_to_the_whole_tool_alone():
    """An only size does not take for its own what may be of any size."""
    history = History()
    learn(history, [0.1], size=SMALL)
    learn(history, [0.2])
    learn(history, [0.3], size=SMALL)
    samples = {key.name: [seconds for seconds, _ in new.samples] for key, new in handed_over(history).items()}
    assert samples == {"search": [0.1, 0.2, 0.3], "search ≤100B": [0.1, 0.3]}


def test_a_sample_that_is_no_duration_is_refused_and_leaves_nothing_behind():
    """NaN is neither learnt nor scored nor handed over."""
    history = History()
    with pytest.raises(UsageError, match="seconds must be"):
        history.observe(search, math.nan, size=SMALL)
    assert handed_over(history) == {}


def test_no_sample_is_lost_between_threads():
    """Four threads that learn, forecast and hand over side by side account for every sample once."""
    history, taken = History(), []

    def work(seed):
        learn(history, drawn(150, seed=seed), size=SMALL)
        model = history.model("m")
        for seconds in drawn(50, seed=seed):
            model.observe(seconds, 20)
        history.hand_over(taken.extend)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history.hand_over(taken.extend)
    counts = {key: sum(len(i.samples) for i in taken if i.key == key) for key in {i.key for i in taken}}
    assert counts == {Key("tool", "search"): 600, Key("tool", "search ≤100B"): 600, Key("model", "m"): 200}
    # A sketched forecast is kept for an eighth as many samples as it rests on.
    assert 600 - 500 / 8 < history.forecast(search).n <= 600


# Models.


def test_a_model_is_one_object_with_the_prior_it_was_first_given():
    """Everyone who asks for a name gets the same history."""
    history = History()
    model = history.model("m", PacePolicy(start=0.1, per_token=0.001))
    assert history.model("m") is model
    assert history.model("other").fit == pytest.approx((0.58, 0.0185))
    assert (model.n, model.fit) == (0, pytest.approx((0.1, 0.001)))


def test_a_model_learns_its_pace_and_forecasts_from_it():
    """After sixty calls at 5 ms a token, what fits and what remains follow that pace."""
    history, chance = History(), random.Random(4)
    model = history.model("m")
    before = model.tokens_within(3.0)
    for seconds in drawn(60, p50=1.0, sigma=0.1):
        tokens = chance.randrange(50, 300)
        model.observe((0.2 + 0.005 * tokens) * seconds, tokens)
    assert model.n == 60
    assert model.fit[1] == pytest.approx(0.005, rel=0.2)
    assert model.tokens_within(3.0) > 2 * before
    assert model.forecast(200).median == pytest.approx(1.2, rel=0.2)
    assert model.forecast().n == 60
    assert model.remaining(100, 0.7, limit=101).quantile(0.95) < 0.05 < model.remaining(0, 0.0).median


# What is handed over.


def test_each_sample_is_handed_over_once():
    """What was written is not written again, and what came since is."""
    history = History()
    learn(history, drawn(3), size=SMALL)
    assert {key: len(new.samples) for key, new in handed_over(history).items()} == {
        Key("tool", "search"): 3,
        Key("tool", "search ≤100B"): 3,
    }
    assert handed_over(history) == {}
    learn(history, [0.7])
    assert handed_over(history)[Key("tool", "search")].samples == ((0.7, False),)


def test_what_could_not_be_written_is_handed_over_the_next_time():
    """A failed write gives back its samples and its scores, before what was learnt meanwhile."""
    history = History()
    learn(history, [0.1, 0.2])

    def fail(new):
        learn(history, [0.3])
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        history.hand_over(fail)
    again = handed_over(history)[Key("tool", "search")]
    assert [seconds for seconds, _ in again.samples] == [0.1, 0.2, 0.3]
    assert again.scores[WHOLE].count == 2


def test_a_process_that_never_saves_keeps_the_newest_samples_only():
    """What waits to be kept is bounded."""
    history = History()
    learn(history, drawn(MOST_FRESH + 50))
    new = handed_over(history)[Key("tool", "search")]
    assert len(new.samples) == MOST_FRESH
    assert new.samples[-1][0] == drawn(MOST_FRESH + 50)[-1]


def test_two_processes_that_learnt_apart_know_what_both_saw():
    """Increments put on one another are what one process would have learnt from all samples."""
    kept, whole, key = None, History(), Key("tool", "search")
    for seed in (1, 2, 3):
        history = History()
        learn(history, drawn(15, seed=seed))
        learn(whole, drawn(15, seed=seed))
        kept = handed_over(history)[key].onto(kept)
    again = History()
    again.load({key: kept})
    assert again.forecast(search).n == 45
    assert again.forecast(search).quantile(0.95) == pytest.approx(whole.forecast(search).quantile(0.95), rel=1e-4)


@pytest.mark.parametrize("n", [7, 90, 700])
def test_what_was_kept_is_known_again(n):
    """A tool with its size classes and a model forecast the same in the next process."""
    history, again = History(), History()
    learn(history, drawn(n), size=SMALL)
    learn(history, drawn(n, p50=3.0), size=LARGE)
    for seconds in drawn(n, p50=2.0):
        history.model("m").observe(seconds, 40)
    again.load({key: new.onto(None) for key, new in handed_over(history).items()})
    for size in (None, SMALL, LARGE):
        expected = history.forecast(search, size=size).quantile(0.9)
        assert again.forecast(search, size=size).quantile(0.9) == pytest.approx(expected, rel=0.02)
    assert again.model("m").fit == pytest.approx(history.model("m").fit)
    assert again.model("m").n == n


def test_what_is_loaded_comes_beside_what_was_just_learnt():
    """Loading after the first attempts, or again later, neither drops them nor counts them twice."""
    other, history = History(), History()
    learn(other, drawn(30), size=SMALL)
    texts = {key: new.onto(None) for key, new in handed_over(other).items()}
    learn(history, drawn(5, seed=9), size=LARGE)
    for _ in range(2):
        history.load(texts)
        assert history.forecast(search).n == 35
    learn(history, drawn(1), size=SMALL)
    assert {key.name: len(new.samples) for key, new in handed_over(history).items()} == {
        "search": 6,
        "search ≤100B": 1,
        "search ≤10kB": 5,
    }
    assert history.forecast(search, size=SMALL).n == 31


GOOD = json.loads(Kept(History().model("m").record.state, {}).to_json())
BAD_TEXTS = {
    "no JSON": "{",
    "no text": None,
    "another form": "[1, 2]",
    "nothing in it": "{}",
    "a number no float holds": '{"settings": {}, "scores": {}, "state": {"version": 1, "window": [[1e999, 0]]}}',
    "no number": '{"settings": {}, "scores": {}, "state": {"version": 1, "window": [[NaN, 0]], "sketches": null}}',
    "seconds of ages": '{"scores": {}, "state": {"version": 1, "window": [[1e300, 0]], "sketches": null}}',
    "another version": '{"scores": {}, "state": {"version": 99, "window": [], "sketches": null}}',
    "an empty sketch": '{"scores": {}, "state": {"version": 1, "window": [], "sketches": {"current": {}, '
    '"previous": {}}, "alpha": 0.01, "count": 9}}',
    "deep nesting": "[" * 100_000,
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_damage_is_left_out_with_a_warning_and_never_breaks_a_run(text, caplog):
    """A kept text that cannot be read costs what it held, once."""
    history = History()
    history.load({Key("tool", "search"): text, Key("model", "m"): text})
    with caplog.at_level(logging.WARNING):
        assert history.forecast(search) is None
        assert history.model("m").n == 0
    assert [record.message for record in caplog.records if "left out" in record.message] == [
        record.message for record in caplog.records
    ]
    assert len(caplog.records) == 2
    history.observe(search, 0.2)
    assert history.forecast(search).n == 1


def test_a_damaged_pace_is_refused():
    """Moments that give no pace are found when they are read, not when they are used."""
    data = GOOD | {"state": GOOD["state"] | {"moments": [1e308, 1e308, 1e308, -1e308, 1e308]}}
    with pytest.raises(UsageError, match="delete it"):
        Kept.read(json.dumps(data), PacePolicy)


# What is scored.


def test_what_was_told_is_what_is_scored():
    """Ten attempts begun on one forecast are scored against it; those of a tool nobody asked about are not."""
    history, expected = History(), Calibration()
    history.observe(report, 1.0)
    told = history.forecast(search) or history.forecast(report)
    for seconds in drawn(10, p50=2.0):
        history.observe(report, seconds)
        expected.score(told, seconds)
    assert handed_over(history)[Key("tool", "report")].scores[WHOLE].to_dict() == expected.to_dict()
    history.observe(search, 0.1)
    assert handed_over(history)[Key("tool", "search")].scores == {}


def test_the_record_that_spoke_is_the_one_that_is_scored():
    """Once a size class forecasts its own attempts, they are its score and no longer the whole tool's."""
    history = History()
    learn(history, drawn(ENOUGH), size=SMALL)
    learn(history, drawn(5), size=LARGE)
    before = handed_over(history)
    learn(history, drawn(7), size=SMALL)
    after = handed_over(history)
    assert before[Key("tool", "search")].scores[WHOLE].count == ENOUGH + 5 - 1
    assert after[Key("tool", "search ≤100B")].scores[WHOLE].count == 7
    assert after[Key("tool", "search")].scores == {}


def test_a_model_is_scored_with_and_without_its_tokens():
    """Both of its forecasts are watched: of a call as such, and of a call of so many tokens."""
    history = History()
    for seconds in drawn(30, p50=2.0):
        history.model("m").observe(seconds, 80)
    history.model("m").observe(1.0)
    scores = handed_over(history)[Key("model", "m")].scores
    assert (scores[WHOLE].count, scores[BY_TOKENS].count) == (31, 30)


def test_the_prior_is_kept_beside_what_was_learnt():
    """Whoever reads the store without the tool knows what was believed of it."""
    history = History()
    history.observe(search, 0.2)
    kept = Kept.read(handed_over(history)[Key("tool", "search")].onto(None), type(PRIORS["tool"]))
    assert kept.settings == PRIORS["tool"]
    assert kept.state.count == 1
