"""Promise 1 and 3, for what strangers send: files of every kind, cut, flipped and overwritten, are shown or left out
with a warning, and neither crash nor stall a run."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterator

import pytest

from shotclock import Agent, Budget, Document, Policy
from shotclock.policies.media import Media
from shotclock.testing import ScriptedModel

from ..tools.media.files import mp4, pdf, wav

EACH = 12
"""Damaged files of each kind."""


class Seeing(ScriptedModel):
    """A scripted model that takes files."""

    modalities = frozenset({"image", "document", "audio"})


def picture(form: str, **how: object) -> bytes:
    from PIL import Image

    noise = Image.frombytes("RGB", (120, 90), random.Random(form).randbytes(120 * 90 * 3))
    out = io.BytesIO()
    noise.save(out, form, **how)
    return out.getvalue()


def sound(form: str, codec: str, samples: str = "fltp", rate: int = 16_000) -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for number in range(16):
            frame = av.AudioFrame(samples, "mono", rate // 16)
            frame.sample_rate, frame.pts = rate, number * rate // 16
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


WHOLE = {
    "png": lambda folder: picture("PNG"),
    "jpeg": lambda folder: picture("JPEG"),
    "gif": lambda folder: picture("GIF"),
    "webp": lambda folder: picture("WEBP"),
    "bmp": lambda folder: picture("BMP"),
    "tiff": lambda folder: picture("TIFF", compression="tiff_lzw"),
    "pdf": lambda folder: pdf(*(f"Words of page {number}" for number in range(4))),
    "html": lambda folder: b"<!doctype html><html><body><p>Words <b>on</b> a page.</p></body></html>" * 9,
    "text": lambda folder: b"Words on a page.\n" * 50,
    "wav": lambda folder: wav(1),
    "flac": lambda folder: sound("flac", "flac", "s16"),
    "ogg": lambda folder: sound("ogg", "libopus", rate=48_000),
    "mp3": lambda folder: sound("mp3", "libmp3lame"),
    "mp4": lambda folder: mp4(folder / "a.mp4", sound=True).read_bytes(),
    "mkv": lambda folder: mp4(folder / "a.mkv").read_bytes(),
    "avi": lambda folder: mp4(folder / "a.avi").read_bytes(),
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The same file, cut, or with a few bits, bytes of its header, or a stretch of it changed."""
    at, broken = chance.randrange(1, len(data)), bytearray(data)
    match chance.randrange(4):
        case 0:
            return data[:at]
        case 1:
            for _ in range(chance.randrange(1, 9)):
                broken[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 2:
            for _ in range(chance.randrange(1, 5)):
                broken[chance.randrange(min(len(data), 64))] = chance.choice((0, 127, 128, 255))
        case 3:
            broken[at : at + 200] = chance.randbytes(len(broken[at : at + 200]))
    return bytes(broken)


def mentioned(name: str, warnings: tuple[str, ...]) -> Iterator[str]:
    return (each for each in warnings if each.lower().startswith((f"{name} ", f"{name}:")))


@pytest.mark.parametrize("kind", WHOLE)
async def test_damaged_files_are_shown_or_left_out_and_said(kind, tmp_path, capfd):
    """Each damaged file reaches the model as far as it can be read, or a warning says why not; the answer comes in
    time, and no reader prints its complaints into the program's output."""
    chance, whole = random.Random(kind), WHOLE[kind](tmp_path)
    parts = [Document(data=damaged(whole, chance), name=f"{kind}-{number}") for number in range(EACH)]
    model = Seeing(["I see."])
    agent = Agent(model, policy=Policy(media=Media(share=0.9, image_pixels=5_000)))
    capfd.readouterr()
    began = time.monotonic()
    result = await agent.run(["What is it?", *parts], budget=Budget(latency=20))
    assert time.monotonic() - began < 20.05
    assert result.answer == "I see."
    pieces = {piece.name for given in model.requests[-1].media.values() for piece in given}
    for part in parts:
        told = " ".join(mentioned(part.label, result.warnings))
        shown = any(name.startswith(part.label) for name in pieces) or any(
            item.origin == part.label for item in result.evidence
        )
        assert shown or "is left out: " in told, (part.label, result.warnings)
        assert "was not read within" not in told
    assert capfd.readouterr().err == ""
