"""The unit of a number: beside it, in front of it, in its key or in the field beside it."""

from __future__ import annotations

import re

from .lexicon import CURRENCIES, MULTIPLIERS, STOP_WORDS, unit_named
from .spans import LABELS

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


def unit_of(text: str, start: int, end: int, currency: str | None) -> tuple[str | None, bool, int]:
    """The unit of the number at this place, whether it is only hinted at, and where the number ends with it."""
    if currency is not None:
        return currency, False, end
    label = _LABEL.search(text[max(0, start - 12) : start])
    if label is not None:
        name = label[1].lower()
        return ("page" if name in ("p", "pp") else name), False, end
    unit, length = unit_at(text[end : end + 48])
    if unit is not None:
        return unit, False, end + length
    unit = _hint(text, start, end)
    return unit, unit is not None, end


def unit_at(after: str) -> tuple[str | None, int]:
    """The unit that a text begins with, of up to three words, and how long it is there."""
    match = _UNIT.match(after)
    if match is None:
        return None, 0
    for count in (3, 2, 1):
        words = [word for word in match.groups()[:count] if word]
        unit = unit_named(" ".join(words).replace("° ", "°")) if len(words) == count else None
        if unit is not None:
            return unit, match.end(count)
    return None, 0


def counts_things(text: str, end: int) -> bool:
    """Whether a noun follows at a place, as in `twelve engineers`."""
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


def key_power(text: str, start: int) -> int:
    """The power of ten that the key of a number names: 6 of `volume_eur_m` and of `revenue_million_usd`."""
    key = _KEY.search(text[max(0, start - 48) : start].removesuffix("-"))
    return next((MULTIPLIERS[part] for part in _key_parts(key[1])[-2:] if part in MULTIPLIERS), 0) if key else 0


def _key_unit(key: str) -> str | None:
    parts = _key_parts(key)
    if parts == ["second"]:
        return None  # the one after the first
    if len(parts) > 1 and parts[-1] in MULTIPLIERS and unit_named(parts[-2]) in CURRENCIES:
        return unit_named(parts[-2])  # volume_eur_m
    if parts[-1] in LABELS:
        return parts[-1]
    rate = unit_named("/".join(parts[-2:])) if len(parts) > 2 else None
    if rate is not None:
        return rate  # wind_m_s
    tail = {"c": "celsius", "f": "fahrenheit"}.get(parts[-1]) if len(parts) > 1 else None
    return tail or (unit_named(parts[-1]) if len(parts) > 1 or len(parts[-1]) > 2 else None)
