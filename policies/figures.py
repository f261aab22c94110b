"""The numbers, dates and times of a source by their size and parts: found once, and read where an answer asks."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import islice

from .equality import magnitudes
from .lexicon import CARDINALS, ORDINALS
from .moments import take_moments
from .quantities import (
    MAX_NUMBER,
    MAX_SCANNED,
    anything,
    canvas_of,
    number_in_words,
    numbers_and_moments,
    read,
    run_at,
    scan_digits,
    sizes,
    with_ranges,
)
from .spans import Fact, places

_LAST_YEAR = 9999


class Wanted:
    """The bare digits that a number of an answer allows; called with some, it says whether they are among them."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        merged: list[tuple[float, float]] = []
        for low, high in sorted(interval for fact in facts for interval in magnitudes(fact)):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        self.intervals = tuple(merged)
        self._lows = [low for low, _ in merged]

    def __call__(self, digits: float) -> bool:
        at = bisect_right(self._lows, digits) - 1
        return at >= 0 and digits <= self.intervals[at][1]


class Moments:
    """Dates, times and version numbers by their parts; `read` reads them when they are first asked for."""

    def __init__(self, read: Callable[[], Sequence[Fact]]) -> None:
        self._facts = read

    @cached_property
    def _all(self) -> Sequence[Fact]:
        return self._facts()

    @cached_property
    def _by_part(self) -> dict[tuple[str, int, object], list[Fact]]:
        found: dict[tuple[str, int, object], list[Fact]] = {}
        for fact in self._all:
            for at, part in enumerate(fact.value) if isinstance(fact.value, tuple) else ((-1, fact.value),):
                found.setdefault((fact.kind, at, part), []).append(fact)
        return found

    def like(self, fact: Fact) -> Sequence[Fact]:
        """Those that may say the same as a fact of an answer, by place: they have the first part that it says."""
        if isinstance(fact.value, Decimal):  # a year, or a day of a month
            if fact.unit is not None or fact.value > _LAST_YEAR:
                return ()
            return self._by_part.get(("date", 2 if fact.text[-2:] in ("st", "nd", "rd", "th") else 0, fact.value), ())
        if isinstance(fact.value, str):
            return self._by_part.get((fact.kind, -1, fact.value), ())
        unsaid = 0 if fact.kind == "date" else -1
        said = next(((at, part) for at, part in enumerate(fact.value) if part != unsaid), None)
        return self._all if said is None else self._by_part.get((fact.kind, *said), ())

    def dates(self, most: int) -> Sequence[tuple[int, int, int]]:
        """The parts of the first so many dates that have a month and a day; the year is 0 where none is said."""
        whole = (each.value for each in self._all if each.kind == "date" and isinstance(each.value, tuple))
        return [(value[0], value[1], value[2]) for value in islice(dict.fromkeys(whole), most) if all(value[1:])]

    def seconds(self, most: int) -> Sequence[int]:
        """The first so many times of day, in seconds."""
        times = (each.value for each in self._all if each.kind == "time" and isinstance(each.value, tuple))
        parts = islice(dict.fromkeys(value[:3] for value in times if value[0] >= 0), most)
        return [3600 * hour + 60 * max(minute, 0) + max(second, 0) for hour, minute, second in parts]

    def in_month(self, month: int) -> Sequence[Fact]:
        """The dates in a month, 1 for January."""
        return self._by_part.get(("date", 1, month), ())


class Figures:
    """All figures of one source. Numbers are kept as their digits only, and read where an answer may have them."""

    def __init__(self, text: str, lower: str) -> None:
        self._original, self._lower = text, lower
        canvas = canvas_of(text)
        self._first = take_moments(canvas)
        self._text = canvas.text
        self._sized: list[tuple[float, int]] = []
        self._read: dict[int, tuple[Fact, ...]] = {}
        self._words: dict[int, list[Fact]] = {}
        self._unread = self._found()
        self._most = 2 * len(self._unread)  # a date with its time is two
        self._moments = Moments(self._read_moments)
        self._sized.sort()

    def _found(self) -> list[re.Match[str]]:
        """What may be moments; on the way the numbers are noted."""
        found: list[re.Match[str]] = []
        for raw, start, match in numbers_and_moments(self._text):
            if raw:
                self._sized += [(size, start) for size in sizes(raw, match)]
            if (not raw or len(raw) > MAX_NUMBER) and len(found) <= MAX_SCANNED:
                found.append(match or run_at(self._text, start))
        return found

    def _read_moments(self) -> list[Fact]:
        found = [fact for match in self._unread for fact in read(match, self._text, anything)]
        self._unread = []
        return sorted([*self._first, *found], key=_start)

    def magnitudes(self, most: int) -> set[float]:
        """The bare numbers of the source, and one more than `most` of them at least where there are more."""
        found: set[float] = set()
        for size, _ in self._sized:
            found.add(size)
            if len(found) > most:
                break
        return found

    def wanted(self, wanted: Wanted, small: Sequence[int]) -> tuple[list[Fact], Moments]:
        """The numbers an answer may have, by place and those in words last, and the moments.

        Args:
            wanted: the digits it allows.
            small: its whole numbers up to twenty, which a source may write in words.
        """
        starts = self._starts(wanted)
        if len(starts) + self._most > MAX_SCANNED:  # what comes after so many is passed over
            facts = with_ranges(self._first + scan_digits(self._text, wanted), self._original)
            numbers = [fact for fact in facts if fact.kind == "number"]
            moments = Moments(lambda: [fact for fact in facts if fact.kind != "number"])
        else:
            found = [fact for start in sorted(starts) for fact in self._number_at(start, wanted)]
            numbers, moments = with_ranges(found, self._original), self._moments
        return [*numbers, *(fact for value in small for fact in self._in_words(value))], moments

    def _starts(self, wanted: Wanted) -> set[int]:
        """Where numbers stand whose digits an answer allows."""
        starts: set[int] = set()
        for low, high in wanted.intervals:
            first, last = bisect_left(self._sized, (low, -1)), bisect_right(self._sized, (high, len(self._text)))
            starts.update(start for _, start in self._sized[first:last])
        return starts

    def _number_at(self, start: int, wanted: Wanted) -> tuple[Fact, ...]:
        """What one run of digits is read as; what only one number can be is kept."""
        found = self._read.get(start)
        if found is None:
            match = run_at(self._text, start)
            found = tuple(fact for fact in read(match, self._text, wanted) if fact.kind == "number")
            if "," not in match["number"]:
                self._read[start] = found
        return found

    def _in_words(self, value: int) -> list[Fact]:
        if value not in self._words:
            self._words[value] = [
                number_in_words(self._original, start, start + len(word), value)
                for word in (CARDINALS[value], ORDINALS[value])
                for start in places(self._lower, word)
            ]
        return self._words[value]


def _start(fact: Fact) -> int:
    return fact.start
