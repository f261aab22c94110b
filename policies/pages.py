"""What is known of a source's text whatever the answer: its records and words, its figures, and where things stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property

from .facts import plain
from .figures import Figures
from .layout import Layout
from .postings import Postings
from .senses import sense
from .sentences import LONGEST, Stretch, clause_around, denials, denies, direction, split
from .spans import Fact, places

MAX_TRIES = 200
"""Places at which one URL is looked at in a source."""

REACH = 600
"""Characters on either side of a fact in which its names, its clause and its key are looked for."""


class Page:
    """One source's text, read once."""

    def __init__(self, text: str, origin: str) -> None:
        self.length = len(text)
        if origin and origin not in text:
            text = f"{text}\n{origin}"
        self.text, self._shifts = _unescaped(text)
        if _HTML.search(self.text):
            self.text = _TAG.sub(_blank, self.text)
        self.lower = _lower(self.text)
        self.records = list(split(self.text))
        self._starts = [record.start for record in self.records]
        self.postings = Postings(self.records, origin)
        self.figures = Figures(self.text, self.lower)

    @cached_property
    def layout(self) -> Layout:
        """Its rows, objects and sentences as the check of bindings reads them."""
        return Layout(self.text, self.lower, self.records)

    @cached_property
    def senses(self) -> frozenset[str]:
        """The senses of all its words."""
        return frozenset(map(sense, self.postings.words))

    @cached_property
    def denials(self) -> list[tuple[Stretch, list[str]]]:
        """The sentences that deny something, and the stems that each negation denies."""
        if not denies(self.lower):
            return []
        short = (record for record in self.records if len(record.text) < LONGEST)
        return [(record, stated) for record in short for stated in denials(record.text) if stated]

    @cached_property
    def _flat(self) -> str:
        return plain(self.text)

    @cached_property
    def _flat_lower(self) -> str:
        return self._flat.lower()

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """A place in the text as it was given, or `None` where it lies in the origin."""
        first, last = (place + self._shift(place) for place in (start, end))
        return None if last > self.length else (first, last)

    def _shift(self, place: int) -> int:
        at = bisect_right(self._shifts, (place, 1 << 60)) - 1
        return self._shifts[at][1] if at >= 0 else 0

    def record_at(self, place: int) -> Stretch:
        """The record that holds a place."""
        return self.records[max(0, bisect_right(self._starts, place) - 1)]

    def around(self, place: int) -> Stretch:
        """The record that holds a place, or of a long one `REACH` characters on either side."""
        return trimmed(self.record_at(place), place)

    def find(self, text: str) -> tuple[int, int] | None:
        """Where a name or code stands as whole words, whatever its case and its spaces."""
        start = next(places(self.lower, text), None)
        if start is not None:
            return start, start + len(text)
        if " " in text:
            return self._find_flat(text)
        other = text[:-1] if text.endswith("s") else text + "s"
        start = next(places(self.lower, other), None) if len(text) > 4 else None
        return None if start is None else (start, start + len(other))

    def find_in_key(self, number: str) -> tuple[int, int] | None:
        """Where a year stands as a part of a key, such as `visitors_2024`."""
        found = re.search(rf"[A-Za-z]_?({number})\b", self.text) if _YEAR.fullmatch(number) else None
        return None if found is None else found.span(1)

    def find_quote(self, text: str) -> tuple[int, int] | None:
        """Where a normalised quotation stands verbatim, whatever its spaces, quote marks and first letter."""
        return self._find_flat(text, exact=True)

    def _find_flat(self, text: str, exact: bool = False) -> tuple[int, int] | None:
        flat = self._flat if exact else self._flat_lower
        candidates = (text, text[:1].upper() + text[1:]) if exact else (text,)
        if all(next(places(flat, each), None) is None for each in candidates):
            return None
        pattern = r"\s+".join(_loosely(word) for word in text.split())
        match = re.search(pattern, self.text, re.IGNORECASE)
        return match.span() if match else (0, 0)

    def holds(self, record: Stretch, text: str) -> bool:
        """Whether a record holds a word, whatever its case."""
        return next(places(self.lower[record.start : record.end], text), None) is not None

    def find_together(self, parts: Sequence[str]) -> tuple[int, int] | None:
        """Where all words of a name stand in one record, in whatever order (`Smith, John`)."""
        for start in places(self.lower, parts[0], 50):
            record = self.record_at(start)
            if all(self.holds(record, part) for part in parts[1:]):
                return start, start + len(parts[0])
        return None

    def names(self, word: str) -> bool:
        """Whether a capitalised word stands in the source as a name: not only where it begins a sentence of prose."""
        for start in places(self.text, word, 20):
            prose = _PROSE.match(self.text, start + len(word)) is not None
            if not prose or self.text[self.record_at(start).start : start].strip(" \"'“‘(["):
                return True
        return False

    def direction_at(self, fact: Fact) -> int:
        """Whether the clause a fact stands in speaks of a rise or a fall, as `direction` says it."""
        record = self.around(fact.start)
        first, last = clause_around(record.text, fact.start - record.start, fact.end - record.start)
        said = direction(record.text[first:last])
        changed = not said and _CHANGE.search(record.text[: fact.start - record.start][-48:]) is not None
        return signed(1 if changed else said, fact)

    def find_url(self, url: str) -> tuple[int, int] | None:
        """Where a URL stands whole: not as the beginning of a longer one."""
        start = -1
        for _ in range(MAX_TRIES):
            start = self.text.find(url, start + 1)
            if start < 0:
                break
            if _URL_ENDS.match(self.text, start + len(url)):
                return start, start + len(url)
        return None


def signed(towards: int, fact: Fact) -> int:
    """The direction said beside a number, turned round where the number is negative: a growth of -3 is a fall."""
    return -towards if isinstance(fact.value, Decimal) and fact.value < 0 else towards


def trimmed(stretch: Stretch, place: int) -> Stretch:
    """A sentence or record, or of a long one `REACH` characters on either side of a place in the whole text."""
    start, end = max(stretch.start, place - REACH), min(stretch.end, place + REACH)
    if end - start >= len(stretch.text):
        return stretch
    return Stretch(stretch.text[start - stretch.start : end - stretch.start], start, end)


_CHANGE = re.compile(r"\"\w{0,30}(?:change|delta|growth)\w{0,20}\"\s?:\s?$", re.IGNORECASE)
"""A key whose value is a rise where it is positive, and a fall where it is not."""
_YEAR = re.compile(r"(?:19|20)\d\d")
_URL_ENDS = re.compile(r"/?[.,;:!?'*]{0,3}(?:[\s\"<>)\]}”»|`\\]|$)")
_PROSE = re.compile(r"\s[a-z]")


_HTML = re.compile(
    r"(?:\A|\n)\s{0,9}<(?:!doctype|html|head|body|div|main|article|section|table|ul|ol|p|h[1-6])\b", re.IGNORECASE
)
_TAG = re.compile(
    r"<(?P<hidden>script|style)\b[^<>]{0,400}>[^<]{0,40000}</(?P=hidden)>"
    r"|</?(?P<name>[a-z][a-z0-9]{0,15})(?P<rest>[^<>]{0,600})>",
    re.IGNORECASE,
)
_CELLS = frozenset({"td", "th"})
_INLINE = frozenset({"a", "b", "i", "em", "strong", "span", "code", "u", "small", "sup", "sub", "abbr", "mark", "time"})


def _blank(match: re.Match[str]) -> str:
    """A tag as what it does on a page, in as many characters: an end of a line, of a cell, or nothing."""
    whole, name = match[0], (match["name"] or "").lower()
    if "http" in whole and not match["hidden"]:
        return whole  # an address that may be cited
    if name in _INLINE:
        return " " * len(whole)
    if name in _CELLS:
        return ("|" if whole[1] == "/" else " ") + " " * (len(whole) - 1)
    if name == "table" or (name in ("tr", "thead", "tbody") and whole[1] != "/"):
        return " " * len(whole)
    return "\n" + " " * (len(whole) - 1)


def _lower(text: str) -> str:
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([nrt"/\\]))')
_PLAIN = {"n": "\n", "r": "\n", "t": " "}


def _unescaped(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text without JSON's escapes, and how far its places are shifted from there on."""
    shifts: list[tuple[int, int]] = []
    shift = 0

    def plain(match: re.Match[str]) -> str:
        nonlocal shift
        shift += len(match[0]) - 1
        shifts.append((match.end() - shift, shift))
        return chr(int(match[1], 16)) if match[1] else _PLAIN.get(match[2], match[2])

    if "\\" not in text:
        return text, shifts
    return _ESCAPE.sub(plain, text), shifts


def _loosely(word: str) -> str:
    return re.escape(word).replace('"', '["“”„«»]').replace("'", "['‘’]")
