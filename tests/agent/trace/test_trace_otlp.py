"""Spans to an OTLP endpoint: the same as in the store, and an endpoint that is dead costs nothing."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from shotclock.agent.trace.otlp import otlp_exporter
from shotclock.agent.trace.provider import local_tracing
from shotclock.agent.trace.store import TraceStore

from .test_trace_store import record

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NAMES = (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED",
         "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")  # fmt: skip
PROGRAM = """
import sys, time
from shotclock import Agent, Budget, local_tracing
from shotclock.testing import ScriptedModel, ask, fake_tool
tracing = local_tracing(sys.argv[1])
agent = Agent(ScriptedModel([ask(("look", {})), "It is grey."]), [fake_tool("look")], tracer_provider=tracing)
began = time.monotonic()
results = [agent.run_sync("What colour is it?", budget=Budget(latency=1)) for _ in range(20)]
print(time.monotonic() - began, [result.answer for result in results] == ["It is grey."] * 20, time.time())
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


class Collector(HTTPServer):
    """A collector that keeps what is posted to it."""

    def __init__(self) -> None:
        posted: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *given: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.posted = posted


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_the_same_spans_are_sent(collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the standard variable names an endpoint, the spans of the store are posted to it too, one for one."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{collector.server_port}")
    trace_id, problem = record(tmp_path / "traces.db")
    assert problem is None
    sent = set()
    for path, body in collector.posted:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(body)
        sent |= {s.span_id.hex() for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}
    assert sent == {span.span_id for span in TraceStore(tmp_path / "traces.db").spans(trace_id)}


def ran(path: Path, **environment: str) -> tuple[float, float]:
    """A program of twenty runs with traces: seconds that the runs took, and seconds from the last one to its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], env=os.environ | environment, capture_output=True, text=True,
        check=True, timeout=50,
    )  # fmt: skip
    ended = time.time()
    took, right, at = done.stdout.split()
    assert right == "True"
    return float(took), ended - float(at)


def test_an_endpoint_that_never_answers_delays_neither_a_run_nor_the_end(tmp_path: Path) -> None:
    """With an endpoint that takes connections and says nothing, runs take what they take and the program ends within
    the half second that is granted, its traces in the store."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        dead.listen(16)
        endpoint = f"http://127.0.0.1:{dead.getsockname()[1]}"
        pairs = [
            (ran(tmp_path / "with.db", **{ENDPOINT: endpoint}), ran(tmp_path / "without.db", **{ENDPOINT: ""}))
            for _ in range(2)
        ]
    # Beside what the same program takes without it; a busy machine can only make that worse.
    assert min(took / plain for (took, _), (plain, _) in pairs) < 1.5
    assert min(end - plain for (_, end), (_, plain) in pairs) < 1.0
    assert len(TraceStore(tmp_path / "with.db").runs(limit=50)) == 40


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, ""),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, ""),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, ""),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc"),
    ],
)
def test_nothing_is_sent_unless_it_is_asked_for(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an endpoint, or where the variables turn it off, nothing is sent; what cannot be done is said."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING):
        assert otlp_exporter() is None
    assert said in caplog.text
    assert bool(caplog.records) == bool(said)


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Where the exporter is not installed the message names the extra, and the store works as ever."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    with caplog.at_level(logging.WARNING):
        tracing = local_tracing(tmp_path / "traces.db")
    assert "shotclock[otlp]" in caplog.text
    tracing.shutdown()
