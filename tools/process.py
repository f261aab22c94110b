"""One worker process, seen from the program that started it, and one call for it.

To a worker travel frames of `(kind, message)`: `set up` (where modules are found), `preload` (what to import ahead) and
`call`; each has one reply. While a call runs, its worker may ask for what the run's ledger has, and is answered. A
third pipe, on which nothing is ever written, tells the worker when this process is gone.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import FileIO
from typing import Any

from ..policies.limits import ProcessLimits
from ..policies.outcome import Failed
from .reference import script
from .remote_ledger import LedgerDesk
from .worker import ASKS, read, write

START_SECONDS = 30.0
"""How long a worker may take to begin, and to import ahead what its tools need, before it is killed."""

# Modules are found only once it is known where, which is all that travels before the worker says that it is ready.
_BOOT = (
    "import pickle, sys; sys.path[:] = pickle.load(open({jobs}, 'rb', closefd=False)); "
    "from {package}.worker import serve; serve({jobs}, {replies}, {lifeline})"
)


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """One call for a worker.

    Attributes:
        name: the tool's name, for messages.
        function: what is called; found in the worker by its name.
        arguments: what it is called with.
        limits: what it may take.
        until: instant of the monotonic clock by which it should end; `math.inf` is never.
        trace: the span it is called under, as headers; empty where there is none.
        desk: answers what the worker asks of the run's ledger meanwhile.
        begin: asked just before; where it says no, nothing is begun.
        done: told once, in a thread, what came back: a pickled value or a failure.
        ended: told once, in a thread, when the call's code no longer runs, however that came about.
    """

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    limits: ProcessLimits
    until: float
    trace: Mapping[str, str]
    desk: LedgerDesk
    begin: Callable[[], bool]
    done: Callable[[memoryview | Failed], None]
    ended: Callable[[], None]
    over: bool = False
    worker: Worker | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin_on(self, worker: Worker) -> bool:
        """Whether the call is begun on `worker`, which is killed from now on when the call is given up."""
        with self.lock:
            if self.over or not self.begin():
                return False
            self.worker = worker
            return True

    def leave(self) -> None:
        """The worker is through with it, or dead."""
        with self.lock:
            self.over = True
            self.worker = None

    def give_up(self) -> bool:
        """Kill the worker that serves it; whether there was none, as it has not begun."""
        with self.lock:
            idle = not self.over and self.worker is None
            self.over = True
            if self.worker is not None:
                self.worker.kill()
            return idle


class Worker:
    """One worker process, in a session of its own: no Ctrl-C of the terminal reaches it, and it is killed with all
    that its tools started.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self) -> None:
        self.loaded: set[str] = set()
        self._path: list[str] = []
        self._lock = threading.Lock()
        self._dead = False
        jobs_there, jobs_here = os.pipe()
        replies_here, replies_there = os.pipe()
        life_there, life_here = os.pipe()
        self._jobs, self._replies = FileIO(jobs_here, "wb"), FileIO(replies_here, "rb")
        self._life = FileIO(life_here, "wb")
        theirs = (jobs_there, replies_there, life_there)
        code = _BOOT.format(jobs=jobs_there, replies=replies_there, lifeline=life_there, package=__package__)
        try:
            self._process = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", code],  # type: ignore[attr-defined]
                stdin=subprocess.DEVNULL, pass_fds=theirs, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            self._close()
            raise
        finally:
            for pipe in theirs:
                os.close(pipe)

    def start(self) -> bool:
        """Tell it where modules are found and wait until it is ready; whether it is."""
        self._path = _path()
        try:
            left = memoryview(pickle.dumps(self._path))
            while left:
                left = left[self._jobs.write(left) :]
        except OSError:
            return False
        if self._reply(START_SECONDS) is None:
            return False
        message = {"path": self._path, "argv": list(sys.argv), "main": script()}
        return self.ask("set up", message, START_SECONDS) is not None

    def alive(self) -> bool:
        """Whether it has not ended."""
        with self._lock:
            self._dead = self._dead or self._process.poll() is not None
            return not self._dead

    def ask(self, kind: str, message: object, seconds: float | None = None) -> bytearray | None:
        """Send one frame and wait for the reply; `None` where it died, or did not reply within `seconds`."""
        return self._exchange(pickle.dumps((kind, message)), seconds)

    def _exchange(self, frame: bytes, seconds: float | None = None) -> bytearray | None:
        try:
            write(self._jobs, frame)
            return self._reply(seconds)
        except (OSError, OverflowError, MemoryError):  # a length that is none: a tool wrote into our pipe
            return None

    def call(self, job: Job, payload: bytes) -> bytearray | None:
        """Run one call there; `None` where the worker died."""
        path = _path()
        if path != self._path:
            self._path = path
            self.ask("set up", {"path": path})
        left = max(0.0, job.until - time.monotonic())
        message = {
            "name": job.name,
            "call": payload,
            "remaining": None if math.isinf(left) else left,
            "trace": dict(job.trace),
            "memory": job.limits.memory,
            "output": job.limits.output,
            **job.desk.message,
        }
        reply = self.ask("call", message)
        while reply and reply[:1] == ASKS:
            try:
                answer = job.desk.answer(bytes(reply[1:]))
            except Exception:  # no question: a tool wrote into our pipe
                return None
            reply = self._exchange(answer)
        return reply

    def kill(self) -> None:
        """Kill it and what its tools started, at once; nobody waits. Any thread may."""
        with self._lock:
            if not self._dead:  # otherwise its number may be another process's by now
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> str:
        """Kill it, wait until it is gone, and say how it ended: by itself, where it had ended before."""
        self.kill()
        delay = 0.0005
        while self.alive():
            time.sleep(delay)
            delay = min(2 * delay, 0.02)
        self._close()
        return _manner(self._process.returncode)

    def abandon(self) -> None:
        """Let go of it in a forked child, where it is the parent's."""
        self._dead = True
        self._process.returncode = 0
        self._close()

    def _reply(self, seconds: float | None) -> bytearray | None:
        if seconds is not None:
            waiting = select.poll()
            waiting.register(self._replies, select.POLLIN)
            if not waiting.poll(seconds * 1000):
                return None
        return read(self._replies)

    def _close(self) -> None:
        for pipe in (self._jobs, self._replies, self._life):
            pipe.close()


def _path() -> list[str]:
    """Where this process finds modules, told so that another one finds them there too."""
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = ""
    return [entry or here for entry in sys.path]


def _manner(code: int) -> str:
    if code >= 0:
        return f"ended itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "an unknown signal"
    hint = ", as the system does when memory runs out," if -code == signal.SIGKILL else ""
    return f"was killed by {name} (signal {-code}){hint}"
