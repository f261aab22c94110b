"""What an agent runs on: LangGraph's graph and the supervisor around it, loaded where there is an agent to run."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ..tools.loops import LOOPS
from ..tools.reference import MAIN
from .result import Result
from .run import Run

if TYPE_CHECKING:
    from .agent import Agent
    from .graph import Graph

if not MAIN.importing:
    # Imported ahead, so that no first run waits for LangGraph, which takes the longest; a worker process that only
    # imports a script runs no agent.
    from . import graph, supervisor  # noqa: F401  # for the functions that import from them


def compiled(name: str, checkpointer: Any) -> Graph:
    """The graph of an agent of that name."""
    from .graph import compile_graph

    return compile_graph(name, checkpointer)


def ahead(name: str, checkpointer: Any) -> Graph | None:
    """The same before there is a run, so that none waits for it; `None` where none is to come."""
    return None if MAIN.importing else compiled(name, checkpointer)


def supervised(agent: Agent, run: Run) -> Coroutine[Any, Any, Result]:
    """The run, once it is awaited: it gives its result by the deadline."""
    from .graph import config_of
    from .supervisor import supervise

    return supervise(run, agent.graph, config_of(agent.policy.limits.turns, run.conversation.thread_id))


def waited(agent: Agent, run: Run) -> Result:
    """The result of a run on a loop thread, waited for in the calling one."""
    from .supervisor import wait

    with LOOPS.lent() as thread:
        return wait(run, supervised(agent, run), thread)
