"""What is refused is surely wrong: what may be calculated, named otherwise or meant otherwise is left open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shotclock.policies.grounding import Source, ground
from shotclock.policies.notation import englished

ORDER = {
    "order": "A-1701",
    "items": [
        {"sku": "K1", "name": "Kettle", "qty": 2, "price_eur": 39.9},
        {"sku": "T2", "name": "Toaster", "qty": 1, "price_eur": 24.5},
    ],
    "shipped_at": "2026-03-02T10:15:00Z",
    "country": "DE",
}
FIELD = {"north": 1200, "south": 1350, "west": 1290, "share_percent": 3.7}
LAMPS = [
    {"name": "Luna", "price": 49.0, "in_stock": True, "led": True},
    {"name": "Sol", "price": 79.0, "in_stock": False, "led": True},
    {"name": "Astra", "price": 65.5, "in_stock": True, "led": False},
]
DEPLOYED = "id=731 service=billing status=succeeded seconds=212\nid=732 service=search status=failed seconds=48"
LEASE = "The tenant shall pay 1,240 euros a month. Pets are not allowed without the landlord's written consent."


def outcome(
    answer: str, value: Any, tool: str = "look", question: str = "What is it?", arguments: str = '{"q": 1}'
) -> str:
    content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ground(answer, question=question, sources=[Source("s", f"{tool} {arguments}\n{content}")]).verdict.outcome


@pytest.mark.parametrize(
    ("right", "wrong", "value"),
    [
        ("Two kettles come to 79.80 euros.", "Two kettles come to 87.31 euros.", ORDER),
        ("The kettle is 15.40 euros dearer.", "The kettle is 18.49 euros dearer.", ORDER),
        ("The average is 1,280.", "The average is 1,777.", FIELD),
        ("In all that is 3,840.", "In all that is 4,931.", FIELD),
        ("A year's rent is 14,880 euros.", "A year's rent is 19,977 euros.", LEASE),
        ("It was shipped on 2 March at 11:15 CET.", "It was shipped on 2 March at 11:52 CET.", ORDER),
        ("It should be there by 4 March, two days later.", "It should be there by 23 June.", ORDER),
        ("It goes to Germany.", "It is order A-1702.", ORDER),
    ],
)
def test_what_one_step_reaches_is_left_open(right: str, wrong: str, value: Any) -> None:
    """What one step of reckoning reaches is neither verified nor refused; what none reaches is in no source."""
    assert (outcome(right, value), outcome(wrong, value)) == ("unsure", "fail")


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("All but Astra use LEDs.", LAMPS),
        ("Sol isn't available, but Luna and Astra are.", LAMPS),
        ("Pets are only allowed with the landlord's written consent.", LEASE),
        ("Roads are closed and trains are delayed.", LEASE),
    ],
)
def test_what_may_be_meant_otherwise_is_left_open(answer: str, value: Any) -> None:
    """Exceptions, states and double negations are no contradictions, and what no source says is none either."""
    assert outcome(answer, value) == "unsure"


def test_a_deed_is_refused_where_no_call_does_anything() -> None:
    """A deed that nothing shows is refused beside calls that only read, and left open beside one that acts."""
    answer = "I've scheduled the review and invited Kim."
    assert outcome(answer, {"id": "ev-9"}, "create_event") == "unsure"
    assert outcome(answer, {"id": "ev-9"}, "get_event") == "fail"
    assert outcome("The notes don't say who was sent off, or whether the goal was approved.", LEASE) == "unsure"


def test_two_rows_are_not_mixed() -> None:
    """A clause that says of one row's own name what only another row has is not verified."""
    assert outcome("The deployment of search failed after 48 s.", DEPLOYED) == "pass"
    assert outcome("The deployment of billing failed after 48 s.", DEPLOYED) == "unsure"


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("1.482,37 €", "1,482.37 €"),
        ("3,7 %", "3.7 %"),
        ("am 27.01.2026", "am 27.01.2026"),
        ("6 août à 13 h 22", "6 Aug  à 13:22  "),
        ("1. Februar 2026", "1 Feb 2026     "),
        ("um 14.30 Uhr", "um 14:30    "),
    ],
)
def test_other_notations_are_read_in_place(text: str, english: str) -> None:
    """German, French and Spanish numbers, dates and times are read, and every letter keeps its place."""
    assert englished(text) == english
    assert len(englished(text)) == len(text)


def test_what_is_found_is_told_in_the_answers_own_notation() -> None:
    """A number of a German answer is found in an English source, and is handed back as the answer writes it."""
    answer = "Das Konto hat einen Saldo von 1.482,37 € und ist nicht gesperrt."
    found = ground(answer, question="?", sources=[Source("s", 'account {"id": 1}\n{"balance_eur": 1482.37}')])
    number = next(fact for fact in found.facts if fact.kind == "number")
    assert (number.source, number.text) == ("s", answer[slice(*number.span)])


def test_days_of_a_range_are_days() -> None:
    """The first day of a range has the month of the last."""
    log = "2026-01-24 22:51 stop: ice\n2026-01-25 10:20 restart"
    assert outcome("It stopped on 24–25 January: ice.", log) != "fail"
    assert outcome("It stopped on 13–25 January: ice.", log) == "fail"


def test_an_answer_may_speak_of_a_call_that_failed() -> None:
    """What stands only in the message of a failed call is not verified by it, and not refused for it."""
    failed = Source("f", 'pay {"id": 1}\nThe card ending 4417 was declined.', gave="failure")
    answer = "The payment failed: the card ending 4417 was declined."
    assert ground(answer, question="?", sources=[failed]).verdict.outcome == "unsure"


@pytest.mark.parametrize(
    ("right", "wrong", "value"),
    [
        ("It is 4 °C in Oslo.", "It is 5 °C in Oslo.", {"city": "Oslo", "temperature_c": 4.0, "wind_m_s": 3}),
        ("There are 7 apples.", "There are 8 apples.", "There are 7 apples."),
        ("Luna costs 49 euros.", "Luna costs 50 euros.", {"name": "Luna", "price_eur": 49}),
    ],
)
def test_a_value_that_is_one_off_is_refused(right: str, wrong: str, value: Any) -> None:
    """That a record is one is no number to reckon with, or every number would lead to its neighbours."""
    assert [outcome(each, value, arguments="{}") for each in (right, wrong)] == ["pass", "fail"]
