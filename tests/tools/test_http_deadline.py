"""The time left between processes: it travels to listed hosts only, and one that arrives is honoured."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shotclock import Agent, Budget, ToolError, tool
from shotclock.policies.deadline import Deadline
from shotclock.policies.errors import UsageError
from shotclock.testing import Hang, ScriptedModel, ask, fake_tool
from shotclock.tools import http as client
from shotclock.tools.landing import failure
from shotclock.tools.scope import (
    ENCLOSING,
    HOSTS_VARIABLE,
    REMAINING_HEADER,
    Enclosing,
    arriving,
    clock,
    deadline_headers,
    deadline_hook,
    listed_hosts,
    remaining,
)

LOCAL = {"127.0.0.1"}
PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


@contextmanager
def within(seconds):
    """As inside an attempt that may take so many seconds."""
    token = ENCLOSING.set(Enclosing(Deadline.after(clock(), seconds)))
    try:
        yield
    finally:
        ENCLOSING.reset(token)


@contextmanager
def serving(answer):
    """A real server on 127.0.0.1 (and on localhost); `answer` is called with each request's handler."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answer(self)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def echo():
    """A server that notes the headers of each request; `/to?URL` redirects there."""
    seen = []

    def answer(request):
        seen.append({name.lower(): value for name, value in request.headers.items()})
        path, _, target = request.path.partition("?")
        return (302, {"Location": target}, b"") if path == "/to" else (200, {}, b"ok")

    with serving(answer) as port:
        yield port, seen


# Outgoing


@pytest.mark.parametrize(
    ("hosts", "url", "told"),
    [
        ({"example.com"}, "https://example.com/a", True),
        ({"example.com"}, "http://EXAMPLE.com.:8080", True),
        ({"example.com"}, "https://api.example.com", False),
        ({".example.com"}, "https://a.api.example.com", True),
        ({".example.com"}, "https://example.com", False),
        ({".example.com"}, "https://notexample.com", False),
        ({"example.com"}, "https://example.com.evil.org", False),
        ({"example.com"}, "https://example.com@evil.org", False),
        ({"example.com"}, "ftp://example.com", False),
        ({"example.com"}, "no url", False),
        ({"example.com"}, "http://[::1", False),
        ({"::1"}, "http://[0:0:0:0:0:0:0:1]:80/", True),
        ({"bücher.example"}, "https://xn--bcher-kva.example", True),
        (set(), "https://example.com", False),
    ],
)
def test_only_listed_hosts_are_told(hosts, url, told):
    """A name stands for itself, a leading dot for all subdomains, and nothing else matches."""
    with within(5):
        assert (REMAINING_HEADER in deadline_headers(url, hosts)) == told


def test_the_header_holds_what_is_left_rounded_down():
    """Whole milliseconds, elapsed already deducted; an expired deadline is 0, and none sends nothing."""
    with within(0.25):
        first = int(deadline_headers("http://127.0.0.1", LOCAL)[REMAINING_HEADER])
        time.sleep(0.02)
        second = int(deadline_headers("http://127.0.0.1", LOCAL)[REMAINING_HEADER])
    assert 0 < second <= first - 20 < first <= 250
    with within(-1):
        assert deadline_headers("http://127.0.0.1", LOCAL) == {REMAINING_HEADER: "0"}
    assert deadline_headers("http://127.0.0.1", LOCAL) == {}
    given = deadline_headers("http://127.0.0.1", LOCAL, deadline=Deadline.after(clock(), 2.0))
    assert 1900 < int(given[REMAINING_HEADER]) <= 2000


@pytest.mark.parametrize("entry", ["https://example.com", "example.com:80", "*.example.com", "a/b", "", ".", "a b", 3])
def test_an_entry_that_is_no_host_is_refused(entry):
    """Schemes, ports, stars and paths are mistakes that would match nothing."""
    with pytest.raises(UsageError, match="which is no host; write a name such as"):
        deadline_headers("http://example.com", [entry])


def test_one_host_as_a_text_is_refused():
    """A text is a collection of letters, which is never meant."""
    with pytest.raises(UsageError, match="hosts must be a collection of host names"):
        deadline_hook("example.com")


def test_hosts_come_from_the_environment(monkeypatch):
    """The list for our own calls is separated by commas; an entry that is no host is passed over with a warning."""
    monkeypatch.setenv(HOSTS_VARIABLE, " api.example.com, ,.Example.org,https://bad.example ")
    with pytest.warns(UserWarning, match="SHOTCLOCK_DEADLINE_HOSTS: hosts holds 'https://bad.example'"):
        assert listed_hosts() == {"api.example.com", ".example.org"}
    monkeypatch.delenv(HOSTS_VARIABLE)
    assert listed_hosts() == frozenset()


async def test_the_hook_serves_an_async_client(echo):
    """Inside a run's tool, a listed host is told what that attempt has left."""
    port, seen = echo

    @tool(timeout=2.0)
    async def fetch() -> str:
        """Fetch something."""
        async with httpx.AsyncClient(event_hooks={"request": [deadline_hook(LOCAL)]}) as session:
            return (await session.get(f"http://127.0.0.1:{port}/")).text

    result = await Agent(ScriptedModel([ask(("fetch", {})), "ok"]), [fetch]).run("?", budget=Budget(latency=30))
    assert result.evidence[0].value == "ok"
    assert 1000 < int(seen[0]["shotclock-remaining-ms"]) <= 2000


def test_the_hook_serves_a_sync_client(echo):
    """The same hook works where nobody awaits it."""
    port, seen = echo
    with within(5), httpx.Client(event_hooks={"request": [deadline_hook(LOCAL)]}) as session:
        session.get(f"http://127.0.0.1:{port}/")
    assert 4000 < int(seen[0]["shotclock-remaining-ms"]) <= 5000


def test_a_redirect_to_another_host_loses_the_headers(echo):
    """What a listed host was told is not handed on by it; a redirect to itself is told anew."""
    port, seen = echo
    span = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False, trace_flags=trace.TraceFlags(1)))
    hooks = {"request": [deadline_hook(LOCAL)]}
    with within(5), trace.use_span(span), httpx.Client(event_hooks=hooks, follow_redirects=True) as session:
        session.get(f"http://127.0.0.1:{port}/to?http://localhost:{port}/")
        session.get(f"http://127.0.0.1:{port}/to?http://127.0.0.1:{port}/")
    assert [("shotclock-remaining-ms" in s, "traceparent" in s) for s in seen] == [
        (True, True),
        (False, False),
        (True, True),
        (True, True),
    ]
    assert int(seen[3]["shotclock-remaining-ms"]) <= int(seen[2]["shotclock-remaining-ms"])


def test_a_clients_own_traceparent_stays():
    """An instrumented client's trace header is neither replaced nor taken away."""
    request = httpx.Request("GET", "http://127.0.0.1/", headers={"traceparent": PARENT})
    span = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
    with within(5), trace.use_span(span):
        deadline_hook(LOCAL)(request)
        assert request.headers["traceparent"] == PARENT
        deadline_hook({"other.example"})(request)
    assert request.headers["traceparent"] == PARENT
    assert REMAINING_HEADER not in request.headers


async def test_our_own_calls_tell_the_hosts_of_the_environment(echo, monkeypatch):
    """Models and tools of ours send a listed host the deadline they are given, and nobody else anything."""
    port, seen = echo
    url, until = f"http://127.0.0.1:{port}/", Deadline.after(clock(), 3.0)
    await client.request("GET", url, deadline=until)
    monkeypatch.setenv(HOSTS_VARIABLE, "127.0.0.1")
    await client.request("GET", url, deadline=until)
    await client.request("GET", url)
    async with client.post(url, content=b"{}", headers={}, deadline=until) as reply:
        await reply.body()
    assert ["shotclock-remaining-ms" in s for s in seen] == [False, True, False, True]
    assert 2000 < int(seen[3]["shotclock-remaining-ms"]) <= 3000


# Arriving


@pytest.mark.parametrize(
    "headers",
    [
        {REMAINING_HEADER: "250"},
        {"shotclock-remaining-ms": " 250 "},
        {b"SHOTCLOCK-REMAINING-MS": b"250"},
        [(b"accept", b"*/*"), (b"shotclock-remaining-ms", b"250")],
        httpx.Headers({REMAINING_HEADER: "250"}),
    ],
)
def test_an_arriving_deadline_is_honoured_in_every_shape(headers):
    """Mappings and pairs, text and bytes, any case."""
    with arriving(headers):
        assert 0.2 < remaining() <= 0.25
    assert remaining() == float("inf")


@pytest.mark.parametrize(
    "value", ["", "-1", "+5", "2.5", "1e3", "abc", "250ms", "٢٥٠", "9" * 11, "9" * 5000, "250, 100", "0x10", "1_000"]
)
def test_a_malformed_header_is_no_deadline(value):
    """Garbage, signs, fractions and absurd sizes are passed over."""
    with arriving({REMAINING_HEADER: value}):
        assert remaining() == float("inf")


def test_a_header_that_is_sent_twice_is_no_deadline():
    """Nobody knows which of two is meant."""
    with arriving([(REMAINING_HEADER, "1"), (REMAINING_HEADER, "2")]):
        assert remaining() == float("inf")


def test_an_arriving_deadline_only_shortens():
    """Inside a run the earlier deadline holds, and its ledger stays."""
    with within(1):
        ledger = ENCLOSING.get().ledger
        with arriving({REMAINING_HEADER: "60000"}):
            assert remaining() <= 1
            assert ENCLOSING.get().ledger is ledger
        with arriving({REMAINING_HEADER: "100"}):
            assert remaining() <= 0.1
        with arriving({}):
            assert 0.5 < remaining() <= 1


async def test_a_run_inside_returns_by_then():
    """`250` makes a run inside return within 250 ms and a little, however long its own budget is."""
    agent = Agent(ScriptedModel([Hang()]), [])
    began = time.monotonic()
    with arriving({REMAINING_HEADER: "250"}):
        result = await agent.run("?", budget=Budget(latency=30))
    assert time.monotonic() - began < 0.35
    assert result.stop_reason == "deadline"


@pytest.mark.parametrize("sync", [True, False])
async def test_a_deadline_that_is_over_is_answered_at_once(sync):
    """`0` costs no model call and no tool call."""
    model = ScriptedModel(["Hello."])
    agent = Agent(model, [])
    with arriving({REMAINING_HEADER: "0"}):
        result = await asyncio.to_thread(agent.run_sync, "?") if sync else await agent.run("?")
    assert (result.stop_reason, model.requests) == ("deadline", [])


def test_the_trace_that_arrives_is_the_parent():
    """`traceparent` becomes the parent of what starts inside, and no longer; a malformed one changes nothing."""
    tracer = TracerProvider().get_tracer("test")
    with arriving({"traceparent": PARENT, "tracestate": "a=b"}):
        inside = tracer.start_span("x")
        assert trace.get_current_span().get_span_context().trace_state.get("a") == "b"
    assert f"{inside.get_span_context().trace_id:032x}" == PARENT.split("-")[1]
    assert f"{inside.parent.span_id:016x}" == PARENT.split("-")[2]
    assert tracer.start_span("y").parent is None
    with arriving({"traceparent": "00-nonsense"}):
        assert tracer.start_span("z").parent is None


def test_a_servers_own_span_stays_the_parent():
    """An instrumented server has continued the trace already; its span is not passed over."""
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("server") as own, arriving({"traceparent": PARENT}):
        assert tracer.start_span("x").parent.span_id == own.get_span_context().span_id


# Across processes' boundary: an agent behind a server


@pytest.fixture
def expert():
    """An agent behind a small HTTP server whose model hangs; it notes how long each of its runs took."""
    look = fake_tool("look", returns="There are 7 apples.", read_only=True)
    agent = Agent(ScriptedModel([ask(("look", {})), Hang()]), [look], budget=Budget(latency=30))
    took, parents = [], []

    def answer(request):
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with arriving(request.headers):
            parents.append(trace.get_current_span().get_span_context().trace_id)
            result = agent.run_sync("How many apples are there?")
        took.append(result.elapsed)
        return 200, {}, json.dumps({"answer": result.answer, "verified": result.verified}).encode()

    with serving(answer) as port:
        yield port, took, parents


def test_a_plain_client_is_answered_in_its_time(expert):
    """Any client that sends the header gets the best answer there is by then."""
    port, took, _ = expert
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.monotonic()
    connection.request("GET", "/", headers={REMAINING_HEADER: "400"})
    said = json.loads(connection.getresponse().read())
    connection.close()
    assert time.monotonic() - began < 0.5
    assert took[0] <= 0.45
    assert "7 apples" in said["answer"]


async def test_an_agent_asks_an_agent_behind_a_server(expert):
    """The inner agent answers in the time the outer one's tool has left, and belongs to the same trace."""
    port, took, parents = expert

    @tool(timeout=0.6)
    async def consult() -> str:
        """Ask the expert."""
        async with httpx.AsyncClient(event_hooks={"request": [deadline_hook(LOCAL)]}, timeout=None) as session:
            return (await session.get(f"http://127.0.0.1:{port}/")).json()["answer"]

    model = ScriptedModel([ask(("consult", {})), "There are 7 apples."])
    agent = Agent(model, [consult], tracer_provider=TracerProvider())
    result = await agent.run("How many apples are there?", budget=Budget(latency=30))
    assert took[0] <= 0.65
    # The inner run gave up a moment before the outer attempt did, or at the same time: then its answer was too late.
    assert result.evidence[0].outcome.name in ("ok", "timed_out")
    assert f"{parents[0]:032x}" == result.trace_id


# What failed requests say


def answered(status, headers=None):
    """The exception of a real httpx exchange."""
    request = httpx.Request("GET", "http://example.com")
    response = httpx.Response(status, headers=headers or {}, request=request)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        response.raise_for_status()
    return caught.value


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (422, False), (408, True), (409, True), (425, True), (429, True),
     (500, True), (503, True)],
)  # fmt: skip
def test_a_4xx_is_final_unless_it_may_pass(status, retryable):
    """Asking again for what does not exist wastes the budget."""
    assert failure(answered(status)).retryable == retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"Retry-After": formatdate(0)}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_a_server_asks_for_is_kept(headers, seconds):
    """Seconds, milliseconds and dates are read; nonsense is no wait."""
    assert failure(answered(429, headers)).retry_after == seconds


def test_a_date_to_come_is_a_wait():
    """An instant of the wall clock is turned into seconds from now."""
    wait = failure(answered(503, {"Retry-After": formatdate(time.time() + 60)})).retry_after
    assert 55 < wait <= 61


class Bare(Exception):
    """An exception that carries what it is given."""

    def __init__(self, **carried):
        super().__init__("refused")
        self.__dict__.update(carried)


class Slotted(Exception):
    __slots__ = ("retry_after",)


@pytest.mark.parametrize(
    ("error", "retryable", "seconds"),
    [
        (Bare(retry_after=2), True, 2.0),
        (Bare(retry_after=True), True, None),
        (Bare(retry_after=-1), True, None),
        (Bare(retry_after=float("nan")), True, None),
        (Bare(retry_after="2"), True, None),
        (Bare(status=429, headers={"Retry-After": "7"}), True, 7.0),
        (Bare(status=HTTPStatus.NOT_FOUND), False, None),
        (Bare(status_code=403), False, None),
        (Bare(status="404"), True, None),
        (Bare(response={"status_code": 404}), True, None),
        (Bare(response=None, headers=[("retry-after", "1")]), True, None),
        (Bare(headers={"retry-after": b"4"}), True, 4.0),
        (ToolError("no such city"), False, None),
        (ValueError("x"), True, None),
    ],
)
def test_other_clients_exceptions_are_read_too(error, retryable, seconds):
    """Status and headers may lie on the exception itself; other shapes say nothing."""
    outcome = failure(error)
    assert (outcome.retryable, outcome.retry_after) == (retryable, seconds)


def test_a_slot_is_read():
    """An attribute without an instance dictionary counts as well."""
    error = Slotted("wait")
    assert failure(error).retry_after is None
    error.retry_after = 5
    assert failure(error).retry_after == 5.0


def test_a_hostile_exception_is_survived_and_its_properties_are_not_run():
    """Properties, `__getattr__` and mappings that raise cost the hint only."""
    ran = []

    class Mapping:
        def get(self, name):
            raise SystemExit

    class Hostile(Exception):
        headers = Mapping()

        @property
        def response(self):
            ran.append("response")
            raise KeyboardInterrupt

        @property
        def status_code(self):
            ran.append("status_code")
            return 404

        def __getattr__(self, name):
            ran.append(name)
            raise SystemExit

    outcome = failure(Hostile("x"))
    assert (outcome.retryable, outcome.retry_after, ran) == (True, None, [])


def test_the_propagator_is_the_w3c_one():
    """What is sent is what every tracer reads."""
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("x") as span:
        headers = deadline_headers("http://127.0.0.1", LOCAL)
    parent = trace.get_current_span(TraceContextTextMapPropagator().extract(headers)).get_span_context()
    assert (parent.trace_id, parent.span_id) == (span.get_span_context().trace_id, span.get_span_context().span_id)
