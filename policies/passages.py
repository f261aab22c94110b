"""A source as the check of an answer reads it: its records, the words the answer shares with it, and its facts."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .facts import plain
from .lexicon import stem
from .quantities import magnitudes, scan, scan_words
from .sentences import Stretch, clause_around, direction, split, words
from .spans import Fact, places

MAX_TRIES = 200
"""Places at which one URL is looked at in a source."""

REACH = 600
"""Characters on either side of a fact in which its names, its clause and its key are looked for."""

WINDOW = 1
"""Records on either side of one that are read together with it: what an answer puts in one sentence may take three."""


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of evidence as plain text.

    Attributes:
        id: what the grounding names it by, such as the call's id.
        text: what an answer may rest on: for a tool its name, its arguments as JSON and its content; for a passage its
            words and where it stands.
        origin: the file, URL or tool it came from; it may be cited, and is read as a part of the text.
    """

    id: str
    text: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a source matters for one answer, so that the rest is passed over quickly.

    Attributes:
        stems: the stems of the answer's words.
        keep: whether the digits of a number may be one of the answer's.
        small: the answer's whole numbers up to twenty, which a source may write in words.
    """

    stems: frozenset[str]
    keep: Callable[[float], bool]
    small: frozenset[int]


class Reading:
    """One source, read for one answer. `cut` characters of it are read, and no more."""

    def __init__(self, source: Source, wanted: Wanted, cut: int) -> None:
        self.id = source.id
        self.length = min(cut, len(source.text))
        text = source.text[:cut]
        if source.origin and source.origin not in text:
            text = f"{text}\n{source.origin}"
        self.text, self._shifts = _unescaped(text)
        self.lower = _lower(self.text)
        self.records = list(split(self.text))
        self._starts = [record.start for record in self.records]
        self.stems = [_shared(record.text, wanted.stems) for record in self.records]
        self.windows = self._windows(_shared(source.origin, wanted.stems))
        facts = scan(self.text, wanted.keep) + scan_words(self.text, self.lower, set(wanted.small))
        self.moments = [fact for fact in facts if fact.kind != "number"]
        self._numbers = sorted((fact for fact in facts if fact.kind == "number"), key=_size)
        self._sizes = [_size(fact) for fact in self._numbers]
        self._flat: str | None = None

    def _windows(self, origin: frozenset[str]) -> list[frozenset[str]]:
        head = (self.stems[0] if self.stems else frozenset()) | origin
        return [head.union(*self.stems[max(0, i - WINDOW) : i + WINDOW + 1]) for i in range(len(self.stems))]

    def candidates(self, fact: Fact) -> Iterator[Fact]:
        """The facts that may say the same as one of the answer, nearest places in the text first among equals."""
        for low, high in magnitudes(fact):
            yield from self._numbers[bisect_left(self._sizes, low) : bisect_right(self._sizes, high)]
        yield from self.moments

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

    def find_quote(self, text: str) -> tuple[int, int] | None:
        """Where a normalised quotation stands verbatim, whatever its spaces, quote marks and first letter."""
        return self._find_flat(text, exact=True)

    def _find_flat(self, text: str, exact: bool = False) -> tuple[int, int] | None:
        if self._flat is None:
            self._flat = plain(self.text)
        flat = self._flat if exact else self._flat.lower()
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
        return signed(direction(record.text[first:last]), fact)

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

    def shows(self, action: str) -> bool:
        """Whether a source shows that an action was done: its tool is named for it, or its result says so."""
        call = _CALL.match(self.text)
        if call is not None and stem(action) in map(stem, words(call[1])):
            return True
        if action.split()[0] in _BARE:
            return _SUCCESS.search(self.lower) is not None
        done = (
            rf"\"[^\"\n]{{0,60}}\b{action}\b|\b(?:has|have|was|were)\s(?:been\s)?(?:successfully\s)?{action}\b"
            rf"|\bsuccessfully\s{action}\b"
        )
        return action in self.lower and re.search(done, self.lower) is not None


def signed(towards: int, fact: Fact) -> int:
    """The direction said beside a number, turned round where the number is negative: a growth of -3 is a fall."""
    return -towards if isinstance(fact.value, Decimal) and fact.value < 0 else towards


def trimmed(stretch: Stretch, place: int) -> Stretch:
    """A sentence or record, or of a long one `REACH` characters on either side of a place in the whole text."""
    start, end = max(stretch.start, place - REACH), min(stretch.end, place + REACH)
    if end - start >= len(stretch.text):
        return stretch
    return Stretch(stretch.text[start - stretch.start : end - stretch.start], start, end)


_CALL = re.compile(r"([\w.-]{1,80})[\s:(]{0,3}\{")
_URL_ENDS = re.compile(r"/?[.,;:!?'*]{0,3}(?:[\s\"<>)\]}”»|`\\]|$)")
_BARE = frozenset({"done", "all", "finished", "completed", "taken"})
_SUCCESS = re.compile(
    r"\"(?:done|ok|success|successful|completed|finished|confirmed)\"|\b(?:done|successfully|completed|finished)\b"
)
_PROSE = re.compile(r"\s[a-z]")


def _size(fact: Fact) -> float:
    return abs(float(fact.value)) if isinstance(fact.value, Decimal) else 0.0


def _shared(text: str, wanted: frozenset[str]) -> frozenset[str]:
    return frozenset([found for word in words(text) if (found := stem(word)) in wanted])


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
