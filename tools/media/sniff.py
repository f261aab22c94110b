"""What a file is, told by its first bytes: its name and its sender may say what they like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from ...policies.errors import MissingExtra
from ..builtin.content import HEAD_BYTES
from ..builtin.content import sniff as sniff_text
from .parts import Kind
from .size import Sized
from .source import Source

_TEXT: Final = {"text": "text/plain", "JSON": "application/json", "HTML": "text/html"}
_DOCUMENTS: Final = {"application/pdf": "application/pdf"}
_NAMES: Final = {"audio/x-wav": "audio/wav", "audio/x-flac": "audio/flac", "video/x-m4v": "video/mp4"}
"""The registered names of what filetype calls otherwise."""
_PICTURES: Final = frozenset(
    {"image/png", "image/apng", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif"}
)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes say.

    Attributes:
        media_type: the media type, such as `image/png`; `application/octet-stream` where nothing is known of it.
        kind: what part it can be; `None` where none that is read here, such as an archive or a program.
    """

    media_type: str
    kind: Kind | None


def told(source: Source) -> Sized:
    """What a source holds, by its first bytes.

    It reads a file, so call it in a thread.

    Raises:
        OSError: the file cannot be read.
        MissingExtra: the extra `media` is not installed.
    """
    head = source.read(HEAD_BYTES)
    if not head:
        return Sized(kind=None, media_type="application/octet-stream", bytes=0, problem="it is empty")
    found = sniff(head)
    known = Sized(kind=found.kind, media_type=found.media_type, bytes=source.size)
    if found.kind is None:
        return replace(known, problem=f"it is {found.media_type}, which is no kind of file that can be read here")
    return known


def sniff(head: bytes) -> Sniffed:
    """What a file is whose first bytes these are.

    Raises:
        MissingExtra: it is no text, and the extra `media` is not installed.
    """
    text = _TEXT.get(sniff_text(head)) if head.strip() else None
    found = _magic(head, needed=text is None)
    if found in _DOCUMENTS or (found is None and b"%PDF-" in head[:1024]):
        return Sniffed("application/pdf", "document")
    if found is not None:
        return Sniffed(found, _kind_of(found))
    return Sniffed("application/octet-stream", None) if text is None else Sniffed(text, "document")


def _magic(head: bytes, *, needed: bool) -> str | None:
    try:
        import filetype
    except ImportError:
        if not needed:
            return None
        raise MissingExtra("telling what an attached file is", "media") from None
    guess: Any = filetype.guess_mime
    guessed = guess(head)
    return None if guessed is None else _NAMES.get(str(guessed), str(guessed))


def _kind_of(media_type: str) -> Kind | None:
    if media_type in _PICTURES:
        return "image"
    if media_type.startswith("audio/") and media_type != "audio/midi":
        return "audio"
    return "video" if media_type.startswith("video/") else None
