"""Calls derived in another way, and quotations looked up again where they are said to stand."""

from __future__ import annotations

import pytest

from shotclock import Agent, Budget, UsageError
from shotclock.agent.recheck import recheck
from shotclock.agent.refetch import refetch
from shotclock.testing import ScriptedModel, VirtualClock, ask
from shotclock.tools.tool import Tool

URL = "https://news.example/ferry"
PAGE = "The minister spoke on Monday. “Nobody should have to drive around the fjord,” she said."


def quoting(answer, pages, **options):
    """A run that fetches a page and quotes it; each later fetch gives the next of the pages."""
    given = iter(pages)

    async def fetch(url: str) -> str:
        """A page."""
        return next(given)

    model = ScriptedModel([ask(("fetch", {"url": URL})), answer, answer])
    agent = Agent(model, [Tool(fetch, "fetch", read_only=True)], verify=[refetch("fetch", **options)])
    return VirtualClock().run(agent.run("What did she say?", budget=Budget(latency=20)))


def test_a_quotation_that_stands_where_it_is_cited_is_no_objection():
    """A page that still says it changes nothing."""
    result = quoting(f'She said "nobody should have to drive around the fjord" ({URL}).', [PAGE, PAGE])
    assert result.verified
    assert result.spend.tool_calls == 2


def test_a_quotation_that_the_page_does_not_hold_is_refused():
    """What was cited is fetched again, and what it does not say fails the answer, with the page named."""
    result = quoting(f'She said "nobody should have to drive around the fjord" ({URL}).', [PAGE, *["Gone."] * 4])
    assert result.verdict.outcome == "fail"
    assert URL in result.verdict.reason


def test_an_answer_without_quotations_costs_no_call():
    """Where nothing is quoted nothing is fetched."""
    assert quoting("The minister spoke on Monday.", [PAGE]).spend.tool_calls == 1


def test_a_page_that_cannot_be_fetched_leaves_it_open():
    """A fetch that gives nothing says nothing against the answer."""
    result = quoting(f'She said "nobody should have to drive around the fjord" ({URL}).', [PAGE, ""])
    assert result.verdict.outcome != "fail"


@pytest.mark.parametrize("most", [0, 6])
def test_the_number_of_pages_is_bounded(most):
    """As many pages as nobody would wait for are refused by name."""
    with pytest.raises(UsageError, match="most"):
        refetch(most=most)


@pytest.mark.parametrize(("rows", "outcome"), [([20, 22], "pass"), ([20, 25], "fail")])
def test_a_result_is_derived_in_another_way(rows, outcome):
    """What one tool says is held against what another one gives for arguments made from the first call."""

    async def total(table: str) -> dict:
        """The total of a table."""
        return {"table": table, "total": 42}

    async def listed(name: str) -> dict:
        """The rows of a table, and their sum."""
        return {"rows": rows, "total": sum(rows)}

    check = recheck("total", by="listed", arguments=lambda first: {"name": first.arguments["table"]}, field="total")
    model = ScriptedModel([ask(("total", {"table": "orders"})), *["The total of orders is 42."] * 3])
    tools = [Tool(total, "total", read_only=True), Tool(listed, "listed", read_only=True)]
    result = VirtualClock().run(Agent(model, tools, verify=[check]).run("What is the total?", budget=Budget(latency=9)))
    assert result.verdict.outcome == outcome, result.verdict
