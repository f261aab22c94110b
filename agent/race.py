"""Two models asked the same, or one twice: at once, or where the first says nothing for too long; who speaks first goes
on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from ..policies.errors import ModelError
from ..tools.isolation import abandon, spawn
from ..tools.landing import message_of
from .lane import Lane
from .models.base import AudioDelta, CallDelta, CallReady, Finish, ModelEvent, ModelRequest, TextDelta
from .run import Run
from .turn import Turn

_WAITING: Final = 16
"""Events of a stream that wait to be read; one that writes more waits, so that it gives the loop back."""


@dataclass(slots=True, eq=False)
class _Runner:
    """A lane in the race, and what it has said before it spoke, such as what it used."""

    lane: Lane
    task: asyncio.Task[None]
    held: list[ModelEvent] = field(default_factory=list)
    over: bool = False
    error: Exception | None = None


class Race:
    """The stream of whichever of two models speaks first; it stands in a model's place.

    Args:
        run: the run they are asked in.
        first: the call that is under way.
        second: begins the other one, or returns `None` where it may not be begun now.
        after: seconds of silence after which it is begun.

    Attributes:
        winner: whose stream is read.
        spoke: the instant at which it spoke, and the others were given up; `None` before.
    """

    def __init__(self, run: Run, first: Lane, second: Callable[[], Lane | None], after: float) -> None:
        self.winner = first
        self.spoke: float | None = None
        self._run = run
        self._second = second
        self._after = after
        self._lanes: list[Lane] = [first]
        self._runners: list[_Runner] = []
        self._said: asyncio.Queue[tuple[_Runner, ModelEvent | _Over]] = asyncio.Queue(_WAITING)

    @property
    def name(self) -> str:
        """The winner's name."""
        return self.winner.model.name

    @property
    def raced(self) -> bool:
        """Whether the second one was begun."""
        return len(self._lanes) > 1

    def rest(self) -> list[tuple[Lane, Turn, float | None]]:
        """The calls that were begun and are not the winner's, what they gave, an error or nothing, and the instant at
        which they were given up."""
        losers = [each for each in self._runners if each.lane is not self.winner]
        return [(each.lane, _failed(each), self.spoke) for each in losers]

    @property
    def lead(self) -> float:
        """Seconds by which the first one began before the winner."""
        return self.winner.started - self._lanes[0].started

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """The winner's events. Where one fails before it spoke the other one goes on alone."""
        self._begin(self._lanes[0])
        try:
            winner, event = await self._first_word()
            self.winner, self.spoke = winner.lane, self._run.now()
            for loser in self._runners:
                if loser is not winner:
                    abandon(loser.task)
            for each in winner.held:
                yield each
            while not isinstance(event, _Over):
                yield event
                _, event = await self._next(winner)
            if event.error is not None:
                raise _model_error(winner.lane, event.error)
        finally:
            for runner in self._runners:
                abandon(runner.task)

    async def _first_word(self) -> tuple[_Runner, ModelEvent | _Over]:
        """Who speaks first, and what; the end of the last one where nobody does."""
        try:
            async with asyncio.timeout(self._after):
                return await self._word()
        except TimeoutError:
            lane = self._second()
            if lane is not None:
                self._lanes.append(lane)
                self._begin(lane)
        return await self._word()

    async def _word(self) -> tuple[_Runner, ModelEvent | _Over]:
        while True:
            runner, event = await self._said.get()
            if isinstance(event, _Over):
                # What failed before it spoke leaves the floor to the other.
                runner.over, runner.error = True, event.error
                if event.error is None or all(each.over for each in self._runners):
                    return runner, event
            elif _speaks(event):
                return runner, event
            else:
                runner.held.append(event)

    async def _next(self, winner: _Runner) -> tuple[_Runner, ModelEvent | _Over]:
        while True:
            runner, event = await self._said.get()
            if runner is winner:
                return runner, event

    def _begin(self, lane: Lane) -> None:
        with lane.span.context():
            task = spawn(self._pump(lane), f"model {lane.model.name}")
        self._runners.append(_Runner(lane, task))
        self._run.own(task)

    async def _pump(self, lane: Lane) -> None:
        runner = next(each for each in self._runners if each.lane is lane)
        error: Exception | None = None
        stream: AsyncIterator[ModelEvent] | None = None
        try:
            stream = lane.model.stream(lane.asked.request)
            async for event in stream:
                await self._said.put((runner, event))
        except Exception as raised:
            error = raised
        except (SystemExit, KeyboardInterrupt) as raised:  # in a task they would end the loop
            error = RuntimeError(type(raised).__name__)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        await self._said.put((runner, _Over(error)))


@dataclass(frozen=True, slots=True)
class _Over:
    """A stream has ended, or failed."""

    error: Exception | None


def _speaks(event: ModelEvent) -> bool:
    """Whether an event is a word: something that the run can use."""
    return isinstance(event, (AudioDelta, CallDelta, CallReady, Finish)) or (
        isinstance(event, TextDelta) and bool(event.text)
    )


def _failed(runner: _Runner) -> Turn:
    return Turn() if runner.error is None else Turn(error=_model_error(runner.lane, runner.error))


def _model_error(lane: Lane, error: Exception) -> ModelError:
    if isinstance(error, ModelError):
        return error
    return ModelError(f"{lane.model.name} raised {type(error).__name__}: {message_of(error)}", kind="malformed")
