"""An agent as a node of a product's own LangGraph graph: its budget, its interrupts, and its mistakes."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command

from shotclock import Agent, Budget, tool, within
from shotclock.policies.errors import InvalidBudget, InvalidQuery, UsageError
from shotclock.testing import Hang, Say, ScriptedModel, VirtualClock, ask

CONFIG: Any = {"configurable": {"thread_id": "t"}}
ASKED = {"messages": [("user", "How many apples? Tell Ann.")]}
APPLES = "There are 7 apples."


class Conversation(TypedDict):
    """A state as LangGraph's own agents have it."""

    messages: Annotated[list[Any], add_messages]


def world(*steps, **options):
    """An agent, what its tools did, and its model."""
    done: list[str] = []

    @tool(approval=True)
    async def send_mail(to: str) -> str:
        """Send a mail."""
        done.append(f"mail {to}")
        return f"sent to {to}"

    @tool(read_only=True)
    async def look(after: float = 0.0) -> str:
        """Look how many apples there are."""
        done.append("look")
        await asyncio.sleep(after)
        return APPLES

    model = ScriptedModel([*steps, APPLES])
    return Agent(model, [send_mail, look], name="shop", **options), done, model


def graph_of(*nodes, saver=None, state=Conversation):
    """A graph of these nodes in a row."""
    builder = StateGraph(state)
    names = [f"node{number}" for number in range(len(nodes))]
    for name, node in zip(names, nodes, strict=True):
        builder.add_node(name, node)
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


def run(coroutine):
    return VirtualClock().run(coroutine)


WAITS = ask(("look", {}), ("send_mail", {"to": "ann"}))


def test_it_reads_and_writes_messages():
    """The last message of a user is the question, and the answer is a message."""
    agent, _, model = world(ask(("look", {})))
    out = run(graph_of(agent.as_node()).ainvoke(ASKED))
    assert out["messages"][-1].content == APPLES
    assert out["messages"][-1].type == "ai"
    assert model.requests[0].query == "How many apples? Tell Ann."


def test_a_state_of_another_shape():
    """The question and what is taken of the result are the product's to say."""

    class Own(TypedDict, total=False):
        question: str
        verified: bool

    agent, _, _ = world(ask(("look", {})))
    node = agent.as_node(query_from=lambda s: s["question"], update=lambda result: {"verified": result.verified})
    assert run(graph_of(node, state=Own).ainvoke({"question": "How many apples?"}))["verified"] is True
    with pytest.raises(InvalidQuery, match="no message of a user"):
        run(graph_of(agent.as_node(), state=Own).ainvoke({"question": "How many apples?"}))


def test_its_budget_holds():
    """A model that hangs costs the node its seconds and no more."""
    agent, _, _ = world(Hang())
    clock = VirtualClock()

    async def timed():
        began = asyncio.get_running_loop().time()
        await graph_of(agent.as_node(budget=Budget(latency=2.0))).ainvoke(ASKED)
        return asyncio.get_running_loop().time() - began

    assert clock.run(timed()) <= 2.05
    with pytest.raises(InvalidBudget):
        agent.as_node(budget=2.0)


def test_one_budget_for_several_agents():
    """`within` holds every run inside to one deadline and one ledger, whatever each may use by itself."""
    first, _, _ = world(ask(("look", {"after": 1.0})))
    second, done, _ = world(ask(("look", {"after": 5.0}), ("look", {"after": 5.1})))

    async def both():
        began = asyncio.get_running_loop().time()
        with within(Budget(latency=3.0, tool_calls=2)) as ledger:
            await graph_of(first.as_node(), second.as_node()).ainvoke(ASKED)
        return asyncio.get_running_loop().time() - began, ledger.spend()

    elapsed, spend = run(both())
    assert elapsed <= 3.05
    assert spend.tool_calls == 2
    assert done == ["look"]


def test_within_nests_and_ends():
    """The earlier deadline and both ledgers hold, and nothing is left behind."""
    agent, _, _ = world(ask(("look", {}), ("look", {"after": 0.1})))

    async def nested():
        with within(Budget(latency=9.0, tool_calls=1)) as outer, within(Budget(latency=5.0)):
            inside = await agent.run("How many?")
        return inside, outer.spend(), await agent.run("How many?")

    inside, spend, after = run(nested())
    assert (spend.tool_calls, inside.spend.tool_calls, after.spend.tool_calls) == (1, 1, 2)
    with pytest.raises(InvalidBudget), within(2.0):
        pass


def test_a_run_around_the_graph_holds():
    """A tool that runs a graph gives its agents what the outer run has left."""
    inner, _, _ = world(ask(("look", {})))
    graph = graph_of(inner.as_node())

    @tool
    async def counted(question: str) -> str:
        """Count by a graph."""
        return (await graph.ainvoke({"messages": [("user", question)]}))["messages"][-1].content

    outer = Agent(ScriptedModel([ask(("counted", {"question": "How many apples?"})), APPLES]), [counted])
    result = run(outer.run("How many apples?", budget=Budget(latency=5, tool_calls=5)))
    assert result.spend.per_tool == {"counted": 1, "look": 1}
    assert result.spend.model_calls == 4


def test_an_approval_interrupts_the_graph_around_and_goes_on_there():
    """The graph waits; when it is resumed, no model call and no tool call is made a second time."""
    agent, done, model = world(WAITS)
    graph = graph_of(agent.as_node(), saver=InMemorySaver())
    value = run(graph.ainvoke(ASKED, CONFIG))["__interrupt__"][0].value
    assert [call["tool"] for call in value["calls"]] == ["send_mail"]
    assert done == ["look"]
    out = run(graph.ainvoke(Command(resume={value["calls"][0]["id"]: {"to": "bob"}}), CONFIG))
    assert out["messages"][-1].content == APPLES
    assert done == ["look", "mail bob"]
    assert len(model.requests) == 2


def test_an_answer_that_is_none_asks_again():
    """What the graph is resumed with is checked: the interrupt comes back and says what was wrong."""
    agent, done, _ = world(WAITS)
    graph = graph_of(agent.as_node(), saver=InMemorySaver())
    run(graph.ainvoke(ASKED, CONFIG))
    value = run(graph.ainvoke(Command(resume={"to": "bob"}), CONFIG))["__interrupt__"][0].value
    assert value["problem"].startswith("approve names to, and what waits is call-")
    out = run(graph.ainvoke(Command(resume="no"), CONFIG))
    assert out["messages"][-1].content == APPLES
    assert done == ["look"]


def test_the_node_goes_on_with_what_was_left():
    """The time in between is not charged, and limits hold for both parts together."""
    agent, _, _ = world(ask(("look", {"after": 2.0}), ("send_mail", {"to": "ann"})), Say(APPLES, after=3.0))
    results: list[Any] = []
    node = agent.as_node(budget=Budget(latency=6, tool_calls=2), update=lambda r: results.append(r) or {"messages": []})
    graph, clock = graph_of(node, saver=InMemorySaver()), VirtualClock()
    clock.run(graph.ainvoke(ASKED, CONFIG))
    clock.run(asyncio.sleep(3600))
    clock.run(graph.ainvoke(Command(resume=True), CONFIG))
    (result,) = results
    assert (result.status, result.spend.tool_calls) == ("complete", 2)
    assert result.spend.latency == pytest.approx(5.0, abs=0.2)


def test_two_agents_wait_side_by_side():
    """Each has an interrupt of its own, and is answered by its id."""
    first, did, _ = world(WAITS)
    second, done, _ = world(WAITS)
    builder = StateGraph(Conversation)
    for name, agent in (("first", first), ("second", second)):
        builder.add_node(name, agent.as_node())
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    graph = builder.compile(checkpointer=InMemorySaver())
    waits = run(graph.ainvoke(ASKED, CONFIG))["__interrupt__"]
    assert len(waits) == 2
    out = run(graph.ainvoke(Command(resume={waits[0].id: True, waits[1].id: False}), CONFIG))
    assert "__interrupt__" not in out
    assert sorted(did + done) == ["look", "look", "mail ann"]


def test_the_node_can_be_asked_again_in_the_same_thread():
    """A second question of the thread begins anew."""
    agent, done, _ = world(WAITS)
    graph = graph_of(agent.as_node(), saver=InMemorySaver())
    for _ in range(2):
        assert "__interrupt__" in run(graph.ainvoke(ASKED, CONFIG))
        assert "__interrupt__" not in run(graph.ainvoke(Command(resume=True), CONFIG))
    assert done == ["look", "mail ann"] * 2


@pytest.mark.parametrize(("approve", "did"), [(None, ["look"]), (lambda call: True, ["look", "mail ann"])])
def test_without_a_checkpointer_nothing_waits(approve, did):
    """The agent's function is asked, else the call is refused; the graph is not interrupted, even where the agent has a
    checkpointer of its own."""
    agent, done, _ = world(WAITS, approve=approve, checkpointer=InMemorySaver())
    out = asyncio.run(graph_of(agent.as_node()).ainvoke(ASKED))
    assert out["messages"][-1].content == APPLES
    assert "__interrupt__" not in out
    assert done == did


def test_a_plain_run_inside_a_node_is_a_run_of_its_own():
    """`agent.run` in somebody's node suspends in the agent's own thread, and does not interrupt the graph around."""
    agent, done, _ = world(WAITS, checkpointer=InMemorySaver())
    results = []

    async def node(state):
        results.append(await agent.run("Tell Ann.", thread_id="own"))
        return {"messages": []}

    out = run(graph_of(node, saver=InMemorySaver()).ainvoke(ASKED, CONFIG))
    assert "__interrupt__" not in out
    assert results[0].status == "suspended"
    assert run(agent.resume("own", True)).status == "complete"
    assert done == ["look", "mail ann"]


def test_the_bare_graph_says_what_to_do():
    """The compiled graph needs a run: by itself or as a subgraph it says so."""
    agent, _, _ = world()
    for graph in (agent.graph, graph_of(agent.graph)):
        with pytest.raises(UsageError, match=r"agent\.as_node"):
            run(graph.ainvoke(ASKED))


def test_the_graphs_stream_is_told_what_happens_where_that_is_asked_for():
    """Events come out of the `custom` stream as they happen, also of a run that goes on; by default nothing does."""
    agent, _, _ = world(ask(("look", {"after": 1.0}), ("send_mail", {"to": "ann"})))
    graph = graph_of(agent.as_node(stream=True), saver=InMemorySaver())

    async def told(graph, asked):
        loop = asyncio.get_running_loop()
        return [(event, loop.time()) async for event in graph.astream(asked, CONFIG, stream_mode="custom")]

    first = VirtualClock().run(told(graph, ASKED))
    kinds = [event.type for event, _ in first]
    assert kinds[:2] == ["run_started", "call_started"]
    (finished,) = [at - first[0][1] for event, at in first if event.type == "call_finished"]
    assert finished == pytest.approx(1.0, abs=0.01)
    again = VirtualClock().run(told(graph, Command(resume=True)))
    assert "".join(event.text for event, _ in again if event.type == "text_delta") == APPLES
    silent, _, _ = world(ask(("look", {})))
    assert VirtualClock().run(told(graph_of(silent.as_node()), ASKED)) == []
