"""What is read of one file for one model: pieces to hand over, text, and what has to be said of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from ..policies.limits import ProcessLimits
from ..policies.media import Media, Treatment
from ..tools.builtin.extraction import decoded
from ..tools.builtin.page import html_paragraphs
from ..tools.call import Passage
from ..tools.media import decode
from ..tools.media.elsewhere import Unread, in_process, in_thread
from ..tools.media.pages import best, pieces
from ..tools.media.size import Sized
from ..tools.media.source import Source
from .models.base import MediaPiece

T = TypeVar("T")

LEGIBLE = 20
"""Characters a page of a PDF has on average at least where its text can stand for it: else it is a scan."""

MOST_READ = 5_000_000
"""Characters of a document that are read to find what is shown of it."""

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
        sized: what it is and how large.
        name: what it is called.
        origin: where it is from.
        question: what is asked, for what is shown of a long document.
        policy: the limits.
        limits: what a worker process may take.
        takes: the kinds of files the model takes.
        left: seconds that are left for it, whenever it is asked.
    """

    source: Source
    sized: Sized
    name: str
    origin: str
    question: str
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
        seconds = min(self.sized.seconds or 0.0, treatment.limit or self.policy.audio_seconds)
        if treatment.how == "pass" and self.sized.media_type in ("audio/wav", "audio/mpeg"):
            data, media_type = await self._bytes(), self.sized.media_type
        else:
            data, media_type = await self._in_process(decode.sound, seconds=seconds), "audio/wav"
        return Read((MediaPiece(kind="audio", media_type=media_type, data=data, name=self.name, seconds=seconds),))

    async def _video(self, treatment: Treatment) -> Read:
        count, pixels = int(treatment.limit), decode.PAGE_PIXELS // 2
        found = await self._in_process(decode.frames, count=count, pixels=pixels, seconds=self._time)
        said = "" if len(found) == count else f"{len(found)} of {count} pictures could be taken from it"
        side = int(pixels**0.5)
        width, height = self.sized.width or side, self.sized.height or side
        named = ((f"{self.name} at {at:.1f} s", data) for at, data in found)
        return Read(tuple(self._jpeg(data, width, height, name) for name, data in named), said=said)

    async def _text(self) -> Read:
        raw = await in_thread(partial(self.source.read, MOST_READ), self.left())
        text = await in_thread(partial(_plain, raw, self.sized.media_type), self.left())
        if len(text) <= self.policy.characters:
            return Read(passages=(Passage(text=text, origin=self.origin),) if text.strip() else ())
        parts = await in_thread(partial(pieces, text), self.left())
        kept = await self._best(parts, len(parts))
        passages = tuple(Passage(text=parts[place], origin=self.origin) for place in kept)
        shown = sum(len(each.text) for each in passages)
        return Read(passages=passages, said=f"{shown:,} of its {len(text):,} characters are shown (media.characters)")

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
        drawn = await self._in_process(decode.pictures, count=count, seconds=self._time)
        side = int(decode.PAGE_PIXELS**0.5)
        named = ((f"{self.name}, page {number}", data) for number, data in enumerate(drawn, start=1))
        pages = tuple(self._jpeg(data, side, side, name) for name, data in named)
        return Read(pages, said=f"it has no text; pictures of {len(pages)} of its {self.sized.pages} pages are shown")

    async def _pages(self) -> Read:
        """The text of the pages that are shown; none where it is too little to stand for them."""
        texts, all_read = await self._in_process(decode.texts, seconds=self._time, most=MOST_READ)
        if sum(map(len, texts)) < LEGIBLE * max(1, len(texts)):
            return Read()
        kept = await self._best(texts, self.policy.pages)
        passages = tuple(Passage(text=texts[at], origin=self.origin, page=at + 1) for at in kept if texts[at].strip())
        if all_read and len(kept) == len(texts):
            return Read(passages=passages)
        within = "" if all_read else f"; {len(texts)} were read in time"
        return Read(passages=passages, said=f"{len(kept)} of its {self.sized.pages} pages are shown{within}")

    async def _best(self, pages: Sequence[str], most: int) -> list[int]:
        """The places of the pages that are shown; in a thread, as a long document has millions of words."""
        chosen = partial(best, pages, self.question, most=most, characters=self.policy.characters)
        return await in_thread(chosen, self.left())

    async def _file(self) -> MediaPiece:
        return MediaPiece(kind="document", media_type=self.sized.media_type, data=await self._bytes(), name=self.name,
                          pages=self.sized.pages or 0)  # fmt: skip

    async def _bytes(self) -> bytes:
        """The file as it is; it is within the limit, unless it grew meanwhile."""
        return await in_thread(partial(self.source.read, self.policy.bytes), self.left())

    async def _in_process(self, function: Callable[..., T], **arguments: object) -> T:
        given = {"where": self.source.where, **arguments}
        return await in_process(function, given, seconds=self.left(), limits=self.limits)

    def _jpeg(self, data: bytes, width: int, height: int, name: str = "") -> MediaPiece:
        return MediaPiece(kind="image", media_type="image/jpeg", data=data, name=name or self.name, width=width,
                          height=height)  # fmt: skip

    @property
    def _time(self) -> float:
        """Seconds a worker may spend before it gives what it has: the rest is its way there and back."""
        return max(0.05, 0.7 * self.left())


def _plain(data: bytes, media_type: str) -> str:
    text = decoded(data)
    return "\n\n".join(html_paragraphs(text)) if media_type == "text/html" else text
