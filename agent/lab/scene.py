"""A recorded run's world as a model, tools and checks that an agent can be run with: what was recorded comes again as
it was, and what was cut or never begun is drawn from what other runs teach."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...policies.errors import ToolError
from ...policies.outcome import Verdict
from ...tools.call import Call, Evidence
from ...tools.tool import Tool
from ..models.base import CallDelta, CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta, Usage
from ..plan_text import PLAN
from ..verifiers import Answered, costly
from .learnt import DEFAULT_TOKENS, Habit, Learnt, Luck
from .recording import Lived, Recording, Thought, Wanted

_SPOILT: Final = {"fail": "It comes to 98,765 in all.", "unsure": "The rest could not be found."}
"""What is added to an answer so that its check against the evidence comes out as it did."""

_LONGER: Final = 1.25
"""What a call that was cut is held to have taken, as a multiple, where nothing seen took as long."""
_DONORS: Final = 20
"""Runs that are looked at for how a turn that was cut went on."""


@dataclass(slots=True)
class Scene:
    """One recorded run being lived through again.

    Attributes:
        recording: what was recorded.
        learnt: what is known beyond it.
        luck: what is drawn.
    """

    recording: Recording
    learnt: Learnt
    luck: Luck
    turns: list[Thought] = field(init=False)
    _tried: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.turns = list(self._completed())

    def _completed(self) -> Iterator[Thought]:
        """The turns as they would have been: one that was cut goes on as another run's did, and so does the run."""
        recorded = self.recording
        for number, turn in enumerate(recorded.turns):
            yield self._continued(number, turn) if turn.lived.how == "cut" else turn
        if not recorded.whole:
            donor = self._donor(len(recorded.turns), 0.0)
            if donor is not None:
                rest = enumerate(donor.turns[len(recorded.turns) :], len(recorded.turns))
                yield from (_unseen(number, turn) for number, turn in rest)

    def _continued(self, number: int, turn: Thought) -> Thought:
        """A model call that was cut: it takes longer than that, and asks for what another one then still asked for."""
        donor = self._donor(number, turn.lived.seconds)
        if donor is None:
            return replace(turn, lived=Lived(seconds=turn.lived.seconds * _LONGER))
        other = _unseen(number, donor.turns[number])
        later = [each for each in other.wanted if each.ready is None or each.ready > turn.lived.seconds]
        names = {each.name: f"{number}.{len(turn.wanted) + n}" for n, each in enumerate(later)}
        more = tuple(
            replace(each, name=names[each.name], after=tuple(names[a] for a in each.after if a in names))
            for each in later
        )
        return replace(other, first=turn.first or other.first, wanted=turn.wanted + more, plan=turn.plan or other.plan)

    def _donor(self, turn: int, beyond: float) -> Recording | None:
        """Another run that had such a turn, whole and longer than so many seconds; one that ended before may do where
        none is looked for beyond."""
        runs = self.learnt.recordings
        for at in range(_DONORS):
            found: Recording = self.luck.choice(runs, "donor", turn, at)
            if beyond == 0.0 and found.whole and len(found.turns) >= turn:
                return found
            if (
                len(found.turns) > turn
                and found.turns[turn].lived.how == "ok"
                and found.turns[turn].lived.seconds > beyond
            ):
                return found
        return None

    @property
    def inner(self) -> frozenset[str]:
        """The calls that others needed: what they gave was a step on the way."""
        return frozenset(need for turn in self.turns for wanted in turn.wanted for need in wanted.after)

    def remark(self) -> str:
        """What the answer says beyond what was found: an answer is as true to the evidence as it was then, and a model
        that was refused is held to write the next one as it wrote the last."""
        self._tried["remark"] += 1
        counts = self.learnt.grounded
        known = self.recording.grounded or ((self.luck.weighted(counts, "grounded"),) if counts else ("pass",))
        return _SPOILT.get(known[min(self._tried["remark"], len(known)) - 1], "")

    # What the agent meets.

    async def call(self, name: str) -> dict[str, Any]:
        """One attempt of a call.

        Raises:
            ConnectionError: it failed, and may do when tried again.
            ToolError: it failed.
        """
        wanted = next((each for turn in self.turns for each in turn.wanted if each.name == name), None)
        if wanted is None:
            raise ToolError(f"no call {name} was recorded")
        lived = self.attempt(wanted)
        await asyncio.sleep(lived.seconds)
        if lived.how == "error":
            raise ConnectionError("as recorded") if lived.passing else ToolError("as recorded")
        return {"call": name, "value": value_of(name)}

    def attempt(self, wanted: Wanted) -> Lived:
        """What the next attempt of a call is like."""
        self._tried[wanted.name] += 1
        number, habit = self._tried[wanted.name], self.learnt.tools.get(wanted.tool, Habit())
        if number > len(wanted.attempts):
            return habit.fate(self.luck, wanted.name, number)
        lived = wanted.attempts[number - 1]
        if lived.how != "cut":
            return lived
        return Lived(seconds=habit.draw(self.luck, wanted.name, number, beyond=lived.seconds))

    def check(self, name: str) -> Lived:
        """What the next verdict of a check is like."""
        self._tried[name] += 1
        number, recorded = self._tried[name], self.recording.checks.get(name, ())
        habit = self.learnt.checks[name]
        lived = recorded[number - 1] if number <= len(recorded) else None
        if lived is not None and lived.how != "cut":
            return lived
        # What it thinks of a query is its own: a further verdict is as the last one was.
        said = next((each.said for each in reversed(recorded) if each.how != "cut"), None)
        drawn = habit.fate(self.luck, name, number if said is not None else 0)
        seconds = habit.draw(self.luck, name, number, beyond=lived.seconds if lived is not None else 0.0)
        return replace(drawn, said=said or drawn.said, seconds=seconds)

    def thought(self, what: str, recorded: Thought | None) -> Thought:
        """What the next model call of a kind is like: the first one as recorded, where it was seen whole."""
        self._tried[what] += 1
        number = self._tried[what]
        if recorded is not None and number == 1 and recorded.lived.how == "ok":
            return recorded
        tokens = (recorded.tokens if recorded is not None else None) or DEFAULT_TOKENS
        least = recorded.lived.seconds if recorded is not None and number == 1 else 0.0
        first, each = self._pace(what, number, tokens, least)
        seconds = max(first + each * tokens, least)
        known = recorded or Thought(lived=Lived(seconds=seconds))
        shift = seconds / known.lived.seconds if known.lived.seconds > 0 else 1.0
        wanted = tuple(replace(w, ready=None if w.ready is None else w.ready * shift) for w in known.wanted)
        return replace(known, lived=Lived(seconds=seconds), first=first, tokens=tokens, wanted=wanted)

    def _pace(self, what: str, number: int, tokens: int, least: float) -> tuple[float, float]:
        drawn = [self.learnt.pace(self.luck, what, number, at) for at in range(_DONORS)]
        return next((pace for pace in drawn if pace[0] + pace[1] * tokens > least), drawn[-1])


def _unseen(number: int, turn: Thought) -> Thought:
    """Another run's turn, without what befell its calls: that was its own."""
    names = {each.name: f"{number}.{n}" for n, each in enumerate(turn.wanted)}
    wanted = tuple(
        replace(each, name=names[each.name], attempts=(), after=tuple(names[a] for a in each.after))
        for each in turn.wanted
    )
    return replace(turn, wanted=wanted)


def value_of(call: str) -> str:
    """What a call returns: a code that is its own, so that an answer that holds it can be checked against it."""
    turn, _, number = call.partition(".")
    return f"VA-{int(turn) * 1_000 + int(number) + 10_000}"


class Stage:
    """Where recorded runs are lived through again: the tools, the checks and the model belong to whatever run is on.

    Args:
        learnt: what is known of the runs.
        model: what traces call the model.
    """

    def __init__(self, learnt: Learnt, model: str) -> None:
        self._learnt = learnt
        self.scene: Scene | None = None
        self.model = RecordedModel(self, model, learnt)

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
    async def look_up(call: str) -> dict[str, Any]:
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


class RecordedModel:
    """A model that asks for what it asked for then, when it did, and answers with what it was given."""

    provider = "recorded"

    def __init__(self, stage: Stage, name: str, learnt: Learnt) -> None:
        self.name = name
        self.price: Price | None = learnt.price
        self.pace = Pace()
        self._stage = stage
        self._numbers = itertools.count(1)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """One call of the model."""
        scene = self._stage.on
        asked = set(_asked(request))
        number = next((n for n, turn in enumerate(scene.turns) if any(w.name not in asked for w in turn.wanted)), None)
        if request.purpose == "answer" or number is None:
            thought = scene.thought("answer", scene.recording.answer)
            events = _answer(request, thought, scene)
        else:
            turn = scene.turns[number]
            thought = scene.thought(f"turn {number}", turn)
            left = [w for w in thought.wanted if w.name not in asked]
            events = self._calls(request, thought, left, asked)
        async for event in _timed(events, thought, request.max_tokens):
            yield event

    def _calls(
        self, request: ModelRequest, thought: Thought, left: Sequence[Wanted], asked: set[str]
    ) -> list[tuple[float, ModelEvent]]:
        end, number = thought.lived.seconds, next(self._numbers)
        if any(spec.name == PLAN for spec in request.tools) and thought.plan:
            return _plan(left, asked, end, f"plan-{number}")
        ready = [w for w in left if all(need in asked for need in w.after)] or list(left)
        return [(_ready(w, end), CallReady(_call(f"call-{number}-{n}", w))) for n, w in enumerate(ready)]


def _ready(wanted: Wanted, end: float) -> float:
    return end if wanted.ready is None else min(wanted.ready, end)


def _call(identity: str, wanted: Wanted) -> Call:
    return Call(id=identity, tool=wanted.tool, arguments={"call": wanted.name})


def _plan(left: Sequence[Wanted], asked: set[str], end: float, identity: str) -> list[tuple[float, ModelEvent]]:
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
    sentences = [_sentence(item) for item in request.evidence if item.arguments.get("call") not in inner]
    sentences += [remark] if sentences and (remark := scene.remark()) else []
    if not sentences:
        return [(thought.lived.seconds, TextDelta("I could not find it."))]
    begin = thought.first if thought.first is not None else thought.lived.seconds / 2
    step = (thought.lived.seconds - begin) / max(1, len(sentences))
    return [(begin + step * n, TextDelta(f"{sentence} ")) for n, sentence in enumerate(sentences)]


def _sentence(item: Evidence) -> str:
    call = str(item.arguments.get("call", ""))
    if not item.usable or "." not in call:
        return f"The {item.tool} could not be found."
    return f"The {item.tool} is {value_of(call)}."


async def _timed(
    events: Sequence[tuple[float, ModelEvent]], thought: Thought, most: int | None
) -> AsyncIterator[ModelEvent]:
    """The events at their times, up to the most tokens that may be written."""
    tokens = thought.tokens or DEFAULT_TOKENS
    end = thought.lived.seconds
    first = min(end, thought.first if thought.first is not None else end / 2)
    until = end if most is None or most >= tokens else first + (end - first) * most / tokens
    now = 0.0
    for at, event in events:
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
