"""Where tools run, when their code has ended, and what that tells."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import threading
import time

import pytest

from shotclock import remaining, tool
from shotclock.policies.deadline import Deadline
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.limits import Limits, ProcessLimits
from shotclock.testing import VirtualClock
from shotclock.tools import isolation, threads
from shotclock.tools.flight import Flight
from shotclock.tools.isolation import abandon, busy, start
from shotclock.tools.loops import LOOPS
from shotclock.tools.scope import ENCLOSING, Enclosing
from shotclock.tools.threads import ThreadPool
from shotclock.tools.watchdog import WATCHDOG


class Ends:
    """Counts how often an end was told."""

    def __init__(self) -> None:
        self.count = 0
        self.told = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.told.set()
        raise RuntimeError("whoever is told may fail")


def flight(function, isolation="auto", **arguments):
    """An attempt of the function and what counts its ends."""
    made = function if hasattr(function, "isolation") else tool(isolation=isolation)(function)
    ends = Ends()
    return Flight(made, arguments, 1000, on_end=ends), ends


async def turn(condition, seconds=2.0):
    """Let the loop run until the condition holds, for so many real seconds at most."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:  # noqa: ASYNC110  # the condition is another thread's
        await asyncio.sleep(0.002)
    assert condition()


async def where() -> tuple[str, float]:
    """The thread it runs in, and the seconds left."""
    return threading.current_thread().name, remaining()


async def test_an_async_tool_in_a_thread_runs_in_one_loop_of_its_own():
    """`isolation="thread"` gives an async tool one loop for all its calls, and it is nobody else's."""

    async def loop() -> int:
        """The running loop."""
        return id(asyncio.get_running_loop())

    one, other = tool(isolation="thread")(loop), tool("other", isolation="thread")(loop)
    seen = [(await start(flight(made)[0])).outcome.value for made in (one, one, other)]
    assert seen[0] == seen[1]
    assert len({*seen, id(asyncio.get_running_loop())}) == 3


async def test_the_loop_of_a_forgotten_tool_ends():
    """A tool that nobody holds takes its loop thread with it."""

    async def thread() -> int:
        """The thread's identifier."""
        return threading.get_ident()

    gc.freeze()  # what other tests left is not looked through
    attempt, _ = flight(thread, "thread")
    ident = (await start(attempt)).outcome.value
    del attempt
    await asyncio.sleep(0)  # the turn that brought the result still holds it
    gc.collect()
    await turn(lambda: ident not in {t.ident for t in threading.enumerate()})


async def test_a_blocked_loop_stalls_only_its_tool_and_is_replaced_when_given_up():
    """What blocks a tool's loop holds up no other tool; once that call is given up, the next one runs elsewhere."""
    release = threading.Event()

    @tool(isolation="thread")
    async def blocks(wait: bool) -> str:
        """Blocks its loop where asked to."""
        if wait:
            release.wait(10)
        return "done"

    stuck, ends = flight(blocks, wait=True)
    held = start(stuck)
    await turn(lambda: stuck._owner)
    other = await asyncio.wait_for(start(flight(where, "thread")[0]), 1)
    assert other.outcome.name == "ok"
    abandon(held)
    assert ends.count == 0, "its code still runs"
    again = await asyncio.wait_for(start(flight(blocks, wait=False)[0]), 1)
    assert again.outcome.value == "done"
    release.set()
    await turn(ends.told.is_set)
    assert ends.count == 1


@pytest.mark.parametrize("isolation", ["loop", "thread"])
async def test_an_async_tool_that_is_given_up_is_cancelled_and_has_then_ended(isolation):
    """Giving up cancels the tool's code, in whichever loop, and its end is told once, after its clean-up."""
    order = []

    async def waits() -> None:
        """Waits."""
        order.append("begun")
        try:
            await asyncio.sleep(60)
        finally:
            order.append("cleaned up")

    attempt, ends = flight(waits, isolation)
    future = start(attempt)
    await turn(lambda: order)
    abandon(future)
    await turn(ends.told.is_set)
    assert order == ["begun", "cleaned up"]
    assert ends.count == 1


async def test_a_thread_that_is_given_up_has_ended_when_its_function_returns():
    """Nobody waits for an abandoned thread, and its end is told when its function has really returned."""
    release, begun = threading.Event(), threading.Event()

    def blocks() -> None:
        """Blocks."""
        begun.set()
        release.wait(10)

    attempt, ends = flight(blocks)
    future = start(attempt)
    await turn(begun.is_set)
    abandon(future)
    await asyncio.sleep(0)
    assert ends.count == 0
    release.set()
    await turn(ends.told.is_set)
    assert ends.count == 1


@pytest.mark.parametrize("claimed", [True, False])
async def test_what_never_began_has_ended_as_soon_as_it_is_given_up(claimed, monkeypatch):
    """A call that waited for a thread and is given up tells its end at once, whether the run claimed it or not."""
    monkeypatch.setattr(isolation, "POOL", ThreadPool(limit=1))
    release, ran = threading.Event(), []

    def blocks() -> None:
        """Blocks."""
        release.wait(10)

    def runs() -> None:
        """Leaves a trace."""
        ran.append(1)

    first = start(flight(blocks)[0])
    attempt, ends = flight(runs)
    waiting = start(attempt)
    assert not claimed or attempt.claim()
    abandon(waiting)
    assert ends.count == 1
    release.set()
    await first
    assert (await start(flight(blocks)[0])).outcome.name == "ok", "the only thread went on"
    assert (ran, ends.count) == ([], 1)


@pytest.fixture
def stuck():
    """A sync tool that hangs until the test is over, on 64 calls: as many as the program has threads for tools."""
    release = threading.Event()

    @tool
    def hangs() -> str:
        """Hangs."""
        release.wait(20)
        return "late"

    yield hangs, lambda: [start(flight(hangs)[0]) for _ in range(64)]
    release.set()


async def test_a_sync_tool_that_hangs_leaves_threads_to_the_others(stuck):
    """However often a tool that hangs is called, a second one that does too and one that works find a thread."""
    hangs, call = stuck
    also = tool("also", isolation="thread")(hangs.function)
    held = call() + [start(flight(also)[0]) for _ in range(64)]
    quick = await asyncio.wait_for(asyncio.gather(*(start(flight(plain)[0]) for _ in range(100))), 5)
    assert {landed.outcome.value for landed in quick} == {"done"}
    assert [threads.POOL.held(each) for each in (hangs, also)] == [32, 16]
    for future in held:
        abandon(future)


@tool
def plain() -> str:
    """Work."""
    return "done"


@pytest.mark.parametrize("where", ["async", "process"])
async def test_what_was_returned_elsewhere_is_read_while_every_thread_for_tools_is_stuck(where, monkeypatch):
    """Results of async tools and of worker processes are read in threads of their own."""
    monkeypatch.setattr(isolation, "POOL", ThreadPool(limit=1))
    release = threading.Event()

    def blocks() -> None:
        """Blocks."""
        release.wait(20)

    class Odd:
        """No plain value, so it is not looked at in the loop."""

        def __str__(self) -> str:
            return "odd"

    async def odd() -> object:
        """Something odd."""
        return Odd()

    held = start(flight(blocks)[0])
    try:
        attempt = flight(odd)[0] if where == "async" else Flight(importable(), {"s": "odd"}, 1000)
        landed = await asyncio.wait_for(start(attempt), 5)
        assert "odd" in landed.content.text
    finally:
        release.set()
        await held


async def test_a_result_that_hangs_when_it_is_read_leaves_the_others_to_be_read():
    """Of the threads for results, too, one tool leaves some to the others, and what waits for one is read in turn."""
    release = threading.Event()

    class Slow:
        """Hangs when it is read."""

        def __str__(self) -> str:
            release.wait(20)
            return "slow"

    @tool
    async def slow() -> object:
        """Something slow."""
        return Slow()

    @tool
    async def quick() -> object:
        """Something that is no plain value."""
        return {7}

    held = [start(flight(slow)[0]) for _ in range(40)]
    await turn(lambda: threads.LANDING.held(slow) == 8)
    assert "7" in (await asyncio.wait_for(start(flight(quick)[0]), 5)).content.text
    release.set()
    assert {landed.content.text for landed in await asyncio.wait_for(asyncio.gather(*held), 5)} == {'"slow"'}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_threads_and_loops_of_its_own():
    """After a fork of a program that has run tools in threads and loops, its child runs them too."""
    asyncio.run(everywhere())  # the threads and loops that a child would wait for
    thread = LOOPS.take()
    thread.submit(everywhere()).result(5)
    LOOPS.give_back(thread)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends it where it hangs
        try:
            asyncio.run(everywhere())
            LOOPS.take().submit(everywhere()).result(5)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    asyncio.run(everywhere())


@tool(isolation="thread")
async def apart() -> set[int]:
    """Runs in a loop of its own, and gives no plain value."""
    return {7}


async def everywhere() -> None:
    """A sync tool and an async one in a thread, both with watched loops."""
    watch = WATCHDOG.add(asyncio.get_running_loop())
    try:
        landed = await asyncio.wait_for(asyncio.gather(*(start(flight(each)[0]) for each in (plain, apart))), 4)
        assert [each.outcome.value for each in landed] == ["done", {7}]
    finally:
        WATCHDOG.remove(watch)


@pytest.mark.parametrize("isolation", ["auto", "thread", "process"])
async def test_an_end_is_told_once_for_what_lands(isolation):
    """A call that returns or raises has ended once its result is there."""
    import math as module  # a function that a worker process can import

    def root(x: float) -> float:
        """A root."""
        return module.sqrt(x)

    attempt, ends = (
        flight(root, isolation, x=4.0) if isolation != "process" else (Flight(importable(), {"s": "abc"}, 1000), Ends())
    )
    attempt.on_end = ends
    landed = await start(attempt)
    assert landed.outcome.value in (2.0, ["abc"])
    await turn(ends.told.is_set)
    assert ends.count == 1


def importable():
    """A tool made of a function of the standard library, which any process can import."""
    import shlex

    def split(s: str) -> list[str]:
        """Split a line as a shell does."""
        return shlex.split(s)

    split.__module__, split.__qualname__ = "shlex", "split"
    made = tool("split", isolation="process")(split)
    made.function = shlex.split
    return made


@pytest.mark.parametrize("isolation", ["loop", "thread"])
def test_what_is_left_is_known_wherever_an_async_tool_runs(isolation):
    """`remaining()` counts from the caller's clock, also on another thread and where that clock is virtual."""
    clock = VirtualClock(start=1_000.0)

    async def call() -> float:
        ENCLOSING.set(Enclosing(Deadline.after(1_000.0, 30.0)))
        return (await start(flight(where, isolation)[0])).outcome.value[1]

    assert math.isclose(clock.run(call()), 30.0, abs_tol=1.0)


@pytest.mark.parametrize("kind", ["thread", "loop thread", "process"])
def test_virtual_time_stands_still_while_work_goes_on_elsewhere(kind):
    """The virtual clock does not jump over real work in a thread, on a loop thread or in a process."""

    def in_thread() -> str:
        """Takes real time."""
        time.sleep(0.05)
        return "done"

    async def on_loop_thread() -> str:
        """Takes real time, on its own loop's clock."""
        await asyncio.sleep(0.05)
        return "done"

    made = {
        "thread": lambda: flight(in_thread)[0],
        "loop thread": lambda: flight(on_loop_thread, "thread")[0],
        "process": lambda: Flight(importable(), {"s": "done"}, 1000),
    }[kind]()

    async def call() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        future = start(made)
        assert busy(loop)
        await asyncio.wait((future,), timeout=3600)
        assert not busy(loop)
        return future.result().content.text, loop.time() - began

    text, took = VirtualClock().run(call())
    assert "done" in text
    assert took == 0


def test_limits_of_processes_are_read_and_refused_by_name():
    """What a policy says of worker processes travels as one value, and what cannot work is refused by its name."""
    limits = Limits(processes=2, process_memory=None, process_output=10)
    assert limits.process == ProcessLimits(workers=2, memory=None, output=10)
    assert Limits().process == ProcessLimits()
    for wrong in ({"processes": 0}, {"process_memory": 1 << 20}, {"process_output": 0}):
        with pytest.raises(InvalidPolicy, match=f"limits.{next(iter(wrong))} must be at least"):
            Limits(**wrong)
