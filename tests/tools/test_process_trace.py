"""The trace goes into threads and worker processes: spans that a tool makes there belong to its attempt."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Tool
from shotclock.testing import ScriptedModel, ask

MODULE = textwrap.dedent(
    '''
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("theirs")

    def plain() -> str:
        """Make a span of its own and say what it is under."""
        with TRACER.start_as_current_span("theirs") as span:
            return f"{span.context.trace_id:032x} {span.parent.span_id:016x}"

    async def awaited() -> str:
        """The same, awaited."""
        return plain()
    '''
)


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "theirs_traced.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "theirs_traced", raising=False)
    return "theirs_traced"


@pytest.mark.parametrize("name", ["plain", "awaited"])
@pytest.mark.parametrize("isolation", ["process", "thread", "auto"])
def test_a_span_made_inside_a_tool_is_under_its_attempt(theirs: str, name: str, isolation: str) -> None:
    """A span that a tool makes in a worker process, a thread or the loop has the attempt's span as its parent."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tool = Tool(getattr(__import__(theirs), name), isolation=isolation)  # type: ignore[arg-type]
    agent = Agent(ScriptedModel([ask((name, {})), "Done."]), [tool], tracer_provider=provider)
    (evidence,) = agent.run_sync("?").evidence
    (attempt,) = [span for span in kept.get_finished_spans() if span.name == f"execute_tool {name}"]
    assert evidence.content == f"{attempt.context.trace_id:032x} {attempt.context.span_id:016x}"
    assert not trace.get_current_span().get_span_context().is_valid
