"""A future that other threads keep, and whose work learns at once when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_promises: weakref.WeakSet[Promise[Any]] = weakref.WeakSet()


def _forget() -> None:
    """Begin anew in a forked child: what was promised is its parent's, and a thread of that one may hold the lock."""
    global _lock, _promises
    _lock, _promises = threading.Lock(), weakref.WeakSet()


if hasattr(os, "register_at_fork"):  # only where a process can fork
    os.register_at_fork(after_in_child=_forget)


def _nothing() -> None:
    pass


class Promise(asyncio.Future[T]):
    """A future of the caller's loop for work that is done elsewhere.

    Args:
        loop: the caller's loop.
        let_go: called at once, in the thread that cancels, when the future is cancelled before it was kept. It must
            neither raise nor wait.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, let_go: Callable[[], object]) -> None:
        super().__init__(loop=loop)
        self._let_go = let_go
        with _lock:
            _promises.add(self)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel, and tell the work; done callbacks would tell it only in the loop's next turn, if there is one."""
        cancelled = super().cancel(msg)
        if cancelled:
            let_go, self._let_go = self._let_go, _nothing
            let_go()
        return cancelled

    def keep(self, value: T) -> None:
        """Set the result, from any thread."""
        self._call(self.set_result, value)

    def fail(self, error: BaseException) -> None:
        """Set an exception, from any thread."""
        # A future refuses the original.
        self._call(self.set_exception, RuntimeError("StopIteration") if isinstance(error, StopIteration) else error)

    def _call(self, setter: Callable[[Any], None], value: Any) -> None:
        # A loop that was closed meanwhile refuses, and nobody waits for the result any more.
        with contextlib.suppress(RuntimeError):
            self.get_loop().call_soon_threadsafe(self._settle, setter, value)

    def _settle(self, setter: Callable[[Any], None], value: Any) -> None:
        if not self.done():
            setter(value)
            self._let_go = _nothing  # what it holds need not wait for the garbage collector


def busy(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether somebody in `loop` waits for work done elsewhere: in a thread, on a loop thread or in a process.

    What was given up is nobody's.
    """
    with _lock:
        return any(promise.get_loop() is loop and not promise.done() for promise in _promises)
