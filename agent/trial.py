"""One call through the whole pipeline, without a model: how a developer tries a tool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ..policies.budget import Budget
from ..policies.deadline import Deadline
from ..policies.errors import InvalidTool
from ..policies.ledger import Ledger
from ..policies.settings import Policy
from ..tools.call import Call, Evidence
from ..tools.lent import Scope
from ..tools.memory import Memory
from ..tools.pipeline import Pipeline
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox
from .trace.spans import Recorder


def try_call(tools: Iterable[Tool], name: str, arguments: Mapping[str, Any], latency: float | str = 10.0) -> Evidence:
    """Run `name` with `arguments`, as a run would within `latency`, and return the evidence.

    Raises:
        InvalidTool: there is no tool of that name.
        InvalidBudget: `latency` is no duration.
    """
    toolbox = Toolbox(tools)
    if toolbox.get(name) is None:
        raise InvalidTool(toolbox.unknown(name))
    return asyncio.run(_try(toolbox, Budget(latency), Call(id="call-1", tool=name, arguments=arguments)))


async def _try(toolbox: Toolbox, budget: Budget, call: Call) -> Evidence:
    now = asyncio.get_running_loop().time
    scope = Scope(
        ledger=Ledger(budget),
        policy=Policy(),
        soft=Deadline.after(now(), budget.latency),
        now=now,
        trace=Recorder(agent="try", model="none", clock=now).start_run("", budget),
        memory=Memory(),
        own=lambda future: None,
    )
    return await Pipeline(toolbox, scope).call(call)
