"""Names and words of a text: runs of words with capitals, tokens of letters and digits, and the senses of keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .lexicon import MONTHS, STOP_WORDS, WEEKDAYS, unit_named
from .senses import ROLES, sense

WORD = re.compile(r"[^\W\d_]+(?:[&'’][^\W\d_]+)*")
"""A word, with its apostrophes."""

_NAME = re.compile(
    r"[^\W\d_a-z][^\W_]*(?:[&.'’-][^\W_]+)*(?:\s(?:(?:of|the|de|van|von|da|del|der)\s){0,2}[^\W\d_a-z][^\W_]*(?:[&'’-][^\W_]+)*)*"
)

_CODE = re.compile(r"\b[^\W\d_][\w&-]{0,40}\d[\w-]{0,40}|\b\d+(?:\.\d+){2,6}\b")
_MIXED = re.compile(r"(?:[^\W\d]|[&-])\d|\d\.\d")
"""What every code has: a quick look for most texts, which have none."""

_DIGIT = re.compile(r"\d")
_NUMBERED = re.compile(r"\b([^\W\d_]{0,2}[A-Z]\w{1,20}) \d{1,4}\b(?![.,%:]\d|%|[-/]) ?(\w*)")
_LEADING = STOP_WORDS.union(MONTHS, WEEKDAYS)
_LABEL = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Name:
    """A run of words with capitals: its place and its words in lower case."""

    start: int
    end: int
    words: frozenset[str]


def codes(text: str) -> list[tuple[int, str]]:
    """The tokens of letters and digits, version numbers, and names with a number (`Voyager 2`), in lower case."""
    if _DIGIT.search(text) is None:
        return []
    mixed = _MIXED.search(text) is not None
    found = [(match.start(), match[0].lower()) for match in _CODE.finditer(text)] if mixed else []
    return found + [
        (match.start(), match[0][: match.start(2) - match.start()].strip().lower())
        for match in _NUMBERED.finditer(text)
        if match[1].lower() not in _LEADING and unit_named(match[2]) is None
    ]


def names_in(text: str, shift: int) -> list[Name]:
    """The names of a text whose first character stands at `shift`."""
    found = []
    for match in _NAME.finditer(text):
        start, end = match.span()
        if not text[start].isupper() and text[start].lower() != text[start].upper():
            continue
        first = WORD.match(text, start)
        while first is not None and first[0].casefold() in STOP_WORDS and first.end() < end:
            start = first.end() + 1
            first = WORD.match(text, start)
        words = [word.casefold() for word in WORD.findall(text[start:end])]
        named = frozenset(sense(word) for word in words if word not in STOP_WORDS)
        if (named or any(map(str.isdigit, text[start:end]))) and unit_named(text[start:end]) is None:
            found.append(Name(shift + start, shift + end, named | {text[start:end].lower()}))
    return found


def kind_of_name(text: str) -> str:
    """`weekday`, `month` or `name`: a Tuesday is taken for a Thursday, but for no town."""
    word = text.lower().strip("\"' .").removesuffix("s")
    return "weekday" if word in WEEKDAYS else "month" if word in MONTHS else "name"


@lru_cache(maxsize=4096)
def senses_of(labels: tuple[str, ...]) -> frozenset[str]:
    """The senses of all words of some keys: `priceEur`, `price_eur` and `Price (EUR)` are `cost` and `eur`."""
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", " ".join(labels))
    words = [word.casefold() for word in _LABEL.findall(text)]
    return frozenset(ROLES.get(word) or sense(word) for word in words) | {code for _, code in codes(text)}
