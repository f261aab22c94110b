"""What becomes of files that a query or a tool attaches: shown, shrunk to what fits, or refused; and the time they add.

The rule of the budget, whole: where a run has no budget of its own, the agent's latency is extended by `extra_image`
for each image, `extra_document`, `extra_audio` and `extra_video` likewise, at most by `extra_most`. A budget that is
given to the run is a promise to its caller and is never extended, nor is the deadline of a run around it. Of whatever
the run has, `share` is the most that reading files may take; a file that is not read by then is left out. What the
files cost in tokens is taken off the run's tokens and money like any other input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .errors import InvalidPolicy

Oversize = Literal["fit", "refuse"]
"""What becomes of a file that is over a limit: made to fit, or left out."""

How = Literal["pass", "fit", "text", "refuse"]
"""How a file is shown: as it is, made to fit, as its text, or not at all."""

KINDS: Final = ("image", "document", "audio", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSituation:
    """What is known of a file when it is decided how a model is shown it; what is not known is `None`.

    Attributes:
        name: what it is called.
        kind: `image`, `document`, `audio` or `video`, by its content; empty where it is none of them.
        declared: what the program took it for.
        media_type: its media type, by its content.
        bytes: its size.
        pixels: of an image.
        pages: of a PDF.
        seconds: of a sound or a video.
        sound: whether a video has sound.
        problem: why it cannot be read; empty where it can.
        model: who is to be shown it.
        takes: the kinds that the model takes, joined by `+`.
        scribe: who writes down what is said in sounds; empty where nobody does.
        tokens: what it is estimated to cost as it is.
        left: tokens that are left to the run; infinite where they are not limited.
    """

    name: str
    kind: str
    declared: str
    media_type: str
    bytes: int
    pixels: int | None = None
    pages: int | None = None
    seconds: float | None = None
    sound: bool = False
    problem: str = ""
    model: str
    takes: str
    scribe: str = ""
    tokens: int = 0
    left: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How a file is shown; `limit` is what it is made to fit in: pixels, pages, seconds or pictures; `sound` how many
    seconds of a video's sound are handed over. `warns`: the user is told, since less is shown than was given."""

    how: How
    reason: str
    limit: float = 0.0
    sound: float = 0.0
    warns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalitySituation:
    """What is known when a model does not take what a query attaches.

    Attributes:
        model: who would be asked.
        takes: the kinds it takes, joined by `+`.
        needs: the kinds that are attached, joined by `+`.
        missing: those of them it does not take and that are no text either, joined by `+`.
        other: the first of the agent's models that takes all, or else more; empty where none does.
    """

    model: str
    takes: str
    needs: str
    missing: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Who is asked: `other`, or, where it is empty, the model as before."""

    other: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Limits of attached files, and what becomes of those that are over them.

    Attributes:
        files: most files of a query; more are refused. Default 32.
        bytes: most bytes of a file that is handed over as it is, and of one that an address may give. Default
            20,000,000: base64 makes a third more of it.
        most_bytes: most bytes of a file that is looked into at all. Default 2,000,000,000.
        image_pixels: most pixels of an image that is shown; OpenAI's and Anthropic's models see no more. Default
            1,572,864, which are 1,536 patches of 32 x 32.
        unpacked_pixels: most pixels of an image that is unpacked to be shrunk; a larger one is refused. Default
            100,000,000, some 400 MB.
        pages: most pages of a PDF that are shown. Default 40.
        characters: most characters of documents' text that are shown in a run, all of them together; of longer ones
            those pages, or pieces, that have most of the question's words. Default 40,000, some 10,000 tokens: to put
            an answer together from more, and to check it, would take longer than `reserve` keeps back for that.
        audio_seconds: most seconds of a sound, or of a video's, that are handed over or transcribed, from its
            beginning. Default 600.
        frames: most pictures that a video is shown by, evenly spaced. Default 12.
        image: what becomes of an image over a limit: `fit` (shrunk) or `refuse`. Default `fit`.
        document: of a document: `fit` (paged) or `refuse`. Default `fit`.
        audio: of a sound: `fit` (cut) or `refuse`. Default `fit`.
        video: of a video: `fit` (sampled, with its sound where the model takes sound) or `refuse`; no model is handed
            a whole one. Default `fit`.
        share: share of the time that reading may take, from 0 to 1. Default 0.3.
        longest: seconds that reading may take where there is no deadline. Default 30.
        extra_image: seconds that an image adds to the agent's latency; see above. Default 1.
        extra_document: a document likewise. Default 2.
        extra_audio: a sound likewise. Default 3.
        extra_video: a video likewise. Default 4.
        extra_most: most seconds that are added in all. Default 20.
        route: whether a model that does not take what is attached gives way to one of the agent's that does. Default
            `True`.
        calibrated: answers with a verdict or a rating from which on those of a kind with files count as known; of
            fewer the user is warned. Default 5; 0 never warns.
    """

    files: int = 32
    bytes: int = 20_000_000
    most_bytes: int = 2_000_000_000
    image_pixels: int = 1_572_864
    unpacked_pixels: int = 100_000_000
    pages: int = 40
    characters: int = 40_000
    audio_seconds: float = 600.0
    frames: int = 12
    image: Oversize = "fit"
    document: Oversize = "fit"
    audio: Oversize = "fit"
    video: Oversize = "fit"
    share: float = 0.3
    longest: float = 30.0
    extra_image: float = 1.0
    extra_document: float = 2.0
    extra_audio: float = 3.0
    extra_video: float = 4.0
    extra_most: float = 20.0
    route: bool = True
    calibrated: int = 5

    def __post_init__(self) -> None:
        for name in (
            "files",
            "bytes",
            "most_bytes",
            "image_pixels",
            "unpacked_pixels",
            "pages",
            "characters",
            "frames",
        ):
            if not getattr(self, name) >= 1:
                raise InvalidPolicy(f"media.{name} must be at least 1, got {getattr(self, name)!r}")
        for name in KINDS:
            if getattr(self, name) not in ("fit", "refuse"):
                raise InvalidPolicy(f"media.{name} must be 'fit' or 'refuse', got {getattr(self, name)!r}")
        for name in ("audio_seconds", "longest", *(f"extra_{kind}" for kind in (*KINDS, "most")), "calibrated"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidPolicy(f"media.{name} must be 0 or more, got {getattr(self, name)!r}")
        if not 0 <= self.share <= 1:
            raise InvalidPolicy(f"media.share must be a share from 0 to 1, got {self.share!r}")

    def extra(self, counts: Mapping[str, int]) -> float:
        """Seconds that so many files of each kind add to an agent's own latency."""
        added = sum(count * float(getattr(self, f"extra_{kind}")) for kind, count in counts.items())
        return min(added, self.extra_most)

    def portions(self, lengths: Sequence[float], shown: int = 0) -> list[int]:
        """Characters that are shown of each of several documents, which have at most so many, where so many have been
        shown before: the same of each, and what one has no use for goes to the others."""
        left, given = max(0, self.characters - shown), [0] * len(lengths)
        for rank, place in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
            given[place] = int(min(lengths[place], left / (len(lengths) - rank)))
            left -= given[place]
        return given

    def treat(self, s: PartSituation) -> Treatment:
        """How a model is shown a file, or why not."""
        if s.problem:
            return Treatment(how="refuse", reason=f"{s.name} is left out: {s.problem}", warns=True)
        if s.bytes > self.most_bytes:
            return self._refused(s, f"{s.bytes:,} bytes", "most_bytes", self.most_bytes)
        over = self._over(s)
        if over is not None:
            return over
        if s.kind not in s.takes.split("+") or (s.kind == "document" and s.pages is None):
            return self._untaken(s)
        if s.tokens > s.left:
            return self._refused(s, f"about {s.tokens:,} tokens", "the tokens that are left", s.left)
        reason = f"{s.name} is shown to {s.model} as it is: {s.media_type}, {s.bytes:,} bytes"
        return Treatment(how="pass", reason=f"{reason}, about {s.tokens:,} tokens")

    def route_to(self, s: ModalitySituation) -> Routed:
        """Who is asked where a model does not take what is attached."""
        lacks = f"{s.model} takes {s.takes.replace('+', ', ')}, and {s.missing.replace('+', ', ')} is attached"
        if not s.other:
            return Routed(other="", reason=f"{lacks}; no model of the agent takes more")
        if not self.route:
            return Routed(other="", reason=f"{lacks}; media.route is off")
        return Routed(other=s.other, reason=f"{lacks}; {s.other} takes it")

    def _over(self, s: PartSituation) -> Treatment | None:
        """What becomes of a file that is over a limit of its kind; `None` where it is not."""
        match s.kind:
            case "image":
                return self._large_image(s)
            case "document":
                if (s.pages or 0) > self.pages:
                    return self._fit(s, f"{s.pages:,} pages", "pages", self.pages)
                return self._fit(s, f"{s.bytes:,} bytes", "bytes", self.bytes, self.pages) if s.pages else None
            case "audio":
                if (s.seconds or 0) > self.audio_seconds:
                    return self._fit(s, f"{s.seconds:,.0f} s", "audio_seconds", self.audio_seconds)
                return self._fit(s, f"{s.bytes:,} bytes", "bytes", self.bytes, self.audio_seconds)
            case "video":
                return self._film(s)
        return None

    def _film(self, s: PartSituation) -> Treatment | None:
        """A video as pictures and sound, as far as the model takes them; `None` where it takes neither."""
        takes = s.takes.split("+")
        if self.video == "refuse":
            return self._refused(s, "a video", "video", "refuse")
        pictures = self.frames if "image" in takes else 0
        sound, heard = self._heard(s)
        if not pictures and not sound:
            return None
        length = "its whole" if s.seconds is None else f"{s.seconds:,.1f} s"
        seen = f"{pictures} pictures of {length} (media.frames)" if pictures else f"no picture, as {s.model} takes none"
        reason = f"{s.name} is shown by {seen}{heard}"
        return Treatment(how="fit", reason=reason, limit=pictures, sound=sound, warns=True)

    def _heard(self, s: PartSituation) -> tuple[float, str]:
        """Seconds of a video's sound that are handed over, and what is said of it."""
        seconds = self.audio_seconds if s.seconds is None else s.seconds
        if not s.sound:
            return 0.0, ""
        if "audio" not in s.takes.split("+") and not s.scribe:
            return 0.0, f", without its sound, which {s.model} does not take"
        its = "its sound" if "audio" in s.takes.split("+") else f"a transcript of its sound by {s.scribe}"
        if seconds <= self.audio_seconds:
            return seconds, f", with {its}"
        limit = f"media.audio_seconds={self.audio_seconds:,.0f}"
        if self.audio == "refuse":
            return 0.0, f", without its sound, as it has {seconds:,.0f} s, and {limit}"
        return self.audio_seconds, f", with the beginning of {its} ({limit})"

    def _large_image(self, s: PartSituation) -> Treatment | None:
        if (s.pixels or 0) > self.unpacked_pixels:
            return self._refused(s, f"{s.pixels:,} pixels", "unpacked_pixels", self.unpacked_pixels)
        if (s.pixels or 0) > self.image_pixels:
            return self._fit(s, f"{s.pixels:,} pixels", "image_pixels", self.image_pixels)
        return self._fit(s, f"{s.bytes:,} bytes", "bytes", self.bytes, self.image_pixels)

    def _fit(
        self, s: PartSituation, has: str, limit: str, allowed: float, target: float | None = None
    ) -> Treatment | None:
        """Made to fit, or refused, where it is over the limit; `target` is what it is made to fit in, where that is
        another measure. `None` where it is not over it, or the model does not take it anyway."""
        if target is not None and s.bytes <= allowed:
            return None
        if getattr(self, s.kind) == "refuse":
            return self._refused(s, has, limit, allowed)
        if s.kind not in s.takes.split("+") and s.kind != "document":
            return None
        done = {"image": "shrunk", "document": "shown in part", "audio": "cut"}[s.kind]
        reason = f"{s.name} is {done}: it has {has}, and media.{limit}={allowed:,.0f}"
        return Treatment(how="fit", reason=reason, limit=allowed if target is None else target, warns=True)

    def _untaken(self, s: PartSituation) -> Treatment:
        if s.kind == "document":
            return Treatment(how="text", reason=f"{s.name} is shown to {s.model} as its text")
        if s.kind == "audio" and s.scribe:
            return self._transcript(s)
        reason = f"{s.name} is left out: {s.model} does not take {s.kind}, and nothing stands for it as text"
        return Treatment(how="refuse", reason=reason, warns=True)

    def _transcript(self, s: PartSituation) -> Treatment:
        """A sound as the text of what is said in it, as much of it as would be handed over."""
        seconds, longest = s.seconds or 0.0, self.audio_seconds
        if seconds > longest and self.audio == "refuse":
            return self._refused(s, f"{seconds:,.0f} s", "audio_seconds", longest)
        of = f" of its first {longest:,.0f} s (media.audio_seconds)" if seconds > longest else ""
        reason = f"{s.name} is shown to {s.model} as a transcript{of} by {s.scribe}"
        return Treatment(how="text", reason=reason, sound=min(seconds, longest), warns=bool(of))

    def _refused(self, s: PartSituation, has: str, limit: str, allowed: float | str) -> Treatment:
        shown = allowed if isinstance(allowed, str) else f"{allowed:,.0f}"
        named = limit if " " in limit else f"media.{limit}"
        return Treatment(how="refuse", reason=f"{s.name} is left out: it has {has}, and {named}={shown}", warns=True)
