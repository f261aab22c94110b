"""Markup in an answer that a screen would fetch by itself, and links that carry something away.

An image in Markdown is fetched the moment it is shown, and its address can hold whatever the model was talked into
putting there. A link is fetched when somebody clicks on it, so it stays, unless it carries text of the conversation.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from .links import URL as _URL
from .links import Conversation, host_of, trimmed, vouched

_FETCHED = (
    "img|image|picture|source|video|audio|track|iframe|frame|frameset|embed|object|applet|script|link|style|base|meta"
    "|svg|use|form|input|button|portal|body|table|td|th|bgsound|layer|math|noscript|template|dialog|animate|set"
)
_OPENER = re.compile(rf"<\s{{0,9}}/?\s{{0,9}}({_FETCHED})(?=[\s/>:\"']|$)", re.I)
_HIDDEN = ("script", "style", "iframe", "object", "applet", "noscript", "template")
"""Tags of which what stands between them goes too."""
_ACTIVE = re.compile(r"\bon[a-z]{3,20}\s{0,9}=|\b(?:style|background|srcset|poster)\s{0,9}=", re.I)
_SOURCE = re.compile(
    r"(?:(?:src|href|srcset|data|poster|action|background|content)\s{0,9}=|url\s{0,9}\()\s{0,9}[\"']?([^\"'\s>)]+)",
    re.I,
)
_CSS = re.compile(r"(?:url|image-set)\s{0,9}\(\s{0,9}[\"']?([^)\"'\n]*)[\"']?\s{0,9}\)?|@import\b", re.I)
_TARGET = (
    r"\(\s{0,9}(?:<([^<>\n]{0,4000})>|((?:[^()\s\\]|\\.|\((?:[^()\s\\]|\\.){0,4000}\)){0,4000}))"
    r"(?:\s{1,9}(?:\"[^\"]{0,1000}\"|'[^']{0,1000}'|\([^()]{0,1000}\)))?\s{0,9}\)"
)
_LABEL = r"\[((?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.){0,1000}\]){0,1000})\]"
_IMAGE = re.compile(rf"!{_LABEL}{_TARGET}")
_IMAGE_BY_NAME = re.compile(rf"!{_LABEL}(?:\s?\[([^\[\]]*)\])?")
_LINK = re.compile(rf"(?<!!){_LABEL}{_TARGET}")
_DEFINITION = re.compile(r"^[ >]{0,6}\[([^\[\]\n]+)\]:\s*<?([^\s<>]+)>?[^\n]*$", re.M)
_LOOSE_IMAGE = re.compile(r"!\[([^\[\]]{0,1000})\]\s{0,9}\(([^()\n]{0,2000})\)?")
_ANCHOR = re.compile(r"<\s{0,9}(/?)\s{0,9}a\b[^<>]*>?", re.I)
_SIMPLE_TAG = re.compile(r"<[a-z][^<>]*>?", re.I)
_TABLES = ("table", "td", "th", "picture")
_PICTURES = ("img", "image", "picture", "source", "video", "audio", "track")
_ALT = re.compile(r"\balt\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)')", re.I)
_SCRIPTED = re.compile(r"\s*(?:javascript|vbscript|data|blob|file)\s*:", re.I)
_OPENS = re.compile(r"<(?=[a-z/!?])", re.I)
_LONGEST = 50_000
_MOST_LINKS = 500
"""Characters of an answer whose markup is judged piece by piece, and links in it that are; in a longer one everything
that could fetch is disarmed, and further links are taken out."""
_LONGEST_TAG = 4_000
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
    cleaning = _Cleaning(vouching, known)
    if len(text) > _LONGEST:
        cleaning.removed.append("all images and all HTML, as it is very long")
        text = cleaning.unlink(text.replace("![", "[").replace("<", "&lt;"))
    else:
        text = cleaning.unlink(cleaning.unfetch(text))
    return text, tuple(dict.fromkeys(cleaning.removed))


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
        self._conversation = Conversation(known)
        self._judged: dict[str, bool] = {}
        self._links: dict[str, bool] = {}
        self._unlinking = False
        self.removed: list[str] = []

    def unfetch(self, text: str) -> str:
        """The text without markup that a screen fetches or runs by itself."""
        text = _SIMPLE_TAG.sub(self._simple, self._untagged(text))
        text = _CSS.sub(self._css, text)
        if _OPENS.search(text) and _ACTIVE.search(text):
            # Tags that only a browser would make out: none is left to it.
            self.removed.append("HTML that may fetch or run")
            text = _OPENS.sub("&lt;", text)
        text = _IMAGE.sub(self._image, text)
        named = {match[1].casefold().strip(): match[2] for match in _DEFINITION.finditer(text)}
        if named:
            text = _IMAGE_BY_NAME.sub(lambda match: self._image_by_name(match, named), text)
        return _LOOSE_IMAGE.sub(
            lambda match: self._picture(match[1], match[2].strip(" <").split(" ")[0], match[0]), text
        )

    def unlink(self, text: str) -> str:
        """The text without links that carry something of the conversation."""
        text = _ANCHOR.sub(self._anchor, text)
        return _URL.sub(self._bare, _LINK.sub(self._link, text))

    def _untagged(self, text: str) -> str:
        """The text without the tags that fetch or run, each up to where a browser sees its end."""
        kept, at, without = [], 0, set[str]()
        lowered = text.lower()
        while (match := _OPENER.search(text, at)) is not None:
            name, end = match[1].lower(), _end_of_tag(text, match.end())
            whole = text[match.start() : end]
            shown = self._tag(name, whole)
            if name in _HIDDEN and "/" not in match[0] and name not in without:
                closing = lowered.find(f"</{name}", end)
                # Where it is not closed once, it is not closed further on either.
                without |= {name} if closing < 0 else set()
                end = end if closing < 0 else _end_of_tag(text, closing)
            kept += [text[at : match.start()], shown]
            at = end
        return "".join([*kept, text[at:]])

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
        if url not in self._links:
            looked_at = len(self._links) < _MOST_LINKS
            self._links[url] = looked_at and (self._fetchable(url) or not self._conversation.carries(url))
        return self._links[url]

    def _tag(self, name: str, whole: str) -> str:
        """What is left of a tag: all of it, what it says in words, or nothing."""
        sources = [html.unescape(found) for found in _SOURCE.findall(whole)]
        quiet = not sources and not _ACTIVE.search(whole)
        if quiet and (name in _TABLES or whole.lstrip("<").lstrip().startswith("/")):
            return whole if name in _TABLES else ""
        if sources and name in _PICTURES and not _ACTIVE.search(whole) and all(map(self._fetchable, sources)):
            return whole
        self.removed.append(f"HTML that fetches or runs (<{name}>)")
        described = _ALT.search(whole)
        return (described[1] or described[2] or "") if described else ""

    def _simple(self, match: re.Match[str]) -> str:
        if not _ACTIVE.search(match[0]):
            return match[0]
        self.removed.append("HTML that may fetch or run")
        return ""

    def _css(self, match: re.Match[str]) -> str:
        if match[1] and ("//" not in match[1] or self._fetchable(match[1])) and not _SCRIPTED.match(match[1]):
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
        if match[1]:
            kept, self._unlinking = "" if self._unlinking else match[0], False
            return kept
        targets = [html.unescape(found) for found in _SOURCE.findall(match[0])]
        self._unlinking = not all(map(self._linkable, targets))
        return self._unlinked("") if self._unlinking else match[0]

    def _link(self, match: re.Match[str]) -> str:
        return match[0] if self._linkable(html.unescape(match[2] or match[3] or "")) else self._unlinked(match[1])

    def _unlinked(self, words: str) -> str:
        self.removed.append("a link that carries text of the conversation")
        return words

    def _bare(self, match: re.Match[str]) -> str:
        url = trimmed(match[0])
        if self._linkable(html.unescape(url)):
            return match[0]
        self.removed.append("a link that carries text of the conversation")
        return f"{host_of(url)}{match[0][len(url) :]}"


def _end_of_tag(text: str, at: int) -> int:
    """Where a tag ends whose attributes begin at `at`: behind its `>`, quotes read as a browser reads them; where they
    are not closed, at the first `>`, or at the end of the text."""
    quote = ""
    for place in range(at, min(len(text), at + _LONGEST_TAG)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == ">":
            return place + 1
    first = text.find(">", at)
    return len(text) if first < 0 else first + 1
