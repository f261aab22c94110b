"""Calls that were begun while the model still wrote: counted, and kept for whoever asks for the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..policies.speculation import EarlySituation
from ..tools.call import Call, Evidence
from ..tools.tool import Tool


class Started(Protocol):
    """A call of a turn, or a plan, that is under way."""

    def release(self) -> None:
        """Its turn is complete: what was held back for that begins."""
        ...

    async def finish(self) -> dict[str, Evidence]:
        """What it gave, once it was released: a plan's evidence by the ids of its steps, a call's under the empty
        one."""
        ...

    def stop(self) -> None:
        """Begin nothing further: the turn came to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyCounts:
    """How early starts ended.

    Attributes:
        launched: calls begun before their turn was complete; steps of plans count one by one.
        adopted: those whose result was used: a turn asked for them, or the answer was written with them.
        wasted: the rest, whose turn was cut or failed.
    """

    launched: int
    adopted: int
    wasted: int


class EarlyStarts:
    """The early starts of one run.

    Attributes:
        taken: calls of the turn that is being written, the steps of plans included.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._launched: dict[str, tuple[str, asyncio.Task[Evidence]]] = {}
        self._loose: dict[str, asyncio.Task[Evidence]] = {}

    def situation(self, tool: Tool, most: int) -> EarlySituation:
        """What is known of a call of `tool` that could be begun early, where a turn may have `most` calls."""
        return EarlySituation(tool=tool.name, read_only=tool.read_only, taken=self.taken, most=most)

    def launch(self, call: Call, task: asyncio.Task[Evidence]) -> None:
        """Note a call that was begun early."""
        self._launched[call.id] = (_key(call), task)

    def find(self, call: Call) -> asyncio.Task[Evidence] | None:
        """An early start of a turn that came to nothing, for a call of the same tool with equal arguments; only once.

        One that failed is not handed on: whoever asks again wants it tried again.
        """
        task = self._loose.pop(_key(call), None) if self._loose else None
        return task if task is not None and _serves(task) else None

    def strand(self, used: Iterable[str]) -> None:
        """The turn came to nothing: what it began, unless it is `used` already, is there for another that asks."""
        self.taken = 0
        kept = set(used)
        self._loose = {key: task for each, (key, task) in self._launched.items() if each not in kept}

    def counts(self, used: Iterable[str]) -> EarlyCounts:
        """The account, where the evidence of the ids `used` was used."""
        launched, adopted = len(self._launched), len(self._launched.keys() & set(used))
        return EarlyCounts(launched=launched, adopted=adopted, wasted=launched - adopted)


def _serves(task: asyncio.Task[Evidence]) -> bool:
    if not task.done():
        return True
    return not task.cancelled() and task.exception() is None and task.result().usable


def _key(call: Call) -> str:
    return f"{call.tool} {json.dumps(dict(call.arguments), sort_keys=True, default=str)}"
