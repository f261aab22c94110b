"""Viewers that others write show a run as it was: kinds, parents, latencies, statuses and tokens.

They run here, from environments of their own that `make test-viewers` makes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.viewers, pytest.mark.timeout(300)]

PROGRAM = """
import sys, time
from shotclock import Agent, Budget, judge, local_tracing
from shotclock.agent.models.base import Usage
from shotclock.testing import Say, ScriptedModel, ask, fake_tool
tracing = local_tracing(sys.argv[1])
model = ScriptedModel([ask(("look", {"text": "sky"}), ("fail", {}), after=0.2), Say("It is grey.", after=0.3)],
                      usage=Usage(input_tokens=100, output_tokens=20))
judging = ScriptedModel([Say('{"verdict": "pass"}', after=0.1)], name="judging",
                        usage=Usage(input_tokens=50, output_tokens=5))
tools = [fake_tool("look", returns="grey", after=0.2, read_only=True), fake_tool("fail", error=ValueError("no"))]
agent = Agent(model, tools, name="desk", verify=[judge(judging)], tracer_provider=tracing)
print(agent.run_sync("What colour is the sky?", budget=Budget(latency=5)).trace_id)
sys.stdout.flush()
time.sleep(20)  # a viewer that was just started takes its time with the first spans
"""
EXPECTED = {
    "invoke_agent desk": ("AGENT", None, False),
    "chat scripted": ("LLM", "invoke_agent desk", False),
    "execute_tool look": ("TOOL", "invoke_agent desk", False),
    "execute_tool fail": ("TOOL", "invoke_agent desk", True),
    "verify turn": ("EVALUATOR", "invoke_agent desk", False),
    "verify answer": ("EVALUATOR", "invoke_agent desk", False),
    "chat judging": ("LLM", "verify answer", False),
}
"""Of each span: its kind, its parent, and whether it is an error."""
TOKENS = (250, 45)


def folder(variable: str) -> Path:
    found = os.environ.get(variable)
    if not found:
        pytest.skip(f"{variable} names no environment; run `make test-viewers`")
    return Path(found).absolute()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(command: list[str], place: Path, url: str, **environment: str) -> Iterator[str]:
    """A viewer that runs until the test is over."""
    with (place / "log.txt").open("w") as log:
        viewer = subprocess.Popen(command, cwd=place, env=os.environ | environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 180
        while time.monotonic() < until and viewer.poll() is None:
            try:
                httpx.get(url, timeout=2)
                break
            except httpx.HTTPError:
                time.sleep(0.5)
        yield url
    finally:
        viewer.terminate()
        try:
            viewer.wait(20)
        except subprocess.TimeoutExpired:
            viewer.kill()


def traced(place: Path, endpoint: str, headers: str = "") -> str:
    """Run an agent whose spans go to a viewer; the trace's id."""
    environment = os.environ | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": headers, "SHOTCLOCK_OPENINFERENCE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place / "traces.db")], env=environment, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.strip()


def check(spans: list[dict[str, Any]]) -> None:
    """Every span is there with its kind, its parent, its status and a latency that is its own."""
    names = {span["id"]: span["name"] for span in spans}
    shown = {span["name"]: (span["kind"], names.get(span["parent"]), span["error"]) for span in spans}
    assert shown == EXPECTED
    seconds = {span["name"]: span["seconds"] for span in spans}
    assert 0.2 <= seconds["execute_tool look"] < 1
    assert 0.6 <= seconds["invoke_agent desk"] < 5


@pytest.fixture
def phoenix(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    yield from served(
        [str(folder("SHOTCLOCK_PHOENIX") / "phoenix"), "serve"], tmp_path, f"http://127.0.0.1:{port}",
        PHOENIX_WORKING_DIR=str(tmp_path), PHOENIX_HOST="127.0.0.1", PHOENIX_PORT=str(port),
        PHOENIX_GRPC_PORT=str(free_port()), PHOENIX_TELEMETRY_ENABLED="false",
    )  # fmt: skip


def test_phoenix_shows_the_run(phoenix: str, tmp_path: Path) -> None:
    """Phoenix shows every span of a run, and its tokens are the sum of the model calls'."""
    trace_id = traced(tmp_path, phoenix)
    given = httpx.get(f"{phoenix}/v1/projects/default/spans", params={"limit": 100}, timeout=30).json()["data"]
    own = [span for span in given if span["context"]["trace_id"] == trace_id]
    check(
        [
            {
                "id": span["context"]["span_id"],
                "parent": span["parent_id"],
                "name": span["name"],
                "kind": span["span_kind"],
                "error": span["status_code"] == "ERROR",
                "seconds": _seconds(span["end_time"]) - _seconds(span["start_time"]),
            }
            for span in own
        ]
    )
    query = "{projects{edges{node{name tokenCountPrompt tokenCountCompletion}}}}"
    answer = httpx.post(f"{phoenix}/graphql", json={"query": query}, timeout=30).json()
    (project,) = [edge["node"] for edge in answer["data"]["projects"]["edges"] if edge["node"]["name"] == "default"]
    assert (project["tokenCountPrompt"], project["tokenCountCompletion"]) == TOKENS


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


READ = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
(trace,) = mlflow.MlflowClient().search_traces(locations=["0"])
spans = [{"id": s.span_id, "parent": s.parent_id, "name": s.name, "kind": s.span_type,
          "error": s.status.status_code.name == "ERROR", "seconds": (s.end_time_ns - s.start_time_ns) / 1e9}
         for s in trace.data.spans]
print(json.dumps({"spans": spans, "tokens": trace.info.token_usage, "state": trace.info.state}))
"""


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [str(folder("SHOTCLOCK_MLFLOW") / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"]  # fmt: skip
    yield from served(command, tmp_path, f"http://127.0.0.1:{port}", MLFLOW_DISABLE_TELEMETRY="true")


def test_mlflow_shows_the_run(mlflow: str, tmp_path: Path) -> None:
    """MLflow shows every span of a run, and its tokens are the sum of the model calls'."""
    traced(tmp_path, mlflow, "x-mlflow-experiment-id=0")
    done = subprocess.run(
        [str(folder("SHOTCLOCK_MLFLOW") / "python"), "-c", READ, mlflow], capture_output=True, text=True, check=True,
        timeout=120, env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    shown = json.loads(done.stdout.splitlines()[-1])
    check(shown["spans"])
    assert (shown["tokens"]["input_tokens"], shown["tokens"]["output_tokens"]) == TOKENS
    assert shown["state"] == "OK"
