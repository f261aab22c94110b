"""A model that says what its script says, when its script says it."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..agent.models.base import AudioDelta, CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta, Usage
from ..policies.errors import ModelError
from ..tools.call import Call


@dataclass(frozen=True, slots=True)
class Say:
    """Write `text`: the first piece after `after` seconds, then a word every `every` seconds; each word is spoken for
    `sound` seconds, in silence."""

    text: str
    after: float = 0.0
    every: float = 0.0
    sound: float = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for `calls`, pairs of a tool's name and arguments, after `after` seconds, `every` seconds apart."""

    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    after: float = 0.0
    every: float = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """Write `text`, then nothing more for ever."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Write `text`, then raise `error` after `after` seconds."""

    error: BaseException
    text: str = ""
    after: float = 0.0


Step = str | Say | Ask | Hang | Fail | Callable[[ModelRequest], "str | Say | Ask | Hang | Fail"]
"""What one model call does; a text is `Say(text)`, and a function of the request chooses."""


def ask(*calls: tuple[str, Mapping[str, Any]], after: float = 0.0, every: float = 0.0) -> Ask:
    """`Ask` with the calls side by side: `ask(("weather", {"city": "Oslo"}))`."""
    return Ask(calls, after, every)


class ScriptedModel:
    """A `Model` that goes through its steps in every run, one a model call, and keeps to the last one when they are
    used up.

    Args:
        steps: what each call does. Where only an answer is wanted, steps that ask for calls are passed over.
        name: what traces call it.
        pace: what the run expects of it. Default: instant.
        price: what tokens cost. Default: free.
        usage: what each call reports; `None` reports nothing.

    Attributes:
        requests: every request it was sent, for assertions.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        name: str = "scripted",
        pace: Pace | None = None,
        price: Price | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.name = name
        self.provider = "scripted"
        self.pace = pace or Pace(start=0.0, per_token=0.0)
        self.price: Price | None = price or Price(input_per_million=0.0, output_per_million=0.0)
        self.requests: list[ModelRequest] = []
        self._usage = usage
        self._steps = list(steps)
        self._next: Counter[str] = Counter()
        self._ids = itertools.count(1)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Do the next step."""
        self.requests.append(request)
        match self._step(request):
            case Say() as say:
                async for event in self._say(say):
                    yield event
                reason = "stop"
            case Ask(calls=calls, after=after, every=every):
                async for event in self._ask(calls, after, every):
                    yield event
                reason = "tool_calls"
            case Hang(text=text):
                yield TextDelta(text)
                await asyncio.get_running_loop().create_future()
                reason = "stop"
            case Fail(error=error, text=text, after=after):
                yield TextDelta(text)
                await asyncio.sleep(after)
                raise error
            case other:
                raise ModelError(f"the script holds {other!r}, which is no step", kind="malformed")
        if self._usage is not None:
            yield self._usage
        yield Finish(reason=reason)

    def _step(self, request: ModelRequest) -> Say | Ask | Hang | Fail:
        step = self._take(request.run)
        while request.purpose == "answer" and isinstance(step, Ask) and self._next[request.run] < len(self._steps):
            step = self._take(request.run)
        if callable(step):
            step = step(request)
        return Say(step) if isinstance(step, str) else step

    def _take(self, run: str) -> Step:
        if not self._steps:
            return ""
        step = self._steps[min(self._next[run], len(self._steps) - 1)]
        self._next[run] += 1
        return step

    async def _say(self, say: Say) -> AsyncIterator[ModelEvent]:
        await asyncio.sleep(say.after)
        for number, word in enumerate(say.text.split(" ")):
            if number and say.every:
                await asyncio.sleep(say.every)
            yield TextDelta(word if not number else f" {word}")
            if say.sound:
                yield AudioDelta(bytes(2 * int(24_000 * say.sound)), say.sound, "audio/pcm;rate=24000")

    async def _ask(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], after: float, every: float
    ) -> AsyncIterator[ModelEvent]:
        await asyncio.sleep(after)
        for number, (tool, arguments) in enumerate(calls):
            if number and every:
                await asyncio.sleep(every)
            yield CallReady(Call(id=f"call-{next(self._ids)}", tool=tool, arguments=arguments))
