"""Units of measurement as people write them, with what they measure."""

from __future__ import annotations

import re
from typing import NamedTuple

_BASES = """
length: metre meter m | kilometre kilometer km | centimetre centimeter cm | millimetre millimeter mm
length: micrometre micrometer micron | nanometre nanometer nm | mile mi | yard yd | foot feet ft
length: inch inches | furlong | fathom | parsec pc | lightyear | nauticalmile nmi | angstrom | rod
length: hand | league
mass: kilogram kilo kg | gram gramme g | milligram mg | microgram | tonne | ton | pound lb lbs
mass: ounce oz | stone | carat | grain
time: second sec s | minute min | hour hr hrs h | day | week | month | year yr | decade
time: century centuries | millisecond ms | microsecond | nanosecond ns | fortnight
temperature: celsius centigrade degc C °C | fahrenheit degf F °F | kelvin K | degree
volume: litre liter l L | millilitre milliliter ml mL | centilitre centiliter cl | gallon gal | pint
volume: quart | cup | tablespoon tbsp | teaspoon tsp | barrel | fluidounce floz
area: acre | hectare ha | sqm | sqft
speed: mph | kph kmh | knot kt
data: byte B | kilobyte kb KB | megabyte mb MB | gigabyte gb GB | terabyte tb TB | petabyte PB
data: bit | kibibyte KiB | mebibyte MiB | gibibyte GiB | megabit Mbit | gigabit Gbit
energy: joule J | kilojoule kJ | calorie cal | kilocalorie kcal | kilowatthour kWh kwh | btu BTU
energy: electronvolt eV
power: watt W | kilowatt kW kw | megawatt MW | horsepower hp
pressure: pascal Pa | kilopascal kPa | hectopascal hPa | bar | millibar mbar | psi | atmosphere atm
pressure: torr | mmhg mmHg
force: newton N
angle: radian rad | degree deg
frequency: hertz Hz | kilohertz kHz | megahertz MHz | gigahertz GHz | rpm
current: ampere amp
voltage: volt V
"""


class _Known(NamedTuple):
    key: str
    measures: frozenset[str]


def _read_bases() -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    for entry in _BASES.strip().splitlines():
        measure, _, groups = entry.partition(":")
        for group in groups.split("|"):
            names = group.split()
            for name in names:
                earlier = known.get(name)
                measures = frozenset({measure}) | (earlier.measures if earlier else frozenset())
                known[name] = _Known(earlier.key if earlier else names[0], measures)
    ounce = known["ounce"]
    for name in ("ounce", "oz"):  # also a fluid ounce: the other unit of a conversion tells
        known[name] = _Known(ounce.key, ounce.measures | {"volume"})
    return known


_UNITS = _read_bases()
_SAFE_BARE = frozenset(name for name in _UNITS if len(name) > 2) | {"km", "cm", "mm", "kg", "lb", "oz", "ft", "mi"}
_ONE = r"[^\W\d_]+\d?|°\s?[CFK]"
_UNIT = re.compile(
    rf"(?:(?:square|sq\.?|cubic|cu|nautical|fluid|light|degrees?)[ -]{{1,2}})?(?:{_ONE})"
    rf"(?:[\^]?[23²³])?(?:[ ]?(?:/|\bper\b)[ ]?(?:{_ONE}))?",
    re.IGNORECASE,
)
_FIRST = re.compile(_ONE)
_JOIN = re.compile(r"\s*(?:/|\bper\b)\s*", re.IGNORECASE)
_PREFIX = re.compile(r"(square|sq\.?|cubic|cu|nautical|fluid|light|degrees?)[ -]{1,2}", re.IGNORECASE)
_MEASURE_OF = {
    "square": "area",
    "sq": "area",
    "cubic": "volume",
    "cu": "volume",
    "nautical": "length",
    "light": "length",
}


_FIRST_WORDS = frozenset(name.lower().strip("°") for name in _UNITS) | _MEASURE_OF.keys() | {"fluid", "degree"}


def may_start_unit(lower: str) -> bool:
    """A quick look whether a word in lower case can begin a unit."""
    return lower.rstrip("23²³") in _FIRST_WORDS or lower.removesuffix("s") in _FIRST_WORDS or lower[:-2] in _FIRST_WORDS


class Unit(NamedTuple):
    """A unit in a text.

    `text` is as written, `key` the same for all its spellings (`km`, `kilometers` give `kilometre`), `measures` the
    things it may measure (`length`, or `mass` and `volume` for an ounce).
    """

    text: str
    key: str
    measures: frozenset[str]
    start: int
    end: int

    def converts_to(self, other: Unit) -> bool:
        """Whether the two measure one thing and are not the same unit."""
        return bool(self.measures & other.measures) and self.key != other.key

    def plain(self) -> str:
        """As a tool can read it: the text, with the lone letters of temperatures spelled out."""
        return self.key if "temperature" in self.measures and len(self.text.strip("° ")) <= 1 else self.text


def unit_at(text: str, place: int, *, bare: bool = False) -> Unit | None:
    """The unit that starts at `place`, or `None`; with `bare` one- and two-letter symbols that are also words are
    refused."""
    match = _UNIT.match(text, place)
    if match is None:
        return None
    for end in dict.fromkeys((match.end(), _first_end(text, place))):
        written = text[place:end]
        known = unit_of(written)
        if known is not None and not (bare and len(written) <= 2 and written not in _SAFE_BARE and "°" not in written):
            return Unit(written, known.key, known.measures, place, end)
    return None


def _first_end(text: str, place: int) -> int:
    match = _FIRST.match(text, place)
    return match.end() if match else place


def unit_of(written: str) -> _Known | None:
    """What a unit measures, by its name: `km`, `Miles`, `square feet`, `km/h`, `degrees Celsius`; `None` if unknown."""
    parts = _JOIN.split(written.strip())
    if len(parts) == 2:
        over, under = _simple(parts[0]), _simple(parts[1])
        if over is None or under is None:
            return None
        return _Known(f"{over.key}/{under.key}", frozenset({_ratio(over, under)}))
    return _simple(parts[0]) if len(parts) == 1 else None


def _ratio(over: _Known, under: _Known) -> str:
    ratio = f"{min(over.measures)}/{min(under.measures)}"
    return "speed" if ratio == "length/time" else ratio


def _simple(written: str) -> _Known | None:
    prefix = _PREFIX.match(written)
    rest = written[prefix.end() :] if prefix else written
    power = rest[-1:] if rest[-1:] in "23²³" else ""
    known = _named(rest.rstrip("23²³^") if power else rest)
    if known is None:
        return _named(written.replace(" ", "").replace("-", "")) if prefix else None
    if power:
        return _Known(known.key + power, frozenset({"area" if power in "2²" else "volume"}))
    if prefix is None or prefix[1].lower().startswith("degree"):
        return known
    kind = prefix[1].lower().rstrip(".")
    measure = _MEASURE_OF.get(kind)
    return _Known(f"{kind} {known.key}", frozenset({measure} if measure else {"volume"}))


def _named(name: str) -> _Known | None:
    name = name.replace("° ", "°")
    if name in _UNITS:
        return _UNITS[name]
    lower = name.lower()
    for form in (lower, lower.removesuffix("s"), lower.removesuffix("es")):
        # A capital letter alone is another unit than its small letter: F is no f.
        if len(form) > 1 and form in _UNITS:
            return _UNITS[form]
    return None
