"""What people wrote about an API, in the few words a model has to pay for, and names that models accept."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Collection

LONGEST_NAME = 64
"""Characters of a tool's or an argument's name that models accept."""

_TAG = re.compile(r"<[^<>]{0,500}>")
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()]{0,1000}\)")
_END = re.compile(r"[.!?](?=\s)")


def shortened(text: str, limit: int) -> str:
    """The text on one line without markup; over `limit` characters it is cut after a sentence, or else a word."""
    plain = _LINK.sub(r"\1", _TAG.sub(" ", text[: 20 * limit]))
    plain = " ".join(html.unescape(plain).split())
    if len(plain) <= limit:
        return plain
    ends = [match.end() for match in _END.finditer(plain[: limit + 1])]
    if ends:
        return plain[: ends[-1]]
    return plain[: limit - 1].rpartition(" ")[0].rstrip(",;:") + "…"


def valid_name(text: str, taken: Collection[str], *, dots: bool = False) -> str:
    """A name like `text` that models accept and that is not `taken`: letters, digits, `_` and `-`, 64 at most."""
    name = re.sub(r"[^A-Za-z0-9_.-]+" if dots else r"[^A-Za-z0-9_-]+", "_", text).strip("_.") or "_"
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    chosen, number = name, 2
    while chosen in taken:
        ending = f"_{number}"
        chosen, number = name[: LONGEST_NAME - len(ending)] + ending, number + 1
    return chosen
