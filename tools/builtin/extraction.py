"""The text of a document, block by block: text, Markdown, HTML and PDF."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...policies.errors import MissingExtra
from .content import DOCUMENT_SUFFIXES
from .page import html_outline

MAX_HEADING = 150
"""Characters of a heading that are kept."""
MAX_PAGES = 2_000
"""Pages of one PDF that are read."""

_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*$")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*$")
_FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
_BULLET = re.compile(r"\s*([-•*·–]|\d+[.)])\s")
PDFIUM = threading.Lock()
"""Held while PDFium reads: it is not thread-safe, so it has one document at a time in the whole process."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or code block.

    Attributes:
        text: its text, verbatim but for runs of white space.
        headings: the headings it stands under, outermost first; empty where the file has none.
        page: the page it stands on, counted from 1, in a PDF.
    """

    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None


def require(path: Path) -> None:
    """Make sure that `path` can be read.

    Raises:
        MissingExtra: it is a PDF, and the extra `files` is not installed.
    """
    kind = DOCUMENT_SUFFIXES[path.suffix.lower()]
    if kind == "PDF" and not _installed("pypdfium2"):
        raise MissingExtra("reading PDF files", "files")


def blocks(path: Path, max_bytes: int = -1) -> Iterator[Block]:
    """The blocks of a document in reading order.

    Args:
        path: a file that passed `content.check`.
        max_bytes: of a text or HTML file, bytes that are read; all by default. Of a PDF, its first page where given.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged.
    """
    kind = DOCUMENT_SUFFIXES[path.suffix.lower()]
    if kind == "PDF":
        yield from _of_pdf(path, MAX_PAGES if max_bytes < 0 else 1)
        return
    with open(path, "rb") as file:
        text = decoded(file.read(max_bytes))
    yield from _of_html(text) if kind == "HTML" else _of_markdown(text)


def decoded(data: bytes) -> str:
    """Bytes as text: by their byte order mark, as UTF-8, else as Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Cut in the middle of a character where only a part was read.
        if error.start >= len(data) - 3 and error.start > 0:
            return data[: error.start].decode("utf-8-sig")
        return data.decode("cp1252", errors="replace")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:
        return False


def _of_markdown(text: str) -> Iterator[Block]:
    trail = _Trail()
    lines: list[str] = []
    fenced = False
    for line in _without_front_matter(text).splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line.strip())
        if heading or (_UNDERLINE.match(line) and _is_title(lines) and not fenced):
            title = heading[2] if heading else lines.pop()
            yield from _block(lines, trail.headings)
            trail.enter(len(heading[1]) if heading else 1 + line.startswith("-"), title)
            lines = []
        elif line.strip() or fenced:
            lines.append(line.rstrip())
        else:
            yield from _block(lines, trail.headings)
            lines = []
    yield from _block(lines, trail.headings)


def _without_front_matter(text: str) -> str:
    if not text.startswith("---\n"):
        return text
    _, end, rest = text[4:].partition("\n---\n")
    return rest if end else text


def _is_title(lines: list[str]) -> bool:
    """Whether what stands above an underline is one line that can be a title: a row of a table or a list cannot."""
    return len(lines) == 1 and not _BULLET.match(lines[0]) and "|" not in lines[0]


def _block(lines: list[str], headings: tuple[str, ...], page: int | None = None) -> Iterator[Block]:
    text = "\n".join(lines).strip()
    if text:
        yield Block(text, headings, page)


class _Trail:
    """The headings above the place that is being read."""

    def __init__(self) -> None:
        self._levels: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> None:
        """Go on under a heading of `level`, 1 being the outermost."""
        while self._levels and self._levels[-1][0] >= level:
            self._levels.pop()
        self._levels.append((level, " ".join(title.split())[:MAX_HEADING]))

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(title for _, title in self._levels)


def _of_html(text: str) -> Iterator[Block]:
    title, lines = html_outline(text)
    trail = _Trail()
    if title and all(level != 1 for level, _ in lines):
        trail.enter(1, title)
    for level, line in lines:
        if level:
            trail.enter(level, line)
        else:
            yield Block(line, trail.headings)


def _of_pdf(path: Path, max_pages: int) -> Iterator[Block]:
    for number, text in enumerate(_pages(path, max_pages), start=1):
        for paragraph in _paragraphs(text):
            yield Block(paragraph, (), number)


def _pages(path: Path, max_pages: int) -> list[str]:
    if not _installed("pypdfium2"):
        raise MissingExtra("reading PDF files", "files")
    import pypdfium2

    open_document: Any = pypdfium2.PdfDocument
    with PDFIUM:
        try:
            document = open_document(path)
        except pypdfium2.PdfiumError as error:
            raise ValueError(f"it is damaged or needs a password ({error})") from error
        try:
            return [_page_text(document[index]) for index in range(min(len(document), max_pages))]
        except pypdfium2.PdfiumError as error:
            raise ValueError(f"it is damaged ({error})") from error
        finally:
            document.close()


def _page_text(page: Any) -> str:
    text = page.get_textpage()
    try:
        return str(text.get_text_bounded()).replace("\r\n", "\n").replace("\ufffe", "")
    finally:
        text.close()
        page.close()


def _paragraphs(page: str) -> Iterator[str]:
    """A page's lines joined to paragraphs: a line that stops well short of the others ends one."""
    lines = [" ".join(line.split()) for line in page.split("\n")]
    full = max(map(len, lines), default=0) * 0.7
    paragraph: list[str] = []
    for line in lines:
        if paragraph and (not line or _BULLET.match(line)):
            yield " ".join(paragraph)
            paragraph = []
        if line:
            paragraph.append(line)
        if paragraph and len(line) < full:
            yield " ".join(paragraph)
            paragraph = []
    if paragraph:
        yield " ".join(paragraph)
