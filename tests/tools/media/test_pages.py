"""Which pieces of a long document are shown."""

from __future__ import annotations

from shotclock.tools.media.pages import best, pieces


def test_pieces_are_the_text():
    """Pieces put together are the text, and each ends with a line where one ends in its second half."""
    text = "".join(f"Line {n} of the text.\n" for n in range(500)) + "x" * 5_000
    found = pieces(text, 1_000)
    assert "".join(found) == text
    assert all(len(each) <= 1_000 for each in found)
    assert found[0].endswith("\n")


def test_the_first_and_the_fitting_pages_are_shown():
    """The first page, which says what it is, and those with the question's rarer words, in their order."""
    pages = ["A report"] + [f"The weather of day {n}" for n in range(30)] + ["The penguins of the ice"]
    assert best(pages, "Where are the penguins and the weather?", most=2, characters=1_000) == [0, 31]


def test_no_more_characters_than_allowed():
    """A page that does not fit is passed over, and others take its place."""
    pages = ["first", "penguin " * 100, "penguin here", "other"]
    assert best(pages, "penguins", most=9, characters=40) == [0, 2, 3]
