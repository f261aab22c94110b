"""Promise 1, for worker processes: what hangs in them is killed, what dies in them is a value, and nothing is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from shotclock import Agent, Budget, Policy
from shotclock.policies.limits import Limits
from shotclock.testing import ScriptedModel, ask, fake_tool
from shotclock.tools.processes import PROCESSES, warm

from ..workers import pids, until

pytestmark = pytest.mark.alone

LATENCY = 0.5
LATEST = 0.55
"""Seconds: the deadline and the 50 ms that are promised."""

VICTIMS = '''
import os, re, signal, sys, time
from shotclock import tool

def note(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))

def holds_the_lock(path: str) -> str:
    """Is inside one call of native code that never lets go of the interpreter's lock."""
    note(path)
    return str(re.match(r"(a+)+$", "a" * 64 + "b"))

def sleeps(path: str) -> str:
    """Sleeps."""
    note(path)
    time.sleep(60)
    return "late"

def ignores_sigterm(path: str) -> str:
    """Ignores all that can be ignored, and what is raised."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    note(path)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

async def blocks(path: str) -> str:
    """Is async, and blocks."""
    note(path)
    time.sleep(60)
    return "late"

def takes_memory(path: str) -> int:
    """Takes more and more memory."""
    note(path)
    held = []
    while True:
        held.append(bytearray(32 << 20))

def floods(path: str) -> bytes:
    """Returns too much."""
    return bytes(3 << 20)

def leaves(path: str) -> str:
    """Ends its process."""
    os._exit(3)

def crashes(path: str) -> str:
    """Crashes as native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return "never"

def whoami(path: str) -> int:
    """The worker's number."""
    return os.getpid()
'''


@pytest.fixture(scope="module")
def victims(importable):
    """The victims as a module that a worker process can import; a worker is warmed for it."""
    return importable("shotclock_victims", VICTIMS)


def isolated(function):
    """The function as a tool in a worker process; a worker that has loaded it is ready."""
    from shotclock import tool

    made = tool(isolation="process", read_only=True)(function)
    warm(made)
    assert until(lambda: PROCESSES._free, 10), "no worker became ready"
    return made


def gone(pid: int) -> bool:
    """Whether no process of that number is left, not even a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def agent_with(victim, path, **limits) -> Agent:
    """An agent whose model calls the victim and its sibling in one turn, then answers."""
    calls = ask(("sibling", {}), (victim.name, {"path": str(path)}))
    model = ScriptedModel([calls, "The sibling found 42 apples."])
    sibling = fake_tool("sibling", returns="The sibling found 42 apples.")
    return Agent(model, [sibling, victim], policy=Policy(limits=Limits(**limits)))


def found(result, victim):
    return next(item for item in result.evidence if item.tool == victim.name)


HANGING = ["holds_the_lock", "sleeps", "ignores_sigterm", "blocks"]


@pytest.mark.parametrize("name", HANGING)
async def test_run_is_on_time_and_what_hangs_is_dead(name, victims, tmp_path):
    """`run` returns by the deadline, and within a second the worker that hung is gone, however it resisted."""
    victim = isolated(getattr(victims, name))
    began = time.monotonic()
    result = await agent_with(victim, tmp_path / "pid").run("How many apples?", budget=Budget(latency=LATENCY))
    assert time.monotonic() - began <= LATEST
    assert "42 apples" in result.answer
    assert found(result, victim).outcome.name in ("timed_out", "cancelled")
    assert until(lambda: gone(int((tmp_path / "pid").read_text())), 1.0)


@pytest.mark.parametrize("name", ["holds_the_lock", "ignores_sigterm"])
def test_run_sync_is_on_time_and_what_hangs_is_dead(name, victims, tmp_path):
    """`run_sync` returns by the deadline, and within a second the worker that hung is gone."""
    victim = isolated(getattr(victims, name))
    agent = agent_with(victim, tmp_path / "pid")
    began = time.monotonic()
    result = agent.run_sync("How many apples?", budget=Budget(latency=LATENCY))
    assert time.monotonic() - began <= LATEST
    assert "42 apples" in result.answer
    assert until(lambda: gone(int((tmp_path / "pid").read_text())), 1.0)


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("takes_memory", "MemoryError", "may have 402,653,184 bytes"),
        ("floods", "OutputTooLarge", "takes 3,145,737 bytes and limits.process_output allows 1,048,576"),
        ("leaves", "WorkerDied", "ended itself with exit code 3"),
        ("crashes", "WorkerDied", "was killed by SIGSEGV (signal 11)"),
    ],
)
async def test_what_ends_badly_is_a_value_that_says_why(name, error, said, victims, tmp_path):
    """A worker that takes too much, returns too much or dies costs one call, and the evidence names the cause."""
    victim = isolated(getattr(victims, name))
    agent = agent_with(victim, tmp_path / "pid", process_memory=384 << 20, process_output=1 << 20)
    result = await agent.run("How many apples?", budget=Budget(latency=5))
    outcome = found(result, victim).outcome
    assert outcome.name == "error"
    assert (outcome.error_type, outcome.retryable) == (error, error == "WorkerDied")
    assert said in outcome.message
    assert "42 apples" in result.answer


async def test_a_killed_worker_is_replaced_before_it_is_needed(victims, tmp_path):
    """After a kill another worker gets ready by itself, and the next call is served by it at once."""
    whoami, sleeps = isolated(victims.whoami), isolated(victims.sleeps)
    await agent_with(sleeps, tmp_path / "pid").run("How many apples?", budget=Budget(latency=LATENCY))
    killed = int((tmp_path / "pid").read_text())
    assert until(lambda: PROCESSES._free and killed not in pids(PROCESSES), 10)
    result = await agent_with(whoami, tmp_path).run("How many apples?", budget=Budget(latency=LATENCY))
    outcome = found(result, whoami).outcome
    assert outcome.name == "ok"
    assert outcome.value != killed


PROGRAM = """
import asyncio, os, sys, time
from shotclock import tool
from shotclock.tools.isolation import Flight, start

@tool(isolation="process")
def stuck() -> str:
    "Hangs, and has something hang for it."
    import subprocess, signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print("hung", os.getpid(), child.pid, flush=True)
    while True:
        pass

async def go(seconds):
    future = start(Flight(stuck, {}, 1000))
    await asyncio.wait((future,), timeout=seconds)
    print(future.result().content.text if future.done() else "still running", flush=True)
    print("over", time.time(), flush=True)
"""


def script(tmp_path, end) -> str:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(PROGRAM) + textwrap.dedent(end), encoding="utf-8")
    return str(path)


def test_the_program_exits_within_a_second_and_leaves_nothing(tmp_path):
    """A tool of the script that hangs in a worker holds up nothing, and it and what it started are gone."""
    end = """
    if __name__ == "__main__":
        asyncio.run(go(1.2))
    """
    done = subprocess.run([sys.executable, script(tmp_path, end)], capture_output=True, text=True, timeout=30)
    ended = time.time()
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    hung = next(line for line in lines if line[0] == "hung")
    over = next(line for line in lines if line[0] == "over")
    assert ended - float(over[1]) <= 1.0
    assert "still running" in done.stdout, "nobody even gave it up"
    assert until(lambda: gone(int(hung[1])) and gone(int(hung[2])), 2.0)


def test_workers_die_with_a_parent_that_is_killed(tmp_path):
    """When the program is killed with SIGKILL, a worker that hangs, and what it started, is gone within two seconds."""
    end = """
    if __name__ == "__main__":
        asyncio.run(go(60))
    """
    program = subprocess.Popen([sys.executable, script(tmp_path, end)], stdout=subprocess.PIPE, text=True)
    try:
        hung = program.stdout.readline().split()
        assert hung[0] == "hung"
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    try:
        assert until(lambda: gone(int(hung[1])) and gone(int(hung[2])), 2.0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(hung[1]), signal.SIGKILL)


def test_a_script_without_a_guard_is_told_and_does_not_multiply(tmp_path):
    """A script that runs a tool when it is imported gets one clear error instead of more and more processes."""
    end = """
    asyncio.run(go(10))
    """
    done = subprocess.run([sys.executable, script(tmp_path, end)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "hung" not in done.stdout
    assert "put what the script does under `if __name__ == '__main__':`" in done.stdout
    assert done.stdout.count("over") <= 2, "the script ran itself at most once more"
