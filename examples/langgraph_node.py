"""An agent as a node of your own graph, which waits before it sends a mail: python -m examples.langgraph_node"""

from __future__ import annotations

import asyncio
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from shotclock import Agent, Budget, tool, within
from shotclock.testing import ScriptedModel, ask


@tool(read_only=True)
async def stock(product: str) -> int:
    """Pieces in the warehouse."""
    return 7


@tool(approval=True)
async def send_mail(to: str, text: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


class State(TypedDict, total=False):
    """What the graph hands on."""

    question: str
    answer: str
    calls: int


async def main() -> None:
    """Ask, look at what waits, change whom the mail goes to, and go on."""
    mail = {"to": "everybody", "text": "7 lamps are there"}
    model = ScriptedModel([ask(("stock", {"product": "lamp"}), ("send_mail", mail)), "7 lamps are there."])
    agent = Agent(model, [stock, send_mail])
    builder = StateGraph(State)
    node = agent.as_node(
        query_from=lambda state: state["question"],
        update=lambda result: {"answer": result.answer, "calls": result.spend.tool_calls},
    )
    builder.add_node("shop", node)
    builder.add_edge(START, "shop")
    builder.add_edge("shop", END)
    graph, config = builder.compile(InMemorySaver()), {"configurable": {"thread_id": "1"}}
    with within(Budget(latency=2.0, tool_calls=3)) as ledger:
        state = await graph.ainvoke({"question": "How many lamps are there? Tell Ann."}, config)
    call = state["__interrupt__"][0].value["calls"][0]
    print(f"{call['tool']} to {call['arguments']['to']} waits: {call['reason']}; calls: {ledger.spend().tool_calls}")
    state = await graph.ainvoke(Command(resume={call["id"]: mail | {"to": "ann"}}), config)
    print(f"{state['answer']} calls in all: {state['calls']}")


if __name__ == "__main__":
    asyncio.run(main())
