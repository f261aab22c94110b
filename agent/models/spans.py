"""Typed pieces of a question: numbers, arithmetic, quantities, quoted text, addresses, dates, paths, places, codes.

Each kind is found by its own short rule, the most telling first; what one has taken the later ones do not see, so that
`2025-03-04` is a date and no subtraction, and nothing inside quotes is read as more than text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from .arithmetic import NUMBER, NUMBER_WORDS, SCALES, expressions, plain_number
from .dates import find_dates
from .lexicon import CURRENCIES
from .places import places
from .span import Kind, Span
from .units import Unit, may_start_unit, unit_at
from .words import STOP, Word, words

_QUOTED = re.compile(
    r'"([^"\n]{1,2000})"|“([^”\n]{1,2000})”|«([^»\n]{1,2000})»|`([^`\n]{1,2000})`|(?<![\w])[\'‘]([^\'’\n]{1,500})[\'’](?!\w)'
)
_SQL = re.compile(r"\b(?:select\b[^;?]{1,1500}?\bfrom\b|with\s+\w{1,60}\s+as\s*\()[^;\n]{1,2000}", re.IGNORECASE)
_URI = re.compile(r"\b(?:https?://|ftp://|www\.)[^\s<>\"'`]{1,2000}", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PATH = re.compile(
    r"(?<![\w/])(?:(?:~|\.{1,2})?/(?:[\w.@-]{1,100}/){0,20}[\w.@-]{1,100}|(?:[\w@-]{1,100}/){1,20}[\w@-]{1,100}\.\w{1,5}|"
    r"[\w-]{1,100}\.(?:csv|tsv|txt|md|pdf|html?|json|xml|ya?ml|toml|xlsx?|docx?|pptx?|png|jpe?g|gif|svg|py|js|ts|log|parquet|"
    r"sql|db|zip))\b"
)
_WORDS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<sign>[-−])?(?P<money>[$€£¥]\s?)?(?P<digits>{NUMBER})(?P<exponent>[eE][+-]?\d{{1,3}})?"
    rf"(?:\s?(?P<scale>hundred|thousand|million|billion|trillion|k)\b)?(?P<percent>\s?%)?|"
    rf"\b(?P<word>{_WORDS})\b(?:\s(?P<scale2>hundred|thousand|million|billion)\b)?",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?<![\w-])(?=[\w-]{0,30}[A-Z0-9_])(?:[A-Za-z0-9]{1,20}(?:[-_][A-Za-z0-9]{1,20}){1,5}|[A-Z]{2,12}\d{0,12}|[A-Za-z]{1,8}\d{1,12}\w{0,8}|\d{4,20})(?![\w-])"
)
_COLON = re.compile(r":\s+(\S[^\n]{1,2000})$", re.MULTILINE)
_MONEY = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_TRAILING = ".,;:!?)]}'\"»”"


def find_spans(text: str, *, today: Callable[[], date] = date.today) -> tuple[Span, ...]:
    """All typed spans of a text, by place; `today` dates words such as `tomorrow`.

    A stretch of text may carry several readings that do not exclude each other (a number and the quantity it begins).
    """
    mask = _Mask(text)
    found: list[Span] = []
    for rule in (_quoted, _sql, _uris, _emails, _paths):
        found += mask.take(rule(mask.text))
    found += mask.take(_dates(mask.text, today))
    found += mask.take(_arithmetic(mask.text), keep=_is_weak)
    seen = words(mask.text)
    found += _measures(mask.text, seen)
    found += places(mask.text, seen)
    found += _codes(mask.text)
    found += _after_colon(text)
    return tuple(sorted(found, key=lambda span: (span.start, -span.end)))


class _Mask:
    """The text with what was taken blanked out, place by place."""

    def __init__(self, text: str) -> None:
        self.text = text

    def take(self, spans: Iterator[Span], keep: Callable[[Span], bool] = lambda _: False) -> list[Span]:
        """The spans, blanked out behind themselves except where `keep` says no."""
        taken = list(spans)
        pieces, place = [], 0
        for span in taken:
            if not keep(span) and span.start >= place:
                pieces += [self.text[place : span.start], "\x00" * (span.end - span.start)]
                place = span.end
        self.text = "".join([*pieces, self.text[place:]])
        return taken


def _is_weak(span: Span) -> bool:
    return span.sure < 1


def _quoted(text: str) -> Iterator[Span]:
    if not any(mark in text for mark in "\"“«`'‘"):
        return
    for match in _QUOTED.finditer(text):
        inner = match[match.lastindex or 0]
        yield Span(kind="quoted", text=match[0], value=inner.strip(), start=match.start(), end=match.end())


def _sql(text: str) -> Iterator[Span]:
    for match in _SQL.finditer(text):
        written = match[0].rstrip(" ?!.")
        yield Span(kind="sql", text=written, value=written, start=match.start(), end=match.start() + len(written))


def _uris(text: str) -> Iterator[Span]:
    for match in _URI.finditer(text):
        written = _trimmed(match[0])
        value = written if "://" in written else f"https://{written}"
        yield Span(kind="uri", text=written, value=value, start=match.start(), end=match.start() + len(written))


def _trimmed(written: str) -> str:
    """An address without the punctuation of the sentence around it; a bracket that it opened itself stays."""
    while written[-1:] in _TRAILING:
        if written.endswith(")") and written.count("(") >= written.count(")"):
            break
        written = written[:-1]
    return written


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield _span("email", match)


def _paths(text: str) -> Iterator[Span]:
    for match in _PATH.finditer(text):
        if not re.fullmatch(r"/?[\d./]+", match[0]):
            yield _span("path", match)


def _span(kind: Kind, match: re.Match[str], value: Any = None, sure: float = 1.0) -> Span:
    return Span(
        kind=kind, text=match[0], value=match[0] if value is None else value,
        start=match.start(), end=match.end(), sure=sure,
    )  # fmt: skip


def _dates(text: str, today: Callable[[], date]) -> Iterator[Span]:
    for start, end, day in find_dates(text, today):
        yield Span(kind="date", text=text[start:end], value=day.isoformat(), start=start, end=end)


def _arithmetic(text: str) -> Iterator[Span]:
    for found in expressions(text):
        yield Span(
            kind="expression", text=text[found.start : found.end], value=found.value,
            start=found.start, end=found.end, sure=0.5 if found.weak else 1.0,
        )  # fmt: skip


def _measures(text: str, seen: tuple[Word, ...]) -> Iterator[Span]:
    """Numbers, the quantities they begin, and units and currencies that stand alone."""
    taken: set[int] = set()
    for match in _NUMBER.finditer(text):
        number = _span("number", match, _number_of(match))
        yield number
        if match["money"]:
            yield _money_of(match)
        unit = _unit_after(text, match)
        if unit is not None:
            taken.add(unit.start)
            yield _unit_span(unit)
            yield Span(
                kind="quantity", text=text[match.start() : unit.end], value=(number.value, unit),
                start=match.start(), end=unit.end,
            )  # fmt: skip
    for word in seen:
        yield from _standing_alone(text, word, taken)


def _number_of(match: re.Match[str]) -> float | int:
    if match["word"]:
        return NUMBER_WORDS[match["word"].lower()] * SCALES.get((match["scale2"] or "").lower(), 1)
    scale = (match["scale"] or "").lower()
    value = float(plain_number(match["digits"]) + (match["exponent"] or "")) * (
        1000 if scale == "k" else SCALES.get(scale, 1)
    )
    value = -value if match["sign"] else value
    return int(value) if value == value // 1 and abs(value) < 1e15 and not match["exponent"] else value


def _money_of(match: re.Match[str]) -> Span:
    place = match.start("money")
    sign = match["money"].strip()
    return Span(kind="currency", text=sign, value=_MONEY[sign], start=place, end=place + 1)


def _unit_after(text: str, match: re.Match[str]) -> Unit | None:
    if match["percent"] or match["money"]:
        return None
    place = match.end()
    if text[place : place + 1] in (" ", "-", "\u00a0"):
        place += 1
    unit = unit_at(text, place)
    if unit is None and re.match(r"in\s+(?:to|into|as|in)\b", text[place : place + 12], re.IGNORECASE):
        return Unit(text[place : place + 2], "inch", frozenset({"length"}), place, place + 2)
    return None if unit is not None and unit.text.lower() in ("a", "at") else unit


def _unit_span(unit: Unit) -> Span:
    return Span(kind="unit", text=unit.text, value=unit, start=unit.start, end=unit.end)


def _standing_alone(text: str, word: Word, taken: set[int]) -> Iterator[Span]:
    code = CURRENCIES.get(word.lower)
    if code is not None and (word.text.isupper() or (not word.text.isupper() and word.lower != code.lower())):
        yield Span(kind="currency", text=word.text, value=code, start=word.start, end=word.end)
    start = word.start - 1 if text[word.start - 1 : word.start] == "°" else word.start
    if start in taken or word.lower in STOP or not may_start_unit(word.lower):
        return
    unit = unit_at(text, start)
    if unit is not None and unit.end >= word.end:
        taken.update(range(unit.start, unit.end))
        yield _unit_span(unit)


def _codes(text: str) -> Iterator[Span]:
    for match in _CODE.finditer(text):
        yield _span("code", match)


def _after_colon(text: str) -> Iterator[Span]:
    match = _COLON.search(text)
    if match is not None:
        yield Span(
            kind="after-colon", text=match[1], value=match[1].strip(), start=match.start(1), end=match.end(1), sure=0.6
        )
