"""Under which heading a value stands: a list of the same keys under each of several, as pages and documents have."""

from __future__ import annotations

from collections.abc import Iterator

from .binding import Binder
from .claims import Claim
from .names import codes
from .records import Record
from .scenes import Scene, Slot
from .sentences import stems

SHARE, SURELY = 0.5, 0.7
"""The share of a claim's words that its own section must hold, where another one holds the greater."""

MOST = 400
"""Records of a source whose headings are looked at."""


def misfiled(binder: Binder, claim: Claim) -> str:
    """Why a value is another section's than the one a claim names; empty where it is not."""
    headed = [scene for scene in binder.scenes if scene.layout.has_headings]
    said = frozenset(stems(claim.view.text)) if headed else frozenset()
    told = {code for _, code in codes(claim.view.text)} if headed else set()
    for scene in headed:
        if elsewhere := _elsewhere(scene, told, said):
            return elsewhere
        named = _named(scene, said)
        if named is None:
            continue
        for target in claim.targets:
            slots = [each for each in binder.slots(claim, target) if not each.given and each.scene is scene]
            if slots and all(_is_anothers(each, named) for each in slots):
                heading = " ".join(scene.text[named.start : named.end].split())[:60]
                return f"{target.text} does not stand under {heading} in the evidence"
    return ""


def _named(scene: Scene, said: frozenset[str]) -> Record | None:
    """The one heading of a source all of whose words a claim has; of several the one with most of them."""
    headings = {id(each.heading): each.heading for each in _filed(scene)}
    if len(headings) < 2:
        return None
    found = [(len(words), each) for each in headings.values() if each and (words := _words(scene, each)) <= said]
    most = max((count for count, _ in found), default=0)
    best = [each for count, each in found if count == most and count]
    return best[0] if len(best) == 1 else None


def _elsewhere(scene: Scene, told: set[str], said: frozenset[str]) -> str:
    """Why what a claim says of a version or another code stands under the heading of another one; else empty."""
    sections: dict[int, tuple[Record, set[str]]] = {}
    for each in scene.layout.records[:MOST] if told else ():
        if each.heading is not None and not each.given:
            _, held = sections.setdefault(id(each.heading), (each.heading, set()))
            held.update(stems(scene.text[each.start : each.end]))
    by_code = [(held, told & {code for _, code in codes(scene.text[h.start : h.end])}) for h, held in sections.values()]
    named = [held for held, found in by_code if found]
    others = [held for held, found in by_code if not found]
    if len(named) != 1 or not said:
        return ""
    most = max((len(said & held) for held in others), default=0)
    if len(said & named[0]) < SHARE * len(said) and most >= SURELY * len(said):
        return "what is said of it stands under another heading in the evidence"
    return ""


def _words(scene: Scene, heading: Record) -> frozenset[str]:
    return frozenset(stems(scene.text[heading.start : heading.end]))


def _filed(scene: Scene) -> Iterator[Record]:
    return (each for each in scene.layout.records[:MOST] if each.data and not each.given and each.heading is not None)


def _is_anothers(slot: Slot, named: Record) -> bool:
    """Whether a value stands under another heading, and the named one has another value of its key."""
    cell, record = slot.view.cell_at(slot.start), slot.view.record
    if cell is None or record is None or record.heading is None or record.heading is named:
        return False
    own = (each for each in _filed(slot.scene) if each.heading is named)
    return any(other.labels[-1:] == cell.labels[-1:] for each in own for other in each.cells)
