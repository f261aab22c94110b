"""An agent as a node of a product's own LangGraph graph."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig

from ..policies.budget import Budget
from ..policies.errors import InvalidQuery
from .graph import compile_graph
from .result import Result
from .resumption import Carried
from .supervisor import supervise
from .threads import waiting_in

if TYPE_CHECKING:
    from .agent import Agent

Node = Callable[[Any, RunnableConfig], Awaitable[dict[str, Any]]]
"""What `StateGraph.add_node` takes."""


def node_of(
    agent: Agent,
    query_from: Callable[[Any], str],
    update: Callable[[Result], Mapping[str, Any]] | None,
    budget: Budget | None,
) -> Node:
    """The node; see `Agent.as_node`."""
    # Without a checkpointer of its own, the graph keeps its state in that of the graph around it.
    graph = compile_graph(agent.name, None)
    write = update or agent._as_message

    async def node(state: Any, config: RunnableConfig) -> dict[str, Any]:
        try:
            waiting, suspends = await waiting_in(graph, config), True
        except ValueError:  # nothing keeps the state of the graph around it
            waiting, suspends = None, False
        now = asyncio.get_running_loop().time
        if waiting is None:
            run = agent._start(query_from(state), budget, None, None, now, None, suspends=suspends)
        else:
            carried = Carried.of(waiting.kept, waiting.state, None)
            query = waiting.kept["query"]
            run = agent._start(query, carried.budget, None, None, now, None, carried, suspends=suspends)
        result = await supervise(run, graph, agent._recursion())
        return dict(write(result))

    node.__name__ = agent.name
    return node


def last_user_message(state: Any) -> str:
    """The text of the last message of a user in `state["messages"]`, as LangGraph's own agents keep them.

    Raises:
        InvalidQuery: there is none.
    """
    messages = state.get("messages", ()) if isinstance(state, Mapping) else getattr(state, "messages", ())
    for message in reversed(list(messages)):
        role, content = _read(message)
        if role in ("user", "human"):
            return content
    raise InvalidQuery(
        "the state has no message of a user in 'messages'; say where the question is: "
        "agent.as_node(query_from=lambda state: state['question'])"
    )


def _read(message: Any) -> tuple[str, str]:
    if isinstance(message, Mapping):
        return str(message.get("role", message.get("type", ""))), str(message.get("content", ""))
    if isinstance(message, tuple) and len(message) == 2:
        return str(message[0]), str(message[1])
    text = getattr(message, "text", "")
    return str(getattr(message, "type", "")), str(text() if callable(text) and not isinstance(text, str) else text)
