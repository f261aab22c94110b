"""What a file holds: told by its first bytes and held against what its name says."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ...policies.errors import InvalidPath

HEAD_BYTES = 8192
"""Bytes that are read of a file to tell what it holds."""

DOCUMENT_SUFFIXES = {
    ".md": "text",
    ".markdown": "text",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".html": "HTML",
    ".htm": "HTML",
    ".pdf": "PDF",
}
TABLE_SUFFIXES = {
    ".csv": "delimited text",
    ".tsv": "delimited text",
    ".json": "JSON",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".parquet": "Parquet",
    ".sqlite": "SQLite",
    ".sqlite3": "SQLite",
    ".db": "SQLite",
}
SUPPORTED = f"documents ({' '.join(DOCUMENT_SUFFIXES)}) and tables ({' '.join(TABLE_SUFFIXES)})"

_MAGIC = (
    (b"%PDF-", "PDF"),
    (b"SQLite format 3\0", "SQLite"),
    (b"PAR1", "Parquet"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive (as Word and Excel files are)"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x7fELF", "a program"),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HTML = re.compile(rb"(<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE | re.DOTALL)
_JSON_OBJECTS = re.compile(rb'\s*(\[\s*)?\{\s*("|\})')
_JSON_TABLE = re.compile(rb"\s*(\{|\[\s*(\{|\]))")

# What a kind of name may hold: a page saved as text is still text, and a tag-less text is still a page.
_ACCEPTED = {
    "text": {"text", "HTML", "JSON"},
    "HTML": {"HTML", "text"},
    "delimited text": {"text"},
    "JSON": {"JSON"},
    "JSON lines": {"JSON"},
}


def check(path: Path) -> None:
    """Hold a file against its name.

    Raises:
        InvalidPath: it does not exist, cannot be read, is no regular file, is empty, is of a type that no tool reads,
            or holds something else than its name says.
    """
    expected = DOCUMENT_SUFFIXES.get(path.suffix.lower()) or TABLE_SUFFIXES.get(path.suffix.lower())
    head = _head(path)
    if expected is None:
        raise InvalidPath(f"{path} is of a type that is not supported ({path.suffix or 'no ending'}); give {SUPPORTED}")
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise InvalidPath(f"{path} is an empty file; give one with content")
    found = sniff(head)
    if found == "text" and expected.startswith("JSON") and head.lstrip().startswith(b"["):
        found = "JSON"
    if found not in _ACCEPTED.get(expected, {expected}):
        raise InvalidPath(f"{path} holds {found}, not {expected} as its name says; rename it or give another file")
    if expected.startswith("JSON") and not _JSON_TABLE.match(_as_utf8(head)):
        raise InvalidPath(f"{path} holds JSON that is no table; give an array of objects or one object a line")


def sniff(head: bytes) -> str:
    """What the first bytes of a file say it is: `text`, `JSON`, `HTML`, a file format, or `binary data`."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if b"%PDF-" in head[:1024]:
        return "PDF"
    text = _as_utf8(head)
    if _binary(text):
        return "binary data"
    if _HTML.match(text):
        return "HTML"
    return "JSON" if _JSON_OBJECTS.match(text) or _JSON_TABLE.match(text) else "text"


def _as_utf8(head: bytes) -> bytes:
    if head.startswith(_UTF16):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="replace").encode(errors="replace")
    return head.removeprefix(b"\xef\xbb\xbf")


def _binary(text: bytes) -> bool:
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x0b\x1b" for byte in text)
    return b"\0" in text or controls > len(text) * 0.05


def _head(path: Path) -> bytes:
    try:
        # A pipe or a device would block the open, so ask what it is first.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise InvalidPath(f"{path} is a directory where a file is needed; give a file, or rename the folder")
        if not stat.S_ISREG(mode):
            raise InvalidPath(f"{path} is no regular file but a pipe, socket or device; give a file")
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise InvalidPath(f"{path} does not exist; check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidPath(f"{path} cannot be read: {reason}; check its permissions and its path") from error
