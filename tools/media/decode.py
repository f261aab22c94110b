"""What is unpacked of a file, within limits: runs in a worker process, which is killed where it takes too long.

Everything takes and gives plain values, as they travel between processes.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from typing import Any

QUALITY = 85
"""Of the JPEGs that are made."""
PAGE_PIXELS = 1_000_000
"""Pixels of a page that is shown as a picture: US letter at some 100 dots an inch."""
SAMPLES = 16_000
"""Samples a second of a sound that is made to fit, in one channel: what speech needs."""

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
        raise ValueError(f"it is damaged ({type(error).__name__})") from None


def _jpeg(image: Any) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def texts(where: Where, seconds: float, most: int) -> tuple[list[str], bool]:
    """The text of each page of a PDF from its first, as many as can be read in so many seconds, of `most` characters
    at most; and whether that is all.

    Raises:
        ValueError: it is damaged.
    """
    end, left = time.monotonic() + seconds, most
    found: list[str] = []
    for page in _pages(where):
        if time.monotonic() > end or left <= 0:
            return found, False
        words = page.get_textpage()
        text = str(words.get_text_range(0, min(left, max(0, words.count_chars())))).replace("\r\n", "\n")
        words.close()
        left -= len(text)
        found.append(text.replace("\ufffe", ""))
    return found, True


def pictures(where: Where, count: int, seconds: float) -> list[bytes]:
    """The first pages of a PDF as JPEGs, as many as can be drawn in so many seconds.

    Raises:
        ValueError: it is damaged.
    """
    end = time.monotonic() + seconds
    found: list[bytes] = []
    for number, page in enumerate(_pages(where)):
        if number >= count or (found and time.monotonic() > end):
            break
        width, height = page.get_size()
        scale = math.sqrt(PAGE_PIXELS / max(1.0, width * height))
        found.append(_jpeg(page.render(scale=scale).to_pil()))
    return found


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
        raise ValueError(f"it is damaged ({str(error)[:100]})") from None


def sound(where: Where, seconds: float) -> bytes:
    """The first seconds of a sound as a WAV of one channel.

    Raises:
        ValueError: it is damaged.
    """
    import wave

    import av

    samples, out = 0, io.BytesIO()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLES)
    try:
        with av.open(_file(where), "r") as container, wave.open(out, "wb") as written:
            written.setparams((1, 2, SAMPLES, 0, "NONE", "not compressed"))
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    kept = min(piece.samples, int(seconds * SAMPLES) - samples)
                    written.writeframes(bytes(piece.planes[0])[: 2 * kept])
                    samples += kept
                if samples >= int(seconds * SAMPLES):
                    break
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise ValueError(f"it is damaged ({type(error).__name__})") from None
    return out.getvalue()


def frames(where: Where, count: int, pixels: int, seconds: float) -> list[tuple[float, bytes]]:
    """Pictures of a video, evenly spaced and each from the key frame before, as JPEGs with their second.

    Raises:
        ValueError: it is damaged.
    """
    import av

    end = time.monotonic() + seconds
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
            raise ValueError(f"it is damaged ({type(error).__name__})") from None
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


def _file(where: Where) -> Any:
    return io.BytesIO(where) if isinstance(where, bytes) else where
