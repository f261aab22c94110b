"""Runs inside a tool in a worker process: the outer run grants what they spend, and it is the outer run's spend."""

from __future__ import annotations

import asyncio

import pytest

from shotclock import Agent, Budget
from shotclock.policies.ledger import Claim, Ledger, Refusal
from shotclock.policies.limits import ProcessLimits
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.flight import Flight
from shotclock.tools.isolation import abandon, start
from shotclock.tools.remote_ledger import LedgerDesk, RemoteLedger
from shotclock.tools.scope import ENCLOSING, Enclosing

MODULE = '''
import os, time
from shotclock import tool
from shotclock.policies.ledger import Claim, Ledger, Refusal
from shotclock.policies.budget import Budget
from shotclock.tools.scope import ENCLOSING

kept = []

@tool(isolation="process", read_only=True)
def expert(calls: int) -> str:
    """Asks an agent of its own, which looks as often as it may."""
    from shotclock import Agent
    from shotclock.testing import ScriptedModel, ask, fake_tool
    look = fake_tool("look", returns="There are 7 apples.")
    model = ScriptedModel([ask(*[("look", {"text": str(n)}) for n in range(calls)]), "There are 7 apples."])
    return Agent(model, [look]).run_sync("How many apples?").answer

@tool(isolation="process", read_only=True)
def reads() -> str:
    """Asks an agent of its own, which reads what a stranger wrote."""
    from shotclock import Agent
    from shotclock.testing import ScriptedModel, ask, fake_tool
    page = fake_tool("page", returns="There are 7 apples.", trusted=False)
    return Agent(ScriptedModel([ask(("page", {})), "There are 7 apples."]), [page]).run_sync("How many apples?").answer

@tool(isolation="process")
def claims(tokens: int, hang: bool = False) -> str:
    """Claims so many tokens, settles half of the first, and gives the second back."""
    inner = Ledger(Budget(), ENCLOSING.get().ledger)
    first = inner.reserve(Claim(model_calls=1, output_tokens=tokens))
    if isinstance(first, Refusal):
        return first.reason
    if hang:
        time.sleep(60)
    second = inner.reserve(Claim(tool="look", tool_calls=1))
    kept.append(inner)
    first.settle(input_tokens=0, output_tokens=tokens // 2)
    first.settle(input_tokens=0, output_tokens=0)
    second.release()
    return str(inner.left())

@tool(isolation="process")
def claims_again() -> str:
    """Claims from the ledger of a call that is over."""
    return kept[-1].reserve(Claim(tool="look", tool_calls=1)).reason

@tool(isolation="process")
def claims_in_a_fork() -> int:
    """Claims in a process of its own; how that ended is its exit code."""
    inner = Ledger(Budget(), ENCLOSING.get().ledger)
    child = os.fork()
    if child == 0:
        os._exit(7 if isinstance(inner.reserve(Claim(tool_calls=1)), Refusal) else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@tool(isolation="process")
def babbles() -> str:
    """Writes something into every pipe, that looks like a question and is none."""
    for pipe in [int(name) for name in os.listdir("/dev/fd") if int(name) > 2]:
        try:
            os.write(pipe, (4).to_bytes(8, "big") + b"Abcd")
        except OSError:
            pass
    return "never seen"
'''


@pytest.fixture(scope="module")
def there(importable):
    """A module of tools that a worker process can import."""
    return importable("shotclock_nested", MODULE)


def begin(made, ledger, /, **arguments):
    """An attempt of the tool in a run with this ledger."""
    token = ENCLOSING.set(Enclosing(ledger=ledger))
    try:
        return start(Flight(made, arguments, 1000, process=ProcessLimits(workers=1)))
    finally:
        ENCLOSING.reset(token)


def outer(*calls, **limits):
    """What a run gives whose model makes these calls, with limits."""
    tools = {made.name: made for made, _ in calls}
    model = ScriptedModel([ask(*[(made.name, arguments) for made, arguments in calls]), "There are 7 apples."])
    return Agent(model, tools.values()).run_sync("How many apples?", budget=Budget(latency=20, **limits))


def test_what_a_run_in_a_worker_spends_is_spent(there):
    """The outer spend holds the tool calls and model calls of a run inside a tool in a worker process."""
    result = outer((there.expert, {"calls": 2}))
    assert "7 apples" in result.answer
    assert result.spend.per_tool == {"expert": 1, "look": 2}
    assert (result.spend.tool_calls, result.spend.model_calls) == (3, 4)


@pytest.mark.parametrize(("limit", "value"), [("tool_calls", 4), ("model_calls", 3)])
def test_the_outer_limit_holds_in_a_worker(limit, value, there):
    """A run in a worker stops at what the outer one has left, and takes nothing of it that it does not use."""
    result = outer((there.expert, {"calls": 20}), **{limit: value})
    assert getattr(result.spend, limit) == value


def test_what_a_run_in_a_worker_has_read_is_known_outside(there):
    """What a tool in a worker made of a stranger's words is nobody's word."""
    assert not outer((there.reads, {})).evidence[0].trusted
    assert outer((there.expert, {"calls": 1})).evidence[0].trusted


async def test_claims_are_settled_and_given_back_from_a_worker(there):
    """A worker is granted what is left and no more; what it settles and gives back counts outside."""
    ledger = Ledger(Budget(tokens=100, tool_calls=1))
    assert (await begin(there.claims, ledger, tokens=60)).outcome.value == "{'tool_calls': 1, 'tokens': 70}"
    assert (ledger.spend().tokens, ledger.spend().tool_calls, ledger.spend().model_calls) == (30, 0, 1)
    refused = (await begin(there.claims, ledger, tokens=80)).outcome.value
    assert refused == "tokens=100 leaves 70, and 80 would be needed"


async def test_what_a_killed_worker_had_claimed_is_charged_at_its_worst_case(there):
    """Nobody can say what came of it."""
    ledger = Ledger(Budget(tokens=100))
    future = begin(there.claims, ledger, tokens=60, hang=True)
    while not ledger.spend().tokens:  # noqa: ASYNC110  # another thread's doing
        await asyncio.sleep(0.005)
    abandon(future)
    again = await begin(there.claims, ledger, tokens=20)
    assert again.outcome.value == "{'tokens': 30}"
    assert ledger.spend().tokens == 70


async def test_nothing_is_granted_for_a_call_that_is_over(there):
    """What a tool keeps of a call's ledger grants nothing in a later one."""
    await begin(there.claims, Ledger(Budget()), tokens=1)
    ledger = Ledger(Budget())
    assert (await begin(there.claims_again, ledger)).outcome.value.startswith("tool_calls=0 leaves 0")
    assert ledger.spend().tool_calls == 0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_nothing_is_granted_in_a_process_that_a_tool_forks(there):
    """Two processes on one pipe would take each other's answers."""
    assert (await begin(there.claims_in_a_fork, Ledger(Budget()))).outcome.value == 7


async def test_what_is_no_question_ends_the_worker(there):
    """A tool that writes into our pipe costs its call, and the next one is served by another worker."""
    outcome = (await begin(there.babbles, Ledger(Budget()))).outcome
    assert (outcome.name, outcome.error_type) == ("error", "WorkerDied")
    assert (await begin(there.claims, Ledger(Budget()), tokens=2)).outcome.name == "ok"


def test_outside_a_run_there_is_nothing_to_ask():
    """A tool that is called without a run has no ledger above it."""
    desk = LedgerDesk(Enclosing())
    assert desk.message == {"ledger": False, "report": False, "origins": {}}
    remote = RemoteLedger(desk.answer)
    assert isinstance(remote.reserve(Claim(tool_calls=1)), Refusal)
    assert (remote.check(Claim()), remote.left()) == (None, {})
    remote.close({"page": "fetch"})
