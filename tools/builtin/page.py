"""From the bytes of a web page to the text a reader sees, in passages."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urldefrag, urljoin

MAX_PASSAGE = 1_200
"""Characters of a passage at most: a few paragraphs, so that an answer can cite one."""

MAX_LINKS = 100
"""Links of a page that are listed, the first ones."""
MAX_ADDRESS = 500
"""Characters of a link that is listed; a longer one is left out."""
_MAX_WORDS = 120
_MAX_SEEN = 5_000

# Encodings a page may name. Python has others, some of which take quadratic time or are not for text at all.
_ENCODINGS = re.compile(
    r"utf-8|utf-16(-le|-be)?|cp125\d|cp866|cp874|cp932|cp949|iso8859-\d+|koi8-[ru]|mac-(roman|cyrillic)|gbk|gb2312|gb18030"
    r"|big5(hkscs)?|euc_(jp|kr)|shift_jis|iso2022_jp"
)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)


def decoded(body: bytes, charset: str | None) -> str:
    """The text of `body`: by its byte order mark, the `charset` the server named, the one the page names, or UTF-8."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    named = _META.search(body[:4096])
    for name in (charset, named[1].decode("ascii") if named else None):
        known = _encoding(name)
        if known is not None:
            return body.decode(known, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        known = codecs.lookup(name.strip("\"' ")).name
    except (LookupError, ValueError):
        return None
    # On the web these two names mean the larger Windows set.
    known = "cp1252" if known in ("iso8859-1", "ascii") else known
    return known if _ENCODINGS.fullmatch(known) else None


def passages(paragraphs: list[str], limit: int = MAX_PASSAGE) -> list[str]:
    """Neighbouring paragraphs joined to passages of at most `limit` characters; a longer paragraph is split at a
    space."""
    grouped: list[str] = []
    for piece in (piece for paragraph in paragraphs for piece in _split(paragraph, limit)):
        if grouped and len(grouped[-1]) + 1 + len(piece) <= limit:
            grouped[-1] += "\n" + piece
        else:
            grouped.append(piece)
    return grouped


def plain_paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text: what stands between blank lines, with its line breaks."""
    return [part.strip() for part in re.split(r"\n[ \t\r]*\n", text) if part.strip()]


def _split(paragraph: str, limit: int) -> Iterator[str]:
    start = 0
    while len(paragraph) - start > limit:
        window = paragraph[start : start + limit]
        end = max(window.rfind(". ") + 1, window.rfind("\n"), limit // 2)
        end = end if end > limit // 2 else max(window.rfind(" "), window.rfind(","))
        end = end if end > 0 else limit
        yield window[:end].strip()
        start += end
    if rest := paragraph[start:].strip():
        yield rest


def html_paragraphs(markup: str) -> list[str]:
    """What a reader sees of an HTML page: its title, then headings, paragraphs, list items and table rows in order.

    Scripts, styles, navigation, footers, sidebars and hidden elements are left out. Where the page marks its main part,
    that part is read alone.
    """
    reader = _reader(markup)
    body = [text for _, text in reader.main_part()]
    return [reader.title, *body] if reader.title and reader.title not in body[:1] else body


def html_outline(markup: str) -> tuple[str, list[tuple[int, str]]]:
    """The same, as the title and the paragraphs, each with its level: 1 to 6 where it is a heading, else 0."""
    reader = _reader(markup)
    return reader.title, reader.main_part()


def html_links(markup: str, base: str) -> list[tuple[str, str]]:
    """The links in what a reader sees of a page, each with its words: absolute addresses of the web, each once.

    Args:
        markup: the page.
        base: its address, which relative links go by.
    """
    found: dict[str, str] = {}
    for words, target in _reader(markup).links():
        address = _joined(base, target)
        if address is not None and address not in found:
            found[address] = words or address
    return [(words, address) for address, words in found.items()][:MAX_LINKS]


def _joined(base: str, target: str) -> str | None:
    try:
        address = urldefrag(urljoin(base, target.strip())).url
    except ValueError:
        return None
    fits = address.startswith(("http://", "https://")) and len(address) <= MAX_ADDRESS
    return address if fits and address != urldefrag(base).url else None


def _reader(markup: str) -> _Reader:
    reader = _Reader(markup, _LEFT_OUT)
    # What is never closed would swallow the rest of the page.
    return _Reader(markup, frozenset()) if reader.unclosed else reader


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEFT_OUT = _words("nav footer aside template svg math button select canvas dialog object audio video")
_RAW = _words("script style textarea title noscript iframe noembed noframes xmp")
_BLOCKS = _words(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure form h1 h2 h3 h4 "
    "h5 h6 header hr li main nav footer aside ol p pre section summary table tbody tfoot thead tr ul"
)
_VOID = _words("area base br col embed hr img input link meta source track wbr")
# Every repetition is possessive, so no page can make it go over the same characters twice.
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?P<attributes>(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+)>"
)
_MARKUP = re.compile(r"<(?:/?[a-zA-Z]|[!?])")
_HIDDEN = re.compile(r"\shidden(?=[\s/=]|$)|\saria-hidden\s*=\s*[\"']?true", re.IGNORECASE)
_HREF = re.compile(r"""(?:^|\s)href\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_PARTS = ("main", "article")
_HEADINGS = _words("h1 h2 h3 h4 h5 h6")


class _Reader:
    """Reads markup in one pass from left to right, in time that grows with its length alone.

    It builds no tree on purpose. A page is written by strangers, and trees can be made to explode: 300,000 nested
    elements, 1.5 MB, kept lexbor busy for more than 100 seconds, and 4,000 times `<b i=1><p>` for six; the parser of
    the standard library took 25 seconds for 200 kB of `<!--`.
    """

    def __init__(self, markup: str, left_out: frozenset[str]) -> None:
        self.title = ""
        self.paragraphs: list[tuple[int, str]] = []
        self._level = 0
        self._line: list[str] = []
        self._begun = False
        self._preformatted = False
        self._left_out = left_out
        self._skipped = ("", 0)
        self._parts: dict[str, list[int]] = {name: [] for name in _PARTS}
        self._links: list[tuple[int, str, str]] = []
        self._link: tuple[str, int, int] | None = None
        self._read(markup)
        self._end_paragraph()

    @property
    def unclosed(self) -> bool:
        """Whether something that is left out goes on to the end of the page."""
        return self._skipped[1] > 0

    def main_part(self) -> list[tuple[int, str]]:
        """The paragraphs with their levels: of the one `main` or `article` where that is not almost empty, else all."""
        return self.paragraphs[self._main()]

    def links(self) -> list[tuple[str, str]]:
        """The words and targets of the links in the main part, in order."""
        part = range(len(self.paragraphs) + 1)[self._main()]
        return [(words, target) for at, words, target in self._links if at in part]

    def _main(self) -> slice:
        for marks in self._parts.values():
            # Several articles are teasers, and a short main part is one that a script fills.
            if len(marks) == 2 and sum(len(text) for _, text in self.paragraphs[slice(*marks)]) >= 200:
                return slice(*marks)
        return slice(None)

    def _read(self, markup: str) -> None:
        at = 0
        while at < len(markup):
            begins = _MARKUP.search(markup, at)
            start = begins.start() if begins else len(markup)
            self._text(markup[at:start])
            at = self._construct(markup, start) if begins else start

    def _construct(self, markup: str, start: int) -> int:
        """Take the tag or comment at `start`; where what follows it begins."""
        if markup.startswith(("<!", "<?"), start):
            close = "-->" if markup.startswith("<!--", start) else ">"
            return _behind(markup, close, start + 2)
        tag = _TAG.match(markup, start)
        if tag is None:
            # A tag that never ends, which ends the page.
            return len(markup)
        name = tag["name"].lower()
        if tag["end"]:
            self._closed(name)
        elif name in _RAW:
            return self._raw(markup, name, tag.end())
        else:
            self._opened(name, tag["attributes"])
        return tag.end()

    def _raw(self, markup: str, name: str, start: int) -> int:
        """Pass over an element whose content is no markup; keep it where it is the first title."""
        close = re.compile(f"</{name}", re.IGNORECASE).search(markup, start)
        if close is None:
            return len(markup)
        if name == "title" and not self.title and not self.unclosed:
            self.title = " ".join(unescape(markup[start : close.start()]).split())
        return _behind(markup, ">", close.end())

    def _opened(self, name: str, attributes: str) -> None:
        skipped, depth = self._skipped
        if depth:
            self._skipped = (skipped, depth + (name == skipped))
            return
        if name in _BLOCKS:
            self._end_paragraph()
        if name in self._left_out or (name not in _VOID and self._left_out and _HIDDEN.search(attributes)):
            self._skipped = (name, 1)
        elif name in _PARTS:
            self._parts[name].append(len(self.paragraphs))
        elif name in _HEADINGS:
            self._level = int(name[1])
        elif name == "pre":
            self._preformatted = True
        elif name == "a" and (href := _HREF.search(attributes)):
            self._link = (unescape(href[1] or href[2] or href[3] or ""), len(self._line), len(self.paragraphs))
        elif name == "li":
            self._line.append("- ")
        elif name == "br":
            self._line.append("\n")
        elif name in ("td", "th") and self._begun:
            self._line.append(" | ")

    def _closed(self, name: str) -> None:
        skipped, depth = self._skipped
        if depth:
            self._skipped = (skipped, depth - (name == skipped))
            return
        if name in _BLOCKS:
            self._end_paragraph()
        if name in _PARTS:
            self._parts[name].append(len(self.paragraphs))
        elif name in _HEADINGS:
            self._level = 0
        elif name == "pre":
            self._preformatted = False
        elif name == "a":
            self._end_link()

    def _end_link(self) -> None:
        if self._link is None or len(self._links) >= _MAX_SEEN:
            return
        (target, begins, paragraph), self._link = self._link, None
        here = paragraph == len(self.paragraphs)
        words = "".join(self._line[begins:]) if here else self.paragraphs[paragraph][1]
        self._links.append((paragraph, " ".join(words[: 4 * _MAX_WORDS].split())[:_MAX_WORDS], target))

    def _text(self, text: str) -> None:
        if text and not self.unclosed:
            plain = unescape(text)
            self._begun = self._begun or not plain.isspace()
            self._line.append(plain if self._preformatted else re.sub(r"\s+", " ", plain))

    def _end_paragraph(self) -> None:
        text = "".join(self._line)
        self._line, self._begun = [], False
        if not self._preformatted:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        if text.strip(" \n-|"):
            self.paragraphs.append((self._level, text.strip()))


def _behind(markup: str, close: str, start: int) -> int:
    end = markup.find(close, start)
    return len(markup) if end < 0 else end + len(close)
