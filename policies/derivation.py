"""Numbers, dates and times of an answer that no source states, but that may follow from what the sources state.

What may follow is left open: it is neither verified nor refused. A number that one step of reckoning cannot reach is in
no source indeed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import combinations, pairwise

from .conversion import factors, seconds_in
from .lexicon import CARDINALS, ORDINALS
from .passages import Reading
from .spans import LABELS, Fact

MAX_NUMBERS = 200
"""Numbers of all sources together up to which it is asked whether one step leads to another: of more, any does."""

MAX_TRIED = 20
"""Numbers of one answer of which it is asked whether one step leads to them; further ones may follow or may not."""

MAX_MOMENTS = 80
"""Dates, and times of day, whose distances are looked at."""

COUNTED = 20
"""The largest whole number without a unit that may count things which no source counts."""

LOOSE = 0.05
"""How far a number said to be about so much may be off what is calculated, as a share of it."""

LATE = 5
"""Minutes that a time said to be about then may be off."""

BOUND = 0.15
"""How far a number that another is said to be over or under may be off it, as a share of it."""

_BOUNDS = re.compile(
    r"(?i)\b(?:over|under|above|below|than|least|most|up\sto|within|nearly|almost|close\sto|just|barely|as|exceeding"
    r"|über|unter|als|fast|knapp|plus\sde|moins\sde|más\sde|menos\sde|casi|presque)\s?(?:[A-Z]{3}\s|[$€£]|an?\s)?$"
)
_CALENDAR = (7.0, 12.0, 24.0, 30.0, 52.0, 60.0, 365.0)
"""Hours of a day, days of a week and their like: what is multiplied by these may be a rent a year."""

_CLOCK = re.compile(r"\d{1,2}\.[0-5]\d")
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_PER = re.compile(r"\b(?:per|a|each|every)\s$", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?i)(?:\b(?:about|around|roughly|approximately|approx\.?|circa|ca\.|nearly|almost|some|over|under|than|just|barely"
    r"|rund|etwa|knapp|fast|environ|presque|unos|unas|casi)|[~≈])\s?(?:[A-Z]{3}\s|[$€£]|an?\s)?$"
)
_WORDS = re.compile(
    rf"\b({'|'.join((*CARDINALS[1:], *ORDINALS[2:], 'half', 'quarter', 'dozen'))})\b(?:\s(hundred|thousand|million)\b)?"
)
_SEASON = re.compile(r"\b(?:19|20)\d\d[/–-]$")
_PARTED = re.compile(r"[,;.\n|]|\band\b")
_JOINED = re.compile(r",?\s(?:and\s)?")
_DAY = 86_400


def is_year(fact: Fact) -> bool:
    """Whether a number is most likely a year, which neither rises nor falls."""
    return fact.unit is None and _YEAR.fullmatch(fact.text) is not None


class Derivations:
    """What may be calculated from the sources of one answer; read when it is first asked for.

    Args:
        answer: the answer, whose own numbers may be steps on the way.
        facts: its facts.
        readings: its sources.
        asked: the facts of the question.
    """

    def __init__(
        self, answer: str, facts: Sequence[Fact], readings: Sequence[Reading], asked: Sequence[Fact] = ()
    ) -> None:
        self._answer, self._facts, self._readings, self._asked = answer, facts, readings, asked
        self._tried = 0

    def doubt(self, fact: Fact) -> str:
        """Why a fact that stands nowhere may follow from the sources; empty where it does not."""
        if not self._readings or isinstance(fact.value, str):
            return ""
        match fact.kind:
            case "number":
                return self._number(fact)
            case "date":
                return f"{fact.text} is a date that no source states" if self._is_date(fact) else ""
            case "time":
                return f"{fact.text} is a time that no source states" if self._is_time(fact) else ""
        return ""

    def _number(self, fact: Fact) -> str:
        assert isinstance(fact.value, Decimal)
        value = abs(float(fact.value))
        if fact.unit is None and value <= min(COUNTED, self._things) and value == int(value):
            return f"{fact.text} is a count that no source states"
        if fact.unit in LABELS and value in self._numbers:
            return f"no source says that {fact.value} is a {fact.unit}"
        if _CLOCK.fullmatch(fact.text) and self._is_clock(fact.text):
            return f"{fact.text} may be a time"
        if fact.value in (1, 100, 1000) and fact.unit is not None and self._is_base(fact):
            return f"no source names {fact.text} as what a value is said of"
        if self._is_distance(fact) or self._is_reached(fact, value):
            return f"{fact.text} may be calculated, but no source states it"
        return ""

    def _is_base(self, fact: Fact) -> bool:
        before = self._answer[max(0, fact.start - 8) : fact.start]
        after = self._answer[fact.end : fact.end + 4].strip()
        return _PER.search(before) is not None or (fact.value == 1 and after[:1] in ("=", "≈", "i"))

    def _is_clock(self, text: str) -> bool:
        """Whether `10.30` is a time of the sources, or may follow from one."""
        hour, minute = map(int, text.split("."))
        return any(self._is_at(each, minute, LATE) for each in (hour, (hour + 12) % 24))

    # -- numbers ----------------------------------------------------------------------------------------------------

    @cached_property
    def _totals(self) -> list[float]:
        """The sums and means of the columns and records of the sources, and how many rows they have."""
        return sorted({abs(total) for reading in self._readings for total in reading.page.layout.totals})

    @cached_property
    def _numbers(self) -> list[float]:
        """The bare numbers of the sources, the totals of their columns, and how many rows they have."""
        found = {size for each in self._readings for size in each.page.figures.magnitudes(MAX_NUMBERS)}
        found |= {float(each) for reading in self._readings for each in _spelled(reading.page.lower)}
        found.update(self._totals)
        found.update(year for reading in self._readings for year, *_ in reading.moments.dates(MAX_MOMENTS))
        return sorted(each for each in found if each < 1e15)

    def _is_bound(self, fact: Fact, value: float) -> bool:
        """Whether a number bounds one of the sources', as in `just over 300` of 303, or is one rounded to one digit."""
        bounds = _BOUNDS.search(self._answer[max(0, fact.start - 24) : fact.start]) is not None
        room = BOUND * value if bounds else float(fact.quantum) / 2 if fact.digits == 1 else 0.0
        power = 10.0 ** max(0, fact.quantum.adjusted() // 3 * 3)
        near = (each * by for by in {1.0, power} for each in self._numbers)
        return room > 0 and any(0 < abs(each - value) <= room for each in near)

    @cached_property
    def _things(self) -> int:
        """How many things the sources have that could be counted: as many as their commas and lines part."""
        return max(len(_PARTED.findall(reading.page.text)) for reading in self._readings)

    def _is_reached(self, fact: Fact, value: float) -> bool:
        """Whether one step leads from two numbers of the sources, or of the answer, to this one."""
        self._tried += 1
        if len(self._numbers) > MAX_NUMBERS or self._tried > MAX_TRIED:
            return True
        others = [each for each in self._facts if each.start != fact.start]
        others += [each for each in self._asked if each.kind == "number"]
        own = {abs(float(each.value)) for each in others if isinstance(each.value, Decimal)}
        exact = fact.text[:1].isalpha() or (fact.digits < 2 and fact.unit != "percent")
        slack = 0.0 if exact else float(fact.quantum) / 2
        if _ABOUT.search(self._answer[max(0, fact.start - 24) : fact.start]):
            slack = max(slack, LOOSE * value)
        if fact.unit == "percent" and value in (0, 50, 100):
            return True
        if any(abs(value * by - 1) < 0.02 for by in factors(fact.unit) if by < 1 and seconds_in(fact.unit)):
            return True  # `24 hours` for a day
        if _SEASON.search(self._answer[max(0, fact.start - 6) : fact.start]) and value < 100:
            return True  # `2025/26`
        if any(_meets(self._numbers, value * by, slack * by) for by in factors(fact.unit) if by != 1):
            return True
        if self._is_bound(fact, value) or _meets(self._totals, value, slack):
            return True
        power = 10.0 ** max(0, fact.quantum.adjusted() // 3 * 3) if not fact.text[-1:].isdigit() else 1.0
        scales = {*factors(fact.unit), 1.0, 1 / power}
        both = sorted({*self._numbers, *own})
        if any(_meets(self._numbers, value * by, slack * by) for each in _CALENDAR for by in (each, 1 / each)):
            return True
        return any(_is_step(self._numbers, both, value * by, max(slack, 1e-9 * value) * by) for by in scales)

    # -- moments ----------------------------------------------------------------------------------------------------

    @cached_property
    def _dates(self) -> list[date]:
        return [
            day
            for reading in self._readings
            for year, month, number in reading.moments.dates(MAX_MOMENTS)
            if (day := _day(year or self._year, month, number)) is not None
        ]

    @cached_property
    def _year(self) -> int:
        """The year of a date that names none: that of another date, or any that is no leap year."""
        moments = (reading.moments.dates(MAX_MOMENTS) for reading in self._readings)
        return next((year for dates in moments for year, *_ in dates if year), 2001)

    @cached_property
    def _times(self) -> list[int]:
        """The times of day of the sources, in seconds."""
        return sorted({seconds for reading in self._readings for seconds in reading.moments.seconds(MAX_MOMENTS)})

    def _is_distance(self, fact: Fact) -> bool:
        """Whether a span of time is the distance of two dates or times of the sources, as precisely as it says."""
        unit = seconds_in(fact.unit)
        if unit is None:
            return False
        total, least = self._span(fact, unit)
        if any(
            abs(abs((one - two).days) * _DAY - total) < max(least, _DAY) for one, two in combinations(self._dates, 2)
        ):
            return True
        gaps = ((two - one, _DAY - two + one) for one, two in combinations(self._times, 2))
        return any(abs(gap - total) < max(least, 60) for pair in gaps for gap in pair)

    def _span(self, fact: Fact, unit: int) -> tuple[float, int]:
        """The seconds of a span with the parts beside it, as in `two hours and 41 minutes`, and its smallest unit's."""
        total, least = abs(float(fact.value)) * unit if isinstance(fact.value, Decimal) else 0.0, unit
        spans = [each for each in self._facts if isinstance(each.value, Decimal) and seconds_in(each.unit)]
        for one, two in pairwise(spans):
            if fact.start in (one.start, two.start) and _JOINED.fullmatch(self._answer[one.end : two.start]):
                other = two if fact.start == one.start else one
                beside = seconds_in(other.unit) or 0
                total += abs(float(other.value)) * beside if isinstance(other.value, Decimal) else 0.0
                least = min(least, beside)
        return total, least

    def _is_date(self, fact: Fact) -> bool:
        """Whether a date lies as many days, weeks, months or years from one of the sources as a number of them says."""
        if not isinstance(fact.value, tuple):
            return False
        steps = {int(each) for each in self._numbers if each == int(each) and each < 4000} | {1}
        for known in self._dates:
            year, month, day = fact.value
            mine = _day(year or known.year, month or known.month, day or known.day)
            if mine is None:
                continue
            days = abs((mine - known).days)
            months = abs(12 * (mine.year - known.year) + mine.month - known.month)
            whole = abs(mine.day - known.day) < 2 or not day
            if days in steps or (days % 7 == 0 and days // 7 in steps) or (whole and steps & {months, months / 12}):
                return True
        return False

    def _is_time(self, fact: Fact) -> bool:
        """Whether a time is one of the sources in another zone, an hour of a key, or so many minutes from one."""
        if not isinstance(fact.value, tuple) or fact.value[0] < 0:
            return False
        about = _ABOUT.search(self._answer[max(0, fact.start - 24) : fact.start])
        return self._is_at(fact.value[0], max(fact.value[1], 0), LATE if about else 0)

    def _is_at(self, hour: int, minute: int, room: int) -> bool:
        """Whether a time may follow from one of the sources, give or take so many minutes."""
        whole = {int(each) for each in self._numbers if each == int(each) and each < 1500}
        if minute == 0 and whole & {hour, hour % 12}:
            return True
        mine = 60 * hour + minute
        for seconds in self._times:
            apart = abs(mine - seconds // 60)
            near = (gap + off for gap in (apart, 1440 - apart) for off in range(-room, room + 1))
            if any(gap in whole or gap % 60 == 0 for gap in near):
                return True
        return False


def _spelled(lower: str) -> Iterator[int]:
    for match in _WORDS.finditer(lower):
        word = match[1]
        names = CARDINALS if word in CARDINALS else ORDINALS
        value = names.index(word) if word in names else {"half": 30, "quarter": 15, "dozen": 12}[word]
        yield value * {"hundred": 100, "thousand": 1000, "million": 10**6, None: 1}[match[2]]


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _meets(numbers: Sequence[float], value: float, slack: float) -> bool:
    """Whether one of some ascending numbers is so near a value."""
    at = bisect_left(numbers, value - slack)
    return at < len(numbers) and numbers[at] <= value + slack


def _is_step(numbers: Sequence[float], others: Sequence[float], value: float, slack: float) -> bool:
    """Whether a value is the sum, difference, product, ratio or percentage of a number and another, neither of which is
    that value already."""
    rest = [each for each in others if each and abs(each - value) > slack]
    factors = [each for each in rest if each != 1]
    for one in numbers:
        if one and abs(one - value) > slack:
            if any(_meets(rest, other, slack) for other in (value - one, value + one, one - value)):
                return True
            if one != 1 and any(_meets(factors, other, room) for other, room in _partners(one, value, slack)):
                return True
    return False


def _partners(one: float, value: float, slack: float) -> Iterable[tuple[float, float]]:
    """What must stand beside a number for the two to give a value by multiplication, and how exactly."""
    if value:
        yield value / one, slack / one
        yield value * one, slack * one
        yield 100 * value / one, 100 * slack / one  # so many percent of one
        yield 100 * one / value, 100 * one * slack / (value * value)
        yield value * one / 100, slack * one / 100  # the percentage of another
        yield one * (1 + value / 100), one * slack / 100  # the change in percent
        yield one * (1 - value / 100), one * slack / 100
    yield value / (1 + one / 100), slack  # another, and so many percent of it
    if one < 100:
        yield value / (1 - one / 100), slack / (1 - one / 100)
        yield 100 * (value / one - 1), 100 * slack / one  # with so many percent on top
        yield 100 * (1 - value / one), 100 * slack / one
