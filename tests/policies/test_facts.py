"""What is read out of texts, where it stands, and when two facts mean the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.equality import magnitudes, same
from shotclock.policies.facts import extract
from shotclock.policies.figures import Figures, Wanted
from shotclock.policies.postings import members, most
from shotclock.policies.quantities import scan
from shotclock.policies.spans import Fact


def everything(_: float) -> bool:
    return True


def one(text: str) -> Fact:
    [fact] = scan(text, everything)
    return fact


def stand_for(answer: str, source: str, *, fell: bool = False) -> bool:
    return any(same(fact, found, fell=fell) for fact in extract(answer) for found in scan(source, everything))


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("2,480", "2480", None),
        ("2\u202f480", "2480", None),
        ("2.48e3", "2480", None),
        ("-3.5 °C", "-3.5", "celsius"),
        ("−3.5°C", "-3.5", "celsius"),
        ("minus 25", "-25", None),
        ("$4.2 million", "4200000", "USD"),
        ("€59.90", "59.90", "EUR"),
        ("-$5", "-5", "USD"),
        ("USD 12", "12", "USD"),
        ("12k", "12000", None),
        ("17.5 per cent", "17.5", "percent"),
        ("42 km/h", "42", "km/h"),
        ("30 square kilometres", "30", "km2"),
        ("5km", "5", "km"),
        ("a 30-day trial", "30", "day"),
        ("page 3", "3", "page"),
        ('"temp_c": 21', "21", "celsius"),
        ('{"value": 42.1, "unit": "kilometre"}', "42.1", "km"),
        ("3rd place", "3", None),
    ],
)
def test_numbers_are_read_with_sign_scale_and_unit(text: str, value: str, unit: str | None) -> None:
    """A number's value, sign, multiplier and unit are read whatever its notation."""
    fact = one(text)
    assert (fact.kind, fact.value, fact.unit) == ("number", Decimal(value), unit)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-24", (2026, 11, 24)),
        ("24 November 2026", (2026, 11, 24)),
        ("24th of Nov. 2026", (2026, 11, 24)),
        ("Nov 24, 2026", (2026, 11, 24)),
        ("November 24", (0, 11, 24)),
        ("November 2026", (2026, 11, 0)),
        ("24/11/2026", (2026, 11, 24)),
        ("11/24/2026", (2026, 11, 24)),
        ("2026/11/24", (2026, 11, 24)),
        ("04/05/2026", "04/05/2026"),
    ],
)
def test_dates_are_read_in_common_formats(text: str, value: object) -> None:
    """A date is read alike in all unambiguous formats; an ambiguous one stays as it is written."""
    assert (one(text).kind, one(text).value) == ("date", value)


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("14:05", "2:05 pm"),
        ("2 pm", "14:00"),
        ("12:12 am", "00:12"),
        ("12:30 p.m.", "12:30"),
        ("00:12", "2026-11-24T00:12:05-05:00"),
        ("UTC-5", "2026-11-24T00:12:05-05:00"),
        ("24 November", "2026-11-24T00:12:05Z"),
        ("November 2026", "24.11.2026"),
        ("in 2026", "on 2026-11-24"),
        ("42.16", "42.164813"),
        ("42", "42.16"),
        ("2.5 million", "2,480,000"),
        ("17.5%", "17.5 percent"),
        ("17.5%", "0.175"),
        ("42 km", "42"),
        ("5 to 10 km", "from 5 km"),
    ],
)
def test_what_means_the_same_is_the_same(answer: str, source: str) -> None:
    """Formats, time zones, parts of dates and rounding to the decimals shown make no difference."""
    assert stand_for(answer, source)


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("2:05", "14:05"),
        ("14:06", "14:05:59"),
        ("24 November 2026", "24 November"),
        ("04/05/2026", "05/04/2026"),
        ("42.17", "42.164813"),
        ("40", "42.16"),
        ("5", "5.3"),
        ("42.164813", "42.16"),
        ("25", "-25"),
        ("42 km", "42 miles"),
        ("5%", "5 km"),
        ("5", "5%"),
        ("$42", "€42"),
        ("12%", "12 engineers"),
        ("page 3", "3"),
        ("3", "page 3"),
        ("24", "2026-11-24"),
        ("1234", "AB-1234"),
        ("12345678901234567890", "12345678901234567891"),
    ],
)
def test_what_differs_is_not_the_same(answer: str, source: str) -> None:
    """Another value, unit, sign or precision than the source shows is another fact."""
    assert not stand_for(answer, source)


def test_a_fall_may_be_said_without_its_sign() -> None:
    """`fell by 5 %` may stand on `-5 %`, but `rose by 5 %` may not."""
    assert stand_for("5%", "-5%", fell=True)
    assert not stand_for("5%", "-5%", fell=False)


def test_the_kinds_of_an_answer_and_their_places() -> None:
    """Each kind of fact is found once, and its span holds its text."""
    text = (
        'On 24 November 2026 at 14:05 Anna Lindqvist wrote "all is well" (notes.pdf, page 3): 12 items, '
        "see https://example.com/a_(b)."
    )
    facts = extract(text)
    assert [(fact.kind, fact.text) for fact in facts] == [
        ("date", "24 November 2026"),
        ("time", "14:05"),
        ("name", "Anna Lindqvist"),
        ("quotation", '"all is well"'),
        ("citation", "notes.pdf, page 3"),
        ("number", "12"),
        ("url", "https://example.com/a_(b)"),
    ]
    assert all(text[fact.start : fact.end] == fact.text for fact in facts)


@pytest.mark.parametrize("text", ["1. First\n2. Second", "- one thing", "I am here.", "One of them is It."])
def test_markers_and_pronouns_are_no_facts(text: str) -> None:
    """List markers, `I` and `one` claim nothing."""
    assert [fact for fact in extract(text) if not fact.initial] == []


def test_codes_are_names_and_quantities_are_not() -> None:
    """A token of letters and digits is a name, compared as it stands, unless it is a number with its unit."""
    kinds = {fact.text: fact.kind for fact in extract("the AB-1234 and 10.0.0.1, 5km, 10am, 3rd and 2.5GHz and q3.csv")}
    assert kinds["AB-1234"] == kinds["10.0.0.1"] == kinds["q3.csv"] == "name"
    assert {kinds["5km"], kinds["2.5GHz"], kinds["3rd"]} == {"number"}
    assert kinds["10am"] == "time"


def test_cells_of_a_row_are_numbers_of_their_own() -> None:
    """`North,120,300` holds 120 and 300, whatever else it may hold."""
    values = {fact.value for fact in scan("North,120,300\n", everything)}
    assert {Decimal(120), Decimal(300)} <= values


def test_cells_may_have_spaces_for_thousands() -> None:
    """A row of numbers with thin or hard spaces in them is read cell by cell like any other."""
    values = {fact.value for fact in scan("[1\u00a0234,567]", everything)}
    assert {Decimal(1234), Decimal(567), Decimal(1234567)} == values


@given(st.integers(-(10**12), 10**12), st.integers(0, 4))
def test_a_number_is_the_same_in_every_notation(whole: int, decimals: int) -> None:
    """Separators, trailing zeros and exponents never change what a number is."""
    value = Decimal(whole).scaleb(-decimals)
    plain = f"{value:f}"
    for written in (f"{value:,f}", f"{plain}{'' if '.' in plain else '.'}0", f"{whole}e-{decimals}"):
        assert stand_for(f"it is {written}", f"it is {plain}"), written
        assert stand_for(f"it is {plain}", f"it is {written}"), written


@given(st.decimals(-(10**6), 10**6, places=6), st.integers(0, 5))
def test_rounding_holds_and_the_next_digit_does_not(value: Decimal, places: int) -> None:
    """A number rounded to the decimals it shows is grounded if it shows two digits, and one off by a unit is not."""
    rounded = round(value, places)
    off = rounded + Decimal(2).scaleb(-places)
    digits = f"{abs(rounded):.{places}f}".replace(".", "").lstrip("0")
    if len(digits) >= 2:
        assert stand_for(f"it is {rounded:.{places}f}", f"it is {value:f}")
    assert not stand_for(f"it is {off:.{places}f}", f"it is {value:f}")


@given(st.text(max_size=300))
def test_any_text_is_read_with_true_places(text: str) -> None:
    """No text makes the reader raise, and every span holds the fact's own text."""
    for fact in (*extract(text), *scan(text, everything)):
        assert 0 <= fact.start < fact.end <= len(text)
        assert text[fact.start : fact.end] == fact.text


@given(st.text(alphabet="0123456789.,-eE%$ kmM:/'\"TZ+NovMay(){}[]\n", max_size=200))
def test_any_jumble_of_digits_is_read(text: str) -> None:
    """Digits, separators and signs in any order are read without raising, and a fact stands for itself."""
    for fact in extract(text):
        if fact.kind in ("number", "date", "time"):
            assert same(fact, fact)
            assert all(low <= high for low, high in magnitudes(fact))


JUMBLE = st.text(alphabet="0123456789.,-eE%$ kmMt:/'\"TZ+NovMay(){}[]\n\u00a0", max_size=200)


@given(JUMBLE, JUMBLE)
def test_figures_are_those_of_a_scan(answer: str, source: str) -> None:
    """What is kept of a source's figures gives an answer the numbers that reading the source for it would give."""
    facts = [fact for fact in extract(answer) if fact.kind in ("number", "date", "time")]
    wanted = Wanted(facts)
    read = scan(source, wanted)
    numbers, moments = Figures(source, source.lower()).wanted(wanted, ())
    assert numbers == [fact for fact in read if fact.kind == "number"]
    for fact in facts:
        equal = [found for found in read if found.kind != "number" and same(fact, found)]
        assert [found for found in moments.like(fact) if same(fact, found)] == equal


@given(st.lists(st.frozensets(st.integers(0, 40)), max_size=12), st.frozensets(st.integers(0, 40), min_size=1))
def test_the_records_in_most_sets_are_counted(sets: list[frozenset[int]], among: frozenset[int]) -> None:
    """Of some records those are found that are in the most sets, and in how many they are."""
    counts = {each: sum(each in one for one in sets) for each in among}
    count, best = most([sum(1 << each for each in one) for one in sets], sum(1 << each for each in among))
    assert count == max(counts.values())
    assert set(members(best)) == {each for each in among if counts[each] == count}
