"""The loop as a LangGraph graph: reason → act → verify → (reason | answer); an answer that was refused may go back, and
calls that a person has to approve go act → approve → act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from .act import act
from .answer import answer
from .approving import approve
from .reason import reason
from .run import Run
from .state import State
from .verify import verify

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

Graph = CompiledStateGraph[State, Run, State, State]
"""The compiled graph of an agent."""


def compile_graph(name: str, checkpointer: Any = None) -> Graph:
    """Compile the graph once; the agent keeps it."""
    graph = StateGraph(State, Run)
    graph.add_node("reason", reason)
    graph.add_node("act", act)
    graph.add_node("approve", approve)
    graph.add_node("verify", verify)
    graph.add_node("answer", answer)
    graph.add_edge(START, "reason")
    return graph.compile(checkpointer=checkpointer, name=name)


def config_of(turns: int, thread_id: str = "") -> RunnableConfig:
    """What the graph is called with for a run of at most so many turns; one in no thread has no id."""
    # A turn with calls that wait takes two steps more: to wait, and to make them.
    config: RunnableConfig = {"recursion_limit": 5 * turns + 10}
    if thread_id:
        config["configurable"] = {"thread_id": thread_id}
    return config
