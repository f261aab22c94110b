"""The page on runs, and the server that shows the live store."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shotclock.agent.trace.cli import app
from shotclock.agent.trace.report.data import report
from shotclock.agent.trace.report.detail import MAX_TEXT, burn_down, detail
from shotclock.agent.trace.report.histogram import Axis
from shotclock.agent.trace.report.page import embedded, page
from shotclock.agent.trace.report.server import Server

EVIL = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>&<!--"


def asked(make: Any, trace: str = "a" * 32, begun: float = 0, took: float = 900, **attributes: Any) -> list[Any]:
    """A run of a chat, two tools and an answer, with limits and a decision, all of it named by the enemy."""
    m = make(trace, begun)
    limits = {"shotclock__budget__latency__limit": 1.0, "shotclock__budget__tool_calls__limit": 5}
    limits |= {"shotclock__budget__cost_usd__limit": 0.01}
    return [
        m.root(took, m.decided(300, "skip", EVIL, EVIL, limit="latency", note=EVIL), **(limits | attributes)),
        m.chat(0, 300, shotclock__call__cost_usd=0.004),
        m.tool(EVIL, 300, 500, gen_ai__tool__call__result=EVIL),
        m.tool("slow", 300, 700),
        m.chat(700, took, shotclock__call__cost_usd=0.002),
    ]


def data_of(text: str) -> Any:
    """What the page carries."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def test_the_page_loads_nothing_and_runs_only_its_own_script(make: Any, view: Any) -> None:
    """No address of anything else stands in the page, and its policy lets in its own style and script alone."""
    text = page(report([view(asked(make))]), EVIL)
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)
    assert "url(" not in text
    assert len(re.findall(r"<script", text)) == 2
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        (body,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in html.unescape(policy)
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy


def test_what_traces_hold_is_data(make: Any, view: Any) -> None:
    """Whatever a tool returned comes back out of the page as it was, and ends no element of it."""
    found = data_of(page(report([view(asked(make))]), "x"))
    (one,) = found["details"].values()
    assert one["decisions"][0]["reason"] == EVIL
    assert not set("<>&") & set(embedded({"x": EVIL}))


def test_details_are_capped_and_it_is_said(make: Any, view: Any) -> None:
    """Of many runs some are whole: those that missed their deadline, then the slowest; all have a line, and count."""
    late = {"shotclock__run__stop_reason": "deadline", "shotclock__run__status": "partial"}
    runs = [view(asked(make, f"{n:032x}", took=700 + n, **(late if n < 3 else {}))) for n in range(300)]
    found = report(runs, details=5)
    assert [len(found["rows"]), found["totals"]["runs"]] == [300, 300]
    assert {int(key[:32], 16) for key in found["details"]} == {0, 1, 2, 298, 299}
    assert "5 of 300 runs can be opened" in found["notes"][0]
    assert sum(map(sum, found["durations"]["counts"].values())) == 300


def test_the_budget_burns_down_with_the_calls(make: Any, view: Any) -> None:
    """Between what the run recorded, calls are counted off as they start and money as it is spent."""
    run = view(asked(make))
    assert burn_down(run, "tool_calls") == [(0.3, 4.0), (0.3, 3.0)]
    assert burn_down(run, "cost_usd") == [(0.3, 0.006), (0.9, 0.004)]


def test_long_texts_are_cut_and_it_is_said(make: Any, view: Any) -> None:
    """A text that would fill the page is cut, and it says how much is missing and where it is."""
    m = make("a" * 32)
    run = view([m.root(10), m.tool("big", 0, 10, gen_ai__tool__call__result="x" * (MAX_TEXT + 7))])
    text = detail(run)["spans"][1]["attributes"]["gen_ai.tool.call.result"]
    assert text.endswith("[7 characters more in: shotclock trace show --json]")


def test_every_duration_lies_in_one_bin() -> None:
    """Bins leave nothing out, however short or long, and one more where all are alike."""
    for axis in (Axis.logarithmic([0.0, 0.002, 70.0]), Axis.linear(70.0), Axis.logarithmic([1.0]), Axis.linear(0.0)):
        assert sum(axis.counts([0.0, 0.002, 1.0, 70.0, 1e6])) == 5


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def test_html_writes_one_run_or_many(make: Any, kept: Any, tmp_path: Any) -> None:
    """`html` writes the runs that were selected, or one, and says where."""
    kept(asked(make), asked(make, "b" * 32, 60_000))
    out = tmp_path / "x.html"
    assert "wrote 2 runs to" in invoke("html", "--out", str(out)).stderr
    assert len(data_of(out.read_text())["rows"]) == 2
    assert "wrote 1 run to" in invoke("html", "bbbb", "--out", str(out)).stderr
    assert next(iter(data_of(out.read_text())["details"].values()))["trace"] == "b" * 32
    assert invoke("html", "--tool", "nothing", "--out", str(out)).exit_code == 0
    failed = invoke("html", "--out", "/nowhere/at/all.html")
    assert (failed.exit_code, failed.stderr.count("\n")) == (2, 1)


# The server.


@pytest.fixture
def server(make: Any, kept: Any) -> Iterator[Server]:
    found = Server(kept(asked(make), asked(make, "b" * 32, 60_000)))
    thread = threading.Thread(target=found.serve)
    thread.start()
    yield found
    found.close()
    thread.join(5)


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, follow_redirects=True) as made:
        yield made


def test_only_who_has_the_token_is_answered(server: Server, client: httpx.Client) -> None:
    """Without the token there is nothing to see; with it a cookie goes on from there, and the address shows none."""
    for path in ("/", "/run/x", "/since/0", "/?token=wrong"):
        answer = client.get(path)
        assert (answer.status_code, "aaaa" in answer.text) == (403, False)
    answer = client.get(server.url)
    assert (answer.status_code, answer.url.query) == (200, b"")
    assert data_of(answer.text)["live"] is True
    cookie = answer.history[0].headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_another_name_for_this_machine_is_refused(server: Server, client: httpx.Client) -> None:
    """A page on the web that has its own name point here (DNS rebinding) is refused before the token is looked at."""
    client.get(server.url)
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1", "127.0.0.1.evil.example", ""):
        assert client.get(server.url, headers={"Host": host}).status_code == 421
    assert client.get("/", headers={"Host": f"localhost:{server.port}"}).status_code == 200


def test_it_only_reads(server: Server, client: httpx.Client) -> None:
    """There is nothing but GET, and it listens on this machine alone."""
    client.get(server.url)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert client.request(method, "/").status_code == 501
    assert server._server.server_address[0] == "127.0.0.1"


def test_runs_are_handed_out_one_by_one(server: Server, client: httpx.Client) -> None:
    """The page has a line for each run and asks for one whole; it learns of new ones; the rest is not found."""
    rows = data_of(client.get(server.url).text)["rows"]
    assert client.get(f"/run/{rows[0][0]}").json()["trace"] == "b" * 32
    assert client.get(f"/since/{rows[0][1]}").json() == {"runs": 0}
    assert client.get(f"/since/{rows[1][1]}").json() == {"runs": 1}
    for path in ("/run/nothing", "/since/x", "/../../etc/passwd", "/favicon.ico"):
        assert client.get(path).status_code == 404


def test_a_store_that_breaks_is_said(server: Server, client: httpx.Client) -> None:
    """A store that cannot be read any more is one sentence, and the server goes on."""
    client.get(server.url)
    server.store.path.write_bytes(b"x" * 5_000)
    answer = client.get("/")
    assert (answer.status_code, "is damaged" in answer.text) == (503, True)


def test_a_port_that_is_taken_is_one_line(server: Server) -> None:
    """`serve` on a port that is taken says so, with status 2."""
    result = invoke("serve", "--port", str(server.port))
    assert (result.exit_code, f"--port {server.port} cannot be had" in result.stderr) == (2, True)
