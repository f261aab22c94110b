"""The corpus of tool results and answers: hand-written and seeded, halved by hash, each run down the real path."""

from __future__ import annotations

import datetime
import functools
import hashlib
import inspect
import json
import keyword
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shotclock import Agent, Budget, Policy
from shotclock.policies.verification import Verification
from shotclock.testing import ScriptedModel, VirtualClock, ask
from shotclock.tools import checks as ready
from shotclock.tools.tool import Tool

from .corpus_results import RESULTS
from .corpus_scenes import SCENES, told

Call = tuple[str, dict[str, Any], Any, tuple[str, ...]]
"""A tool's name, its arguments, what it returns, and its checks as `kind:values:field`."""

NATURAL = json.loads(Path(__file__).with_name("corpus_natural.json").read_text(encoding="utf-8"))
FRESH = json.loads(Path(__file__).with_name("corpus_fresh.json").read_text(encoding="utf-8"))
"""Scenes by two people who had never seen the checks, three good answers in their own words and four corrupted ones to
each. All of them were looked at once, when they were put here and the checks were mended; from then on those of one
half are held out like all others."""

SEEDS = range(101, 104)
POLICY = Policy(verification=Verification(resamples=0, omit=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A tool result, or an answer with the results it rests on.

    Attributes:
        group: what it was written or made with; a group lies in one half of the corpus.
        what: `good`, `good denial`, or the way it is corrupted.
        rung: which deterministic rung can see that; `none` where none can, empty where there is nothing to see.
        question: what was asked.
        calls: what the tools gave.
        answer: the answer; `None` where the result of the first call is the item.
        natural: whether it is hand-written.
        fresh: whether somebody wrote it who had never seen the checks.
    """

    group: str
    what: str
    rung: str
    question: str
    calls: tuple[Call, ...]
    answer: str | None
    natural: bool
    fresh: bool = False

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.what.startswith("good")

    @property
    def checked(self) -> bool:
        """Whether anything could pass it: an answer, or a result with checks of its own."""
        return self.answer is not None or bool(self.calls[0][3])

    @property
    def held_out(self) -> bool:
        """Whether its group lies in the half that nothing is tuned on."""
        return bool(hashlib.sha256(self.group.encode()).digest()[0] & 1)


def corpus() -> list[Item]:
    """All items."""
    return [
        *_told(NATURAL["answers"]),
        *_told(FRESH, fresh=True),
        *_natural_results(),
        *_made_answers(),
        *_made_results(),
    ]


def _told(scenes: Iterable[dict[str, Any]], *, fresh: bool = False) -> Iterator[Item]:
    for scene in scenes:
        calls = tuple((tool, arguments, value, tuple(more)) for tool, arguments, value, *more in scene["calls"])
        for what, rung, text in scene["answers"]:
            yield Item(
                group=f"answers: {scene['question']}",
                what=what,
                rung=rung,
                question=scene["question"],
                calls=calls,
                answer=text,
                natural=True,
                fresh=fresh,
            )


def _natural_results() -> Iterator[Item]:
    for at, (what, rung, tool, arguments, value, checks) in enumerate(NATURAL["results"]):
        yield _result(f"result {at}", what, rung, (tool, arguments, value, tuple(checks)), natural=True)


def _made_answers() -> Iterator[Item]:
    for make in SCENES:
        for seed in SEEDS:
            rng = random.Random(f"{make.__name__} {seed}")
            scene = make(rng)
            calls = tuple((*call, ()) for call in scene.calls)
            for what, rung, text in told(scene, rng, 2, 4):
                yield Item(
                    group=f"made answers: {make.__name__}",
                    what=what,
                    rung=rung,
                    question=scene.question,
                    calls=calls,
                    answer=text,
                    natural=False,
                )


def _made_results() -> Iterator[Item]:
    for make in RESULTS:
        for seed in SEEDS:
            for what, rung, tool, arguments, value, checks in make(random.Random(f"{make.__name__} {seed}")):
                yield _result(f"made results: {make.__name__}", what, rung, (tool, arguments, value, tuple(checks)))


def _result(group: str, what: str, rung: str, call: Call, *, natural: bool = False) -> Item:
    return Item(group=group, what=what, rung=rung, question="?", calls=(call,), answer=None, natural=natural)


# -- the real path ----------------------------------------------------------------------------------------------------


def outcomes(items: Iterable[Item]) -> list[tuple[str, str]]:
    """What the checks say of each item, and why: of a result in the pipeline, of an answer at the end of its run."""

    async def all_of_them() -> list[tuple[str, str]]:
        return [await _outcome(item) for item in items]

    return VirtualClock().run(all_of_them())


async def _outcome(item: Item) -> tuple[str, str]:
    calls = [(tool, _named(arguments), value, checks) for tool, arguments, value, checks in item.calls]
    asked = ask(*((tool, arguments) for tool, arguments, *_ in calls))
    agent = Agent(ScriptedModel([asked, item.answer or "It is there."]), list(_tools(calls)), policy=POLICY)
    result = await agent.run(item.question, budget=Budget(latency=60))
    verdict = result.evidence[0].verdict if item.answer is None else result.verdict
    return verdict.outcome, verdict.reason


def _named(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments by names that a parameter can have: `class` is none in Python."""
    return {f"{name}_" if keyword.iskeyword(name) else name: value for name, value in arguments.items()}


def _tools(calls: Iterable[Call]) -> Iterator[Tool]:
    by_name: dict[str, list[Call]] = {}
    for call in calls:
        by_name.setdefault(call[0], []).append(call)
    for name, same in by_name.items():
        yield Tool(_function(same), name, checks=[_check(each) for each in same[0][3]])


def _function(calls: list[Call]) -> Any:
    """A function that takes the arguments of some calls, and returns what they gave."""

    async def function(**arguments: Any) -> Any:
        """A tool of the corpus."""
        value = next(value for _, given, value, _ in calls if given == arguments)
        if isinstance(value, Mapping) and value.keys() == {"raise"}:
            raise ConnectionError(value["raise"])
        return _dated(value)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, kind, annotation=type(value)) for name, value in calls[0][1].items()]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def _dated(value: Any) -> Any:
    """A result in which `@-3h` is the moment three hours ago."""
    if isinstance(value, dict):
        return {key: _dated(each) for key, each in value.items()}
    if isinstance(value, str) and value[:2] in ("@-", "@+"):
        seconds = float(value[1:-1]) * {"m": 60, "h": 3600, "d": 86400}[value[-1]]
        return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).isoformat()
    return value


@functools.cache
def _check(spec: str) -> Any:
    """A check as the corpus writes it."""
    kind, *rest = spec.split(":")
    match kind:
        case "in_range":
            return ready.in_range(float(rest[0]), float(rest[1]), field=rest[2] or None)
        case "not_older_than":
            return ready.not_older_than(float(rest[0]), field=rest[1])
        case "adds_up":
            return ready.recomputed(rest[0], functools.partial(_sum, rest[1].split(",")))
        case "cites":
            return ready.quotes(rest[0], within=rest[1])
        case "agrees_with":
            return ready.agrees_with(rest[0], field=rest[1])
        case "has_fields":
            return ready.has_fields(*rest[0].split(","))
        case "in_unit":
            return ready.in_unit(rest[0], field=rest[1])
        case "one_of":
            return ready.one_of(rest[0].split(","), rest[1])
        case "monotone":
            return ready.monotone(rest[0])
        case "echoes":
            return ready.echoes(rest[0])
    raise ValueError(spec)


def _sum(fields: list[str], result: Any) -> float:
    whole, _, part = fields[0].partition(".")
    if part:
        return sum(each[part] for each in result[whole])
    return sum(result[each] for each in fields)
