"""What distance leaves of a link between two things of a view: values, names and ends of clauses that stand between."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .anchors import Kind
from .names import Name

if TYPE_CHECKING:
    from .views import View

BETWEEN, BREAK = 0.5, 0.5
"""What is left of the link to a word that comes after, for each value and each end of a clause between."""

BETWEEN_BEFORE, BREAK_BEFORE = 0.75, 0.85
"""The same for a word that comes before: what a sentence has said holds for all that follows, if less and less."""

MAX_LOOKED = 12
"""Places of one thing in one record that are looked at."""

HEAD = 0.95
"""The link to the first word of a sentence, which is what it speaks of."""

OTHER_NAME, OTHER_NAME_APART = 0.3, 0.6
"""What is left of a name's link, to a value and to a name, for another name that stands between."""

_LED = tuple([each] for each in ["in", "on", "at", "of", "for", "from", "to", "by", "with"])


def nearest(view: View, start: int, end: int, kind: Kind, places: Sequence[int], other: Kind) -> float:
    """The strongest link of what stands at a place to anything of a kind at some others, the first few of them."""
    best = 0.0
    for place in places[:MAX_LOOKED]:
        best = max(best, _apart(view, start, end, kind, place, other))
    return best


def _apart(view: View, start: int, end: int, kind: Kind, place: int, other: Kind) -> float:
    """What distance leaves of a link: other values, names and ends of clauses that stand between."""
    if start <= place < end:
        return 0.0 if kind == other else 1.0
    after = place >= end
    low, high = (end, place) if after else (place, start)
    if other == "name":
        return _name_apart(view, low, high, kind, after, place == view.head)
    if not after and place == view.head:
        return HEAD
    broken = within(view.breaks, low, high)
    between = within(view.fact_starts, low, high) if kind == "fact" else _names_within(view, low, high)
    if other == "fact" and kind == "fact":
        between = max(0, between - 1)
    if after:
        return BETWEEN ** min(between, 2) * BREAK ** min(broken, 2)
    return BETWEEN_BEFORE ** min(between, 2) * BREAK_BEFORE ** min(broken, 2)


def _name_apart(view: View, low: int, high: int, kind: Kind, after: bool, is_head: bool) -> float:
    """The same for a name: other names beside it count for more than distance."""
    broken = within(view.breaks, low, high)
    if kind == "name":
        return OTHER_NAME_APART ** min(_names_within(view, low, high), 3) * 0.9 ** min(broken, 2)
    rivals = _names_within(view, low, high)
    if is_head and rivals:
        at = bisect_right(view.name_starts, low)
        rivals = sum(_opens(view, each) for each in view.names[at : at + rivals])
    left = OTHER_NAME ** min(rivals, 2)
    return left * (0.4 if broken else 0.95) if after else left * (0.95 if broken else 1.0)


def _names_within(view: View, low: int, high: int) -> int:
    """How many names stand whole between two places, of the first few."""
    if high - low < 3:
        return 0
    at = bisect_right(view.name_starts, low)
    return sum(each.end < high for each in view.names[at : at + MAX_LOOKED])


def _opens(view: View, name: Name) -> bool:
    """Whether a name begins a clause, and may be what it speaks of."""
    at = bisect_right(view.breaks, name.start) - 1
    if at < 0:
        return False
    before = view.text[view.breaks[at] - view.start : name.start - view.start].casefold().split()
    return len(before) <= 2 and before[-1:] not in _LED


def within(places: Sequence[int], low: int, high: int) -> int:
    """How many places stand between two."""
    return bisect_left(places, high) - bisect_left(places, low)
