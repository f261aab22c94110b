"""Worker processes for tools that must be killed for real: warmed ahead, reused, bounded, and gone with the program.

Each worker has a daemon thread here that speaks with it, so that nothing waits in anybody's loop.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pickle
import threading
import time
from collections import deque

from ..policies.errors import UsageError
from ..policies.limits import ProcessLimits
from ..policies.outcome import Failed
from .process import START_SECONDS, Job, Worker
from .reference import MAIN, UNGUARDED, dump, home
from .tool import Tool
from .worker import FAILED, LEAVING, VALUE

IDLE_SECONDS = 60.0
"""How long a worker with nothing to do stays."""

# Every call's deadline needs the first, and what a tool raises the second.
_ALWAYS = (f"{__package__}.remote_ledger", f"{__package__}.landing", "opentelemetry.trace.propagation.tracecontext")


class ProcessPool:
    """Worker processes, warmed ahead and replaced when killed; a call waits until one is free.

    Decisions are made under the lock; what takes time is done by each worker's own thread.
    """

    def __init__(self, idle: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._modules: set[str] = set(_ALWAYS)
        self._workers: set[Worker] = set()
        self._limit = ProcessLimits().workers
        self._count = 0
        self._free: list[Worker] = []
        self._coming = 0
        self._closed = False
        self._names = itertools.count(1)

    def warm(self, tool: Tool, limits: ProcessLimits | None = None) -> None:
        """Have a worker ready that has imported the tool's module; at once and in the background.

        Nothing happens for tools that run elsewhere, nor while a worker imports the program's script.
        """
        if tool.isolation != "process" or MAIN.importing:
            return
        with self._changed:
            self._limit = (limits or ProcessLimits()).workers
            self._modules.update(_modules(tool))
            self._changed.notify_all()
            self._grow()

    def submit(self, job: Job) -> None:
        """Have a call run as soon as a worker is free; from any thread, and without waiting."""
        if MAIN.refuse():
            _finish(job, Failed("UnguardedMain", UNGUARDED, retryable=False))
            return
        with self._changed:
            self._limit = job.limits.workers
            self._waiting.append(job)
            self._changed.notify_all()
            self._grow()

    def give_up(self, job: Job) -> None:
        """Let go of a call: what has begun is killed, what waits is forgotten. Nothing is waited for."""
        if job.give_up():
            with self._changed, contextlib.suppress(ValueError):
                self._waiting.remove(job)
            job.ended()

    def close(self) -> None:
        """Kill every worker, as the program ends."""
        with self._changed:
            self._closed = True
            workers = list(self._workers)
        for worker in workers:
            worker.kill()

    def forget(self) -> None:
        """Begin anew in a forked child: the workers are its parent's."""
        for worker in self._workers:
            worker.abandon()
        self._reset()

    def _grow(self) -> None:
        """Start one more worker where nobody is free for what waits, or for what may come. The lock is held."""
        enough = len(self._free) + self._coming >= max(1, len(self._waiting))
        if enough or self._closed or self._count >= self._limit:
            return
        self._count += 1
        self._coming += 1
        thread = threading.Thread(target=self._work, name=f"shotclock-process-{next(self._names)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down, or the system has no more threads
            self._count -= 1
            self._coming -= 1

    def _work(self) -> None:
        """The life of one worker."""
        worker, problem = self._started()
        with self._changed:
            self._coming -= 1
        idled = False
        if worker is None:
            self._fail_one(problem)
        else:
            idled = self._employ(worker)
            worker.end()
        with self._changed:
            self._count -= 1
            if worker is not None:
                self._workers.discard(worker)
            # One that was killed has a successor at once, so that the next call need not wait for it to begin.
            if self._waiting or (worker is not None and not idled):
                self._grow()

    def _employ(self, worker: Worker) -> bool:
        """Give it work until it dies, or, which is what is returned, until there has been none for long."""
        while (task := self._next(worker)) is not None:
            if isinstance(task, Job) and not worker.alive():
                with self._changed:  # it ended while it idled, which is no fault of the call's
                    self._waiting.appendleft(task)
                return False
            if not self._do(worker, task):
                return False
        return True

    def _started(self) -> tuple[Worker | None, str]:
        try:
            worker = Worker()
        except OSError as error:
            return None, f"no worker process could be started: {error}"
        with self._changed:
            self._workers.add(worker)
            closed = self._closed
        if closed:
            worker.kill()
        if worker.start():
            return worker, ""
        with self._changed:
            self._workers.discard(worker)
        worker.kill()
        return None, f"a worker process did not begin: it {worker.end()}"

    def _fail_one(self, problem: str) -> None:
        """Whoever waits longest is told that no worker can be had; nobody is to wait for what will not come."""
        with self._changed:
            job = self._waiting.popleft() if self._waiting else None
        if job is None:
            return
        if job.begin():
            _finish(job, Failed("WorkerDied", f"{job.name} was not run: {problem}"))
        else:
            job.ended()

    def _next(self, worker: Worker) -> Job | tuple[str, ...] | None:
        """What the worker is to do next: a call, an import; or `None` after idling for so long that it is to end."""
        until = time.monotonic() + self._idle_seconds
        with self._changed:
            self._free.append(worker)
            try:
                while not self._closed:
                    # Whoever worked last works next: what it holds is warm, and those too many idle until they end.
                    if worker in self._free[-len(self._waiting) :] and self._waiting:
                        return self._waiting.popleft()
                    if missing := self._modules - worker.loaded:
                        worker.loaded |= missing
                        return tuple(sorted(missing, key=lambda name: name in _ALWAYS))
                    left = until - time.monotonic()
                    if left <= 0:
                        return None
                    self._changed.wait(left)
                return None
            finally:
                self._free.remove(worker)

    def _do(self, worker: Worker, task: Job | tuple[str, ...]) -> bool:
        """Whether the worker can go on."""
        if isinstance(task, Job):
            return self._serve(worker, task)
        with self._changed:
            self._coming += 1
        try:
            alive = worker.ask("preload", task, START_SECONDS) is not None
        finally:
            with self._changed:
                self._coming -= 1
        if not alive:  # a call of the tool will say why
            with self._changed:
                self._modules.difference_update(set(task) - set(_ALWAYS))
            worker.kill()
        return alive

    def _serve(self, worker: Worker, job: Job) -> bool:
        """Whether the worker can go on after the call."""
        if not job.begin_on(worker):
            job.ended()
            return True
        try:
            payload = dump(job.function, job.arguments)
        except BaseException as error:  # pickling runs the arguments' own code
            message = f"the call of {job.name} cannot be sent to a worker process: {type(error).__name__}: {error}"
            return _finish(job, Failed("NotPicklable", f"{message[:450]}; pass plain data", retryable=False))
        reply = worker.call(job, payload)
        kind, data = bytes(reply[:1]) if reply else b"", memoryview(reply or b"")[1:]
        if kind == VALUE:
            return _finish(job, data)
        if kind in (FAILED, LEAVING):
            _finish(job, pickle.loads(data))
            return kind == FAILED
        # It is dead, or its tool wrote into our pipe; either way it is of no more use.
        manner = worker.end()
        return not _finish(job, Failed("WorkerDied", f"the worker process of {job.name} {manner} before it returned"))


def _finish(job: Job, outcome: memoryview | Failed) -> bool:
    """Say how a call went; the worker can go on, which is what is returned."""
    job.leave()
    job.ended()
    job.done(outcome)
    return True


def _modules(tool: Tool) -> set[str]:
    return {home(tool.function)} | ({"asyncio"} if tool.is_async else set())


def refuse_unguarded() -> None:
    """Stop a script that starts an agent while a worker process only imports it.

    Raises:
        UsageError: that is what is going on.
    """
    if MAIN.refuse():
        raise UsageError(UNGUARDED)


PROCESSES = ProcessPool()
"""The program's worker processes."""

atexit.register(PROCESSES.close)
if hasattr(os, "register_at_fork"):  # only where a process can fork
    os.register_at_fork(after_in_child=PROCESSES.forget)


def warm(tool: Tool, limits: ProcessLimits | None = None) -> None:
    """Have a worker process ready for a tool with `isolation="process"`; at once and in the background."""
    PROCESSES.warm(tool, limits)
