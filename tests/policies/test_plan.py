"""Plans: what is refused and in which words, which step is ready when, and what a reference stands for."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.policies.plan import DEEPEST, CallPlan, Flaw, PlanText, Step, read_plan, resolve, settled
from shotclock.policies.speculation import Begin, EarlySituation, Speculation, Wait

TOOLS = ("capital", "weather")


def step(id, tool="capital", after=None, **arguments):
    """A step as a model writes it."""
    return {"id": id, "tool": tool, "arguments": arguments} | ({} if after is None else {"after": after})


def read(*steps, most=32):
    """What is read of these steps."""
    return read_plan({"steps": list(steps)}, TOOLS, most)


def ids(steps):
    """The ids of steps."""
    return [each.id for each in steps]


def filled(value, **results):
    """What becomes of one argument."""
    plan = read(*(step(name) for name in results), step("last", x=value))
    assert isinstance(plan, CallPlan)
    arguments = resolve(plan.steps[-1], results)
    return arguments.message if isinstance(arguments, Flaw) else arguments["x"]


def test_steps_wait_for_what_they_refer_to_and_for_what_they_name():
    """A reference anywhere in nested arguments and an id in `after` are both waited for."""
    plan = read(step("a"), step("b", x={"deep": [{"er": "$a.city"}]}), step("c", after=["b"], x="$a"), step("d"))
    assert [each.needs for each in plan.steps] == [(), ("a",), ("a", "b"), ()]
    assert [each.takes for each in plan.steps] == [(), ("a",), ("a",), ()]
    assert ids(plan.ready(())) == ["a", "d"]
    assert ids(plan.ready({"a"}, begun={"d"})) == ["b"]
    assert ids(plan.ready({"a", "b", "d"})) == ["c"]
    assert plan.layers == 3


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.sets(st.integers(0, n - 1)), min_size=n, max_size=n)))
def test_a_plan_runs_to_its_end_or_names_a_circle(needs):
    """Whatever waits for whatever: either every step becomes ready once, after its needs, or a real circle is named."""
    plan = read(*(step(f"s{n}", after=[f"s{each}" for each in sorted(each)]) for n, each in enumerate(needs)))
    if isinstance(plan, Flaw):
        pairs = [pair.split(" needs ") for pair in plan.message.rstrip(".").split("circle: ")[1].split(", ")]
        assert all(int(b[1:]) in needs[int(a[1:])] for a, b in pairs)
        assert [b for _, b in pairs] == [a for a, _ in pairs[1:]] + [pairs[0][0]]
        return
    done: list[str] = []
    while ready := plan.ready(done):
        assert all(set(each.needs) <= set(done) for each in ready)
        done += ids(ready)
    assert sorted(done) == sorted(each.id for each in plan.steps)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([], "steps must be a list of at least one step"),
        (["a"], "step 1 must be an object with id, tool and arguments, got 'a'"),
        ([{"tool": "capital"}], "step 1: id must be 1 to 64 letters, digits, _ or -, got None"),
        ([step("a.b")], r"step 'a.b': id must be"),
        ([step(True)], "id must be"),
        ([step("a", tool="wether")], r"step 'a': there is no tool named 'wether' \(did you mean 'weather'\?\)"),
        ([step("a", tool="plan")], "there is no tool named 'plan'; the tools are capital, weather"),
        ([{"id": "a", "tool": "capital", "arguments": [1]}], "arguments must be an object, got a list"),
        ([step("a", after="b")], "after must be a list of ids, got 'b'"),
        ([step("a") | {"depends_on": ["b"]}], "unknown 'depends_on'; a step has id, tool, arguments, after"),
        ([step("a"), step("a"), step("a")], "3 steps have the id 'a'"),
        ([step("a", after=["z"])], "step 'a': after names 'z', and no step has that id; the ids are a"),
        ([step("a", x="$a")], "in a circle: a needs a"),
        (
            [step("a", x="$c"), step("b", x="$a"), step("c", x="$b.name"), step("d", x="$a")],
            "in a circle: a needs c, c needs b, b needs a",
        ),
        ([step("a"), step("b"), step("c"), step("d")], "it has 4 steps and limits.parallel=3; plan fewer at a time"),
    ],
)
def test_a_plan_that_cannot_be_run_says_why(steps, says):
    """Each mistake is named with its step, what was written, and what is possible."""
    plan = read(*steps, most=4 if "a needs c" in says else 3)
    assert isinstance(plan, Flaw)
    assert re.search(says, plan.message), plan.message


def test_several_mistakes_are_named_together():
    """A model mends a plan in one turn, so up to three mistakes are named at once."""
    plan = read(step("a", tool="x"), step("b", tool="y"), step("c", tool="z"), step("d", tool="w"))
    assert [name in plan.message for name in ("'a'", "'b'", "'c'", "'d'")] == [True, True, True, False]


@pytest.mark.parametrize("arguments", [{}, {"steps": None}, {"steps": {"a": 1}}, {"steps": "[]"}])
def test_what_is_no_list_of_steps_is_refused(arguments):
    """Anything but a list of steps is one clear message."""
    assert "steps must be a list" in read_plan(arguments, TOOLS, 32).message


def test_numbers_serve_as_ids():
    """A model that counts its steps may write numbers."""
    plan = read(step(1), step(2, x="$1.city", after=[1]))
    assert ids(plan.steps) == ["1", "2"]
    assert resolve(plan.steps[1], {"1": {"city": "Oslo"}}) == {"x": "Oslo"}


def test_arguments_nested_without_end_are_refused():
    """Nesting is bounded, so that nothing that walks through arguments can run out of stack."""
    deep: object = "$a"
    for _ in range(5_000):
        deep = [deep]
    assert f"nested deeper than {DEEPEST} levels" in read(step("a"), step("b", x=deep)).message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$a", {"city": "Oslo", "sizes": [1, {"area": 2.5}], "none": None}),
        ("$a.city", "Oslo"),
        ("$a.sizes[1].area", 2.5),
        ("$a.none", None),
        ({"in": ["$a.sizes[0]", "$a.city"]}, {"in": [1, "Oslo"]}),
    ],
)
def test_a_reference_is_replaced_by_the_value(text, value):
    """What a reference names goes in as the JSON value it is, not as text."""
    assert filled(text, a={"city": "Oslo", "sizes": [1, {"area": 2.5}], "none": None}) == value


@pytest.mark.parametrize("text", ["$5.00", "$b", "$", "a", "$a city", "Weather in $a.city", "$$a", "$a.", "$a[x]", ""])
def test_other_texts_are_left_alone(text):
    """Amounts, names that no step has, and references within a longer text stay what they are."""
    assert filled(text, a={"city": "Oslo"}, **{"5": {"00": "no"}}) == text


def test_a_value_that_looks_like_a_reference_is_not_followed():
    """Only what the model wrote is a reference, never what a tool returned."""
    assert filled("$a", a="$b", b="secret") == "$b"


def test_a_result_that_is_json_in_a_text_has_its_parts():
    """Many tools return their JSON as text; whole it stays text, and its parts can be named."""
    assert filled("$a.city", a='{"city": "Oslo"}') == "Oslo"
    assert filled("$a", a='{"city": "Oslo"}') == '{"city": "Oslo"}'


@pytest.mark.parametrize(
    ("text", "result", "says"),
    [
        ("$a.city", {"name": "x", "population": 1}, "$a.city: the result of a has no 'city'; it has: name, population"),
        ("$a.city", {}, "$a.city: the result of a has no 'city'; it has: nothing"),
        ("$a[3]", [1, 2], "$a[3]: the result of a is a list and has no [3]; it has [0] to [1]"),
        ("$a.x", [], "$a.x: the result of a is a list and has no 'x'; it is empty"),
        ("$a.city", "Oslo", "$a.city: the result of a is a text and has no parts"),
        ("$a.city.name", {"city": 5}, "$a.city.name: a.city is a number and has no parts"),
        ("$a.x", None, "$a.x: the result of a is nothing and has no parts"),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(text, result, says):
    """A wrong path names the step, the reference, and the parts that could be meant."""
    assert filled(text, a=result) == f"step last: {says}"


TEXTS = st.sampled_from(["$a", "$b.x", "$c", "$5.00", '}"{[', "\\", "ü", "plain"])
STEPS = st.lists(
    st.builds(
        lambda id, tool, after, texts: step(id, tool, after, x={"in": texts}),
        st.sampled_from("abcd"),
        st.sampled_from(TOOLS),
        st.none() | st.lists(st.sampled_from("abcd"), max_size=2),
        st.lists(TEXTS, max_size=2),
    ),
    max_size=4,
    unique_by=lambda row: row["id"],
)


@given(STEPS, st.integers(1, 12), st.booleans())
def test_what_is_settled_while_a_plan_is_written_stands_in_the_whole_plan(rows, size, spaced):
    """However the text comes in: each step that may begin early is, word for word, one of the plan that follows."""
    text = json.dumps({"note": "{}", "steps": rows}, indent=1 if spaced else None)
    reader, seen = PlanText(), []
    for at in range(0, len(text), size):
        read = reader.add(text[at : at + size])
        assert read == [] or read == rows[: len(read)]
        seen = read or seen
    assert seen == rows
    whole = read_plan({"steps": rows}, TOOLS, 32)
    for known in range(len(rows) + 1):
        early = settled(rows[:known], TOOLS, 32)
        if isinstance(whole, CallPlan):
            assert all(each in whole.steps for each in early.steps)
        assert all(set(each.needs) <= set(ids(early.steps)) for each in early.steps)


def test_a_reference_to_what_is_not_written_yet_waits():
    """`$x` may be a text or a step that comes later, so such a step is not settled; the others are."""
    rows = [step("a"), step("b", x="$x"), step("c", x="$b"), step("d", after=["z"]), step("e", x="$a")]
    assert ids(settled(rows, TOOLS, 32).steps) == ["a", "e"]
    assert ids(settled(rows, TOOLS, 1).steps) == ["a"]
    assert ids(settled([step("a"), step("b", tool="x"), step("c")], TOOLS, 32).steps) == ["a"]


@pytest.mark.parametrize("text", ['{"steps": {"a": {}}}', "[[{}]]", '{"steps": [{x}]}', '}}}"{', '{"steps": "[{}]"}'])
def test_what_is_no_plan_gives_no_steps_while_it_is_written(text):
    """Whatever a model writes, reading it along raises nothing and gives no step."""
    reader = PlanText()
    assert [reader.add(character) for character in text] == [[]] * len(text)


def test_early_starts_have_one_reason_each():
    """A read-only call within the limit is begun early; otherwise it is said why not."""
    usual = EarlySituation(tool="t", read_only=True, taken=1, most=1)
    assert isinstance(Speculation().early(usual), Begin)
    assert Speculation(eager=False).early(usual) == Wait(reason="speculation.eager is off")
    writes = EarlySituation(tool="t", read_only=False, taken=1, most=1)
    assert "may change something" in Speculation().early(writes).reason
    many = EarlySituation(tool="t", read_only=True, taken=2, most=1)
    assert "limits.parallel=1" in Speculation().early(many).reason


def test_a_step_is_a_value():
    """Needs are named once each, in the order they are written."""
    assert Step(id="a", tool="t", arguments={}, takes=("b", "c"), after=("c", "d")).needs == ("b", "c", "d")
