"""world_time: the local time of a place, by a clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shotclock.policies.errors import ToolError
from shotclock.tools.builtin import clock
from shotclock.tools.builtin.clock import world_time
from shotclock.tools.builtin.places import ABBREVIATIONS, CAPITALS, CITIES, OTHER_ZONES, STATES

WINTER = datetime(2025, 1, 15, 19, 30, 5, tzinfo=UTC)
SUMMER = datetime(2025, 7, 15, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def winter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_now", lambda: WINTER)


def test_a_city_of_the_zone_database() -> None:
    """A city that names a zone gives its time, date, weekday and offset, and a sentence with all of them."""
    assert world_time("Lima") == {
        "place": "Lima",
        "zone": "America/Lima",
        "time": "14:30:05",
        "date": "2025-01-15",
        "weekday": "Wednesday",
        "utc_offset": "-05:00",
        "summary": "In Lima it is 14:30 on Wednesday, 15 January 2025 (America/Lima, UTC-05:00).",
    }


def test_the_date_is_the_place_s_own() -> None:
    """East of the date line's midnight it is already tomorrow."""
    assert world_time("Tokyo")["date"] == "2025-01-16"
    assert world_time("Tokyo")["weekday"] == "Thursday"


def test_summer_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offset is that of the instant, not of the zone's name."""
    assert world_time("London")["utc_offset"] == "+00:00"
    monkeypatch.setattr(clock, "_now", lambda: SUMMER)
    assert world_time("London")["utc_offset"] == "+01:00"
    assert world_time("EST")["utc_offset"] == "-04:00"


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("lima", "America/Lima"),
        ("Lima, Peru", "America/Lima"),
        ("São Paulo", "America/Sao_Paulo"),
        ("sao paulo", "America/Sao_Paulo"),
        ("Zürich", "Europe/Zurich"),
        ("New York City", "America/New_York"),
        ("NYC", "America/New_York"),
        ("San Francisco", "America/Los_Angeles"),
        ("Washington", "America/New_York"),
        ("Washington, D.C.", "America/New_York"),
        ("Mumbai", "Asia/Kolkata"),
        ("Bangalore", "Asia/Kolkata"),
        ("Beijing", "Asia/Shanghai"),
        ("Munich", "Europe/Berlin"),
        ("münchen", "Europe/Berlin"),
        ("Barcelona", "Europe/Madrid"),
        ("Geneva", "Europe/Zurich"),
        ("Rio de Janeiro", "America/Sao_Paulo"),
        ("Kyoto", "Asia/Tokyo"),
        ("Cape Town", "Africa/Johannesburg"),
        ("Tokyo time", "Asia/Tokyo"),
        ("the Netherlands", "Europe/Amsterdam"),
        ("Japan", "Asia/Tokyo"),
        ("Côte d'Ivoire", "Africa/Abidjan"),
        ("Bosnia and Herzegovina", "Europe/Sarajevo"),
        ("UK", "Europe/London"),
        ("Europe/Zurich", "Europe/Zurich"),
        ("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires"),
        ("Paris, France", "Europe/Paris"),
        ("Paris, Texas", "America/Chicago"),
        ("Lima, Ohio", "America/New_York"),
        ("Houston, Ohio", "America/New_York"),
        ("El Paso, Texas", "America/Denver"),
        ("Boston, MA", "America/New_York"),
        ("Boston, UK", "Europe/London"),
        ("Aarhus, Denmark", "Europe/Copenhagen"),
        ("Portland, Oregon", "America/Los_Angeles"),
        ("Tbilisi, Georgia", "Asia/Tbilisi"),
        ("Atlanta, Georgia", "America/New_York"),
        ("Victoria, Australia", "Australia/Melbourne"),
        ("Miami, Florida, USA", "America/New_York"),
        ("UTC", "Etc/UTC"),
        ("PST", "America/Los_Angeles"),
    ],
)
def test_names_people_use(place: str, zone: str) -> None:
    """Accents, case, nicknames, countries, and what stands behind a comma lead to the right zone."""
    assert world_time(place)["zone"] == zone


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("USA", "Assumed: the time of the capital, Washington, D.C."),
        ("Brazil", "Assumed: the time of the capital, Brasília."),
        ("Texas", "Assumed: the time most of Texas keeps."),
        ("Springfield, Illinois", "Assumed: Springfield keeps the time most of Illinois keeps."),
        ("EST", "Assumed: EST means US Eastern Time."),
    ],
)
def test_an_assumption_is_said(place: str, said: str) -> None:
    """Where a place keeps several times, the summary says which was taken."""
    assert world_time(place)["summary"].endswith(said)


def test_a_country_of_one_zone_needs_no_assumption() -> None:
    """Nothing is said to be assumed where nothing was."""
    assert "Assumed" not in world_time("France")["summary"]
    assert "Assumed" not in world_time("UTC")["summary"]


@pytest.mark.parametrize(
    ("place", "offset"), [("UTC+5:30", "+05:30"), ("gmt-3", "-03:00"), ("UTC+0", "+00:00"), ("UTC+14", "+14:00")]
)
def test_fixed_offsets(place: str, offset: str) -> None:
    """`UTC+5:30` is an offset in the sense people write it."""
    assert world_time(place)["utc_offset"] == offset


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("Georgia", "Tbilisi, or Atlanta"),
        ("IST", "Delhi, Dublin or Jerusalem"),
        ("Portland", "Portland, Oregon or Portland, Maine"),
        ("Sydny", "did you mean Sydney"),
        ("Atlantis", "not known"),
        ("Lima, Mars", "not known"),
        ("UTC+99", "not known"),
        ("../../etc/passwd", "not known"),
        ("", "1 to 100 characters, got 0"),
        ("x" * 101, "1 to 100 characters, got 101"),
        (",", "not known"),
        ("," * 100, "not known"),
    ],
)
def test_unknown_and_ambiguous_places_are_refused(place: str, said: str) -> None:
    """A place that is not known, or is several, is a `ToolError` with what to ask for instead."""
    with pytest.raises(ToolError, match=said.replace("+", r"\+")):
        world_time(place)


def test_every_zone_of_the_tables_exists() -> None:
    """No table names a zone that the tz database lacks."""
    zones = {*CITIES, *STATES, *(zone for zone, _ in CAPITALS.values()), *(zone for zone, _ in ABBREVIATIONS.values())}
    zones |= {zone for more in OTHER_ZONES.values() for zone in more}
    for zone in zones:
        assert ZoneInfo(zone).key == zone


def test_the_real_clock_is_used_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a test's clock the time is the present one."""
    monkeypatch.undo()
    before = datetime.now(UTC).replace(microsecond=0)
    told = world_time("UTC")
    at = datetime.fromisoformat(f"{told['date']}T{told['time']}+00:00")
    assert before <= at <= datetime.now(UTC)


def test_the_schema_guides_a_model_that_fills_by_format() -> None:
    """The argument has the format `place`, and the result is of the declared type."""
    assert world_time.schema.parameters["properties"]["place"]["format"] == "place"
    assert world_time.schema.problem_of_result(world_time("Lima")) is None
