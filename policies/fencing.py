"""Untrusted text as it may stand inside a fence: it cannot end the fence, pose as a role, or hide anything.

Nothing here makes text safe to obey; it makes sure that what is data looks like data to a model, and that what tried to
look like something else is known.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

OPENING = "<untrusted>"
"""What stands before untrusted content."""

CLOSING = "</untrusted>"
"""What stands behind it."""

ROLE = "a role of the conversation"
"""What `smuggled` says of lines that pose as a system's, a user's or an assistant's."""


HIDDEN = "hidden characters"
"""What is found where characters are there to hide something."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """A text that stays inside its fence.

    Attributes:
        text: the text.
        found: what it tried, in words: `an end of its fence`, `marks of a chat`, `hidden characters`.
    """

    text: str
    found: tuple[str, ...] = ()


_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
# Zero-width joiners are letters of Persian and of emoji; beside ASCII they only take words apart.
_INVISIBLE = re.compile(
    rf"{_CONTROL}|[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    r"\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]|[\ufe00-\ufe0f]{2,}"
    r"|(?<=[\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\x7f])|[\u200c\u200d]{2,}"
)
_HIDING = re.compile(r"[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]|[\ufe00-\ufe0f]{2,}|[\u200b-\u200d\u2060]{3,}")
"""What is there to hide something, rather than by chance."""

_BETWEEN = r"[\W_]{0,4}"
_FENCE = re.compile(r"(?:<|&(?:lt|#0*60|#x0*3c);?)[^\w<>]{0,12}" + _BETWEEN.join("untrusted"), re.IGNORECASE)
_CHAT = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<(?:start|end)_of_turn>|</?s>|<</?SYS>>|\[/?INST\]|<(?:bos|eos)>", re.IGNORECASE
)
_ROLE = re.compile(
    r"^[#>*\-\s\[<(]*(?:system|assistant|developer|human|user)[\])>*]*\s*:", re.IGNORECASE | re.MULTILINE
)
_CALL = re.compile(
    r"<\s*/?\s*(?:tool_calls?|function_calls?|invoke|tool_use|tool_result|function_results?)\b"
    r"|[\"'](?:tool_calls|function_call|tool_use)[\"']\s*:|\bfunctions\.\w+\s*\(|\[TOOL_CALLS\]",
    re.IGNORECASE,
)

_ALIKE = str.maketrans(
    {
        **dict.fromkeys("‹〈⟨❮❬＜﹤˂≺⧼«⟪《‹᐀", "<"),
        **dict.fromkeys("｜∣❘│ǀ", "|"),
        **dict.fromkeys("υսцԱυʋᴜꭎ", "u"),
        **dict.fromkeys("пոηռνɴ", "n"),
        **dict.fromkeys("тτՏᴛŧ", "t"),
        **dict.fromkeys("гяʀꭇ", "r"),
        **dict.fromkeys("ѕꜱʂ", "s"),
        **dict.fromkeys("еεєҽᴇ", "e"),
        **dict.fromkeys("ԁժɗᴅđ", "d"),
        **dict.fromkeys("∕⁄／⧸╱", "/"),
    }
)


def neutralised(text: str) -> Neutral:
    """The text without invisible characters, ends of the fence and marks of chat templates, and what there was."""
    found: list[str] = []
    if not text.isascii() or not text.isprintable():
        if _HIDING.search(text):
            found.append(HIDDEN)
        text = _INVISIBLE.sub("", text)
    if fence := _spots(_FENCE, text):
        found.append("an end of its fence")
    if chat := _spots(_CHAT, text):
        found.append("marks of a chat")
    for at in sorted({*fence, *chat}, reverse=True):
        text = f"{text[:at]}{_harmless(text[at])}{text[at + 1 :]}"
    return Neutral(text, tuple(found))


def smuggled(text: str, tools: Collection[str]) -> tuple[str, ...]:
    """What a text tries to be instead of data, in words: what `neutralised` finds, a role, or a call of one of `tools`.

    It stays text whatever it tries; this is for the record.
    """
    neutral = neutralised(text)
    found = [*neutral.found]
    if _ROLE.search(neutral.text):
        found.append(ROLE)
    if _CALL.search(neutral.text) or _calls(neutral.text, tools):
        found.append("a call of a tool")
    return tuple(found)


def _calls(text: str, tools: Collection[str]) -> bool:
    """Whether a tool's name stands where a call in JSON would have it."""
    if '"' not in text or not tools:
        return False
    names = "|".join(map(re.escape, tools))
    return (
        re.search(rf'\\?"(?:name|tool|function|tool_name|recipient_name)\\?"\s*:\s*\\?"(?:{names})\\?"', text)
        is not None
    )


def _spots(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.start() for match in pattern.finditer(_folded(text))]


def _folded(text: str) -> str:
    """The text with letters that only look alike replaced, one for one, so that places stay where they are."""
    return text if text.isascii() else text.translate(_alike())


@cache
def _alike() -> dict[int, int | str | None]:
    """Characters by what they look like: full-width, mathematical, circled and small capitals, and other scripts'."""
    table: dict[int, int | str | None] = dict(_ALIKE)
    for first, last in ((0x2460, 0x24FF), (0xFE50, 0xFE6F), (0xFF01, 0xFF5E), (0x1D400, 0x1D7FF), (0x1F100, 0x1F1AA)):
        for point in range(first, min(last, sys.maxunicode) + 1):
            plain = [c for c in unicodedata.normalize("NFKD", chr(point)) if c.isalnum() or c in "<>/|"]
            if len(plain) == 1:
                table.setdefault(point, plain[0].translate(_ALIKE))
    for point in range(0xC0, 0x250):
        base = unicodedata.normalize("NFD", chr(point))[0]
        if base.isascii():
            table.setdefault(point, base)
    return table


def _harmless(first: str) -> str:
    """The first character of a mark, so that it is none any more and can still be read."""
    return {"<": "&lt;", "[": "&#91;", "&": "&amp;"}.get(first, "(")
