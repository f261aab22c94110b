"""Sound as chat completions stream it: base64 in pieces of any length, which are samples once they are put together.

Where a completion is streamed, OpenAI's models give sound as `pcm16` alone: 16 bits a sample, little-endian, one
channel, 24,000 samples a second, and no header.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from .base import AudioDelta

PCM16: Final = "pcm16"
"""What the format is called in requests."""
MEDIA_TYPE: Final = "audio/pcm;rate=24000"
"""What it is called in events."""
BYTES_A_SECOND: Final = 48_000
_SAMPLE: Final = 2


class Samples:
    """Puts the pieces of one sound together."""

    def __init__(self) -> None:
        self._text = ""
        self._bytes = b""

    def add(self, text: str) -> AudioDelta | None:
        """A further piece in base64, as whole samples; `None` where there is none yet, or it is no base64."""
        text = self._text + text
        whole = len(text) - len(text) % 4
        try:
            data = self._bytes + base64.b64decode(text[:whole], validate=True)
        except (binascii.Error, ValueError):
            self._text = ""  # a piece that is lost costs a moment of the sound, and nothing of the answer
            return None
        self._text = text[whole:]
        cut = len(data) - len(data) % _SAMPLE
        self._bytes = data[cut:]
        return AudioDelta(data[:cut], cut / BYTES_A_SECOND, MEDIA_TYPE) if cut else None
