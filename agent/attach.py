"""Files made ready for a model: looked at, decided on, read, each within its share of the time; whatever goes wrong
with one costs that one and is said."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ..policies.errors import MissingExtra, ToolError
from ..policies.limits import MIB, ProcessLimits
from ..policies.media import ModalitySituation, PartSituation, Treatment
from ..tools.media.elsewhere import Unread, in_process, in_thread, within
from ..tools.media.remote import FileFetcher
from ..tools.media.size import Sized, measured
from ..tools.media.sniff import told
from ..tools.media.source import Source
from .attachments import ATTACHMENT, Attached, Attachments
from .models.base import MediaPiece, Model
from .models.modalities import modalities_of, priced
from .reading import Reading
from .run import Run

_MARGIN: Final = 0.01
"""Seconds that a worker gets less than is waited for it, so that it can say itself how far it got."""

_LOOKING: Final = 0.7
"""Share of the time in which files are fetched and measured: one that hangs leaves the others the rest to be read."""


async def make_ready(run: Run, media: Attachments) -> None:
    """Decide on every file that is waiting, and read what the run's model is to be shown of it."""
    waiting = media.waiting
    if not waiting:
        return
    began, seconds = run.now(), _seconds(run)
    until, looked = began + seconds, began + _LOOKING * seconds
    try:
        await asyncio.gather(*(_guarded(run, item, _look(run, item, looked)) for item in waiting))
        _route(run, media)
        _divide(run, media)
        await asyncio.gather(*(_guarded(run, item, _read(run, item, until)) for item in waiting if not item.ready))
    finally:
        for item in waiting:
            item.spool.drop()
    _afford(run, waiting)
    for item in waiting:
        item.ready = True
        _enter(run, item)


def _seconds(run: Run) -> float:
    """Seconds that reading may take."""
    left = run.last.remaining(run.now())
    media = run.policy.media
    return media.longest if math.isinf(left) else max(0.0, media.share * left)


async def _guarded(run: Run, item: Attached, work: Coroutine[Any, Any, None]) -> None:
    """Await work on a file; what it raises is why the file is left out."""
    try:
        await work
    except OSError as error:
        _leave_out(run, item, f"it cannot be read: {error.strerror}" if error.strerror else str(error))
    except (Unread, ToolError, MissingExtra, ValueError) as error:
        _leave_out(run, item, str(error))
    except Exception as error:  # what reads strangers' files may raise anything, and it costs one file only
        _leave_out(run, item, f"it cannot be read ({type(error).__name__})")


def _leave_out(run: Run, item: Attached, why: str) -> None:
    situation = _situation(run, item, run.model, problem=why)
    _decided(run, item, situation, run.policy.media.treat(situation))


def _decided(run: Run, item: Attached, situation: PartSituation, treatment: Treatment) -> None:
    """Record what becomes of a file, and tell the user where less is shown than was given."""
    run.trace.decision("media", treatment.how, treatment.reason, situation, key=item.key)
    if treatment.warns:
        item.note = treatment.reason
        run.warn(f"{treatment.reason[0].upper()}{treatment.reason[1:]}.")
    if treatment.how == "refuse":
        item.ready, item.pieces, item.passages = True, (), ()


# --- looking at it ----------------------------------------------------------------------------------------------------


async def _look(run: Run, item: Attached, until: float) -> None:
    """Find out where a file's bytes are, what it is and how large; an address is fetched."""
    source = item.source = await _source(run, item, until)
    if source.size > run.policy.media.most_bytes:
        item.sized = Sized(kind=item.part.kind, media_type="application/octet-stream", bytes=source.size)
        return
    known = await in_thread(partial(told, source), until - run.now())
    if known.measurable:
        source = item.source = await in_thread(partial(source.sendable, item.spool), until - run.now())
        known = await in_process(
            measured, {"where": source.where, "known": known}, seconds=until - run.now(), limits=_limits(run)
        )
    item.sized = known
    if known.kind not in (None, item.part.kind):
        said = f"{item.name} was given as {item.part.kind}, and its content is {known.media_type}"
        run.trace.decision("media", "found out", said, key=item.key)
        run.warn(f"{said}; it is read as {known.kind}.")


async def _source(run: Run, item: Attached, until: float) -> Source:
    part = item.part
    if part.url is None:
        return await in_thread(partial(Source.of, part), until - run.now())
    fetcher = FileFetcher(max_bytes=run.policy.media.bytes)
    data = await within(fetcher.download(part.url), until - run.now())
    return Source(data=data, size=len(data))


def _limits(run: Run) -> ProcessLimits:
    """What a worker may take that reads a file: it may give back as much as is handed over of one."""
    limits = run.policy.limits.process
    return replace(limits, output=max(limits.output, run.policy.media.bytes + MIB))


def _situation(run: Run, item: Attached, model: Model, problem: str = "") -> PartSituation:
    """What is known of a file when it is decided how the model is shown it."""
    sized = item.sized or Sized(kind=None, media_type="", bytes=0)
    takes = "+".join(sorted(modalities_of(model))) or "text"
    return PartSituation(
        name=item.name,
        kind=sized.kind or "",
        declared=item.part.kind,
        media_type=sized.media_type,
        bytes=sized.bytes,
        pixels=sized.pixels,
        pages=sized.pages,
        seconds=sized.seconds,
        sound=sized.sound,
        problem=problem or sized.problem,
        model=model.name,
        takes=takes,
        scribe="" if run.scribe is None else run.scribe.name,
        tokens=_tokens(sized, model),
        left=run.ledger.left().get("tokens", math.inf),
    )


def _tokens(sized: Sized, model: Model) -> int:
    """What a file would cost as it is; 0 where it is never handed over so."""
    if sized.kind not in ("image", "document", "audio") or (sized.kind == "document" and sized.pages is None):
        return 0
    piece = MediaPiece(kind=sized.kind, media_type=sized.media_type, data=b"", name="", width=sized.width or 0,
                       height=sized.height or 0, pages=sized.pages or 0, seconds=sized.seconds or 0.0)  # fmt: skip
    return priced(piece, model).tokens


# --- who is shown it --------------------------------------------------------------------------------------------------


def _route(run: Run, media: Attachments) -> None:
    """Another of the agent's models is asked where the run's does not take what is attached."""
    needs = {"image" if item.kind == "video" else item.kind for item in media.items.values() if not item.note}
    missing = needs - modalities_of(run.model) - {"document"}
    if not missing:
        return
    better = [each for each in run.ladder if missing & modalities_of(each)]
    best = max(better, key=lambda each: len(missing & modalities_of(each)), default=None)
    situation = ModalitySituation(
        model=run.model.name,
        takes="+".join(sorted({"text", *modalities_of(run.model)})),
        needs="+".join(sorted(needs)),
        missing="+".join(sorted(missing)),
        other="" if best is None else best.name,
    )
    decided = run.policy.media.route_to(situation)
    run.trace.decision("route", "modality" if decided.other else "stay", decided.reason, situation)
    if decided.other and best is not None:
        run.model = best


def _divide(run: Run, media: Attachments) -> None:
    """What is shown of documents' text in all is divided among those that wait to be read."""
    written = ("document",) if run.scribe is None else ("document", "audio", "video")
    documents = [item for item in media.waiting if item.kind in written]
    # A text has no more characters than bytes; how many a PDF or a transcript has, nobody knows yet.
    lengths = [
        item.sized.bytes if item.sized and item.kind == "document" and not item.sized.pages else math.inf
        for item in documents
    ]
    shown = sum(len(item.text) for item in media.items.values())
    for item, portion in zip(documents, run.policy.media.portions(lengths, shown), strict=True):
        item.portion = portion


# --- reading it -------------------------------------------------------------------------------------------------------


async def _read(run: Run, item: Attached, until: float) -> None:
    """Decide how a file is shown, and read that of it."""
    if item.source is None or item.sized is None:
        return
    situation = _situation(run, item, run.model)
    treatment = run.policy.media.treat(situation)
    _decided(run, item, situation, treatment)
    if treatment.how == "refuse":
        return
    reading = Reading(
        source=item.source,
        spool=item.spool,
        sized=item.sized,
        name=item.name,
        origin=item.part.origin,
        question=run.query,
        portion=item.portion,
        policy=run.policy.media,
        limits=_limits(run),
        takes=modalities_of(run.model),
        left=lambda: until - run.now() - _MARGIN,
    )
    item.pieces, item.passages, said = await reading.read(treatment)
    if treatment.sound and "audio" not in reading.takes:
        said = await _write_down(run, item, reading, said, until)
    if said:
        item.note = f"{item.note}; {said}" if item.note else said
        run.warn(f"{item.name}: {said}.")
    if not item.pieces and not item.passages:
        _leave_out(run, item, said or "there is nothing in it that can be shown")


async def _heard(run: Run, item: Attached, sound: MediaPiece, until: float) -> str:
    """What is said in a sound, by a call under the run's ledger that is given up at an instant of its clock."""
    assert run.scribe is not None
    assert run.scribing is not None
    return await run.scribe.text(run.scribing, item.key, sound, until - run.now())


async def _write_down(run: Run, item: Attached, reading: Reading, said: str, until: float) -> str:
    """What is said in the sound of a file takes its place; returns what has to be said of the file."""
    sounds = [piece for piece in item.pieces if piece.kind == "audio"]
    item.pieces = tuple(piece for piece in item.pieces if piece.kind != "audio")
    try:
        texts = [await _heard(run, item, sound, until) for sound in sounds if run.scribe is not None]
        read = await reading.fitting("\n\n".join(texts))
    except Unread as error:
        if not item.pieces:
            raise
        return f"{said}; {error}" if said else str(error)
    item.passages, item.scribe = read.passages, "" if run.scribe is None else run.scribe.name
    return "; ".join(each for each in (said, read.said) if each)


def _afford(run: Run, waiting: Sequence[Attached]) -> None:
    """What all together costs more tokens than are left is left out, from the first that does not fit on."""
    left = run.ledger.left().get("tokens", math.inf)
    for item in waiting:
        cost = sum(priced(piece, run.model).tokens for piece in item.pieces)
        if cost > left:
            _leave_out(run, item, f"it costs about {cost:,} tokens, and {left:,.0f} are left")
        else:
            left -= cost


def _enter(run: Run, item: Attached) -> None:
    """A file's text is evidence from now on, and what nobody vouches for is known to be before the model."""
    if item.passages:
        run.evidence.append(item.evidence())
    if item.pieces and not item.part.trusted:
        run.seen.origins.setdefault(item.part.origin, ATTACHMENT)
        reason = f"{item.name} is shown as data that nobody vouches for"
        run.trace.decision("trust", "entered", reason, call=item.key, tool=ATTACHMENT, origin=item.part.origin)
