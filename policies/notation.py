"""Numbers, dates and times as German, French and Spanish write them, put as English does, letter for letter in place.

`1.482,37 €` becomes `1,482.37 €`, `6 août` becomes `6 Aug `, `14 h 30` and `14.30 Uhr` become `14:30`.
"""

from __future__ import annotations

import re

_MONTHS = (
    "jan janvier januar enero", "feb février fevrier februar febrero", "mar mars märz marzo", "apr avril abril",
    "may mai mayo", "jun juin juni junio", "jul juillet juli julio", "aug août aout agosto",
    "sep septembre septiembre", "oct octobre oktober octubre", "nov novembre noviembre",
    "dec décembre decembre dezember diciembre",
)  # fmt: skip
_MONTH_OF = {name: names.split()[0].title() for names in _MONTHS for name in names.split()}
_NAMES = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DATE = re.compile(
    rf"(?<![\d.])(\d{{1,2}})(?:er|\.)?\s(?:de\s)?({_NAMES})\b(?:\s(?:del?\s)?(\d{{4}})(?!\d))?", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?:,\d+)?(?![\d.,]\d)|(?<![\d.,])\d+,\d+(?![\d.,]\d)")
_UHR = re.compile(r"(?<![\d.,:])(\d{1,2})(?:[.:](\d\d))?\sUhr\b")
_HEURES = re.compile(r"(?<![\d.,:])(\d{1,2})\s?h\s?(\d\d)(?!\d)")
_AT = re.compile(r"(?i)(?<=\bà )(\d{1,2})\s?h(?:eures)?\b(?!\s?\d)|(?<=\bde )(\d{1,2})\s?h\b(?!\s?\d)")
_SWAPPED = str.maketrans(".,", ",.")


def englished(text: str) -> str:
    """A text of one of these languages with its numbers, dates and times as English writes them; as long as it was."""
    text = _DATE.sub(_date, text)
    text = _HEURES.sub(lambda match: _padded(f"{match[1]}:{match[2]}", match), text)
    text = _UHR.sub(lambda match: _padded(f"{match[1]}:{match[2] or '00'}", match), text)
    text = _AT.sub(lambda match: _padded(_oclock(int(match[1] or match[2])), match), text)
    return _NUMBER.sub(lambda match: match[0].translate(_SWAPPED), text)


def _date(match: re.Match[str]) -> str:
    year = f" {match[3]}" if match[3] else ""
    return _padded(f"{match[1]} {_MONTH_OF[match[2].lower()]}{year}", match)


def _oclock(hour: int) -> str:
    return f"{hour}am" if hour < 13 else f"{hour - 12}pm"


def _padded(written: str, match: re.Match[str]) -> str:
    """What is written, in as many characters as what it stands for."""
    length = len(match[0])
    return written.ljust(length) if len(written) <= length else match[0]
