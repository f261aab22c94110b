"""How the units of one kind convert into each other."""

from __future__ import annotations

from .lexicon import CURRENCIES

_KINDS: dict[str, dict[str, float]] = {
    "length": {
        "km": 1000, "m": 1, "cm": 0.01, "mm": 0.001, "mile": 1609.344, "nautical mile": 1852, "yard": 0.9144,
        "foot": 0.3048, "inch": 0.0254,
    },
    "mass": {
        "tonne": 1e6, "kg": 1000, "g": 1, "mg": 0.001, "pound weight": 453.592, "ounce": 28.3495, "stone": 6350.29,
    },
    "volume": {"m3": 1000, "litre": 1, "ml": 0.001, "gallon": 3.78541},
    "time": {
        "ns": 1e-9, "us": 1e-6, "ms": 0.001, "s": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800,
        "month": 2629800, "year": 31557600,
    },
    "speed": {"km/h": 1, "m/s": 3.6, "mph": 1.609344, "knot": 1.852},
    "area": {"km2": 1e6, "hectare": 10_000, "m2": 1, "acre": 4046.856, "ft2": 0.092903},
    "data": {
        "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1000, "byte": 1, "bit": 0.125, "GiB": 2**30, "MiB": 2**20, "KiB": 1024,
    },
    "frequency": {"GHz": 1e9, "MHz": 1e6, "kHz": 1000, "Hz": 1},
    "power": {"GW": 1e9, "MW": 1e6, "kW": 1000, "W": 1},
    "energy": {"GWh": 3.6e12, "MWh": 3.6e9, "kWh": 3.6e6, "kcal": 4184, "kJ": 1000, "calorie": 4.184, "J": 1},
    "pressure": {"bar": 1e5, "hPa": 100, "pascal": 1, "psi": 6894.757},
}  # fmt: skip
"""Units by what they measure, each by its size."""

_KIND_OF = {unit: kind for kind, units in _KINDS.items() for unit in units}


def factors(unit: str | None) -> frozenset[float]:
    """What a number with a unit is multiplied by to stand in another unit of its kind; a share and a currency have
    their hundredths."""
    if unit == "percent":
        return frozenset([0.01])
    if unit in CURRENCIES:
        return frozenset([100.0])
    if unit in ("cent", "point"):
        return frozenset([0.01])
    kind = _KIND_OF.get(unit or "")
    if kind is None or unit is None:
        return frozenset()
    units = _KINDS[kind]
    return frozenset(units[unit] / each for each in units.values())


def seconds_in(unit: str | None) -> int | None:
    """The seconds of a unit of time of a second or more; `None` where it is none."""
    size = _KINDS["time"].get(unit or "")
    return int(size) if size is not None and size >= 1 else None
