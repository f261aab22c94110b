"""Which kinds of files a model takes, and what they cost it in tokens."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ...policies.errors import UsageError
from ...policies.media_tokens import family_of
from .base import MediaPiece, Model
from .effort import usual

NO_MEDIA: Final[Mapping[str, tuple[MediaPiece, ...]]] = MappingProxyType({})
"""The files of a request that has none."""

TEXT_ONLY: Final[frozenset[str]] = frozenset()
"""The kinds of a model that says nothing of them."""

_SEES: Final = frozenset({"image"})
_READS: Final = frozenset({"image", "document"})
_HEARS: Final = frozenset({"audio"})
_ALL: Final = frozenset({"image", "document", "audio"})

_BY_NAME: Final = tuple(
    (re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE), kinds)
    for pattern, kinds in (
        (r"gpt-4o(-mini)?-audio|gpt-audio", _HEARS),
        (r"gpt-4o|gpt-4\.1|gpt-5|o1(?!-mini)|o3(?!-mini)|o4-mini", _READS),
        (r"gemini", _ALL),
        (r"claude", _SEES),
        (r".*(vision|llava|pixtral|[-.]vl\b|-vl-|gemma-?3|llama-?4|mistral-small-3\.[12])", _SEES),
        (r"voxtral|.*qwen2?[^/]*audio", _HEARS),
    )
)
"""What published models take through chat completions, by how their names begin; what stands before a slash is their
host's. Claude's compatible endpoint takes images and no files."""


def by_name(model: str) -> frozenset[str]:
    """The kinds that a model of this name is known to take; none where it is not known."""
    return next((kinds for pattern, kinds in _BY_NAME if pattern.match(model)), TEXT_ONLY)


def kinds_of(modalities: Collection[str]) -> frozenset[str]:
    """The kinds of files that somebody says a model takes.

    Raises:
        UsageError: there are no such kinds.
    """
    if isinstance(modalities, str) or not set(modalities) <= {"image", "document", "audio"}:
        raise UsageError(f"modalities must hold 'image', 'document' and 'audio' only, got {modalities!r}")
    return frozenset(modalities)


def modalities_of(model: Model) -> frozenset[str]:
    """The kinds of files that a model takes, by its own account."""
    return frozenset(getattr(usual(model), "modalities", TEXT_ONLY))


def tokens_of(media: Mapping[str, tuple[MediaPiece, ...]]) -> int:
    """What the files of a request are estimated to cost in tokens."""
    return sum(piece.tokens for pieces in media.values() for piece in pieces)


def priced(piece: MediaPiece, model: Model) -> MediaPiece:
    """A piece with what it is estimated to cost a model in tokens."""
    family = family_of(usual(model).name)
    if piece.kind == "image":
        return replace(piece, tokens=family.image(piece.width, piece.height))
    tokens = family.audio(piece.seconds) if piece.kind == "audio" else family.document(max(1, piece.pages))
    return replace(piece, tokens=tokens)
