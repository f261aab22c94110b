"""What an answer says it has not found or has done, and what it tells of another thing than the evidence does."""

from __future__ import annotations

import pytest

from shotclock.policies.actions import claimed
from shotclock.policies.asked import speaks_of
from shotclock.policies.denials import parted, subject_of
from shotclock.policies.grounding import Source, ground
from shotclock.policies.sentences import Stretch

RECORD = Source("r", 'lookup {"key": "K1"}\n{"key": "K1", "value": "ab-512", "price": 39.9, "owner": null}', "lookup")
NOTHING = Source("n", 'search {"query": "Kessler bridge closure"}\n', "search", gave="nothing")
FAILED = Source("f", 'search {"query": "Kessler bridge closure"}\n', "search", gave="failure")
OPEN = Source("o", 'get_order {"id": 7}\n{"id": 7, "status": "open", "customer": "Anna"}', "get_order")
SENT = Source("s", 'send_email {"to": "anna@a.example"}\n{"ok": true}', "send_email")


def outcome(answer: str, *sources: Source, question: str = "What is it?", doubts: str = "") -> str:
    return ground(answer, question=question, sources=sources, doubts=doubts).verdict.outcome


@pytest.mark.parametrize(
    "answer",
    [
        "The price of K1 could not be found.",
        "I could not find the price.",
        "I was unable to determine the price of K1.",
        "There is no data on K1.",
        "No information about K1 is available.",
        "The price is unknown.",
        "The price is not listed.",
        "The evidence does not say what K1 costs.",
        "The search returned no results for K1.",
        "We couldn't find K1.",
        "The value is ab-512; the price could not be found.",
        "The value is ab-512, but I was not able to find the price.",
    ],
)
def test_a_denial_of_what_stands_in_the_evidence_fails(answer: str) -> None:
    """What the evidence holds cannot be said not to be found, in whatever words, alone or beside what is right."""
    assert outcome(answer, RECORD) == "fail"


def test_a_denial_is_borne_out_by_a_search_that_came_back_empty() -> None:
    """A search for it that found nothing verifies; one that failed is no evidence; without one it is open."""
    answer = "No information on the Kessler bridge closure was found."
    assert outcome(answer, NOTHING) == "pass"
    assert outcome(answer, FAILED) == "unsure"
    assert outcome(answer, OPEN) == "unsure"
    assert outcome(answer) == "unsure"


def test_a_failed_search_does_not_cost_what_was_found() -> None:
    """A part that a failed call could have found may be said to be missing; one nobody looked for leaves all open."""
    found = "The value of K1 is ab-512."
    assert outcome(f"{found} The Kessler bridge closure could not be found.", RECORD, FAILED) == "pass"
    assert outcome(f"{found} The Kessler bridge closure could not be found.", RECORD) == "unsure"


def test_a_value_of_none_is_not_known() -> None:
    """`null` under its key bears out that something is not known."""
    assert outcome("The owner of K1 is unknown.", RECORD) == "pass"


def test_what_a_verifier_refused_may_be_left_out() -> None:
    """A value that another check called into doubt is not held against an answer that leaves it out."""
    answer = "The value of K1 is ab-512. The price could not be found."
    assert outcome(answer, RECORD) == "fail"
    assert outcome(answer, RECORD, doubts="39.9 could not be confirmed") == "pass"


def test_only_vain_denials_are_no_answer() -> None:
    """An answer that says only that nothing was found, where no search shows that, is marked as none."""
    assert ground("The gate could not be found.", question="?", sources=[OPEN]).vain
    assert not ground("Order 7 of Anna is open. The gate could not be found.", question="?", sources=[OPEN]).vain


@pytest.mark.parametrize(
    "text", ["It is not raining.", "Order 42 has not been paid.", "He found a house.", "No, it is 5."]
)
def test_other_negations_are_no_denials_of_that_kind(text: str) -> None:
    """That something is not so in the world is another claim than that it was not found."""
    assert subject_of(text) is None


def test_a_denial_is_read_apart_from_what_stands_beside_it() -> None:
    """`A is 5; B could not be found` is two claims, at their places."""
    text = "The value is ab-512; the price could not be found."
    parts = list(parted(Stretch(text, 10, 10 + len(text))))
    assert [each.text for each in parts] == ["The value is ab-512", "the price could not be found."]
    assert parts[1].start == 10 + text.index("the price")


@pytest.mark.parametrize(
    "answer",
    [
        "I have sent the mail.",
        "I'm sending the mail now.",
        "Your mail is on its way.",
        "The mail went out.",
        "The order is cancelled.",
        "The order is being cancelled.",
        "The order has just been cancelled.",
        "Cancellation of order 7 is complete.",
        "I went ahead and cancelled it.",
        "Consider it done.",
        "Refund issued.",
        "I've taken care of the refund.",
        "The invoice was mailed to Anna.",
    ],
)
def test_what_no_call_has_done_was_not_done(answer: str) -> None:
    """A claim of an action fails without a call that does it, active, passive, progressive or in a figure of speech."""
    assert outcome(answer, OPEN, question="Cancel order 7 and mail Anna.") == "fail"


@pytest.mark.parametrize("answer", ["I have sent the mail.", "The mail to anna@a.example was sent.", "I emailed Anna."])
def test_what_a_call_has_done_was_done(answer: str) -> None:
    """The call that does it bears the claim out, whichever of its verbs is said."""
    assert outcome(answer, SENT, question="Send Anna a mail.") == "pass"


def test_a_tool_that_reads_about_orders_has_ordered_nothing() -> None:
    """A tool's name bears out what it does, and not what it reads about."""
    assert claimed("I have ordered the lamp.") == ("ordered",)
    assert outcome("I have ordered the lamp.", Source("q", 'order_status {"id": 1}\n{"item": "lamp"}')) == "fail"


@pytest.mark.parametrize("text", ["I will send the mail.", "You can cancel the order.", "Shall I book it?"])
def test_what_is_offered_is_not_claimed(text: str) -> None:
    """An offer or a plan claims nothing."""
    assert claimed(text) == ()


HOURS = Source("h", 'hours {"place": "library"}\nThe library is open from 09:00 to 20:00 on weekdays.', "hours")
LOG = Source(
    "l",
    'read_log {"host": "b"}\n2026-03-01T02:15:00Z job 41 (digest) succeeded after 12 s\n'
    "2026-03-02T03:15:00Z job 42 (import) failed after 377 s",
    "read_log",
)
LEASE = Source(
    "c", "lease {}\nThe tenant may give notice at any time. The landlord may not give notice for 24 months.", "lease"
)


@pytest.mark.parametrize(
    ("right", "wrong", "source"),
    [
        ("On weekdays the library opens at 09:00.", "On weekdays the library opens at 20:00.", HOURS),
        ("On weekdays the library closes at 20:00.", "On weekdays the library closes at 09:00.", HOURS),
        ("Job 42 failed.", "Job 41 failed.", LOG),
        ("Job 41 succeeded after 12 s.", "Job 42 succeeded.", LOG),
        ("The landlord may not give notice for 24 months.", "The tenant may not give notice for 24 months.", LEASE),
    ],
)
def test_ends_of_ranges_states_and_subjects_bind(right: str, wrong: str, source: Source) -> None:
    """One end of a range is not the other, the state of one id is not another's, nor what one may do."""
    assert outcome(right, source) == "pass"
    assert outcome(wrong, source) != "pass"


def test_a_page_is_read_by_its_blocks() -> None:
    """What one paragraph of HTML denies is not denied of the next, and cells stand under their headers."""
    page = Source(
        "p",
        'read_page {"url": "https://a.example"}\n<html><body><table><tr><th>Class</th><th>Fare</th></tr><tr>'
        "<td>First</td><td>98 EUR</td></tr><tr><td>Second</td><td>34 EUR</td></tr></table>"
        "<p>Dogs are not allowed in first class.</p>",
    )
    assert outcome("First class costs 98 EUR and second class 34 EUR.", page) == "pass"
    assert outcome("First class costs 34 EUR.", page) != "pass"
    assert outcome("Dogs are not allowed in first class.", page) == "pass"


def test_about_so_much_may_be_rounded() -> None:
    """A number said to be about so much shows two digits at least, and its zeros are none."""
    source = Source("g", 'stats {"city": "Graz"}\n{"city": "Graz", "population": 303270}')
    assert outcome("Graz has about 303,000 inhabitants.", source) == "pass"
    assert outcome("Graz has about 304,000 inhabitants.", source) == "fail"
    assert outcome("Graz has 303,000 inhabitants.", source) == "fail"


def test_a_composed_answer_speaks_of_what_was_asked() -> None:
    """What was found on the way is no answer to what was asked."""
    assert speaks_of("Find the gate. Look K1 up for its key first.", "The gate is B42.")
    assert not speaks_of("Find the gate. Look K1 up for its key first.", "Key K7.")
    assert speaks_of("?", "Anything.")
