"""What is unpacked of a file, within limits: runs in a worker process, which is killed where it takes too long.

Everything takes and gives plain values, as they travel between processes. What can be given in part is given as far as
it was read when most of the time is over.
"""

from __future__ import annotations

import io
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, TypeVar

from ...policies.errors import MissingExtra
from ..scope import remaining
from .pages import Page, shown

T = TypeVar("T")

QUALITY = 85
"""Of the JPEGs that are made."""
PAGE_PIXELS = 1_000_000
"""Pixels of a page that is shown as a picture: US letter at some 100 dots an inch."""
SAMPLES = 16_000
"""Samples a second of a sound that is made to fit, in one channel: what speech needs."""
_HEADER = 100
"""Bytes before the first sample, and some to spare."""

_SHARE = 0.7
"""Share of the time that is left for reading; the rest is for the way back."""

Where = str | bytes
"""A file's path, or its bytes."""


def shrink(where: Where, pixels: int) -> tuple[bytes, int, int]:
    """An image as a JPEG of so many pixels at most, with its width and height.

    Raises:
        ValueError: it is damaged, or a bomb.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(_file(where)) as image:
            scale = math.sqrt(pixels / max(1, image.width * image.height))
            size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
            if scale < 1:
                image.draft("RGB", size)  # a JPEG is unpacked no further than is needed
                image.thumbnail(size)
            turned = ImageOps.exif_transpose(image)
            out = _jpeg(turned)
            return out, turned.width, turned.height
    except (OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise ValueError(f"it is damaged ({said(error)})") from None


def _jpeg(image: Any) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


class Texts(NamedTuple):
    """The text of a PDF: what is shown of it, how many of its pages were read, and how many characters they have;
    `whole` says whether nothing is left out."""

    pages: list[Page]
    read: int
    characters: int
    whole: bool


def texts(where: Where, question: str, *, most: int, pages: int, characters: int) -> Texts:
    """The text of a PDF's pages, as many as can be read in time, of `most` characters at most; of these so many
    `pages` of so many `characters` as fit the question best.

    Raises:
        ValueError: it is damaged.
    """
    end, left, all_read = _end(), most, True
    found: list[Page] = []
    for number, page in enumerate(_pages(where), start=1):
        if time.monotonic() > end or left <= 0:
            all_read = False
            break
        words = page.get_textpage()
        text = str(words.get_text_range(0, min(left, max(0, words.count_chars())))).replace("\r\n", "\n")
        words.close()
        left -= len(text)
        found.append((text.replace("\ufffe", ""), number))
    kept = shown(found, question, most=pages, characters=characters)
    total = sum(len(text) for text, _ in found if text.strip())
    return Texts(kept, len(found), total, all_read and sum(len(text) for text, _ in kept) == total)


def pictures(where: Where, count: int) -> list[bytes]:
    """The first pages of a PDF as JPEGs, as many as can be drawn in time.

    Raises:
        ValueError: it is damaged.
    """
    end = _end()
    found: list[bytes] = []
    for number, page in enumerate(_pages(where)):
        if number >= count or (found and time.monotonic() > end):
            break
        width, height = page.get_size()
        scale = math.sqrt(PAGE_PIXELS / max(1.0, width * height))
        found.append(_jpeg(page.render(scale=scale).to_pil()))
    return found


def paragraphs(where: Where, most: int) -> str:
    """The text of a page of HTML, of whose source `most` bytes are read at most."""
    from ..builtin.extraction import decoded
    from ..builtin.page import html_paragraphs

    with opened(where) as file:
        return "\n\n".join(html_paragraphs(decoded(file.read(most))))


def _pages(where: Where) -> Iterator[Any]:
    import pypdfium2

    open_document: Any = pypdfium2.PdfDocument
    try:
        document = open_document(where)
        for number in range(len(document)):
            page = document[number]
            yield page
            page.close()
    except pypdfium2.PdfiumError as error:
        raise ValueError(f"it is damaged ({said(error)})") from None


def longest(size: int) -> float:
    """Seconds of a sound that fit into so many bytes as `sound` gives it."""
    return max(0, size - _HEADER) / (2 * SAMPLES)


def sound(where: Where, seconds: float) -> tuple[bytes, float]:
    """The first seconds of a sound as a WAV of one channel, as many as can be read in time; and how many.

    Raises:
        ValueError: it is damaged, or holds no sound.
    """
    import wave

    av = _av()
    end, most = _end(), int(seconds * SAMPLES)
    samples, out = 0, io.BytesIO()
    try:
        with av.open(_file(where), "r") as container, wave.open(out, "wb") as written:
            written.setparams((1, 2, SAMPLES, 0, "NONE", "not compressed"))
            for piece in _resampled(container):
                kept = min(piece.samples, most - samples)
                written.writeframesraw(bytes(piece.planes[0])[: 2 * kept])
                samples += kept
                if samples >= most or time.monotonic() > end:
                    break
    except (av.FFmpegError, ValueError, IndexError) as error:
        if not samples:
            raise ValueError(f"it is damaged ({said(error)})") from None
    return out.getvalue(), samples / SAMPLES


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise MissingExtra("cutting a sound, or one that is neither WAV nor MP3,", "video") from None
    return av


def _resampled(container: Any) -> Iterator[Any]:
    resampler = _av().AudioResampler(format="s16", layout="mono", rate=SAMPLES)
    for frame in container.decode(audio=0):
        yield from resampler.resample(frame)


def frames(where: Where, count: int, pixels: int) -> list[tuple[float, bytes]]:
    """Pictures of a video, evenly spaced and each from the key frame before, as JPEGs with their second; as many as
    can be taken in time.

    Raises:
        ValueError: it is damaged.
    """
    import av

    end = _end()
    found: dict[float, bytes] = {}
    try:
        with av.open(_file(where), "r") as container:
            stream = container.streams.video[0]
            length = (container.duration or 0) / 1_000_000
            for number in range(count):
                if found and time.monotonic() > end:
                    break
                at = length * (number + 0.5) / count
                container.seek(int(at * 1_000_000), backward=True)
                frame = _near(container.decode(stream), at)
                if frame is not None:
                    found[round(float(frame.time or 0.0), 3)] = _small(frame, pixels)
    except (av.FFmpegError, ValueError, IndexError) as error:
        if not found:
            raise ValueError(f"it is damaged ({said(error)})") from None
    return sorted(found.items())


def _near(decoded: Iterator[Any], at: float) -> Any:
    """The frame at an instant, or, of a long group of pictures, one before it."""
    frame = None
    for number, frame in enumerate(decoded):
        if float(frame.time or 0.0) >= at or number >= 30:
            break
    return frame


def _small(frame: Any, pixels: int) -> bytes:
    scale = min(1.0, math.sqrt(pixels / max(1, frame.width * frame.height)))
    size = {"width": max(2, int(frame.width * scale)), "height": max(2, int(frame.height * scale))}
    return _jpeg(frame.to_image(**size))


def quietly(function: Callable[..., T], arguments: Mapping[str, Any]) -> T:
    """What a function gives, without the complaints that native readers print about what is damaged: whoever attached
    it is told in words. It is for a worker process, whose standard error is that of the program."""
    with _muted(), warnings.catch_warnings(action="ignore"):
        return function(**arguments)


@contextmanager
def _muted() -> Iterator[None]:
    """Standard error leads nowhere meanwhile, where there is one: services may have closed it."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def said(error: BaseException) -> str:
    """What a reader says, without what it quotes of the file or of this machine, on one line."""
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text[:150] if text and "/" not in text and "<" not in text else type(error).__name__


def _end() -> float:
    """Instant of the monotonic clock at which what there is has to be given."""
    return time.monotonic() + _SHARE * remaining()


def opened(where: Where) -> BinaryIO:
    """It as a binary file that can be read from any place."""
    return io.BytesIO(where) if isinstance(where, bytes) else open(where, "rb")


def _file(where: Where) -> Any:
    return io.BytesIO(where) if isinstance(where, bytes) else where
