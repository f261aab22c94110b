"""Markup in an answer that a screen would fetch by itself, and links that carry something away.

An image in Markdown is fetched the moment it is shown, and its address can hold whatever the model was talked into
putting there. A link is fetched when somebody clicks on it, so it stays, unless it carries text of the conversation.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from .links import URL as _URL
from .links import carries, host_of, stands, trimmed, vouched

_FETCHED = (
    "img|image|picture|source|video|audio|track|iframe|frame|frameset|embed|object|applet|script|link|style|base|meta"
    "|svg|use|form|input|button|portal|body|table|td|th|bgsound|layer|math|noscript|template|dialog|animate|set"
)
_WITH_CONTENT = re.compile(
    r"<\s*(script|style|iframe|object|applet|noscript|template)\b[^>]{0,2000}>.{0,5000}?<\s*/\s*\1\s*>", re.I | re.S
)
_TAG = re.compile(rf"<\s*/?\s*(?:{_FETCHED})(?=[\s/>:\"']|$)(?:\"[^\"]*\"|'[^']*'|[^'\">])*(?:>|$)", re.I | re.S)
_BROKEN_TAG = re.compile(rf"<\s*/?\s*(?:{_FETCHED})(?=[\s/>:\"']|$)[^>]*(?:>|$)", re.I | re.S)
_ACTIVE = re.compile(
    r"<[a-z][^>]{0,2000}?(?:\bon[a-z]{3,}\s*=|\bstyle\s*=[^>]{0,500}(?:url\s*\(|@import|image-set)"
    r"|\b(?:background|srcset|poster)\s*=)[^>]*(?:>|$)",
    re.I | re.S,
)
_SOURCE = re.compile(
    r"(?:[a-z:]*(?:src|href|srcset|data|poster|action|background|content)\s*=|url\s*\()\s*[\"']?([^\"'\s>)]+)", re.I
)
_CSS = re.compile(r"(?:@import\s*)?(?:url|image-set)\s*\(\s*[\"']?([^)\"']*)[\"']?\s*\)?", re.I)
_TARGET = (
    r"\(\s*(?:<([^<>\n]*)>|((?:[^()\s\\]|\\.|\((?:[^()\s\\]|\\.)*\))*))(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*\)"
)
_LABEL = r"\[((?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*)\]"
_IMAGE = re.compile(rf"!{_LABEL}{_TARGET}")
_IMAGE_BY_NAME = re.compile(rf"!{_LABEL}(?:\s?\[([^\[\]]*)\])?")
_LINK = re.compile(rf"(?<!!){_LABEL}{_TARGET}")
_DEFINITION = re.compile(r"^[ >]{0,6}\[([^\[\]\n]+)\]:\s*<?([^\s<>]+)>?[^\n]*$", re.M)
_LOOSE_IMAGE = re.compile(r"!\[([^\[\]]{0,1000})\]\s{0,9}\(([^()\n]{0,2000})\)?")
_ANCHOR = re.compile(
    r"<\s*a\b[^<>]{0,500}?\bhref\s*=\s*[\"']?([^\"'\s<>]+)[^<>]{0,500}>([^<]{0,1000})(?:<\s*/\s*a\s*>)?", re.I
)
_SCRIPTED = re.compile(r"\s*(?:javascript|vbscript|data|blob|file)\s*:", re.I)
_OPENS = re.compile(r"<(?=[a-z/!?])", re.I)
_LONGEST = 100_000
_MOST_TAGS = 300
"""Characters and tags of an answer that is cleaned with care; where it has more, all that could fetch is disarmed."""
_UNSAFE = re.compile(r"!\[|\]\s*[(:\[]|<|//|www\.|url\s*\(", re.I)


def cleaned(text: str, *, vouching: Sequence[str], known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """An answer without what fetches, and what was taken out of it, in words.

    Args:
        text: the answer, in Markdown or HTML or neither.
        vouching: texts whose word counts: the user's, the instructions, what trusted tools found. Markup that fetches
            stays where its host is named in them.
        known: every text of the conversation. A link stays where it stands in one of them, where its host is vouched
            for, or where it carries nothing of them.
    """
    if not _UNSAFE.search(text):
        return text, ()
    if len(text) > _LONGEST or len(_OPENS.findall(text)) > _MOST_TAGS:
        return text.replace("![", "[").replace("<", "&lt;"), ("all images and all HTML, as there is very much of it",)
    cleaning = _Cleaning(vouching, known)
    return cleaning.clean(text), tuple(dict.fromkeys(cleaning.removed))


class Disarming:
    """Text that is shown while it is still being written, before anybody can judge it: nothing in it fetches."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, text: str) -> str:
        """A further piece, as it may be shown; a character that may begin something waits for the next one."""
        text = self._held + text
        self._held = text[-1:] if text[-1:] in ("!", "<") else ""
        shown = text[: len(text) - len(self._held)]
        return _OPENS.sub("‹", shown.replace("![", "["))

    def end(self) -> str:
        """What still waited."""
        held, self._held = self._held, ""
        return held


class _Cleaning:
    def __init__(self, vouching: Sequence[str], known: Sequence[str]) -> None:
        self._vouching = vouching
        self._known = known
        self._judged: dict[str, bool] = {}
        self.removed: list[str] = []

    def clean(self, text: str) -> str:
        """The text without markup that fetches, then without links that carry."""
        text = _WITH_CONTENT.sub(self._tag, text)
        for pattern in (_TAG, _BROKEN_TAG, _ACTIVE):
            text = pattern.sub(self._tag, text)
        text = _CSS.sub(self._css, text)
        text = _IMAGE.sub(self._image, text)
        named = {match[1].casefold().strip(): match[2] for match in _DEFINITION.finditer(text)}
        if named:
            text = _IMAGE_BY_NAME.sub(lambda match: self._image_by_name(match, named), text)
        text = _LOOSE_IMAGE.sub(
            lambda match: self._picture(match[1], match[2].strip(" <").split(" ")[0], match[0]), text
        )
        text = _ANCHOR.sub(self._anchor, text)
        text = _LINK.sub(self._link, text)
        return _URL.sub(self._bare, text)

    def _fetchable(self, url: str) -> bool:
        """Whether a screen may fetch it: its host was named by somebody whose word counts."""
        if _SCRIPTED.match(url):
            return False
        host = host_of(url) if "//" in url else ""
        if not host:
            return False
        if host not in self._judged:
            self._judged[host] = vouched(host, self._vouching)
        return self._judged[host]

    def _linkable(self, url: str) -> bool:
        """Whether it may stay for somebody to click on."""
        if _SCRIPTED.match(url):
            return False
        if "//" not in url and not url.lower().startswith("www."):
            return True
        return self._fetchable(url) or not carries(url, self._known)

    def _tag(self, match: re.Match[str]) -> str:
        whole = match[0]
        sources = [html.unescape(found) for found in _SOURCE.findall(whole)]
        if re.match(r"<\s*/", whole) and not sources:
            return whole if re.match(r"<\s*/?\s*(?:table|td|th)\b", whole, re.I) else ""
        plain = re.match(r"<\s*(?:table|td|th|picture)\b", whole, re.I) and not sources and not _ACTIVE.match(whole)
        if plain or (sources and all(map(self._fetchable, sources)) and _is_picture(whole)):
            return whole
        kind = re.match(r"<\s*/?\s*([a-z]+)", whole, re.I)
        self.removed.append(f"HTML that fetches or runs (<{kind[1].lower() if kind else '?'}>)")
        described = re.search(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", whole, re.I)
        return (described[1] or described[2] or "") if described else ""

    def _css(self, match: re.Match[str]) -> str:
        if match[1] and self._fetchable(match[1]):
            return match[0]
        self.removed.append("a style that fetches")
        return ""

    def _image(self, match: re.Match[str]) -> str:
        return self._picture(match[1], match[2] or match[3] or "", match[0])

    def _image_by_name(self, match: re.Match[str], named: dict[str, str]) -> str:
        url = named.get((match[2] or match[1]).casefold().strip())
        return match[0] if url is None else self._picture(match[1], url, match[0])

    def _picture(self, alternative: str, url: str, whole: str) -> str:
        if self._fetchable(html.unescape(url)):
            return whole
        self.removed.append("an image")
        return alternative

    def _anchor(self, match: re.Match[str]) -> str:
        return match[0] if self._linkable(html.unescape(match[1])) else self._unlinked(match[2])

    def _link(self, match: re.Match[str]) -> str:
        return match[0] if self._linkable(html.unescape(match[2] or match[3] or "")) else self._unlinked(match[1])

    def _unlinked(self, words: str) -> str:
        self.removed.append("a link that carries text of the conversation")
        return words

    def _bare(self, match: re.Match[str]) -> str:
        url = trimmed(match[0])
        if stands(url, self._known) or self._linkable(html.unescape(url)):
            return match[0]
        self.removed.append("a link that carries text of the conversation")
        return f"{host_of(url)}{match[0][len(url) :]}"


def _is_picture(tag: str) -> bool:
    """Whether it is a tag that shows and does nothing else; a script or a frame stays out whoever vouches."""
    return re.match(r"<\s*(?:img|image|picture|source|video|audio|track)\b", tag, re.I) is not None and not re.search(
        r"\bon[a-z]{3,}\s*=", tag, re.I
    )
