"""How long a server asks to be left alone: the headers `retry-after-ms` and `retry-after`."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds the headers, by lower-case name, ask to wait: `retry-after-ms`, or `retry-after` as seconds or as a date.

    `None` where they do not ask, or ask for what is no time (negative, infinite, unreadable). A date that is over is 0.
    """
    milliseconds, wait = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    with suppress(ValueError):
        return _finite(float(milliseconds) / 1000)
    with suppress(ValueError):
        return _finite(float(wait))
    with suppress(ValueError, TypeError, OverflowError):
        # The one use of the wall clock: the header gives an instant of it.
        return max(0.0, parsedate_to_datetime(wait).timestamp() - time.time())
    return None


def _finite(seconds: float) -> float | None:
    return seconds if 0 <= seconds < math.inf else None
