"""Every example runs, from the repository's root, and prints what it says it does."""

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


def test_the_readme_shows_code_that_runs(tmp_path):
    """The Python blocks of the README are run as they stand."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        file = tmp_path / "block.py"
        file.write_text(block)
        done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
