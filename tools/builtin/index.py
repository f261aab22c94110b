"""A full-text index over passages: SQLite FTS5 in memory, ranked by BM25."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable

from ..call import Passage
from .passages import Piece

MAX_QUERY = 10_000
"""Characters of a query that are looked at."""
MAX_TERMS = 32
"""Different words of a query that are searched for."""

_TERM = re.compile(r"[^\W_]+")
# Scripts written without spaces: each character is searched as a word of its own.
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f])")
_STOP_WORDS_TEXT = """
a about after all also am an and any are as at be because been before being but by can could did do does doing for
from get give had has have having he her here him his how i if in into is it its just like many may me might much must
my no not of on one only or our out over please s shall she should show so some such t tell than that the their them
then there these they this those to too under up us very was we were what when where which while who whom whose why
will with would you your
"""
_STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
_SCHEMA = """
CREATE VIRTUAL TABLE passages USING fts5(
    headings, body, text UNINDEXED, file UNINDEXED, page UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2'
)
"""
_INSERT = "INSERT INTO passages (rowid, headings, body, text, file, page) VALUES (?, ?, ?, ?, ?, ?)"
# A word in a heading says more of what a passage is about than the same word in its text.
_SEARCH = """
SELECT text, file, page FROM passages WHERE passages MATCH ? ORDER BY bm25(passages, 2.0, 1.0), rowid LIMIT ?
"""


class Index:
    """Passages by file, for any thread: one connection behind a lock."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute(_SCHEMA)
        self._lock = threading.Lock()
        # FTS5 cannot look up an unindexed column, so which rows are whose is kept here.
        self._rows: dict[str, range] = {}
        self._next = 1

    def put(self, file: str, pieces: Iterable[Piece]) -> int:
        """Replace the passages of `file` and return how many there are now."""
        rows = [_row(file, piece) for piece in pieces]
        with self._lock:
            old, new = self._rows.pop(file, range(0)), range(self._next, self._next + len(rows))
            self._connection.execute("BEGIN")
            self._connection.executemany("DELETE FROM passages WHERE rowid = ?", zip(old))
            self._connection.executemany(_INSERT, [(number, *row) for number, row in zip(new, rows, strict=True)])
            self._connection.execute("COMMIT")
            self._rows[file], self._next = new, new.stop
        return len(rows)

    def remove(self, file: str) -> None:
        """Drop the passages of `file`."""
        self.put(file, ())

    def search(self, query: str, limit: int) -> list[Passage]:
        """The best passages: those that hold every word of the query first, then those that hold some.

        Any text is a query: what is not a word is ignored, and words mean only themselves.
        """
        words = terms(query)
        found: dict[str, Passage] = {}
        for operator in ("AND", "OR")[: len(words)]:
            if len(found) < limit:
                for text, file, page in self._match(f" {operator} ".join(words), limit):
                    found.setdefault(text, Passage(text=text, origin=file, page=page))
        return list(found.values())[:limit]

    def _match(self, expression: str, limit: int) -> list[tuple[str, str, int | None]]:
        with self._lock:
            return self._connection.execute(_SEARCH, (expression, limit)).fetchall()


def terms(query: str) -> list[str]:
    """The words of a query as quoted FTS5 strings, without the words that are in every text.

    A query of nothing but such words is searched for as it is.
    """
    words = dict.fromkeys(_TERM.findall(_UNSPACED.sub(r" \1 ", query[:MAX_QUERY].lower())))
    telling = [word for word in words if word not in _STOP_WORDS] or list(words)
    return [f'"{word}"' for word in telling[:MAX_TERMS]]


def _row(file: str, piece: Piece) -> tuple[str, str, str, str, int | None]:
    # The file's name counts as a heading: people name files after what is in them.
    headings = _searchable(" ".join((*piece.headings, file)))
    return headings, _searchable(piece.body), _clean(piece.text), file, piece.page


def _searchable(text: str) -> str:
    return _UNSPACED.sub(r" \1 ", _clean(text))


def _clean(text: str) -> str:
    """Without lone surrogates, which SQLite does not take."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
