"""What the span of a model call says of the endpoint, over a real socket."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent
from shotclock.agent.models.openai import OpenAI

from ..openai_server import Answer, OpenAIServer, chunk, sse, usage


@pytest.mark.parametrize("capture", [False, True])
def test_the_span_says_who_answered(capture: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span of a call holds host and port, the model that answered, the id of its response, tokens and why it ended;
    what was asked and written stands there only where the capture of content is on."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true" if capture else "")
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with OpenAIServer() as server:
        said = chunk({"content": "Grey, I think."}, model="tiny-2026", id="resp-7")
        server.script(Answer(steps=(sse(said, chunk(finish="stop"), usage(11, 4)),)))
        agent = Agent(OpenAI("tiny", base_url=server.base_url), tracer_provider=provider)
        asyncio.run(agent.run("What colour is the sky?"))
        port = int(server.base_url.rsplit(":", 1)[1].split("/")[0])
    (call,) = [span for span in kept.get_finished_spans() if span.name == "chat tiny"]
    found = dict(call.attributes or {})
    expected = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "gen_ai.response.model": "tiny-2026",
        "gen_ai.response.id": "resp-7",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 4,
    }
    assert expected.items() <= found.items()
    assert ("What colour" in str(found), "Grey, I think" in str(found)) == (capture, capture)
