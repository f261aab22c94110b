"""Passages: pieces of a document short enough to quote, cut where paragraphs or sentences end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .extraction import Block

MAX_PASSAGE = 900
"""Characters of a passage, its heading included."""

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
_WORD_END = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage on its way into the index.

    Attributes:
        text: the passage, with the headings it stands under on a line above it.
        body: the passage without them.
        headings: the headings it stands under, outermost first.
        page: its page, in a PDF.
    """

    text: str
    body: str
    headings: tuple[str, ...]
    page: int | None


def pieces(blocks: Iterable[Block], size: int = MAX_PASSAGE) -> Iterator[Piece]:
    """Pack blocks that share their heading and page into passages of at most `size` characters."""
    place: tuple[tuple[str, ...], int | None] = ((), None)
    body = ""
    for block in blocks:
        room = size - len(_prefix(block.headings))
        for part in _parts(block.text, room):
            here = (block.headings, block.page)
            if body and (here != place or len(body) + 1 + len(part) > room):
                yield _piece(body, *place)
                body = ""
            place = here
            body = f"{body}\n{part}" if body else part
    if body:
        yield _piece(body, *place)


def _piece(body: str, headings: tuple[str, ...], page: int | None) -> Piece:
    return Piece(_prefix(headings) + body, body, headings, page)


def _prefix(headings: tuple[str, ...]) -> str:
    """The line above a passage: the last two headings, without the document's title where others follow."""
    shown = headings[1:][-2:] or headings
    return " › ".join(shown) + "\n" if shown else ""


def _parts(text: str, room: int) -> Iterator[str]:
    """A text as it is where it fits, else cut after sentences, else after words, else anywhere."""
    start = 0
    while len(text) - start > room:
        end = _cut(text, start, room)
        part = text[start:end].strip()
        if part:
            yield part
        start = end
    rest = text[start:].strip()
    if rest:
        yield rest


def _cut(text: str, start: int, room: int) -> int:
    for boundary in (_SENTENCE_END, _WORD_END):
        ends = [match.end() for match in boundary.finditer(text, start, start + room) if match.end() > start]
        # A cut near the start would leave a fragment; a later word's end is the better one then.
        if ends and ends[-1] - start >= room // 4:
            return ends[-1]
    return start + room
