"""What a sentence says otherwise than its sources: denied states, opposite keys, other sections, falls and powers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shotclock.policies.facts import extract
from shotclock.policies.grounding import Grounding, Source, ground

TICKETS = [
    {"id": "T-11", "title": "Slow lift", "state": "closed", "assignee": "Ada Holm"},
    {"id": "T-12", "title": "No heating", "state": "held by customs", "assignee": "Ben Aro"},
]
PAGE = (
    "<h2>Pottery for beginners</h2><ul><li>Teacher: Ida Berg</li><li>Fee: 80 euros</li></ul>"
    "<h2>Pottery workshop</h2><ul><li>Teacher: Nils Dahl</li><li>Fee: 120 euros</li></ul>"
)
NOTES = "## 2.1.0 (2026-05-02)\n- Added: dark mode for charts\n\n## 2.0.4 (2026-04-01)\n- Fixed: wrong axis labels\n"
FUND = {"name": "Fjord Growth", "volume_eur_m": 815, "ytd_percent": -2.5}
BOND = {"name": "Alm Bond", "volume_eur_m": 90, "ytd_percent": 4.0}
ROOM = {
    "name": "Room 7",
    "breakfast": {"included": False, "price_eur": 14},
    "closed_on": "Tuesday",
    "change_percent": 6.5,
}


def said(answer: str, value: Any) -> Grounding:
    content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ground(answer, question="Tell me about it.", sources=[Source("s", f'look({{"q": "it"}})\n{content}')])


@pytest.mark.parametrize(
    ("answer", "value", "outcome"),
    [
        ("T-11 is closed.", TICKETS, "pass"),
        ("T-11 is not closed.", TICKETS, "fail"),
        ("T-12 is not held by customs.", TICKETS, "fail"),
        ("T-12 is held by customs.", TICKETS, "pass"),
        ("Room 7 is closed on Tuesday.", ROOM, "pass"),
        ("Room 7 opens on Tuesday.", ROOM, "unsure"),
        ("Breakfast is not included.", ROOM, "pass"),
        ("Breakfast is included.", ROOM, "fail"),
        ("That is 6.5 % more than before.", ROOM, "pass"),
        ("That is 6.5 % less than before.", ROOM, "fail"),
    ],
)
def test_states_and_flags_are_not_turned_round(answer, value, outcome):
    """A denial of a state that the record has, the opposite of a key, and a fall that is a rise are not verified."""
    assert said(answer, value).verdict.outcome == outcome


@pytest.mark.parametrize(
    ("answer", "value", "passes"),
    [
        ("Pottery for beginners costs 80 euros.", PAGE, True),
        ("Pottery workshop costs 80 euros.", PAGE, False),
        ("The teacher of Pottery for beginners is Nils Dahl.", PAGE, False),
        ("Version 2.1.0 added dark mode for charts.", NOTES, True),
        ("Version 2.0.4 added dark mode for charts.", NOTES, False),
    ],
)
def test_a_value_belongs_to_its_section(answer, value, passes):
    """What stands under one heading is not said of another, on pages and in notes on versions."""
    assert (said(answer, value).verdict.outcome == "pass") is passes


@pytest.mark.parametrize(
    ("answer", "value", "fails"),
    [
        ("Fjord Growth has a volume of 815 million euros.", FUND, False),
        ("Fjord Growth has a volume of 815 euros.", FUND, True),
        ("Fjord Growth has a volume of 815 billion euros.", FUND, True),
        ("Alm Bond is up 4.0 % and Fjord Growth is down 2.5 %.", [FUND, BOND], False),
        ("Flex costs 31.5 EUR per kWh.", "Flex costs 31.5 ct per kWh.", True),
        ("The keeper left two years later, in 1979.", "It was automated in 1977; the keeper left in 1979.", False),
        ("The keeper left three years later, in 1979.", "It was automated in 1977; the keeper left in 1979.", True),
    ],
)
def test_powers_cents_and_differences(answer, value, fails):
    """A key may name millions, cents are no euros, a part of a sentence may fall alone, and spelled differences are
    left open only where they are differences."""
    assert (said(answer, value).verdict.outcome == "fail") is fails


def test_a_number_in_words_shifts_nothing():
    """A name behind a spelled number with its unit keeps its place and its letters."""
    assert [fact.text for fact in extract("over five years and Global Bond is")] == ["five years", "Global Bond"]
