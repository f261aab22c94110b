"""Files of every kind, small and huge, made without holding what they unpack to."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from pathlib import Path

from shotclock.tools.media.parts import Attachment
from shotclock.tools.media.size import Sized, measured
from shotclock.tools.media.sniff import told
from shotclock.tools.media.source import Source


def sized(part: Attachment) -> Sized:
    """The size of a part, measured here instead of in a worker process."""
    source = Source.of(part)
    known = told(source)
    return measured(source.where, known) if known.measurable else known


def png(width: int, height: int, *, claimed: tuple[int, int] | None = None) -> bytes:
    """A grey PNG of that size; `claimed` is what its header says instead."""
    squeezed = zlib.compressobj(1)
    rows = bytes(1 + width) * 64
    body = b"".join(squeezed.compress(rows) for _ in range(height // 64))
    body += squeezed.compress(bytes(1 + width) * (height % 64)) + squeezed.flush()
    head = struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pdf(*texts: str, box: tuple[int, int] = (612, 792)) -> bytes:
    """A PDF with one page for each text."""
    return pdf_of([f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode() for text in texts], box)


def pdf_of(contents: list[bytes], box: tuple[int, int] = (612, 792), *, packed: bool = False) -> bytes:
    """A PDF with one page for each stream of operators; `packed` ones are deflated already."""
    pages = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{pages}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {box[0]} {box[1]}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        filters = b"/Filter /FlateDecode " if packed else b""
        objects.append(
            b"<< " + filters + f"/Length {len(content)} >>".encode() + b"\nstream\n" + content + b"\nendstream"
        )
    return _assembled(objects)


def _assembled(objects: list[bytes]) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    places = []
    for number, item in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + item + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write(b"".join(f"{place:010} 00000 n \n".encode() for place in places))
    out.write(f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def wav(seconds: float, rate: int = 8000) -> bytes:
    """Silence, as bytes."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(b"\x80" * int(seconds * rate))
    return out.getvalue()


def sparse_wav(path: Path, seconds: int, rate: int = 16_000) -> Path:
    """Silence of any length, of which the disk holds no more than the header."""
    size = seconds * rate * 2
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", size)  # fmt: skip
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    return path


def mp4(path: Path, seconds: int = 2, size: tuple[int, int] = (64, 48), fps: int = 5, *, sound: bool = False) -> Path:
    """A video that gets lighter; its sound, where it has one, is silence."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        voice = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for number in range(seconds * fps):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([40 + 10 * (number % 20)]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for number in range(seconds * 16 if voice else 0):
            silence = av.AudioFrame("fltp", "mono", 1_000)
            silence.sample_rate, silence.pts = 16_000, 1_000 * number
            silence.planes[0].update(bytes(silence.planes[0].buffer_size))
            container.mux(voice.encode(silence))
        if voice:
            container.mux(voice.encode())
    return path


def zip_bomb(megabytes: int = 100) -> bytes:
    """A small archive of that many zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
    return out.getvalue()
