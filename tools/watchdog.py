"""Who blocks the event loop: a thread that notices, and names the tool and the line."""

from __future__ import annotations

import asyncio
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


@dataclass(slots=True)
class Watch:
    """One loop under watch; `found` is what blocked it last."""

    loop: asyncio.AbstractEventLoop
    thread: int
    found: Blocked | None = None
    answered: float = field(default_factory=time.monotonic)
    waiting: bool = False

    def answer(self) -> None:
        """Called by the loop: it is alive."""
        self.answered = time.monotonic()
        self.waiting = False


class Watchdog:
    """Pings the loops of the runs under way from one daemon thread, which sleeps while there are none."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child: the thread and the loops are its parent's."""
        self._changed = threading.Condition()
        self._watches: list[Watch] = []
        self._thread: threading.Thread | None = None

    def add(self, loop: asyncio.AbstractEventLoop) -> Watch:
        """Watch `loop`, whose thread is the calling one, until `remove`."""
        watch = Watch(loop, threading.get_ident())
        with self._changed:
            self._watches.append(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shotclock-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()
        return watch

    def remove(self, watch: Watch) -> None:
        """Watch it no longer."""
        with self._changed:
            if watch in self._watches:
                self._watches.remove(watch)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._watches:
                    self._changed.wait()
                watches = list(self._watches)
            for watch in watches:
                _look(watch)
            time.sleep(INTERVAL)


def _look(watch: Watch) -> None:
    if not watch.waiting:
        watch.waiting = True
        watch.answered = time.monotonic()
        try:
            watch.loop.call_soon_threadsafe(watch.answer)
        except RuntimeError:
            return  # closed: its runs are over
    elif time.monotonic() - watch.answered > PATIENCE:
        watch.found = blocker(watch.thread) or watch.found


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
