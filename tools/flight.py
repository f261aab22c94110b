"""One attempt under way: who begins it, how it landed, and when its code has really ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from ..policies.limits import ProcessLimits
from .landing import Landed, raised, returned
from .tool import Tool

_QUIETLY = contextlib.suppress(Exception)
"""Made once: it may be entered again and again, from any thread."""


_DEFAULT = ProcessLimits()


def _nobody() -> None:
    """Nobody waits."""


class Flight:
    """One attempt under way.

    Attributes:
        tool: the tool.
        arguments: its validated arguments.
        limit: characters of the result that are shown.
        landed: how it ended; there the moment it did, even while a blocked loop cannot say so.
        process: what a worker process may take for it.
        notify: called in the caller's loop, where the tool runs in it, as its code has ended.
        on_end: called once, in whichever thread, when the tool's own code has returned, raised or been killed, or was
            given up before it began. What it raises is dropped.
    """

    __slots__ = ("_alive", "_owner", "arguments", "landed", "limit", "notify", "on_end", "process", "tool")

    def __init__(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        limit: int,
        *,
        process: ProcessLimits = _DEFAULT,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.tool = tool
        self.arguments = arguments
        self.limit = limit
        self.landed: Landed | None = None
        self.process = process
        self.on_end = on_end
        self.notify: Callable[[], None] = _nobody
        # `setdefault` and `pop` are atomic, which is all the locking there is.
        self._owner: dict[str, tuple[str]] = {}
        self._alive: list[None] = [None]

    def claim(self) -> bool:
        """Whether the run that gives it up was the first to claim it: it is then never begun."""
        return self._take("run")

    def begin(self) -> bool:
        """Whether what is to run it was the first to claim it: it must then run it and call `end`."""
        return self._take("runner")

    def give_up(self) -> bool:
        """Whether it was given up before it began; its end is told then. Otherwise what runs it will tell."""
        never = self.claim() or self._owner["claimed"][0] == "run"
        if never:
            self.end()
        return never

    def end(self) -> None:
        """Tell that the tool's own code has ended; again and again does no harm, from any thread."""
        try:
            self._alive.pop()
        except IndexError:
            return
        if self.on_end is not None:
            with _QUIETLY:  # whoever is told of an end must not change how it ended
                self.on_end()

    def land(self, landed: Landed) -> Landed:
        """Note how it ended; in whichever thread it ran."""
        self.landed = landed
        return landed

    def returned(self, value: Any) -> Landed:
        """Note what it returned, rendered and checked."""
        return self.land(returned(self.tool, self.arguments, value, self.limit))

    def raised(self, error: BaseException) -> Landed:
        """Note what it raised."""
        return self.land(raised(self.tool.name, error))

    def _take(self, who: str) -> bool:
        mine = (who,)
        return self._owner.setdefault("claimed", mine) is mine
