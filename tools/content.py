"""A result as text for a model: whole where it fits, cut where it does not, and it says so.

What is rendered is bounded before it is rendered, so that a result of 50 MB costs no more than one of the limit's size.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from .call import Passage
from .media.parts import Attachment
from .media.results import described, media_in

_DEEPEST = 40
"""Levels of nesting that are followed; below them stands `…`."""


class Content(NamedTuple):
    """A result as text: `text` for the model, the `passages` it consists of, and whether it was cut."""

    text: str
    passages: tuple[Passage, ...] = ()
    truncated: bool = False


def render(value: Any, limit: int) -> Content:
    """Render what a tool returned as at most about `limit` characters.

    Text stays as it is, passages are shown with their source, binary data is named by its size, and everything else
    (models, dataclasses, mappings, sequences) becomes JSON.
    """
    if value is None:
        return Content("")
    if isinstance(value, str):
        return _cut(value, limit, len(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Content(f"{len(value):,} bytes of binary data")
    if media_in(value):
        return _render_media(value if isinstance(value, (list, tuple)) else [value], limit)
    passages = _passages(value)
    if passages:
        return _render_passages(passages, limit)
    allowance = _Allowance(limit)
    small = _shrink(value, allowance, 0)
    text = json.dumps(small, ensure_ascii=False, default=str)
    if not allowance.exceeded:
        return _cut(text, limit, len(text))
    return Content(f"{sound(text[:limit])}\n[cut: the result is longer than {limit:,} characters]", truncated=True)


def _cut(text: str, limit: int, size: int) -> Content:
    if size <= limit:
        return Content(sound(text))
    return Content(f"{sound(text[:limit])}\n[cut: {limit:,} of {size:,} characters are shown]", truncated=True)


def sound(text: str) -> str:
    """The text without lone surrogates, which no encoder takes; a subclass of `str` becomes a `str`."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else str.__str__(text)


def _passages(value: Any) -> tuple[Passage, ...]:
    if isinstance(value, Passage):
        return (value,)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, Passage) for item in value):
        return tuple(value)
    return ()


def _render_media(items: Sequence[Any], limit: int) -> Content:
    """Texts as they are and files by their names: what a model may see of them is handed to it beside the text."""
    text = "\n".join(described(item) if isinstance(item, Attachment) else render(item, limit).text for item in items)
    return _cut(text, limit, len(text))


def _render_passages(passages: tuple[Passage, ...], limit: int) -> Content:
    kept: list[Passage] = []
    size = 0
    for passage in passages:
        size += len(passage.text) + len(passage.source) + 4
        if size > limit and kept:
            break
        kept.append(dataclasses.replace(passage, text=sound(passage.text[:limit])))
    text = "\n\n".join(f"[{p.source}]\n{p.text}" for p in kept)
    cut = len(kept) < len(passages) or any(len(p.text) > limit for p in passages)
    if cut:
        text += f"\n[cut: {len(kept)} of {len(passages)} passages are shown, {limit:,} characters at most]"
    return Content(text, tuple(kept), cut)


class _Allowance:
    """Characters that may still be taken."""

    __slots__ = ("exceeded", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.exceeded = False

    def take(self, size: int) -> bool:
        self.left -= size
        self.exceeded = self.exceeded or self.left < 0
        return self.left >= 0


def _shrink(value: Any, allowance: _Allowance, depth: int) -> Any:
    """A copy of JSON-like values that takes no more than the allowance."""
    if isinstance(value, str):
        kept = value[: max(0, allowance.left)]
        allowance.take(len(value) + 2)
        return kept
    if value is None or isinstance(value, (bool, int, float)):
        allowance.take(4 if not isinstance(value, (int, float)) else 8)
        return value
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _shrink_pairs(value.items(), allowance, depth)
    if isinstance(value, BaseModel):
        return _shrink_pairs(((n, getattr(value, n)) for n in type(value).model_fields), allowance, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _shrink_pairs(((f.name, getattr(value, f.name)) for f in dataclasses.fields(value)), allowance, depth)
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray, memoryview)):
        items = []
        for item in value:
            if not allowance.take(2):
                break
            items.append(_shrink(item, allowance, depth + 1))
        return items
    text = str(value) if not isinstance(value, (bytes, bytearray, memoryview)) else f"{len(value):,} bytes"
    return _shrink(text, allowance, depth)


def _shrink_pairs(pairs: Any, allowance: _Allowance, depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, item in pairs:
        if not allowance.take(len(str(key)) + 4):
            break
        kept[str(key)] = _shrink(item, allowance, depth + 1)
    return kept
