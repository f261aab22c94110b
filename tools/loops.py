"""Event loops on daemon threads: for callers without one of their own, and for async tools that are kept apart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop on a daemon thread of its own.

    Attributes:
        doubted: whether work in it was given up and it has not answered since, as it does at once unless it is blocked.
    """

    def __init__(self) -> None:
        self.doubted = False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="shotclock-loop", daemon=True)
        self.thread.start()

    @property
    def ident(self) -> int:
        """The thread's identifier."""
        return self.thread.ident or 0

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine there; the future is the calling thread's."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def doubt(self) -> None:
        """Doubt it until it answers."""
        self.doubted = True
        self.loop.call_soon_threadsafe(self._answer)

    def retire(self) -> None:
        """Cancel what is under way there, and end when all of it has ended; nobody waits for that."""
        if not self.thread.is_alive():  # as in a forked child, whose copy of the loop wakes its parent's
            return
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def _answer(self) -> None:
        self.doubted = False

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(_end_all())
        self.loop.close()


async def _end_all() -> None:
    """Cancel the loop's tasks and wait for them."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    await asyncio.get_running_loop().shutdown_asyncgens()


class LoopThreads:
    """Loop threads that are free. One that a tool blocks is not given out again until it answers."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child: the threads are its parent's."""
        self._free: list[LoopThread] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def lent(self) -> Iterator[LoopThread]:
        """A loop thread that nobody else uses meanwhile."""
        thread = self.take()
        try:
            yield thread
        finally:
            self.give_back(thread)

    def take(self) -> LoopThread:
        """A loop thread that nobody else uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return LoopThread()

    def give_back(self, thread: LoopThread) -> None:
        """Offer it again as soon as its loop answers, which a blocked one does not."""
        thread.loop.call_soon_threadsafe(self._offer, thread)

    def _offer(self, thread: LoopThread) -> None:
        with self._lock:
            self._free.append(thread)


class OwnLoops:
    """A loop thread for each owner, such as a tool; it ends when its owner is forgotten."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked child: the threads are its parent's."""
        self._threads: weakref.WeakKeyDictionary[Any, LoopThread] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, owner: object) -> LoopThread:
        """The owner's loop thread, made when it is first asked for."""
        with self._lock:
            thread = self._threads.get(owner)
            return self._new(owner) if thread is None else thread

    def replace(self, owner: object, blocked: LoopThread) -> LoopThread:
        """Another loop thread for the owner in place of one that is blocked, which ends when it answers."""
        with self._lock:
            if (current := self._threads.get(owner)) is not None and current is not blocked:
                return current
            blocked.retire()
            return self._new(owner)

    def _new(self, owner: object) -> LoopThread:
        thread = self._threads[owner] = LoopThread()
        weakref.finalize(owner, thread.retire).atexit = False
        return thread


LOOPS = LoopThreads()
"""The process's loop threads for callers."""

OWN_LOOPS = OwnLoops()
"""The process's loop threads for async tools with `isolation="thread"`."""

if hasattr(os, "register_at_fork"):  # only where a process can fork
    os.register_at_fork(after_in_child=LOOPS.forget)
    os.register_at_fork(after_in_child=OWN_LOOPS.forget)
