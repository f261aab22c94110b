"""What could be had: an oracle that knows the tape, and one that knows only the distributions.

The clairvoyant one starts every call as soon as the model's stream holds it, makes `ATTEMPTS` attempts of everything at
once and takes the best, and has the answer as soon as the values are there. Its model writes whichever of a plan and a
turn brings each call sooner, so that it is a bound for every system, with or without plans. The causal one makes a
second attempt where the first takes longer than such attempts do in half of the cases, and a third after the same time
again; it replaces at once what failed, believes the first sound result, and composes the answer itself.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ..mind import CHARACTERS_PER_TOKEN, FIRST_TURN, PLAN, planned
from ..tape import CLASSES, MODEL_SIGMA, MODEL_START, Tape, quantile
from ..task import Node, Query

ATTEMPTS = 3
"""Attempts of a call at once."""

STREAMS = 4
"""Model calls at once: no burst refuses more than three."""

MOST_ATTEMPTS = 8
"""Attempts of one call where none of the first is good: other calls leave theirs."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """When each part of a query is known, in seconds; infinite where it never is. `wrong` are those told wrongly."""

    parts: tuple[float, ...]
    wrong: tuple[bool, ...]
    attempts: int

    @property
    def seconds(self) -> float:
        """When all parts are known."""
        return max(self.parts)

    def credit(self, deadline: float) -> float:
        """The share of the parts that is known and right; nothing where a wrong one is told."""
        told = [(at, wrong) for at, wrong in zip(self.parts, self.wrong, strict=True) if at <= deadline]
        return 0.0 if any(wrong for _, wrong in told) else len(told) / len(self.parts)


def clairvoyant(query: Query, tape: Tape) -> Foreseen:
    """The best that could be had of a query."""
    streams = [stream(query, tape, j) for j in range(1, STREAMS + 1)]
    begins = {node.number: min(stream[node.number] for stream in streams) for node in query.nodes}

    def done(node: Node, start: float) -> tuple[float, bool, int]:
        return start + _best(tape, node), False, ATTEMPTS

    return followed(query, begins, done)


def causal(query: Query, tape: Tape) -> Foreseen:
    """What a rule that knows only the distributions makes of a query."""
    streams = _begun(query, tape)
    begins = {node.number: min(stream[node.number] for stream in streams) for node in query.nodes}

    def done(node: Node, start: float) -> tuple[float, bool, int]:
        return _hedged(tape, node, start)

    return followed(query, begins, done)


def _begun(query: Query, tape: Tape) -> list[dict[int, float]]:
    """The first model call: again at once where it is refused, and a second one beside it where its first token is
    later than 95 % are."""
    late, at, streams = MODEL_START * math.exp(1.645 * MODEL_SIGMA), 0.0, []
    for j in range(1, STREAMS + 1):
        streams.append(stream(query, tape, j, after=at))
        thought = tape.thought(FIRST_TURN, j)
        if not thought.refused and (at > 0 or thought.start <= late):
            break
        at += thought.start if thought.refused else late
    return streams


def followed(
    query: Query, begins: dict[int, float], done: Callable[[Node, float], tuple[float, bool, int]]
) -> Foreseen:
    """A query's look-ups, each begun once its text and its key are there, and ended as `done(node, start)` says."""
    known: dict[int, tuple[float, bool]] = {}
    attempts = 0
    for node in query.nodes:
        at, wrong = known[node.parent] if node.parent is not None else (0.0, False)
        end, mistaken, made = done(node, max(at, begins[node.number]))
        attempts += made if at < math.inf else 0
        known[node.number] = (max(end, at), wrong or mistaken)
    ends = [known[node.number] for node in query.parts]
    return Foreseen(tuple(end for end, _ in ends), tuple(wrong for _, wrong in ends), attempts)


def _best(tape: Tape, node: Node) -> float:
    """Seconds of the best of several attempts at once."""
    for js in (range(1, ATTEMPTS + 1), range(ATTEMPTS + 1, MOST_ATTEMPTS + 1)):
        fates = [tape.attempt(node.tool, f"{node.key} {node.field}", j) for j in js]
        good = [fate.seconds for fate in fates if fate.how == "ok"]
        if good:
            return min(good)
    return math.inf


def _hedged(tape: Tape, node: Node, start: float) -> tuple[float, bool, int]:
    """When a call ends, whether it is wrong, and how many attempts it took."""
    patience = quantile(CLASSES[node.tool], 0.5)
    due = [start + n * patience for n in range(ATTEMPTS)]
    best, wrong, made = math.inf, False, 0
    for j in range(1, ATTEMPTS + 1):
        begun = due.pop(0)
        if begun >= best:
            break
        fate = tape.attempt(node.tool, f"{node.key} {node.field}", j)
        made, end = j, begun + fate.seconds
        if fate.how in ("refused", "garbage"):
            if due:
                due[0] = min(due[0], end)
        elif end < best:
            best, wrong = end, fate.how == "wrong"
    return best, wrong, made


def stream(query: Query, tape: Tape, j: int, after: float = 0.0) -> dict[int, float]:
    """When attempt `j` of the first model call, begun `after` seconds, holds each look-up."""
    thought = tape.thought(FIRST_TURN, j)
    if thought.refused:
        return {node.number: math.inf for node in query.nodes}
    per_character = thought.per_token / CHARACTERS_PER_TOKEN
    return {number: after + thought.start + per_character * at for number, at in _ends(query).items()}


def _ends(query: Query) -> dict[int, int]:
    """The character at which the model's stream holds each look-up, in the quicker of its two ways to write it."""
    ends: dict[int, int] = {}
    at = 0
    for node in query.nodes:
        if node.parent is None:
            at += len(node.tool) + len(json.dumps({"key": node.key, "field": node.field}))
            ends[node.number] = at
    steps = planned(query, {}, Counter(), {PLAN, *CLASSES})
    for n, step in enumerate(steps):
        at = len(PLAN) + len(json.dumps({"steps": steps[: n + 1]})) - len("]}")
        number = query.by_field[step["arguments"]["field"]].number
        ends[number] = min(at, ends.get(number, at))
    return ends
