"""A question taken apart: its clauses, what each one asks, and what it borrows from the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Literal

from .lexicon import ANAPHORA, ASKING, AUXILIARY, EFFECTS, QUESTION
from .span import Span
from .spans import find_spans
from .words import Word, word_set, words

MAX_READ = 16_000
"""Characters of a query that are looked at: three quarters from its beginning, the rest from its end."""

MAX_CLOSE = 2_400
"""Characters that are read closely; of a longer text only the sentences that ask for something are, and those before
them."""

MAX_CLAUSES = 12
"""Clauses of one query that may lead to calls."""

_MOST_PIECES = 40
_MOST_SPANS = 80
_MOST_WORDS = 200

_SENTENCE = re.compile(r"(?<=[?!])\s+|(?<=[^\W\d_]{3}\.)\s+(?=[A-Z\"“])|(?<=[\d)\]\"”]\.)\s+(?=[A-Z])|;\s*|\n+\s*")
_CUT = re.compile(
    r"(?P<mark>[?!;]+\s*|(?<=[\w)\]\"”])\.\s+(?=[A-Z\"“])|\n+\s*)|"
    r"(?P<joint>(?:,\s*)?\b(?:and\s+then|and\s+also|and|then|also|plus|as\s+well\s+as|but|or)\s+|,\s+)",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"(?:(?:please|kindly|hi|hello|hey|ok|okay|so|well|and|then|also|but|or|now|first|firstly|second|finally|next|thanks|"
    r"(?:can|could|would|will)\s+you(?:\s+please)?|i(?:\s+would|'d|’d)\s+like\s+(?:you\s+)?to(?:\s+know)?|"
    r"i\s+(?:want|need)\s+(?:you\s+)?to(?:\s+know)?|do\s+you\s+know|let\s+me\s+know|let's|tell\s+me|"
    r"(?:what|how)\s+about)\b[,:]?\s*)+",
    re.IGNORECASE,
)
_NOMINAL = re.compile(r"(?:the|its|their|his|her)\s+\w+(?:\s+\w+)?\s+(?:of|in|for|at)\s+\w", re.IGNORECASE)
"""What a noun of its own opens: "and the population of Oslo" asks another thing, not for one more item of a list."""
_BETWEEN = re.compile(r"\b(?:between|both|of|from)\s+(?:the|its|their|his|her)\b", re.IGNORECASE)
"""What takes two nouns that belong together: "the difference between the price of A and the price of B"."""
_ELLIPSIS = re.compile(r"(?:(?:what|how)\s+about|and|or)\b", re.IGNORECASE)
_SOLID = frozenset(("quoted", "uri", "email", "sql", "path", "date", "place"))
_WHOLE = word_set("overall altogether everywhere everyone worldwide")

Shape = Literal["question", "command", "fragment", "statement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One thing that is said or asked.

    Attributes:
        text: as written, without courtesies and punctuation around it.
        start: place in the text that was read.
        end: place behind it.
        shape: `question`, `command` (opens with a verb), `fragment` (words without a verb we know) or `statement`.
        lead: the verb a command opens with, in lower case; empty otherwise.
        words: its words.
        stems: their stems.
        spans: its typed spans.
        joined: whether it hangs on the clause before it by `and` or a comma.
        pointing: whether it points back with a word such as `their`.
        elliptic: whether it says only what differs from the clause before it, as in "and in Tokyo?".
    """

    text: str
    start: int
    end: int
    shape: Shape
    lead: str
    words: tuple[Word, ...]
    stems: frozenset[str]
    spans: tuple[Span, ...]
    joined: bool
    pointing: bool
    elliptic: bool

    @property
    def asks(self) -> bool:
        """Whether it asks for something."""
        return self.shape in ("question", "command")

    @property
    def whole(self) -> bool:
        """Whether it says that it means everything, so that no earlier restriction carries on."""
        return any(word.lower in _WHOLE for word in self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A query as read: the text that was looked at closely, and its clauses in order."""

    text: str
    clauses: tuple[Clause, ...]

    def requests(self) -> list[int]:
        """Which clauses ask for something; where none does, the fragments, and where there are none, all."""
        for wanted in (("question", "command"), ("fragment",), ("statement",)):
            found = [n for n, clause in enumerate(self.clauses) if clause.shape in wanted]
            if found:
                return sorted({*found, *self._trailing(found[0])})[:MAX_CLAUSES]
        return []

    def _trailing(self, first: int) -> list[int]:
        """Clauses that ask only because the one before them does: "and in Tokyo?", "and 3 kg to pounds"."""
        return [
            n
            for n, clause in enumerate(self.clauses)
            if n > first and (clause.elliptic or (clause.joined and clause.shape == "fragment"))
        ]


def read(query: str, *, today: Callable[[], date] = date.today) -> Reading:
    """Read a query: cut what is too long, find the typed spans, split into clauses."""
    text = _closely(_capped(query))
    spans = find_spans(text, today=today)
    seen = words(text)
    pieces = islice(_pieces(text, spans), _MOST_PIECES)
    clauses = [_clause(text, start, end, joined, spans, seen) for start, end, joined in pieces]
    return Reading(text=text, clauses=tuple(clause for clause in clauses if clause.words or clause.spans))


def _insides(spans: tuple[Span, ...], size: int) -> bytearray:
    """For each place of the text whether it lies inside a span that no cut may go through."""
    inside = bytearray(size)
    for span in spans:
        if span.kind in _SOLID or (span.kind == "expression" and span.sure == 1):
            inside[span.start : span.end] = b"\x01" * (span.end - span.start)
    return inside


def _capped(query: str) -> str:
    if len(query) <= MAX_READ:
        return query
    head = MAX_READ * 3 // 4
    return f"{query[:head]}\n{query[-(MAX_READ - head) :]}"


def _closely(text: str) -> str:
    """The text itself if it is short, else the sentences that ask, each with the one before it."""
    if len(text) <= MAX_CLOSE:
        return text
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]
    asking = [n for n, sentence in enumerate(sentences) if _asks(sentence)]
    kept: set[int] = set()
    size = 0
    # The last question of a long text is as a rule the one that is meant.
    for n in [*reversed(asking), *(n - 1 for n in reversed(asking) if n), 0, len(sentences) - 1]:
        if n not in kept and size + len(sentences[n]) <= MAX_CLOSE:
            kept.add(n)
            size += len(sentences[n])
    return "\n".join(sentences[n] for n in sorted(kept)) or text[:MAX_CLOSE]


def _asks(sentence: str) -> bool:
    if sentence.rstrip().endswith("?"):
        return True
    opening = sentence[_polite_end(sentence[:120], 0) : 120].split(maxsplit=1)
    return bool(opening) and opening[0].lower().strip(",:'’") in QUESTION | ASKING


def _pieces(text: str, spans: tuple[Span, ...]) -> Iterator[tuple[int, int, bool]]:
    """The places of the clauses, and whether each hangs on the one before it."""
    inside = _insides(spans, len(text))
    start, joined = 0, False
    for match in _CUT.finditer(text):
        if any(inside[match.start() : match.end()]):
            continue
        if match["joint"] and not _begins_clause(text, match.end(), spans, start):
            continue
        if text[start : match.start()].strip():
            yield start, match.start(), joined
        start, joined = match.end(), bool(match["joint"])
    if text[start:].strip():
        yield start, len(text), joined


def _begins_clause(text: str, place: int, spans: tuple[Span, ...], start: int) -> bool:
    """Whether what stands behind `and` is a clause of its own, not one more item of a list."""
    place = _polite_end(text[: place + 120], place)
    following = words(text[place : place + 60])[:2]
    if not following:
        return False
    first = following[0].lower
    if first in QUESTION or (first in AUXILIARY and len(following) > 1 and first not in ("may", "might")):
        return True
    if first in ASKING | EFFECTS:
        return len(following) > 1 and following[1].lower not in ("of", "and", "is", "are", "or")
    if _NOMINAL.match(text, place) and not _BETWEEN.search(text, start, place):
        return True
    return _begins_conversion(spans, place) and any(s.kind == "quantity" and start <= s.start < place for s in spans)


def _begins_conversion(spans: tuple[Span, ...], place: int) -> bool:
    quantity = next((s for s in spans if s.kind == "quantity" and s.start == place), None)
    return quantity is not None and any(s.kind == "unit" and 0 < s.start - quantity.end < 8 for s in spans)


def _polite_end(text: str, place: int) -> int:
    match = _POLITE.match(text, place)
    return match.end() if match else place


def _clause(text: str, start: int, end: int, joined: bool, spans: tuple[Span, ...], seen: tuple[Word, ...]) -> Clause:
    asked = text[end : end + 1] == "?"
    while start < end and text[start] in " \t\n,.:-–•*>":
        if text[start] in ".-" and text[start + 1 : start + 2].isdigit():
            break
        start += 1
    bare = min(_polite_end(text[:end], start), end)
    inside = tuple(word for word in seen if bare <= word.start and word.end <= end)[:_MOST_WORDS]
    own = tuple(span for span in spans if bare <= span.start and span.end <= end)[:_MOST_SPANS]
    shape, lead = _shape(inside, asked, polite=bare > start)
    if joined and _NOMINAL.match(text, bare):
        shape = "question"
    return Clause(
        text=text[bare:end].strip(" \t\n,.?!"),
        start=bare,
        end=end,
        shape=shape,
        lead=lead,
        words=inside,
        stems=frozenset(word.stem for word in inside),
        spans=own,
        joined=joined,
        pointing=_points_back(inside),
        elliptic=_is_elliptic(text[start:end], inside, own),
    )


def _shape(inside: tuple[Word, ...], asked: bool, *, polite: bool) -> tuple[Shape, str]:
    if not inside:
        return "fragment", ""
    first = inside[0].lower
    if first in QUESTION or first in AUXILIARY:
        return "question", ""
    if first in ASKING or first in EFFECTS:
        return "command", first
    if any(word.lower in QUESTION for word in inside) and (asked or polite):
        return "question", ""
    if any(word.lower in AUXILIARY for word in inside[1:]):
        return ("question" if asked else "statement"), ""
    if inside[0].lower in ("i", "we", "my", "our", "he", "she", "they", "it", "this", "there") and not asked:
        return "statement", ""
    return "fragment", ""


def _points_back(inside: tuple[Word, ...]) -> bool:
    """Whether a word stands for something said before; the empty `there` of "are there" does not."""
    return any(
        word.lower in ANAPHORA and not (word.lower == "there" and n and inside[n - 1].lower in AUXILIARY)
        for n, word in enumerate(inside)
    )


def _is_elliptic(text: str, inside: tuple[Word, ...], own: tuple[Span, ...]) -> bool:
    """Whether nothing is left of a clause but its spans and small words, and it opens as a continuation."""
    if not own or not (_ELLIPSIS.match(text.strip()) or text.lower().lstrip().startswith(("in ", "for ", "at "))):
        return False
    return all(not word.meaning or any(s.start <= word.start < s.end for s in own) for word in inside)
