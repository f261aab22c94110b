"""How a delimited text file is written: its encoding, delimiter, header and column names."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .extraction import decoded

SAMPLE_BYTES = 65_536
"""Bytes from which the delimiter and the header are told."""

_DELIMITERS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r"\ufeff?sep=(.)\r?\n", re.IGNORECASE)
_EMPTY_LINES = re.compile(r"([ \t]*\r?\n)*")
_YEAR = re.compile(r"\s*(19|20)\d\d\s*")
_VALUE = re.compile(r"\s*[-+]?[\d.,]*\d[\d.,]*\s*%?\s*|\d{4}-\d\d-\d\d.*")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: what stands between two cells.
        header: whether the first row names the columns.
        columns: their names: none is empty, no two differ in case only.
        skip: lines above the first row that are no rows: empty ones, and Excel's `sep=;`.
    """

    delimiter: str
    header: bool
    columns: tuple[str, ...]
    skip: int = 0


def dialect_of(path: Path) -> Dialect:
    """Tell how a delimited file is written from its beginning."""
    with open(path, "rb") as file:
        data = file.read(SAMPLE_BYTES)
    text = decoded(data)
    named = _SEPARATOR_LINE.match(text)
    above = _EMPTY_LINES.match(text, named.end() if named else 0)
    text, skipped = (text[above.end() :], text[: above.end()].count("\n")) if above else (text, 0)
    rows = {mark: _rows(text, mark, cut=len(data) == SAMPLE_BYTES) for mark in _DELIMITERS}
    delimiter = named[1] if named else _delimiter(rows, "\t" if path.suffix.lower() == ".tsv" else ",")
    sample = rows.get(delimiter) or _rows(text, delimiter, cut=False)
    header = _has_header(sample)
    width = _usual_width(sample)
    first = sample[0] if sample and header else []
    names = [*first, *[""] * (width - len(first))]
    return Dialect(delimiter=delimiter, header=header, columns=column_names(names), skip=skipped)


def column_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names as SQL can tell them apart: empty ones become `column_2`, a repeated `amount` becomes `amount_2`."""
    taken: dict[str, None] = {}
    result = []
    for number, raw in enumerate(names, start=1):
        name = " ".join(raw.replace("\0", "").split())[:100] or f"column_{number}"
        candidate, repeat = name, 1
        while candidate.lower() in taken:
            repeat += 1
            candidate = f"{name}_{repeat}"
        taken[candidate.lower()] = None
        result.append(candidate)
    return tuple(result)


def as_utf8(path: Path, target: Path) -> Path:
    """A file to read as UTF-8: `path` itself where it is that, else a copy at `target`."""
    encoding = _encoding(path)
    if encoding == "utf-8":
        return path
    with (
        open(path, encoding=encoding, errors="replace", newline="") as source,
        open(target, "w", encoding="utf-8", newline="") as copy,
    ):
        while chunk := source.read(_CHUNK):
            copy.write(chunk)
    return target


def _encoding(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        chunk = file.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        bom = chunk.startswith(codecs.BOM_UTF8)
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig" if bom else "utf-8"


def _rows(text: str, delimiter: str, *, cut: bool) -> list[list[str]]:
    """The rows of the sample that are not empty; the last is dropped where the sample was cut in it."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
    except csv.Error:
        # A stray NUL or an overlong cell: what came before it tells enough.
        pass
    return rows[:-1] if cut and len(rows) > 1 else rows


def _delimiter(rows: dict[str, list[list[str]]], usual: str) -> str:
    """The delimiter that cuts most rows into one same number of cells, at least two; the usual one where none does."""

    def score(mark: str) -> tuple[float, int, bool]:
        width = _usual_width(rows[mark])
        if width < 2:
            return (0.0, 0, mark == usual)
        share = sum(len(row) == width for row in rows[mark]) / len(rows[mark])
        return (round(share, 1), width, mark == usual)

    return max(rows, key=score)


def _usual_width(rows: list[list[str]]) -> int:
    if not rows:
        return 1
    widths = Counter(map(len, rows))
    return max(widths, key=lambda width: (widths[width], width))


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: it holds no figure or date but where its column holds none below."""
    if len(rows) < 2:
        return True
    first, named = rows[0], any(cell.strip() and not _VALUE.fullmatch(cell) for cell in rows[0])
    for number, cell in enumerate(first):
        below = [row[number] for row in rows[1:] if number < len(row) and row[number].strip()]
        if named and _YEAR.fullmatch(cell) and not all(map(_YEAR.fullmatch, below)):
            continue  # a year above figures that are no years is the name of its column
        if _VALUE.fullmatch(cell) and below and all(map(_VALUE.fullmatch, below)):
            return False
    return True
