"""Pipelines without an agent around them, on the virtual clock: what the tests of calls are made with."""

from __future__ import annotations

import asyncio
import itertools

from shotclock import Budget
from shotclock.agent.trace.spans import Recorder
from shotclock.policies.deadline import Deadline
from shotclock.policies.ledger import Ledger
from shotclock.policies.settings import Policy
from shotclock.testing import VirtualClock
from shotclock.tools.call import Call
from shotclock.tools.lent import Scope
from shotclock.tools.memory import Memory
from shotclock.tools.pipeline import Pipeline
from shotclock.tools.tool import Tool
from shotclock.tools.toolbox import Toolbox


class Bench:
    """Pipelines over one memory, one for each query, as the runs of an agent have them."""

    def __init__(self, *tools, policy=None, tracer_provider=None):
        self.tracer_provider = tracer_provider
        self.policy = policy or Policy()
        self.memory = Memory.under(self.policy)
        self.toolbox = Toolbox(tools)
        self.ids = itertools.count()
        self.decisions = []
        self.spent = []

    async def call(self, name, budget=None, **arguments):
        """One call in a run of its own."""
        now = asyncio.get_running_loop().time
        budget = budget or Budget(latency=None)
        trace = Recorder(self.tracer_provider, agent="a", model="m", clock=now).start_run("", budget)
        ledger, owned = Ledger(budget), []
        scope = Scope(ledger=ledger, policy=self.policy, soft=Deadline.after(now(), budget.latency), now=now,
                      trace=trace, memory=self.memory, own=owned.append)  # fmt: skip
        call = Call(id=f"c{next(self.ids)}", tool=name, arguments=arguments)
        evidence = await Pipeline(self.toolbox, scope).call(call)
        self.decisions += [decision.to_dict() for decision in trace.decisions]
        self.spent.append(ledger.spend())
        return evidence

    def kinds(self, kind):
        """The decisions of a kind."""
        return [decision for decision in self.decisions if decision["kind"] == kind]


def delays(*seconds, name="t", **options):
    """A read-only tool whose attempts take these seconds, the last again and again; it counts its cancellations."""
    left, counts = list(seconds), {"started": 0, "cancelled": 0}

    async def run(text: str = "") -> int:
        """Take a while."""
        counts["started"] += 1
        number = counts["started"]
        try:
            await asyncio.sleep(left.pop(0) if len(left) > 1 else left[0])
        except asyncio.CancelledError:
            counts["cancelled"] += 1
            raise
        return number

    made = Tool(run, name, read_only=True, **options)
    made.counts = counts
    return made


def learnt(made, seconds=0.1, n=30, tail=5.0, **options):
    """A bench whose history knows the tool: usually `seconds`, a few times `tail`."""
    bench = Bench(made, **options)
    for number in range(n):
        bench.memory.history.observe(made, tail if number % 25 == 24 else seconds * (1 + 0.01 * number))
    return bench


def run(coroutine):
    """On a fresh virtual clock."""
    return VirtualClock().run(coroutine)
