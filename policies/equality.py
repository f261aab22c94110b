"""Whether a fact of a source says what one of an answer says, whatever the format, the rounding and the unit's name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from .lexicon import CURRENCIES
from .spans import LABELS, Fact


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
