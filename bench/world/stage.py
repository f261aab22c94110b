"""Where a system meets the world: the tools, the check of answers and the model of the query that is asked now."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from .faults import Faults
from .mind import Mind
from .tape import CLASSES, Attempt, Tape
from .task import COST_USD, Query, code, codes, make, prefix

STUBBORN, TIDYING, BLOCKS = 10.0, 3.0, 3.0
"""Seconds that an attempt goes on for when it is cancelled, tidies up for, or blocks the loop for."""

ABOUT = "Looks a record up by its key and returns one field of it."
"""What every tool is described as."""

_REQUEST = httpx.Request("GET", "https://world.example/")


@dataclass(slots=True)
class Scene:
    """One query being answered by one system: it counts what was started, whoever started it.

    Attributes:
        query: the question.
        mind: the model.
        tape: the luck.
        scale: real seconds a second of the tape takes.
        attempts: attempts of tools that were started.
    """

    query: Query
    mind: Mind
    tape: Tape
    scale: float = 1.0
    attempts: int = 0
    _tried: Counter[str] = field(default_factory=Counter)
    _audits: int = 0

    async def call(self, tool: str, key: str, field: str) -> Any:
        """One attempt of a tool.

        Raises:
            httpx.HTTPStatusError: it is refused (429).
            LookupError: there is no such record.
        """
        self.attempts += 1
        arguments = f"{key} {field}"
        self._tried[f"{tool} {arguments}"] += 1
        fate = self.tape.attempt(tool, arguments, self._tried[f"{tool} {arguments}"])
        await self._pass(fate)
        if fate.how == "refused":
            raise httpx.HTTPStatusError("429 Too Many Requests", request=_REQUEST, response=httpx.Response(429))
        return self._result(fate, tool, key, field)

    async def audit(self, text: str) -> str | None:
        """Ask a second register about the values of an answer: why it is refused, or `None`."""
        self._audits += 1
        await asyncio.sleep(self.tape.audit_seconds(self._audits) * self.scale)
        leaves = {prefix(node.field): node for node in self.query.parts}
        wrong = [each for each in codes(text) if each[:2] in leaves and each != leaves[each[:2]].value]
        caught = [each for each in dict.fromkeys(wrong) if self.tape.catches(each)]
        return f"{', '.join(caught)} could not be confirmed" if caught else None

    async def _pass(self, fate: Attempt) -> None:
        try:
            if fate.manner == "blocking":
                import time

                time.sleep(BLOCKS * self.scale)  # noqa: ASYNC251  # this is what such a tool does
            else:
                await asyncio.sleep(fate.seconds * self.scale)
        except asyncio.CancelledError:
            if fate.manner == "stubborn":
                await asyncio.sleep(STUBBORN * self.scale)
                return
            raise
        finally:
            if fate.manner == "tidying":
                await asyncio.sleep(TIDYING * self.scale)

    def _result(self, fate: Attempt, tool: str, key: str, wanted: str) -> Any:
        if fate.how == "garbage":
            return self._garbage(fate.flavour, key, wanted)
        node = self.query.by_field.get(wanted)
        if node is None or node.tool != tool:
            raise LookupError(f"{tool} has no {wanted} under {key}")
        query = self.query
        value = node.value if key == node.key else code(wanted, query.seed, query.index, "other", key)
        if fate.how == "wrong":
            value = code(wanted, query.seed, query.index, "wrong", key, fate.flavour)
        return {"data": {"of": key, f"{wanted}_code": value}} if fate.drifted else {"of": key, wanted: value}

    def _garbage(self, flavour: float, key: str, wanted: str) -> Any:
        if flavour < 0.25:
            return {}
        if flavour < 0.5:
            return "<html><body><h1>502 Bad Gateway</h1></body></html>"
        if flavour < 0.75:
            return {"error": "internal error, please try again"}
        other = code("id", self.query.index, key, flavour)
        return {"of": other, wanted: code(wanted, self.query.index, other)}


def sound(result: Any, key: str, field: str) -> str | None:
    """What a product checks of every result, whoever calls it: why it is none, or `None`."""
    record = result.get("data", result) if isinstance(result, Mapping) else None
    if not isinstance(record, Mapping):
        return "it is no record"
    if record.get("of") != key:
        return "it is the record of something else"
    held = [code for code in codes(str(dict(record))) if code[:2] == prefix(field)]
    return None if held else f"it has no {field}"


@dataclass(slots=True)
class Stage:
    """What a system is built on: its tools belong to whatever query is asked now.

    Attributes:
        seed: the seed of the queries and the luck.
        faults: what is wrong with the world.
        scale: real seconds a second of the tape takes; 1 in virtual time.
    """

    seed: int
    faults: Faults
    scale: float = 1.0
    _scene: Scene | None = None

    @property
    def scene(self) -> Scene:
        """The query that is asked now."""
        assert self._scene is not None
        return self._scene

    def set(self, index: int) -> Scene:
        """Go on to query `index`."""
        query, tape = make(self.seed, index), Tape(self.seed, index, self.faults)
        self._scene = Scene(query, Mind(query, tape), tape, self.scale)
        return self._scene

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools; each takes a `key` and a `field`."""
        return tuple(CLASSES)

    @property
    def cost_usd(self) -> float:
        """US dollars a query may cost."""
        return COST_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a system answers: its text, whether it calls it verified, and what it says of how it came about."""

    text: str
    verified: bool = False
    detail: str = ""
