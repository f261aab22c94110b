"""Worker processes: what travels to them and back, how they are shared, and what is said when it does not work."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from shotclock import tool
from shotclock.policies.deadline import Deadline
from shotclock.policies.errors import InvalidTool
from shotclock.policies.limits import ProcessLimits
from shotclock.tools import isolation
from shotclock.tools.flight import Flight
from shotclock.tools.isolation import abandon, start
from shotclock.tools.processes import PROCESSES, ProcessPool, refuse_unguarded
from shotclock.tools.scope import ENCLOSING, Enclosing

from ..workers import pids, until

MODULE = '''
import asyncio, contextvars, dataclasses, os, sys, time
from shotclock import ToolError, remaining, tool
from shotclock.tools.call import Passage

@dataclasses.dataclass
class Point:
    x: int

@tool(isolation="process")
def pid() -> int:
    """The worker's number."""
    return os.getpid()

@tool(isolation="process")
async def loop() -> int:
    """The loop an async function runs in."""
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop())

@tool(isolation="process")
def left() -> float:
    """What is left."""
    return remaining()

@tool(isolation="process")
def sleeps(seconds: float) -> int:
    """Sleeps."""
    time.sleep(seconds)
    return os.getpid()

@tool(isolation="process")
def moved(x: int) -> Point:
    """A value of a class of this module."""
    return Point(x + 1)

@tool(isolation="process")
def cites() -> Passage:
    """A passage."""
    return Passage(text="Apples are red.", origin="book")

@tool(isolation="process")
def refuses() -> str:
    """Says why not."""
    raise ToolError("ask for a city")

@tool(isolation="process")
def raises() -> str:
    """Raises what cannot be pickled."""
    class Odd(Exception):
        pass
    raise Odd("odd")

@tool(isolation="process")
def exits() -> str:
    """Asks the interpreter to end."""
    raise SystemExit(3)

@tool(isolation="process")
async def exits_in_a_loop() -> str:
    """Asks the interpreter to end, while a loop runs."""
    await asyncio.sleep(0)
    raise SystemExit(4)

@tool(isolation="process")
def generates() -> object:
    """Returns what cannot be sent."""
    return (n for n in range(3))

class Shop:
    def __init__(self, name):
        self.name = name

    @tool(isolation="process")
    def find(self, what: str) -> str:
        """Find something."""
        return f"{what} at {self.name}, {os.getpid()}"

    def sell(self, what: str) -> str:
        """Sell something."""
        return f"{what} sold by {self.name}"

class Bomb:
    def __reduce__(self):
        return sys.exit, ("boom",)

@tool(isolation="process")
def bomb() -> object:
    """Returns what does harm when it is read."""
    return Bomb()

@tool(isolation="process")
def broken_import() -> str:
    """Imports what is not there."""
    import shotclock_nowhere
    return ""
'''


@pytest.fixture(scope="module")
def there(importable):
    """A module of tools that a worker process can import."""
    return importable("shotclock_there", MODULE)


@pytest.fixture
def pool(monkeypatch):
    """A pool of this test's own, as the program's is."""
    made = ProcessPool()
    monkeypatch.setattr(isolation, "PROCESSES", made)
    yield made
    made.close()


async def landed(made, limits=None, /, **arguments):
    """How one attempt lands."""
    return await asyncio.wait_for(start(Flight(made, arguments, 1000, process=limits or ProcessLimits())), 20)


async def value(made, **arguments):
    """What one attempt returns."""
    outcome = (await landed(made, **arguments)).outcome
    assert outcome.name == "ok", outcome
    return outcome.value


async def test_values_travel_there_and_back(there):
    """Arguments and results of an importable class arrive as they were, results are rendered here, and methods work."""
    assert await value(there.moved, x=1) == there.Point(2)
    cited = await landed(there.cites)
    assert cited.content.passages[0].source == "book"
    assert (await value(there.Shop("Mill Lane").find, what="pears")).startswith("pears at Mill Lane, ")
    sell = tool(isolation="process")(there.Shop("Mill Lane").sell)
    assert await value(sell, what="pears") == "pears sold by Mill Lane"


async def test_the_worker_that_worked_last_works_next(there, pool):
    """Of two free workers the one that worked last serves the next call, in the same loop, and it is not this one."""
    both = await asyncio.gather(value(there.sleeps, seconds=0.5), value(there.sleeps, seconds=0.0))
    assert until(lambda: len(pool._free) >= 2)
    assert os.getpid() not in both
    first = await value(there.pid)
    assert [await value(there.pid) for _ in range(3)] == [first] * 3
    assert await value(there.loop) == await value(there.loop)


async def test_what_is_left_is_known_in_a_worker(there):
    """`remaining()` in a worker is what the run has left, and infinite outside a run."""
    assert await value(there.left) == math.inf
    token = ENCLOSING.set(Enclosing(Deadline.after(asyncio.get_running_loop().time(), 30.0)))
    try:
        assert 20.0 < await value(there.left) <= 30.0
    finally:
        ENCLOSING.reset(token)


@pytest.mark.parametrize(
    ("name", "error", "message", "retryable"),
    [
        ("refuses", "ToolError", "ask for a city", False),
        ("raises", "Odd", "Odd: odd", True),
        ("exits", "SystemExit", "SystemExit: 3", True),
        ("exits_in_a_loop", "SystemExit", "SystemExit: 4", True),
        ("generates", "NotPicklable", "the result of generates, of type generator, cannot be sent", False),
        ("bomb", "NotPicklable", "the result of bomb cannot be read: SystemExit: boom", False),
        ("broken_import", "ModuleNotFoundError", "No module named 'shotclock_nowhere'", True),
    ],
)
async def test_what_fails_in_a_worker_fails_as_it_would_here(name, error, message, retryable, there):
    """What a tool raises comes back by its name and message, what cannot travel is said, and the worker lives on."""
    before = await value(there.pid)
    outcome = (await landed(getattr(there, name))).outcome
    assert (outcome.name, outcome.error_type, outcome.retryable) == ("error", error, retryable)
    assert message in outcome.message
    assert await value(there.pid) == before


async def test_arguments_that_cannot_be_sent_are_named(there):
    """An argument that cannot be pickled costs the call, which says so and is not worth repeating."""
    outcome = (await landed(there.moved, x=threading.Lock())).outcome
    assert (outcome.error_type, outcome.retryable) == ("NotPicklable", False)
    assert "the call of moved cannot be sent to a worker process" in outcome.message


async def test_a_module_that_a_worker_cannot_import_is_named(there, monkeypatch):
    """A tool whose module other processes do not find is a failure that names the module."""
    ghost = type(sys)("shotclock_ghost")
    exec(
        "from shotclock import tool\n@tool(isolation='process')\ndef ghost() -> str:\n    'x'\n    return ''",
        ghost.__dict__,
    )
    monkeypatch.setitem(sys.modules, "shotclock_ghost", ghost)
    outcome = (await landed(ghost.ghost)).outcome
    assert (outcome.error_type, outcome.retryable) == ("NotImportable", False)
    assert "No module named 'shotclock_ghost'" in outcome.message


class Local:
    """Can be called, and is at the top of its module."""

    def __call__(self, text: str) -> str:
        """Echo."""
        return text


def top(text: str, end: str = "") -> str:
    """Echo."""
    return text + end


def test_what_another_process_cannot_find_is_refused_where_it_is_made():
    """Lambdas and what is made inside a function are refused in one sentence; what has a name of its own is not."""

    def inner(text: str) -> str:
        """Echo."""
        return text

    class Inner(Local):
        """Echo."""

    for function, why in ((inner, "<locals>.inner is made inside"), (Inner(), "<locals>.Inner is made inside")):
        with pytest.raises(InvalidTool, match=f"isolation='process' needs .* and .*{why}.*; define it at the top"):
            tool("inner", isolation="process")(function)
    nameless = lambda: ""  # noqa: E731  # a lambda with a docstring is what is refused
    nameless.__doc__ = "Nothing."
    with pytest.raises(InvalidTool, match="it is a lambda"):
        tool("text", isolation="process")(nameless)
    with pytest.raises(InvalidTool, match="inner is made inside"):
        tool("text", isolation="process")(functools.partial(inner))
    with pytest.raises(InvalidTool, match="'auto', 'loop', 'thread' or 'process', got 'rocket'"):
        tool("text", isolation="rocket")(top)
    assert tool("local", isolation="process")(Local()).isolation == "process"
    assert tool(isolation="process")(top).isolation == "process"


async def test_warming_is_done_in_the_background_and_ahead(there, pool):
    """`warm` returns at once and later a worker is ready, which serves the first call; other tools warm nothing."""
    pool.warm(tool(top))
    assert pids(pool) == []
    began = time.monotonic()
    pool.warm(there.pid)
    assert time.monotonic() - began < 0.1
    assert until(lambda: len(pool._free) == 1)
    (ready,) = pids(pool)
    pool.warm(there.loop)
    assert until(lambda: len(pool._free) == 1)
    assert await value(there.pid) == ready


async def test_calls_beyond_the_limit_wait_unclaimed_until_a_worker_is_free(there, pool):
    """At most `workers` run; a call that waits and is given up never begins, and one that keeps waiting is served."""
    limits = ProcessLimits(workers=1)
    first = Flight(there.sleeps, {"seconds": 0.3}, 1000, process=limits)
    ended = []
    waits = Flight(there.sleeps, {"seconds": 0.0}, 1000, process=limits, on_end=lambda: ended.append(1))
    served = Flight(there.pid, {}, 1000, process=limits)
    running, waiting, last = start(first), start(waits), start(served)
    await asyncio.wait((last,), timeout=0.1)
    assert waits.claim(), "it was not begun, so it cost no attempt"
    abandon(waiting)
    assert ended == [1]
    assert (await last).outcome.value == (await running).outcome.value
    assert len(pids(pool)) == 1


async def test_giving_up_kills_at_once_and_tells_when_it_is_done(there, pool):
    """Giving up a call returns at once, its end is told once when its worker is gone, and another takes its place."""
    told = threading.Event()
    flight = Flight(there.sleeps, {"seconds": 60.0}, 1000, on_end=told.set)
    assert await value(there.pid)
    (pid,) = pids(pool)
    future = start(flight)
    assert await asyncio.to_thread(until, lambda: flight._owner)
    began = time.monotonic()
    abandon(future)
    assert time.monotonic() - began < 0.05
    assert told.wait(1.0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert until(lambda: len(pool._free) == 1)
    assert pids(pool) != [pid]


async def test_a_worker_that_dies_while_it_idles_costs_no_call(there, pool):
    """When something kills an idle worker, the next call is served by another."""
    first = await value(there.pid)
    os.kill(first, signal.SIGKILL)
    assert await value(there.pid) != first


async def test_a_worker_without_work_ends(there, monkeypatch):
    """A worker that has idled for long is ended, and a later call gets another."""
    pool = ProcessPool(idle=0.05)
    monkeypatch.setattr(isolation, "PROCESSES", pool)
    first = await value(there.pid)
    assert until(lambda: pids(pool) == [])
    assert await value(there.pid) != first
    pool.close()


async def test_a_worker_that_cannot_start_is_said(there, pool, monkeypatch):
    """Where no process can be started, each call fails and says so, and nothing hangs."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    outcome = (await landed(there.pid)).outcome
    assert outcome.error_type == "WorkerDied"
    assert "pid was not run: no worker process could be started" in outcome.message
    monkeypatch.setattr(sys, "executable", "/bin/false")
    outcome = (await landed(there.pid)).outcome
    assert "a worker process did not begin: it ended itself with exit code 1" in outcome.message


SCRIPT = """
import sys
from shotclock import Agent, Budget, tool
from shotclock.testing import ScriptedModel, ask

@tool(isolation="process")
def loaded() -> str:
    "Which of these were imported."
    return ", ".join(name for name in ("shotclock.agent.agent", "langgraph", "langchain_core") if name in sys.modules)

agent = Agent(ScriptedModel([ask(("loaded", {})), "Done."]), [loaded])

if __name__ == "__main__":
    print(agent.run_sync("Which?", budget=Budget(latency=20)).evidence[0].value)
    print(type(agent.graph).__name__)
"""


def test_a_worker_that_imports_a_script_with_an_agent_does_not_import_what_runs_it(tmp_path):
    """The graph, which takes longest to import, is compiled where an agent is made, but not in a worker process."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.splitlines() == ["shotclock.agent.agent", "CompiledStateGraph"]


def test_only_a_script_that_is_being_imported_is_refused():
    """Agents start freely in any process but one that is only importing the script."""
    refuse_unguarded()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_a_forked_child_leaves_the_workers_to_its_parent(there):
    """A fork of this program holds none of its workers, and its end does not end them."""
    first = await value(there.pid)
    child = os.fork()
    if child == 0:
        left = len(pids(PROCESSES))
        PROCESSES.close()
        os._exit(left)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert await value(there.pid) == first
    assert first in pids(PROCESSES)
