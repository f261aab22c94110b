"""What a model reads of plans: the built-in tool that takes them, and what their steps gave."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from ..tools.call import Evidence
from ..tools.toolbox import Toolbox, by_toolbox
from .models.base import CallMessage, Message, ToolSpec
from .models.rules import Rules
from .prompts import tool_message
from .run import Run

PLAN = "plan"
"""The name of the built-in tool; where one of the agent's own tools has it, that one is meant and plans are off."""

LEAST_TOOLS = 2
"""Tools an agent has at least where plans are offered: a single one seldom feeds itself."""

_ABOUT = (
    "Runs several tools in one go, without asking you in between: each step begins as soon as the steps it needs are "
    "done, and independent steps run at once. Use it where a call needs what another one returns; calls that are "
    "independent need no plan. An argument that is exactly $ID, $ID.field or $ID.list[0].field is replaced by the "
    "result of the step with that id, or that part of it; it cannot be part of a longer text. A step whose input "
    "failed is skipped."
)

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "Short and unique, such as a."},
                    "tool": {"type": "string", "description": "The name of a tool."},
                    "arguments": {"type": "object", "description": "Its arguments, with references in them."},
                    "after": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Ids of steps to wait for without using their results.",
                    },
                },
                "required": ["id", "tool", "arguments"],
            },
        }
    },
    "required": ["steps"],
}

_MOST_FIELDS = 12
"""Fields of a result that are named to the model."""


def takes_plans(run: Run) -> bool:
    """Whether a call of `plan` hands over a plan, and is not a call of a tool by that name or of none."""
    return run.speculation.plans and len(run.toolbox) >= LEAST_TOOLS and run.toolbox.get(PLAN) is None


def offered(run: Run) -> tuple[ToolSpec, ...]:
    """What the model is shown: the tools, and `plan` where it can be of use; the embedded model makes no plans."""
    scarce = run.ledger.left().get("tool_calls", LEAST_TOOLS) < LEAST_TOOLS
    if scarce or isinstance(run.model, Rules) or not takes_plans(run):
        return run.specs
    return (*run.specs, _spec(run.toolbox))


def given(run: Run, asked: Sequence[CallMessage]) -> dict[str, dict[str, Evidence]]:
    """What each call of a turn gave, by the call's id: the evidence of a plan's steps by their ids, of any other call
    under the empty one."""
    found = {item.id: item for item in run.evidence}
    keys = {call["id"]: call.get("key", call["id"]) for call in asked}
    places = {call: run.calls.given(key) for call, key in keys.items()}
    return {
        call: {step: found[each] for step, each in place.items() if each in found} for call, place in places.items()
    }


def answer_to(run: Run, call: CallMessage, gave: Mapping[str, Evidence]) -> Message:
    """The message that tells the model what its call gave."""
    if "" in gave:
        content = tool_message(gave[""])
    else:
        content = "\n\n".join(
            f"[{step}] {item.tool}:\n{tool_message(item)}"
            for step, item in zip(gave, shortened(list(gave.values()), run.policy.limits.result), strict=True)
        )
    return Message(role="tool", content=content, call_id=call["id"], tool=call["tool"])


def shortened(items: list[Evidence], most: int) -> list[Evidence]:
    """The same evidence with contents of `most` characters together: the long ones share what the short ones leave."""
    shares = _shares([len(item.content) for item in items], most)
    return [_cut(item, share) for item, share in zip(items, shares, strict=True)]


def _shares(sizes: Sequence[int], most: int) -> list[int]:
    shares = [0] * len(sizes)
    left = most
    for place, index in enumerate(sorted(range(len(sizes)), key=lambda index: sizes[index])):
        shares[index] = min(sizes[index], left // (len(sizes) - place))
        left -= shares[index]
    return shares


def _cut(item: Evidence, share: int) -> Evidence:
    size = len(item.content)
    if size <= share:
        return item
    return replace(item, content=f"{item.content[:share]}\n[cut: {share:,} of {size:,} characters are shown]")


@by_toolbox
def _spec(toolbox: Toolbox) -> ToolSpec:
    """The built-in tool as a model sees it; what the tools return is named, so that it can be referred to."""
    fields = {tool.name: _fields(tool.function) for tool in toolbox}
    known = "; ".join(f"{name} returns {gives}" for name, gives in fields.items() if gives)
    about = f"{_ABOUT} {known}." if known else _ABOUT
    return ToolSpec(name=PLAN, description=about, parameters=_PARAMETERS, piecewise=True)


def _fields(function: Callable[..., Any]) -> str:
    """The fields of what a function declares to return, or nothing where it declares none."""
    try:
        returned = inspect.signature(function, eval_str=True).return_annotation
        if returned in (inspect.Signature.empty, None, Any):
            return ""
        schema = TypeAdapter(returned).json_schema(by_alias=False, mode="serialization")
    except (PydanticUserError, PydanticSchemaGenerationError, NameError, TypeError, ValueError):
        return ""  # a type that pydantic cannot describe: the model is shown the result, but not told beforehand
    many = schema.get("type") == "array"
    names = list(_named(schema.get("items", {}) if many else schema, schema.get("$defs", {})))
    listed = ", ".join(names[:_MOST_FIELDS]) + (", …" if len(names) > _MOST_FIELDS else "")
    return f"a list of {listed}" if names and many else listed


def _named(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    named = known.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    properties: Mapping[str, Any] = named.get("properties", {})
    return properties
