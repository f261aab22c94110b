"""What a sentence says of which the sources say the opposite somewhere, and rises and falls that none of them tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from .binding import Binder
from .claims import Claim
from .lexicon import FALL, RISE
from .pages import Page
from .senses import DECISIVE, OPPOSITE, sense
from .sentences import denied, stems, words

MOST_DENIED = 0.6
"""The share of what a source denies that a sentence must say for it to say just that."""

_ROSE = frozenset(re.findall(r"\w+", "rose rises risen increased increases grew grows grown climbed climbs"))
_FELL = frozenset(re.findall(r"\w+", "fell falls fallen decreased decreases declined declines dropped drops shrank"))
_COMPASS = re.compile(r"\b(north|south|east|west)(?:[ -]?(east|west))?(?:erly|ern|wards?)?\b", re.IGNORECASE)
_CHANGE = re.compile(r"change|delta|growth|increase|decrease|trend|diff", re.IGNORECASE)


def turned(text: str, pages: Sequence[Page]) -> str:
    """Why a sentence says the opposite of what is said anywhere: `rejected`, where no source has that but one has
    `passed`, or without a negation what a source denies; empty where it does not."""
    said = frozenset(map(sense, words(text))) & DECISIVE
    for each in said:
        if not any(each in page.senses for page in pages):
            other = next((o for o in OPPOSITE.get(each, ()) for page in pages if o in page.senses), None)
            if other is not None:
                return f"no source says {each}, and one says {other}"
    points = _points(text)
    if points and not any(points & _points(page.text) for page in pages) and any(_points(page.text) for page in pages):
        return f"no source says {min(points)}"
    if denied(text):
        return ""
    ours = frozenset(stems(text))
    for page in pages:
        for record, stated in page.denials:
            if stated[0] in ours and sum(each in ours for each in stated) >= max(2, MOST_DENIED * len(stated)):
                return f"a source denies it: {' '.join(record.text.split())[:120]}"
    return ""


def _points(text: str) -> frozenset[str]:
    """The points of the compass that a text names."""
    return frozenset(f"{one}{two}".lower() for one, two in _COMPASS.findall(text))


def trend(binder: Binder, claim: Claim) -> str:
    """Why a rise or a fall that a claim tells is in no source; empty where it is, or follows from its numbers."""
    said = set(words(claim.view.text))
    rose, fell = bool(said & _ROSE), bool(said & _FELL)
    if rose == fell:
        return ""
    slots = [slot for each in claim.values for slot in binder.slots(claim, each) if not slot.given]
    if not slots or any(_tells(slot.view.text) or _tells_by_key(slot.view.labels_at(slot.start)) for slot in slots):
        return ""
    numbers = [each.fact for each in claim.values if each.fact is not None and each.fact.kind == "number"]
    values = [each.value for each in numbers if isinstance(each.value, Decimal) and each.unit == numbers[0].unit]
    if len(values) == 2 and " from " in claim.view.text:
        return "" if (values[1] > values[0]) == rose else "the numbers say that it went the other way"
    return "no source says that it went that way"


def _tells(text: str) -> bool:
    return not (RISE | FALL).isdisjoint(words(text))


def _tells_by_key(labels: frozenset[str]) -> bool:
    return any(_CHANGE.search(each) for each in labels) or "grow" in labels
