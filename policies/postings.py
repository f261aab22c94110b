"""Which records of a source hold a word: a bit for each record, so that all of them are compared at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from .lexicon import stem
from .sentences import Stretch, words


class Postings:
    """The records of one source by the stems of their words.

    A set of records is a whole number with a bit for each. An answer is compared with a thousand records in the time
    of a few additions.
    """

    def __init__(self, records: Sequence[Stretch], origin: str) -> None:
        self.all = (1 << len(records)) - 1
        self._size = len(records)
        self._origin = frozenset(map(stem, words(origin)))
        self._lists: defaultdict[str, list[int]] = defaultdict(list)
        self._bits: dict[str, int] = {}
        for at, record in enumerate(records):
            for word in set(words(record.text)):
                self._lists[word].append(at)

    @property
    def words(self) -> Iterable[str]:
        """Every word of the source, once."""
        return self._lists

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        """The words that have a stem."""
        found: dict[str, list[str]] = {}
        for word in self._lists:
            found.setdefault(stem(word), []).append(word)
        return found

    def holding(self, root: str) -> int:
        """The records that hold a stem."""
        found = self._bits.get(root)
        if found is None:
            digits = bytearray(b"0") * max(1, self._size)
            for word in self._words.get(root, ()):
                for at in self._lists[word]:
                    digits[-1 - at] = 49
            found = self._bits[root] = int(digits, 2)
        return found

    def near(self, root: str) -> int:
        """The records that hold a stem or stand beside one that does; all where the first one or the origin does."""
        found = self.holding(root)
        if found & 1 or root in self._origin:
            return self.all
        return (found | found << 1 | found >> 1) & self.all


def most(sets: Iterable[int], among: int) -> tuple[int, int]:
    """In how many sets at most one record of `among` is, and the records that are in so many.

    The sets are added up bit by bit: `planes` holds each record's count as a binary number, lowest digit first.
    """
    planes: list[int] = []
    for carry in sets:
        for at, plane in enumerate(planes):
            planes[at], carry = plane ^ carry, plane & carry
        if carry:
            planes.append(carry)
    count = 0
    for plane in reversed(planes):
        count *= 2
        if among & plane:
            among, count = among & plane, count + 1
    return count, among


def members(records: int) -> Iterator[int]:
    """The places of the records of a set, in order."""
    while records:
        lowest = records & -records
        yield lowest.bit_length() - 1
        records ^= lowest
