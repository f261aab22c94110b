"""Words of a text: where they stand, their stems, and which of them carry meaning."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_VOWELS = frozenset("aeiouy")


def word_set(text: str) -> frozenset[str]:
    """The words of a text, split at its blanks."""
    return frozenset(text.split())


STOP = word_set(
    """
    a an the this that these those there here it its it's i i'm i'd i'll i've me my mine we us our ours you
    your yours he him his she her hers they them their theirs one ones who whom whose which what what's when
    where why how how's who's where's when's is isn't are aren't was wasn't were weren't be been being am do
    does doesn't did didn't done doing have has had having can can't could couldn't will won't would shall
    should may might must of in on at by for from to into onto with without within about above below over
    under between among through during before after than then as and or but nor so if not no yes any some all
    each every both either neither such same other another own too very just also only even ever still yet
    already again please let lets let's out up down off per via that's there's much many more most less least
    few lot lots else thing things something anything everything because while until since like whats wheres
    whos hows kindly hello hi hey thanks thank ok okay well really actually whether upon against across along
    toward towards regarding concerning etc vs e.g i.e
    """
)
"""Words that carry no topic of their own."""

LIGHT = word_set(
    """
    current currently now today get got give tell show know want need find look see go say said mean best good
    great make made use using used happen right possible kind sort way exactly provide present information
    info detail details question answer ask bring take put new main general roughly approximately quickly
    briefly short people person stand moment
    """
)
"""Words that carry little of a topic: they count a third of another word."""

LIGHT_WEIGHT = 0.35


class Word(NamedTuple):
    """A word and its place in the text; `stem` is lower case and without endings."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """The word in lower case."""
        return self.text.lower()

    @property
    def meaning(self) -> float:
        """How much of a topic it carries: 0 for stop words and numbers, 1 for most others."""
        return _meaning(self.text.lower())


def words(text: str, offset: int = 0) -> tuple[Word, ...]:
    """The words of a text in order; `offset` is added to their places."""
    return tuple(
        Word(found := match[0], stem(found), match.start() + offset, match.end() + offset)
        for match in _WORD.finditer(text)
    )


def name_words(name: str) -> tuple[str, ...]:
    """The lower-case parts of a `snake_case`, `kebab-case` or `CamelCase` name."""
    return tuple(part.lower() for part in _NAME_PART.findall(name))


@lru_cache(maxsize=16_384)
def _meaning(lower: str) -> float:
    if lower in STOP or lower.isdigit() or (len(lower) == 1 and lower.isascii()):
        return 0.0
    return LIGHT_WEIGHT if lower in LIGHT else 1.0


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A word without its plural, verb and possessive endings; the same for all forms of most English words.

    It is a key to compare by, not a word to show: `prices`, `pricing` and `priced` all give `pric`.
    """
    text = word.lower().replace("’", "'").removesuffix("'s").removesuffix("'")
    if len(text) <= 3 or not text.isascii() or not text.isalpha():
        return text
    return _ending(_verb(_plural(text)))


def _plural(text: str) -> str:
    if text in ("news", "lens"):
        return text
    if text.endswith("ies") and len(text) > 4:
        return text[:-3] + "y"
    if text.endswith(("sses", "shes", "ches", "xes", "zes")):
        return text[:-2]
    if text.endswith("s") and not text.endswith(("ss", "us", "is")):
        return text[:-1]
    return text


def _verb(text: str) -> str:
    for suffix in ("ingly", "edly", "ing", "ed", "ly"):
        base = text.removesuffix(suffix)
        if base != text and len(base) >= 3 and _VOWELS.intersection(base):
            return base[:-1] if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz" else base
    return text


def _ending(text: str) -> str:
    if text.endswith("e") and len(text) > 3:
        return text[:-1]
    if text.endswith("y") and len(text) > 3 and text[-2] not in _VOWELS:
        return text[:-1] + "i"
    return text


def stem_set(text: str) -> frozenset[str]:
    """The stems of the words of a text."""
    return frozenset(map(stem, text.split()))
