"""The parts of a query, and of what tools return: text, images, documents, sound and video.

Nothing is opened here, so that making a part costs nothing and raises only for what the program wrote wrongly: a file
that is missing, damaged or not what its name says costs its run a warning.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from ...policies.errors import InvalidQuery

Kind = Literal["text", "image", "document", "audio", "video"]
"""What a part is."""

LONGEST_NAME = 80
"""Characters of a part's name that are shown."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text: what a plain `str` among the parts is read as.

    Args:
        text: the text; it is the user's own word, like a query that is a `str`.

    Raises:
        InvalidQuery: `text` is no `str`.
    """

    text: str
    kind: ClassVar[Kind] = "text"

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InvalidQuery(f"Text takes a str, got a {type(self.text).__name__}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is part of a query or a result: an `Image`, `Document`, `Audio` or `Video`, in one of three forms.

    | written as                   | means                                                      |
    |------------------------------|------------------------------------------------------------|
    | `Image("cat.png")`           | the file at that path; it is opened when the run begins    |
    | `Image(data=png)`            | these bytes                                                |
    | `Image(url="https://…")`     | what the address gives: fetched in the run's time, and     |
    |                              | never from a private or local host                         |

    What the file is, is told by its content; the class says what the program takes it for, and where the two differ
    the run warns and goes by the content.

    Args:
        path: the file's path.
        data: the bytes; they are kept, not copied.
        url: an http(s) address.
        name: what models and warnings call it. Default: the last part of the path or address, else the kind.
        trusted: whether its content may be read as more than data, as `@tool(trusted=...)` says it of results. Default
            `False`: after it no tool may change anything unless `policy.trust` allows it.

    Raises:
        InvalidQuery: none or several of `path`, `data` and `url` are given, or one of them is of another type.
    """

    path: str | os.PathLike[str] | None = None
    data: bytes | None = field(default=None, repr=False, kw_only=True)
    url: str | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)
    trusted: bool = field(default=False, kw_only=True)
    kind: ClassVar[Kind]

    def __post_init__(self) -> None:
        of = type(self).__name__
        given = [key for key in ("path", "data", "url") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise InvalidQuery(f'{of} takes one of a path, data= and url=, got {found}; write {of}("file")')
        if self.path is not None and not isinstance(self.path, (str, os.PathLike)):
            raise InvalidQuery(f"{of} takes a path, got a {type(self.path).__name__}; bytes are given as data=")
        if isinstance(self.path, str) and self.path.startswith(("http://", "https://")):
            raise InvalidQuery(f"{of} takes a path first; write {of}(url={self.path[:100]!r}) for an address")
        if self.data is not None and not isinstance(self.data, bytes):
            object.__setattr__(self, "data", _bytes(of, self.data))
        if self.url is not None and not isinstance(self.url, str):
            raise InvalidQuery(f"{of}: url must be a str, got a {type(self.url).__name__}")

    @property
    def label(self) -> str:
        """What it is called: on one line, in printable characters and not too many of them."""
        plain = "".join(c if c.isprintable() else " " for c in self.name or self._place())
        return " ".join(plain.split())[:LONGEST_NAME] or self.kind

    @property
    def origin(self) -> str:
        """Where it is from, for people: the address, else its label."""
        return self.url or self.label

    def _place(self) -> str:
        if self.path is not None:
            return PurePath(os.fspath(self.path)).name
        return PurePath(_path_of(self.url)).name if self.url else ""


@dataclass(frozen=True, slots=True)
class Image(Attachment):
    """A still picture: PNG, JPEG, GIF (its first frame), WebP, BMP, TIFF or AVIF; `Image("cat.png")`, see
    `Attachment`."""

    kind: ClassVar[Kind] = "image"


@dataclass(frozen=True, slots=True)
class Document(Attachment):
    """A PDF, or a text file of any kind (plain, Markdown, HTML, JSON, CSV); `Document("report.pdf")`, see
    `Attachment`."""

    kind: ClassVar[Kind] = "document"


@dataclass(frozen=True, slots=True)
class Audio(Attachment):
    """A sound: WAV, MP3, FLAC, Ogg or M4A; `Audio("call.mp3")`, see `Attachment`."""

    kind: ClassVar[Kind] = "audio"


@dataclass(frozen=True, slots=True)
class Video(Attachment):
    """A moving picture: MP4, WebM, Matroska, QuickTime or AVI; `Video("door.mp4")`, see `Attachment`."""

    kind: ClassVar[Kind] = "video"


File = Image | Document | Audio | Video
"""A part that is a file."""

Part = Text | File
"""One part of a query."""


def _bytes(of: str, data: object) -> bytes:
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise InvalidQuery(f"{of}: data must be bytes, got a {type(data).__name__}; a path is given first: {of}('file')")


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
