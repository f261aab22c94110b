"""The parts of a long text that may speak of what is asked, found without reading the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator

_BLOCK = 300
"""Characters that are kept or left out together: a sentence or two."""

_MOST_HITS = 400
"""Places of one word that are looked at: a word that is everywhere tells nothing."""

_BEGINS = re.compile(r"(?<=[.!?])\s|\n")
_EDGE = 400
"""Characters within which a part is made to begin and end with a sentence or a line."""


def narrowed(text: str, stems: Collection[str], room: int) -> str:
    """A text of about `room` characters at most: its parts with most of the words that have these stems, in the order
    of the text, each with what stands before it; a text without any of them is its beginning.

    Reading a text for its sentences takes a microsecond a character, looking for words a hundredth of that.
    """
    if len(text) <= room:
        return text
    blocks = _ranked(text.lower(), {_root(stem) for stem in stems})
    kept: set[int] = set()
    for block in blocks:
        if len(kept | {block - 1, block}) * _BLOCK > room:
            break
        kept |= {max(0, block - 1), block}
    if not kept:
        return text[:room]
    return "\n".join(text[start:end].strip() for start, end in _whole(text, sorted(kept)))


def _root(stem: str) -> str:
    """What all forms of a word begin with: `company` and `companies` share `compan`."""
    return stem[:-1] if len(stem) > 3 and stem.endswith("y") else stem


def _ranked(lower: str, roots: Collection[str]) -> list[int]:
    """The blocks that hold one of the words or more, first those with the most of them, a rare one counting more."""
    score: dict[int, float] = {}
    blocks = 1 + len(lower) // _BLOCK
    for root in roots:
        hits = set(_blocks(lower, root))
        for block in hits:
            score[block] = score.get(block, 0.0) + math.log(1 + blocks / len(hits))
    return sorted(score, key=lambda block: (-score[block], block))


def _blocks(lower: str, root: str) -> Iterator[int]:
    at = lower.find(root)
    for _ in range(_MOST_HITS):
        if at < 0:
            return
        if at == 0 or not lower[at - 1].isalnum():
            yield at // _BLOCK
        at = lower.find(root, at + len(root))


def _whole(text: str, blocks: list[int]) -> Iterator[tuple[int, int]]:
    """The stretches of blocks side by side, each from the beginning of a sentence or line to the end of one where those
    are near."""
    first = last = blocks[0]
    for block in [*blocks[1:], -1]:
        if block == last + 1:
            last = block
            continue
        start, end = first * _BLOCK, (last + 1) * _BLOCK
        begins = [match.end() for match in _BEGINS.finditer(text, max(0, start - _EDGE), start)]
        ends = _BEGINS.search(text, end, end + _EDGE)
        yield begins[-1] if begins else start, ends.start() if ends else end
        first = last = block
