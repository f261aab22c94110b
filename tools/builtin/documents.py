"""Search in documents: passages of text, Markdown, HTML and PDF files, with where they stand."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..call import Passage
from ..tool import Tool
from .extraction import blocks, require
from .index import Index
from .passages import pieces
from .paths import Files, sort_paths, stamp_of

MAX_BYTES = 20_000_000
"""Bytes of a document that is indexed; larger ones are skipped with a warning."""
MAX_TOTAL_BYTES = 500_000_000
"""Bytes of all documents together that are indexed."""
MAX_BUILD_SECONDS = 120.0
"""Seconds one pass over the documents may take; the rest follows on the next call."""
MAX_DESCRIPTION = 500
"""Characters of the tool's description that are spent on titles and headings."""
DESCRIBED = 40
"""Documents whose headings are looked at for the description, and bytes that are read of each."""
DESCRIBED_BYTES = 65_536

Query = Annotated[
    str,
    Field(
        description="What to look for, in words that the documents may use.",
        json_schema_extra={"format": "query"},
    ),
]
Limit = Annotated[int, Field(description="Passages to return at most.", ge=1, le=20)]


class Documents:
    """Documents and the tool that searches them.

    The index is built on first use, in the thread of the tool, or ahead of it with `prepare`. A file that has changed
    since is indexed again on the next call; one that is gone is no longer found. Files that
    are added to a folder later are not seen: make the object anew for them.

    Args:
        paths: files and folders, or `Files` that are sorted already.

    Attributes:
        files: the documents and how each is named in results.

    Raises:
        InvalidPath: see `sort_paths`.
        MissingExtra: a PDF or HTML file is among them and the extra `files` is not installed.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]] | Files) -> None:
        self.files = paths if isinstance(paths, Files) else sort_paths(paths)
        for path in self.files.documents:
            require(path)
        self._index = Index()
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._problems: dict[Path, str] = {}
        self._building = threading.Lock()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, one sentence each; complete once the index is built."""
        # A copy: the index may be building in another thread.
        return (*self.files.warnings, *dict(self._problems).values())

    def prepare(self) -> None:
        """Build the index, or bring it up to date. It takes the time of reading every new or changed file."""
        with self._building:
            end = time.monotonic() + MAX_BUILD_SECONDS
            total = 0
            for path in self.files.documents:
                stamp = stamp_of(path)
                total += stamp[1]
                if self._stamps.get(path) != stamp and time.monotonic() < end:
                    self._read(path, stamp, total)

    def search(self, query: str, limit: int = 5) -> list[Passage]:
        """The best passages for `query`, best first; empty where nothing matches. Any text is a query."""
        self.prepare()
        return self._index.search(query, limit)

    @cached_property
    def search_documents(self) -> Tool:
        """The tool: `search_documents(query, limit=5) -> list[Passage]`. Its description names the documents."""

        def search_documents(query: Query, limit: Limit = 5) -> list[Passage]:
            return self.search(query, limit)

        search_documents.__doc__ = self._description()
        return Tool(search_documents, read_only=True, trusted=False)

    def _read(self, path: Path, stamp: tuple[int, int], total: int) -> None:
        label = self.files.label(path)
        self._problems.pop(path, None)
        problem = _too_large(label, stamp[1], total)
        count = 0
        if problem is None:
            try:
                count = self._index.put(label, pieces(blocks(path)))
                problem = None if count else f"{label} has no text (scanned pages?); nothing of it can be found"
            except (OSError, ValueError) as error:
                problem = f"{label} could not be read: {error}; nothing of it can be found"
        if problem is not None:
            self._index.remove(label)
            self._problems[path] = problem
        self._stamps[path] = stamp

    def _description(self) -> str:
        documents = self.files.documents
        folders = ", ".join(folder.name or str(folder) for folder in self.files.folders)
        where = f" in {folders}" if folders else ""
        number = f"{len(documents)} document{'' if len(documents) == 1 else 's'}"
        return f"Search {number}{where} for passages that answer a question. They are about: {self._topics()}."

    def _topics(self) -> str:
        """The titles of the documents first, then their headings, as many as fit."""
        outlines = [_outline(path) for path in self.files.documents[:DESCRIBED]]
        titles = [outline[0] for outline in outlines]
        headings = [heading for outline in outlines for heading in outline[1:]]
        return _joined(dict.fromkeys(titles + headings), MAX_DESCRIPTION)


def _too_large(label: str, size: int, total: int) -> str | None:
    if size > MAX_BYTES:
        return f"{label} has {size:,} bytes and was skipped; a document may have {MAX_BYTES:,}: split it"
    if total > MAX_TOTAL_BYTES:
        return f"{label} was skipped: the documents have over {MAX_TOTAL_BYTES:,} bytes together; give fewer"
    return None


def _outline(path: Path) -> list[str]:
    """A document's title and headings; the title of a PDF is its first line, else a title is the file's name."""
    fallback = path.stem.replace("_", " ").replace("-", " ")
    try:
        if path.stat().st_size > MAX_BYTES:
            return [fallback]
        first = list(blocks(path, DESCRIBED_BYTES))
    except (OSError, ValueError):
        return [fallback]
    headings = dict.fromkeys(heading for block in first for heading in block.headings)
    if headings:
        return list(headings)
    opening = first[0].text.splitlines()[0] if first and path.suffix.lower() == ".pdf" else ""
    return [opening if 3 <= len(opening) <= 80 else fallback]


def _joined(topics: dict[str, None], room: int) -> str:
    shown: list[str] = []
    for topic in topics:
        if sum(map(len, shown)) + 2 * len(shown) + len(topic) > room:
            shown.append("…")
            break
        shown.append(topic)
    return "; ".join(shown)
