"""What an agent is given where recorded runs are lived through again: tools and checks that do what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ...policies.outcome import Verdict
from ...tools.tool import Tool
from ..priced import costly
from ..verifiers import Answered
from .learnt import Habit, Learnt
from .model import RecordedModel
from .scene import Scene


class Stage:
    """Where recorded runs are lived through again: the tools, the checks and the model belong to whatever run is on.

    Args:
        learnt: what is known of the runs.
        model: what traces call the model.
    """

    def __init__(self, learnt: Learnt, model: str) -> None:
        self._learnt = learnt
        self.scene: Scene | None = None
        self.model = RecordedModel(lambda: self.on, model, learnt.price)

    @property
    def on(self) -> Scene:
        """The run that is on."""
        assert self.scene is not None
        return self.scene

    def tools(self) -> list[Tool]:
        """The tools that were called, with what the traces tell of them."""
        return [_tool(self, name, habit) for name, habit in sorted(self._learnt.tools.items())]

    def checks(self) -> list[Callable[..., Any]]:
        """The product's own checks."""
        return [_check(self, name, self._learnt) for name in self._learnt.checks]


def _tool(stage: Stage, name: str, habit: Habit) -> Tool:
    async def look_up(call: str) -> Any:
        return await stage.on.call(call)

    look_up.__doc__ = f"What {name} gave in a recorded run."
    retries = habit.retries or None
    return Tool(look_up, name, read_only=habit.read_only, retry=retries, latency=habit.expected)


def _check(stage: Stage, name: str, learnt: Learnt) -> Callable[..., Any]:
    async def check(answered: Answered) -> Verdict:
        lived = stage.on.check(name)
        await asyncio.sleep(lived.seconds)
        return Verdict.failed(name, "as recorded") if lived.said == "fail" else Verdict.passed(name, "as recorded")

    check.__name__ = name
    if name not in learnt.costly:
        return check
    habit = learnt.checks[name]
    return costly(check, latency=habit.forecast.median, cost_usd=learnt.costly[name], name=name)
