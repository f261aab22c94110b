"""What plans and early starts save. Run it: python -m bench.plans [QUERIES]

The same queries, with the same latencies drawn for the same calls, on the virtual clock: with a plan against turn by
turn, and eager against not. Each query has two or three layers of one to four calls, each of which takes something of
the layer before. A model call takes 0.58 s + 18.5 ms a token, times a log-normal with σ = .23 (a fit over 98,592 public
tool-calling model calls); tools are drawn from three classes: recorded (987 tool delays of coding agents), API (p50
0.3 s, log-σ .7) and slow (p50 5 s, log-σ .55), the latter two assumed. Tokens are reckoned at four characters. No
deadline, so that nothing is cut and whole latencies are compared; nobody checks whether a real model would have written
the plan, nor writes it as well.

The ratio is paired query by query; its interval is a bootstrap of the median over queries. Everything is seeded.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shotclock import Agent, Budget, Policy
from shotclock.agent.models.base import CallDelta, CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta
from shotclock.policies.speculation import Speculation
from shotclock.policies.verification import Verification
from shotclock.testing import VirtualClock
from shotclock.tools.call import Call
from shotclock.tools.tool import Tool

from .delays import recorded

START, PER_TOKEN, SPREAD = 0.58, 0.0185, 0.23
CHARACTERS_PER_TOKEN = 4
ANSWER_TOKENS = 60
PIECE = 16
"""Characters of arguments that a stream brings at a time."""

CLASSES = ("recorded", "api", "slow")
ROWS = (
    ("recorded", ("recorded",), 4), ("API", ("api",), 4), ("API chain", ("api",), 1), ("slow", ("slow",), 4),
    ("mixed", CLASSES, 4),
)  # fmt: skip
"""Label, classes of tools, and most calls a layer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query as layers of calls: each call is a class of tool, a number, and the call before that it takes from."""

    seed: int
    layers: tuple[tuple[tuple[str, int, int | None], ...], ...]


def seconds(kind: str, chance: random.Random) -> float:
    """A tool's latency."""
    if kind == "api":
        return 0.3 * math.exp(chance.gauss(0, 0.7))
    if kind == "slow":
        return 5.0 * math.exp(chance.gauss(0, 0.55))
    return recorded(chance)


def queries(count: int, kinds: Sequence[str], widest: int) -> list[Query]:
    """So many queries over tools of these classes, with 1 to `widest` calls a layer."""
    made = []
    for seed in range(count):
        chance = random.Random(f"query {seed}")
        layers: list[tuple[tuple[str, int, int | None], ...]] = []
        number = 0
        for _ in range(chance.choice((2, 2, 3))):
            before = [each for _, each, _ in layers[-1]] if layers else []
            width = chance.randint(1, widest)
            layer = [
                (chance.choice(kinds), number + n, chance.choice(before) if before else None) for n in range(width)
            ]
            number += width
            layers.append(tuple(layer))
        made.append(Query(seed, tuple(layers)))
    return made


def tools(query: Query) -> list[Tool]:
    """The tools of a query: what a call takes depends on the query and the call's number only."""

    def made(kind: str) -> Tool:
        async def look_up(number: int, of: Any = None) -> dict[str, Any]:
            """Look something up."""
            await asyncio.sleep(seconds(kind, random.Random(f"tool {query.seed} {number}")))
            return {"key": f"key of {number}", "number": number}

        return Tool(look_up, kind, read_only=True)

    return [made(kind) for kind in CLASSES]


class Writer:
    """A model that writes each turn token by token at its pace: a plan, or layer by layer, then an answer."""

    name, provider = "writer", "bench"

    def __init__(self, query: Query, *, plans: bool) -> None:
        self.price: Price | None = None
        self.pace = Pace(start=START, per_token=PER_TOKEN)
        self._turns = [[_plan(query)]] if plans else [_layer(layer) for layer in query.layers]
        self._seed = query.seed
        self._turn = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Write the next turn."""
        # The same turn of the same query is as slow or quick in each variant; a plan's is that of the first turn.
        answers = self._turn >= len(self._turns)
        factor = math.exp(random.Random(f"model {self._seed} {'answer' if answers else self._turn}").gauss(0, SPREAD))
        calls = [] if answers else self._turns[self._turn]
        self._turn += 1
        await asyncio.sleep(START * factor)
        per_character = PER_TOKEN * factor / CHARACTERS_PER_TOKEN
        for number, (tool, arguments) in enumerate(calls):
            identity, text = f"t{self._turn}-{number}", json.dumps(arguments)
            await asyncio.sleep(per_character * len(tool))
            for at in range(0, len(text), PIECE):
                piece = text[at : at + PIECE]
                await asyncio.sleep(per_character * len(piece))
                yield CallDelta(identity, tool, piece)
            yield CallReady(Call(id=identity, tool=tool, arguments=arguments))
        if not calls:
            await asyncio.sleep(PER_TOKEN * factor * ANSWER_TOKENS)
            yield TextDelta("Done.")
        yield Finish(reason="tool_calls" if calls else "stop")


def _plan(query: Query) -> tuple[str, dict[str, Any]]:
    steps = [
        {
            "id": f"s{number}",
            "tool": kind,
            "arguments": {"number": number} | ({} if of is None else {"of": f"$s{of}.key"}),
        }
        for layer in query.layers
        for kind, number, of in layer
    ]
    return "plan", {"steps": steps}


def _layer(layer: Sequence[tuple[str, int, int | None]]) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, {"number": number} | ({} if of is None else {"of": f"key of {of}"})) for kind, number, of in layer]


def latency(query: Query, *, plans: bool, eager: bool) -> float:
    """Virtual seconds of one run."""
    # The answer is one word, which no evidence bears out: it is not asked for again.
    policy = Policy(speculation=Speculation(eager=eager, plans=plans), verification=Verification(resamples=0))
    agent = Agent(Writer(query, plans=plans), tools(query), policy=policy)
    result = VirtualClock().run(agent.run("?", budget=Budget(latency=None)))
    calls = sum(map(len, query.layers))
    assert (result.answer, result.spend.tool_calls) == ("Done.", calls), result
    return result.elapsed


def interval(ratios: Sequence[float], rounds: int = 1_000) -> tuple[float, float]:
    """The 95 % interval of the median, by bootstrap over queries."""
    chance = random.Random(11)
    medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(rounds))
    return medians[int(0.025 * rounds)], medians[int(0.975 * rounds)]


def row(name: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """One comparison as a line of the table."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, high = interval(ratios)
    (a50, a95), (b50, b95) = (
        (statistics.median(column), statistics.quantiles(column, n=20)[-1]) for column in (ours, theirs)
    )
    return (
        f"{name:<38} {a50:6.2f} {a95:6.2f}   {b50:6.2f} {b95:6.2f}   {statistics.median(ratios):.3f}"
        f" [{low:.3f}, {high:.3f}]  {sum(ratio > 1.0 + 1e-9 for ratio in ratios) / len(ratios):4.0%}"
    )


def main(count: int) -> None:
    """Print the table."""
    variants: Mapping[str, tuple[bool, bool]] = {
        "plan, eager": (True, True),
        "turns, eager": (False, True),
        "plan, not eager": (True, False),
        "turns, not eager": (False, False),
    }
    print(f"{count} queries a row; seconds of a run with / without, paired ratio, share of queries that got slower")
    print(f"{'':<38} {'p50':>6} {'p95':>6}   {'p50':>6} {'p95':>6}   ratio [95 % interval]  slower")
    for label, kinds, widest in ROWS:
        asked = queries(count, kinds, widest)
        took = {
            name: [latency(query, plans=plans, eager=eager) for query in asked]
            for name, (plans, eager) in variants.items()
        }
        print(row(f"{label}: plan / turns, both eager", took["plan, eager"], took["turns, eager"]))
        print(row(f"{label}: plan / turns, neither eager", took["plan, not eager"], took["turns, not eager"]))
        print(row(f"{label}: eager / not, by plan", took["plan, eager"], took["plan, not eager"]))
        print(row(f"{label}: eager / not, by turns", took["turns, eager"], took["turns, not eager"]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80)
