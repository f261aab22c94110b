"""Whose state a claim tells: `Order 41 has failed`, where the source says that of order 42."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .anchors import Anchor
from .binding import Binder
from .claims import Claim
from .grounded import Denial
from .names import senses_of
from .records import NO, YES, Record
from .scenes import Scene
from .senses import LIGHT, OPPOSITE, ROLES, sense
from .views import View

MAX_OWN, MAX_LINES = 4, 400
"""Records that a claim may be about, and records of a source that are compared with them."""

_SUBJECT = re.compile(r"\W{0,3}([^\W\d_a-z][^\W\d_]{2,20}) (?:has|is|was|had|gets|will)\b")
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_WORD = re.compile(r"[^\W\d_]+")
_NOT = re.compile(r"\bnot\s|n['’]t\s")
_MERELY = re.compile(r"\bnot\s(?:only|just|merely|yet\sknown)\b")
_EXCEPT = re.compile(r"\b(?:not|no|never|except|apart|unless|but)\b|n['’]t\b", re.IGNORECASE)
_REACH = 60
"""Characters after a negation that are read as what it denies."""

_LEAST = 4
"""Parts of a line that is compared with another."""

_LIKE = 0.5
"""The share of its parts that a line must have in common with another, to be one of the same kind."""


def misplaced(binder: Binder, claim: Claim) -> str:
    """Why a claim says of one thing what the sources say of another of its kind; empty where it does not."""
    strange = _strange(binder, claim) or _said_of_another(binder, claim)
    if strange:
        return strange
    pointers = [*_ids(binder, claim)]
    for scene in binder.scenes if pointers else ():
        own = _own(scene, pointers)
        if not own:
            continue
        said = _around(scene, own)
        for word in claim.words:
            if word.text not in ROLES and word.senses[0] not in said and _is_of(scene, own, word):
                return f"the evidence says {word.text} of something else"
    return ""


def disowned(binder: Binder, claim: Claim) -> Denial | None:
    """Why a claim denies the state that a source gives what it speaks of: `Ticket 7 is not closed`; else `None`."""
    text = claim.view.text.casefold()
    denied = [_words(text[match.end() : match.end() + _REACH]) for match in _NOT.finditer(text)]
    pointers = [*_ids(binder, claim)] if denied else []
    for scene in binder.scenes if denied else ():
        own = _own(scene, pointers) if pointers else _sole(scene)
        for record, cell in ((each, cell) for each in own if each.data for cell in each.cells):
            value = _words(scene.text[cell.start : cell.end].casefold())
            if value and any(said[: len(value)] == value for said in denied):
                reason = f"the evidence says {' '.join(cell.labels[-1:])}: {scene.text[cell.start : cell.end]}"
                alone = len(own) == 1 or all(id(record) in scene.holding(each) for each in pointers)
                return Denial(reason, alone and _MERELY.search(text) is None)
    return None


def _words(text: str) -> list[str]:
    """The senses of the words of a value, without articles; none of one that is a number, a yes or a no."""
    found = _WORD.findall(text)
    plain = text.strip('" ') in NO | YES or any(map(str.isdigit, text[:1]))
    return [] if plain else [sense(word) for word in found if word not in ("the", "a", "an", "yet", "currently")]


def _sole(scene: Scene) -> list[Record]:
    """The one row or object of a source; none where it has more."""
    rows = [each for each in scene.layout.records[:MAX_LINES] if each.data and each.cells and not each.given]
    return rows if len(rows) == 1 else []


def opposed(binder: Binder, claim: Claim) -> str:
    """Why a name stands under the opposite of what a claim says of it: `It opens on Monday`, of `closed_on`."""
    said = frozenset(each.senses[0] for each in claim.words)
    if not any(each in OPPOSITE for each in said) or _EXCEPT.search(claim.view.text):
        return ""
    for target in claim.names:
        slots = [each for each in binder.slots(claim, target) if not each.given]
        cells = [each.view.cell_at(each.start) for each in slots]
        labels = [senses_of(each.labels[-1:]) for each in cells if each is not None]
        if labels and len(labels) == len(slots) and all(_opposite(said, each) for each in labels):
            return f"{target.text} stands under the opposite in the evidence"
    return ""


def _opposite(said: frozenset[str], label: frozenset[str]) -> bool:
    return said.isdisjoint(label) and any(OPPOSITE.get(each, frozenset()) & label for each in said)


def _strange(binder: Binder, claim: Claim) -> str:
    """Why the subject of a claim is nobody the sources or the question know: `Brno has fog`, where they name Oslo."""
    match = _SUBJECT.match(claim.view.text)
    if match is None or not (claim.values or claim.names) or match[1].casefold() in LIGHT:
        return ""
    word = match[1].casefold()
    if word in binder.question or any(scene.knows(word) for scene in binder.scenes):
        return ""
    return f"{match[1]} is in no source"


def _said_of_another(binder: Binder, claim: Claim) -> str:
    """Why what a claim says of its subject stands in sentences with another one: `the tenant` for `the landlord`."""
    subject = next((each for each in claim.targets if each.kind == "word"), None)
    slots = [slot for each in claim.values if subject for slot in binder.slots(claim, each) if not slot.given]
    if subject is None or not slots or any(slot.view.is_data for slot in slots):
        return ""
    word = subject.senses[0]
    for slot in slots:
        views = (
            [slot.view, *(view for _, view in slot.scene.layout.rests_on(slot.view.record))] if slot.view.record else []
        )
        if any(word in view.words for view in views) or word in slot.view.text.casefold():
            return ""
    heads = (
        slot.scene.layout.view(record).first_word
        for slot in slots
        for record in slot.scene.layout.holding(subject.text.casefold()).values()
        if not record.given and not record.data
    )
    if any(head is not None and sense(head[1]) == word for head in heads):
        return f"{slots[0].text} is not said of {subject.text} in the evidence"
    return ""


def _ids(binder: Binder, claim: Claim) -> Iterator[Anchor]:
    """What tells one thing from others: names, numbers without a unit, and codes."""
    for each in claim.pointers():
        number = each.fact is not None and each.fact.kind == "number" and each.fact.unit is None and each.start > 0
        if (number or each.kind == "name") and any(scene.holding(each) for scene in binder.scenes):
            yield each


def _own(scene: Scene, pointers: list[Anchor]) -> list[Record]:
    """The records that hold what a claim points at most clearly; none where that is in many."""
    held = [
        found
        for each in pointers
        if (found := {key: record for key, record in scene.holding(each).items() if not record.given})
    ]
    fewest = min(map(len, held), default=0)
    if fewest > MAX_OWN:
        return []
    return list({key: record for found in held if len(found) == fewest for key, record in found.items()}.values())


def _around(scene: Scene, own: list[Record]) -> frozenset[str]:
    """The senses of the words and keys of some records and of the objects around them."""
    records = list(own)
    for each in records:
        if each.parent is not None and each.parent not in records:
            records.append(each.parent)
    keys = (senses_of(cell.labels) for each in own for cell in each.cells)
    return frozenset().union(*(scene.layout.view(each).words for each in records), *keys)


def _is_of(scene: Scene, own: list[Record], word: Anchor) -> bool:
    """Whether another record of the same kind has the word in the place where those of the claim have another."""
    others = [each for each in scene.holding(word).values() if not each.given and each not in own]
    return bool(others) and all(any(_differs(scene, mine, each, word) for each in others[:MAX_OWN]) for mine in own)


def _differs(scene: Scene, mine: Record, other: Record, word: Anchor) -> bool:
    if mine.data and other.data:
        return _cell_differs(scene, mine, other, word)
    if mine.data or other.data:
        return False
    return _alike(scene.layout.view(mine), scene.layout.view(other))


def _cell_differs(scene: Scene, mine: Record, other: Record, word: Anchor) -> bool:
    labels = {
        cell.labels[-1:]
        for cell in other.cells
        if word.senses[0] in map(sense, scene.text[cell.start : cell.end].casefold().strip('" ').split())
    }
    return any(cell.labels[-1:] in labels for cell in mine.cells)


def _alike(one: View, two: View) -> bool:
    """Whether two lines are of one kind: a log's, with the same signs and words in most places."""
    if ":" not in one.text and "=" not in one.text and not one.text[:1].isdigit():
        return False
    mine, theirs = (list(map(_shape, _TOKEN.findall(each.text))) for each in (one, two))
    if min(len(mine), len(theirs)) < _LEAST:
        return False
    common = sum(a == b for a, b in zip(mine, theirs, strict=False))
    return common >= _LIKE * max(len(mine), len(theirs))


def _shape(token: str) -> str:
    return "0" if token.isdigit() else token if token in LIGHT or not token.isalpha() else token.lower()
