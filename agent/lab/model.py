"""The model of recorded runs: it asks for what was asked for then, when it was, and answers with what was found."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from ...tools.call import Call, Evidence
from ...tools.shapes import short
from ..models.base import CallDelta, CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta, Usage
from ..plan_text import PLAN
from .learnt import DEFAULT_TOKENS
from .recording import Thought, Wanted
from .scene import Scene, value_of


class RecordedModel:
    """A model of the run that is on.

    Args:
        scene: gives the run that is on.
        name: what traces call the model.
        price: what tokens cost.
    """

    provider = "recorded"

    def __init__(self, scene: Callable[[], Scene], name: str, price: Price) -> None:
        self.name = name
        self.price: Price | None = price
        self.pace = Pace()
        self._scene = scene
        self._numbers = itertools.count(1)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """One call of the model."""
        scene = self._scene()
        asked = set(_asked(request))
        number = next((n for n, turn in enumerate(scene.turns) if any(w.name not in asked for w in turn.wanted)), None)
        if request.purpose == "answer" or number is None:
            thought = scene.thought("answer", scene.recording.answers)
            events = _answer(request, thought, scene)
        else:
            turn = scene.turns[number]
            thought = scene.thought(f"turn {number}", [turn])
            left = [w for w in thought.wanted if w.name not in asked]
            events = _calls(request, thought, left, asked, next(self._numbers))
        async for event in _timed(events, thought, request.max_tokens):
            yield event


def _calls(
    request: ModelRequest, thought: Thought, left: Sequence[Wanted], asked: set[str], number: int
) -> list[tuple[float, ModelEvent]]:
    end = thought.lived.seconds
    if any(spec.name == PLAN for spec in request.tools) and thought.plan:
        return _plan(left, end, f"plan-{number}")
    ready = [w for w in left if all(need in asked for need in w.after)] or list(left)
    return [(_ready(w, end), CallReady(_call(f"call-{number}-{n}", w))) for n, w in enumerate(ready)]


def _ready(wanted: Wanted, end: float) -> float:
    return end if wanted.ready is None else min(wanted.ready, end)


def _call(identity: str, wanted: Wanted) -> Call:
    return Call(id=identity, tool=wanted.tool, arguments={"call": wanted.name})


def _plan(left: Sequence[Wanted], end: float, identity: str) -> list[tuple[float, ModelEvent]]:
    """A plan, a step at a time: steps that were never begun are written in what is left of the call."""
    names = {wanted.name: f"s{n}" for n, wanted in enumerate(left)}
    steps = [
        {
            "id": names[w.name],
            "tool": w.tool,
            "arguments": {"call": w.name},
            "after": [names[need] for need in w.after if need in names],
        }
        for w in left
    ]
    known = [w.ready for w in left if w.ready is not None]
    last, unknown = max(known, default=0.0), sum(w.ready is None for w in left)
    spaced = (last + (end - last) * (n + 1) / (unknown + 1) for n in range(unknown))
    instants = [min(end, next(spaced) if w.ready is None else w.ready) for w in left]
    events: list[tuple[float, ModelEvent]] = []
    for n, (at, step) in enumerate(sorted(zip(instants, steps, strict=True), key=lambda pair: pair[0])):
        events.append((at, CallDelta(identity, PLAN, ("," if n else '{"steps":[') + json.dumps(step))))
    events.append((end, CallDelta(identity, PLAN, "]}")))
    events.append((end, CallReady(Call(id=identity, tool=PLAN, arguments={"steps": steps}))))
    return events


def _answer(request: ModelRequest, thought: Thought, scene: Scene) -> list[tuple[float, ModelEvent]]:
    """What was found, a sentence each, spread over the call; what only led to it is left out."""
    inner = scene.inner
    sentences = [_sentence(item, scene) for item in request.evidence if item.arguments.get("call") not in inner]
    sentences += [remark] if sentences and (remark := scene.remark()) else []
    if not sentences:
        return [(thought.lived.seconds, TextDelta("I could not find it."))]
    begin = thought.first if thought.first is not None else thought.lived.seconds / 2
    step = (thought.lived.seconds - begin) / max(1, len(sentences))
    return [(begin + step * n, TextDelta(f"{sentence} ")) for n, sentence in enumerate(sentences)]


def _sentence(item: Evidence, scene: Scene) -> str:
    """What a call found: the last text of its result, or the code that stands for it."""
    wanted = scene.wanted(str(item.arguments.get("call", "")))
    if not item.usable or wanted is None:
        return f"The {item.tool} could not be found."
    if wanted.result is None:
        return f"The {item.tool} is {value_of(wanted.name)}."
    found = re.findall(r'"([^"\\]+)"\s*[}\]]*$', wanted.result.strip()) or [short(wanted.result)]
    return f"The {item.tool} is {found[0]}."


async def _timed(
    events: Sequence[tuple[float, ModelEvent]], thought: Thought, most: int | None
) -> AsyncIterator[ModelEvent]:
    """The events at their times, up to the most tokens that may be written."""
    tokens = thought.tokens or DEFAULT_TOKENS
    end = thought.lived.seconds
    first = min(end, thought.first if thought.first is not None else end / 2)
    until = end if most is None or most >= tokens else first + (end - first) * most / tokens
    now = 0.0
    for due, event in events:
        at = min(due, end)  # spans are in whole nanoseconds: what came first may lie just behind the end
        if at > until:
            break
        await asyncio.sleep(max(0.0, at - now))
        now = max(now, at)
        yield event
    await asyncio.sleep(max(0.0, until - now))
    yield Usage(input_tokens=thought.sent, output_tokens=min(tokens, most or tokens))
    calls = any(isinstance(event, CallReady) for _, event in events)
    yield Finish(reason="length" if until < end else "tool_calls" if calls else "stop")


def _asked(request: ModelRequest) -> Iterator[str]:
    """The names of the calls that were asked for so far."""
    for message in request.messages:
        for call in message.get("calls", []):
            steps = call["arguments"].get("steps", ()) if call["tool"] == PLAN else (call,)
            for step in steps:
                arguments: Mapping[str, Any] = step.get("arguments", {})
                if "call" in arguments:
                    yield str(arguments["call"])
