"""Whether two sentences say the opposite of each other: by negation, by direction, or by a word and its opposite."""

from __future__ import annotations

import re

from .senses import DECISIVE, OPPOSITE, sense
from .sentences import denied, direction, negations, stems, words

ALIKE = 0.6
"""Share of their words that two sentences which both deny something have in common where they are one sentence."""

_DIGIT = re.compile(r"\d")
_WHOLE = re.compile(r"\b(?:nothing|none|nobody|neither)\b", re.IGNORECASE)
_ONLY = re.compile(r"\b(?:only|unless|except|apart|other\sthan)\b", re.IGNORECASE)
_OPEN = re.compile(r"\b(?:is|are|was|were|be|stays?|remains?) (open|closed)\b")


def flipped(answer: str, record: str) -> bool:
    """Whether one denies what the other says, or one speaks of a rise and the other of a fall.

    Beside a number the direction is asked of its own clause, where the number was found, and not here.
    """
    if not _DIGIT.search(answer) and direction(answer) * direction(record) < 0:
        return True
    mine, theirs = denied(answer), denied(record)
    if not (mine or theirs):
        return _antonyms(answer, record)
    if any(_WHOLE.search(one) and negations(other) for one, other in ((answer, record), (record, answer))):
        return False  # `nothing` and `neither` deny what cannot be told from their place
    ours, others = frozenset(stems(answer)), frozenset(stems(record))
    if mine & theirs:  # both deny something: one more negation counts only where they are as good as one sentence
        return _similar(ours, others) and negations(answer) % 2 != negations(record) % 2
    return bool((mine & others) or (theirs & ours))


def alike(answer: str, record: str) -> bool:
    """Whether two sentences have so many words in common that they are one sentence, said and denied; never where one
    has the opposite of the other's word, so that `closed` may stand for `not open`."""
    ours, others = frozenset(map(sense, words(answer))), frozenset(map(sense, words(record)))
    if negations(answer) > 1 or negations(record) > 1 or _ONLY.search(answer) or _ONLY.search(record):
        return False  # `not allowed without` is `only allowed with`
    if (denied(answer) or denied(record)) and any(OPPOSITE.get(each, frozenset()) & others for each in ours - others):
        return False
    return _similar(frozenset(stems(answer)), frozenset(stems(record)))


def _similar(ours: frozenset[str], others: frozenset[str]) -> bool:
    return len(ours & others) >= ALIKE * len(ours | others)


def _antonyms(answer: str, record: str) -> bool:
    """Whether one says `approved` where the other says `rejected`."""
    ours, theirs = (frozenset(map(sense, words(each))) for each in (answer, record))
    if any(OPPOSITE[each] & theirs for each in ours & DECISIVE - theirs if each in OPPOSITE):
        return True
    mine, other = (set(_OPEN.findall(each.lower())) for each in (answer, record))
    return bool(mine) and bool(other) and mine.isdisjoint(other) and not _DIGIT.search(answer + record)
