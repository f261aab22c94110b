"""The files in what a tool returned."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any, Final

from .parts import Attachment, Audio, Document, File, Image, Video

MOST: Final = 16
"""Files of one result that are handed on."""
LOOKED_AT: Final = 200
"""Items of a list that are looked at."""


def media_in(value: Any) -> list[Attachment]:
    """The files that a result is or, where it is a list or tuple, holds, the first `MOST` of them."""
    if type(value) in (list, tuple):
        return [item for item in value[:LOOKED_AT] if isinstance(item, Attachment)][:MOST]
    return [value] if isinstance(value, Attachment) else []


def file_of(media_type: str, data: bytes, name: str = "") -> File:
    """A file as the part that its media type says it is."""
    kinds: dict[str, type[File]] = {"image": Image, "audio": Audio, "video": Video}
    return kinds.get(media_type.partition("/")[0], Document)(data=data, name=name or media_type)


def file_at(path: Path) -> File:
    """A file as the part that its name says it is; its content decides when it is read."""
    kinds: dict[str, type[File]] = {"image": Image, "audio": Audio, "video": Video}
    guessed = mimetypes.guess_type(path.name)[0] or ""
    return kinds.get(guessed.partition("/")[0], Document)(path)


def described(part: Attachment) -> str:
    """A file of a result in words, for what can show no more."""
    size = "" if part.data is None else f", {len(part.data):,} bytes"
    return f"[{part.kind} {part.label}{size}]"
