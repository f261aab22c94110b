"""A source beside one answer: its page, and those of its numbers that the answer may have."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .equality import magnitudes
from .figures import Wanted
from .shelf import opened
from .spans import Fact


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of evidence as plain text.

    Attributes:
        id: what the grounding names it by, such as the call's id.
        text: what an answer may rest on: for a tool its name, its arguments as JSON and its content; for a passage its
            words and where it stands.
        origin: the file, URL or tool it came from; it may be cited, and is read as a part of the text.
        gave: whether the call gave a `result`; of one that found `nothing`, or ended in `failure`, the first line
            is its name and arguments, the rest why it failed: it grounds nothing, and says what was looked for in vain.
    """

    id: str
    text: str
    origin: str = ""
    gave: Literal["result", "nothing", "failure"] = "result"


class Reading:
    """One source, read for one answer. `cut` characters of it are read, and no more."""

    def __init__(self, source: Source, wanted: Wanted, small: Sequence[int], cut: int) -> None:
        self.id = source.id
        self.page = opened(source.text[:cut], source.origin)
        numbers, self.moments = self.page.figures.wanted(wanted, small)
        self._numbers = sorted(numbers, key=_size)
        self._sizes = [_size(fact) for fact in self._numbers]

    def candidates(self, fact: Fact) -> Iterator[Fact]:
        """The facts that may say the same as one of the answer, nearest places in the text first among equals."""
        for low, high in magnitudes(fact) if self._numbers else ():
            yield from self._numbers[bisect_left(self._sizes, low) : bisect_right(self._sizes, high)]
        yield from self.moments.like(fact)


def _size(fact: Fact) -> float:
    return abs(float(fact.value)) if isinstance(fact.value, Decimal) else 0.0
