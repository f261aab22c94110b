"""The bytes of a packed stream, in bounded memory: gzip, bzip2 and xz, read forwards only."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, Final

MAX_UNPACKED: Final = 100_000_000
"""Bytes that are unpacked of one stream; what comes after them is not looked at."""
MAX_READ: Final = 1_000_000
"""Bytes that are read in one piece: what asks for more was told a lie by the archive."""
MAX_DICTIONARY: Final = 100_000_000
"""Bytes of memory that unpacking xz may take."""
_CHUNK: Final = 65_536

MAKERS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY),
}
"""What unpacks a stream, by the name of its packing."""


class TooMuch(Exception):
    """The stream goes on past what is unpacked, or something asked for more than is read in one piece."""


class Bounded(io.RawIOBase):
    """A file that hands out no more than `most` bytes in one piece, for readers that believe what archives say."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Read; see `TooMuch`."""
        if size is not None and size > self._most:
            raise TooMuch
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()


class Unpacked(io.RawIOBase):
    """The bytes of a packed file as a file that can be read, and sought in forwards.

    Args:
        file: the packed bytes.
        packing: one of `MAKERS`.

    Reading raises `TooMuch` past `MAX_UNPACKED`, and `ValueError` where the stream is damaged.
    """

    def __init__(self, file: IO[bytes], packing: str) -> None:
        self._file = file
        self._make = MAKERS[packing]
        self._inflater = self._make()
        self._packed = b""
        self._ready = b""
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Forwards only."""
        return True

    def tell(self) -> int:
        """Bytes that were handed out or passed over."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Pass over what lies before `offset`."""
        if whence != io.SEEK_SET or offset < self._at:
            raise io.UnsupportedOperation("a packed stream is read forwards only")
        while self._at < offset and self._take(min(_CHUNK, offset - self._at)):
            pass
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes, fewer at the end."""
        wanted = MAX_READ if size is None or size < 0 else size
        if wanted > MAX_READ:
            raise TooMuch
        parts = []
        while wanted and (part := self._take(min(_CHUNK, wanted))):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def _take(self, most: int) -> bytes:
        if self._at >= MAX_UNPACKED:
            raise TooMuch
        if not self._ready:
            self._ready = self._unpack()
        part, self._ready = self._ready[:most], self._ready[most:]
        self._at += len(part)
        return part

    def _unpack(self) -> bytes:
        """Some more bytes; none at the end."""
        while True:
            if self._inflater.eof and not self._next_stream():
                return b""
            try:
                made = self._inflate()
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                raise ValueError(f"its packed data is damaged ({error})") from None
            if made:
                return made
            if not self._packed and not self._inflater.eof:
                self._packed = self._file.read(_CHUNK)
                if not self._packed:
                    raise ValueError("its packed data is cut off")

    def _inflate(self) -> bytes:
        packed, self._packed = self._packed, b""
        made: bytes = self._inflater.decompress(packed, _CHUNK)
        self._packed = getattr(self._inflater, "unconsumed_tail", b"")  # the other two keep what is left themselves
        return made

    def _next_stream(self) -> bool:
        """Whether another packed stream follows the one that has ended."""
        rest = self._inflater.unused_data or self._file.read(_CHUNK)
        if not rest.strip(b"\0"):
            return False
        self._inflater, self._packed = self._make(), rest
        return True
