"""What is left of an answer whose check refuses some of its sentences."""

from __future__ import annotations

import pytest

from shotclock.policies.gap import without_unborne
from shotclock.policies.grounding import Source, ground

SOURCE = "Oslo has 717,710 inhabitants and lies at 59.9 degrees north. Bergen has 291,940 inhabitants."


def gap(answer):
    """The gap of an answer about two towns."""
    found = ground(answer, question="How large are Oslo and Bergen?", sources=[Source(id="a", text=SOURCE)])
    return without_unborne(answer, found)


@pytest.mark.parametrize(
    ("answer", "left", "out"),
    [
        ("Oslo has 717,710 inhabitants. Bergen has 500,000 inhabitants.", "Oslo has 717,710 inhabitants.", 1),
        ("Bergen has 500,000 inhabitants. Oslo has 717,710 inhabitants.", "Oslo has 717,710 inhabitants.", 1),
        (
            "Oslo has 717,710 inhabitants. Bergen has 500,000. It is thus nearly as large. They are far apart.",
            "Oslo has 717,710 inhabitants.",
            3,
        ),
        ("- Oslo: 717,710\n- Bergen: 500,000\n- Oslo: 59.9 degrees", "- Oslo: 717,710\n- Oslo: 59.9 degrees", 1),
    ],
)  # fmt: skip
def test_refused_sentences_and_those_that_lean_on_them_are_left_out(answer, left, out):
    """What the evidence bears out stays as it stood, lines as lines; a sentence that says 'it' goes with the one
    before."""
    found = gap(answer)
    assert found.text == left
    assert len(found.left_out) == out
    assert found.note.startswith("(One sentence was left" if out == 1 else f"({out} sentences were left")


@pytest.mark.parametrize(
    "answer",
    [
        "Oslo has 717,710 inhabitants.",
        "Bergen has 500,000 inhabitants.",
        "Oslo has 717,710 inhabitants. I have booked a table for you.",
    ],
)
def test_nothing_is_left_out_where_that_would_help_nobody(answer):
    """No gap where nothing is refused, nothing would be left, or a claim of something done would be hidden."""
    assert gap(answer) is None
