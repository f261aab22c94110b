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
IMAGE_SUFFIXES = {
    ".png": "a PNG image",
    ".jpg": "a JPEG image",
    ".jpeg": "a JPEG image",
    ".gif": "a GIF image",
    ".webp": "a WebP image",
    ".bmp": "a BMP image",
    ".tif": "a TIFF image",
    ".tiff": "a TIFF image",
}
_ZIP = "a ZIP archive (as Word and Excel files are)"
ARCHIVE_SUFFIXES = {
    ".zip": _ZIP,
    ".tar": "a tar archive",
    ".tgz": "gzip data",
    ".tbz2": "bzip2 data",
    ".txz": "xz data",
    ".tar.gz": "gzip data",
    ".tar.bz2": "bzip2 data",
    ".tar.xz": "xz data",
}
SUPPORTED = (
    f"documents ({' '.join(DOCUMENT_SUFFIXES)}), tables ({' '.join(TABLE_SUFFIXES)}), "
    f"images ({' '.join(IMAGE_SUFFIXES)}) and archives ({' '.join(ARCHIVE_SUFFIXES)})"
)
_KINDS = {
    "documents": DOCUMENT_SUFFIXES,
    "tables": TABLE_SUFFIXES,
    "images": IMAGE_SUFFIXES,
    "archives": ARCHIVE_SUFFIXES,
}

_MAGIC = (
    (b"%PDF-", "PDF"),
    (b"SQLite format 3\0", "SQLite"),
    (b"PAR1", "Parquet"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a", "a RAR archive"),
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


def ending(path: Path) -> str:
    """The ending of a file's name by which its kind is told, in lower case: of `a.tar.gz` both parts."""
    parts = [suffix.lower() for suffix in path.suffixes[-2:]]
    return "".join(parts) if "".join(parts) in ARCHIVE_SUFFIXES else path.suffix.lower()


def kind_of(path: Path) -> str | None:
    """What a file's name says it is: `documents`, `tables`, `images`, `archives`, or nothing that is read here."""
    suffix = ending(path)
    return next((kind for kind, suffixes in _KINDS.items() if suffix in suffixes), None)


def _expected(path: Path) -> str | None:
    kind = kind_of(path)
    return None if kind is None else _KINDS[kind][ending(path)]


def check(path: Path) -> None:
    """Hold a file against its name.

    Raises:
        InvalidPath: it does not exist, cannot be read, is no regular file, is empty, is of a type that no tool reads,
            or holds something else than its name says.
    """
    expected = _expected(path)
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
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "a WebP image"
    if head[257:262] == b"ustar":
        return "a tar archive"
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
