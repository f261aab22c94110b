"""Promise 1, for tools: whatever a tool does, the caller has a result by the deadline with the sibling's evidence in
it."""

from __future__ import annotations

import asyncio
import time

import pytest

from shotclock import Agent, Budget, tool
from shotclock.testing import ScriptedModel, ask

pytestmark = pytest.mark.alone

LATENCY = 0.5
LATEST = 0.55
"""Seconds: the deadline and the 50 ms that are promised. Runs aim at 70 ms before the deadline, which is the room for
a noisy
machine."""


@tool(read_only=True)
async def sibling() -> str:
    """A tool that does its work."""
    return "The sibling found 42 apples."


async def hangs() -> str:
    """Never returns."""
    await asyncio.get_running_loop().create_future()
    return "never"


async def swallows_cancellation() -> str:
    """Ignores being cancelled."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            await asyncio.sleep(2)
        except asyncio.CancelledError:
            continue
    return "late"


async def cleans_up_slowly() -> str:
    """Takes two seconds to clean up."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(2)
    return "never"


def sleeps_in_a_thread() -> str:
    """Blocks its thread."""
    time.sleep(2)
    return "late"


async def returns_fifty_megabytes() -> str:
    """Returns far too much."""
    return "x" * 50_000_000


def returns_a_huge_structure() -> list[dict[str, int]]:
    """Returns a million records."""
    return [{"number": n} for n in range(300_000)]


async def raises_timeout() -> str:
    """Raises a TimeoutError of its own."""
    raise TimeoutError("mine")


async def raises_cancelled() -> str:
    """Raises a CancelledError of its own."""
    raise asyncio.CancelledError("mine")


async def raises_base_exception() -> str:
    """Raises what nobody catches."""
    raise BaseException("mine")


async def raises_system_exit() -> str:
    """Asks the program to end."""
    raise SystemExit(3)


def raises_keyboard_interrupt_in_a_thread() -> str:
    """Raises what only a person should."""
    raise KeyboardInterrupt


VICTIMS = [
    hangs,
    swallows_cancellation,
    cleans_up_slowly,
    sleeps_in_a_thread,
    returns_fifty_megabytes,
    returns_a_huge_structure,
    raises_timeout,
    raises_cancelled,
    raises_base_exception,
    raises_system_exit,
    raises_keyboard_interrupt_in_a_thread,
]


def agent_with(victim) -> Agent:
    """An agent whose model calls the victim and its sibling in one turn, then answers."""
    model = ScriptedModel([ask(("sibling", {}), (victim.__name__, {})), "The sibling found 42 apples."])
    return Agent(model, [sibling, victim])


def check(result, elapsed) -> None:
    assert elapsed <= LATEST, f"back after {elapsed:.3f} s"
    found = {item.tool: item for item in result.evidence}
    assert found["sibling"].usable
    assert "42 apples" in found["sibling"].content
    assert "42 apples" in result.answer
    assert result.verified


@pytest.mark.parametrize("victim", VICTIMS, ids=lambda v: v.__name__)
async def test_run_is_on_time(victim):
    """`run` returns by the deadline, whatever the victim does."""
    agent = agent_with(victim)
    began = time.monotonic()
    result = await agent.run("How many apples?", budget=Budget(latency=LATENCY))
    check(result, time.monotonic() - began)


@pytest.mark.parametrize("victim", VICTIMS, ids=lambda v: v.__name__)
def test_run_sync_is_on_time(victim):
    """`run_sync` returns by the deadline, whatever the victim does."""
    agent = agent_with(victim)
    began = time.monotonic()
    result = agent.run_sync("How many apples?", budget=Budget(latency=LATENCY))
    check(result, time.monotonic() - began)


async def blocks_the_loop() -> str:
    """Blocks the event loop."""
    time.sleep(1.5)  # noqa: ASYNC251  # blocking the loop is what this victim is for
    return "late"


def test_run_sync_is_on_time_when_a_tool_blocks_the_loop_and_names_it():
    """A tool that blocks the loop costs `run_sync` nothing, and the watchdog names the tool and the line."""
    agent = agent_with(blocks_the_loop)
    began = time.monotonic()
    result = agent.run_sync("How many apples?", budget=Budget(latency=LATENCY))
    elapsed = time.monotonic() - began
    assert elapsed <= LATEST
    assert "42 apples" in result.answer
    line = blocks_the_loop.__code__.co_firstlineno + 2
    assert any(f"'blocks_the_loop' blocks the event loop at {__file__}:{line}" in w for w in result.warnings)
    # The next caller gets another loop.
    other = agent_with(hangs)
    began = time.monotonic()
    other.run_sync("How many apples?", budget=Budget(latency=LATENCY))
    assert time.monotonic() - began <= LATEST


async def test_run_in_a_blocked_loop_is_late_and_says_why():
    """`run` cannot return while the caller's own loop is blocked; the result names who blocked it."""
    result = await agent_with(blocks_the_loop).run("How many apples?", budget=Budget(latency=LATENCY))
    assert any("'blocks_the_loop' blocks the event loop" in warning for warning in result.warnings)


async def test_what_was_cut_is_said():
    """A result over the size limit is cut, and the model, the evidence and the user are told."""
    result = await agent_with(returns_fifty_megabytes).run("How many apples?", budget=Budget(latency=LATENCY))
    cut = next(item for item in result.evidence if item.tool == "returns_fifty_megabytes")
    assert cut.truncated
    assert "[cut: 20,000 of 50,000,000 characters are shown]" in cut.content
    assert any("returns_fifty_megabytes was cut" in warning for warning in result.warnings)


async def test_a_cancelled_caller_is_let_go_at_once():
    """When the caller cancels, CancelledError goes through at once, even if a tool ignores its own."""
    agent = agent_with(swallows_cancellation)
    task = asyncio.ensure_future(agent.run("How many apples?", budget=Budget(latency=5)))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began <= 0.05
