"""Answers composed from evidence without a model."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest

from shotclock.agent.models.compose import compose
from shotclock.policies.grounding import Source, ground
from shotclock.policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut, Verdict
from shotclock.tools.call import Evidence, Passage

HANDBOOK = (
    "# Leave\n\nFernlight gives everyone the same leave. Requests go through the portal.\n\n"
    "## Parental leave\n\nEvery parent may take 20 weeks of parental leave at full pay. It must begin within 18 months "
    "of the birth. A further 12 weeks may be taken unpaid.\n\n"
    "## Sick leave\n\nTell your manager before 10:00. A doctor's note is needed from the fourth day on.\n\n"
    "| Severity | First response |\n|---|---|\n| 1 | 15 minutes |\n| 2 | 30 minutes |\n"
)


def item(
    tool: str,
    arguments: dict[str, Any],
    content: Any = "",
    *,
    identity: str = "c1",
    outcome: Outcome | None = None,
    passages: tuple[Passage, ...] = (),
    verdict: Verdict | None = None,
) -> Evidence:
    text = content if isinstance(content, str) else json.dumps(content)
    return Evidence(
        id=identity, tool=tool, arguments=arguments, outcome=outcome or Ok(content), content=text, passages=passages,
        verdict=verdict or Verdict.passed("schema", "fine"), origin=tool,
    )  # fmt: skip


def search(query: str, *texts: str, identity: str = "c1", origin: str = "leave.md") -> Evidence:
    passages = tuple(Passage(text=text, origin=origin) for text in texts)
    return item("search_documents", {"query": query}, "\n".join(texts), identity=identity, passages=passages)


@pytest.mark.parametrize(
    ("tool", "arguments", "content", "text"),
    [
        ("calculate", {"expression": "17.5% of 2480"}, "434", "17.5% of 2,480 = 434."),
        ("calculate", {"expression": "12*37"}, {"value": 444, "summary": "12*37 = 444"}, "12*37 = 444."),
        ("stock_price", {"ticker": "AAPL"}, "187.32", "Stock price (AAPL): 187.32."),
        ("weather", {"city": "Oslo"}, {"sky": "rain", "wind_speed": 4}, "Weather (Oslo): sky rain, wind speed 4."),
        ("convert", {"value": 26.2, "to_unit": "km"}, {"value": 42.1648, "unit": "kilometre"},
         "Convert (value 26.2, to unit km): 42.1648 kilometre."),
        ("oracle", {"q": "x"}, "It will rain tomorrow.", "It will rain tomorrow."),
        ("tags", {}, ["a", "b", "c"], "Tags: a, b, c."),
        ("open_now", {"shop": "Bakery"}, "true", "Open now (Bakery): true."),
        ("big", {"n": 1}, {"value": 1.50e-7}, "Big (1): 1.5e-07."),
    ],
)  # fmt: skip
def test_a_short_result_is_stated(tool: str, arguments: dict[str, Any], content: Any, text: str) -> None:
    """A short result becomes one sentence from the call's arguments and what it returned, its own sentence first."""
    composed = compose("What is 17.5% of 2,480?", [item(tool, arguments, content)])
    assert (composed.text, composed.unanswered, composed.used) == (text, False, ("c1",))


def test_passages_give_their_best_sentences_with_their_source() -> None:
    """Of passages the sentences that speak of the question are quoted word for word, with the source in brackets."""
    composed = compose("How long is parental leave?", [search("parental leave", HANDBOOK)])
    assert composed.text.startswith("Every parent may take 20 weeks of parental leave at full pay")
    assert "(leave.md)" in composed.text
    assert "doctor" not in composed.text
    assert "#" not in composed.text


def test_the_page_is_cited() -> None:
    """A passage with a page is cited with it."""
    passage = Passage(text="A return flight costs 90 euros.", origin="travel.pdf", page=3)
    composed = compose("What does a return flight cost?", [item("search", {}, "x", passages=(passage,))])
    assert composed.text == "A return flight costs 90 euros (travel.pdf, page 3)."


def test_a_row_of_a_table_is_told_with_its_heads() -> None:
    """The row that the question numbers is quoted with the names of its columns, and no other row is."""
    composed = compose("What is the first response for severity 1?", [search("severity", HANDBOOK)])
    assert composed.text == "Severity 1, First response 15 minutes (leave.md)."


def test_related_words_are_recognised() -> None:
    """A question about vacation finds the sentence about leave."""
    composed = compose("How many vacation days do I get?", [search("vacation", "Staff have 27 days of annual leave.")])
    assert composed.text == "Staff have 27 days of annual leave (leave.md)."


def test_texts_that_say_nothing_of_it_leave_the_question_unanswered() -> None:
    """Where no sentence shares the question's meaning nothing is quoted, and the answer says that."""
    composed = compose("Who won the chess tournament?", [search("chess", HANDBOOK)])
    assert composed.unanswered
    assert composed.used == ()
    assert "could not answer" in composed.text


def test_a_text_asked_for_by_its_address_alone_is_quoted_from_the_top() -> None:
    """A question that names nothing but the source gets its first sentences."""
    page = item(
        "fetch_url", {}, "x", passages=(Passage(text="Cats sleep a lot. Dogs do not.", origin="https://a.example"),)
    )
    composed = compose("Read https://a.example", [page])
    assert composed.text.startswith("Cats sleep a lot.")
    assert not composed.unanswered


def test_a_long_text_without_passages_gives_its_best_sentences() -> None:
    """Free text over the limit of a statement is searched for the sentences that fit."""
    text = "The museum opened in 1900. " * 20 + "Tickets for children cost 4 euros. " + "The cafe is closed. " * 10
    composed = compose("What do tickets for children cost?", [item("page", {}, text)])
    assert composed.text == "Tickets for children cost 4 euros."


def test_a_long_list_gives_its_best_rows() -> None:
    """Of a large structured result the records that fit are told."""
    rows = [{"city": f"Town{n}", "population": 1000 + n} for n in range(60)] + [{"city": "Oslo", "population": 709037}]
    composed = compose("What is the population of Oslo?", [item("cities", {}, rows)])
    assert "city Oslo, population 709037" in composed.text
    assert "Town1," not in composed.text


@pytest.mark.parametrize(
    ("outcome", "verdict", "reason"),
    [
        (TimedOut(2.0), None, "could not finish weather (timed out)."),
        (Skipped("deadline", "0.1 s left"), None, "could not finish weather (skipped, no time left)."),
        (Skipped("tool_calls", "5 of 5"), None, "could not finish weather (skipped, tool calls)."),
        (Cancelled("deadline"), None, "could not finish weather (stopped before it ended)."),
        (Failed("ToolError", "unknown city; try another"), None, "could not finish weather (unknown city)."),
        (Failed("HTTPError", "code 503 from https://x.example"), None, "could not finish weather (it failed)."),
        (Ok("x"), Verdict.failed("schema", "not a number"), "could not finish weather (not a number)."),
        (Ok(""), Verdict.failed("empty", "empty result"), "Nothing was found by weather."),
    ],
)
def test_what_is_missing_is_said(outcome: Outcome, verdict: Verdict | None, reason: str) -> None:
    """Each call that gave nothing usable is named with its reason, without a figure that no source holds."""
    failed = item("weather", {"city": "Oslo"}, outcome=outcome, verdict=verdict or Verdict.failed("outcome", "-"))
    alone = compose("Is it raining in Oslo?", [failed])
    assert alone.unanswered
    assert reason in alone.text
    both = compose(
        "Is it raining in Oslo, and 3*4?", [failed, item("calculate", {"expression": "3*4"}, "12", identity="c2")]
    )
    assert not both.unanswered
    assert both.text.startswith("3*4 = 12.")
    assert both.used == ("c2",)


def test_a_call_that_succeeded_later_is_not_missed() -> None:
    """A failure whose very call succeeded afterwards is not reported."""
    failed = item("weather", {"city": "Oslo"}, outcome=TimedOut(1.0), verdict=Verdict.failed("outcome", "-"))
    done = item("weather", {"city": "Oslo"}, "rain", identity="c2")
    assert compose("Rain in Oslo?", [failed, done]).text == "Weather (Oslo): rain."


def test_without_evidence_it_is_unanswered() -> None:
    """Nothing looked up is nothing answered, in a sentence that says so."""
    composed = compose("Why?", [])
    assert composed.unanswered
    assert composed.text == "I could not answer this: nothing was looked up."


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"rows": []}'])
def test_an_empty_result_answers_nothing(content: str) -> None:
    """An empty result is not stated as if it were one."""
    assert compose("What is it?", [item("look", {}, content)]).unanswered


def test_statements_stand_in_the_order_of_the_calls() -> None:
    """Numbered calls are stated in their order, whichever ended first."""
    later = item("b", {}, "two", identity="rules_10")
    first = item("a", {}, "one", identity="rules_9")
    assert compose("?", [later, first]).text == "A: one. B: two."


@pytest.mark.parametrize("limit", [1, 10, 80, 300])
def test_the_limit_holds(limit: int) -> None:
    """The text is never longer than the limit, and never empty."""
    evidence = [search("parental leave", HANDBOOK), item("weather", {}, "sunny", identity="c2")]
    for given in (evidence, []):
        assert 0 < len(compose("How long is parental leave?", given, limit=limit).text) <= limit


def test_what_it_composes_passes_the_check_of_answers() -> None:
    """A composed answer stands word for word in its evidence, so that the grounding check passes it."""
    query = "How long is parental leave, what is 17.5% of 2,480, and what is the first response for severity 2?"
    evidence = [
        search("parental leave", HANDBOOK),
        item(
            "calculate",
            {"expression": "17.5% of 2480"},
            {"value": 434, "summary": "17.5% of 2480 = 434"},
            identity="c2",
        ),
        item("weather", {"city": "Oslo"}, outcome=TimedOut(2.0), identity="c3", verdict=Verdict.failed("outcome", "-")),
    ]
    composed = compose(query, evidence)
    sources = [Source("c1", HANDBOOK, "leave.md"), Source("c2", evidence[1].content, "calculate")]
    grounding = ground(composed.text, question=query, sources=sources)
    assert grounding.verdict.outcome == "pass", grounding


def test_composing_takes_milliseconds() -> None:
    """Forty passages of 4,000 characters are composed from well within a reserve of a quarter of a second."""
    texts = [f"{HANDBOOK} Section {n} speaks of other matters. " * 6 for n in range(40)]
    start = process_time()
    compose("How long is parental leave?", [search("parental leave", *texts)])
    assert process_time() - start < 0.25


@pytest.mark.parametrize(
    "content", ["a" * 200_000, "| " * 50_000, ". " * 50_000, "\n" * 50_000, "[" * 50_000, '{"a":' * 20_000]
)
def test_no_content_breaks_or_slows_it(content: str) -> None:
    """Hostile content is composed from, or left alone, without an error and in under a second."""
    start = process_time()
    assert compose("What is a?", [item("page", {}, content)]).text
    assert process_time() - start < 1.0
