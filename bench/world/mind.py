"""How the scripted model behaves, for whatever library asks it: messages as data in, timed events out.

It knows what the question wants and reads everything else from the messages: it asks for each look-up as soon as the
value it needs is in them, asks again for one that gave nothing, up to a limit, and writes the answer with the values it
saw, true or not. A value that a message of the user's refuses it looks up again, or leaves out where it cannot; other
values in such a message it takes. Where a tool `plan` is offered and a look-up needs what another one gives, it hands
over one plan of all that is left.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .tape import Tape
from .task import Node, Query, codes, prefix

PLAN = "plan"
PIECE = 16
"""Characters of arguments that a stream brings at a time."""

CHARACTERS_PER_TOKEN = 4
ASKS = 3
"""How often it asks for one look-up at most."""

INPUT_USD, OUTPUT_USD = 0.25e-6, 2e-6
"""US dollars a token."""

FIRST_TURN = "ask [] []"
"""What the luck of a query's first model call hangs on."""

_WORD = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it stands in a message."""

    id: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the conversation, as the model is shown it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    calls: tuple[Asked, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing comes for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Text:
    """A further piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A further piece of a call's arguments, as JSON."""

    id: str
    tool: str
    text: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A call whose arguments are complete."""

    call: Asked


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint refuses (429); the stream ends."""


@dataclass(frozen=True, slots=True)
class Done:
    """The stream ends on its own."""

    reason: Literal["stop", "tool_calls", "length"]
    input_tokens: int
    output_tokens: int


Event = Wait | Text | Piece | Ready | Refused | Done


@dataclass(slots=True)
class Mind:
    """The model, for one query under one tape.

    Attributes:
        query: what it is asked.
        tape: the luck of its calls.
        calls: how many model calls there were.
        cost_usd: US dollars of what it read and wrote so far, whether or not somebody waited for it.
    """

    query: Query
    tape: Tape
    calls: int = 0
    cost_usd: float = 0.0
    _tried: Counter[str] = field(default_factory=Counter)

    def respond(
        self, messages: Sequence[Said], tools: Collection[str], *, most_tokens: int | None = None
    ) -> Iterator[Event]:
        """One model call: what it does, in order. `tools` may be called; with none it answers."""
        self.calls += 1
        known, asked = read(self.query, messages)
        wanted = _wanted(self.query, known, asked, tools)
        turn = f"{'ask' if wanted else 'answer'} {sorted(known.items())} {sorted(asked.items())}"
        self._tried[turn] += 1
        thought = self.tape.thought(turn, self._tried[turn])
        yield Wait(thought.start)
        if thought.refused:
            yield Refused()
            return
        sent = sum(len(m.text) + len(str(m.calls)) for m in messages) // CHARACTERS_PER_TOKEN + 80 * len(tools)
        self.cost_usd += sent * INPUT_USD
        number = sum(message.role == "assistant" for message in messages) * 10 + self.calls * 1_000
        calls = self._calls(wanted, known, asked, tools, number)
        written = 0.0
        for piece, event in self._written(calls, known):
            tokens = len(piece) / CHARACTERS_PER_TOKEN
            if most_tokens is not None and written + tokens > most_tokens:
                yield Done("length", sent, most_tokens)
                return
            written += tokens
            self.cost_usd += tokens * OUTPUT_USD
            yield Wait(thought.per_token * tokens)
            yield from event
        yield Done("tool_calls" if calls else "stop", sent, round(written))

    def _calls(
        self,
        wanted: Sequence[Node],
        known: Mapping[int, str],
        asked: Mapping[int, int],
        tools: Collection[str],
        number: int,
    ) -> list[Asked]:
        if steps := planned(self.query, known, asked, tools):
            return [Asked(f"call-{number}", PLAN, {"steps": steps})]
        return [
            Asked(f"call-{number + n}", node.tool, {"key": _key(node, known), "field": node.field})
            for n, node in enumerate(wanted)
        ]

    def _written(self, calls: Sequence[Asked], known: Mapping[int, str]) -> Iterator[tuple[str, tuple[Event, ...]]]:
        """What is written, piece by piece, and what each piece makes happen."""
        for call in calls:
            text = json.dumps(call.arguments)
            yield call.tool, ()
            for at in range(0, len(text), PIECE):
                piece = text[at : at + PIECE]
                last = (Ready(call),) if at + PIECE >= len(text) else ()
                yield piece, (Piece(call.id, call.tool, piece), *last)
        if not calls:
            for word in _WORD.findall(answer(self.query, known)):
                yield word, (Text(word),)


def planned(
    query: Query, known: Mapping[int, str], asked: Mapping[int, int], tools: Collection[str]
) -> list[dict[str, Any]]:
    """All that is left as the steps of a plan; none where plans are not taken or no look-up needs another."""
    wanted = _wanted(query, known, asked, tools)
    taken = {node.number for node in wanted}
    steps = [_step(node, _key(node, known)) for node in wanted]
    for node in query.nodes:
        usable = node.number not in known and asked[node.number] < ASKS and node.tool in tools
        if node.parent in taken and node.number not in taken and usable:
            taken.add(node.number)
            steps.append(_step(node, f"$s{node.parent}.{query.nodes[node.parent].field}"))
    return steps if PLAN in tools and len(steps) > len(wanted) else []


def _wanted(query: Query, known: Mapping[int, str], asked: Mapping[int, int], tools: Collection[str]) -> list[Node]:
    """The look-ups still to be asked for that can be asked for now."""
    return [
        node
        for node in query.nodes
        if node.number not in known
        and (node.parent is None or node.parent in known)
        and asked[node.number] < ASKS
        and node.tool in tools
    ]


def answer(query: Query, known: Mapping[int, str]) -> str:
    """The answer in words: a sentence a part."""
    return " ".join(
        f"The {part.field} is {known[part.number]}."
        if part.number in known
        else f"The {part.field} could not be found."
        for part in query.parts
    )


def read(query: Query, messages: Sequence[Said]) -> tuple[dict[int, str], Counter[int]]:
    """What the messages tell: the value of each look-up, and how often each was asked for."""
    known: dict[int, str] = {}
    asked: Counter[int] = Counter()
    calls: dict[str, list[Node]] = {}
    users = 0
    for message in messages:
        for call in message.calls:
            calls[call.id] = _nodes(query, call)
            asked.update(node.number for node in calls[call.id])
        if message.role == "tool":
            for node in calls.get(message.call_id, ()):
                found = [each for each in codes(message.text) if each[:2] == prefix(node.field)]
                if found:
                    known[node.number] = found[0]
        elif message.role == "user":
            users += 1
            if users > 1 and "refused" in message.text:
                _doubt(query, known, set(codes(message.text)))
            elif users > 1:
                known |= _told(query, message.text)
    return known, asked


def _told(query: Query, text: str) -> dict[int, str]:
    """The values that a message of the user's tells: records as the tools return them."""
    told = {}
    for node in query.nodes:
        found = [each for each in codes(text) if each[:2] == prefix(node.field) and each != node.key]
        if len(set(found)) == 1:
            told[node.number] = found[0]
    return told


def _doubt(query: Query, known: dict[int, str], doubted: set[str]) -> None:
    """Values that were called into doubt, and those they came from, are not known any more."""
    for node in query.parts:
        if known.get(node.number) in doubted:
            for each in query.way(node):
                known.pop(each.number, None)


def _nodes(query: Query, call: Asked) -> list[Node]:
    if call.tool == PLAN:
        steps = call.arguments.get("steps", ())
        fields = [step.get("arguments", {}).get("field") for step in steps if isinstance(step, Mapping)]
    else:
        fields = [call.arguments.get("field")]
    return [query.by_field[each] for each in fields if each in query.by_field]


def _key(node: Node, known: Mapping[int, str]) -> str:
    return node.key if node.parent is None else known[node.parent]


def _step(node: Node, key: str) -> dict[str, Any]:
    return {"id": f"s{node.number}", "tool": node.tool, "arguments": {"key": key, "field": node.field}}
