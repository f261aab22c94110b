"""The texts of the files that `shotclock tools new` writes, with names to fill in.

They keep to 88 columns, the width that formatters take where nobody names another.
"""

from __future__ import annotations

TABLE = '''"""The tool $name: what it gives, what it promises, what its results must pass."""

from __future__ import annotations

from dataclasses import dataclass

from shotclock import ToolError, tool
from shotclock.tools.checks import echoes, in_range

# What the tool knows. Put what yours really asks in the place of this table.
STOCK = {"lamp": 7, "chair": 12}


@dataclass(frozen=True)
class $result:
    """What the tool gives. Its fields are checked, and their names are read."""

    item: str
    pieces: int


@tool(
    "$name",
    read_only=True,  # it changes nothing: it may be begun early, retried and kept
    timeout="2s",  # an attempt that takes longer is given up
    checks=[echoes("item"), in_range(0, 1_000_000, field="pieces")],
)
$kind $module(item: str) -> $result:
    """How many pieces of an item are in stock.

    Args:
        item: the item's name, such as lamp.
    """
    # It runs $runs. A ToolError tells the model what to do instead.
    if item not in STOCK:
        raise ToolError(f"{item} is not known; ask for one of: {', '.join(STOCK)}")
    return $result(item=item, pieces=STOCK[item])
'''

_TEST_HEAD = '''"""The rules of the tool $name, one test each; the clock is virtual."""

from __future__ import annotations

'''

_ASKED = '''

def _asked(item: object, tool_calls: int | None = None) -> Result:
    """A run of two seconds whose model calls the tool once."""
    model = ScriptedModel([ask(("$name", {"item": item})), "Done."])
    budget = Budget(latency=2.0, tool_calls=tool_calls)
    agent = Agent(model, [$module.$module])
    return VirtualClock().run(agent.run("?", budget=budget))
'''

_TESTS = '''

def test_wrong_arguments_cost_no_attempt(PARAMETERS) -> None:
    """Arguments are read first, and the model is told which one is wrong."""
    SERVED[evidence] = _asked(["lamp"]).evidence
    assert evidence.attempts == 0
    assert "item: " in evidence.content


def test_the_budget_holds_and_its_decision_is_traced(PARAMETERS) -> None:
    """Without a tool call in the budget nothing is begun, and the trace says why."""
    SERVEDresult = _asked("lamp", tool_calls=0)
    assert [each.outcome.name for each in result.evidence] == ["skipped"]
    assert result.spend.tool_calls == 0
    assert "skip" in [decision["kind"] for decision in result.decisions]
'''

TABLE_TEST = (
    _TEST_HEAD
    + """import pytest
from shotclock import Agent, Budget, Result
from shotclock.testing import ScriptedModel, VirtualClock, ask

import $module
"""
    + _ASKED
    + '''

def test_a_result_passes_its_checks() -> None:
    """What is known is given with a verdict of pass."""
    [evidence] = _asked("lamp").evidence
    assert evidence.value == $module.$result(item="lamp", pieces=7)
    assert evidence.verdict.outcome == "pass"


def test_what_is_not_known_is_said() -> None:
    """The model is told what it may ask for, and the tool is not called again."""
    [evidence] = _asked("moon").evidence
    assert (evidence.outcome.name, evidence.attempts) == ("error", 1)
    assert "lamp" in evidence.content


def test_a_wrong_result_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that cannot be right fails its check."""
    monkeypatch.setitem($module.STOCK, "lamp", -1)
    [evidence] = _asked("lamp").evidence
    assert evidence.verdict.outcome == "fail"
    assert "pieces is -1" in evidence.verdict.reason
'''
    + _TESTS.replace("PARAMETERS", "").replace("SERVED", "")
)

HTTP = '''"""The tool $name: what it asks, what it promises, what its results must pass."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from shotclock import ToolError, deadline_hook, tool
from shotclock.tools.checks import echoes, in_range

# The API that is asked. Its host is told how much of the run's time is left.
BASE_URL = "https://api.example.com"

# Tests put a transport of their own here.
TRANSPORT: httpx.AsyncBaseTransport | None = None


@dataclass(frozen=True)
class $result:
    """What the tool gives. Its fields are checked, and their names are read."""

    item: str
    pieces: int


def _client() -> httpx.AsyncClient:
    """A client of the API; the attempt is cancelled when its time is up."""
    hook = deadline_hook({httpx.URL(BASE_URL).host})
    return httpx.AsyncClient(
        base_url=BASE_URL, transport=TRANSPORT, event_hooks={"request": [hook]}
    )


@tool(
    "$name",
    read_only=True,  # it changes nothing: it may be begun early, retried and kept
    timeout="2s",  # an attempt that takes longer is given up
    retry=1,  # once more after a failure that may pass, such as a 503
    checks=[echoes("item"), in_range(0, 1_000_000, field="pieces")],
)
$kind $module(item: str) -> $result:
    """How many pieces of an item are in stock.

    Args:
        item: the item's name, such as lamp.
    """
    async with _client() as client:
        response = await client.get("/stock", params={"item": item})
    # A ToolError tells the model what to do instead; other failures may pass.
    if response.status_code == 404:
        raise ToolError(f"{item} is not known; ask for another item")
    response.raise_for_status()
    found = response.json()
    return $result(item=found["item"], pieces=found["pieces"])
'''

HTTP_TEST = (
    _TEST_HEAD
    + '''import asyncio
from collections.abc import Callable

import httpx
import pytest
from shotclock import Agent, Budget, Result
from shotclock.testing import ScriptedModel, VirtualClock, ask

import $module

Serve = Callable[..., list[httpx.Request]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Answers in the API's place, after some time; gives the requests it gets."""

    def begin(
        status: int = 200, pieces: int = 7, after: float = 0.0
    ) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        async def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            await asyncio.sleep(after)
            found = {"item": request.url.params["item"], "pieces": pieces}
            return httpx.Response(status, json=found)

        monkeypatch.setattr($module, "TRANSPORT", httpx.MockTransport(answer))
        return requests

    return begin
'''
    + _ASKED
    + '''

def test_a_result_passes_its_checks(serve: Serve) -> None:
    """What is known is given with a verdict of pass; the API is told the time left."""
    requests = serve()
    [evidence] = _asked("lamp").evidence
    assert evidence.value == $module.$result(item="lamp", pieces=7)
    assert evidence.verdict.outcome == "pass"
    assert 0 < int(requests[0].headers["Shotclock-Remaining-Ms"]) <= 2000


def test_what_is_not_known_is_said(serve: Serve) -> None:
    """The model is told what to do instead, and the API is not asked again."""
    requests = serve(status=404)
    [evidence] = _asked("moon").evidence
    assert (evidence.outcome.name, len(requests)) == ("error", 1)
    assert "another item" in evidence.content


def test_a_failure_that_may_pass_is_tried_again(serve: Serve) -> None:
    """A 503 is followed by one more attempt."""
    requests = serve(status=503)
    [evidence] = _asked("lamp").evidence
    assert (evidence.outcome.name, len(requests)) == ("error", 2)


def test_an_api_that_hangs_costs_its_time_only(serve: Serve) -> None:
    """The run is back by its deadline, and says what had not ended."""
    serve(after=60.0)
    result = _asked("lamp")
    assert result.elapsed <= 2.0
    assert {each.outcome.name for each in result.evidence} <= {"timed_out", "cancelled"}


def test_a_wrong_result_is_withheld(serve: Serve) -> None:
    """A number that cannot be right fails its check."""
    serve(pieces=-1)
    [evidence] = _asked("lamp").evidence
    assert evidence.verdict.outcome == "fail"
    assert "pieces is -1" in evidence.verdict.reason
'''
    + _TESTS.replace("PARAMETERS", "serve: Serve").replace("SERVED", "serve()\n    ")
)
