"""The main job without a network: the embedded model, the built-in tools, real files; answers right and verified."""

from __future__ import annotations

import csv
import statistics
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shotclock import Agent, Budget, builtin_tools

DATA = Path(__file__).parents[2] / "examples" / "data"


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent("rules", builtin_tools([DATA]))


def ask(agent: Agent, question: str):
    return agent.run_sync(question, budget=Budget(latency=10))


@pytest.fixture(scope="module")
def orders() -> list[dict[str, str]]:
    with (DATA / "orders.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("What is 17.5% of 2,480?", "434"),
        ("Convert 26.2 miles to kilometres", "42.1648128"),
        ("What is 15% of 80?", "12"),
        ("Calculate 3^4 + 2", "83"),
        ("How much is 20% off 59.99?", "47.992"),
        ("How many litres are 5 gallons?", "18.927"),
        ("100 F in celsius", "37.777"),
        ("How many weeks of parental leave do we get?", "20 weeks"),
        ("What is the maximum price for a hotel?", "140 euros"),
        ("How long do customers have to return a product?", "30 days"),
        ("How much may support refund on its own?", "500 euros"),
    ],
)
def test_it_answers_right_and_verified(agent, question, says):
    """An ordinary question is answered from the right tool, and the answer passed its checks."""
    result = ask(agent, question)
    assert says in result.answer
    assert result.verified, result.verdict.reason
    assert result.status == "complete"


def test_two_questions_are_two_calls_side_by_side(agent):
    """Independent questions are asked for in one turn, and both are answered."""
    result = ask(agent, "What is 12*37 and what time is it in Lima?")
    assert {item.tool for item in result.evidence} == {"calculate", "world_time"}
    assert result.spend.model_calls == 2
    assert "444" in result.answer
    assert f"{datetime.now(ZoneInfo('America/Lima')):%A}" in result.answer
    assert result.verified, result.verdict.reason


def test_a_passage_is_cited_with_its_file_and_page(agent):
    """A fact from a PDF names the file and the page it stands on."""
    result = ask(agent, "What is the maximum price for a hotel?")
    assert "travel.pdf, page" in result.answer
    cited = [passage for item in result.evidence for passage in item.passages if "140 euros" in passage.text]
    assert cited[0].page is not None


def test_a_count_over_a_table_is_right(agent, orders):
    """A count with a condition is what the file holds."""
    result = ask(agent, "How many orders are there in the North?")
    assert str(sum(row["region"] == "North" for row in orders)) in result.answer
    assert result.verified, result.verdict.reason


def test_a_mean_over_a_table_is_right(agent, orders):
    """A mean with a condition is what the file holds."""
    result = ask(agent, "What is the mean amount of the orders in the North?")
    mean = statistics.fmean(float(row["amount"]) for row in orders if row["region"] == "North")
    assert result.evidence[0].value["value"] == pytest.approx(mean, abs=1e-6)
    assert f"{mean:.2f}"[:-1] in result.answer
    assert result.verified, result.verdict.reason


@pytest.mark.parametrize(
    "question", ["asdf qwer zxcv", "blorp fizzle wug?", "Who is the king of Sweden?", "What time is it?"]
)
def test_what_cannot_be_answered_is_said(agent, question):
    """Nonsense and what no tool knows is answered honestly: not verified, and the user is told."""
    result = ask(agent, question)
    assert not result.verified
    assert result.status == "partial"
    assert "The question was not answered." in result.warnings


@pytest.mark.parametrize(
    "place", ["Oslo", "New York", "São Paulo", "Kathmandu", "Mumbai", "Adelaide", "Zurich", "Japan", "Honolulu"]
)
def test_the_time_is_verified_wherever_it_is(agent, place):
    """Zones, offsets of half an hour and names with accents pass the check of the answer."""
    result = ask(agent, f"What time is it in {place}?")
    assert result.verified, result.verdict.reason
