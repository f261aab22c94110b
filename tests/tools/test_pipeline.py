"""The pipeline: bounded, retried under the deadline, isolated, checked. All about time is on the virtual clock."""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import Any

import httpx
import pytest

from shotclock import Agent, Budget, Passage, ToolError, remaining, tool
from shotclock.testing import Hang, ScriptedModel, VirtualClock, ask, fake_tool
from shotclock.tools.isolation import POOL


def run(tools, *calls, budget=None, answer="Done."):
    """One turn of calls, then an answer, on the virtual clock."""
    agent = Agent(ScriptedModel([ask(*calls), answer]), tools)
    return VirtualClock().run(agent.run("?", budget=budget or Budget(latency=10)))


def test_calls_of_a_turn_run_side_by_side():
    """Three calls of 2 s take 2 s together."""
    tools = [fake_tool(name, after=2) for name in "abc"]
    result = run(tools, ("a", {}), ("b", {}), ("c", {}))
    assert 2.0 <= result.elapsed < 2.01
    assert [e.outcome.name for e in result.evidence] == ["ok", "ok", "ok"]


def kept_back(result):
    """Seconds the run kept back: what it recorded its model's answer to take, 0.02 to compose and a margin of 0.05."""
    (reserve,) = [decision for decision in result.decisions if decision["kind"] == "reserve"]
    return reserve["figures"]["answer_q95"] + 0.02 + 0.05


def test_a_timeout_costs_only_its_own_call():
    """A call over its own timeout ends then, and its sibling is not touched."""
    tools = [fake_tool("slow", after=5, timeout=1), fake_tool("fast", returns="7 apples")]
    result = run(tools, ("slow", {}), ("fast", {}))
    found = {e.tool: e for e in result.evidence}
    assert found["slow"].outcome.name == "timed_out"
    assert found["slow"].content == "slow timed out after 1.00 s."
    assert found["fast"].usable
    assert 1.0 <= result.elapsed < 1.01


def test_calls_are_interrupted_at_the_soft_deadline():
    """A call that hangs is interrupted with exactly the reserve left, and the model answers in it."""
    tools = [fake_tool("hangs", after=100), fake_tool("good", returns="There are 7 apples.")]
    result = run(tools, ("hangs", {}), ("good", {}), answer="There are 7 apples.")
    assert result.elapsed == 10 - kept_back(result)
    assert result.stop_reason == "deadline"
    assert "7 apples" in result.answer


def test_a_retry_can_save_a_call():
    """A read-only tool that fails twice and may be retried gives its result; every attempt is counted."""
    flaky = fake_tool("flaky", returns="7 apples", error=OSError("down"), failures=2, read_only=True, retry=3)
    result = run([flaky], ("flaky", {}), answer="There are 7 apples.")
    assert result.evidence[0].usable
    assert result.evidence[0].attempts == 3
    assert result.spend.tool_calls == 3
    assert [d["choice"] for d in result.decisions if d["kind"] == "retry"] == ["retry", "retry"]


def test_there_is_no_retry_where_it_could_not_end():
    """A retry that would not fit before the soft deadline is not begun, and the decision says so with its figures."""
    failing = fake_tool("failing", after=3, error=OSError("down"), read_only=True, retry=9, latency=3)
    result = run([failing], ("failing", {}), budget=Budget(latency=10))
    assert result.evidence[0].attempts == 3
    given_up = [d for d in result.decisions if d["kind"] == "retry" and d["choice"] == "give_up"]
    assert given_up[0]["figures"]["remaining"] < 3
    assert result.elapsed < 10


def test_what_a_tool_says_is_not_retried():
    """A ToolError is an answer to the model, not a fault that may pass."""
    refusing = fake_tool("refusing", error=ToolError("say which city"), read_only=True, retry=3)
    result = run([refusing], ("refusing", {}))
    assert result.evidence[0].attempts == 1
    assert result.evidence[0].content == "refusing failed: say which city"


def test_a_call_that_usually_takes_longer_than_is_left_is_skipped():
    """A call that cannot end is not begun; the model is told why, and no attempt is spent."""
    result = run([fake_tool("slow", after=20, latency=20)], ("slow", {}))
    assert result.spend.tool_calls == 0
    assert result.evidence[0].outcome.name == "skipped"
    assert "usually takes 20 s" in result.evidence[0].content


def test_the_fallback_takes_its_place():
    """Where a tool does not fit and its fallback does, the fallback is called."""
    quick = fake_tool("quick", returns="7 apples", latency=1)
    result = run([fake_tool("slow", after=20, latency=20, fallback=quick)], ("slow", {}))
    assert result.evidence[0].tool == "quick"
    assert result.evidence[0].usable


def test_a_failed_check_withholds_the_result():
    """A result that fails its check is not shown to the model; the reason is."""

    @tool(checks=[lambda value: value < 100 or "a percentage is under 100"])
    async def share() -> int:
        """A percentage."""
        return 250

    model = ScriptedModel([ask(("share", {})), "I do not know."])
    result = VirtualClock().run(Agent(model, [share]).run("?", budget=Budget(latency=5)))
    told = next(m["content"] for m in model.requests[1].messages if m["role"] == "tool")
    assert "withheld" in told
    assert "a percentage is under 100" in told
    assert "250" not in told
    assert not result.evidence[0].usable


def test_a_result_that_its_checks_refuse_is_asked_for_again_where_that_changes_nothing():
    """An error page that came with status 200 costs one attempt more, of a tool that only reads; of others none."""
    cases = (({"read_only": True}, 2, True), ({}, 1, False), ({"read_only": True, "retry": 0}, 1, False))
    for options, attempts, usable in cases:
        pages = iter(("<html>502 Bad Gateway</html>", "7 apples"))

        @tool(checks=[lambda value: "apples" in value], **options)
        async def page(pages: Any = pages) -> str:
            """A page."""
            return next(pages)

        (found,) = run([page], ("page", {})).evidence
        assert (found.attempts, found.usable) == (attempts, usable)


def status_error(status):
    """What httpx raises for an answer of this status."""
    request = httpx.Request("GET", "https://page.example")
    return httpx.HTTPStatusError(str(status), request=request, response=httpx.Response(status))


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(ConnectionResetError("reset"), 3), (status_error(503), 3), (status_error(429), 3), (status_error(404), 1),
     (RuntimeError("a bug"), 1), (OSError("down"), 1)],
)  # fmt: skip
def test_what_is_known_to_pass_is_tried_again_where_the_author_said_nothing(error, attempts):
    """429, 5xx and a broken connection are worth two more attempts of a tool that only reads; anything else stays."""
    failing = fake_tool("failing", error=error, read_only=True)
    assert run([failing], ("failing", {})).evidence[0].attempts == attempts


def test_a_result_that_is_not_what_was_declared_fails():
    """The declared return type is a check."""

    @tool
    async def number() -> int:
        """A number."""
        return "many"  # type: ignore[return-value]  # the fault under test

    result = run([number], ("number", {}))
    assert result.evidence[0].verdict.verifier == "schema"
    assert result.evidence[0].verdict.outcome == "fail"


def test_passages_become_evidence_with_their_origin():
    """A tool that returns passages gives evidence that can be cited."""

    @tool
    async def search() -> list[Passage]:
        """Search."""
        return [Passage(text="The moon is 384,400 km away.", origin="moon.md")]

    result = run([search], ("search", {}), answer="The moon is 384,400 km away (moon.md).")
    assert result.evidence[0].origin == "moon.md"
    assert result.verified


def test_a_tool_can_ask_how_much_time_it_has():
    """`remaining()` is the attempt's own slice, in the loop and in a thread, and infinite outside."""
    seen = {}

    @tool(timeout=2)
    async def in_loop() -> str:
        """In the loop."""
        seen["loop"] = remaining()
        return "ok"

    @tool(timeout=2)
    def in_thread() -> str:
        """In a thread."""
        seen["thread"] = remaining()
        return "ok"

    agent = Agent(ScriptedModel([ask(("in_loop", {}), ("in_thread", {})), "Done."]), [in_loop, in_thread])
    agent.run_sync("?", budget=Budget(latency=5))
    assert 1.5 < seen["loop"] <= 2
    assert 1.5 < seen["thread"] <= 2
    assert remaining() == float("inf")


def test_a_run_inside_a_tool_has_the_tools_deadline():
    """A nested run's deadline is the earlier of its own and the one it is in."""
    inner = Agent(ScriptedModel([Hang()]), [])
    seen = []

    @tool(timeout=1)
    async def nested() -> str:
        """Run another agent."""
        result = await inner.run("?", budget=Budget(latency=60))
        seen.append((result.stop_reason, result.elapsed))
        return "ok"

    run([nested], ("nested", {}))
    assert seen == [("deadline", pytest.approx(0.93))]


CALLER = contextvars.ContextVar("caller", default="nobody")


def test_context_variables_reach_tools_in_threads():
    """A sync tool sees the context variables of whoever called the agent."""

    @tool
    def who() -> str:
        """Who calls."""
        return CALLER.get()

    async def main():
        CALLER.set("Ada")
        return await Agent(ScriptedModel([ask(("who", {})), "Ada"]), [who]).run("?")

    assert asyncio.run(main()).evidence[0].value == "Ada"


def test_threads_are_bounded_and_reused():
    """A hundred quick calls share the threads of the pool."""

    @tool
    def quick(n: int) -> int:
        """Quick."""
        time.sleep(0.001)
        return n

    calls = [("quick", {"n": n}) for n in range(30)]
    result = Agent(ScriptedModel([ask(*calls), "Done."]), [quick]).run_sync("?", budget=Budget(latency=5))
    assert sorted(e.value for e in result.evidence) == list(range(30))
    assert POOL._count <= 64


def test_more_calls_than_a_turn_may_have_are_skipped():
    """`limits.parallel` bounds a turn, and the model is told."""
    result = run([fake_tool("a")], *[("a", {"text": str(n)}) for n in range(40)])
    names = [e.outcome.name for e in result.evidence]
    assert names.count("ok") == 32
    assert names.count("skipped") == 8


def test_what_was_learnt_of_a_tool_decides_whether_it_is_begun():
    """After a dozen calls of 5 s, one is not begun with 2 s left, and the decision has its figures."""
    agent = Agent(ScriptedModel([ask(("slow", {})), "Done."]), [fake_tool("slow", after=5)])
    clock = VirtualClock()
    for _ in range(12):
        assert clock.run(agent.run("?", budget=Budget(latency=10))).spend.tool_calls == 1
    result = clock.run(agent.run("?", budget=Budget(latency=2)))
    assert result.spend.tool_calls == 0
    assert result.evidence[0].content == "slow was skipped: slow usually takes 5 s and 1.93 s are left."
    skipped = next(d for d in result.decisions if d["kind"] == "skip")
    assert skipped["figures"]["chance"] < 1 / 3


def test_an_attempt_that_takes_far_longer_than_all_before_is_cut_and_retried():
    """Once a tool is known, a hang costs its q95 and not the rest of the budget, where a retry can follow."""
    hangs = iter([False] * 30 + [True] + [False] * 9)

    @tool(read_only=True, retry=1)
    async def look() -> str:
        """Look."""
        await asyncio.sleep(3600 if next(hangs) else 0.1)
        return "There are 7 apples."

    agent = Agent(ScriptedModel([ask(("look", {})), "There are 7 apples."]), [look])
    clock = VirtualClock()
    for _ in range(30):
        clock.run(agent.run("?", budget=Budget(latency=10)))
    result = clock.run(agent.run("?", budget=Budget(latency=10)))
    assert result.verified
    assert result.evidence[0].attempts == 2
    assert result.elapsed < 1
