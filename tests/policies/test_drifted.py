"""A part of a result that has moved is found where only one can be meant, and nowhere else."""

from __future__ import annotations

import pytest

from shotclock.policies.drifted import MOST, near
from shotclock.policies.plan import Flaw, Step, resolve


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ({"data": {"of": "A", "route_code": "R-1"}}, ("data.route_code", "R-1")),
        ({"data": {"route": "R-1"}, "route_name": "north"}, ("data.route", "R-1")),
        ({"routeCode": "R-1"}, ("routeCode", "R-1")),
        ({"a": {"b": {"c": {"route": 7}}}}, ("a.b.c.route", 7)),
        ({"a": {"b": {"c": {"d": {"route": 7}}}}}, None),
        ({"a": {"route": "R-1"}, "b": {"route": "R-2"}}, None),
        ({"route_code": "R-1", "route_name": "north"}, None),
        ({"reroute": "R-1"}, None),
        ({"data": [{"route": "R-1"}]}, None),
        ({"data": {"route": True}}, None),
        ({"data": {"route": {"id": 1}}}, None),
        ("route R-1", None),
        ({f"x{n}": n for n in range(MOST)} | {"route_code": "R-1"}, None),
    ],
)
def test_only_the_one_part_that_can_be_meant_is_taken(result, found):
    """One of that very name further inside, else one whose name has its words; of several none, nor of lists."""
    assert near(result, "route") == found


def test_a_reference_takes_it_only_where_that_is_allowed_and_says_so():
    """Without leave a moved part is a flaw that names what there is; with it, what was taken is told."""
    step = Step(id="b", tool="t", arguments={"key": "$a.route"}, takes=("a",))
    results = {"a": {"data": {"route_code": "R-1"}}}
    told: list[tuple[str, str]] = []
    assert isinstance(resolve(step, results), Flaw)
    assert resolve(step, results, drifted=lambda *each: told.append(each)) == {"key": "R-1"}
    assert told == [("$a.route", "a.data.route_code")]
    deeper = Step(id="b", tool="t", arguments={"key": "$a.route.id"}, takes=("a",))
    assert isinstance(resolve(deeper, results, drifted=lambda *each: told.append(each)), Flaw)
