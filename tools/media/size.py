"""How large a part is, in the measure of its kind, from its header alone: no picture, page or sound is decoded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from ...policies.errors import MissingExtra
from ..builtin.extraction import PDFIUM
from .parts import Kind
from .sniff import Sniffed, sniff
from .source import Source

LARGEST_PDF: Final = 1_000_000_000
"""Bytes of a PDF that is opened at all: a damaged one is searched through from its beginning."""
LOCK_SECONDS: Final = 1.0
"""Seconds that a PDF waits for another one to be read, as PDFium reads one at a time."""


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
    problem: str = ""

    @property
    def pixels(self) -> int | None:
        """Width by height, where they are known."""
        return None if self.width is None or self.height is None else self.width * self.height

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


def size(source: Source) -> Sized:
    """The size of what a source holds, in milliseconds whatever it holds; what is damaged has a `problem`.

    It reads files, so call it in a thread.

    Raises:
        OSError: the file cannot be read.
        MissingExtra: the extra `media`, or for a video `video`, is not installed.
    """
    head = source.head()
    if not head:
        return Sized(kind=None, media_type="application/octet-stream", bytes=0, problem="it is empty")
    found = sniff(head)
    known = Sized(kind=found.kind, media_type=found.media_type, bytes=source.size)
    try:
        return _measured(source, found, known)
    except (MissingExtra, OSError):
        raise
    except (
        Exception
    ) as error:  # the readers are made for files of their kind, and damaged ones make them raise anything
        return replace(known, problem=f"it is damaged ({_said(error)})")


def _measured(source: Source, found: Sniffed, known: Sized) -> Sized:
    if found.kind is None:
        return replace(known, problem=f"it is {found.media_type}, which is no kind of file that can be read here")
    if found.kind == "document":
        return _pdf(source, known) if found.media_type == "application/pdf" else known
    measure: Callable[[Source, Sized], Sized] = {"image": _image, "audio": _audio, "video": _video}[found.kind]
    return measure(source, known)


def _image(source: Source, known: Sized) -> Sized:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtra("attaching images", "media") from None
    try:
        with source.open() as file, Image.open(file) as image:
            return replace(known, width=image.width, height=image.height)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return replace(known, problem=f"it is too large to be unpacked ({_said(error)})")
    except (UnidentifiedImageError, OSError) as error:
        return replace(known, problem=f"it is damaged ({_said(error)})")


def _pdf(source: Source, known: Sized) -> Sized:
    try:
        import pypdfium2
    except ImportError:
        raise MissingExtra("attaching PDF files", "media") from None
    if source.size > LARGEST_PDF:
        return replace(known, problem=f"it has more than {LARGEST_PDF:,} bytes")
    if not PDFIUM.acquire(timeout=LOCK_SECONDS):
        return replace(known, problem="another PDF was being read for too long")
    try:
        open_document: Any = pypdfium2.PdfDocument
        document = open_document(source.where)
        try:
            pages = len(document)
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        return replace(known, problem=f"it is damaged or needs a password ({_said(error)})")
    finally:
        PDFIUM.release()
    return replace(known, pages=pages, problem="" if pages else "it has no pages")


def _audio(source: Source, known: Sized) -> Sized:
    try:
        from tinytag import TinyTag, TinyTagException
    except ImportError:
        raise MissingExtra("attaching audio", "media") from None
    try:
        with source.open() as file:
            seconds = TinyTag.get(file_obj=file, filename=_named(known.media_type), tags=False).duration
    except TinyTagException as error:
        return replace(known, problem=f"it is damaged ({_said(error)})")
    if seconds is None or not 0 < seconds < math.inf:
        return replace(known, problem="its length cannot be read")
    return replace(known, seconds=float(seconds))


def _named(media_type: str) -> str:
    """A name by which the reader knows the format that its content was told to be."""
    endings = {"audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/aac": "m4a", "audio/x-aiff": "aiff"}
    return f"audio.{endings.get(media_type, media_type.rpartition('/')[2])}"


def _video(source: Source, known: Sized) -> Sized:
    try:
        import av
    except ImportError:
        raise MissingExtra("attaching video", "video") from None
    with source.open() as file:
        try:
            container = av.open(file, "r", metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            return replace(known, problem=f"it is damaged ({_said(error)})")
        with container:
            seconds = None if container.duration is None else container.duration / 1_000_000
            if not container.streams.video:
                sound = bool(container.streams.audio)
                kind: Kind | None = "audio" if sound else None
                return replace(known, kind=kind, seconds=seconds, problem="" if sound else "it has no picture")
            stream = container.streams.video[0]
            rate = float(stream.average_rate) if stream.average_rate else None
            return replace(known, width=stream.width, height=stream.height, seconds=seconds, fps=rate)


def _said(error: BaseException) -> str:
    """What a reader says, without what it quotes of the file or of this machine, on one line."""
    text = " ".join(str(error).split())
    return text[:150] if text and "/" not in text and "<" not in text else type(error).__name__
