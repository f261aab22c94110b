"""Tools from a written schema: arguments and results are held against it, and no schema can hold up the caller."""

from __future__ import annotations

import time

import pytest

from shotclock.agent.trial import try_call
from shotclock.policies.errors import InvalidTool
from shotclock.tools.declared import from_schema, tool_name
from shotclock.tools.schema import Problem

ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item"],
    "anyOf": [{"required": ["count"]}, {"required": ["item"]}],
}


async def order(**arguments):
    return {"ordered": arguments}


def declared(schema=ORDER, **flags):
    return from_schema("order", "Order an item.", schema, order, **flags)


def test_arguments_are_validated_and_passed_by_name():
    """What fits the schema reaches the call as it was written; what does not is refused with the reason."""
    made = declared()
    assert made.schema.read({"item": "tea", "self": 1}) == {"item": "tea", "self": 1}
    refused = made.schema.read({"count": 0})
    assert isinstance(refused, Problem)
    assert '"item" is a required property' in refused.message
    assert "count: 0 is less than the minimum of 1" in refused.message
    assert refused.message.endswith("It takes: item, count.")


def test_a_model_is_shown_an_object_without_alternatives_at_its_top():
    """Model providers refuse a whole request for one tool whose parameters are no plain object."""
    assert declared().schema.parameters == {key: ORDER[key] for key in ("type", "properties", "required")}
    assert declared({}).schema.parameters == {"type": "object", "properties": {}}


def test_a_result_that_does_not_fit_its_schema_fails_its_check():
    """A declared result is held against its schema in the pipeline, as a return annotation is."""
    fits = {"type": "object", "properties": {"ordered": {"type": "object"}}, "required": ["ordered"]}
    kept = try_call([declared(result_schema=fits)], "order", {"item": "tea"})
    assert (kept.verdict.outcome, kept.verdict.verifier) == ("pass", "schema")
    refused = try_call([declared(result_schema={"required": ["price"]})], "order", {"item": "tea"})
    assert refused.verdict.outcome == "fail"
    assert "price" in refused.verdict.reason


def doubling(levels, keyword):
    """A schema whose references double at every level."""
    names = {f"l{i}": {keyword: [{"$ref": f"#/$defs/l{i + 1}"}] * 2} for i in range(levels)}
    return {"properties": {"item": {"$ref": "#/$defs/l0"}}, "$defs": {**names, f"l{levels}": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "refers outside of itself"),
        ({"properties": {"a": {"$ref": "file:///etc/hostname"}}}, "refers outside of itself"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "#"}, "refers to itself for the same value"),
        ({"$schema": "http://127.0.0.1:1/meta"}, "no JSON Schema"),
        ({"type": "nonsense"}, "no JSON Schema"),
        ({"properties": {"a": {"pattern": "("}}}, "no JSON Schema"),
        (doubling(40, "allOf"), "grows beyond 20,000 places"),
        (doubling(40, "prefixItems"), "grows beyond 20,000 places"),
    ],
)
def test_a_schema_that_could_hold_up_or_reach_out_is_refused(schema, reason):
    """Remote references, references in a circle and those that multiply are refused when the tool is made."""
    with pytest.raises(InvalidTool, match=reason):
        declared(schema)


def test_validation_is_bounded_whatever_the_value():
    """A pattern that backtracks forever, and nesting that multiplies or overflows a stack, cost milliseconds."""
    several = {"anyOf": [{"type": "string"}, {"items": {"$ref": "#/$defs/v"}}, {"items": {"$ref": "#/$defs/v"}}]}
    made = declared(
        {
            "properties": {"item": {"pattern": "^(?:(?=a)a|a?)+$(?=b)"}, "tree": {"$ref": "#/$defs/v"}},
            "$defs": {"v": several},
        }
    )
    deep = 1
    for _ in range(100_000):
        deep = [deep]
    began = time.process_time()
    assert isinstance(made.schema.read({"item": "a" * 40 + "!"}), Problem)
    assert not isinstance(made.schema.read({"tree": deep, "item": "ab"}), Problem)
    assert time.process_time() - began < 1


def test_values_nested_in_a_recursive_schema_are_checked():
    """A schema that refers back to itself in one place is checked at every level."""
    made = declared({"properties": {"tree": {"$ref": "#/$defs/t"}}, "$defs": {"t": {
        "type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}}})  # fmt: skip
    assert isinstance(made.schema.read({"tree": {"children": [{"children": [3]}]}}), Problem)
    assert made.schema.read({"tree": {"children": [{"children": []}]}})


def test_names_are_made_that_models_accept():
    """Any text becomes letters, digits, `_` and `-`, 64 at most."""
    assert tool_name("git hub", "pulls/create") == "git_hub_pulls_create"
    assert tool_name("é") == "tool"
    assert len(tool_name("a" * 60, "b" * 60)) <= 64
