"""The FastAPI example over a real socket: answers, streams, deadlines, clients that leave, and many at once."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from examples.fastapi_app import app, price
from shotclock import Agent, tool
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.scope import REMAINING_HEADER

LAMP = "What is the price of the lamp?"
started, stopped = threading.Event(), threading.Event()


@tool(read_only=True)
async def hang() -> str:
    """Never answer."""
    started.set()
    try:
        await asyncio.sleep(3600)
    finally:
        stopped.set()
    return "late"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The example, served by uvicorn in a thread, on a port that was free."""
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as listening:
        patch.setenv("SHOTCLOCK_TRACES", str(tmp_path_factory.mktemp("traces") / "traces.db"))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + 20
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server does not end: something is left running"


@pytest.fixture
def hanging(url):
    """An agent whose tool hangs, in the place of the example's."""
    usual, app.state.agent = app.state.agent, Agent(ScriptedModel([ask(("hang", {})), "I do not know."]), [hang])
    started.clear()
    stopped.clear()
    yield
    app.state.agent = usual


def events_of(lines):
    """The events of a stream, by the fields of its blocks."""
    kind = None
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
            assert data["type"] == kind
            yield data


def streamed(url, text, headers=None, **params):
    with httpx.stream("GET", f"{url}/ask/stream", params={"text": text, **params}, headers=headers, timeout=30) as got:
        assert got.status_code == 200
        assert got.headers["content-type"].startswith("text/event-stream")
        return list(events_of(got.iter_lines()))


def test_a_question_is_answered_as_json(url):
    """POST gives the whole result."""
    result = httpx.post(f"{url}/ask", json={"text": LAMP}, timeout=30).json()
    assert (result["answer"], result["verified"]) == ("Price (lamp): 39.9.", True)


def test_a_stream_tells_what_happens_and_ends_with_the_same_result(url):
    """GET gives the events in their order, and the last is what POST would have given."""
    events = streamed(url, LAMP)
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1], kinds.count("result")) == ("run_started", "result", 1)
    assert kinds.index("call_started") < kinds.index("call_finished") < kinds.index("text_delta")
    assert (events[-1]["answer"], events[-1]["verified"]) == ("Price (lamp): 39.9.", True)


@pytest.mark.parametrize("path", ["ask", "ask/stream"])
def test_a_callers_deadline_is_honoured(url, hanging, path):
    """With 300 ms left at the caller's, the answer of a tool that hangs is there by then."""
    headers, began = {REMAINING_HEADER: "300"}, time.monotonic()
    if path == "ask":
        result = httpx.post(f"{url}/ask", json={"text": "?", "seconds": 20}, headers=headers, timeout=30).json()
    else:
        result = streamed(url, "?", headers, seconds=20)[-1]
    assert time.monotonic() - began < 2.0
    assert result["elapsed"] < 0.4
    assert result["stop_reason"] == "deadline"


def test_a_quiet_stream_has_a_heartbeat(url, hanging):
    """While nothing happens a budget tick comes every second."""
    ticks = [event for event in streamed(url, "?", seconds=2.5) if event["type"] == "budget_tick"]
    assert [round(each["at"]) for each in ticks] == [1, 2]
    assert all(each["remaining"] == pytest.approx(2.5 - each["at"], abs=0.01) for each in ticks)


def test_a_client_that_leaves_cancels_the_run_and_its_calls(url, hanging):
    """The call that was under way for a client that has closed its connection is cancelled at once."""
    with httpx.stream("GET", f"{url}/ask/stream", params={"text": "?", "seconds": 30}, timeout=30) as got:
        for event in events_of(got.iter_lines()):
            if event["type"] == "call_started":
                assert started.wait(5)
                break
    assert stopped.wait(5)


def test_a_client_that_leaves_before_its_answer_cancels_the_run_and_its_calls(url, hanging, caplog):
    """A POST whose client gives up does not run on to its deadline, and the server has nothing to complain about."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/ask", json={"text": "?", "seconds": 30}, timeout=httpx.Timeout(10, read=1.0))
    assert started.is_set()
    assert stopped.wait(5)
    assert httpx.post(f"{url}/ask", json={"text": "?", "seconds": 0.2}, timeout=30).status_code == 200
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"text": " "}, "query is empty"),
        ({"text": LAMP, "seconds": math.inf}, "less than"),
        ({"text": LAMP, "seconds": -1}, "greater"),
    ],
)
def test_what_is_wrong_with_a_question_is_said_with_422(url, params, says):
    """A question that cannot be asked is refused before anything is sent, in words."""
    got = httpx.get(f"{url}/ask/stream", params=params, timeout=30)
    assert (got.status_code, says in got.text) == (422, True), got.text


async def test_fifty_at_once_are_all_answered(url):
    """Fifty requests that come together, half of them streams, are answered and verified, each by its deadline."""

    async def one(client, number):
        product, euros = (("lamp", "39.9"), ("chair", "89.0"))[number // 2 % 2]
        text = f"What is the price of the {product}?"
        if number % 2:
            result = (await client.post(f"{url}/ask", json={"text": text, "seconds": 20})).json()
        else:
            got = await client.get(f"{url}/ask/stream", params={"text": text, "seconds": 20})
            result = list(events_of(got.text.splitlines()))[-1]
        return (result["answer"], result["verified"]) == (f"Price ({product}): {euros}.", True)

    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(timeout=30, limits=limits) as client:
        assert all(await asyncio.gather(*(one(client, number) for number in range(50))))


def test_the_example_shares_one_agent(url):
    """The agent is made once, and what it has learnt of its tool is kept from request to request."""
    httpx.post(f"{url}/ask", json={"text": LAMP}, timeout=30)
    before = app.state.agent.memory.history.forecast(price).n
    httpx.post(f"{url}/ask", json={"text": LAMP}, timeout=30)
    assert app.state.agent.memory.history.forecast(price).n == before + 1
