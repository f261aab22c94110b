"""A plan of calls: which step waits for which, and where one's result goes into another's arguments.

The plans are those of LLMCompiler (arXiv 2312.04511): a step runs as soon as what it waits for is there.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from .nesting import Nesting
from .references import ID, MOST_JSON, NoSuchPart, as_it_is, filled, reference, short, texts

DEEPEST = 40
"""Levels of nesting that arguments may have."""

_STEP_DEPTH = 2
"""Open brackets around a step: of the arguments and of the list of steps."""

_SHOWN = 3
"""Problems that one message names; the rest is found when these are mended."""

_KEYS = ("id", "tool", "arguments", "after")


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a plan is not run, or a step's arguments cannot be put together: one message for the model."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of a plan.

    Attributes:
        id: unique in its plan.
        tool: the tool's name.
        arguments: as the model wrote them, with the references still in them.
        takes: the steps whose results go into the arguments.
        after: the steps it waits for without taking anything of them.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any]
    takes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Every step it waits for, each once."""
        return tuple(dict.fromkeys((*self.takes, *self.after)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """Steps in the order they were written, without circles."""

    steps: tuple[Step, ...]

    def ready(self, done: Collection[str], begun: Collection[str] = ()) -> tuple[Step, ...]:
        """The steps that can begin: not `done` nor `begun`, and all they wait for is done."""
        return tuple(
            step
            for step in self.steps
            if step.id not in done and step.id not in begun and all(need in done for need in step.needs)
        )

    def ahead(self, step: str, seconds: Callable[[str], float]) -> float:
        """Seconds that the longest way through the steps which need `step` takes, where one call of a tool takes
        `seconds(tool)`."""
        known: dict[str, float] = {}
        for each in reversed(self._ordered()):
            ways = [seconds(later.tool) + known[later.id] for later in self.steps if each.id in later.needs]
            known[each.id] = max(ways, default=0.0)
        return known.get(step, 0.0)

    def _ordered(self) -> list[Step]:
        """The steps, each after what it needs."""
        done: dict[str, Step] = {}
        while ready := self.ready(done):
            done |= {step.id: step for step in ready}
        return list(done.values())

    @property
    def layers(self) -> int:
        """The steps on the longest way through the plan, which a model without plans takes a turn each for."""
        done: set[str] = set()
        layers = 0
        while ready := self.ready(done):
            done.update(step.id for step in ready)
            layers += 1
        return layers


def read_plan(arguments: Mapping[str, Any], tools: Collection[str], most: int) -> CallPlan | Flaw:
    """Read what a model wrote as a plan of at most `most` calls of `tools`, or say in one message what is wrong."""
    rows = arguments.get("steps")
    if not isinstance(rows, list) or not rows:
        return _flaw(["steps must be a list of at least one step, each with id, tool and arguments"])
    if len(rows) > most:
        return _flaw([f"it has {len(rows)} steps and limits.parallel={most}; plan fewer at a time"])
    problems = [problem for number, row in enumerate(rows, 1) for problem in _problems(row, number, tools)]
    if problems:
        return _flaw(problems)
    ids = [str(row["id"]) for row in rows]
    plan = CallPlan(steps=tuple(_step(row, ids) for row in rows))
    problems = [*_repeated(ids), *_unknown_after(plan, ids)]
    circle = [] if problems else _circle(plan)
    if circle:
        problems.append(f"steps wait for each other in a circle: {', '.join(circle)}")
    return _flaw(problems) if problems else plan


def settled(rows: Sequence[Any], tools: Collection[str], most: int) -> CallPlan:
    """The steps of a plan that is still being written, at most `most`, that can be run whatever is written next.

    One that refers to a step which is not there yet, or whose text only looks as if it did, waits for the whole plan.
    """
    kept: dict[str, Step] = {}
    for number, row in enumerate(rows, 1):
        if len(kept) == most or any(_problems(row, number, tools)) or str(row["id"]) in kept:
            break
        named = {found[0] for text in texts(row.get("arguments")) if (found := reference(text))}
        if named | {str(each) for each in row.get("after") or ()} <= kept.keys():
            kept[str(row["id"])] = _step(row, kept)
    return CallPlan(steps=tuple(kept.values()))


class PlanText:
    """The arguments of a plan as they are being written."""

    def __init__(self) -> None:
        self._text = ""
        self._nesting = Nesting()

    def add(self, text: str) -> list[Any]:
        """The steps written so far, where `text` ended one or more of them; nothing otherwise."""
        if len(self._text) + len(text) > MOST_JSON:
            return []
        before = len(self._text)
        self._text += text
        closed = self._nesting.closings(text)
        ends = [before + at + 1 for at, open_ in closed if open_ == _STEP_DEPTH and text[at] == "}"]
        return self._steps(ends[-1]) if ends else []

    def _steps(self, end: int) -> list[Any]:
        try:
            read = from_json(self._text[:end], allow_partial=True)
        except ValueError:
            return []  # it is no JSON so far, and is refused when it is whole
        steps = read.get("steps") if isinstance(read, dict) else None
        return steps if isinstance(steps, list) else []


def resolve(
    step: Step,
    results: Mapping[str, Any],
    *,
    level: Callable[[Any], Any] = as_it_is,
    whole: Callable[[Any], Any] = as_it_is,
    drifted: Callable[[str, str], None] | None = None,
) -> dict[str, Any] | Flaw:
    """The arguments of a step with each reference replaced by the value it names.

    Args:
        step: a step of a plan that was read.
        results: the results of the steps it takes from, by id.
        level: makes a result a dict, a list or a JSON value, its insides left as they are. Default: it is one.
        whole: makes what a reference names JSON throughout. Default: it is.
        drifted: told of a reference and of the part that is taken in its place, where the part it names is not there
            and only one other can be meant (see `drifted.near`). Default: nothing is taken in its place.
    """
    try:
        return filled(step.arguments, results, level=level, whole=whole, drifted=drifted)
    except NoSuchPart as missing:
        return Flaw(f"step {step.id}: {missing}")


def _flaw(problems: Sequence[str]) -> Flaw:
    return Flaw(f"The plan was not run: {'; '.join(problems[:_SHOWN])}.")


def _problems(row: Any, number: int, tools: Collection[str]) -> Iterator[str]:
    """What is wrong with one step by itself."""
    if not isinstance(row, dict):
        yield f"step {number} must be an object with id, tool and arguments, got {short(row)}"
        return
    where = f"step {short(row['id'])}" if "id" in row else f"step {number}"
    identity, tool, arguments, after = (row.get(key) for key in _KEYS)
    if isinstance(identity, bool) or not isinstance(identity, (str, int)) or not ID.fullmatch(str(identity)):
        yield f"{where}: id must be 1 to 64 letters, digits, _ or -, got {short(identity)}"
    if not isinstance(tool, str) or tool not in tools:
        yield f"{where}: there is no tool named {short(tool)}{_hint(tool, tools)}"
    if not isinstance(arguments, (dict, type(None))):
        yield f"{where}: arguments must be an object, got {short(arguments)}"
    elif _too_deep(arguments):
        yield f"{where}: its arguments are nested deeper than {DEEPEST} levels"
    if after is not None and not (isinstance(after, list) and all(isinstance(each, (str, int)) for each in after)):
        yield f"{where}: after must be a list of ids, got {short(after)}"
    unknown = [key for key in row if key not in _KEYS]
    if unknown:
        yield f"{where}: unknown {', '.join(map(short, unknown[:_SHOWN]))}; a step has {', '.join(_KEYS)}"


def _hint(tool: Any, tools: Collection[str]) -> str:
    close = difflib.get_close_matches(tool[:64], tools, n=1) if isinstance(tool, str) else []
    return f" (did you mean {close[0]!r}?)" if close else f"; the tools are {', '.join(tools)}"


def _step(row: Mapping[str, Any], ids: Collection[str]) -> Step:
    arguments = row.get("arguments") or {}
    found = (reference(text) for text in texts(arguments))
    takes = dict.fromkeys(each[0] for each in found if each is not None and each[0] in ids)
    after = tuple(str(each) for each in row.get("after") or ())
    return Step(id=str(row["id"]), tool=row["tool"], arguments=arguments, takes=tuple(takes), after=after)


def _repeated(ids: Sequence[str]) -> list[str]:
    return [f"{ids.count(each)} steps have the id {each!r}" for each in dict.fromkeys(ids) if ids.count(each) > 1]


def _unknown_after(plan: CallPlan, ids: Collection[str]) -> list[str]:
    return [
        f"step {step.id!r}: after names {each[:64]!r}, and no step has that id; the ids are {', '.join(ids)}"
        for step in plan.steps
        for each in step.after
        if each not in ids
    ]


def _circle(plan: CallPlan) -> list[str]:
    """The steps of a circle, one by one, or nothing."""
    done: set[str] = set()
    while ready := plan.ready(done):
        done.update(step.id for step in ready)
    waits = ((step.id, [need for need in step.needs if need not in done]) for step in plan.steps)
    stuck = {each: needs[0] for each, needs in waits if needs}
    if not stuck:
        return []
    way = [next(iter(stuck))]
    while stuck[way[-1]] not in way:
        way.append(stuck[way[-1]])
    return [f"{each} needs {stuck[each]}" for each in way[way.index(stuck[way[-1]]) :]]


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(level)
