"""Results and answers, good and corrupted, down the real path: what a deterministic check can see it sees."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import pytest

from .corpus import Item, corpus, outcomes

pytestmark = pytest.mark.timeout(240)  # the first test runs 968 agents: a minute of one core, if it has one

Judged = tuple[Item, str, str]
"""An item, what the checks say of it, and why."""


@functools.cache
def judged() -> tuple[Judged, ...]:
    items = corpus()
    return tuple((item, *found) for item, found in zip(items, outcomes(items), strict=True))


def half(name: str) -> list[Judged]:
    return [each for each in judged() if name == "all" or each[0].held_out == (name == "held out")]


def caught(item: Item, outcome: str) -> bool:
    """A result is caught where it fails, or its contradiction leaves it open; an answer where it is not verified."""
    return outcome == "fail" if item.answer is None else outcome != "pass"


def shares(entries: Iterable[Judged]) -> tuple[float, float, float, list[str]]:
    """The share caught of what a rung can see, the shares of good ones that fail and are unsure, and what is wrong."""
    entries = list(entries)
    good = [each for each in entries if each[0].good]
    seen = [each for each in entries if not each[0].good and each[0].rung != "none"]
    missed = [each for each in seen if not caught(each[0], each[1])]
    failed = [each for each in good if each[1] == "fail"]
    unsure = [each for each in good if each[1] == "unsure" and each[0].checked]
    wrong = [
        f"{item.what}: {item.answer or item.calls[0]} ({outcome}: {why})" for item, outcome, why in missed + failed
    ]
    return 1 - len(missed) / len(seen), len(failed) / len(good), len(unsure) / len(good), wrong


def kind_of(item: Item) -> str:
    """What an item is: a result, an answer, or one by somebody who had never seen the checks."""
    return "results" if item.answer is None else "fresh answers" if item.fresh else "answers"


def figures(name: str, entries: list[Judged]) -> str:
    """The shares of one half, results and answers apart, for people to read."""
    lines = []
    for kind in ("results", "answers", "fresh answers"):
        part = [each for each in entries if kind_of(each[0]) == kind]
        seen, failed, unsure, _ = shares(part)
        lines.append(f"{name}, {len(part)} {kind}: {seen:.1%} caught, good ones {failed:.1%} fail, {unsure:.1%} unsure")
    return "\n".join(lines)


# Of the half held out 96.2 % of the corrupted results and 88.2 % of the answers were caught when it was first looked
# at, before the checks were changed, and 8.8 % of the good answers failed, 29.8 % were unsure.
@pytest.mark.parametrize(
    ("name", "most"), [("all", 0.02), ("development", 0.02), ("held out", 0.02)], ids=["all", "development", "held out"]
)
def test_what_a_rung_can_see_is_caught(name: str, most: float, capsys: pytest.CaptureFixture[str]) -> None:
    """At least 95 % of what a deterministic check can see is caught, and at most 2 % of what is good fails.

    Of the 164 good ones that are held out 3 do, none of them a fresh one; of the 57 good answers among the others it is
    these 3, and of their 119 corrupted ones 8 pass."""
    seen, failed, _, wrong = shares(half(name))
    with capsys.disabled():
        print(f"\n{figures(name, half(name))}")
    assert seen >= 0.95, wrong
    assert failed <= most, wrong


def test_good_answers_are_seldom_left_open() -> None:
    """No more than a quarter of the good answers are `unsure`: a check that never says yes is none.

    The fresh ones are not counted here: their authors had free paraphrase in mind, two to four sentences at a time, and
    nearly all of them are left open for a check that reads."""
    for name in ("development", "held out"):
        assert shares([each for each in half(name) if kind_of(each[0]) == "answers"])[2] <= 0.25


def test_fresh_answers_are_as_good_as_never_refused() -> None:
    """Of good answers by people who never saw the checks at most 1 % fails, and 95 % of the corrupted are caught."""
    caught_of_them, failed, _, wrong = shares([each for each in judged() if each[0].fresh])
    assert caught_of_them >= 0.95, wrong
    assert failed <= 0.01, wrong


def test_no_way_of_corruption_is_caught_only_now_and_then() -> None:
    """Of each way all but one in five is caught, so that no way hides behind the others."""
    ways: dict[str, list[bool]] = {}
    for item, outcome, _ in judged():
        if not item.good and item.rung != "none":
            ways.setdefault(item.what, []).append(caught(item, outcome))
    assert {way: found for way, found in ways.items() if sum(found) < 0.8 * len(found)} == {}


def test_what_no_rung_can_see_is_listed_and_passes() -> None:
    """What the corpus calls invisible is: a check that sees it has to be listed as one that does."""
    hidden = [(item, outcome) for item, outcome, _ in judged() if item.rung == "none"]
    assert hidden
    assert [item.what for item, outcome in hidden if outcome == "fail"] == []


def test_the_corpus_is_as_large_and_as_diverse_as_it_says() -> None:
    """At least 300 items in 12 ways and more, 60 of them written by hand, in two halves of about the same size."""
    items = corpus()
    held_out = sum(item.held_out for item in items)
    assert len(items) >= 300
    assert len({item.what for item in items if not item.good}) >= 12
    assert sum(item.natural for item in items) >= 60
    assert 0.4 <= held_out / len(items) <= 0.6
    assert {item.rung for item in items} >= {
        "schema", "range", "unit", "enum", "monotony", "freshness", "error-shaped", "empty", "agreement",
        "re-derivation", "entity", "grounding", "none",
    }  # fmt: skip
    assert items == corpus()  # seeds, and no luck
