"""Which is the most or the least, and which end of a range: what a claim says beside the values it speaks of."""

from __future__ import annotations

from decimal import Decimal

from .binding import Binder
from .claims import Claim, Target
from .ranges import end_of, side_of
from .scenes import Slot
from .senses import LEAST, MOST, sense

MAX_ROWS = 300
"""Records of a column that are compared; of a longer one nothing is said."""


def exaggeration(binder: Binder, claim: Claim) -> str:
    """Why a claim's superlative does not hold; empty where it does, or where a source says the same word."""
    said = [(start, word) for start, word in claim.view.each_word if word in MOST | LEAST]
    for start, word in said:
        before = claim.view.between(start - 6, start).split()
        if before[-1:] == ["at"] or _says(binder, claim, word):
            continue
        verdicts = [_is_extreme(slot, target, word in MOST) for target, slot in _cells(binder, claim)]
        if True not in verdicts:
            return f"no source says that it is the {word}"
    return ""


def _says(binder: Binder, claim: Claim, word: str) -> bool:
    """Whether a record that the claim rests on has the word, or a key of its sense such as `max`."""
    slots = [slot for target in claim.targets for slot in binder.slots(claim, target) if not slot.given]
    return any(word in slot.view.text.casefold() or sense(word) in slot.view.labels_at(slot.start) for slot in slots)


def _cells(binder: Binder, claim: Claim) -> list[tuple[Target, Slot]]:
    return [
        (target, slot)
        for target in claim.values
        for slot in binder.slots(claim, target)
        if slot.view.cell_at(slot.start) is not None
    ]


def _is_extreme(slot: Slot, target: Target, most: bool) -> bool:
    """Whether a value is the greatest or the least of its column."""
    cell = slot.view.cell_at(slot.start)
    if cell is None or not cell.labels or target.fact is None or not isinstance(target.fact.value, Decimal):
        return False
    column = slot.scene.layout.column(cell.labels[-1], MAX_ROWS)
    if len(column) < 2:
        return False
    mine = [value for start, value in column if cell.start <= start < cell.end]
    return bool(mine) and mine[0] == (max if most else min)(value for _, value in column)


def wrong_end(binder: Binder, claim: Claim) -> str:
    """Why a value is the other end of its range in the sources; empty where it is not."""
    for target in claim.values:
        side = side_of(claim, target)
        slots = [slot for slot in binder.slots(claim, target) if not slot.given] if side else []
        ends = [end_of(slot) for slot in slots]
        if slots and all(end not in ("", side) for end in ends):
            return f"{target.text} is the {ends[0]} end of its range in the evidence"
    return ""
