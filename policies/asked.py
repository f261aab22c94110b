"""What words are about: a question, or what could not be found; and whether an answer speaks of what was asked."""

from __future__ import annotations

import re

from .names import WORD, codes
from .senses import LIGHT, sense
from .sentences import split

_EMPTY = frozenset(
    map(
        sense,
        re.findall(
            r"\w+",
            "information data detail details value values record records entry entries answer figure figures result"
            " results exact current anything something evidence mention available source sources tool tools mentioned"
            " found listed given known stated specific here there it they this that these them one ones number match"
            " matches",
        ),
    )
)
"""Senses that say nothing of what was looked for."""

_NUMBER = re.compile(r"(?<![\w.,])\d[\d.,:/-]*(?<![.,:/-])")

LONGEST = 4_000
"""Characters of a question or an answer that are read."""


def meant(subject: str) -> frozenset[str]:
    """The senses of its words, its codes and its numbers, without those that say nothing of what was looked for."""
    words = (word.casefold().removesuffix("'s").removesuffix("’s") for word in WORD.findall(subject))
    senses = {sense(word) for word in words if word not in LIGHT and len(word) > 1} - _EMPTY
    return frozenset(senses | {code for _, code in codes(subject)} | set(_NUMBER.findall(subject)))


def speaks_of(question: str, answer: str) -> bool:
    """Whether an answer has a word, a name or a number of what was asked: of the sentences with a question mark, or of
    the first where none has one. True where nothing can be told of it."""
    sentences = [each.text for each in split(question[:LONGEST])]
    asked = [each for each in sentences if "?" in each] or sentences[:1]
    wanted = meant(" ".join(asked)) - _ASKING
    return not wanted or not wanted.isdisjoint(meant(answer[:LONGEST]))


_ASKING = frozenset(
    map(sense, re.findall(r"\w+", "find look search tell give list show name compare explain describe please"))
)
"""Senses that say what is to be done, and not of what."""
