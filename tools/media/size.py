"""How large a part is, in the measure of its kind, from its header alone: no picture, page or sound is decoded.

What a file is, is told by its first bytes, in the program itself. Whatever has to be opened by a reader of its kind is
measured in a worker process: the readers are large libraries, whose import can hold up a whole program, and what they
read was made by strangers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from ...policies.errors import MissingExtra
from .decode import Where, opened, said
from .parts import Kind

LARGEST_PDF: Final = 1_000_000_000
"""Bytes of a PDF that is opened at all: a damaged one is searched through from its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """What a part is and how large; what is not known, or does not apply, is `None`.

    Attributes:
        kind: what it is by its content; `None` where it is nothing that is read here.
        media_type: its media type, by its content.
        bytes: its size.
        width: pixels, of an image or a video.
        height: likewise.
        pages: of a PDF.
        seconds: of a sound or a video.
        fps: pictures a second, of a video.
        sound: whether a video has sound.
        problem: why nothing more is known of it, as the end of a sentence; empty where nothing is wrong.
    """

    kind: Kind | None
    media_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    seconds: float | None = None
    fps: float | None = None
    sound: bool = False
    problem: str = ""

    @property
    def pixels(self) -> int | None:
        """Width by height, where they are known."""
        return None if self.width is None or self.height is None else self.width * self.height

    @property
    def measurable(self) -> bool:
        """Whether a reader of its kind has more to say of it; none has of texts."""
        return not self.problem and (self.kind != "document" or self.media_type == "application/pdf")

    @property
    def words(self) -> str:
        """It for people and models: `image/png, 8,000 x 6,250 pixels, 48,213 bytes`."""
        said = [self.media_type]
        if self.pixels is not None:
            said.append(f"{self.width:,} x {self.height:,} pixels")
        if self.pages is not None:
            said.append(f"{self.pages:,} page{'' if self.pages == 1 else 's'}")
        if self.seconds is not None:
            said.append(f"{self.seconds:,.1f} s")
        return ", ".join([*said, f"{self.bytes:,} bytes"])


def measured(where: Where, known: Sized) -> Sized:
    """What is known of a file, with its size; what is damaged has a `problem`. It is for a worker process.

    Raises:
        MissingExtra: the extra `media`, or for a video `video`, is not installed.
    """
    measures: dict[str | None, Callable[[Where, Sized], Sized]] = {
        "image": _image, "document": _pdf, "audio": _audio, "video": _video,
    }  # fmt: skip
    try:
        return measures[known.kind](where, known)
    except MissingExtra:
        raise
    except OSError as error:
        return replace(known, problem=f"it cannot be read: {error.strerror or type(error).__name__}")
    except (
        Exception
    ) as error:  # the readers are made for files of their kind, and damaged ones make them raise anything
        return replace(known, problem=f"it is damaged ({type(error).__name__})")


def _image(where: Where, known: Sized) -> Sized:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtra("attaching images", "media") from None
    try:
        with opened(where) as file, Image.open(file) as image:
            return replace(known, width=image.width, height=image.height)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return replace(known, problem=f"it is too large to be unpacked ({said(error)})")
    except (UnidentifiedImageError, OSError) as error:
        return replace(known, problem=f"it is damaged ({said(error)})")


def _pdf(where: Where, known: Sized) -> Sized:
    try:
        import pypdfium2
    except ImportError:
        raise MissingExtra("attaching PDF files", "media") from None
    if known.bytes > LARGEST_PDF:
        return replace(known, problem=f"it has more than {LARGEST_PDF:,} bytes")
    try:
        open_document: Any = pypdfium2.PdfDocument
        document = open_document(where)
        try:
            pages = len(document)
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        return replace(known, problem=f"it is damaged or needs a password ({said(error)})")
    return replace(known, pages=pages, problem="" if pages else "it has no pages")


def _audio(where: Where, known: Sized) -> Sized:
    try:
        from tinytag import TinyTag, TinyTagException
    except ImportError:
        raise MissingExtra("attaching audio", "media") from None
    try:
        with opened(where) as file:
            seconds = TinyTag.get(file_obj=file, filename=_named(known.media_type), tags=False).duration
    except TinyTagException as error:
        return replace(known, problem=f"it is damaged ({said(error)})")
    if seconds is None or not 0 < seconds < math.inf:
        return replace(known, problem="its length cannot be read")
    return replace(known, seconds=float(seconds))


def _named(media_type: str) -> str:
    """A name by which the reader knows the format that its content was told to be."""
    endings = {"audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/aac": "m4a", "audio/x-aiff": "aiff"}
    return f"audio.{endings.get(media_type, media_type.rpartition('/')[2])}"


def _video(where: Where, known: Sized) -> Sized:
    try:
        import av
    except ImportError:
        raise MissingExtra("attaching video", "video") from None
    with opened(where) as file:
        try:
            container = av.open(file, "r", metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            return replace(known, problem=f"it is damaged ({said(error)})")
        with container:
            seconds = None if container.duration is None else container.duration / 1_000_000
            sound = bool(container.streams.audio)
            if not container.streams.video:
                kind: Kind | None = "audio" if sound else None
                return replace(known, kind=kind, seconds=seconds, problem="" if sound else "it has no picture")
            stream = container.streams.video[0]
            rate = float(stream.average_rate) if stream.average_rate else None
            return replace(known, width=stream.width, height=stream.height, seconds=seconds, fps=rate, sound=sound)
