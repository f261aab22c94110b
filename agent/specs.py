"""An agent's tools as its models see them."""

from __future__ import annotations

from ..policies.fencing import neutralised
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox, by_toolbox
from .models.base import ToolSpec


@by_toolbox
def specs_of(toolbox: Toolbox) -> tuple[ToolSpec, ...]:
    """The tools of a toolbox, in its order; made once."""
    return tuple(map(_spec, toolbox))


def _spec(tool: Tool) -> ToolSpec:
    """A tool; the description of an untrusted one may quote what strangers wrote, such as headings."""
    description = tool.description if tool.trusted else neutralised(tool.description).text
    return ToolSpec(name=tool.name, description=description, parameters=tool.schema.parameters)
