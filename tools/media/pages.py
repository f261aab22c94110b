"""Which pieces of a long document are shown: those that have most of the question's words, in their order."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

PIECE = 2_000
"""Characters of a piece of a document that has no pages."""

_WORD = re.compile(r"\w{3,}")


def pieces(text: str, size: int = PIECE) -> list[str]:
    """A text in pieces of about `size` characters, ended at the end of a line where there is one."""
    found: list[str] = []
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            end = text.rfind("\n", start + size // 2, end) + 1 or end
        found.append(text[start:end])
        start = end
    return found


def best(pages: Sequence[str], question: str, *, most: int, characters: int) -> list[int]:
    """The places of the pages that are shown, at most so many and of so many characters together: the first, which
    says what the document is, then those that have most of the question's rarer words, then from the beginning."""
    words = [set(map(_stem, _WORD.findall(page.lower()))) for page in pages]
    asked = set(map(_stem, _WORD.findall(question.lower())))
    frequency = Counter(word for each in words for word in each & asked)
    scores = [sum(math.log(1 + len(pages) / frequency[word]) for word in each & asked) for each in words]
    order = sorted(range(len(pages)), key=lambda place: (place != 0, -scores[place], place))
    kept: list[int] = []
    for place in order:
        if len(kept) < most and len(pages[place]) <= characters:
            kept.append(place)
            characters -= len(pages[place])
    return sorted(kept)


def _stem(word: str) -> str:
    return word.removesuffix("s")
