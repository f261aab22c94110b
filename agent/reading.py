"""What is read of one file for one model: pieces to hand over, text, and what has to be said of either."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from ..policies.limits import ProcessLimits
from ..policies.media import Media, Treatment
from ..tools.builtin.extraction import decoded
from ..tools.call import Passage
from ..tools.media import decode
from ..tools.media.elsewhere import Unread, in_process, in_thread
from ..tools.media.pages import Page, shown
from ..tools.media.size import Sized
from ..tools.media.source import Source
from ..tools.media.spool import Spool
from .models.base import MediaPiece

T = TypeVar("T")

LEGIBLE = 20
"""Characters a page of a PDF has on average at least where its text can stand for it: else it is a scan."""

MOST_READ = 5_000_000
"""Characters of a document that are read to find what is shown of it."""

_NEARLY = 0.5
"""Seconds of a sound that nobody misses: headers round."""

_SENT = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Images that every endpoint takes as they are."""


class Read(NamedTuple):
    """What was read: pieces to hand over, passages of text, and what has to be said of it."""

    pieces: tuple[MediaPiece, ...] = ()
    passages: tuple[Passage, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One file that is about to be read.

    Attributes:
        source: where it is.
        spool: holds its bytes while they are read elsewhere, where they are many.
        sized: what it is and how large.
        name: what it is called.
        origin: where it is from.
        question: what is asked, for what is shown of a long document.
        portion: characters of a document's text that are shown at most.
        policy: the limits.
        limits: what a worker process may take.
        takes: the kinds of files the model takes.
        left: seconds that are left for it, whenever it is asked.
    """

    source: Source
    spool: Spool
    sized: Sized
    name: str
    origin: str
    question: str
    portion: int
    policy: Media
    limits: ProcessLimits
    takes: frozenset[str]
    left: Callable[[], float]

    async def read(self, treatment: Treatment) -> Read:
        """Read it as was decided.

        Raises:
            Unread: there was no time, or it is damaged.
            OSError: it cannot be read.
        """
        match self.sized.kind:
            case "image":
                return await self._image(treatment)
            case "audio":
                return await self._audio(treatment)
            case "video":
                return await self._video(treatment)
        return await (self._text() if self.sized.pages is None else self._pdf(treatment))

    async def _image(self, treatment: Treatment) -> Read:
        if treatment.how == "pass" and self.sized.media_type in _SENT:
            size = {"width": self.sized.width or 0, "height": self.sized.height or 0}
            return Read((MediaPiece(kind="image", media_type=self.sized.media_type, data=await self._bytes(),
                                    name=self.name, **size),))  # fmt: skip
        pixels = int(treatment.limit) or self.policy.image_pixels
        data, width, height = await self._in_process(decode.shrink, pixels=pixels)
        return Read((self._jpeg(data, width, height),))

    async def _audio(self, treatment: Treatment) -> Read:
        long, wanted = self.sized.seconds or 0.0, treatment.limit or treatment.sound or self.policy.audio_seconds
        whole = treatment.how != "fit" and long <= wanted and self.sized.bytes <= self.policy.bytes
        if not (whole and self.sized.media_type in ("audio/wav", "audio/mpeg")):
            return await self._sound(min(long, wanted))
        piece = MediaPiece(kind="audio", media_type=self.sized.media_type, data=await self._bytes(), name=self.name,
                           seconds=long)  # fmt: skip
        return Read((piece,))

    async def _sound(self, seconds: float) -> Read:
        """The first seconds of a sound, and what is said where there are fewer than were to be."""
        most = min(seconds, decode.longest(self.policy.bytes))
        data, given = await self._in_process(decode.sound, seconds=most)
        said = f"its first {given:,.0f} s are handed over{' (media.bytes)' * (most < seconds)}"
        piece = MediaPiece(kind="audio", media_type="audio/wav", data=data, name=self.name, seconds=given)
        return Read((piece,) if given else (), said=said if given < seconds - _NEARLY else "")

    async def _video(self, treatment: Treatment) -> Read:
        """Pictures and sound, side by side; where one of them cannot be read the other is handed over."""
        reads = [*([self._pictures(int(treatment.limit))] if treatment.limit else []),
                 *([self._sound(treatment.sound)] if treatment.sound else [])]  # fmt: skip
        found = await asyncio.gather(*reads, return_exceptions=True)
        read = [each for each in found if isinstance(each, Read)]
        failed = [each for each in found if isinstance(each, BaseException)]
        if failed and not (any(each.pieces for each in read) and all(isinstance(each, Unread) for each in failed)):
            raise failed[0]
        said = [each.said for each in read if each.said] + [f"a part of it is left out: {each}" for each in failed]
        return Read(tuple(piece for each in read for piece in each.pieces), said="; ".join(said))

    async def _pictures(self, count: int) -> Read:
        pixels = decode.PAGE_PIXELS // 2
        found = await self._in_process(decode.frames, count=count, pixels=pixels)
        said = "" if len(found) == count else f"{len(found)} of {count} pictures could be taken from it"
        scale = min(1.0, (pixels / max(1, self.sized.pixels or pixels)) ** 0.5)
        side = int(pixels**0.5)
        width, height = int(scale * (self.sized.width or side)), int(scale * (self.sized.height or side))
        named = ((f"{self.name} at {at:.1f} s", data) for at, data in found)
        return Read(tuple(self._jpeg(data, width, height, name) for name, data in named), said=said)

    async def _text(self) -> Read:
        if self.sized.media_type == "text/html":
            text = await self._in_process(decode.paragraphs, most=MOST_READ)
        else:
            text = decoded(await in_thread(partial(self.source.read, MOST_READ), self.left()))
        return await self.fitting(text)

    async def fitting(self, text: str) -> Read:
        """A text, or those pieces of a long one that fit the question best.

        Raises:
            Unread: there was no time.
        """
        if len(text) <= self.portion:
            return Read(passages=(Passage(text=text, origin=self.origin),) if text.strip() else ())
        kept = await self._elsewhere(shown, pages=[(text, None)], question=self.question, most=math.inf,
                                     characters=self.portion)  # fmt: skip
        passages = self._passages(kept)
        count = sum(len(each.text) for each in passages)
        return Read(passages=passages, said=f"{count:,} of its {len(text):,} characters are shown (media.characters)")

    async def _pdf(self, treatment: Treatment) -> Read:
        """The file itself where the model takes it and it is within limits, with its text for the checks; else its
        text; else, of a scan, pictures of its pages."""
        whole = treatment.how == "pass"
        pieces = (await self._file(),) if whole else ()
        try:
            read = await self._pages()
        except Unread:
            if not whole:
                raise
            return Read(pieces, said="its text could not be read, so that nothing checks what is said of it")
        if whole or read.passages:
            return Read(pieces, read.passages, "" if whole else read.said)
        if "image" not in self.takes:
            return Read(said="it has no text (scanned pages?)")
        count = min(self.policy.pages, self.sized.pages or 0, self.policy.frames)
        drawn = await self._in_process(decode.pictures, count=count)
        side = int(decode.PAGE_PIXELS**0.5)
        named = ((f"{self.name}, page {number}", data) for number, data in enumerate(drawn, start=1))
        pages = tuple(self._jpeg(data, side, side, name) for name, data in named)
        return Read(pages, said=f"it has no text; pictures of {len(pages)} of its {self.sized.pages} pages are shown")

    async def _pages(self) -> Read:
        """The text of the pages that are shown; none where it is too little to stand for them."""
        found = await self._in_process(
            decode.texts, question=self.question, most=MOST_READ, pages=self.policy.pages,
            characters=self.portion,
        )  # fmt: skip
        if found.characters < LEGIBLE * max(1, found.read):
            return Read()
        passages = self._passages(found.pages)
        if found.whole:
            return Read(passages=passages)
        said = f"{len({each.page for each in passages})} of its {self.sized.pages} pages are shown"
        all_read = found.read == self.sized.pages
        return Read(passages=passages, said=said if all_read else f"{said}; {found.read} were read in time")

    def _passages(self, pages: Sequence[Page]) -> tuple[Passage, ...]:
        return tuple(Passage(text=text, origin=self.origin, page=page) for text, page in pages)

    async def _file(self) -> MediaPiece:
        return MediaPiece(kind="document", media_type=self.sized.media_type, data=await self._bytes(), name=self.name,
                          pages=self.sized.pages or 0)  # fmt: skip

    async def _bytes(self) -> bytes:
        """The file as it is; it is within the limit, unless it grew meanwhile."""
        return await in_thread(partial(self.source.read, self.policy.bytes), self.left())

    async def _in_process(self, function: Callable[..., T], **arguments: object) -> T:
        source = await in_thread(partial(self.source.sendable, self.spool), self.left())
        return await self._elsewhere(function, where=source.where, **arguments)

    async def _elsewhere(self, function: Callable[..., T], **arguments: object) -> T:
        return await in_process(function, arguments, seconds=self.left(), limits=self.limits)

    def _jpeg(self, data: bytes, width: int, height: int, name: str = "") -> MediaPiece:
        return MediaPiece(kind="image", media_type="image/jpeg", data=data, name=name or self.name, width=width,
                          height=height)  # fmt: skip
