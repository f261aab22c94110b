"""Bytes on their way to a worker process by way of a file, which is gone when nobody needs it any more."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import threading
from pathlib import Path
from typing import Final

from ..isolation import POOL

_SLICE: Final = 1 << 20
"""Bytes that are written between two looks at whether anybody still wants them."""


class Spool:
    """A temporary file that may be given up while it is still being written: whoever comes last removes it."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dropped = threading.Event()

    def write(self, data: bytes) -> Path:
        """Write the bytes, in a thread; nobody else on this machine may read them.

        Raises:
            OSError: they cannot be written.
        """
        path = self._path = Path(tempfile.gettempdir(), f"shotclock-{secrets.token_hex(8)}")
        try:
            with open(path, "xb", buffering=0, opener=_private) as file:
                left = memoryview(data)
                while left and not self._dropped.is_set():
                    left = left[file.write(left[:_SLICE]) :]
        except OSError as error:
            self._remove()
            raise OSError(f"it could not be handed to its reader: {error.strerror}") from None
        if self._dropped.is_set():
            self._remove()
        return path

    def drop(self) -> None:
        """Nobody needs it any more: it is removed in a thread, which nobody waits for."""
        self._dropped.set()
        if self._path is not None:
            POOL.submit(self._remove)

    def _remove(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
