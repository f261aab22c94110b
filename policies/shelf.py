"""The pages of the sources that were read last.

An answer is checked several times against the same sources: composed, written, written again. A page depends on its
text alone, so that keeping it changes no verdict, only how long one takes.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from .pages import Page

MAX_KEPT = 400_000
"""Characters of the pages that are kept; those that were not used for longest go first."""

LEAST = 1_000
"""Characters that a page counts for at least, so that many short ones are no more than a few long ones."""


class Shelf:
    """Pages by their text and origin; may be used from several threads. `size` is the characters they count for."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, str], Page] = OrderedDict()
        self.size = 0
        self._lock = Lock()

    def page(self, text: str, origin: str) -> Page:
        """The page of a text, kept or made now; `origin` is read as a part of it where it does not stand in it."""
        key = (text, origin)
        with self._lock:
            page = self._pages.pop(key, None)
            if page is not None:
                self._pages[key] = page
                return page
        page = Page(text, origin)
        with self._lock:
            if key not in self._pages:
                self._pages[key] = page
                self.size += _size(key)
            while self.size > MAX_KEPT:
                self.size -= _size(self._pages.popitem(last=False)[0])
        return page


def _size(key: tuple[str, str]) -> int:
    return max(LEAST, sum(map(len, key)))


_SHELF = Shelf()


def opened(text: str, origin: str) -> Page:
    """The page of a text from the one shelf of this process."""
    return _SHELF.page(text, origin)
