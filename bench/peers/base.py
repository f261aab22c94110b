"""What a peer is to the benchmarks: another library's agent behind one method, and the system it makes in the world.

A peer is built once on `Wiring`, which holds its tools and its model, and asked many times. With `Limits` it has the
library's own limits; where the library has none, what its documentation tells a user to write. Without, it is bare.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

from ..world.mind import Said
from ..world.stage import Reply, Scene, Stage, sound
from ..world.systems.client import BACKOFF, RETRIES, Turn, patiently
from ..world.systems.loop import MARGIN, TURNS, Timeouts
from ..world.tape import CLASSES

SCENE: ContextVar[Scene] = ContextVar("SCENE")
"""The query that a run answers: tools that go on after their run still belong to it."""

SPENT = "nothing: no calls are left"
"""What a tool says where the query's attempts are used up; no peer counts its retries against a limit."""


class Unsound(Exception):
    """A result that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What a peer is connected to.

    Attributes:
        ask: one call of the model, with the messages so far and the names of the tools it may call.
        call: one attempt of a tool, by its name, with a key and a field.
        tools: the names of the tools.
    """

    ask: Callable[[Sequence[Said], Collection[str]], Awaitable[Turn]]
    call: Callable[[str, str, str], Awaitable[Any]]
    tools: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer keeps to, in seconds of the event loop's clock.

    Attributes:
        seconds: of an attempt of each tool.
        reserve: kept back for a last model call, by peers that stop in time for one.
        turns: model calls.
        retries: further attempts of a tool.
        backoff: before the first of them, doubling.
    """

    seconds: Mapping[str, float]
    reserve: float = 0.0
    turns: int = TURNS
    retries: int = RETRIES
    backoff: float = BACKOFF


class Peer(ABC):
    """Another library's agent.

    Attributes:
        name: what reports call it.
        distribution: what it is called in the registry of packages.
        ways: how it may be bounded, as arguments of `Bounded`: the best on training queries is taken.
        clocks: where the library reads a clock that is not the event loop's: module and name, which show the loop's
            clock in virtual time.
    """

    name: ClassVar[str]
    distribution: ClassVar[str]
    ways: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    clocks: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, wiring: Wiring, limits: Limits | None = None) -> None:
        self.wiring = wiring
        self.limits = limits
        self.build()

    @abstractmethod
    def build(self) -> None:
        """Make what is made once."""

    @abstractmethod
    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """The answer to a message, and the conversation so far, which `before` takes.

        `seconds` is what the caller waits, `calls` how many calls of tools it allows; whatever the library raises goes
        through.
        """


class Bounded:
    """A peer in the world: its answer is confirmed by the second register, and a refused one is asked for once more.

    Args:
        make: the peer.
        stage: where it plays.
        timeouts: of its tools, its model calls and the check of its answers.
        in_place: whether its tools make their further attempts themselves, where the library would ask the model.
        reserve: seconds kept back for a last model call, by peers that stop in time for one.
    """

    def __init__(
        self, make: type[Peer], stage: Stage, timeouts: Timeouts, *, in_place: bool = False, reserve: float = 0.0
    ) -> None:
        self.name = make.name
        self._timeouts = timeouts
        scale = stage.scale
        seconds = {tool: timeouts.tools[tool] * scale for tool in CLASSES}
        if in_place:  # each attempt has its timeout inside, so that the library's own is for all of them
            pauses = sum(BACKOFF * 2**n * scale for n in range(RETRIES))
            seconds = {tool: (RETRIES + 1) * limit + 2 * pauses for tool, limit in seconds.items()}
        limits = Limits(seconds=seconds, reserve=reserve * scale, backoff=BACKOFF * scale)
        call = self._persistently if in_place else self._once
        self._peer = make(Wiring(ask=self._ask, call=call, tools=tuple(CLASSES)), limits)

    async def answer(self, stage: Stage, deadline: float) -> Reply:
        """Ask the peer; what it raises goes through."""
        scene, loop = stage.scene, asyncio.get_running_loop()
        SCENE.set(scene)
        end = loop.time() + max(0.0, deadline * scene.scale - MARGIN)
        text, said = await self._converse(scene, scene.query.text, None, end)
        refused, sure = await self._audited(scene, text, end)
        if refused is None:
            return Reply(text=text, verified=sure, detail="answered")
        again = f"That answer was refused: {refused}. Look it up again, or leave it out."
        try:
            text, _ = await self._converse(scene, again, said, end)
        except Exception:  # it has an answer, if a refused one
            return Reply(text=text, detail="refused")
        return Reply(text=text, verified=(await self._audited(scene, text, end))[1], detail="answered again")

    async def _converse(self, scene: Scene, text: str, before: Any, end: float) -> tuple[str, Any]:
        seconds = max(1e-6, end - asyncio.get_running_loop().time())
        return await self._peer.converse(text, before, seconds=seconds, calls=scene.query.calls)

    async def _audited(self, scene: Scene, text: str, end: float) -> tuple[str | None, bool]:
        """Why an answer is refused, and whether it is confirmed."""
        seconds = min(self._timeouts.audit * scene.scale, end - asyncio.get_running_loop().time())
        try:
            refused = await asyncio.wait_for(scene.audit(text), max(0.0, seconds))
        except TimeoutError:
            return None, False
        return refused, refused is None

    async def _ask(self, messages: Sequence[Said], tools: Collection[str]) -> Turn:
        scene = SCENE.get()
        return await patiently(scene.mind, messages, tools, scene.scale, self._timeouts.model)

    async def _once(self, tool: str, key: str, field: str) -> Any:
        """One attempt, checked; what it has is said, or what is wrong with it is raised."""
        scene = SCENE.get()
        if scene.attempts >= scene.query.calls:
            return SPENT
        result = await asyncio.wait_for(scene.call(tool, key, field), self._timeouts.tools[tool] * scene.scale)
        if (problem := sound(result, key, field)) is not None:
            raise Unsound(problem)
        return result

    async def _persistently(self, tool: str, key: str, field: str) -> Any:
        """Several attempts, as the hand-written loop makes them."""
        scene = SCENE.get()
        for attempt in range(RETRIES):
            try:
                return await self._once(tool, key, field)
            except Exception:  # whatever a tool raises costs one attempt
                await asyncio.sleep(BACKOFF * 2**attempt * scene.scale)
        return await self._once(tool, key, field)
