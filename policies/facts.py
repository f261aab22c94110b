"""What in an answer can be checked: numbers, dates, times, quotations, URLs, citations and proper names, with their
places.

Everything is linear in the text: no pattern backtracks over more than a bounded stretch, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from .lexicon import ABBREVIATIONS, CARDINALS, MULTIPLIERS, STOP_WORDS, unit_named
from .moments import take_moments, with_days
from .quantities import URL, anything, is_cased, number_in_words, scan_digits, with_ranges
from .spans import Canvas, Fact, FactKind

__all__ = ["Fact", "FactKind", "extract", "normal_quote", "normal_url", "plain", "quoted_in"]

_EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]{1,64}+@[\w-]{1,64}+(?:\.[\w-]{1,64}+){1,8}+")
_QUOTE = re.compile(
    r'"[^"\n]{1,4000}"|“[^“”\n]{1,4000}”|«[^«»\n]{1,4000}»|„[^„“”\n]{1,4000}[“”]|(?<!\w)\'[^\'\n]{2,400}\'(?!\w)'
)
_CITATION = re.compile(r"(?<![\w.-])([\w-][\w.-]{0,120}\.\w{1,5}),\s(?:pages?|pp?\.)\s?(\d{1,5})(?!\d)")
_CODE = re.compile(r"[^\W_]\w*+(?:[-_./]\w++)*+")
_WORD = re.compile(r"[^\W\d_][^\W_]*+(?:[-'’&.][^\W\d_][^\W_]*+)*+")
_MARKER = re.compile(r"(?m)^[ \t]{0,20}(?:\d{1,3}[.)]|[-*•])[ \t]")
_ABOUT = re.compile(
    r"(?i)(?:\b(?:about|around|roughly|approximately|approx\.?|circa|ca\.|nearly|almost|some)|~)\s?(?:[A-Z]{3}\s|[$€£])?$"
)
_SPELLED = re.compile(r"(?i)\b(" + "|".join(CARDINALS[2:]) + r")\b")


def extract(text: str) -> tuple[Fact, ...]:
    """All facts of an answer, in the order in which they stand; list markers such as `1.` are none.

    A name with `initial` begins its sentence, so that its first word, or the whole, may be an ordinary word.
    """
    canvas = Canvas(text)
    canvas.blank(_MARKER)
    found = canvas.take(_CITATION, _citation) + canvas.take(URL, _url) + canvas.take(_EMAIL, _url)
    found += canvas.take(_QUOTE, _quotation) + take_moments(canvas) + canvas.take(_CODE, _code)
    quantities = scan_digits(canvas.text, anything)
    canvas.blank_all(quantities)
    quantities = [_rounded(fact, text) for fact in quantities]
    found += quantities + canvas.take(_SPELLED, _spelled)
    return tuple(with_days(with_ranges([*found, *_names(canvas)], text), text))


def _rounded(fact: Fact, text: str) -> Fact:
    """A number that is said to be about so much: its last zeros are no digits that it shows, but two are kept."""
    if not isinstance(fact.value, Decimal) or not _ABOUT.search(text[max(0, fact.start - 24) : fact.start]):
        return fact
    digits = re.sub(r"\D", "", fact.text)
    zeros = min(len(digits) - len(digits.rstrip("0")), len(digits) - 2)
    if zeros < 1 or "." in fact.text or fact.value % 10**zeros:
        return fact
    return replace(fact, quantum=fact.quantum * 10**zeros, digits=len(digits) - zeros)


def normal_url(text: str) -> str:
    """A URL without what a sentence or a browser adds to its end."""
    return text.rstrip("/")


def normal_quote(text: str) -> str:
    """A quotation with plain quote marks and single spaces, its first letter in lower case."""
    text = plain(text).rstrip(".,;:!?…")
    return text[:1].lower() + text[1:]


def quoted_in(quotation: str, text: str) -> bool:
    """Whether a quotation stands in a text word for word, whatever its spaces, quotation marks and first letter."""
    words, flat = normal_quote(plain(quotation).strip("\"'")), plain(text)
    return bool(words) and (words in flat or words[:1].upper() + words[1:] in flat)


def plain(text: str) -> str:
    """A text with plain quote marks and single spaces."""
    return " ".join(text.translate(_QUOTE_MARKS).split())


_QUOTE_MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "\u00a0": " "})


def _citation(match: re.Match[str], _: str) -> Fact:
    value = f"{match[1].lower()}, page {int(match[2])}"
    return Fact(kind="citation", text=match[0], start=match.start(), end=match.end(), value=value)


def _url(match: re.Match[str], _: str) -> Fact:
    text = match[0].rstrip(".,;:!?'’*")
    while text and text[-1] in ")]}" and text.count("([{"[")]}".index(text[-1])]) < text.count(text[-1]):
        text = text[:-1].rstrip(".,;:!?'’*")
    return Fact(kind="url", text=text, start=match.start(), end=match.start() + len(text), value=normal_url(text))


def _quotation(match: re.Match[str], text: str) -> Fact | None:
    value = normal_quote(match[0][1:-1])
    is_key = text.lstrip()[:1] in ("{", "[") and text[match.end() : match.end() + 2].lstrip()[:1] == ":"
    if not value or (is_key and match[0][0] == '"'):
        return None
    return Fact(kind="quotation", text=match[0], start=match.start(), end=match.end(), value=value)


def _spelled(match: re.Match[str], text: str) -> Fact:
    return number_in_words(text, match.start(), match.end(), CARDINALS.index(match[0].lower()))


def _code(match: re.Match[str], text: str) -> Fact | None:
    """A token of letters and digits, such as `AB-1234` or `handbook.pdf`; a number with its unit is none."""
    token = match[0]
    has_digit, has_alpha = any(map(str.isdigit, token)), any(map(is_cased, token))
    is_file = "." in token and token.rpartition(".")[2].lower() in _FILES
    if not (is_file or (has_digit and has_alpha)) or _is_quantity(token):
        return None
    end = match.start() + len(token)
    return Fact(kind="name", text=token, start=match.start(), end=end, value=token.lower())


_FILES = frozenset(
    re.findall(
        r"\w+",
        "pdf txt md csv tsv json xml html htm doc docx xls xlsx ppt pptx png jpg jpeg py yaml yml toml log"
        " go rs js ts tsx jsx java kt c cpp h cs rb php swift sh sql css ini cfg conf lock ipynb",
    )
)
_TAIL = re.compile(r"[\d.,:/eE+-]*+([^\W\d]*+)(.*)", re.DOTALL)
_DASHED = re.compile(
    r"\d[\d.]*[eE]-\d{1,3}|[a-z]+-\d[\d.,]*|\d[\d.,]*(?:-[a-z]+)+|\d{4}-\d\d-\d\dT[\d:.]+Z?|\d{1,2}-[A-Z][a-z]{2,8}-\d{4}"
)


def _is_quantity(token: str) -> bool:
    if not token[0].isdigit() or "-" in token:
        return _DASHED.fullmatch(token) is not None or unit_named(token) is not None
    match = _TAIL.fullmatch(token)
    tail, rest = (match[1], match[2]) if match else ("", "")
    known = tail.lower() in ("st", "nd", "rd", "th", "am", "pm", "a", "p", "x") or tail.lower() in MULTIPLIERS
    return known or unit_named(tail + rest) is not None or (not tail and not rest)


def _names(canvas: Canvas) -> Iterator[Fact]:
    """Runs of capitalised words."""
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(canvas.text):
        if run and not (_is_name(match[0]) and canvas.text[run[-1].end() : match.start()] == " "):
            yield _name(run, canvas.original)
            run = []
        if _is_name(match[0]):
            run.append(match)
    if run:
        yield _name(run, canvas.original)


def _is_name(word: str) -> bool:
    if not word[0].isupper():
        return False
    lower = re.split("['’]", word.lower())[0]
    return lower not in STOP_WORDS and unit_named(word) is None


def _name(run: list[re.Match[str]], text: str) -> Fact:
    start, end = run[0].start(), run[-1].end()
    written = re.sub(r"['’]s$", "", text[start:end])
    end = start + len(written)
    initial = _begins_sentence(text, start)
    return Fact(kind="name", text=written, start=start, end=end, value=written.lower(), initial=initial)


def _begins_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 40) : start].rstrip(" \t*#>-•_`\"'“‘([")
    if before[-1:] == "." and before[:-1].rpartition(" ")[2].lower() in ABBREVIATIONS:
        return False
    return not before or before[-1] in ".!?\n" or _MARKER.fullmatch(before.rpartition("\n")[2] + " ") is not None
