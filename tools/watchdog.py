"""Who blocks the event loop, and how late it is: a thread that notices, and names the tool and the line."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from types import FrameType

from .isolation import run_on_loop

INTERVAL = 0.05
"""Seconds between two pings of a loop that has runs under way."""

PATIENCE = 0.1
"""Seconds without an answer after which a loop counts as blocked: a noisy machine stays below it."""

MEMORY = 2.0
"""Seconds for which a loop counts as being as late as it was at its latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The loop's thread was found inside `tool` (`None` where it was no tool's code) at `where`, a `file:line`."""

    tool: str | None
    where: str

    @property
    def message(self) -> str:
        """One sentence for the warnings."""
        who = f"tool {self.tool!r}" if self.tool else "code outside any tool"
        advice = "make it a plain function, so that it runs in a thread, or await what blocks"
        return f"{who} blocks the event loop at {self.where}; {advice}"


@dataclass(slots=True, eq=False)
class Watch:
    """One loop under watch, by however many runs: `found` is what blocked it last, at the instant `found_at`."""

    loop: asyncio.AbstractEventLoop
    thread: int
    runs: int = 0
    found: Blocked | None = None
    found_at: float = -math.inf
    asked: float = field(default_factory=time.monotonic)
    waiting: bool = False
    _latest: tuple[float, float] = (0.0, -math.inf)

    def answer(self) -> None:
        """Called by the loop: it is alive."""
        now = time.monotonic()
        self.waiting = False
        self._note(now - self.asked, now)

    def lag(self, since: float = -math.inf) -> float:
        """Seconds the loop takes to come to what is due, at the most of the last 2 s; 0 where it is at leisure. Only
        what was seen after the instant `since` of the monotonic clock counts."""
        now = time.monotonic()
        if self.waiting:
            self._note(now - self.asked, now)
        seconds, at = self._latest
        return seconds if since <= at and now - at < MEMORY else 0.0

    def _note(self, seconds: float, now: float) -> None:
        if seconds >= self._latest[0] or now - self._latest[1] >= MEMORY:
            self._latest = (seconds, now)

    def since(self, instant: float) -> Blocked | None:
        """What blocked it last, where that was after an instant of the monotonic clock."""
        return self.found if self.found_at >= instant else None


class Watchdog:
    """Pings the loops of the runs under way from one daemon thread, which sleeps while there are none."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child: the thread and the loops are its parent's."""
        self._changed = threading.Condition()
        self._watches: dict[asyncio.AbstractEventLoop, Watch] = {}
        self._thread: threading.Thread | None = None

    def add(self, loop: asyncio.AbstractEventLoop) -> Watch:
        """Watch `loop`, whose thread is the calling one, until `remove`; all its runs share one watch."""
        with self._changed:
            watch = self._watches.get(loop)
            if watch is None:
                watch = self._watches[loop] = Watch(loop, threading.get_ident())
                self._changed.notify()
            watch.runs += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shotclock-watchdog", daemon=True)
                self._thread.start()
        return watch

    def remove(self, watch: Watch) -> None:
        """One run fewer watches it; without any it is watched no longer."""
        with self._changed:
            watch.runs -= 1
            if watch.runs == 0:
                self._watches.pop(watch.loop, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._watches:
                    self._changed.wait()
                watches = list(self._watches.values())
            for watch in watches:
                _look(watch)
            time.sleep(INTERVAL)


def _look(watch: Watch) -> None:
    if not watch.waiting:
        watch.asked = time.monotonic()
        watch.waiting = True
        try:
            watch.loop.call_soon_threadsafe(watch.answer)
        except RuntimeError:
            return  # closed: its runs are over
    elif time.monotonic() - watch.asked > PATIENCE and (found := blocker(watch.thread)) is not None:
        watch.found, watch.found_at = found, time.monotonic()


def blocker(thread: int) -> Blocked | None:
    """What the loop running in `thread` is inside of right now, or `None` where it is idle."""
    frame = sys._current_frames().get(thread)
    inner: list[FrameType] = []
    while frame is not None:
        if frame.f_code is run_on_loop.__code__:
            return Blocked(tool=frame.f_locals["flight"].tool.name, where=_place(inner))
        inner.append(frame)
        frame = frame.f_back
    return None


def _place(inner: list[FrameType]) -> str:
    """The line of the tool's own code: the outermost frame below ours, not the library it is in."""
    if not inner:
        return "its first line"
    frame = inner[-1]
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


WATCHDOG = Watchdog()
"""The process's watchdog."""

if hasattr(os, "register_at_fork"):  # only where a process can fork
    os.register_at_fork(after_in_child=WATCHDOG.forget)
