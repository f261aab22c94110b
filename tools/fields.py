"""Fields of a result, whatever it is made of: mappings, objects and lists of them, by dotted paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .shapes import MAX_VALUES, short

MISSING = object()
"""What stands for a field that is not there."""


def called(field: str | None) -> str:
    """What reasons call a field."""
    return "the result" if field is None else field


def field_of(value: Any, field: str | None) -> Any:
    """A field by its dotted path, from mappings and objects alike; of a list the field of each record. `MISSING` where
    there is none."""
    for part in field.split(".") if field else ():
        if isinstance(value, list | tuple):
            value = [field_of(each, part) for each in value[:MAX_VALUES]]
            value = MISSING if MISSING in value else value
        else:
            value = value.get(part, MISSING) if isinstance(value, Mapping) else getattr(value, part, MISSING)
        if value is MISSING:
            return MISSING
    return value


def values_of(result: Any, field: str | None) -> list[Any]:
    """What stands in the field: of a record, of each record of a list, or each of the values of a list."""
    if field is not None and isinstance(result, list | tuple):
        return [field_of(record, field) for record in result[:MAX_VALUES]]
    one = field_of(result, field)
    return list(one[:MAX_VALUES]) if isinstance(one, list | tuple) else [one]


def numbers_of(result: Any, field: str | None) -> list[float] | str:
    """The numbers in the field, or why there are none."""
    found = values_of(result, field)
    bad = next((each for each in found if isinstance(each, bool) or not isinstance(each, int | float)), None)
    if any(each is MISSING for each in found):
        return f"{called(field)} is missing"
    return found if bad is None and None not in found else f"{called(field)} is {short(repr(bad))}, not a number"


def timestamp(value: Any) -> float | None:
    """Seconds since 1970 of what may be a time; `None` where it is none."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value / 1000 if abs(value) > 1e11 else float(value)
    try:
        moment = datetime.fromisoformat(value if len(value) > 10 else f"{value}T23:59:59.999999")
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
