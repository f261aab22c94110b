"""Dates and times as people and machines write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from .lexicon import MONTHS, WEEKDAYS
from .spans import Canvas, Fact

MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)(?!\w)\.?"
)
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
_MONTH_FIRST = re.compile(
    rf"(?P<month>{MONTH})\s{{1,2}}(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.]\d|\d))?"
    r"(?:,?\s{0,2}(?P<year>\d{4})(?![\d:]))?"
)
_DAY_BEFORE = re.compile(r"(?<!\d)\d{1,2}(?:st|nd|rd|th)?[\s-]{1,2}(?:of )?$")
_OFFSET = re.compile(r"(?:UTC|GMT)\s?([+\-−])(\d{1,2})(?::?(\d{2}))?(?!\d)")


def take_moments(canvas: Canvas) -> list[Fact]:
    """The dates that begin with a month and the offsets from UTC; they are blanked."""
    offsets = canvas.take(_OFFSET, _offset) if "UTC" in canvas.text or "GMT" in canvas.text else []
    return offsets + canvas.take(_MONTH_FIRST, _month_first)


def iso_facts(match: re.Match[str], text: str) -> Iterator[Fact]:
    """The date of `2026-11-24T14:05Z`, and its time where it has one."""
    year, month, day = match["iso"][:10].split("-")
    yield date_fact(text, match.start(), match.start() + 10, year, month, day)
    if match["iso_time"] is not None:
        start = match.start("iso_time")
        yield time_fact(match["iso_time"], None, match["zone"], start, match.string[start : match.end()])


def slashed_date(match: re.Match[str], text: str) -> Fact:
    """The date of `24/11/2026`; where day and month could be either, only the text itself."""
    parts = [int(part) for part in re.split(r"[/.]", match[0])]
    if len(match[0].split("/")[0]) == 4:
        return date_fact(text, match.start(), match.end(), *parts)
    first, second, year = parts
    if first > 12 or first == second or "." in match[0]:  # with dots the day comes first everywhere
        return date_fact(text, match.start(), match.end(), year, second, first)
    if second > 12:
        return date_fact(text, match.start(), match.end(), year, first, second)
    return Fact(kind="date", text=match[0], start=match.start(), end=match.end(), value=match[0])


def _month_first(match: re.Match[str], text: str) -> Fact | None:
    start = match.start()
    if (match["day"] is None and match["year"] is None) or _DAY_BEFORE.search(text[max(0, start - 10) : start]):
        return None
    return date_fact(text, match.start(), match.end(), match["year"], match["month"], match["day"])


def date_fact(text: str, start: int, end: int, year: object, month: object, day: object) -> Fact:
    """A date from its parts; a part that is not given is 0."""
    written = text[start:end].rstrip(" .")
    return Fact(
        kind="date",
        text=written,
        start=start,
        end=start + len(written),
        value=(int(str(year or 0)), _month_number(str(month)), int(str(day or 0))),
        weekday=_weekday_before(text[max(0, start - 14) : start]),
    )


def _month_number(month: str) -> int:
    if month.isdigit():
        return int(month)
    return _MONTH_OF.get(month[:3].lower(), 0)


_MONTH_OF = {name[:3]: number for number, name in enumerate(MONTHS, 1)}


def _weekday_before(text: str) -> int:
    if "day" not in text:
        return -1
    words = text.replace(",", " ").split()
    word = words[-1].lower() if words else ""
    return WEEKDAYS.index(word) if word in WEEKDAYS else -1


def time_fact(clock: str, half: str | None, zone: str | None, start: int, written: str) -> Fact:
    """A time of day from `14:05`, or from `2:05` with its half `p`; its zone in minutes where it has one."""
    parts = [int(part[:2]) for part in clock.split(":")] + [0 if half and ":" not in clock else -1, -1]
    hour, minute, second = parts[0], parts[1], parts[2]
    if half is not None and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    offset = -1 if zone is None else _minutes(zone)
    written = written.rstrip(".")
    end = start + len(written)
    return Fact(kind="time", text=written, start=start, end=end, value=(hour, minute, second, offset))


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:] or 0)) or 0


def _offset(match: re.Match[str], _: str) -> Fact:
    zone = f"{match[1]}{int(match[2]):02d}{match[3] or '00'}"
    value = (-1, -1, -1, _minutes(zone))
    return Fact(kind="time", text=match[0], start=match.start(), end=match.end(), value=value)


_RANGE = re.compile(r"\s?(?:-|–|—|to|and|or)\s?")


def with_days(found: list[Fact], text: str) -> list[Fact]:
    """Facts by place; the 9 of `9 to 12 January` and the 12 of `January 9–12` are days of that month."""
    days = list(found)
    for at, (one, two) in enumerate(pairwise(found)):
        if {one.kind, two.kind} != {"date", "number"} or not _RANGE.fullmatch(text[one.end : two.start]):
            continue
        number, day = (one, two) if two.kind == "date" else (two, one)
        if number.unit is None and number.text.isdecimal() and 0 < int(number.text) < 32 and _has_day(day):
            assert isinstance(day.value, tuple)
            value = (*day.value[:2], int(number.text))
            days[at if number is one else at + 1] = replace(number, kind="date", value=value, digits=0, counts=False)
    return days


def _has_day(fact: Fact) -> bool:
    return isinstance(fact.value, tuple) and fact.value[2] > 0
