"""Results, exceptions, checks and models that misbehave when they are looked at cost one call, and no time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from shotclock import Agent, Budget, tool
from shotclock.agent.models.base import CallReady, Finish, Pace, Price, TextDelta, Usage
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.call import Call

pytestmark = pytest.mark.alone

LATENCY = 0.5
LATEST = 0.55
SENTENCE = "The sibling found 42 apples."


@tool(read_only=True)
async def sibling() -> str:
    """How many apples the sibling found."""
    return SENTENCE


class Slow:
    """Takes its time to say what it is."""

    def __str__(self) -> str:
        time.sleep(2)
        return "slow"


class Raising:
    """Does not say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Sized(list):
    """A list that cannot be asked for its length."""

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Endless(Mapping):
    """A mapping that is slow to go through."""

    def __getitem__(self, key):
        time.sleep(0.1)
        return 1

    def __iter__(self):
        return iter(range(15))

    def __len__(self) -> int:
        return 15


class SlowError(Exception):
    """An error that is slow to read."""

    def __str__(self) -> str:
        time.sleep(2)
        return "slow"


class BadError(Exception):
    """An error that cannot be read."""

    def __str__(self) -> str:
        raise ValueError("no")


def raise_(error):
    raise error


ODD = {
    "slow": Slow,
    "raising": Raising,
    "raising inside": lambda: {"a": [Raising()]},
    "unsized": lambda: Sized([1]),
    "endless": Endless,
    "huge number": lambda: 10**100_000,
    "lone surrogate": lambda: "bad \ud800 text",
    "generator": lambda: (n for n in range(3)),
    "slow error": lambda: raise_(SlowError()),
    "unreadable error": lambda: raise_(BadError()),
    "generator exit": lambda: raise_(GeneratorExit()),
    "a million keys": lambda: {str(n): n for n in range(300_000)},
}


@pytest.mark.parametrize("where", ["loop", "thread"])
@pytest.mark.parametrize("name", ODD)
async def test_an_odd_result_costs_one_call(name, where):
    """Whatever a result is made of, the run is on time, the sibling's evidence is there, and so is the victim's."""
    if where == "loop":

        async def victim():
            """Return something odd."""
            return ODD[name]()
    else:

        def victim():
            """Return something odd."""
            return ODD[name]()

    agent = Agent(ScriptedModel([ask(("sibling", {}), ("victim", {})), SENTENCE]), [sibling, victim])
    began = time.monotonic()
    result = await agent.run("How many apples?", budget=Budget(latency=LATENCY))
    assert time.monotonic() - began <= LATEST
    assert {item.tool for item in result.evidence} == {"sibling", "victim"}
    assert result.verified
    assert result.stop_reason in ("answered", "deadline")


def misbehaving(kind):
    """A check that misbehaves."""

    def check(value):
        if kind == "sleeps":
            time.sleep(2)
        elif kind == "exits":
            raise SystemExit(3)
        elif kind == "unreadable":
            raise BadError
        return True

    return check


@pytest.mark.parametrize("how", ["run", "run_sync"])
@pytest.mark.parametrize("kind", ["sleeps", "exits", "unreadable"])
def test_a_check_that_misbehaves_costs_one_call(kind, how):
    """An author's check that sleeps, exits or raises nonsense is the victim's own trouble."""

    @tool(checks=[misbehaving(kind)])
    async def victim() -> str:
        """Return something ordinary."""
        return "ordinary"

    agent = Agent(ScriptedModel([ask(("sibling", {}), ("victim", {})), SENTENCE]), [sibling, victim])
    budget = Budget(latency=LATENCY)
    began = time.monotonic()
    result = agent.run_sync("?", budget=budget) if how == "run_sync" else asyncio.run(agent.run("?", budget=budget))
    assert time.monotonic() - began <= LATEST
    assert result.verified
    assert result.evidence[0].tool == "sibling"


def test_a_blocked_loop_runs_no_code_of_strangers_in_the_callers_thread():
    """What landed is only read when the caller's thread closes the run: a slow check cannot make it late."""

    @tool(checks=[misbehaving("sleeps")])
    def landed() -> str:
        """Return something ordinary."""
        return "ordinary"

    async def blocks() -> str:
        """Block the loop."""
        time.sleep(1.5)  # noqa: ASYNC251  # blocking the loop is what this victim is for
        return "late"

    calls = ask(("sibling", {}), ("landed", {}), ("blocks", {}))
    agent = Agent(ScriptedModel([calls, SENTENCE]), [sibling, landed, blocks])
    began = time.monotonic()
    result = agent.run_sync("How many apples?", budget=Budget(latency=LATENCY))
    assert time.monotonic() - began <= LATEST
    assert "42 apples" in result.answer


class Odd:
    """A model that asks for the sibling first and misbehaves then."""

    name, provider = "odd", "test"
    pace = Pace(start=0.0, per_token=0.0)
    price = Price(input_per_million=0.0, output_per_million=0.0)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def stream(self, request):
        """Misbehave."""
        if not request.evidence:
            yield CallReady(Call(id="1", tool="sibling", arguments={}))
        elif self.kind == "never gives the loop back":
            while True:
                yield TextDelta("word ")
        elif self.kind == "cannot be read":
            yield TextDelta("a")
            raise BadError
        elif self.kind == "exits":
            raise GeneratorExit
        elif self.kind == "sends nonsense":
            yield 3
            yield TextDelta(None)
            yield Usage(input_tokens="x")
            yield TextDelta(SENTENCE)
        elif self.kind == "asks with nonsense" and len(request.evidence) == 1:
            yield CallReady(Call(id="1", tool="sibling", arguments={1: object()}))
            yield CallReady(Call(id="1", tool="sibling", arguments=None))
        elif self.kind == "asks for too much" and len(request.evidence) == 1:
            for n in range(20_000):
                yield CallReady(Call(id=str(n), tool="sibling", arguments={"n": n}))
        else:
            yield TextDelta(SENTENCE)
        yield Finish()


KINDS = [
    "never gives the loop back",
    "cannot be read",
    "exits",
    "sends nonsense",
    "asks with nonsense",
    "asks for too much",
]


@pytest.mark.parametrize("how", ["run", "run_sync"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_model_costs_the_model_and_not_the_answer(kind, how):
    """Whatever a model's stream does, the run is on time with the evidence that was found."""
    agent = Agent(Odd(kind), [sibling])
    budget = Budget(latency=LATENCY)
    began = time.monotonic()
    if how == "run_sync":
        result = agent.run_sync("How many apples did the sibling find?", budget=budget)
    else:
        result = asyncio.run(agent.run("How many apples did the sibling find?", budget=budget))
    assert time.monotonic() - began <= LATEST
    assert result.evidence[0].content == SENTENCE
    if kind in ("cannot be read", "exits"):
        assert result.stop_reason == "model_failed"
    if kind != "never gives the loop back":
        assert "42 apples" in result.answer


STUBBORN = """
import asyncio
from shotclock import Agent, Budget, CallStarted
from shotclock.testing import ScriptedModel, ask

async def stubborn() -> str:
    "Ignores being cancelled."
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass

agent = Agent(ScriptedModel([ask(("stubborn", {})), "Done."]), [stubborn])

async def cancelled():
    try:
        async with asyncio.timeout(0.2):
            await agent.run("?", budget=Budget(latency=30))
    except TimeoutError:
        print("cancelled")

async def left():
    async for event in agent.stream("?", budget=Budget(latency=30)):
        if isinstance(event, CallStarted):
            await asyncio.sleep(0.1)
            break
    print("left")

asyncio.run(HOW())
"""


@pytest.mark.parametrize("how", ["cancelled", "left"])
def test_a_stubborn_tool_does_not_outlive_a_caller_who_left(how):
    """A run that was cancelled, or a stream that was left, does not keep the program from ending."""
    code = STUBBORN.replace("HOW", how)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15)
    assert done.stdout.strip() == how
    assert done.returncode == 0


def test_a_call_that_found_no_thread_was_never_begun(monkeypatch):
    """Where every thread is stuck, a call says so and costs no attempt."""
    from shotclock.tools import isolation

    monkeypatch.setattr(isolation, "POOL", isolation.ThreadPool(limit=1))

    def stuck() -> str:
        """Block."""
        time.sleep(1)
        return "late"

    def good() -> str:
        """Work."""
        return "ok"

    agent = Agent(ScriptedModel([ask(("stuck", {}), ("good", {})), "Done."]), [stuck, good])
    result = agent.run_sync("?", budget=Budget(latency=0.3))
    found = {item.tool: item for item in result.evidence}
    assert found["good"].outcome.name == "skipped"
    assert "no thread was free" in found["good"].content
    assert result.spend.tool_calls == 1
