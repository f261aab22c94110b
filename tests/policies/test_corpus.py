"""Results and answers, good and corrupted, down the real path: what a deterministic check can see it sees."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from .corpus import Item, corpus, outcomes

Judged = tuple[Item, str, str]
"""An item, what the checks say of it, and why."""


@functools.cache
def judged() -> tuple[Judged, ...]:
    items = corpus()
    return tuple((item, *found) for item, found in zip(items, outcomes(items), strict=True))


def half(name: str) -> list[Judged]:
    return [each for each in judged() if each[0].held_out == (name == "held out")]


def caught(item: Item, outcome: str) -> bool:
    """A result is caught where it fails, or its contradiction leaves it open; an answer where it is not verified."""
    return outcome == "fail" if item.answer is None else outcome != "pass"


def shares(entries: Iterable[Judged]) -> tuple[float, float, float, list[str]]:
    """The share caught of what a rung can see, the shares of good ones that fail and are unsure, and what went wrong."""
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
