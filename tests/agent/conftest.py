"""What the tests of the agent may use."""

import sys

import pytest

from shotclock.agent.cli import main


@pytest.fixture
def shotclock(monkeypatch, capsys):
    """Runs a command in this process: its exit status, output and errors."""

    def run(*arguments, width=140):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "argv", ["shotclock", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return run
