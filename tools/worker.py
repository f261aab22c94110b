"""Inside a worker process: reads jobs from a pipe, runs them one after the other, and writes back what they gave.

Little is imported here, since what is imported here is waited for before the first call. See `process` for the other
end and for the order in which things travel.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from io import FileIO
from typing import Any

from ..policies.outcome import Failed
from . import reference

READY, VALUE, FAILED, LEAVING, ASKS = b"R", b"V", b"F", b"L", b"A"
"""What a reply begins with: done with what was asked, a pickled value, a pickled failure, one before it ends, and what
is no reply yet but a question to the run's ledger."""

Ask = Callable[[bytes], bytes]
"""Puts a question to the parent while a call runs, and gives its answer."""


def serve(incoming: int, outgoing: int, lifeline: int) -> None:
    """Do what the parent asks until it closes the pipe; die at once when the parent is gone."""
    _die_with_parent(lifeline)
    for pipe in (incoming, outgoing, lifeline):
        os.set_inheritable(pipe, False)  # what a tool starts must not hold our pipes open
    # Unbuffered on both ends, as a buffer has a lock, which a program that forks would inherit locked.
    jobs, replies = FileIO(incoming, "rb"), FileIO(outgoing, "wb")

    def ask(question: bytes) -> bytes:
        write(replies, ASKS + question)
        answer = read(jobs)
        if answer is None:  # the parent is gone, and this process is about to be
            raise EOFError("the program that started this worker process has ended")
        return bytes(answer)

    handlers: dict[str, Callable[[Any], bytes]] = {
        "set up": _set_up,
        "preload": _preload,
        "call": functools.partial(_call, ask),
    }
    write(replies, READY)
    while (frame := read(jobs)) is not None:
        kind, message = pickle.loads(frame)
        reply = handlers[kind](message)
        write(replies, reply)
        if reply[:1] == LEAVING:
            return


def write(pipe: FileIO, frame: bytes) -> None:
    """Write one frame: its length in eight bytes, and itself.

    Raises:
        OSError: the other end is gone.
    """
    left = memoryview(len(frame).to_bytes(8, "big") + frame)
    while left:
        left = left[pipe.write(left) :]


def read(pipe: FileIO) -> bytearray | None:
    """Read one frame, or `None` where the other end is gone."""
    head = _fill(pipe, 8)
    return None if head is None else _fill(pipe, int.from_bytes(head, "big"))


def _fill(pipe: FileIO, size: int) -> bytearray | None:
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = pipe.readinto(left)
        if not count:
            return None
        left = left[count:]
    return data


def _die_with_parent(lifeline: int) -> None:
    """Nothing is ever written to that pipe; when its other end closes, the parent is gone."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        # The kernel itself kills the group then, even while a tool holds the interpreter's lock. Linux only.
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_watch, args=(lifeline,), name="shotclock-lifeline", daemon=True).start()


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _set_up(message: Mapping[str, Any]) -> bytes:
    """Take over where the parent finds modules and which script it runs."""
    sys.path[:] = message["path"]
    importlib.invalidate_caches()
    if "main" in message:
        sys.argv = message["argv"]
        reference.MAIN.tell(message["main"])
    return READY


def _preload(modules: tuple[str, ...]) -> bytes:
    """Import ahead what calls will need; what cannot be imported is said when it is called."""
    for module in modules:
        with contextlib.suppress(BaseException):  # such as the SystemExit of a script without a guard
            if module == "__main__":
                reference.MAIN.ensure()
            else:
                importlib.import_module(module)
    return READY


def _call(ask: Ask, job: Mapping[str, Any]) -> bytes:
    """Run one call; whatever it does is a reply."""
    name = job["name"]
    try:
        with _capped(job["memory"]):
            return _attempt(name, job, ask)
    except MemoryError:
        # Raised outside the cap; what the tool holds goes with this process.
        cap = job["memory"]
        message = f"{name} ran out of memory" + ("" if cap is None else f": its worker process may have {cap:,} bytes")
        advice = f"{message}; ask it for less, or raise limits.process_memory"
        return _failure(Failed("MemoryError", advice, retryable=False), LEAVING)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # a tool may have closed it
                stream.flush()


def _attempt(name: str, job: Mapping[str, Any], ask: Ask) -> bytes:
    try:
        function, arguments = reference.load(job["call"])
    except MemoryError:
        raise
    except BaseException as error:  # importing a tool's module runs its author's code
        message = f"{name} cannot be loaded in a worker process: {type(error).__name__}: {error}"
        return _failure(Failed("NotImportable", message[:500], retryable=False))
    try:
        value = _run(function, arguments, job, ask)
    except MemoryError:
        raise
    except BaseException as error:  # a tool may raise anything, SystemExit included, and it costs one call only
        from .landing import failure

        return _failure(failure(error))
    return _value(name, value, job["output"])


def _run(function: Callable[..., Any], arguments: dict[str, Any], job: Mapping[str, Any], ask: Ask) -> Any:
    from ..policies.deadline import Deadline
    from .remote_ledger import RemoteLedger
    from .scope import ENCLOSING, Enclosing, carried_here

    ledger, brought = RemoteLedger(ask), dict[str, str]()
    until = Deadline.after(time.monotonic(), job["remaining"])
    report = None
    if job["report"]:
        from .progress import rated

        report = rated(ledger.report)
    token = ENCLOSING.set(Enclosing(until, ledger if job["ledger"] else None, job["origins"], brought, report))
    try:
        # Spans that the tool makes here, where it has set up who records them, belong to its attempt.
        with carried_here(job["trace"]):
            value = function(**arguments)
            return _await(value) if hasattr(type(value), "__await__") else value
    finally:
        ENCLOSING.reset(token)
        ledger.close(brought)


_runner: list[Any] = []


def _await(value: Awaitable[Any]) -> Any:
    """Await in one loop for all calls, so that what a tool keeps open between calls stays usable."""
    import asyncio
    import contextvars

    async def await_() -> Any:
        return await value

    if not _runner:
        _runner.append(asyncio.Runner())
    return _runner[0].run(await_(), context=contextvars.copy_context())


def _value(name: str, value: Any, limit: int) -> bytes:
    output = _Output(limit)
    try:
        pickle.Pickler(output, pickle.HIGHEST_PROTOCOL).dump(value)
    except MemoryError:
        raise
    except BaseException as error:  # pickling runs the value's own code
        message = (
            f"the result of {name}, of type {type(value).__name__}, cannot be sent from its worker process: "
            f"{type(error).__name__}: {error}"
        )
        return _failure(Failed("NotPicklable", f"{message[:450]}; return plain data", retryable=False))
    if output.size > limit:
        message = (
            f"the result of {name} takes {output.size:,} bytes and limits.process_output allows {limit:,}; "
            "return less, such as one page or a summary"
        )
        return _failure(Failed("OutputTooLarge", message, retryable=False))
    return VALUE + b"".join(output.parts)


class _Output:
    """Counts what a pickle takes, and keeps it only as far as it may be sent."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.parts: list[bytes] = []
        self._limit = limit

    def write(self, part: Any) -> int:
        """What a pickler calls."""
        size = len(part) if isinstance(part, bytes) else memoryview(part).nbytes
        self.size += size
        if self.size <= self._limit:
            self.parts.append(bytes(part))
        else:
            self.parts.clear()
        return size


def _failure(failed: Failed, kind: bytes = FAILED) -> bytes:
    return kind + pickle.dumps(failed)


@contextlib.contextmanager
def _capped(memory: int | None) -> Iterator[None]:
    """Limit the address space of this process, where the system can."""
    if memory is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    cap = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
