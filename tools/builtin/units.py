"""Conversion between units, by pint, under the names people use."""

from __future__ import annotations

import difflib
import math
import re
import threading
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from ...policies.errors import MissingExtra, ToolError
from ..tool import tool
from .unit_names import ALIASES, CURRENCIES, NOTES, OVERRIDES

if TYPE_CHECKING:
    from pint import UnitRegistry

SIGNIFICANT_DIGITS = 10
"""Digits shown of a converted value."""
MAX_LENGTH = 60
"""Characters the name of a unit may have."""


class Conversion(TypedDict):
    """What came out: the converted `value` in `unit`, and a `summary` sentence with both sides."""

    value: float
    unit: str
    summary: str


@tool(read_only=True)
def convert_units(
    value: Annotated[float, Field(description="The number to convert.", examples=[26.2])],
    from_unit: Annotated[
        str,
        Field(description="The unit it is in.", examples=["miles", "°F"], json_schema_extra={"format": "unit"}),
    ],
    to_unit: Annotated[
        str,
        Field(description="The unit wanted.", examples=["km", "celsius"], json_schema_extra={"format": "unit"}),
    ],
) -> Conversion:
    """Convert between units of length, area, volume, mass, time, speed, temperature, data, energy, pressure and
    more."""
    if not math.isfinite(value):
        raise ToolError(f"value must be a finite number, got {value}")
    registry = _registry()
    source, target = _unit(registry, from_unit), _unit(registry, to_unit)
    source, target = _fluid(registry, source, target), _fluid(registry, target, source)
    converted = _converted(registry, value, source, target, (from_unit, to_unit))
    shown = float(f"{converted:.{SIGNIFICANT_DIGITS}g}")
    sign = "=" if math.isclose(shown, converted, rel_tol=1e-13) else "≈"
    summary = f"{_number(value)} {_clean(from_unit)} {sign} {_number(shown)} {_clean(to_unit)}"
    return Conversion(value=shown, unit=_clean(to_unit), summary=summary + _note(source, target, from_unit + to_unit))


# The registry.

_lock = threading.Lock()


def _registry() -> UnitRegistry[float]:
    # Under a lock, so that two calls in two threads do not both pay for it.
    with _lock:
        return _built_registry()


@cache
def _built_registry() -> UnitRegistry[float]:
    """pint's registry of the units alone, built once, at the first conversion.

    Built from pint's own definitions without their systems and contexts and without the cache of every unit's
    dimensions: about 0.23 s with the import, where the whole registry takes 0.33 s. pint's cache on disk would save
    another 0.1 s and is not used: it is a pickle in a folder that others may be able to write to.
    """
    try:
        import pint
    except ImportError:
        raise MissingExtra("unit conversion", "files") from None
    registry: UnitRegistry[float] = pint.UnitRegistry(None)
    registry.load_definitions([*_definitions("default_en.txt"), *OVERRIDES])
    return registry


def _definitions(name: str) -> Iterator[str]:
    """The lines of pint's file, with what it imports, and without what converting needs not."""
    replaced = {line.split("=")[0].strip() for line in OVERRIDES}
    left_out = False
    for line in map(str.strip, files("pint").joinpath(name).read_text(encoding="utf-8").splitlines()):
        if line.startswith("@import"):
            yield from _definitions(line.split()[1])
        elif line.startswith(("@context", "@system", "@defaults")):
            left_out = True
        elif line.startswith("@end"):
            left_out = False
        elif line and not left_out and line[0] not in "@#" and line.split("=")[0].strip() not in replaced:
            yield line


# From the name of a unit to the unit.

_TERM = r"[^\W\d][\w°]*(?:\*\*-?[1-9])?"
_COMPOUND = re.compile(rf"°?{_TERM}(?:[*/]{_TERM})*")


def _clean(name: str) -> str:
    return " ".join(name.split())


def _unit(registry: UnitRegistry[float], name: str) -> Any:
    text = _clean(name)
    if not text or len(text) > MAX_LENGTH:
        raise ToolError(f"a unit must be named in 1 to {MAX_LENGTH} characters, got {len(text)}")
    if text.casefold() in CURRENCIES:
        raise ToolError(f"{text!r} is a currency; exchange rates change daily and are not known here")
    for candidate in _spellings(text):
        unit = _parsed(registry, candidate)
        if unit is not None:
            return unit
    close = difflib.get_close_matches(text.casefold(), ALIASES, n=3, cutoff=0.7)
    hint = (
        f"; did you mean {' or '.join(map(repr, close))}?" if close else "; write for example km, miles, °F or litres"
    )
    raise ToolError(f"there is no unit named {text!r}{hint}")


def _spellings(text: str) -> Iterator[str]:
    """The forms to look up, the most literal first: `Square Feet`, `square feet`, `feet**2`."""
    text = text.rstrip(".") or text
    for form in (text, text.casefold()):
        if form in ALIASES:
            yield ALIASES[form]
    compound = _compound(text)
    yield compound
    yield compound.casefold()


def _compound(text: str) -> str:
    """`metres per second squared` as `metres/second**2`, each part under pint's name."""
    text = text.replace("²", "**2").replace("³", "**3").replace("^", "**").replace("·", "*")
    text = re.sub(r"\s*(?:\bper\b|/)\s*", "/", text, flags=re.IGNORECASE)
    parts = [_powered(part.strip()) for part in re.split(r"([*]{1,2}|/)", text)]
    return "".join(part if not part or part in "**/" else part.replace(" ", "_") for part in parts)


def _powered(part: str) -> str:
    match = _BEFORE.fullmatch(part) or _BEHIND.fullmatch(part)
    if match is None:
        return _alias(part)
    power = 2 if match["power"].casefold().startswith("sq") else 3
    return f"{_alias(match['unit'])}**{power}"


_BEFORE = re.compile(r"(?P<power>square|sq\.?|cubic|cu\.?)\s+(?P<unit>.+)", re.IGNORECASE)
_BEHIND = re.compile(r"(?P<unit>.+)\s+(?P<power>squared|cubed)", re.IGNORECASE)


def _alias(part: str) -> str:
    return ALIASES.get(part) or ALIASES.get(part.casefold()) or part


def _parsed(registry: UnitRegistry[float], text: str) -> Any | None:
    # pint evaluates what it is given, so it is given names and small powers only.
    if not _COMPOUND.fullmatch(text):
        return None
    try:
        return registry.parse_units(text)
    except (AttributeError, ValueError, TypeError, KeyError):
        return None


def _fluid(registry: UnitRegistry[float], unit: Any, other: Any) -> Any:
    """An ounce beside a volume is a fluid ounce."""
    volume = registry.parse_units("liter").dimensionality
    return registry.parse_units("fluid_ounce") if str(unit) == "ounce" and other.dimensionality == volume else unit


# Converting.


def _converted(registry: UnitRegistry[float], value: float, source: Any, target: Any, names: tuple[str, str]) -> float:
    quantity: Any = registry.Quantity(value, source)
    if _inverse(source, target):
        if value == 0:
            raise ToolError(f"0 {names[0]} has no value in {names[1]}")
        quantity = 1 / quantity
    elif not _alike(registry, source, target):
        raise ToolError(
            f"{_clean(names[0])} is a unit of {_kind(registry, source)} and {_clean(names[1])} of "
            f"{_kind(registry, target)}; they cannot be converted into each other"
        )
    if _kind(registry, source) == "temperature" and quantity.to("kelvin").magnitude < -1e-9:
        raise ToolError(f"{_number(value)} {_clean(names[0])} is below absolute zero; give a higher temperature")
    converted = float(quantity.to(target).magnitude)
    if not math.isfinite(converted):
        raise ToolError(f"{_number(value)} {_clean(names[0])} is too large to convert")
    return converted


def _alike(registry: UnitRegistry[float], one: Any, other: Any) -> bool:
    # By root units as well as dimensions: to pint a byte, an angle and a count are all dimensionless.
    return bool(
        one.dimensionality == other.dimensionality
        and registry.get_root_units(one)[1] == registry.get_root_units(other)[1]
    )


def _inverse(source: Any, target: Any) -> bool:
    """Whether one is fuel for a distance and the other a distance for fuel."""
    per_100km = "liter_per_100km" in (str(source), str(target))
    return per_100km and source.dimensionality != target.dimensionality and not (source * target).dimensionality


_KINDS = {
    "meter": "length",
    "meter ** 2": "area",
    "meter ** 3": "volume",
    "gram": "mass",
    "second": "time",
    "kelvin": "temperature",
    "meter / second": "speed",
    "meter / second ** 2": "acceleration",
    "gram * meter / second ** 2": "force",
    "gram * meter ** 2 / second ** 2": "energy",
    "gram * meter ** 2 / second ** 3": "power",
    "gram / meter / second ** 2": "pressure",
    "gram / meter ** 3": "density",
    "bit": "data",
    "bit / second": "data rate",
    "radian": "angle",
    "radian / second": "frequency",
    "ampere": "electric current",
    "mole": "amount of substance",
    "1 / meter ** 2": "fuel economy",
    "dimensionless": "nothing but a ratio",
}


def _kind(registry: UnitRegistry[float], unit: Any) -> str:
    root = str(registry.get_root_units(unit)[1])
    return _KINDS.get(root, root)


# Presenting.


def _number(value: float) -> str:
    text = f"{value:.{SIGNIFICANT_DIGITS}g}"
    return text if "e" in text else f"{int(float(text)):,}" if "." not in text else f"{float(text):,.{_places(text)}f}"


def _places(text: str) -> int:
    return len(text.partition(".")[2])


def _note(source: Any, target: Any, names: str) -> str:
    """What was assumed where a name means more than one thing, in brackets."""
    if re.search(r"\b(?:us|uk|imperial|imp)\b", names.casefold()):
        return ""
    used = {part for unit in (source, target) for part in re.findall(r"\w+", str(unit))}
    notes = sorted({note for part, note in NOTES.items() if part in used})
    return f" ({'; '.join(notes)})" if notes and str(source) != str(target) else ""
