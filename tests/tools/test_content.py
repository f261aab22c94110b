"""Results become text that fits, whatever they are and however large."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shotclock import Passage
from shotclock.tools.content import render

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=10), inner, max_size=6),
    max_leaves=60,
)


@given(json_values, st.integers(20, 400))
def test_nothing_is_longer_than_its_limit(value, limit):
    """Whatever is returned, the text is at most the limit and the note that it was cut."""
    content = render(value, limit)
    assert len(content.text) <= limit + 80
    assert content.truncated == ("[cut: " in content.text)


def test_text_stays_as_it_is():
    """A text is not quoted."""
    assert render("It rains.", 100).text == "It rains."


class Weather(BaseModel):
    """A model."""

    city: str
    celsius: float


@dataclass
class Point:
    """A dataclass."""

    x: int
    tags: set[str]


def test_models_and_dataclasses_become_json():
    """Structured results are shown as JSON."""
    assert render(Weather(city="Tromsø", celsius=-3.5), 100).text == '{"city": "Tromsø", "celsius": -3.5}'
    assert render([Point(1, {"a"})], 100).text == '[{"x": 1, "tags": ["a"]}]'


def test_binary_data_is_named_by_its_size():
    """Bytes are never shown."""
    assert render(b"\x00" * 2048, 100).text == "2,048 bytes of binary data"
    assert render({"image": b"\x00" * 5}, 100).text == '{"image": "5 bytes"}'


def test_nothing_is_empty():
    """None is the empty text."""
    assert render(None, 100).text == ""


def test_passages_keep_their_source():
    """Passages are shown with where they stand, and as many as fit."""
    passages = [Passage(text="First.", origin="a.pdf", page=3), Passage(text="Second.", origin="b.md")]
    content = render(passages, 1000)
    assert content.text == "[a.pdf, page 3]\nFirst.\n\n[b.md]\nSecond."
    assert content.passages == tuple(passages)
    cut = render(passages, 20)
    assert len(cut.passages) == 1
    assert "1 of 2 passages are shown" in cut.text


def test_a_cycle_ends():
    """A structure that holds itself is followed to a bounded depth."""
    loop: list[object] = []
    loop.append(loop)
    assert "…" in render(loop, 1000).text


def test_what_is_huge_costs_no_more_than_what_is_shown():
    """A result a thousand times the limit is not walked to its end: a lazy sequence is asked for what fits only."""
    asked = []

    class Lazy(list):
        def __iter__(self):
            for n in range(10_000_000):
                asked.append(n)
                yield n

    began = time.perf_counter()
    assert render(Lazy(), 1000).truncated
    assert len(asked) < 1000
    assert time.perf_counter() - began < 1.0
