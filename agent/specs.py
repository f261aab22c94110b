"""An agent's tools as its models see them."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ..policies.fencing import neutralised
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox
from .models.base import ToolSpec

_specs: WeakKeyDictionary[Toolbox, tuple[ToolSpec, ...]] = WeakKeyDictionary()


def specs_of(toolbox: Toolbox) -> tuple[ToolSpec, ...]:
    """The tools of a toolbox, in its order; made once, as they are the same for all runs."""
    specs = _specs.get(toolbox)
    if specs is None:
        specs = _specs[toolbox] = tuple(map(_spec, toolbox))
    return specs


def _spec(tool: Tool) -> ToolSpec:
    """A tool; the description of an untrusted one may quote what strangers wrote, such as headings."""
    description = tool.description if tool.trusted else neutralised(tool.description).text
    return ToolSpec(name=tool.name, description=description, parameters=tool.schema.parameters)
