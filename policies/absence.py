"""Whether what an answer says could not be found is absent from its evidence, or stands there after all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .asked import meant
from .denials import subject_of
from .names import senses_of
from .passages import Source
from .records import NO, Record
from .scenes import Scene
from .senses import sense
from .sentences import denied
from .spans import places

Standing = Literal["held", "absent", "failed", "unknown", "said"]
"""The evidence holds it; shows that it is not there; a call that could have found it failed; none of these; or a source
says something of the kind itself."""

MAX_RECORDS = 2_000
"""Records of a source that are looked at."""

LONGEST = 2_000
"""Characters of a record whose numbers and codes are read."""

SHARE = 0.5
"""The share of what was looked for that a call must name to have been a search for it."""

_ECHOES = frozenset(["query", "q", "search", "term", "keyword", "input", "request", "argument"])
_BARE = re.compile(r"[^\n\[{][^\n]{0,60}")
_DENIED = re.compile(r"(?:\bnot|n['’]t)\s(?:yet\s)?(?:been\s)?(\w+)", re.IGNORECASE)
_WHEN = re.compile(r"\bwhen\b|\bdate\b|\btime\b", re.IGNORECASE)
_WHO = re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE)
_WHY = re.compile(r"\b(?:why|whether|if|how\s(?!many|much|old|long|high|far|deep|big))\b", re.IGNORECASE)
_STATE = re.compile(
    r"(?:\bnot|n['’]t)\s(?:yet\s|currently\s)?(?:been\s)?(?:available|included|published|shown|known|listed)\b",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(r"\bhow\s(?:many|much|old|long|high|far|deep|big)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Absence:
    """What is to be said of a denial, and why."""

    standing: Standing
    reason: str = ""
    value: str = ""


class Searches:
    """The evidence of one answer, as denials are asked of it.

    Args:
        question: what was asked.
        scenes: the evidence.
        sources: the same, and the calls that gave nothing.
        doubts: why another check refused values of it.
    """

    def __init__(self, question: str, scenes: Sequence[Scene], sources: Sequence[Source], doubts: str = "") -> None:
        self._question = question
        self._doubts = doubts.lower()
        self._scenes = scenes
        self._vain = [
            (meant(_spaced(source.text.partition("\n")[0])), source.gave)
            for source in sources
            if source.gave != "result"
        ]

    def judge(self, text: str) -> Absence | None:
        """What a sentence denies, beside the evidence; `None` where it denies nothing."""
        subject = subject_of(text)
        if subject is None:
            return None
        if any(
            sense(word.casefold()) in scene.layout.flag_words
            for word in _DENIED.findall(text)
            for scene in self._scenes
        ):
            return None  # `Breakfast is not included`, where that is a field of its own
        tokens = meant(subject) or meant(self._question)
        for scene in self._scenes if tokens else ():
            standing = _in_scene(scene, tokens, text)
            if standing is not None and standing.value and self._doubted(standing.value):
                return Absence("failed", "what the evidence says of it was called into doubt")
            if standing is not None:
                return standing
        return self._sought(tokens)

    def _doubted(self, value: str) -> bool:
        return next(places(self._doubts, value.lower()), None) is not None

    def _sought(self, tokens: frozenset[str]) -> Absence:
        found = [gave for words, gave in self._vain if len(words & tokens) >= SHARE * max(1, len(tokens))]
        if "nothing" in found:
            return Absence("absent")
        if "failure" in found:
            return Absence("failed", "the call that could have found it failed")
        return Absence("unknown", "nothing shows that it was looked for in vain")


def _spaced(text: str) -> str:
    return re.sub(r"[_{}\"\[\]]+", " ", text)


def _in_scene(scene: Scene, tokens: frozenset[str], text: str) -> Absence | None:
    records = [each for each in scene.layout.records if not each.given][:MAX_RECORDS]
    rows = [each for each in records if each.data and each.cells]
    given = _given(scene)
    kind = frozenset(each for each in given if not any(map(str.isdigit, each)))  # an id tells one row from others
    for record in records:
        found = _in_row(scene, record, tokens, given if len(rows) == 1 else kind, text) if record.data else None
        found = found or (None if record.data else _in_prose(scene, record, tokens, text))
        if found is not None:
            return found
    content = scene.text.partition("\n")[2].strip() if given else ""
    if not rows and _BARE.fullmatch(content) and content.lower().strip('"') not in NO and tokens <= given:
        return Absence("held", f"the evidence says {content[:60]}", content)
    return None


def _given(scene: Scene) -> frozenset[str]:
    """The senses of the name and the arguments of a source's call."""
    return meant(_spaced(scene.text.partition("\n")[0])) if scene.layout.givens else frozenset()


def _around(scene: Scene, record: Record) -> frozenset[str]:
    """The senses of a record's own words and of what it rests on."""
    views = [scene.layout.view(record), *(view for _, view in scene.layout.rests_on(record))]
    return frozenset().union(*(meant(" ".join(view.text.split())[:LONGEST]) | frozenset(view.words) for view in views))


def _in_row(scene: Scene, record: Record, tokens: frozenset[str], given: frozenset[str], text: str) -> Absence | None:
    """What a row or an object says: a value, that there is none, or nothing."""
    around = _around(scene, record) | given
    beside = _beside(scene, record) | given
    others = 0
    for cell in record.cells:
        value = scene.text[cell.start : cell.end].strip('" ')
        keys = senses_of(cell.labels[-1:])
        if keys & _ECHOES:
            continue
        path = senses_of(cell.labels)
        others += value.lower() not in NO
        if keys & tokens and tokens <= around | path:
            if not tokens <= path | beside:
                return Absence("unknown", f"the evidence says {' '.join(cell.labels[-1:])}: {value[:60]}")
            if value.lower() in NO - {"0", "0.0", "no", "false"}:
                return Absence("absent")
            return Absence("held", f"the evidence says {' '.join(cell.labels[-1:])}: {value[:60]}", value)
    named = frozenset(
        each
        for cell in record.cells
        if not senses_of(cell.labels[-1:]) & _ECHOES
        for each in meant(scene.text[cell.start : cell.end])
    )
    if tokens <= named and others > 1 and _STATE.search(text):
        return None  # `The lamp is not available` tells its state, and not that it was not found
    if tokens <= named and others > 1:
        return Absence("held", "the evidence has a record of it")
    return None


def _beside(scene: Scene, record: Record) -> frozenset[str]:
    """The senses of a record's values and of all that it rests on: what may say whose value is asked for, where its
    other keys may not (the `delivery` and the `date` of two fields are no delivery date)."""
    values = " ".join(scene.text[cell.start : cell.end] for cell in record.cells)[:LONGEST]
    around = (view for _, view in scene.layout.rests_on(record))
    return meant(values).union(*(meant(" ".join(view.text.split())[:LONGEST]) for view in around))


def _in_prose(scene: Scene, record: Record, tokens: frozenset[str], text: str) -> Absence | None:
    """What a sentence says: a value beside all that was looked for, or that it is not known."""
    view = scene.layout.view(record)
    if not tokens <= _around(scene, record):
        return None
    if denied(view.text) or subject_of(view.text) is not None:
        return Absence("said")
    if _WHY.search(text):
        return None
    if _WHO.search(text):
        told = any(not each.isupper() for each in _named(scene, record, tokens))
    elif _WHEN.search(text):
        told = any(fact.kind != "number" or len(fact.text) == 4 for fact in view.facts)
    elif _HOW_MANY.search(text):
        told = any(fact.kind == "number" for fact in view.facts)
    else:
        told = any(True for _ in _others(scene, record, tokens))
    return Absence("unknown", f"the evidence says {' '.join(view.text.split())[:100]}") if told else None


def _others(scene: Scene, record: Record, tokens: frozenset[str]) -> Iterator[str]:
    """The values and names of a sentence that are not what was looked for itself."""
    yield from (fact.text for fact in scene.layout.view(record).facts if fact.text not in tokens)
    yield from _named(scene, record, tokens)


def _named(scene: Scene, record: Record, tokens: frozenset[str]) -> Iterator[str]:
    """The names of a sentence that are not what was looked for itself."""
    view = scene.layout.view(record)
    yield from (scene.text[name.start : name.end] for name in view.names if not name.words & tokens)
