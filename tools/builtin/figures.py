"""Figures as a model should see and quote them: a result's value and its sentence show the same digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

DECIMALS = 6
"""Decimals a figure is rounded to; one below 1 keeps as many significant digits instead."""
MAX_CELL = 2_000
"""Characters of one text value that are shown."""
_MAX_DIGITS = 1e21


def rounded(value: Any) -> Any:
    """A figure as an exact `int`, or a `float` of at most six decimals; infinity and NaN are no figures: `None`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    if isinstance(value, int):
        return value
    figure = float(value)
    if not math.isfinite(figure):
        return None
    if value == int(value) and (isinstance(value, Decimal) or abs(figure) < 2**53):
        return int(value)
    return float(f"{figure:.{DECIMALS}g}") if abs(figure) < 1 else round(figure, DECIMALS)


def shown(value: Any) -> str:
    """A value in a sentence: figures with a comma between thousands, as many digits as the value has."""
    if value is None:
        return "no value"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float) and abs(value) >= _MAX_DIGITS:
        return repr(value)
    return f"{Decimal(repr(value)):,f}"


def plain(value: Any) -> Any:
    """A value of the database as JSON knows it: dates in ISO form, figures rounded, long text cut."""
    if isinstance(value, (bool, type(None))):
        return value
    if isinstance(value, (int, float, Decimal)):
        return rounded(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"({len(value):,} bytes)"
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return cut(str(value), MAX_CELL)


def cut(text: str, size: int) -> str:
    """A text of at most `size` characters; an ellipsis says that it was cut."""
    return text if len(text) <= size else text[: size - 1] + "…"


def _instant(value: datetime) -> str:
    """Without the time of day where it is midnight, as people write a day."""
    if value.time() == time() and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat(sep=" ")
