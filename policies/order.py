"""Who did it to whom, and which is more: the order of two names in a claim beside their order in the sources."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from .binding import Binder
from .claims import Claim, Target
from .scenes import Scene
from .senses import LIGHT
from .views import View

_MORE = frozenset(["more", "larger", "bigger", "higher", "greater", "older", "taller", "longer", "faster", "deeper"])
_LESS = frozenset(["less", "smaller", "lower", "fewer", "younger", "shorter", "slower", "lighter", "cheaper"])
_CONVERSE = {"beat": "lose", "win": "lose", "defeat": "lose", "lose": "win", "buy": "sell", "sell": "buy"}
_ALIKE = {"beat": "win", "defeat": "win"}
_NEAR = 80
"""Characters between two names beyond which no verb is taken to join them."""


def reversal(binder: Binder, claim: Claim) -> str:
    """Why two names of a claim are the wrong way round; empty where they are not."""
    for one, two in pairwise(claim.names):
        between = claim.view.between(one.end, two.start)
        if two.start - one.end > _NEAR:
            continue
        reason = _compared(binder, claim, one, two) if "than" in between.split() else _turned(binder, one, two, between)
        if reason:
            return reason
    return ""


def _turned(binder: Binder, one: Target, two: Target, between: str) -> str:
    verbs, passive = _verbs(between), "by" in between.split()
    for _scene, view in _together(binder, one, two):
        for first, other, forth in _orders(view, one, two):
            theirs = view.between(first, other)
            shared = verbs & _verbs(theirs)
            converse = any(_CONVERSE.get(each) in _verbs(theirs) for each in verbs)
            if not (shared or converse):
                continue
            turned = (passive != ("by" in theirs.split())) != (converse and not shared)
            if forth == turned:
                return f"in the evidence {one.text} and {two.text} have each other's part"
            return ""
    return ""


def _verbs(text: str) -> frozenset[str]:
    found = (each for each in View(text, 0, len(text)).words if each not in LIGHT and not each.startswith("@"))
    return frozenset(_ALIKE.get(each, each) for each in found)


def _together(binder: Binder, one: Target, two: Target) -> Iterator[tuple[Scene, View]]:
    """The sentences of the sources that hold both names."""
    for scene in binder.scenes:
        others = scene.holding_words(two.text)
        for key, record in scene.holding_words(one.text).items():
            if key in others and not record.data:
                yield scene, scene.layout.view(record)


def _orders(view: View, one: Target, two: Target) -> Iterator[tuple[int, int, bool]]:
    """Where two names stand in a sentence: the end of the first, the start of the second, and if `one` is first."""
    for a in view.words.get(one.senses[-1], ()):
        for b in view.words.get(two.senses[-1], ()):
            if a != b and abs(a - b) < 2 * _NEAR:
                yield min(a, b) + len((one if a < b else two).text.split()[-1]), max(a, b), a < b


def _compared(binder: Binder, claim: Claim, one: Target, two: Target) -> str:
    words = set(claim.view.text.casefold().replace(",", " ").split())
    up, down = bool(words & _MORE), bool(words & _LESS)
    values = [each.fact.value for each in claim.values if each.fact is not None and each.fact.kind == "number"]
    first, *others = [each for each in values if isinstance(each, Decimal)] or [Decimal(0)]
    if len(others) == 1 and up != down:
        return "" if (first > others[0]) == up else "the numbers say that it is the other way round"
    for _, view in _together(binder, one, two):
        if "@than" in view.words and any(forth for _, _, forth in _orders(view, one, two)):
            return ""
    return f"no source compares {one.text} with {two.text}"
