"""Whether a clause mixes two rows of a table: the name of one with the state or the value of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from .binding import Binder
from .claims import Claim
from .records import Cell, Record
from .scenes import Scene
from .senses import LIGHT, sense

_JOINED = re.compile(
    r"[,;:()–/|\n]|\b(?:and|or|than|but|while|whereas|though|nor|vs|versus|to|instead|like|both|either|before|after)\b",
    re.IGNORECASE,
)

Hit = tuple[int, int, Record, Cell]
"""Where a claim has what only one row has, and the row and its cell."""


def mixed(binder: Binder, claim: Claim) -> str:
    """Why two things that a clause says stand in different rows of the evidence; empty where they do not.

    Only what stands in no other row counts, and only rows that have both keys: `The deployment of billing failed`,
    where one row is that of billing and another has failed.
    """
    for scene in binder.scenes:
        if not scene.layout.own_cells:
            continue
        hits = sorted([*_words(scene, claim), *_values(binder, scene, claim)], key=lambda hit: hit[:2])
        for one, two in combinations(hits, 2):
            if _apart(one, two) and not _JOINED.search(claim.view.between(one[1], two[0])):
                return f"{_text(claim, one)} and {_text(claim, two)} stand in different rows of the evidence"
    return ""


def _words(scene: Scene, claim: Claim) -> Iterator[Hit]:
    for start, word in claim.view.each_word:
        found = scene.layout.own_cells.get(sense(word.casefold())) if word not in LIGHT else None
        if found is not None:
            yield (start, start + len(word), *found)


def _values(binder: Binder, scene: Scene, claim: Claim) -> Iterator[Hit]:
    for target in claim.values:
        slots = [each for each in binder.slots(claim, target) if not each.given]
        records = {id(each.view.record) for each in slots}
        cell = slots[0].view.cell_at(slots[0].start) if len(records) == 1 and slots[0].scene is scene else None
        if cell is not None and slots[0].view.record is not None:
            yield target.start, target.end, slots[0].view.record, cell


def _apart(one: Hit, two: Hit) -> bool:
    """Whether two cells stand in different rows, each of which has the key of the other's cell."""
    first, second = one[2], two[2]
    if first is second or one[1] > two[0]:
        return False
    return _has(first, two[3]) and _has(second, one[3])


def _has(record: Record, cell: Cell) -> bool:
    return any(each.labels[-1:] == cell.labels[-1:] for each in record.cells)


def _text(claim: Claim, hit: Hit) -> str:
    return claim.view.text[hit[0] - claim.view.start : hit[1] - claim.view.start]
