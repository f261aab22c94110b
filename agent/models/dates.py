"""Dates as people write them: `2025-03-04`, `12 March 2025`, `tomorrow`, `on Friday`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from .lexicon import MONTHS, WEEKDAYS

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"\b(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})|(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{_MONTH})\.?,?\s(?P<year>\d{{4}})|"
    rf"(?P<month2>{_MONTH})\.?\s(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<year2>\d{{4}})|"
    rf"(?P<slashed>\d{{1,4}}[./]\d{{1,2}}[./]\d{{2,4}})|"
    rf"(?P<relative>the day after tomorrow|today|tomorrow|yesterday|tonight)|"
    rf"(?:on|next|this|until|by)\s(?P<weekday>{'|'.join(WEEKDAYS)}))\b",
    re.IGNORECASE,
)
_DATE_HINT = re.compile(r"\d{4}|\d[./]\d|day\b|tomorrow|tonight", re.IGNORECASE)


def find_dates(text: str, today: Callable[[], date]) -> Iterator[tuple[int, int, date]]:
    """The dates of a text with their places; one that could be read in two ways, such as `03/04/2025`, is left out."""
    if _DATE_HINT.search(text) is None:
        return
    for match in _DATE.finditer(text):
        day = _date_of(match, today)
        if day is not None:
            yield match.start(), match.end(), day


def _date_of(match: re.Match[str], today: Callable[[], date]) -> date | None:
    found = match.groupdict()
    try:
        if found["iso"]:
            return date.fromisoformat(found["iso"])
        if found["relative"]:
            days = {"yesterday": -1, "tomorrow": 1, "the day after tomorrow": 2}.get(found["relative"].lower(), 0)
            return today() + timedelta(days=days)
        if found["weekday"]:
            ahead = (WEEKDAYS[found["weekday"].lower()] - today().weekday()) % 7
            return today() + timedelta(days=ahead or 7)
        if found["slashed"]:
            return _slashed(found["slashed"])
        year, month, day = (found[name] or found[f"{name}2"] for name in ("year", "month", "day"))
        return date(int(year or 0), MONTHS[(month or "").lower()], int(day or 0))
    except ValueError:
        return None


def _slashed(written: str) -> date | None:
    """A date in figures, where only one reading is possible: `25/12/2025`, `12/25/2025`, `2025/3/4`, `4.3.2025`."""
    first, second, third = (int(part) for part in re.split(r"[./]", written))
    if first > 31:
        return date(first, second, third)
    if third < 1000:
        return None
    if first > 12 or "." in written or first == second:
        return date(third, second, first)
    return date(third, first, second) if second > 12 else None
