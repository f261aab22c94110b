"""Which pieces of a long document are shown: those that have most of the question's words, in their order.

It is for a worker process: to go through millions of words here would keep every other thread waiting.
"""

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


Page = tuple[str, int | None]
"""A text, and the number of its page where it has one."""


def shown(pages: Sequence[Page], question: str, *, most: float, characters: int) -> list[Page]:
    """What is shown of pages, at most so many, or pieces of them, and of so many characters together. A text without
    pages, and what is longer than all that is shown, is taken piece by piece."""
    size = min(PIECE, max(1, characters // 4))
    parts: list[Page] = []
    for text, number in pages:
        whole = number is not None and len(text) <= characters
        parts += [(text, number)] if whole else [(piece, number) for piece in pieces(text, size)]
    chosen = best([text for text, _ in parts], question, most=most, characters=characters)
    return [parts[place] for place in chosen if parts[place][0].strip()]


def best(pages: Sequence[str], question: str, *, most: float, characters: int) -> list[int]:
    """The places of the pages that are shown, at most so many and of so many characters together: the first, which
    says what the document is, then those that have most of the question's rarer words, then from the beginning."""
    asked = _words(question)
    words = [_words(page) for page in pages]
    frequency = Counter(word for each in words for word in each & asked)
    scores = [sum(math.log(1 + len(pages) / frequency[word]) for word in each & asked) for each in words]
    order = sorted(range(len(pages)), key=lambda place: (place != 0, -scores[place], place))
    kept: list[int] = []
    for place in order:
        if len(kept) < most and len(pages[place]) <= characters:
            kept.append(place)
            characters -= len(pages[place])
    return sorted(kept)


def _words(text: str) -> set[str]:
    return {word.removesuffix("s") for word in _WORD.findall(text.lower())}
