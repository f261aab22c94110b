"""The parts of long texts that are read for an answer without a model."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.agent.models.compose import compose
from shotclock.agent.models.extracts import MAX_READ
from shotclock.agent.models.windows import narrowed
from shotclock.policies.outcome import Ok, Verdict
from shotclock.tools.call import Evidence

WORDS = ["alpha", "beta", "gamma", "report", "revenue", "order", "region", "north", "south", "total", "12", "2024"]


def filler(size, seed=1):
    """Sentences about nothing in particular, so many characters."""
    chance = random.Random(seed)
    text = ""
    while len(text) < size:
        text += " ".join(chance.choice(WORDS) for _ in range(12)).capitalize() + ". "
    return text[:size]


def found(text, at):
    """A result of a call."""
    return Evidence(
        id=f"call-{at}",
        tool="look",
        arguments={},
        outcome=Ok(text),
        content=text,
        verdict=Verdict.passed("shape", "ok"),
    )


def test_a_text_that_fits_is_read_whole():
    """Nothing is left out of it."""
    assert narrowed("All of it.\nAnd this.", {"whale"}, 20) == "All of it.\nAnd this."


@pytest.mark.parametrize("at", [0.0, 0.3, 0.72, 1.0])
def test_the_sentence_that_answers_is_found_wherever_it_stands(at):
    """It is kept whole, with what stands before it."""
    text = filler(100_000)
    place = text.rfind(". ", 0, int(at * 99_000) + 2) + 2 if at else 0
    text = f"{text[:place]}The companies moved 31 whales to Bergen. {text[place:]}"
    part = narrowed(text, {"whal", "company"}, 2_000)
    assert "The companies moved 31 whales to Bergen." in part
    assert len(part) <= 2_000 + 800


def test_the_parts_with_most_words_of_the_question_come_first():
    """A word that is everywhere does not crowd out the place where all of them stand together."""
    text = filler(50_000) + "The total of whales in the north was 31. " + filler(50_000, seed=2)
    assert "whales in the north was 31." in narrowed(text, {"total", "north", "whal"}, 1_500)


def test_a_text_without_a_word_of_the_question_is_its_beginning():
    """As for a summary."""
    text = filler(9_000)
    assert narrowed(text, {"whal"}, 1_000) == text[:1_000]


@given(text=st.text(alphabet="ab. \nwhal", min_size=50, max_size=4_000), room=st.integers(10, 2_000))
def test_what_is_kept_is_of_the_text_and_little_more_than_there_is_room_for(text, room):
    """Each line of it stands in the text; parts are made whole at their edges by 400 characters at most."""
    part = narrowed(text, {"whal", "ab"}, room)
    assert all(line.strip() in text for line in part.split("\n"))
    assert len(part) <= len(text)
    assert len(part) <= max(room, 600) + 800 * (room // 300 + 1)


@pytest.mark.parametrize("texts", [1, 16])
def test_an_answer_is_composed_of_the_place_that_speaks_of_the_question(texts):
    """Of more text than is read, in one result or in many."""
    contents = [filler(6 * MAX_READ // texts, seed=seed) for seed in range(texts)]
    contents[-1] = f"{contents[-1]} In 1998 a flood destroyed the archive of Bergen. {filler(2_000, seed=99)}"
    answer = compose("When was the archive of Bergen destroyed?", [found(text, n) for n, text in enumerate(contents)])
    assert "In 1998 a flood destroyed the archive of Bergen" in answer.text
    assert f"call-{texts - 1}" in answer.used
