"""Numbers with their units, and what begins with a digit at large: where it stands, and whether two mean the same.

Everything is linear in the text: no pattern backtracks over more than a bounded stretch, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from .lexicon import CURRENCIES, MULTIPLIERS, unit_named
from .moments import CLOCK, MONTH, date_fact, iso_facts, slashed_date, take_moments, time_fact
from .spans import Canvas, Fact
from .units import counts_things, key_power, unit_at, unit_of

MAX_NUMBER = 400
"""Characters of the longest run of digits read as a number; a longer one is compared as it is written."""

MAX_SCANNED = 5_000
"""Dates, times and wanted numbers that are read of one text; what comes after them is passed over."""

_SCAN = re.compile(
    rf"""
    (?P<iso>\d{{4}}-\d{{2}}-\d{{2}}(?!\d)(?:[T ](?P<iso_time>{CLOCK})(?!\d)\s?(?P<zone>Z|[+\-−]\d{{2}}:?\d{{2}})?)?)
  | (?P<year_month>(?:19|20)\d\d-(?:0[1-9]|1[0-2]))(?![\w-])
  | (?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]{{1,2}}(?:of\s)?(?P<month>{MONTH})
    (?:,?[\s-]{{1,2}}(?P<year>\d{{4}})(?![\d:]))?
  | (?P<slashed>\d{{1,2}}(?P<bar>[/.])\d{{1,2}}(?P=bar)\d{{4}}(?![\d/])|\d{{4}}/\d{{1,2}}/\d{{1,2}}(?![\d/]))
  | (?P<clock>{CLOCK})(?![\d:])(?:\s?(?P<half>[ap])\.?m(?:\.|(?!\w)))?
  | (?P<hour>\d{{1,2}})\s?(?P<hour_half>[ap])\.?m(?:\.|(?!\w))
  | (?P<dotted>\d++(?:\.\d++){{2,}}+)
  | (?P<number>(?:\d{{1,3}}(?:[,\u00a0\u202f\u2009'’_]\d{{3}})++(?!\d)|\d++)(?:\.\d++)?)
    (?P<exponent>[eE][+\-−]?\d{{1,3}}(?!\w))?
    (?:[ \u00a0-]?(?P<times>(?:thousand|million|billion|trillion|bn|mn)(?!\w))|(?P<letter>[kKmMbB])(?!\w))?
    """,
    re.VERBOSE,
)
_DIGITS = re.compile(r"\d++")
_PLAIN = re.compile(  # what follows makes it no date, time or multiple
    r"\d\d*+((?:,\d{3})*+(?=[\"}\]]|,[\s\"]|\.\s|[ ][c-ln-oq-su-z]))?"
)
URL = re.compile(r"https?://[^\s<>\"“”]+|(?<![\w.@/-])www\.[^\s<>\"“”]+")
_RANGE = re.compile(r"\s?(?:-|–|—|to|and|or)\s?")
_CURRENCY_BEFORE = re.compile(r"(?:(?:US)?([$€£¥₹])|\b([A-Z]{3}))\s?$")
_HYPHEN = "-−–"


def scan(text: str, keep: Callable[[float], bool]) -> list[Fact]:
    """The dates and times of a text, and those of its numbers whose digits `keep` wants."""
    canvas = canvas_of(text)
    return with_ranges(take_moments(canvas) + scan_digits(canvas.text, keep), text)


def canvas_of(text: str) -> Canvas:
    """A text whose URLs are blank: their digits are no numbers."""
    canvas = Canvas(text)
    if "http" in text or "www." in text:
        canvas.blank(URL)
    return canvas


def is_cased(letter: str) -> bool:
    """Whether a character is a letter of a script that has capitals; the others write numbers without spaces."""
    return letter.lower() != letter.upper()


def small_wholes(facts: Sequence[Fact]) -> tuple[int, ...]:
    """The whole numbers up to twenty among the facts, which a source may write in words."""
    values = (fact.value for fact in facts if isinstance(fact.value, Decimal))
    return tuple({int(value) for value in values if 0 <= value <= 20 and value == value.to_integral_value()})


def anything(_: float) -> bool:
    """Keeps every number."""
    return True


def number_in_words(text: str, start: int, end: int, value: int) -> Fact:
    """A number written as a word, with the unit behind it."""
    unit, length = unit_at(text[end : end + 48])
    end += length
    counts = unit is None and counts_things(text, end)
    return Fact(
        kind="number", text=text[start:end], start=start, end=end, value=Decimal(value), unit=unit, counts=counts
    )


def scan_digits(text: str, keep: Callable[[float], bool]) -> list[Fact]:
    """All facts that begin with a digit: numbers that `keep` wants, dates and times."""
    found: list[Fact] = []
    for match in runs(text):
        if not _passed_over(match["number"], match["exponent"], keep):
            found.extend(read(match, text, keep))
        if len(found) > MAX_SCANNED:
            break
    return found


def runs(text: str) -> Iterator[re.Match[str]]:
    """What begins with a digit, one after the other; `read` reads it."""
    end = 0
    for digit in _DIGITS.finditer(text):  # finds its digits many times faster than the long pattern would
        if digit.start() >= end and (match := _SCAN.match(text, digit.start())) is not None:
            end = match.end()
            yield match


def run_at(text: str, start: int) -> re.Match[str]:
    """The one of `runs` that begins at a place."""
    match = _SCAN.match(text, start)
    assert match is not None
    return match


def numbers_and_moments(text: str) -> Iterator[tuple[str, int, re.Match[str] | None]]:
    """What begins with a digit: the number as it is written, or nothing; its place; and what `read` reads.

    Numbers that are plain at first sight come without the last: most of a source are, and `run_at` gives it.
    """
    end = 0
    for first in _PLAIN.finditer(text):
        start = first.start()
        if start < end:
            continue
        groups = first[1]
        if groups == "" or (groups and first.start(1) - start < 4):
            end = first.end()
            yield first[0], start, None
        elif (match := _SCAN.match(text, start)) is not None:
            end = match.end()
            yield match["number"] or "", start, match


def sizes(raw: str, match: re.Match[str] | None) -> tuple[float, ...]:
    """The bare digits of a number as it stands, and those of the numbers that `120,300` may be."""
    if raw.isdecimal() and match is None:
        return (float(raw),)
    whole = float(raw.translate(_SEPARATORS) + (_exponent(match) if match is not None else ""))
    return (whole, *map(float, raw.translate(_SPACES).split(","))) if "," in raw else (whole,)


def _passed_over(raw: str | None, exponent: str | None, keep: Callable[[float], bool]) -> bool:
    """Whether a plain number is certainly not wanted: the quick way out for most numbers of a source."""
    plain = raw is not None and exponent is None and len(raw) < 20 and raw.replace(".", "", 1).isdecimal()
    return plain and raw is not None and not keep(float(raw))


def read(match: re.Match[str], text: str, keep: Callable[[float], bool]) -> Iterator[Fact]:
    """The facts of a run of digits: its date, its time, or those of its numbers that `keep` wants."""
    raw = match["number"]
    if raw is not None:
        yield from _numbers(match, raw, text, keep)
    elif match["iso"] is not None:
        yield from iso_facts(match, text)
    elif match["year_month"] is not None:
        year, month = match["year_month"].split("-")
        yield date_fact(text, match.start(), match.end(), year, month, 0)
    elif match["month"] is not None:
        yield date_fact(text, match.start(), match.end(), match["year"], match["month"], match["day"])
    elif match["slashed"] is not None:
        yield slashed_date(match, text)
    elif match["dotted"] is not None:
        yield Fact(kind="name", text=match[0], start=match.start(), end=match.end(), value=match[0])
    else:
        yield time_fact(
            match["clock"] or match["hour"], match["half"] or match["hour_half"], None, match.start(), match[0]
        )


def _numbers(match: re.Match[str], raw: str, text: str, keep: Callable[[float], bool]) -> Iterator[Fact]:
    start = match.start("number")
    before = text[start - 1] if start else " "
    if is_cased(before) or before == "_" or (before == "-" and text[max(0, start - 2)].isupper()):
        if "," in raw and keep is not anything:  # `Item A7,161` ends one cell and begins another
            first = raw.index(",") + 1
            yield from _cells(raw[first:], start + first, keep)
        return
    digits = raw.translate(_SEPARATORS)
    if len(raw) > MAX_NUMBER:
        yield Fact(kind="name", text=raw, start=start, end=start + len(raw), value=raw)
    elif keep(float(digits + _exponent(match))):
        yield _number(match, digits, text)
    if "," in raw and (before in ",[" or text[match.end() : match.end() + 1] in (",", "]")) and keep is not anything:
        yield from _cells(raw, start, keep)


_SEPARATORS = str.maketrans("", "", ",\u00a0\u202f\u2009'’_")
_SPACES = str.maketrans("", "", "\u00a0\u202f\u2009'’_")


def _cells(raw: str, start: int, keep: Callable[[float], bool]) -> Iterator[Fact]:
    """`120,300` in a row of CSV or a compact JSON array may be two numbers."""
    for cell in raw.split(","):
        digits = cell.translate(_SPACES)
        if keep(float(digits)):
            yield Fact(kind="number", text=cell, start=start, end=start + len(cell), value=Decimal(digits))
        start += len(cell) + 1


def _exponent(match: re.Match[str]) -> str:
    return (match["exponent"] or "").replace("−", "-")


def _number(match: re.Match[str], shown: str, text: str) -> Fact:
    start, end = match.start("number"), match.end("exponent") if match["exponent"] else match.end("number")
    sign, currency, start = _prefix(text, start)
    power, end = _power(match, currency, end)
    if text[end : end + 2] in ("st", "nd", "rd", "th") and not text[end + 2 : end + 3].isalpha():
        end += 2
    unit, hinted, end = unit_of(text, start, end, currency)
    keyed = key_power(text, start) if hinted and unit in CURRENCIES else 0
    value = Decimal(shown + _exponent(match)).scaleb(power)
    decimals = len(shown.partition(".")[2])
    quantum = Decimal(1).scaleb(power - decimals + int(_exponent(match)[1:] or 0))
    digits = len(shown.replace(".", "").lstrip("0"))
    return Fact(
        kind="number",
        text=text[start:end],
        start=start,
        end=end,
        value=-value if sign else value,
        unit=unit,
        hinted=hinted,
        counts=unit is None and counts_things(text, end),
        quantum=quantum,
        digits=digits,
        power=keyed,
    )


def _prefix(text: str, start: int) -> tuple[bool, str | None, int]:
    """Sign and currency before the digits, and where the number begins with them."""
    before = text[max(0, start - 10) : start]
    sign = before[-1:] in _HYPHEN and before != "" and _signs(before[:-1])
    if sign:
        before = before[:-1]
    match = _CURRENCY_BEFORE.search(before)
    currency = unit_named(match[1] or match[2]) if match else None
    if match and currency in CURRENCIES:
        start -= len(before) - match.start() + sign
        before = before[: match.start()]
        if not sign and before[-1:] != "" and before[-1:] in _HYPHEN and _signs(before[:-1]):
            return True, currency, start - 1
        return sign, currency, start
    if not sign and before.lower().endswith(("minus ", "negative ")):
        return True, None, start - (6 if before.lower().endswith("minus ") else 9)
    return sign, None, start - sign


def _signs(before: str) -> bool:
    """Whether a hyphen after this text is a sign, not a range, a subtraction or a word's hyphen."""
    return before == "" or not (
        before[-1].isalnum() or before[-1] in ")]%." or (before[-1] == " " and before[-2:-1].isdigit())
    )


def _power(match: re.Match[str], currency: str | None, end: int) -> tuple[int, int]:
    if match["times"]:
        return MULTIPLIERS[match["times"]], match.end("times")
    letter = match["letter"]
    if letter and (currency or letter in "kB"):
        return MULTIPLIERS[letter.lower()], match.end("letter")
    if letter == "M":
        return 6, match.end("letter")
    return 0, end


def with_ranges(found: list[Fact], text: str) -> list[Fact]:
    """`5 to 10 km`: the first number takes the unit of the second."""
    found.sort(key=lambda fact: fact.start)
    return [_with_unit_of(one, two, text) for one, two in zip(found, [*found[1:], None][: len(found)], strict=True)]


def _with_unit_of(one: Fact, two: Fact | None, text: str) -> Fact:
    if two is None or not one.kind == two.kind == "number" or one.unit is not None or two.hinted:
        return one
    if two.unit is None or two.unit in CURRENCIES or two.start - one.end > 8:
        return one
    return replace(one, unit=two.unit) if _RANGE.fullmatch(text[one.end : two.start]) else one
