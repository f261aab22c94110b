"""What every command says and prints: a line on standard error, a value as JSON on standard output."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any


def say(sentence: str) -> None:
    """One line on standard error, whatever the sentence quotes; nothing where that cannot be written either."""
    with contextlib.suppress(OSError, ValueError):
        print(f"shotclock: {' '.join(sentence.split())}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print a value as JSON; a pipe that does not take every letter gets them escaped, so that none is lost."""
    every = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not every, indent=2, default=str))
