"""Names, quotations and addresses in no source: those that are invented, and those that may stand for what is there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .passages import Reading
from .spans import Fact

LEAST = 4
"""Characters of the shortest code that is told from others by its form."""

FEW = 3
"""Words of the longest quotation that may be a figure of speech."""

_SHAPES = str.maketrans(dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a") | dict.fromkeys("0123456789", "0"))
_CODE = re.compile(r"[^\W_]\w*+(?:[-_./]\w++)*+")


def may_stand(fact: Fact, readings: Sequence[Reading], foreign: bool) -> bool:
    """Whether what is in no source as it is written may yet stand for what a source has.

    A quotation of a few words may be a figure of speech, one in another language a translation; an address may be the
    beginning of one of the sources'; of `03/04/2026` nobody knows which is the month.
    """
    match fact.kind:
        case "name":
            return not is_invented(fact.text, readings)
        case "quotation":
            return foreign or len(str(fact.value).split()) <= FEW
        case "url":
            return any(str(fact.value) in reading.page.text for reading in readings)
        case "date":
            return isinstance(fact.value, str)
    return False


def is_invented(name: str, readings: Sequence[Reading]) -> bool:
    """Whether a name is a code of the form of the sources' codes, and none of them.

    Of other names nobody can tell here whether they are another word for what a source has: a country for its code, a
    weekday or a feast for a date, the long form of an abbreviation.
    """
    if len(name) < LEAST or not any(map(str.isdigit, name)):
        return False
    return any(_has_form(reading.page.lower, _form(name.lower())) for reading in readings)


def _form(code: str) -> str:
    return code.translate(_SHAPES)


def _has_form(lower: str, form: str) -> bool:
    forms = (_form(match[0]) for match in _CODE.finditer(lower))
    return any(each == form for each in forms)
