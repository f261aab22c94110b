"""Where a part's bytes are: in a file, or at hand. Nothing is copied to look at them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from .parts import Attachment
from .spool import Spool

SENT = 4_000_000
"""Bytes that are sent to a worker process as they are; of more a file is made first, as to copy them would hold up the
program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file or bytes to read from.

    Attributes:
        path: the file; `None` where the bytes are at hand.
        data: the bytes; `None` where they lie in a file.
        size: how many bytes there are.
    """

    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    size: int

    @classmethod
    def of(cls, part: Attachment) -> Source:
        """The source of a part that is no URL.

        Raises:
            OSError: there is no regular file at its path; the message is a sentence without the path.
        """
        if part.data is not None:
            return cls(data=part.data, size=len(part.data))
        assert part.path is not None
        path = Path(os.path.abspath(os.fspath(part.path)))
        try:
            found = path.stat()
        except (OSError, ValueError) as error:
            raise OSError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if not stat.S_ISREG(found.st_mode):
            # To open a pipe or a device could block for ever.
            raise OSError("it is no regular file but a folder, pipe, socket or device")
        return cls(path=path, size=found.st_size)

    def sendable(self, spool: Spool) -> Source:
        """It as a worker process takes it: bytes that are too many to be sent lie in the spool then. In a thread.

        Raises:
            OSError: they cannot be written.
        """
        if self.data is None or self.size <= SENT:
            return self
        return Source(path=spool.write(self.data), size=self.size)

    def open(self) -> BinaryIO:
        """It as a binary file that can be read from any place."""
        return BytesIO(self.data) if self.data is not None else open(self._file, "rb")

    def read(self, most: int) -> bytes:
        """Its first `most` bytes at most."""
        if self.data is not None:
            return self.data if self.size <= most else self.data[:most]
        with self.open() as file:
            return file.read(most)

    @property
    def where(self) -> str | bytes:
        """Its path, or its bytes: what libraries take that read by themselves."""
        return self.data if self.data is not None else str(self._file)

    @property
    def _file(self) -> Path:
        assert self.path is not None
        return self.path
