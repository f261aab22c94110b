"""What a run's duration was made of."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shotclock.agent.trace.critical_path import Section, by_phase, by_span, critical_path, slack
from shotclock.agent.trace.rows import EventRow, SpanRow
from shotclock.agent.trace.sensitivity import sensitivities

MS = 1_000_000


def span(
    ident: str, start: float, end: float, operation: str = "", parent: str | None = "root", **more: Any
) -> SpanRow:
    """A span by its ends in milliseconds."""
    attributes = {"gen_ai.operation.name": operation, **more.pop("attributes", {})}
    return SpanRow(
        trace_id="t",
        span_id=ident,
        parent_id=parent,
        name=ident,
        started_ns=int(start * MS),
        ended_ns=int(end * MS),
        attributes=attributes,
        **more,
    )


def walked(sections: tuple[Section, ...]) -> list[tuple[str, str, float, float]]:
    return [(s.span_id, s.phase, s.start_ns / MS, s.end_ns / MS) for s in sections]


def test_the_last_child_to_finish_is_on_the_path() -> None:
    """Of parallel calls the one that finished last counts, and what lies between calls is the root's own."""
    root = span("root", 0, 100, "invoke_agent", None)
    spans = [
        span("chat", 10, 30, "chat"),
        span("quick", 30, 50, "execute_tool"),
        span("slow", 32, 70, "execute_tool"),
        span("check", 75, 95, "verify"),
    ]
    assert walked(critical_path(root, spans)) == [
        ("root", "orchestration", 0, 10),
        ("chat", "inference", 10, 30),
        ("root", "orchestration", 30, 32),
        ("slow", "tool", 32, 70),
        ("root", "orchestration", 70, 75),
        ("check", "verification", 75, 95),
        ("root", "orchestration", 95, 100),
    ]


def test_what_happens_within_a_call_has_the_calls_phase() -> None:
    """A judge's model call is verification, a tool's request is tool; each is walked into."""
    root = span("root", 0, 100, "invoke_agent", None)
    spans = [
        span("check", 0, 60, "verify"),
        span("judge", 10, 50, "chat", "check"),
        span("tool", 60, 100, "execute_tool"),
        span("GET", 70, 90, "", "tool"),
    ]
    sections = critical_path(root, spans)
    assert by_span(sections) == {"check": 20 * MS, "judge": 40 * MS, "tool": 20 * MS, "GET": 20 * MS}
    assert by_phase(sections) == {
        "inference": 0,
        "tool": 40 * MS,
        "verification": 60 * MS,
        "orchestration": 0,
        "wait": 0,
        "unexplained": 0,
    }


def test_waiting_is_not_orchestration() -> None:
    """Time before a retry and in a queue is waiting; a retry that was given up waits for nothing."""
    waits = (
        EventRow(name="d", at_ns=20 * MS, attributes={"shotclock.choice": "retry", "shotclock.figure.wait": 0.01}),
        EventRow(name="d", at_ns=80 * MS, attributes={"shotclock.choice": "give_up", "shotclock.figure.wait": 0.01}),
    )
    root = span("root", 0, 100, "invoke_agent", None, events=waits)
    spans = [
        span("first", 0, 20, "execute_tool"),
        span("again", 35, 60, "execute_tool", attributes={"shotclock.call.queue.duration": 0.003}),
    ]
    assert walked(critical_path(root, spans)) == [
        ("first", "tool", 0, 20),
        ("root", "wait", 20, 30),
        ("root", "orchestration", 30, 32),
        ("root", "wait", 32, 35),
        ("again", "tool", 35, 60),
        ("root", "orchestration", 60, 100),
    ]


def test_a_tool_that_began_early_waited_for_the_models_words() -> None:
    """Before a tool that was started while the model still wrote lies the model, not the run's own time."""
    root = span("root", 0, 300, "invoke_agent", None)
    spans = [
        span("chat", 0, 200, "chat"),
        span("first", 90, 110, "execute_tool", attributes={"gen_ai.tool.call.id": "a"}),
        span("second", 150, 300, "execute_tool", attributes={"gen_ai.tool.call.id": "b"}),
    ]
    assert walked(critical_path(root, spans)) == [("chat", "inference", 0, 150), ("second", "tool", 150, 300)]


def test_a_hedge_waited_for_the_attempt_that_was_slow() -> None:
    """Before a hedge that won lies the attempt it was raced against; where no attempt won, the run waited for both."""
    root = span("root", 0, 400, "invoke_agent", None)

    def raced(ident: str, start: float, end: float, attempt: int, won: bool) -> SpanRow:
        read = {"gen_ai.tool.call.id": "a", "shotclock.call.attempt": attempt, "shotclock.hedge.won": won}
        return span(ident, start, end, "execute_tool", attributes=read)

    won = [raced("slow", 0, 400, 1, False), raced("hedge", 300, 400, 2, True)]
    assert walked(critical_path(root, won)) == [("slow", "tool", 0, 300), ("hedge", "tool", 300, 400)]
    neither = [raced("slow", 0, 400, 1, False), raced("hedge", 300, 390, 2, False)]
    assert walked(critical_path(root, neither)) == [("slow", "tool", 0, 400)]


def test_what_nothing_says_is_unexplained() -> None:
    """A long stretch of the run's own time without an event is unexplained; short ones, and the rest, are its own."""
    root = span("root", 0, 500, "invoke_agent", None, events=(EventRow(name="d", at_ns=160 * MS),))
    spans = [span("chat", 0, 100, "chat"), span("check", 300, 480, "verify")]
    assert walked(critical_path(root, spans)) == [
        ("chat", "inference", 0, 100),
        ("root", "unexplained", 100, 160),
        ("root", "unexplained", 160, 300),
        ("check", "verification", 300, 480),
        ("root", "orchestration", 480, 500),
    ]


def test_what_a_call_would_save() -> None:
    """A call saves its part of the path down to what ran beside it; what came of it goes with it."""
    root = span("root", 0, 100, "invoke_agent", None)
    spans = [
        span("chat", 0, 30, "chat"),
        span("early", 20, 28, "execute_tool"),
        span("quick", 30, 50, "execute_tool"),
        span("slow", 30, 70, "execute_tool"),
        span("request", 35, 60, "", "slow"),
        span("answer", 70, 100, "chat"),
    ]
    found = {each.span_id: each for each in sensitivities(root, spans, critical_path(root, spans))}
    assert {name: each.saves_ns // MS for name, each in found.items()} == {
        "chat": 30, "early": 0, "quick": 0, "slow": 20, "answer": 30,
    }  # fmt: skip
    assert {name: each.fan_out for name, each in found.items()} == {
        "chat": 2, "early": 2, "quick": 2, "slow": 2, "answer": 1,
    }  # fmt: skip
    assert [found[name].share for name in ("chat", "slow", "answer", "quick")] == [0.3, 0.4, 0.3, 0.0]
    assert found["quick"].slack_ns == 20 * MS


def test_children_that_outlive_their_parent_are_clipped() -> None:
    """A child counts only within its parent's time, and one wholly outside does not count."""
    root = span("root", 10, 100, "invoke_agent", None)
    spans = [span("early", 0, 40, "chat"), span("late", 90, 130, "execute_tool"), span("after", 110, 120, "verify")]
    assert walked(critical_path(root, spans)) == [
        ("early", "inference", 10, 40),
        ("root", "orchestration", 40, 90),
        ("late", "tool", 90, 100),
    ]


def test_an_abandoned_call_does_not_hide_the_others() -> None:
    """A call that never ended counts only after everything else had finished; one that lost a race never does."""
    root = span("root", 0, 100, "invoke_agent", None)
    spans = [
        span("hang", 0, 100, "execute_tool", attributes={"error.type": "abandoned"}),
        span("loser", 20, 71, "execute_tool", attributes={"shotclock.hedge.won": False}),
        span("answer", 30, 70, "chat"),
    ]
    assert walked(critical_path(root, spans)) == [
        ("root", "orchestration", 0, 30),
        ("answer", "inference", 30, 70),
        ("hang", "tool", 70, 100),
    ]


def test_slack() -> None:
    """A call beside the path could have ended as late as the next thing began; one on the path has none."""
    root = span("root", 0, 100, "invoke_agent", None)
    spans = {
        "quick": span("quick", 10, 30, "execute_tool"),
        "within quick": span("within quick", 12, 25, "", "quick"),
        "slow": span("slow", 10, 60, "execute_tool"),
        "within slow": span("within slow", 20, 50, "", "slow"),
        "last": span("last", 60, 100, "chat"),
    }
    sections = critical_path(root, spans.values())
    found = {name: slack(one, [root, *spans.values()], sections) / MS for name, one in spans.items()}
    assert found == {"quick": 30, "within quick": 35, "slow": 0, "within slow": 0, "last": 0}


MANNERS: list[dict[str, Any]] = [
    {},
    {"error.type": "abandoned"},
    {"gen_ai.tool.call.id": "a", "shotclock.call.attempt": 1, "shotclock.hedge.won": False},
    {"gen_ai.tool.call.id": "a", "shotclock.call.attempt": 2, "shotclock.hedge.won": True},
]


@st.composite
def trees(draw: st.DrawFn) -> tuple[SpanRow, list[SpanRow]]:
    """A root and spans of any extent under any earlier span or one that is lost, some raced, early or abandoned."""
    instants = st.integers(0, 1_000)
    ends = sorted((draw(instants), draw(instants)))
    root = SpanRow(
        trace_id="t", span_id="root", parent_id=draw(st.sampled_from([None, "0"])), name="root",
        started_ns=ends[0], ended_ns=ends[1],
        events=(EventRow(name="e", at_ns=draw(instants), attributes={"shotclock.figure.wait": 1e-7}),),
    )  # fmt: skip
    spans = []
    for index in range(draw(st.integers(0, 12))):
        parent = draw(st.sampled_from(["root", "root", "lost", *map(str, range(index + 1))]))
        operation = draw(st.sampled_from(["chat", "execute_tool", "verify", ""]))
        start, end = draw(instants), draw(instants)
        attributes = {"gen_ai.operation.name": operation, "shotclock.call.queue.duration": draw(instants) / 1e9}
        attributes |= draw(st.sampled_from(MANNERS))
        spans.append(
            SpanRow(
                trace_id="t",
                span_id=str(index),
                parent_id=parent,
                name=operation,
                started_ns=start,
                ended_ns=end,
                attributes=attributes,
            )
        )
    return root, [*spans, root]


@given(trees())
def test_the_sections_are_the_root(case: tuple[SpanRow, list[SpanRow]]) -> None:
    """Whatever the spans, the sections follow one another without gap and sum to the root's duration."""
    root, spans = case
    sections = critical_path(root, spans)
    assert sum(section.duration_ns for section in sections) == root.duration_ns
    assert sum(by_phase(sections).values()) == root.duration_ns
    assert all(slack(span, spans, sections) >= 0 for span in spans)
    found = sensitivities(root, [span for span in spans if span is not root], sections)
    assert all(0 <= each.saves_ns <= each.on_path_ns and each.slack_ns >= 0 and each.fan_out >= 1 for each in found)
    own = sum(section.duration_ns for section in sections if section.span_id == "root")
    assert sum(each.on_path_ns for each in found) + own == root.duration_ns
    ends = [root.started_ns, *(section.end_ns for section in sections)]
    assert [section.start_ns for section in sections] == ends[:-1]
    assert ends[-1] == root.started_ns + root.duration_ns
