"""The time of day in a city, country or time zone."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from typing_extensions import TypedDict

from ...policies.errors import ToolError
from ..tool import tool
from .places import ABBREVIATIONS, AMBIGUOUS, CAPITALS, CITIES, COUNTRIES, NOT_PLACES, OTHER_ZONES, STATES, WITH_ARTICLE

MAX_LENGTH = 100
"""Characters the name of a place may have."""


class PlaceTime(TypedDict):
    """The local `time` (24 hours), `date` (ISO 8601), `weekday` and `utc_offset` of `place`, and a `summary`
    sentence."""

    place: str
    zone: str
    time: str
    date: str
    weekday: str
    utc_offset: str
    summary: str


@tool(read_only=True, isolation="loop")
def world_time(
    place: Annotated[
        str,
        Field(
            description="A city, a country, an IANA time zone, or an abbreviation such as UTC.",
            examples=["Lima", "São Paulo", "Japan", "Europe/Zurich"],
            json_schema_extra={"format": "place"},
        ),
    ],
) -> PlaceTime:
    """Current local time, date, weekday and UTC offset in a city, country or time zone."""
    found = _find(place)
    local = _now().astimezone(found.clock)
    offset = _offset(local)
    day = f"{local:%A}, {local.day} {local:%B %Y}"
    zone = f"{found.zone}, UTC{offset}" if found.zone != f"UTC{offset}" else found.zone
    assumed = f" Assumed: {found.assumed.removesuffix('.')}." if found.assumed else ""
    where = f"the {found.name}" if _fold(found.name) in WITH_ARTICLE else found.name
    return PlaceTime(
        place=found.name,
        zone=found.zone,
        time=f"{local:%H:%M:%S}",
        date=f"{local:%Y-%m-%d}",
        weekday=f"{local:%A}",
        utc_offset=offset,
        summary=f"In {where} it is {local:%H:%M} on {day} ({zone}).{assumed}",
    )


def _now() -> datetime:
    """The present instant; tests put another function here."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A name as people write it, its IANA zone or fixed offset, and what was assumed in choosing it."""

    name: str
    zone: str
    assumed: str = ""
    fixed: timedelta | None = None

    @property
    def clock(self) -> tzinfo:
        return ZoneInfo(self.zone) if self.fixed is None else timezone(self.fixed)


def _offset(local: datetime) -> str:
    text = f"{local:%z}"
    return f"{text[:3]}:{text[3:5]}"


# From a name to a place.


def _find(place: str) -> _Place:
    text = " ".join(place.split())
    if not text or len(text) > MAX_LENGTH:
        raise ToolError(f"place must have 1 to {MAX_LENGTH} characters, got {len(text)}; give a city such as Lima")
    found = _named(text) or _offset_from_utc(text) or _qualified(text)
    if found is None:
        raise ToolError(_unknown(text))
    return found


def _named(text: str) -> _Place | None:
    key = _fold(text)
    if key in _zones():
        zone = _zones()[key]
        return _Place(name=zone if zone.startswith("Etc/") else _city(zone), zone=zone)
    for form in (key, re.sub(r"^(?:the|city of|time in) | (?:time|city)$", "", key)):
        if form in _ambiguous():
            raise ToolError(f"{text!r} is more than one place; ask for {_ambiguous()[form]}")
        if form in _abbreviations():
            return _abbreviations()[form]
        if form in _index():
            place = _index()[form]
            # As it was asked for, with its accents, where it was written as a name.
            return replace(place, name=text) if form == key and text[0].isupper() else place
    return None


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


def _offset_from_utc(text: str) -> _Place | None:
    """`UTC+2`, `GMT-05:30`: a fixed offset of at most 14 hours."""
    match = re.fullmatch(r"(?:utc|gmt)\s*([+\-−])\s*(\d{1,2})(?::?([0-5]\d))?", text, re.IGNORECASE)
    if match is None or int(match[2]) > 14:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0)) * (1 if match[1] == "+" else -1)
    sign = "-" if offset < timedelta() else "+"
    name = f"UTC{sign}{int(match[2]):02}:{int(match[3] or 0):02}"
    return _Place(name=name, zone=name, fixed=offset)


def _qualified(text: str) -> _Place | None:
    """`Lima, Peru`: the city where it lies in what is named behind it, else the time of that country or state."""
    head, _, tail = text.rpartition(",")
    areas = _areas(tail.strip()) if head.strip() else []
    if not areas:
        return None
    key = _fold(head)
    city = _index().get(key) or _states().get(key) or _qualified(head.strip())
    for area in areas:
        if city is not None and city.zone in area.zones:
            return _Place(name=text, zone=city.zone, assumed=city.assumed)
    place = areas[0].place
    if place is None:
        return None
    assumed = f"{head.strip()} keeps {place.assumed}" if place.assumed else ""
    return _Place(name=text, zone=place.zone, assumed=assumed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Area:
    """A country or state: its zones, and the place whose time stands for it."""

    zones: frozenset[str]
    place: _Place | None


def _areas(text: str) -> list[_Area]:
    """The state and the country of that name; Georgia is both."""
    key = _fold(text)
    areas = []
    if key in _states():
        state = _states()[key]
        areas.append(_Area(zones=frozenset({state.zone, *OTHER_ZONES.get(_fold(state.name), ())}), place=state))
    if key in _country_codes():
        code = _country_codes()[key]
        areas.append(_Area(zones=frozenset(_country_zones().get(code, ())), place=_country(text, code)))
    return areas


def _unknown(text: str) -> str:
    close = difflib.get_close_matches(_fold(text), _index(), n=3, cutoff=0.75)
    names = list(dict.fromkeys(_index()[key].name for key in close))
    hint = f"did you mean {' or '.join(names)}?" if names else "give a larger city nearby, the country or an IANA zone"
    return f"the time zone of {text!r} is not known; {hint}"


def _fold(text: str) -> str:
    """Without accents, case and punctuation: `São Paulo` and `sao_paulo` are one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    plain = plain.casefold().replace("ø", "o").replace("ł", "l").replace("æ", "ae").replace("&", " and ")
    return " ".join(re.sub(r"[^\w/+]|_", " ", plain).split())


# What is known, read once: the tables of `places` and those of the tz database.


@cache
def _index() -> dict[str, _Place]:
    """Places by folded name; a city of the table goes before one of a zone's name, and that before a country."""
    index: dict[str, _Place] = {}
    for place in (*_cities(), *_zone_cities(), *_countries(), *_states().values()):
        index.setdefault(_fold(place.name), place)
    return {key: place for key, place in index.items() if key not in _ambiguous() and len(key) > 1}


def _cities() -> Iterator[_Place]:
    for zone, names in CITIES.items():
        yield from (_Place(name=name, zone=zone) for name in names.split(", "))


def _zone_cities() -> Iterator[_Place]:
    for zone in _zones().values():
        area, _, city = zone.rpartition("/")
        if area in _REGIONS and _fold(city) not in NOT_PLACES:
            yield _Place(name=_city(zone), zone=zone)


_REGIONS = frozenset(
    (
        "Africa",
        "America",
        "America/Argentina",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
)


def _countries() -> Iterator[_Place]:
    for name, code in _country_names():
        place = _country(name, code)
        if place is not None:
            yield place


def _country(name: str, code: str) -> _Place | None:
    if code in CAPITALS:
        zone, capital = CAPITALS[code]
        return _Place(name=name, zone=zone, assumed=f"the time of the capital, {capital}")
    zones = _country_zones().get(code, ())
    return _Place(name=name, zone=zones[0]) if len(zones) == 1 else None


@cache
def _states() -> dict[str, _Place]:
    """States and provinces by folded name and by abbreviation."""
    states: dict[str, _Place] = {}
    for zone, entries in STATES.items():
        for entry in entries.split(", "):
            name, _, short = entry.rpartition(" ")
            place = _Place(name=name, zone=zone, assumed=f"the time most of {name} keeps")
            states.setdefault(_fold(name), place)
            states.setdefault(_fold(name.removesuffix(" State")), place)
            states.setdefault(short.casefold(), place)
    return states


@cache
def _abbreviations() -> dict[str, _Place]:
    exact = ("UTC", "GMT", "Z", "Zulu")
    return {
        _fold(short): _Place(name=name, zone=zone, assumed="" if short in exact else f"{short} means {name}")
        for short, (zone, name) in ABBREVIATIONS.items()
    }


@cache
def _ambiguous() -> dict[str, str]:
    return {_fold(name): instead for name, instead in AMBIGUOUS.items()}


@cache
def _zones() -> dict[str, str]:
    """IANA names by folded name; those without a slash are left to the tables, save the whole-country links."""
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {_fold(name): name for name in names if "/" in name}


@cache
def _country_names() -> tuple[tuple[str, str], ...]:
    listed = [(name, code) for code, name in _table("iso3166.tab") if "(" not in name]
    more = [(name, code) for code, names in COUNTRIES.items() for name in names.split(", ")]
    return (*more, *listed)


@cache
def _country_codes() -> dict[str, str]:
    return {_fold(name): code for name, code in _country_names()}


@cache
def _country_zones() -> dict[str, tuple[str, ...]]:
    zones: dict[str, list[str]] = {}
    for code, _, zone, *_ in _table("zone.tab"):
        zones.setdefault(code, []).append(zone)
    return {code: tuple(names) for code, names in zones.items()}


def _table(name: str) -> Iterator[list[str]]:
    text = files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
