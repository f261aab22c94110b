"""URLs: whose word their host stands on, and what of a conversation they would carry there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from .credentials import shaped, unwrapped

LONGEST_COPY = 24
"""Letters and digits in a row that a query, a fragment or a host name may have in common with the conversation: a few
words to search for."""

LONGEST_PATH_COPY = 40
"""The same for one part of a path, where the titles of pages stand."""

LEAST_FIGURE = 8
"""Characters from which a token with a digit in it is taken for somebody's number, code or identifier."""

LONGEST_URL = 4_000
"""Characters of a URL that is looked at; a longer one, that stands nowhere, carries too much whatever it is."""

LEAST_OPAQUE = 32
"""Characters from which a text without words in it, that stood nowhere before, is taken for data in disguise."""

URL = re.compile(r"(?:\b[a-z][a-z0-9+.\-]{1,15}:)?//[^\s<>\"'`|\\^{}]+|\bwww\.[^\s<>\"'`|\\^{}]+", re.IGNORECASE)
"""A URL in a text, with what may follow it; see `urls`."""

_CLOSING = ".,;:!?…*_~"
_TOKEN = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+|[^\W_]+")
_NO_WORD = re.compile(r"[\W_]+")
_OPAQUE = re.compile(r"(?=[A-Za-z0-9+/_=\-]*[0-9])(?=[A-Za-z0-9+/_=\-]*[A-Za-z])[A-Za-z0-9+/_=\-]+")


def urls(text: str) -> list[str]:
    """The URLs in a text, each once, without the punctuation that ends the sentence around them."""
    if "//" not in text and "www." not in text.lower():
        return []
    return list(dict.fromkeys(trimmed(match[0]) for match in URL.finditer(text)))


def trimmed(url: str) -> str:
    """A URL without the punctuation behind it; a closing bracket belongs to it only where it opened one."""
    end = len(url)
    surplus = {closing: url.count(closing) - url.count(opening) for closing, opening in _OPENING.items()}
    while end and (url[end - 1] in _CLOSING or surplus.get(url[end - 1], 0) > 0):
        end -= 1
        if url[end] in surplus:
            surplus[url[end]] -= 1
    return url[:end]


_OPENING = {")": "(", "]": "["}


@lru_cache(maxsize=1024)
def host_of(url: str) -> str:
    """The host of a URL in small letters, or nothing where it has none."""
    try:
        return (urlsplit(url if "//" in url else f"//{url}").hostname or "").rstrip(".").lower()
    except ValueError:  # brackets that do not match
        return ""


def vouched(host: str, texts: Iterable[str]) -> bool:
    """Whether one of the texts names the host, or a domain that it belongs to."""
    if not host:
        return False
    labels = host.split(".")
    domains = {".".join(labels[start:]) for start in range(max(1, len(labels) - 1))} | {host}
    named = "|".join(map(re.escape, sorted(domains)))
    pattern = re.compile(rf"(?<![\w\-])(?<![\w\-]\.)(?:{named})(?![\w\-]|\.[\w\-])", re.IGNORECASE)
    return any(pattern.search(text) for text in texts)


def carries(url: str, texts: Sequence[str]) -> str:
    """What of the conversation, whose `texts` are given, a URL would carry; see `Conversation.carries`."""
    return Conversation(texts).carries(url)


def stands(url: str, texts: Iterable[str]) -> bool:
    """Whether a URL stands in one of the texts as it is, and not as the beginning of a longer one."""
    plain = url.rstrip("/")
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(plain)}/?(?=[\s<>\"'`|\\^{{}})\],;!]|[.?:…*_~]+(?:\s|$)|$)")
    return any(plain in text and pattern.search(text) for text in texts)


def _fields(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True) or [("", query)]


class Conversation:
    """The texts of a conversation, as what is copied from them is looked for."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._verbatim = list(dict.fromkeys(texts))
        self._texts = [text.lower() for text in self._verbatim]
        self._squeezed: list[str] | None = None

    def stands(self, url: str) -> bool:
        """Whether a URL stands in it as it is."""
        return stands(url, self._verbatim)

    def carries(self, url: str) -> str:
        """What of the conversation a URL would carry, in words for people that do not repeat it; empty for nothing.

        A URL, or a path with its query, that stands in a text as it is was written by somebody who did not know the
        rest.
        """
        try:
            parts = urlsplit(url if "//" in url else f"//{url}")
            host = (parts.hostname or "").lower()
        except ValueError:  # brackets that do not match
            return "what cannot be read"
        if len(url) > LONGEST_URL:
            return f"{len(url):,} characters"
        if self.stands(url):
            return ""
        relative = f"{parts.path}?{parts.query}" if parts.query else parts.path
        found = len(relative) > 1 and self.stands(relative)
        path = [] if found else parts.path.split("/")
        fields = [] if found else [text for pair in _fields(parts.query) for text in pair]
        rest = [*fields, parts.fragment, parts.username or "", parts.password or "", *host.split(".")[:-2]]
        pieces = [(piece, LONGEST_PATH_COPY) for piece in path] + [(piece, LONGEST_COPY) for piece in rest]
        for piece, longest in pieces:
            for layer in unwrapped(unquote(piece)) if piece else ():
                if said := self._copied(layer, longest):
                    return said
        return ""

    def _copied(self, piece: str, longest: int) -> str:
        """What a piece of a URL has of it, in words."""
        if shaped(piece):
            return "a credential"
        small = piece.lower()
        for match in _TOKEN.finditer(small):
            token = match[0]
            telling = "@" in token or (len(token) >= LEAST_FIGURE and any(c.isdigit() for c in token))
            if telling and any(token in text for text in self._texts):
                return "an address" if "@" in token else f"{len(token)} characters of a number or code"
        squeezed = _NO_WORD.sub("", small)
        least = LEAST_FIGURE if squeezed.isdigit() else longest
        if len(squeezed) >= least and any(squeezed in text for text in self._all_squeezed()):
            return f"{len(piece)} characters of the conversation"
        if len(squeezed) > longest and self._overlaps(squeezed, longest):
            return f"over {longest} characters of the conversation"
        if len(piece) >= LEAST_OPAQUE and _OPAQUE.fullmatch(piece) and not self._has(piece):
            return f"{len(piece)} characters in disguise"
        return ""

    def _overlaps(self, squeezed: str, longest: int) -> bool:
        steps = range(0, min(len(squeezed), 2_000) - longest + 1, max(1, longest // 4))
        return any(squeezed[at : at + longest] in text for at in steps for text in self._all_squeezed())

    def _has(self, piece: str) -> bool:
        return any(piece.lower() in text for text in self._texts)

    def _all_squeezed(self) -> list[str]:
        if self._squeezed is None:
            self._squeezed = [_NO_WORD.sub("", text) for text in self._texts]
        return self._squeezed
