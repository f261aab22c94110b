"""When reasoning ends: each rule on its own, their order, and situations that were written down."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from shotclock import Policy
from shotclock.policies.agreement import MOST_TEXT, meaning, same
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.stopping import Go, Seen, Stop, Stopping, TurnSituation


def turn(**changes):
    """A turn after which there is every reason to go on."""
    usual = {"turn": 1, "most_turns": 25, "remaining": 5.0, "next_turn": 1.0, "passed": 1, "cost_usd": 0.0}
    return TurnSituation(**usual | changes)


def broken(situation):
    raise RuntimeError("out of order")


async def asynchronous(situation):
    return "later"


def two_dollars(situation):
    return "two dollars are gone" if situation.cost_usd >= 2 else None


# Agreement


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (20.0, 20.1),
        (20, 20.1),
        (7, 7.0),
        ("There are 7 apples.", "there  are 7.0 apples"),
        ("1,234 km", "1234 km"),
        ("7", 7),
        ("21.3", 21.4),
        (["Oslo", 20.0], ("oslo!", 20.1)),
        ({"city": "Oslo", "t": 20.0}, {"t": 20.1, "city": "OSLO"}),
        (True, True),
        ("−5 °C", "-5 °C"),
        (10**400, 10**400),
    ],
)
def test_what_says_the_same(one, other):
    """Case, space, punctuation and the tolerance of measured numbers do not count."""
    assert same(meaning(one), meaning(other), 0.01)
    assert same(meaning(other), meaning(one), 0.01)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (20.0, 20.5),
        (2024, 2023),
        (2024, 2023.0),
        ("version 3.11", "version 3.12"),
        ("3.11", "3.12"),
        ("-5", "5"),
        ("5 %", "5 €"),
        ("not raining", "raining"),
        (True, 1),
        (True, "True"),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": None}),
        (10**400, 1.5),
        ("1,23", "123"),
    ],
)
def test_what_does_not_say_the_same(one, other):
    """Whole numbers, digits in texts, signs, units and the order of lists do count."""
    assert not same(meaning(one), meaning(other), 0.01)


DEEP = []
for _ in range(200):
    DEEP = [DEEP, 1]


@pytest.mark.parametrize(
    "value", [None, "", " ... ", [], {}, [None, ""], {"found": None}, math.nan, "x" * (MOST_TEXT + 1), [1] * 600, DEEP]
)
def test_what_says_nothing(value):
    """Empty results and ones too large to compare agree with nobody."""
    assert meaning(value) is None


def test_a_strangers_value_is_read_by_its_text():
    """An object is not looked into; its JSON is, and other text is text."""

    class Reading:
        @property
        def t(self):
            raise AssertionError("looked into")

    assert same(meaning(Reading(), '{"t": 20.0}'), meaning({"t": 20.1}), 0.01)
    assert same(meaning(Reading(), "Twenty degrees."), meaning("twenty degrees"), 0.01)
    assert same(meaning(Reading(), "{not json"), meaning("not JSON"), 0.01)


def test_agreeing_sources_stop():
    """`agree=2` stops at the second source, and never where it is not set."""
    assert isinstance(Stopping(agree=2).decide(turn(agreeing=1)), Go)
    stop = Stopping(agree=2).decide(turn(agreeing=2))
    assert (stop.stop_reason, stop.reason) == ("enough", "2 checked sources say the same, agree=2 are enough")
    assert isinstance(Stopping().decide(turn(agreeing=9)), Go)


# No progress


def test_fruitless_turns_stop():
    """Three turns in a row with nothing usable are the end by default; `None` never ends for that."""
    assert isinstance(Stopping().decide(turn(fruitless=2)), Go)
    assert "3 turns in a row brought nothing usable" in Stopping().decide(turn(fruitless=3)).reason
    assert isinstance(Stopping(fruitless=None).decide(turn(fruitless=20)), Go)


# The value of information


def test_the_chance_is_learnt_from_the_turns():
    """The mean of a Beta(1, 1) after the turns so far, or of another prior."""
    assert Stopping().chance(turn(turn=1, gains=1)) == pytest.approx(2 / 3)
    assert Stopping().chance(turn(turn=4, gains=1)) == pytest.approx(2 / 6)
    assert Stopping(prior=(8, 2)).chance(turn(turn=10, gains=0)) == pytest.approx(8 / 20)


def test_a_turn_worth_less_than_the_wait_stops():
    """chance × value_usd is weighed against seconds × second_usd, and the reason has the figures."""
    stopping = Stopping(value_usd=0.03, second_usd=0.01)
    assert isinstance(stopping.decide(turn(gains=1, next_turn=1.9)), Go)
    stop = stopping.decide(turn(gains=1, next_turn=2.1))
    assert stop.stop_reason == "enough"
    assert "worth 0.02 USD (chance 0.67) and costs 0.021 USD" in stop.reason


def test_a_turns_money_counts_too():
    """What an average turn has cost is expected of the next one."""
    stopping = Stopping(value_usd=0.03, second_usd=0.0)
    assert isinstance(stopping.decide(turn(turn=2, gains=2, cost_usd=0.04)), Go)
    assert isinstance(stopping.decide(turn(turn=2, gains=2, cost_usd=0.05)), Stop)


def test_an_unknown_price_is_said_to_be_unknown():
    """Where a price is unknown the wait alone is weighed, and the reason says `at least`."""
    stopping = Stopping(value_usd=0.001, second_usd=0.01)
    assert "costs at least" in stopping.decide(turn(cost_usd=None)).reason


def test_a_free_wait_of_unknown_length_stops_nothing():
    """Infinite seconds at no price are no price."""
    situation = turn(next_turn=math.inf, remaining=math.inf)
    assert isinstance(Stopping(value_usd=1, second_usd=0).decide(situation), Go)


# Rules of one's own


def test_a_rule_that_gives_a_reason_stops():
    """A rule is told the situation; its text is the reason, with its name before it."""
    stopping = Stopping(rules=(two_dollars,))
    assert isinstance(stopping.decide(turn(cost_usd=1.0)), Go)
    stop = stopping.decide(turn(cost_usd=2.5))
    assert (stop.stop_reason, stop.reason) == ("enough", "two_dollars: two dollars are gone")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (broken, "the stop rule broken raised RuntimeError: out of order"),
        (asynchronous, "the stop rule asynchronous is async; a rule must answer at once"),
        (lambda s: True, "gave a bool; give the reason to stop in words, or None"),
        (lambda s: " ", "gave an empty text; give the reason"),
    ],
)
def test_a_rule_that_cannot_be_asked_stops_nothing(rule, says):
    """A rule that raises or gives nonsense is a fault in words, and the next rule is asked all the same."""
    decided = Stopping(rules=(rule,)).decide(turn())
    assert isinstance(decided, Go)
    assert says in decided.faults[0]
    both = Stopping(rules=(rule, two_dollars)).decide(turn(cost_usd=3.0))
    assert (both.stop_reason, len(both.faults)) == ("enough", 1)
    late = Stopping(rules=(rule,)).decide(turn(next_turn=9.0))
    assert (late.stop_reason, len(late.faults)) == ("deadline", 1)


# Order

EVERYTHING = {
    "cut": {"cut": True},
    "exhausted": {"exhausted": "tool_calls"},
    "enough": {"passed": 2},
    "agree": {"agreeing": 2},
    "rules": {"cost_usd": 2.0},
    "turns": {"most_turns": 1},
    "repeated": {"repeated": True},
    "fruitless": {"fruitless": 3},
    "unfit": {"next_turn": 9.0},
    "overpriced": {"gains": -1},
}
ORDER = [
    ("cut", "deadline", "the deadline"),
    ("exhausted", "tool_calls", "used up"),
    ("enough", "enough", "enough=2"),
    ("agree", "enough", "agree=2"),
    ("rules", "enough", "two dollars"),
    ("turns", "enough", "limits.turns=1"),
    ("repeated", "enough", "made before"),
    ("fruitless", "enough", "fruitless=3"),
    ("unfit", "deadline", "another turn takes"),
    ("overpriced", "enough", "is worth"),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[name for name, _, _ in ORDER])
def test_the_first_that_applies_decides(first):
    """Where everything from one row of the table on applies, that row is the reason."""
    stopping = Stopping(enough=2, agree=2, rules=(two_dollars,), value_usd=5.0, second_usd=0.01)
    holds = {}
    for name, _, _ in ORDER[first:]:
        holds |= EVERYTHING[name]
    stop = stopping.decide(turn(**holds))
    assert stop.stop_reason == ORDER[first][1]
    assert ORDER[first][2] in stop.reason


# Situations as records

FULL = turn(
    turn=2,
    remaining=math.inf,
    cost_usd=None,
    agreeing=1,
    gains=1,
    results=(Seen(tool="look", outcome="ok", verdict="pass", score=1.0, text="7 apples"),),
)


def test_a_situation_survives_json():
    """`asdict`, JSON and back give an equal situation, on which a rule decides the same."""
    again = TurnSituation(**json.loads(json.dumps(dataclasses.asdict(FULL))))
    assert again == FULL
    rule = lambda s: s.results[0].text if s.results[0].verdict == "pass" else None  # noqa: E731  # named by its place
    assert Stopping(rules=(rule,)).decide(again) == Stopping(rules=(rule,)).decide(FULL)


def test_a_recorded_situation_is_read_back():
    """The results may be the JSON text that a record holds, and infinity a word."""
    figures = dataclasses.asdict(FULL) | {"results": json.dumps(dataclasses.asdict(FULL)["results"])}
    assert TurnSituation(**figures | {"remaining": "inf"}) == FULL
    # Traces leave out what is unknown, and it stays unknown.
    assert TurnSituation(**{name: value for name, value in figures.items() if value is not None}) == FULL


# Settings


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"enough": 0}, "stopping.enough"),
        ({"enough": 1.5}, "stopping.enough"),
        ({"agree": 1}, "stopping.agree must be a whole number of at least 2"),
        ({"tolerance": -0.1}, "stopping.tolerance"),
        ({"tolerance": math.nan}, "stopping.tolerance"),
        ({"fruitless": 0}, "stopping.fruitless"),
        ({"value_usd": 1.0}, "stopping.second_usd is missing"),
        ({"second_usd": 1.0}, "stopping.value_usd is missing"),
        ({"value_usd": -1.0, "second_usd": 1.0}, "stopping.value_usd must be 0 or more"),
        ({"value_usd": 1.0, "second_usd": math.inf}, "stopping.second_usd must be 0 or more"),
        ({"prior": (0, 1)}, "stopping.prior"),
        ({"prior": 3}, "stopping.prior"),
        ({"rules": two_dollars}, "stopping.rules must be a tuple of functions"),
        ({"rules": ("two_dollars",)}, "stopping.rules must be a tuple of functions"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(settings, name):
    """Each setting that cannot be meant is named."""
    with pytest.raises(InvalidPolicy, match=name):
        Stopping(**settings)


def test_a_file_sets_everything_but_the_rules(tmp_path):
    """TOML holds numbers and pairs."""
    file = tmp_path / "policy.toml"
    file.write_text(
        "[stopping]\nagree = 2\ntolerance = 0.05\nfruitless = 5\nvalue_usd = 0.1\nsecond_usd = 0.01\nprior = [2, 1]\n"
    )
    wanted = Stopping(agree=2, tolerance=0.05, fruitless=5, value_usd=0.1, second_usd=0.01, prior=(2, 1))
    assert Policy.from_toml(file).stopping == wanted


@pytest.mark.parametrize("rules", ['["two_dollars"]', "[]", '"two_dollars"', "3"])
def test_rules_in_a_file_are_refused(tmp_path, rules):
    """A file can name no function, and says where rules belong."""
    file = tmp_path / "policy.toml"
    file.write_text(f"[stopping]\nrules = {rules}\n")
    with pytest.raises(InvalidPolicy, match=r"stopping\.rules: .*rules are functions and cannot be read from a file"):
        Policy.from_toml(file)


def test_rules_in_code_are_taken():
    """Nested dicts made in code may hold functions."""
    assert Policy.from_dict({"stopping": {"rules": (two_dollars,)}}).stopping.rules == (two_dollars,)
