"""Every example runs, from the repository's root, prints what it says it does, and stays short."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPECTED = {
    "shop": [r"39\.9", "complete answered verified", "1 tool call"],
    "slow_tools": [
        r"celsius 4",
        r"could not finish population",
        r"deadline, after (0\.\d\d|1\.0[0-5]) s",
        "timed_out, fail",
    ],
    "verify": [
        "The lamp costs 39.90 euros",
        "verified: True",
        "model calls: 4",
        "again: the answer was refused .it must name the price in euros",
    ],
    "checks": [
        "another one +fail +asked for number 7, got 8",
        r"wrong total +fail +total is 45.2, recomputed it is 42.5",
        "wrong unit +fail",
        "altered quotation +fail",
        r"is 42.50. verified: True",
        r"could not be found. verified: False .the evidence says total: 42.5",
    ],
    "control": [
        "40 of 40 answers are verified",
        r"retry, 5 times\n  first: attempt 1 of 3 failed",
        r"hedge, \d times\n  first: (?:delivery usually ends within|a second attempt after)",
        "cache, 39 times",
        r"fallback, 40 times\n  first: price timed out.*\n  last:  price failed 5 times in a row",
    ],
    "plan": [
        r"by plan: 2\.1 s, 2 model calls",
        r"turn by turn: 3\.3 s, 4 model calls",
        r"days\(lamp, Oslo\) gave 3",
    ],
    "mcp_stock": [
        "There are 7 lamps",
        "stock is not believed to be read-only, and its results are fenced as untrusted: True",
        "it died: .*ended with exit code 1",
        "and was started again: There are 7 lamps",
    ],
    "media": [
        r"a document: The budget of the garden project is 1,200 euros .minutes.txt.. .verified: True.",
        r"a large image: I was handed garden.png .1536 x 1024, 1600 tokens.",
        r"Garden.png is shrunk: it has 6,000,000 pixels, and media.image_pixels=1,572,864",
        r"Cut.png is left out: it is damaged",
        r"from a tool: I was handed garden.png .64 x 48, 5 tokens.",
    ],
    "models": [
        r"the small one is right: The lamp costs 39.90 euros. .small, verified: True.",
        r"its answer is refused: The lamp costs 39.90 euros. .large, verified: True.",
        "  escalate: small is doubted",
        r"it is down: The lamp costs 39.90 euros. .large, verified: True.",
        "  fall_back: small failed .small: down for maintenance.",
    ],
    "langchain_tools": [
        r"There are 7 lamps in stock. I could not finish delivery",
        r"deadline, after (0\.\d\d|1\.0[0-5]) s",
        "stock: ok, trusted: False",
        "There are 7 lamps in stock. verified: True",
    ],
    "langgraph_node": [
        "send_mail to everybody waits: every call of it needs approval; calls: 1",
        "7 lamps are there. calls in all: 2",
    ],
    "fastapi_app": [
        r"^Price \(lamp\): 39\.9",
        'event: run_started\ndata: .*"type": "run_started"',
        "event: call_finished\n",
        r"event: text_delta\ndata: .*Price \(chair\): 89\.0",
        'event: result\ndata: .*"verified": true',
    ],
    "openapi": [
        "lamps_find: Find lamps by their color. It takes color.",
        "green: verified: True, passed openapi",
        'red: verified: False, the answer is not what lamps/find declares: 0.price_eur: "cheap" is not of type',
    ],
    "stop_rule": [
        "the model decides: asked 4 of 4",
        "three results are enough: asked 3 of 4",
        r"two shops agree: asked 4 of 4.*2 checked sources say the same",
        r"a second: asked 1 of 4.*another turn is worth 0\.0067 USD",
        r"a rule of our own: asked 2 of 4.*cheap: 39\.9 euros is cheap",
    ],
}


def test_every_example_is_tested():
    """No example is left out."""
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_example_runs(name):
    """It ends well and prints what it promises."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("OTEL")}
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}"], cwd=ROOT, capture_output=True, text=True, timeout=60, env=env
    )
    assert done.returncode == 0, done.stderr
    for pattern in EXPECTED[name]:
        assert re.search(pattern, done.stdout), done.stdout


@pytest.mark.parametrize("name", EXPECTED)
def test_the_example_is_short(name):
    """An example is read in a minute: under 60 lines."""
    assert len((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 60
