"""Calibration across kinds of query: a lower bound that keeps its word, and what follows from it."""

from __future__ import annotations

import math

import pytest

from shotclock.policies.errors import InvalidPolicy, UsageError
from shotclock.policies.quality import (
    Escalate,
    Fine,
    Quality,
    QualitySituation,
    Warn,
    incomplete_beta,
    lower_bound,
)
from shotclock.policies.settings import Policy
from shotclock.policies.standing import MOST_KINDS, MOST_OTHERS, MOST_RECENT, OTHER, Counts, Kind, Standing

KIND = Kind.of("text", ["weather"], "m")


def situation(**counts):
    """What is known of answers of one kind."""
    return QualitySituation(modality="text", tools="weather", model="gpt-x", **counts)


def binomial(k, n, p):
    """The probability of `k` or more of `n`, term by term."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


# The bound.


@pytest.mark.parametrize("n", [1, 5, 40])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_the_incomplete_beta_is_the_binomial_tail(n, p):
    """For whole counts the function is the exact tail of the binomial distribution."""
    for k in range(1, n + 1):
        assert incomplete_beta(k, n - k + 1, p) == pytest.approx(binomial(k, n, p), abs=1e-12)


def test_the_incomplete_beta_of_halves_is_the_arcsine_law():
    """Beta(1/2, 1/2) has the distribution that is known in closed form."""
    for x in (0.001, 0.2, 0.5, 0.77, 0.9999):
        assert incomplete_beta(0.5, 0.5, x) == pytest.approx(2 / math.pi * math.asin(math.sqrt(x)), abs=1e-12)


@pytest.mark.parametrize(("good", "bad"), [(1, 0), (34, 14), (20, 0), (1, 400), (7.3, 4.7), (80_000, 20_000)])
def test_the_bound_is_the_quantile_of_the_posterior(good, bad):
    """Below the bound lies as much of the posterior as the confidence leaves over."""
    bound = lower_bound(good, bad, confidence=0.9)
    assert incomplete_beta(good + 0.5, bad + 0.5, bound) == pytest.approx(0.1, abs=1e-5)


def test_the_bound_keeps_its_word():
    """Averaged over true shares, the bound lies under the truth as often as it says, within a point."""
    n, confidence = 40, 0.95
    bounds = [lower_bound(k, n - k, confidence=confidence) for k in range(n + 1)]
    shares = [0.5 + 0.0049 * at for at in range(100)]
    covers = [sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if bounds[k] <= p) for p in shares]
    assert sum(covers) / len(covers) == pytest.approx(confidence, abs=0.01)


def test_nothing_good_is_no_lower_bound_at_all():
    """Where nothing passed the bound is 0, and it grows with what passes and falls with what fails."""
    assert lower_bound(0, 20) == 0
    assert lower_bound(30, 10) < lower_bound(31, 10) < lower_bound(31, 9)
    assert lower_bound(8, 2) < lower_bound(80, 20) < 0.8


# What follows.


def test_without_a_threshold_nobody_is_warned():
    """The default policy asks for nothing, however bad a kind is."""
    assert isinstance(Quality().decide(situation(bad=1_000)), Fine)


def test_a_kind_that_is_clearly_under_the_threshold_is_warned_of():
    """The reason says in words what was seen, what follows from it and what was asked for."""
    decided = Quality(threshold=0.8).decide(situation(good=34, bad=14, unsure=3))
    assert decided == Warn(
        "34 of 48 checked answers of this kind (text, with weather, by gpt-x) passed, 3 more were left open: with 95 % "
        "confidence at least 59.3 %, under the 80 % asked for"
    )


def test_a_kind_that_is_good_enough_is_fine():
    """Where the bound reaches the threshold nothing follows."""
    assert isinstance(Quality(threshold=0.8).decide(situation(good=97, bad=3)), Fine)


@pytest.mark.parametrize(("bad", "decided"), [(19, Fine), (20, Warn)])
def test_few_answers_say_nothing(bad, decided):
    """Verdicts speak from `least` answers on, and those that left an answer open are none."""
    assert isinstance(Quality(threshold=0.8, least=20).decide(situation(bad=bad, unsure=500)), decided)


@pytest.mark.parametrize(("rated", "decided"), [(9, Fine), (10, Warn)])
def test_what_people_say_outweighs_what_checks_say(rated, decided):
    """From `least_rated` ratings on they speak alone, against any number of verdicts."""
    assert isinstance(Quality(threshold=0.8).decide(situation(good=5_000, rated=rated, score=rated * 0.5)), decided)


def test_people_can_clear_a_kind_that_checks_refuse():
    """Ratings that are good enough speak for answers that fail their checks."""
    assert isinstance(Quality(threshold=0.8).decide(situation(bad=50, rated=60, score=58.0)), Fine)


def test_a_stronger_model_is_asked_only_where_there_is_one():
    """The same kind is a warning without, and an escalation with a stronger model."""
    seen = {"good": 10, "bad": 30}
    assert isinstance(Quality(threshold=0.8).decide(situation(**seen)), Warn)
    decided = Quality(threshold=0.8).decide(situation(**seen, stronger="gpt-xl"))
    assert isinstance(decided, Escalate)
    assert decided.model == "gpt-xl"


def test_a_share_under_the_threshold_is_not_shown_as_on_it():
    """Percentages are rounded down."""
    reason = Quality(threshold=0.8).decide(situation(good=80_230, bad=19_770)).reason
    assert "at least 80 %, and 80 % are asked for" in reason
    assert "at least 79.9 %" in Quality(threshold=0.8).decide(situation(good=80_200, bad=19_800)).reason


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"threshold": 1.5}, "quality.threshold must be a share from 0 to 1"),
        ({"threshold": math.nan}, "quality.threshold"),
        ({"confidence": 1.0}, "quality.confidence must be from 0.5 to below 1"),
        ({"least": 0}, "quality.least must be 1 or more"),
        ({"least_rated": 0}, "quality.least_rated must be 1 or more"),
        ({"prior": (0.0, 1.0)}, "quality.prior must be two numbers above 0"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings, says):
    """Every limit is named with the value that broke it."""
    with pytest.raises(InvalidPolicy, match=says):
        Quality(**settings)


def test_the_policy_is_read_from_a_table():
    """An SRE sets it in a file."""
    policy = Policy.from_dict({"quality": {"threshold": 0.8, "prior": [8.0, 2.0], "least": 5}})
    assert policy.quality == Quality(threshold=0.8, prior=(8.0, 2.0), least=5)


# Kinds and counts.


def test_a_kind_is_the_same_however_its_tools_were_called():
    """Order and number of calls make no other kind."""
    assert Kind.of("text", ["b", "a", "b"], "m") == Kind.of("text", ("a", "b"), "m")
    assert Kind.of("text", ["b", "a"], "m").words == "text, with a and b, by m"
    assert Kind.of("text", [], "m").words == "text, without tools, by m"
    assert Kind.of("text", map(str, range(9)), "m").tools == "9 tools"
    assert Kind.of("text", [], "m" * 500).model == "m" * 100


def test_kinds_are_bounded():
    """Past the most that are told apart, further ones are counted together, by model and in the end at all."""
    standing = Standing()
    for number in range(MOST_KINDS + 5):
        standing.note("t", standing.settled(Kind.of("text", [f"t{number}"], "m")), "pass")
    assert standing.settled(Kind.of("text", ["new"], "m")) == Kind("text", OTHER, "m")
    assert standing.of(Kind("text", OTHER, "m")).good == 5
    for number in range(2 * MOST_OTHERS):
        standing.note("t", standing.settled(Kind.of("text", ["new"], f"m{number}")), "fail")
    told = []
    standing.hand_over(told.append)
    assert len(told[0]) == MOST_KINDS + MOST_OTHERS + 1
    assert sum(counts.checked for counts in told[0].values()) == MOST_KINDS + 5 + 2 * MOST_OTHERS


def test_recent_runs_are_bounded():
    """The oldest runs are forgotten first, and one that is noted again is new."""
    standing = Standing()
    for number in range(MOST_RECENT):
        standing.note(str(number), KIND, "pass", span_id=number)
    standing.note("0", KIND, "pass")
    standing.note("new", KIND, "pass")
    assert standing.recent("1") is None
    assert standing.recent("0") == (KIND, 0)
    assert standing.recent("2") == (KIND, 2)


def test_what_could_not_be_handed_over_is_handed_over_again():
    """A failed write loses no count and counts none twice."""
    standing, written = Standing(), []
    standing.note("a", KIND, "pass")

    def fail(counts):
        standing.note("b", KIND, "fail")  # what comes meanwhile is not lost either
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        standing.hand_over(fail)
    assert standing.hand_over(written.append) == 1
    assert standing.hand_over(written.append) == 0
    assert written == [{KIND: Counts(good=1, bad=1)}]
    assert standing.of(KIND) == Counts(good=1, bad=1)


def test_what_is_loaded_again_takes_the_place_of_what_was():
    """Loading twice counts nothing twice, and what is fresh stays beside it."""
    standing = Standing()
    standing.note("a", KIND, "unsure")
    for _ in range(2):
        standing.load({KIND: Counts(good=3, rated=1, score=0.5)})
    assert standing.of(KIND) == Counts(good=3, unsure=1, rated=1, score=0.5)


def test_ratings_never_add_up_to_less_than_nothing():
    """Replacing ratings many times leaves no rounding error that no store would read."""
    counts = Counts(rated=1, score=0.1)
    for _ in range(1_000):
        counts += Counts(score=0.2)
        counts += Counts(score=-0.3)
    assert Counts.read(counts.values()) == counts


@pytest.mark.parametrize(
    "values",
    [("x", 0, 0, 0, 0.0), (-1, 0, 0, 0, 0.0), (1.5, 0, 0, 0, 0.0), (0, 0, 0, 1, 1.5), (0, 0, 0, 1, "x"), (1, 2)],
)
def test_what_is_no_count_is_refused(values):
    """Damage is found where it is read."""
    with pytest.raises(UsageError, match="stored"):
        Counts.read(values)
