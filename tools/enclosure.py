"""A budget around several runs, where no run is around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..policies.budget import Budget
from ..policies.deadline import Deadline
from ..policies.errors import InvalidBudget
from ..policies.ledger import Ledger
from .scope import ENCLOSING, clock


@contextmanager
def within(budget: Budget) -> Iterator[Ledger]:
    """Hold every run inside to one budget, together: a graph with several agents as its nodes, a request that asks
    several times.

    ::

        with within(Budget(latency=3.0, tool_calls=10)) as ledger:
            await graph.ainvoke(...)
        print(ledger.spend().tool_calls)

    Each run keeps its own budget too: the earlier deadline holds, and both ledgers must grant what is begun. It follows
    context variables into tasks and threads, and what is around it holds as well. Only runs are held to it: a graph of
    other nodes goes on.

    Args:
        budget: the limits; `latency` counts from here.

    Raises:
        InvalidBudget: `budget` is no `Budget`.
    """
    if not isinstance(budget, Budget):
        raise InvalidBudget(f"budget must be a Budget, got {budget!r} of type {type(budget).__name__}")
    outer = ENCLOSING.get()
    ledger = Ledger(budget, outer.ledger)
    deadline = Deadline.after(clock(), budget.latency).earlier(outer.deadline)
    token = ENCLOSING.set(outer._replace(deadline=deadline, ledger=ledger))
    try:
        yield ledger
    finally:
        ENCLOSING.reset(token)
