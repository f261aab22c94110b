"""English as far as the checks need it: units, numbers in words, stop words, stems, and words that turn a sense round.

Data and two look-ups, no judgement: `facts` and `sentences` say what follows from them. Other languages pass through
unharmed, they only find nothing here.
"""

from __future__ import annotations

from functools import lru_cache


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_UNITS = {
    "percent": "% percent pct per_cent percentage",
    "point": "percentage_points percentage_point pp",
    "km": "km kms kilometre kilometres kilometer kilometers",
    "m": "m metre metres meter meters",
    "cm": "cm centimetre centimetres centimeter centimeters",
    "mm": "mm millimetre millimetres millimeter millimeters",
    "mile": "mi mile miles",
    "mol": "mol mole moles",
    "nautical mile": "nautical_mile nautical_miles nmi",
    "yard": "yd yard yards",
    "foot": "ft foot feet",
    "inch": "inch inches",
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes",
    "g": "g gram grams gramme grammes",
    "mg": "mg milligram milligrams",
    "tonne": "t tonne tonnes metric_ton metric_tons",
    "ton": "ton tons",
    "pound weight": "lb lbs",
    "ounce": "oz ounce ounces",
    "stone": "stone",
    "litre": "l litre litres liter liters",
    "ml": "ml millilitre millilitres milliliter milliliters",
    "gallon": "gal gallon gallons",
    "celsius": "°c ℃ celsius degrees_celsius degree_celsius degrees_c centigrade",
    "fahrenheit": "°f ℉ fahrenheit degrees_fahrenheit degree_fahrenheit degrees_f",
    "kelvin": "kelvin kelvins",
    "degree": "° degree degrees deg",
    "ns": "ns nanosecond nanoseconds",
    "us": "µs μs microsecond microseconds",
    "ms": "ms millisecond milliseconds msec",
    "s": "s sec secs second seconds",
    "minute": "min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks wk",
    "month": "month months",
    "year": "year years yr yrs",
    "km/h": "km/h kmh kph kilometres_per_hour kilometers_per_hour",
    "m/s": "m/s metres_per_second meters_per_second",
    "mph": "mph miles_per_hour",
    "knot": "knot knots kn kt",
    "m2": "m² m2 sqm square_metre square_metres square_meter square_meters",
    "km2": "km² km2 square_kilometre square_kilometres square_kilometer square_kilometers",
    "ft2": "sqft square_foot square_feet",
    "acre": "acre acres",
    "hectare": "ha hectare hectares",
    "m3": "m³ m3 cubic_metre cubic_metres cubic_meter cubic_meters",
    "byte": "byte bytes",
    "bit": "bit bits",
    "kB": "kb kilobyte kilobytes",
    "MB": "mb megabyte megabytes",
    "GB": "gb gigabyte gigabytes",
    "TB": "tb terabyte terabytes",
    "KiB": "kib kibibyte kibibytes",
    "MiB": "mib mebibyte mebibytes",
    "GiB": "gib gibibyte gibibytes",
    "Hz": "hz hertz",
    "kHz": "khz kilohertz",
    "MHz": "mhz megahertz",
    "GHz": "ghz gigahertz",
    "W": "watt watts",
    "kW": "kw kilowatt kilowatts",
    "MW": "megawatt megawatts",
    "GW": "gigawatt gigawatts",
    "kWh": "kwh kilowatt_hour kilowatt_hours",
    "MWh": "mwh megawatt_hour megawatt_hours",
    "GWh": "gwh gigawatt_hour gigawatt_hours",
    "J": "joule joules",
    "kJ": "kj kilojoule kilojoules",
    "kcal": "kcal kilocalorie kilocalories",
    "calorie": "calorie calories",
    "volt": "volt volts",
    "ampere": "amp amps ampere amperes",
    "pascal": "pa pascal pascals",
    "hPa": "hpa hectopascal hectopascals mbar",
    "bar": "bar bars",
    "psi": "psi",
    "USD": "$ us$ usd dollar dollars us_dollar us_dollars",
    "cent": "cent cents ct cts ¢ öre øre pence penny",
    "EUR": "€ eur euro euros",
    "GBP": "£ gbp pound pounds sterling",
    "JPY": "¥ jpy yen",
    "CNY": "cny yuan rmb renminbi",
    "INR": "₹ inr rupee rupees",
    "CHF": "chf franc francs swiss_francs",
    "NOK": "nok norwegian_kroner",
    "SEK": "sek swedish_kronor",
    "DKK": "dkk danish_kroner",
    "CAD": "cad canadian_dollars",
    "AUD": "aud australian_dollars",
    "PLN": "pln zloty",
}
UNITS: dict[str, str] = {alias.replace("_", " "): unit for unit, names in _UNITS.items() for alias in names.split()}
"""Every spelling of a unit, in lower case, to its one name."""

CASED_UNITS = {
    "K": "kelvin",
    "W": "W",
    "MW": "MW",
    "GW": "GW",
    "V": "volt",
    "A": "ampere",
    "J": "J",
    "C": "celsius",
    "F": "fahrenheit",
    "L": "litre",
}
"""Units with a capital letter, which mean something else in lower case."""

CURRENCIES = frozenset({"USD", "EUR", "GBP", "JPY", "CNY", "INR", "CHF", "NOK", "SEK", "DKK", "CAD", "AUD", "PLN"})

UNIT_ALIASES: dict[str, tuple[str, ...]] = {
    unit: tuple(alias.replace("_", " ") for alias in names.split()) for unit, names in _UNITS.items()
}
"""A unit's one name to all its spellings."""

PER = frozenset({"s", "minute", "hour", "day", "litre", "ml", "g", "kg", "mol", "m2", "m3", "km", "kWh", "MWh"})
"""Units that others are said to be per, as in `mg/l`."""

MULTIPLIERS = {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "mn": 6,
    "bn": 9,
    "k": 3,
    "m": 6,
    "b": 9,
}
"""A word or letter behind a number to the power of ten it stands for."""

CARDINALS = _words(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty"""
)
ORDINALS = _words(
    """zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
)

MONTHS = _words("""january february march april may june july august september october november december""")
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

ABBREVIATIONS = frozenset(
    _words(
        """dr mr mrs ms prof st no nos vs e.g i.e p pp approx ca cf fig sec ch ed vol inc ltd co corp jr sr
        jan feb mar apr jun jul aug sep sept oct nov dec a.m p.m u.s u.k"""
    )
)
"""Words whose full stop does not end a sentence, in lower case and without it."""

STOP_WORDS = frozenset(
    _words(
        """a an the and or but nor so yet if then else than as at by for from in into of off on onto out over to up with
    within about above across after again against along also although always among amongst an another any anyone
    anything are around be because been before being below beneath beside besides between both can could did do does
    doing down during each either ever every few further had has have having he her here hers herself him himself
    his how however i it its itself just may me might mine more most much must my myself neither now of once one
    only other others our ours ourselves own per please same shall she should since some such that their theirs them
    themselves there these they this those through thus today too under until upon us very via was we were what
    whatever when where whereas whether which while who whom whose why will would yes you your yours yourself am is
    isn wasn aren weren don doesn didn hasn haven hadn won wouldn couldn shouldn cannot let ll ve re not no never
    none without well still already even instead therefore hence total approximately roughly exactly currently
    equals equal amounts given based according result results answer answers source sources evidence following
    follows information provided found find shows show listed lists list states state stated says say said note
    summary question requested asked ask hope helps help know need anything overall namely respectively etc page
    pages section equal value values data calculated computed converted checked searched looked looking tool tools
    called using rounded cost costs weigh weighs buys brings takes stands reaches measures
        comes gets gives makes goes has runs leaves departs sits operates lasts used"""
    )
)
"""Words that carry no claim of their own: function words, and the words with which an answer speaks of itself."""

FOREIGN_WORDS = frozenset(
    _words(
        """sind war waren hat haben kann bei nach noch nur aber oder dem des liegt gibt beträgt kostet rund sowie
        été est sont dans cette ces aux ne plus fue está son pero como más este esta para les
        der das und ist ein eine nicht mit von zu den dem auf für im wird sind auch le la les des est un une et du
        que pas dans pour sur avec el los las es una y por con del se en está il lo gli di che non della sono e o os
        um uma não com het een van niet op och att som inte på og ikke til af w nie na się jest"""
    )
)
"""Function words of other languages in Latin letters; several of them say that a sentence is not English."""

NEGATIONS = frozenset(_words("""not no never none without neither nor cannot nobody nothing nowhere hardly"""))

RISE = frozenset(
    _words(
        """rise rises rose risen rising increase increases increased increasing grow grows grew grown growing growth
        gain gains gained climbed climbs higher up improved exceeds exceeded"""
    )
)
"""Words that say a quantity went up or is high."""

FALL = frozenset(
    _words(
        """fall falls fell fallen falling decrease decreases decreased decreasing decline declines declined declining
        drop drops dropped shrank shrink shrinks lower down loss lost losing loses reduced reduction below"""
    )
)
"""Words that say a quantity went down or is low."""

ACTIONS = frozenset(
    _words(
        """booked sent emailed mailed ordered cancelled canceled scheduled rescheduled created updated deleted removed
    saved paid purchased bought reserved submitted posted uploaded transferred confirmed contacted notified added
    changed placed filed registered signed messaged replied moved renamed published refunded invited shared
    forwarded enabled disabled installed deployed restarted approved rejected closed reopened assigned printed
    charged subscribed unsubscribed merged written arranged transmitted delivered informed"""
    )
)
"""Past forms of verbs that change something in the world: to claim one takes evidence of it."""

_PAST = (
    "booked sent emailed mailed ordered cancelled canceled scheduled rescheduled created updated deleted removed paid"
)
_PAST += " purchased bought reserved submitted posted uploaded transferred confirmed contacted notified added"
_PAST += " changed placed filed registered messaged replied moved renamed published refunded invited forwarded deployed"
_PAST += " restarted assigned charged arranged transmitted"
_NOW = (
    "booking sending emailing mailing ordering cancelling canceling scheduling rescheduling creating updating deleting"
)
_NOW += " removing paying purchasing buying reserving submitting posting uploading transferring confirming"
_NOW += " contacting notifying adding changing placing filing registering messaging replying moving renaming publishing"
_NOW += " refunding inviting forwarding deploying restarting assigning charging arranging transmitting"
ACTIONS_NOW = dict(zip(_NOW.split(), _PAST.split(), strict=True))
"""Forms of them that say that it is being done, to the past form."""

_IRREGULAR = dict(
    pair.split("=")
    for pair in _words(
        """paid=pay sent=send bought=buy sold=sell
        held=hold made=mak took=tak taken=tak gave=giv won=win lost=los built=build began=begin begun=begin wrote=writ
        written=writ led=lead met=meet kept=keep left=leav lies=lie lay=lie people=person children=child men=man
        women=woman spent=spend ran=run rainy=rain sunny=sun employees=employ employee=employ cancelled=cancel
        canceled=cancel flew=fly flown=fly drawn=draw drew=draw chose=choos chosen=choos came=com
        growth=grow change=grow changes=grow changed=grow delta=grow height=high tall=high length=long weight=weigh
        population=inhabitant mandatory=requir obligatory=requir begins=start began=start located=location
        temperature=temp temperatures=temp purchase=buy inhabitants=inhabitant"""
    )
)
"""Words whose stem no suffix tells, and a few that say the same as another."""
_SUFFIXES: tuple[str, ...] = (
    "ations",
    "ation",
    "ating",
    "ated",
    "ates",
    "ate",
    "ements",
    "ement",
    "ments",
    "ment",
    "nesses",
    "ness",
    "ingly",
    "ings",
    "ing",
    "edly",
    "ed",
)
_SUFFIXES += ("ions", "ion", "ies", "ers", "est", "er", "ors", "or", "ally", "ly", "es", "s", "al")


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """The stem of an English word in lower case: one name for all spellings of a unit and for all words of change.

    Else one suffix is taken off, then a final `e`, `y` or `i` and a doubled consonant.
    It serves comparison only, and is coarse on purpose: `closed`, `closes` and `close` meet in `clos`. Words of other
    scripts are returned as they are.
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in RISE or word in FALL:
        return "grow"  # which of the two it was is asked by `sentences.direction`
    if len(word) > 2 and word in UNITS:
        return UNITS[word].lower()
    if len(word) < 4 or not word.isascii():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] in "eyi":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl" else word


def unit_named(word: str) -> str | None:
    """The unit that a word or symbol names, such as `km` for `kilometres`; `None` where it names none."""
    found = CASED_UNITS.get(word) or UNITS.get(word.lower())
    if found is not None or "/" not in word:
        return found
    one, _, other = word.partition("/")
    first, second = unit_named(one), unit_named(other)
    if first is None or second not in PER:
        return None
    return first if first in CURRENCIES or first in ("cent", "percent") else f"{first}/{second}"
