"""Names of units as people write them, and what they are called in pint."""

from __future__ import annotations

from collections.abc import Iterator

OVERRIDES = (
    # The international measures; pint still defines these by the US survey foot, which was retired at the end of 2022.
    "acre = 4840 * yard ** 2",
    "furlong = 220 * yard = fur",
    "fathom = 2 * yard",
    "league = 3 * mile",
    # A cycle is a turn: to pint 1 Hz would be 1/(2 pi) turns a second, so that 60 rpm were 6.28 Hz.
    "hertz = revolution / second = Hz",
    "liter_per_100km = liter / 100 / kilometer",
)
"""Definitions that replace or extend pint's."""

NOTES = {
    **dict.fromkeys(("gallon", "quart", "pint", "cup", "fluid_ounce", "tablespoon", "teaspoon", "gill"), "US measures"),
    "ton": "a US ton of 2,000 pounds",
    "month": "a month counted as 30.4375 days",
    "year": "a year counted as 365.25 days",
    "horsepower": "mechanical horsepower",
    "calorie": "calories of 4.184 J",
}
"""What is assumed of units whose name means more than one thing, by pint's name."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CURRENCIES = _words(
    "$ € £ ¥ ₹ usd eur gbp jpy cny inr chf cad aud nzd sek nok dkk krw brl mxn rub try zar pln czk huf ils sgd hkd thb "
    "dollar dollars euro euros yen yuan renminbi rupee rupees franc francs peso pesos ruble rubles krona krone won "
    "bitcoin btc eth"
) | {"us dollar", "us dollars", "pound sterling", "pounds sterling", "british pounds", "swiss francs"}
"""Names and codes of money, in lower case."""

_NAMES: dict[str, str] = {
    # temperature
    "degC": "c, °c, ºc, ℃, celsius, centigrade, deg c, degrees c, degree c, degrees celsius, degree celsius, "
    "degrees centigrade",
    "degF": "f, °f, ºf, ℉, fahrenheit, deg f, degrees f, degree f, degrees fahrenheit, degree fahrenheit",
    "kelvin": "k, kelvin, kelvins, degrees kelvin, degree kelvin",
    "degR": "rankine, degrees rankine",
    # length
    "meter": "m, metre, metres, meters, mtr",
    "kilometer": "km, kms, kilometre, kilometres, kilometer, kilometers",
    "centimeter": "cm, cms, centimetre, centimetres, centimeter, centimeters",
    "millimeter": "mm, millimetre, millimetres, millimeter, millimeters",
    "inch": 'in, inch, inches, ", ″',
    "foot": "ft, foot, feet, ', ′",
    "yard": "yd, yds, yard, yards",
    "mile": "mi, mile, miles, statute miles",
    "nautical_mile": "nmi, nautical mile, nautical miles, sea miles",
    "light_year": "ly, lightyear, lightyears, light year, light years",
    "astronomical_unit": "au, astronomical unit, astronomical units",
    "micrometer": "micron, microns, um, µm, μm, micrometre, micrometres",
    "nanometer": "nanometre, nanometres",
    # area
    "acre": "ac, acre, acres",
    "hectare": "ha, hectare, hectares",
    "meter**2": "sqm, m2",
    "kilometer**2": "sqkm, km2",
    "foot**2": "sqft, ft2",
    "inch**2": "sqin, in2",
    "mile**2": "sqmi, mi2",
    # volume
    "liter": "l, litre, litres, liter, liters, ltr",
    "milliliter": "ml, millilitre, millilitres, milliliter, milliliters",
    "centiliter": "cl, centilitre, centilitres",
    "deciliter": "dl, decilitre, decilitres",
    "fluid_ounce": "floz, fl oz, fl. oz, fluid oz, fluid ounce, fluid ounces, us fluid ounces",
    "cup": "cup, cups, us cup, us cups",
    "pint": "pt, pts, pint, pints, us pint, us pints",
    "quart": "qt, qts, quart, quarts, us quarts",
    "gallon": "gal, gals, gallon, gallons, us gallon, us gallons",
    "tablespoon": "tbsp, tbsps, tbs, tablespoon, tablespoons",
    "teaspoon": "tsp, tsps, teaspoon, teaspoons",
    "imperial_gallon": "imperial gallon, imperial gallons, uk gallon, uk gallons",
    "imperial_pint": "imperial pint, imperial pints, uk pint, uk pints",
    "imperial_fluid_ounce": "imperial fluid ounce, imperial fluid ounces, uk fluid ounces",
    "oil_bbl": "barrel, barrels, bbl, barrels of oil",
    "meter**3": "m3, cbm",
    "centimeter**3": "cm3, ccm",
    "foot**3": "ft3, cuft",
    # mass
    "gram": "g, gram, grams, gramme, grammes, gr",
    "kilogram": "kg, kgs, kilo, kilos, kilogram, kilograms, kilogramme, kilogrammes",
    "milligram": "mg, milligram, milligrams",
    "microgram": "mcg, ug, µg, μg",
    "pound": "lb, lbs, pound, pounds",
    "ounce": "oz, ounce, ounces",
    "troy_ounce": "ozt, troy ounce, troy ounces, troy oz",
    "stone": "st, stone, stones",
    "metric_ton": "t, tonne, tonnes, metric ton, metric tons",
    "ton": "ton, tons, short ton, short tons, us ton, us tons",
    "long_ton": "long ton, long tons, imperial ton, imperial tons",
    "carat": "carat, carats, ct",
    # time
    "second": "s, sec, secs, second, seconds",
    "millisecond": "ms, msec, millisecond, milliseconds",
    "minute": "min, mins, minute, minutes",
    "hour": "h, hr, hrs, hour, hours",
    "day": "d, day, days",
    "week": "wk, wks, week, weeks",
    "month": "mo, month, months",
    "year": "y, yr, yrs, year, years",
    # speed
    "mile/hour": "mph, miles per hour, mile per hour",
    "kilometer/hour": "kmh, kph, kmph, km/h, kilometres per hour, kilometers per hour",
    "meter/second": "mps, m/s",
    "knot": "kn, kt, kts, knot, knots",
    # fuel
    "mile/gallon": "mpg, miles per gallon",
    "mile/imperial_gallon": "imperial mpg, uk mpg, mpg uk, mpg imperial",
    "liter_per_100km": "l/100km, l/100 km, litres per 100 km, liters per 100 km, litres per 100km, liters per 100km",
    # data; small letters mean bytes, as most people use them
    "bit": "bit, bits",
    "byte": "byte, bytes",
    "bit/second": "bps, bit/s, bits per second",
    # energy, power, pressure
    "kilocalorie": "kcal, kcals, Cal, kilocalorie, kilocalories, food calories, food calorie",
    "calorie": "cal, cals, calorie, calories",
    "joule": "j, joule, joules",
    "kilojoule": "kj, kilojoule, kilojoules",
    "kilowatt_hour": "kwh, kilowatt hour, kilowatt hours",
    "british_thermal_unit": "btu, btus",
    "watt": "w, watt, watts",
    "kilowatt": "kw, kilowatt, kilowatts",
    "horsepower": "hp, horsepower",
    "metric_horsepower": "ps, cv, metric horsepower",
    "pascal": "pa, pascal, pascals",
    "kilopascal": "kpa, kilopascal, kilopascals",
    "hectopascal": "hpa, hectopascal",
    "standard_atmosphere": "atm, atmosphere, atmospheres",
    "millibar": "mbar, millibar, millibars",
    "pound_force_per_square_inch": "psi, pounds per square inch",
    "millimeter_Hg": "mmhg",
    "newton": "n, newton, newtons",
    # frequency and angle
    "hertz": "hz, hertz",
    "kilohertz": "khz",
    "megahertz": "mhz",
    "gigahertz": "ghz",
    "revolutions_per_minute": "rpm, revolutions per minute",
    "degree": "deg, degree, degrees, °",
    "radian": "rad, radian, radians",
}

_PREFIXES = {"k": "kilo", "m": "mega", "g": "giga", "t": "tera", "p": "peta"}


def _aliases() -> Iterator[tuple[str, str]]:
    for name, written in _NAMES.items():
        yield from ((alias, name) for alias in written.split(", "))
    for letter, prefix in _PREFIXES.items():
        yield from (
            (f"{letter}b", f"{prefix}byte"),
            (f"{letter.upper()}B", f"{prefix}byte"),
            (f"{letter}B", f"{prefix}byte"),
        )
        yield from ((f"{letter.upper()}b", f"{prefix}bit"), (f"{letter}bit", f"{prefix}bit"))
        yield from ((f"{letter}bps", f"{prefix}bit/second"), (f"{letter}bit/s", f"{prefix}bit/second"))
        yield (f"{letter.upper()}B/s", f"{prefix}byte/second")
        yield (f"{letter}ib", f"{prefix[:2]}bibyte")


ALIASES: dict[str, str] = dict(_aliases())
"""pint's name by what people write, in lower case except where the case tells units apart (`Mb` and `MB`, `cal` and
`Cal`)."""
