"""convert_units: the units people name, exact factors, and clear refusals."""

from __future__ import annotations

import builtins
import subprocess
import sys
import threading
from typing import Any

import pytest

from shotclock.policies.errors import MissingExtra, ToolError
from shotclock.tools.builtin import units
from shotclock.tools.builtin.unit_names import ALIASES
from shotclock.tools.builtin.units import convert_units


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (26.2, "miles", "km", 42.1648128),
        (1, "Mile", "kilometres", 1.609344),
        (6, "ft", "cm", 182.88),
        (1, "in", "cm", 2.54),
        (1, "nautical mile", "m", 1852),
        (1000, "square feet", "m²", 92.90304),
        (1000, "sq ft", "m^2", 92.90304),
        (5, "square metres", "sqm", 5),
        (1, "acre", "m2", 4046.856422),
        (1, "hectare", "acres", 2.471053815),
        (1, "cubic metre", "litres", 1000),
        (2, "cups", "ml", 473.176473),
        (1, "gallon", "litres", 3.785411784),
        (1, "imperial gallon", "litres", 4.54609),
        (16, "oz", "cups", 2),
        (16, "oz", "g", 453.59237),
        (1, "fl oz", "ml", 29.57352956),
        (5, "lbs", "kg", 2.26796185),
        (1, "stone", "pounds", 14),
        (1, "tonne", "kg", 1000),
        (1, "ton", "kg", 907.18474),
        (60, "mph", "km/h", 96.56064),
        (60, "miles per hour", "m/s", 26.8224),
        (100, "km/h", "mph", 62.13711922),
        (36, "kilometers per hour", "metres per second", 10),
        (12, "hours", "min", 720),
        (1, "GB", "MB", 1000),
        (1, "GiB", "MB", 1073.741824),
        (1, "Gb", "MB", 125),
        (100, "Mbps", "MB/s", 12.5),
        (1, "gb", "mb", 1000),
        (500, "Cal", "kJ", 2092),
        (500, "cal", "kJ", 2.092),
        (1, "kWh", "MJ", 3.6),
        (32, "psi", "bar", 2.206322334),
        (60, "rpm", "Hz", 1),
        (180, "degrees", "radians", 3.141592654),
        (30, "mpg", "l/100km", 7.840486111),
        (7.840486111, "L/100 km", "mpg", 30),
        (9.81, "metres per second squared", "m/s^2", 9.81),
        (1, "kg/m3", "lb/ft3", 0.06242796058),
    ],
)
def test_known_conversions(value: float, source: str, target: str, expected: float) -> None:
    """Published factors come out to ten significant digits, under the names people use."""
    assert convert_units(value, source, target)["value"] == expected


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (98.6, "°F", "celsius", 37),
        (100, "fahrenheit", "C", 37.77777778),
        (-40, "F", "°C", -40),
        (0, "degrees celsius", "K", 273.15),
        (0, "kelvin", "fahrenheit", -459.67),
    ],
)
def test_temperatures_have_an_offset(value: float, source: str, target: str, expected: float) -> None:
    """Temperatures are points on a scale, and `C` and `F` are degrees, not coulombs and farads."""
    assert convert_units(value, source, target)["value"] == expected


def test_the_summary_has_both_sides_and_says_what_was_assumed() -> None:
    """The sentence repeats the units as they were asked for, and names the measure where a name has several."""
    assert convert_units(26.2, "miles", "km")["summary"] == "26.2 miles = 42.1648128 km"
    assert convert_units(10, "feet", "yards")["summary"] == "10 feet ≈ 3.333333333 yards"
    assert convert_units(1, "gallon", "litres")["summary"].endswith("(US measures)")
    assert "(" not in convert_units(1, "imperial gallon", "litres")["summary"]
    assert "30.4375 days" in convert_units(3, "months", "days")["summary"]


@pytest.mark.parametrize(
    ("value", "source", "target", "said"),
    [
        (1, "mile", "kg", "mile is a unit of length and kg of mass"),
        (1, "GB", "radians", "GB is a unit of data and radians of angle"),
        (1, "USD", "EUR", "'USD' is a currency"),
        (1, "dollars", "km", "'dollars' is a currency"),
        (1, "kilometrs", "miles", "did you mean 'kilometres'"),
        (1, "florps", "miles", "no unit named 'florps'"),
        (1, "", "miles", "1 to 60 characters, got 0"),
        (1, "m" * 61, "miles", "1 to 60 characters, got 61"),
        (-500, "C", "F", "below absolute zero"),
        (float("nan"), "m", "km", "finite"),
        (float("inf"), "m", "km", "finite"),
        (1e300, "light years", "nanometers", "too large"),
        (0, "mpg", "l/100km", "no value"),
    ],
)
def test_refusals_say_which(value: float, source: str, target: str, said: str) -> None:
    """Unknown units, other dimensions, money and impossible values are refused in one sentence that names them."""
    with pytest.raises(ToolError, match=said):
        convert_units(value, source, target)


@pytest.mark.parametrize(
    "name", ["m**9**9**9", "m**99999999", "__class__", "3", "m.real", "m; import os", "'m'", "(m)", "m m"]
)
def test_a_unit_is_a_name_and_never_an_expression(name: str) -> None:
    """pint evaluates what it is given, so only names with small powers reach it."""
    with pytest.raises(ToolError, match="no unit named"):
        convert_units(1, name, "km")


def test_every_alias_leads_to_a_unit() -> None:
    """Each name in the table is known to pint under the name it stands for."""
    registry = units._registry()
    assert [alias for alias, name in ALIASES.items() if units._parsed(registry, name) is None] == []


def test_the_registry_is_built_once() -> None:
    """Threads that convert at the same time share one registry."""
    units._built_registry.cache_clear()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(units._registry())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(registry) for registry in found}) == 1
    assert units._built_registry.cache_info().misses == 1


def test_pint_is_not_imported_before_it_is_used() -> None:
    """Importing the tool costs nothing of pint's 0.1 s."""
    code = "import sys, shotclock.tools.builtin.units; print('pint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pint the error says which extra brings it."""
    real = builtins.__import__

    def without_pint(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pint":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    units._built_registry.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without_pint)
    with pytest.raises(MissingExtra, match=r"shotclock\[files\]"):
        convert_units(1, "m", "km")


def test_the_schema_guides_a_model_that_fills_by_format() -> None:
    """Both units have the format `unit`, and the result is of the declared type."""
    fields = convert_units.schema.parameters["properties"]
    assert [fields[name].get("format") for name in ("value", "from_unit", "to_unit")] == [None, "unit", "unit"]
    assert convert_units.schema.problem_of_result(convert_units(1, "m", "km")) is None
