"""Which end of a range a value is: `open from 09:00 to 20:00` opens at nine."""

from __future__ import annotations

import re

from .claims import Claim, Target
from .scenes import Slot

_FIRST = r"opens?|opened|begins?|began|starts?|started|departs?|departed|minimum|lowest|least|low|earliest|from"
_LAST = r"closes?|closed|ends?|ended|finish(?:es|ed)?|maximum|highest|most|high|latest|until|till|up to"
_SIDE = re.compile(rf"\b(?:(?P<first>{_FIRST})|(?P<last>{_LAST}))\b", re.IGNORECASE)
_TO = re.compile(r"\s?(?:to|and|until|till|[-–—])\s?", re.IGNORECASE)
_LED = re.compile(r"\b(?:from|between)\s(?:[$€£]|[A-Z]{3}\s)?$", re.IGNORECASE)
_NEAR = 14
"""Characters between the ends of a range at most, a unit included."""

_REACH = 24
"""Characters before a value in which it is said which end it is."""


def side_of(claim: Claim, target: Target) -> str:
    """Which end the claim says a value is; empty where it says none, or names both."""
    before = claim.view.between(target.start - _REACH, target.start)
    after = claim.view.between(target.end, target.end + _NEAR)
    if _TO.match(after) or (_TO.search(before[-6:]) is not None and re.search(r"\d", before)):
        return ""
    found = [match.lastgroup or "" for match in _SIDE.finditer(before)]
    return found[-1] if found else ""


def end_of(slot: Slot) -> str:
    """Which end of a range a value of a source is; empty where it stands in none."""
    facts = slot.view.facts
    at = next((n for n, fact in enumerate(facts) if fact.start == slot.start), None)
    if at is None or slot.view.is_data:
        return ""
    if at + 1 < len(facts) and _joined(slot, facts[at].end, facts[at + 1].start, facts[at].start):
        return "first"
    if at and _joined(slot, facts[at - 1].end, facts[at].start, facts[at - 1].start):
        return "last"
    return ""


def share_range(one: Slot, two: Slot) -> bool:
    """Whether two values are the ends of one range."""
    first, last = sorted((one, two), key=lambda slot: slot.start)
    if one.view is not two.view or one.view.is_data:
        return False
    return _joined(one, first.end, last.start, first.start)


def _joined(slot: Slot, end: int, start: int, first: int) -> bool:
    between = slot.view.between(end, start)
    words = between.split()
    led = _LED.search(slot.view.between(first - 14, first)) is not None
    return start - end <= _NEAR and led and len(words) <= 2 and _TO.search(between) is not None
