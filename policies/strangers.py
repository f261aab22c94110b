"""Names that no source has: those that are surely invented, and those that may be another word for what is there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .passages import Reading
from .spans import Fact

LEAST = 4
"""Characters of the shortest code that is told from others by its form."""

_SHAPES = str.maketrans(dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a") | dict.fromkeys("0123456789", "0"))
_CODE = re.compile(r"[^\W_]\w*+(?:[-_./]\w++)*+")
_LABEL = re.compile(r"[*_`:]|\s?\|")


def is_invented(fact: Fact, answer: str, readings: Sequence[Reading]) -> bool:
    """Whether a name in no source cannot be another word for what a source has.

    That is a code of the form of the sources' codes which none of them is, and a name of several words in the middle
    of a sentence of which the sources have not one. A country for its code, a weekday for a date, a month's name or a
    label of the answer's own are left open.
    """
    name = fact.text
    if any(map(str.isdigit, name)):
        return len(name) >= LEAST and any(_has_form(reading.page.lower, _form(name.lower())) for reading in readings)
    words = name.split()
    if (
        len(words) < 2
        or fact.initial
        or _LABEL.match(answer[fact.end :])
        or answer[: fact.start].rstrip(" ")[-1:] == "|"
    ):
        return False
    lower = [re.split("['’]", word.lower())[0] for word in words]
    initials = "".join(word[0] for word in lower)
    return not any(reading.page.find(each) for reading in readings for each in (*lower, initials))


def _form(code: str) -> str:
    return code.translate(_SHAPES)


def _has_form(lower: str, form: str) -> bool:
    forms = (_form(match[0]) for match in _CODE.finditer(lower))
    return any(each == form for each in forms)
