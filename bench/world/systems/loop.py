"""The loop a user would write by hand: gather, timeouts for each tool tuned on a training tape, two retries, one
`wait_for` around the whole.

On a timeout it says what was found so far (`lists=True`), or apologises. It waits for the whole of a model's turn,
checks every result, and asks the second register about its answer; a refused answer goes back to the model, with the
tools, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..mind import Asked, Said
from ..stage import Reply, Scene, Stage, sound
from ..tape import CLASSES
from .client import BACKOFF, Turn, patiently

TURNS = 12
RETRIES = 2
MARGIN = 0.01
"""Real seconds before the deadline at which it stops, to say what there is."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds an attempt may take: of each tool, of a model call, and of the check of an answer."""

    tools: Mapping[str, float]
    model: float
    audit: float


@dataclass(slots=True)
class _Found:
    """What a run has so far: it survives the timeout of the whole."""

    rows: list[str] = field(default_factory=list)
    text: str = ""
    verified: bool = False


class Loop:
    """A raw asyncio loop."""

    def __init__(self, stage: Stage, timeouts: Timeouts, name: str = "loop", *, lists: bool = True) -> None:
        self.name = name
        self._timeouts = timeouts
        self._lists = lists

    async def answer(self, stage: Stage, deadline: float) -> Reply:
        """Go through the turns; on a timeout say what there is."""
        found, scene = _Found(), stage.scene
        try:
            await asyncio.wait_for(self._turns(scene, found), max(0.0, deadline * scene.scale - MARGIN))
        except TimeoutError:
            if not found.text:
                said = f"I ran out of time. So far: {'; '.join(found.rows)}." if found.rows and self._lists else ""
                return Reply(text=said or "Sorry, I ran out of time.", detail="timeout")
        return Reply(text=found.text, verified=found.verified, detail="answered")

    async def _turns(self, scene: Scene, found: _Found) -> None:
        messages = [Said("user", scene.query.text)]
        refusals = 0
        for _ in range(TURNS):
            turn = await self._ask(scene, messages)
            messages.append(Said("assistant", turn.text, turn.calls))
            if turn.calls:
                messages += await asyncio.gather(*(self._call(scene, call, found) for call in turn.calls))
                continue
            found.text, found.verified = turn.text, False
            refused = await self._audited(scene, found)
            if refused is None or refusals:
                return
            refusals += 1
            messages.append(Said("user", f"That answer was refused: {refused}. Look it up again, or leave it out."))

    async def _audited(self, scene: Scene, found: _Found) -> str | None:
        try:
            refused = await asyncio.wait_for(scene.audit(found.text), self._timeouts.audit * scene.scale)
        except TimeoutError:
            return None
        found.verified = refused is None
        return refused

    async def _ask(self, scene: Scene, messages: list[Said]) -> Turn:
        try:
            return await patiently(scene.mind, messages, CLASSES.keys(), scene.scale, self._timeouts.model)
        except (TimeoutError, ConnectionError):
            return Turn("I could not answer: the model failed.")

    async def _call(self, scene: Scene, call: Asked, found: _Found) -> Said:
        key, wanted = call.arguments["key"], call.arguments["field"]
        problem = "it failed"
        for attempt in range(RETRIES + 1):
            if scene.attempts >= scene.query.calls:
                problem = "no calls are left"
                break
            try:
                result = await asyncio.wait_for(
                    scene.call(call.tool, key, wanted), self._timeouts.tools[call.tool] * scene.scale
                )
            except Exception as error:  # whatever a tool raises costs one attempt
                problem = type(error).__name__
                await asyncio.sleep(BACKOFF * 2**attempt * scene.scale)
                continue
            if (problem := sound(result, key, wanted) or "") == "":
                found.rows.append(f"{call.tool} says {result}")
                return Said("tool", str(result), call_id=call.id)
        return Said("tool", f"{call.tool} gave nothing: {problem}.", call_id=call.id)
