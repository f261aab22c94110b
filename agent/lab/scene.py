"""A recorded run's world, to be lived through again: what was recorded comes again as it was, and what was cut or never
begun is drawn from what other runs teach."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zlib import crc32

from ...policies.errors import ToolError
from .learnt import DEFAULT_TOKENS, Habit, Learnt, Luck
from .recording import Lived, Recording, Thought, Wanted, name_of

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
        names = {each.name: name_of(number, len(turn.wanted) + n) for n, each in enumerate(later)}
        more = tuple(
            replace(each, name=names[each.name], result=None, after=tuple(names[a] for a in each.after if a in names))
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

    @property
    def query(self) -> str:
        """The question; where content was not captured, one that asks for nothing an answer could lack."""
        return self.recording.query or "What is it?"

    async def call(self, name: str) -> Any:
        """One attempt of a call: what it gave, where content was captured, and else a code of its own.

        Raises:
            ConnectionError: it failed, and may do when tried again.
            ToolError: it failed.
        """
        wanted = self.wanted(name)
        if wanted is None:
            raise ToolError(f"no call {name} was recorded")
        lived = self.attempt(wanted)
        await asyncio.sleep(lived.seconds)
        if lived.how == "error":
            raise ConnectionError("as recorded") if lived.passing else ToolError("as recorded")
        return {"value": value_of(name)} if wanted.result is None else _read(wanted.result)

    def wanted(self, name: str) -> Wanted | None:
        """A call by its name."""
        return next((each for turn in self.turns for each in turn.wanted if each.name == name), None)

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

    def thought(self, what: str, recorded: Sequence[Thought]) -> Thought:
        """What the next model call of a kind is like: as recorded where it was seen whole, and else longer than it was
        seen, or as any."""
        self._tried[what] += 1
        number = self._tried[what]
        lived = recorded[number - 1] if number <= len(recorded) else None
        if lived is not None and lived.lived.how == "ok":
            return lived
        known = lived or next(iter(recorded), Thought(lived=Lived(seconds=0.0)))
        tokens = known.tokens or DEFAULT_TOKENS
        least = lived.lived.seconds if lived is not None else 0.0
        first, each = self._pace(what, number, tokens, least)
        seconds = max(first + each * tokens, least)
        shift = seconds / known.lived.seconds if known.lived.seconds > 0 else 1.0
        wanted = tuple(replace(w, ready=None if w.ready is None else w.ready * shift) for w in known.wanted)
        return replace(known, lived=Lived(seconds=seconds), first=first, tokens=tokens, wanted=wanted)

    def _pace(self, what: str, number: int, tokens: int, least: float) -> tuple[float, float]:
        drawn = [self.learnt.pace(self.luck, what, number, at) for at in range(_DONORS)]
        return next((pace for pace in drawn if pace[0] + pace[1] * tokens > least), drawn[-1])


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # it was no JSON, or was cut
        return text


def _unseen(number: int, turn: Thought) -> Thought:
    """Another run's turn, without what befell its calls: that was its own."""
    names = {each.name: name_of(number, n) for n, each in enumerate(turn.wanted)}
    wanted = tuple(
        replace(each, name=names[each.name], attempts=(), result=None, after=tuple(names[a] for a in each.after))
        for each in turn.wanted
    )
    return replace(turn, wanted=wanted)


def value_of(call: str) -> str:
    """What a call returns: a code that is its own, so that an answer that holds it can be checked against it."""
    return f"VA-{crc32(call.encode()) % 90_000 + 10_000}"
