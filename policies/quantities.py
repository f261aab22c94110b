"""Numbers with their units, and what begins with a digit at large: where it stands, and whether two mean the same.

Everything is linear in the text: no pattern backtracks over more than a bounded stretch, whatever the text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from .lexicon import CURRENCIES, MULTIPLIERS, STOP_WORDS, unit_named
from .moments import CLOCK, MONTH, date_fact, iso_facts, slashed_date, take_moments, time_fact
from .spans import LABELS, Canvas, Fact

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
_UNIT = re.compile(
    r"[\s\u00a0\u202f-]?([%°℃℉$€£¥₹]\s?[CF]?(?!\w)|[^\W\d_]+[²³23]?(?:/[^\W\d_]+)?)"
    r"(?:[ -]([^\W\d_]+))?(?:[ -]([^\W\d_]+))?"
)
_NOUN = re.compile(r"[ -]([a-z]{3,20})\b")
_LABEL = re.compile(r"(?i)\b(page|pp?|section|chapter|line|row|table|figure|step|version)\b[.:\"]{0,2}\s?#?$")
_KEY = re.compile(r"([\w%°$€£]{1,40})\)?\"?\s{0,2}[:=]\s{0,2}\"?$")
_UNIT_AFTER = re.compile(r'"?\s{0,2},\s{0,2}"(?:\w{0,20}units?|currency|from)"\s{0,2}:\s{0,2}"([^"]{1,30})"')
_UNIT_BEFORE = re.compile(
    r'"(?:units?|currency)"\s{0,2}:\s{0,2}"([^"]{1,30})"\s{0,2},\s{0,2}"\w{1,40}"\s{0,2}:\s{0,2}$'
)
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


def same(answer: Fact, source: Fact, *, fell: bool = False) -> bool:
    """Whether a fact of a source says what a fact of the answer says.

    Args:
        answer: a number, date or time of the answer.
        source: one of a source.
        fell: whether the answer's sentence says that something fell, so that `5 %` may stand for `-5 %`.
    """
    if isinstance(answer.value, Decimal):
        return _same_number(answer, source, fell)
    if answer.kind != source.kind or isinstance(answer.value, str) or not isinstance(source.value, tuple):
        return answer.kind == source.kind and answer.value == source.value
    unsaid = 0 if answer.kind == "date" else -1
    return all(a in (unsaid, b) for a, b in zip(answer.value, source.value, strict=True))


@lru_cache(maxsize=2048)
def magnitudes(fact: Fact) -> tuple[tuple[float, float], ...]:
    """The intervals in which a source's bare digits may lie to stand for this number; used to skip all others."""
    return tuple(_intervals(fact))


def _intervals(fact: Fact) -> Iterator[tuple[float, float]]:
    if not isinstance(fact.value, Decimal):
        return
    value, slack = min(abs(float(fact.value)), sys.float_info.max), min(_slack(fact), sys.float_info.max / 4)
    for scale in (1.0, 1e3, 1e6, 1e9, 1e12, *((1e2,) if fact.unit == "percent" else ())):
        room = (slack + 1e-9 * value) / scale  # beyond the largest float all numbers are looked at alike
        yield value / scale - room, value / scale + room


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
    unit, length = _unit_at(text[end : end + 48])
    end += length
    counts = unit is None and _counts(text, end)
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
    unit, hinted, end = _unit_of(text, start, end, currency)
    keyed = _key_power(text, start) if hinted and unit in CURRENCIES else 0
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
        counts=unit is None and _counts(text, end),
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


def _unit_of(text: str, start: int, end: int, currency: str | None) -> tuple[str | None, bool, int]:
    """The unit of the number at this place, whether it is only hinted at, and where the number ends with it."""
    if currency is not None:
        return currency, False, end
    label = _LABEL.search(text[max(0, start - 12) : start])
    if label is not None:
        name = label[1].lower()
        return ("page" if name in ("p", "pp") else name), False, end
    unit, length = _unit_at(text[end : end + 48])
    if unit is not None:
        return unit, False, end + length
    unit = _hint(text, start, end)
    return unit, unit is not None, end


def _unit_at(after: str) -> tuple[str | None, int]:
    match = _UNIT.match(after)
    if match is None:
        return None, 0
    for count in (3, 2, 1):
        words = [word for word in match.groups()[:count] if word]
        unit = unit_named(" ".join(words).replace("° ", "°")) if len(words) == count else None
        if unit is not None:
            return unit, match.end(count)
    return None, 0


def _counts(text: str, end: int) -> bool:
    match = _NOUN.match(text, end)
    return match is not None and match[1] not in STOP_WORDS


def _hint(text: str, start: int, end: int) -> str | None:
    if '"' in text[end : end + 90] and (after := _UNIT_AFTER.match(text, end, end + 90)) is not None:
        return unit_named(after[1])
    before = text[max(0, start - 90) : start]
    if before.removesuffix('"').rstrip()[-1:] not in (":", "="):
        return None
    key = _KEY.search(before[-48:])
    if key is not None:
        unit = _key_unit(key[1])
        if unit is not None:
            return unit
    earlier = _UNIT_BEFORE.search(before)
    return unit_named(earlier[1]) if earlier else None


def _key_parts(key: str) -> list[str]:
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower().split("_")


def _key_power(text: str, start: int) -> int:
    """The power of ten that the key of a number names: 6 of `volume_eur_m` and of `revenue_million_usd`."""
    key = _KEY.search(text[max(0, start - 48) : start].removesuffix("-"))
    return next((MULTIPLIERS[part] for part in _key_parts(key[1])[-2:] if part in MULTIPLIERS), 0) if key else 0


def _key_unit(key: str) -> str | None:
    parts = _key_parts(key)
    if len(parts) > 1 and parts[-1] in MULTIPLIERS and unit_named(parts[-2]) in CURRENCIES:
        return unit_named(parts[-2])  # volume_eur_m
    if parts[-1] in LABELS:
        return parts[-1]
    rate = unit_named("/".join(parts[-2:])) if len(parts) > 2 else None
    if rate is not None:
        return rate  # wind_m_s
    tail = {"c": "celsius", "f": "fahrenheit"}.get(parts[-1]) if len(parts) > 1 else None
    return tail or (unit_named(parts[-1]) if len(parts) > 1 or len(parts[-1]) > 2 else None)


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


def _same_number(answer: Fact, source: Fact, fell: bool) -> bool:
    if source.kind == "date" and isinstance(source.value, tuple) and answer.unit is None:
        return answer.value == (source.value[2] if answer.text[-2:] in ("st", "nd", "rd", "th") else source.value[0])
    if not isinstance(answer.value, Decimal) or not isinstance(source.value, Decimal):
        return False
    value = source.value
    if source.power and _units_agree(answer, source) and _close(answer, value.scaleb(source.power), fell):
        return True
    if source.power and answer.unit in CURRENCIES:
        return False  # `3 euros` of `volume_eur_m: 3`
    if answer.unit == "percent" and source.unit is None and abs(value) <= 1 and "." in source.text:
        return _close(answer, value * 100, fell) or _close(answer, value, fell)
    return _units_agree(answer, source) and _close(answer, value, fell)


def _close(answer: Fact, value: Decimal, fell: bool) -> bool:
    assert isinstance(answer.value, Decimal)
    if fell and value < 0 < answer.value:
        value = -value
    if answer.value == value or answer.digits < 2:
        return answer.value == value
    return abs(answer.value - value) <= _half(answer.quantum)


@lru_cache(maxsize=256)
def _half(quantum: Decimal) -> Decimal:
    return Decimal(float(quantum) / 2)


def _slack(answer: Fact) -> float:
    return float(answer.quantum) / 2 if answer.digits >= 2 else 0.0


def _units_agree(answer: Fact, source: Fact) -> bool:
    """A unit beside the source's number must be the answer's; a bare number agrees with any unit but a label."""
    if answer.unit == source.unit:
        return True
    if answer.unit and source.unit and "/" in answer.unit + source.unit:  # `13.8 mg per litre` of `13.8 mg/l`
        one, two = answer.unit.partition("/"), source.unit.partition("/")
        return one[0] == two[0] and not (one[2] and two[2])
    if answer.unit is None:
        return source.hinted or (source.unit != "percent" and source.unit not in LABELS)
    if source.counts and (answer.unit == "percent" or answer.unit in CURRENCIES):
        return False
    return source.unit is None and answer.unit not in LABELS
