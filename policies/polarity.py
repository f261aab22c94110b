"""What the flags of a source's records deny: `"paid": false` says that it has not been paid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .binding import Binder
from .claims import Claim
from .equality import same
from .grounded import Denial
from .lexicon import STOP_WORDS
from .names import senses_of
from .quantities import anything, scan
from .records import NO, YES, Cell, Record
from .scenes import Scene
from .senses import OPPOSITE, sense
from .sentences import Stretch
from .spans import Fact

_PART = re.compile(r"[,;.]\s|\s(?:but|and|while|though|although|yet)\s|:\s")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_DENIES = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|neither|nor|cannot|lacks?|off|disabled|out of|zero)\b|n['’]t\b",
    re.IGNORECASE,
)
_AFFIX = re.compile(r"(?:un|in|non|dis)-?")
_CLOSED = frozenset({"close", "absent", "unavailabl"})
_EMPTY = frozenset({"is", "has", "at", "on", "in", "of", "by", "to", "was", "can", "flag", "num", "number", "count"})
_ON = frozenset(map(sense, ["enabled", "active", "available", "on", "enable"]))
_MOST = 50
_PLAIN_NO = frozenset({"false", "no", "off", "never", "disabled"})
_EXCEPT = re.compile(r"\b(?:all\sbut|except|apart\sfrom|other\sthan|unlike|only|unless|instead)\b", re.IGNORECASE)
_HEDGED = re.compile(
    r"\d|\b(?:may|might|could|should|would|if|unless|except|only|both|either|all|each|every|none|neither|some|any|one|two"
    r"|three|four|five|other|others|free)\b",
    re.IGNORECASE,
)
_ROWS = 300
_COUNTS = re.compile(r"(?<!\w)\d")


@dataclass(frozen=True, slots=True)
class Flag:
    """A cell that says yes or no."""

    scene: Scene
    record: Record
    cell: Cell
    positive: bool
    empty: bool


def denial(binder: Binder, stretch: Stretch) -> Denial | None:
    """Why a sentence says the opposite of a flag of the sources; `None` where it does not."""
    if not any(scene.layout.flag_words for scene in binder.scenes):
        return None
    claim = binder.claim(stretch)
    for start, part in _parts(claim.view.text):
        flags = _telling(list(_flags(binder, part)))
        best = _nearest(claim, flags)
        first, last = claim.view.start + start, claim.view.start + start + len(part)
        if len(best) > 1 or (best and len(flags) > 1):
            best = _of_part(claim, best, flags, first, last)
        wrong = [each for each in best if _agrees(part, each) is False]
        if wrong and not any(_agrees(part, each) or _says_another(claim, part, each) for each in best):
            flag = wrong[0]
            key, value = " ".join(flag.cell.labels[-1:]), flag.scene.text[flag.cell.start : flag.cell.end]
            return Denial(f"the evidence says {key}: {value}", _is_sure(claim, part, flag, flags, first, last))
    return None


def _is_sure(claim: Claim, part: str, flag: Flag, flags: list[Flag], start: int, end: int) -> bool:
    """Whether a part of a sentence can mean no other flag: there is no other, or the part names the record of this one
    and of no other; and it says so of one thing, without an if."""
    value = flag.scene.text[flag.cell.start : flag.cell.end].strip('" ').lower()
    if value not in YES | _PLAIN_NO or _HEDGED.search(part) or _EXCEPT.search(claim.view.text):
        return False
    if not _names(flag.cell) <= _senses(part):
        return False  # `Baggage costs extra`, of `baggage_included`
    others = [each for each in flags if each.record is not flag.record]
    own = [each for each in claim.pointers() if start <= each.start < end and each.kind == "name"]
    own = [each for each in own if id(flag.record) in flag.scene.holding(each)]
    return not others or any(not any(id(o.record) in o.scene.holding(each) for o in others) for each in own)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for match in _PART.finditer(text):
        yield at, text[at : match.start()]
        at = match.end()
    yield at, text[at:]


def _of_part(claim: Claim, best: list[Flag], flags: list[Flag], start: int, end: int) -> list[Flag]:
    """The flags of the record that a part of a sentence names itself; else those that the whole one does."""
    own = [each for each in claim.pointers() if start <= each.start < end and each.kind != "word"]
    scores = [sum(each.weight * flag.scene.presence(flag.record, each) for each in own) for flag in flags[:_MOST]]
    top = max(scores, default=0.0)
    told = [flag for flag, score in zip(flags, scores, strict=False) if top and score >= top - 0.01]
    return told if told and len(told) < len(flags) else best


def _flags(binder: Binder, part: str) -> Iterator[Flag]:
    """The flags that a part of a sentence speaks of."""
    said = _senses(part)
    for scene in binder.scenes:
        if said.isdisjoint(scene.layout.flag_words):
            continue
        for word in said & scene.layout.flags.keys() - _EMPTY:
            for record, cell in scene.layout.flags[word]:
                value = scene.text[cell.start : cell.end].strip('" ').lower()
                yield Flag(scene, record, cell, value in YES, value in ("0", "0.0"))


def _telling(flags: list[Flag]) -> list[Flag]:
    """The flags without `enabled` and its like, where the part names another key: `TLS is enabled`."""
    named = [each for each in flags if not _names(each.cell) <= _ON]
    return named or flags


def _says_another(claim: Claim, part: str, flag: Flag) -> bool:
    """Whether a part gives the value that another record has under the same key, where one says that it has none."""
    label, small = flag.cell.labels[-1:], part.casefold()
    for record in flag.scene.layout.records[:_ROWS] if flag.scene.text[flag.cell.start : flag.cell.end] else ():
        for cell in record.cells if record.data and not record.given and record is not flag.record else ():
            value = flag.scene.text[cell.start : cell.end].strip('" ').casefold()
            if cell.labels[-1:] != label or value in NO | YES or len(value) < 2:
                continue
            if value in small or any(each.fact is not None and _stands(each.fact, value) for each in claim.values):
                return True
    return False


def _stands(fact: Fact, value: str) -> bool:
    return any(same(fact, each) for each in scan(value.upper(), anything))


def _names(cell: Cell) -> frozenset[str]:
    """The senses of a flag's key; of several, those that are not empty of sense."""
    return senses_of(cell.labels[-1:]) - _EMPTY


def _senses(part: str) -> frozenset[str]:
    found = set()
    for word in _WORD.findall(part.casefold()):
        root = sense(word.removesuffix("'s").removesuffix("’s"))
        if word not in STOP_WORDS or word in ("open", "used"):
            found |= {root} | OPPOSITE.get(root, frozenset())
        affix = _AFFIX.match(word)
        if affix is not None and len(word) - affix.end() > 2:
            found.add(sense(word[affix.end() :]))
    return frozenset(found)


def _nearest(claim: Claim, flags: list[Flag]) -> list[Flag]:
    """The flags of the record that holds the most of the claim's names and values."""
    if len({id(each.record) for each in flags}) < 2:
        return flags
    pointers = claim.pointers()
    likely = [flag for flag in flags if any(id(flag.record) in flag.scene.holding(each) for each in pointers)]
    flags = (likely or flags)[:_MOST]
    scores = [sum(each.weight * flag.scene.presence(flag.record, each) for each in pointers) for flag in flags]
    top = max(scores)
    return [flag for flag, score in zip(flags, scores, strict=True) if score >= top - 0.01]


def _agrees(part: str, flag: Flag) -> bool | None:
    """Whether a part of a sentence says what a flag says; `None` where that cannot be told."""
    keys = _names(flag.cell)
    if flag.empty and _COUNTS.search(part):
        return None
    denied = bool(_DENIES.search(part))
    for word in _WORD.findall(part.casefold()):
        root, affix = sense(word), _AFFIX.match(word)
        turned = OPPOSITE.get(root, frozenset()) & keys or (root in _CLOSED and root not in keys)
        if turned or (affix is not None and root not in keys and sense(word[affix.end() :]) in keys):
            denied = not denied
            break
    return denied != flag.positive
