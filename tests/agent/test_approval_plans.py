"""Steps of plans that a person approves: each is put to them as it will be made, and holds up only what needs it."""

from __future__ import annotations

import asyncio
import json

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import Command

from shotclock import Agent, Budget, Passage, Policy, tool
from shotclock.policies.trust import Trust
from shotclock.testing import ScriptedModel, VirtualClock, ask

DONE = "There are 7 apples."
STEPS = [
    {"id": "find", "tool": "find", "arguments": {"name": "Ann"}},
    {"id": "mail", "tool": "send_mail", "arguments": {"to": "$find.address"}},
    {"id": "file", "tool": "file_away", "arguments": {"what": "$mail"}},
    {"id": "look", "tool": "look", "arguments": {}},
]
ENDS = {"find": "ok", "mail": "ok", "file": "ok", "look": "ok"}


class House:
    """Tools that note what was really done; one with the same checkpointer is another process's agent."""

    def __init__(self, saver=None, approve=None, steps=STEPS, more=()):
        self.done: list[str] = []
        self.model = ScriptedModel([ask(("plan", {"steps": steps}), *more), DONE])
        self.saver = InMemorySaver() if saver is None else saver or None
        self.agent = Agent(self.model, self.tools(), checkpointer=self.saver, approve=approve)

    def tools(self):
        @tool(read_only=True)
        async def find(name: str) -> dict[str, str]:
            """Find a person."""
            self.done.append("find")
            return {"address": f"{name.lower()}@example.com"}

        @tool(approval=True)
        async def send_mail(to: str) -> str:
            """Send a mail."""
            self.done.append(f"mail {to}")
            return f"receipt of {to}"

        @tool(approval=True)
        async def file_away(what: str) -> str:
            """File something."""
            self.done.append(f"file {what}")
            return "filed"

        @tool(read_only=True)
        async def look() -> str:
            """Look how many apples there are."""
            await asyncio.sleep(2.0)
            self.done.append("look")
            return "There are 7 apples."

        return [find, send_mail, file_away, look]

    def run(self, thread_id=None):
        return VirtualClock().run(self.agent.run("Tell Ann.", budget=Budget(latency=10), thread_id=thread_id))

    def resume(self, thread_id, approve, **options):
        return VirtualClock().run(self.agent.resume(thread_id, approve, **options))


def ends(result):
    """How each step ended, by the step's id."""
    return {item.id.partition(".")[2]: item.outcome.name for item in result.evidence}


def test_a_step_suspends_the_run_and_the_rest_of_its_plan_is_made():
    """A person is shown the arguments with the results in their places; what needs the step has not begun."""
    house = House()
    waiting = house.run()
    (pending,) = waiting.pending
    assert (waiting.status, pending.id, pending.arguments) == ("suspended", "call-1.mail", {"to": "ann@example.com"})
    assert ends(waiting) == {"find": "ok", "look": "ok"}
    assert house.done == ["find", "look"]
    json.dumps(waiting.to_dict())


def test_the_plan_goes_on_in_another_process_and_may_wait_again():
    """What was approved is made once, with the arguments that were shown, and what needs it follows."""
    first = House()
    waiting = first.run("t")
    second = House(first.saver)
    again = second.resume("t", {waiting.pending[0].id: True})
    assert [(call.id, call.arguments) for call in again.pending] == [
        ("call-1.file", {"what": "receipt of ann@example.com"})
    ]
    third = House(first.saver)
    third.model._steps = [DONE]
    result = third.resume("t", True)
    assert (first.done, second.done) == (["find", "look"], ["mail ann@example.com"])
    assert third.done == ["file receipt of ann@example.com"]
    assert (result.status, ends(result)) == ("complete", ENDS)
    assert result.spend.tool_calls == 4
    (told,) = [message for message in third.model.requests[-1].messages if message["role"] == "tool"]
    assert [line for line in told["content"].splitlines() if line.startswith("[")] == [
        "[find] find:", "[mail] send_mail:", "[file] file_away:", "[look] look:",
    ]  # fmt: skip


def test_a_denied_step_costs_what_needs_it():
    """The model is told what was denied and why, and what could not be done for that."""
    house = House()
    waiting = house.run()
    result = house.resume(waiting.thread_id, "not on a Sunday")
    assert ends(result) == {"find": "ok", "mail": "skipped", "file": "skipped", "look": "ok"}
    assert house.done == ["find", "look"]
    told = house.model.requests[-1].messages[-1]["content"]
    assert "send_mail was not called: a person did not approve it: not on a Sunday." in told
    assert "file_away was skipped: needs mail, which" in told


def test_a_step_is_made_with_the_arguments_that_a_person_gave_it():
    """What needs the step gets what came of those, and the model is told."""
    house = House(steps=STEPS[:2])
    waiting = house.run()
    result = house.resume(waiting.thread_id, {"call-1.mail": {"to": "bob@example.com"}})
    assert house.done == ["find", "mail bob@example.com"]
    assert ends(result) == {"find": "ok", "mail": "ok"}
    told = house.model.requests[1].messages[-1]["content"]
    assert 'a person changed its arguments to {"to": "bob@example.com"}' in told


@pytest.mark.parametrize("after", [0.0, 1.0])
def test_a_function_is_asked_while_the_other_steps_run(after):
    """The plan goes on with the answer in the same turn, and nothing is suspended."""
    asked = []

    async def answer(call):
        asked.append((call.id, dict(call.arguments)))
        await asyncio.sleep(after)
        return True

    house = House(saver=False, approve=answer)
    result = house.run()
    assert (result.status, ends(result)) == ("complete", ENDS)
    assert asked == [
        ("call-1.mail", {"to": "ann@example.com"}),
        ("call-1.file", {"what": "receipt of ann@example.com"}),
    ]
    assert result.elapsed == pytest.approx(max(2.0, 2 * after), abs=0.1)


def test_with_nobody_to_ask_a_step_is_refused_with_the_reason():
    """The model is told why, and the user is warned."""
    house = House(saver=False)
    result = house.run()
    assert ends(result) == {"find": "ok", "mail": "skipped", "file": "skipped", "look": "ok"}
    assert "nobody can be asked" in house.model.requests[-1].messages[-1]["content"]
    assert any("send_mail was not called" in warning for warning in result.warnings)


def test_steps_wait_beside_other_calls_and_other_plans():
    """All that waits in a turn is put to people at once, each by its own id, and each goes on with its own answer."""
    other = [{"id": "mail", "tool": "send_mail", "arguments": {"to": "cid"}}]
    more = [("plan", {"steps": other}), ("send_mail", {"to": "dan"}), ("look", {})]
    house = House(steps=STEPS[:2], more=more)
    waiting = house.run()
    assert [call.id for call in waiting.pending] == ["call-1.mail", "call-2.mail", "call-3"]
    result = house.resume(waiting.thread_id, {"call-1.mail": True, "call-2.mail": False, "call-3": True})
    assert sorted(house.done) == ["find", "look", "mail ann@example.com", "mail dan"]
    assert result.status == "partial"


def test_the_time_of_people_is_not_charged_to_a_plan_that_waits():
    """A function that leaves a step open until the deadline costs the suspended run nothing after its last step."""

    async def silent(call):
        await asyncio.sleep(100.0)

    house = House(approve=silent)
    waiting = house.run()
    assert (waiting.status, waiting.elapsed > 8) == ("suspended", True)
    result = house.resume(waiting.thread_id, False)
    assert result.budget.latency == 10
    assert result.spend.latency == pytest.approx(2.0, abs=0.2)


def test_a_plan_goes_on_when_a_tool_that_it_needs_later_is_gone():
    """What was approved is made; the step whose tool is gone fails by itself."""
    house = House()
    waiting = house.run("t")
    other = House(house.saver)
    other.model._steps = [DONE]
    other.agent = Agent(other.model, [each for each in other.tools() if each.name != "file_away"],
                        checkpointer=house.saver)  # fmt: skip
    result = other.resume(waiting.thread_id, True)
    assert other.done == ["mail ann@example.com"]
    assert ends(result) == {**ENDS, "file": "error"}


def test_what_a_step_takes_from_untrusted_content_is_asked_about():
    """Where the policy asks for people then, a step that would act on such content waits, and is made as it was put."""

    @tool(read_only=True, trusted=False)
    async def fetch() -> list[Passage]:
        """Fetch a page."""
        return [Passage(text="room 12", origin="https://stranger.example/")]

    @tool
    async def book(room: str) -> str:
        """Book a room."""
        done.append(room)
        return f"There are 7 apples in {room}."

    done: list[str] = []
    steps = [
        {"id": "page", "tool": "fetch", "arguments": {}},
        {"id": "book", "tool": "book", "arguments": {"room": "$page[0].text"}},
    ]
    model = ScriptedModel([ask(("plan", {"steps": steps})), DONE])
    policy = Policy(trust=Trust(effects_after_untrusted="ask"))
    agent = Agent(model, [fetch, book], checkpointer=InMemorySaver(), policy=policy)
    waiting = VirtualClock().run(agent.run("How many apples?"))
    assert [(call.id, call.arguments) for call in waiting.pending] == [("call-1.book", {"room": "room 12"})]
    assert "untrusted" in waiting.pending[0].reason
    assert done == []
    result = VirtualClock().run(agent.resume(waiting.thread_id, True))
    assert (ends(result), done) == ({"page": "ok", "book": "ok"}, ["room 12"])
    assert not result.evidence[-1].trusted


def test_a_step_interrupts_the_graph_around_and_goes_on_there():
    """In a graph of the product's own a step waits by that graph's interrupt, as often as a step needs it."""
    house = House(saver=False)
    builder = StateGraph(MessagesState)
    builder.add_node("house", house.agent.as_node())
    builder.set_entry_point("house")
    graph, config = builder.compile(InMemorySaver()), {"configurable": {"thread_id": "t"}}

    def going(asked):
        return VirtualClock().run(graph.ainvoke(asked, config))

    state = going({"messages": [("user", "Tell Ann.")]})
    assert [call["id"] for call in state["__interrupt__"][0].value["calls"]] == ["call-1.mail"]
    state = going(Command(resume=True))
    assert [call["id"] for call in state["__interrupt__"][0].value["calls"]] == ["call-1.file"]
    state = going(Command(resume={"call-1.file": "keep it"}))
    assert house.done == ["find", "look", "mail ann@example.com"]
    assert state["messages"][-1].text == DONE
