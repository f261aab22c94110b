"""An agent as a node of a product's own LangGraph graph."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer

from ..policies.budget import Budget
from ..policies.errors import InvalidQuery
from .beginning import Asked, begin
from .graph import compile_graph, config_of
from .output import Output, text_of
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
    *,
    stream: bool,
) -> Node:
    """The node; see `Agent.as_node`."""
    # Without a checkpointer of its own, the graph keeps its state in that of the graph around it.
    graph = compile_graph(agent.name, None)
    write = update or _message_of(agent._output)

    async def node(state: Any, config: RunnableConfig) -> dict[str, Any]:
        try:
            waiting, suspends = await waiting_in(graph, config), True
        except ValueError:  # nothing keeps the state of the graph around it
            waiting, suspends = None, False
        emit = get_stream_writer() if stream else None
        if waiting is None:
            run = begin(agent, Asked(query=query_from(state), budget=budget), emit=emit, suspends=suspends)
        else:
            carried = Carried.of(waiting.kept, waiting.state, None)
            asked = Asked(query=waiting.kept["query"], budget=carried.budget)
            run = begin(agent, asked, emit=emit, carried=carried, suspends=suspends)
        result = await supervise(run, graph, config_of(agent.policy.limits.turns))
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


def _message_of(output: Output | None) -> Callable[[Result], Mapping[str, Any]]:
    """What makes a message of an answer, as LangGraph's own agents keep them."""

    def message(result: Result) -> Mapping[str, Any]:
        return {"messages": [{"role": "assistant", "content": text_of(result.answer, output)}]}

    return message


def _read(message: Any) -> tuple[str, str]:
    if isinstance(message, Mapping):
        return str(message.get("role", message.get("type", ""))), str(message.get("content", ""))
    if isinstance(message, tuple) and len(message) == 2:
        return str(message[0]), str(message[1])
    text = getattr(message, "text", "")
    return str(getattr(message, "type", "")), str(text() if callable(text) and not isinstance(text, str) else text)
