"""Traces made to order: spans by their ends in milliseconds, in a store of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shotclock.agent.trace.rows import EventRow, SpanRow
from shotclock.agent.trace.run_view import RunView
from shotclock.agent.trace.schema import run_of
from shotclock.agent.trace.store import TraceStore

MS = 1_000_000
T0 = 1_700_000_000_000_000_000


class Maker:
    """Makes the spans of one trace; `__` in an attribute's name stands for a dot."""

    def __init__(self, trace_id: str, begun: float = 0) -> None:
        self.trace_id = trace_id
        self._origin = T0 + int(begun * MS)
        self._number = 0

    def root(self, end: float, *events: EventRow, **attributes: Any) -> SpanRow:
        """The root of a run that was complete, unless told otherwise."""
        told = {"shotclock__run__status": "complete", "shotclock__run__stop_reason": "answered"}
        told |= {"shotclock__run__verified": True, "gen_ai__agent__name": "desk", "gen_ai__request__model": "m"}
        return self.span("invoke_agent", 0, end, None, "root", events=events, **(told | attributes))

    def tool(self, name: str, start: float, end: float, parent: str = "root", **attributes: Any) -> SpanRow:
        """An attempt of a tool."""
        told = {"gen_ai__tool__name": name, "shotclock__call__outcome": "ok"}
        return self.span("execute_tool", start, end, parent, what=name, **(told | attributes))

    def chat(self, start: float, end: float, **attributes: Any) -> SpanRow:
        """A model call."""
        told = {"gen_ai__request__model": "m", "shotclock__call__outcome": "ok"}
        return self.span("chat", start, end, "root", what="m", **(told | attributes))

    def span(
        self,
        operation: str,
        start: float,
        end: float,
        parent: str | None,
        ident: str = "",
        *,
        what: str = "desk",
        events: tuple[EventRow, ...] = (),
        **attributes: Any,
    ) -> SpanRow:
        """A span."""
        self._number += 1
        return SpanRow(
            trace_id=self.trace_id, span_id=ident or f"{self._number:016x}", parent_id=parent,
            name=f"{operation} {what}", started_ns=self._origin + int(start * MS),
            ended_ns=self._origin + int(end * MS), events=events,
            attributes={"gen_ai.operation.name": operation} | _dotted(attributes),
        )  # fmt: skip

    def decided(self, at: float, kind: str, choice: str, reason: str, **figures: Any) -> EventRow:
        """The event of a decision."""
        name = "shotclock.tool.skipped" if kind == "skip" else "shotclock.decision"
        told = {"shotclock.kind": kind, "shotclock.choice": choice, "shotclock.reason": reason}
        told |= {f"shotclock.figure.{key}": value for key, value in figures.items()}
        return EventRow(name=name, at_ns=self._origin + int(at * MS), attributes=told)


def _dotted(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in attributes.items()}


def viewed(spans: list[SpanRow]) -> RunView:
    """The run of which the first span is the root."""
    run = run_of(spans[0])
    assert run is not None
    return RunView.of(run, spans)


@pytest.fixture
def make() -> Callable[..., Maker]:
    """Makers of traces."""
    return Maker


@pytest.fixture
def view() -> Callable[[list[SpanRow]], RunView]:
    """Spans as a run."""
    return viewed


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TraceStore]:
    """Puts traces into the default store, which is the test's own."""
    monkeypatch.setenv("SHOTCLOCK_TRACES", str(tmp_path / "traces.db"))
    monkeypatch.setenv("COLUMNS", "80")

    def keep(*traces: list[SpanRow]) -> TraceStore:
        store = TraceStore()
        with closing(store.connect()) as connection:
            for spans in traces:
                store.write(connection, spans)
        return store

    return keep
