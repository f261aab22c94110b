"""The driver's side: a peer's process, found, started and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from .register import OWN, PEERS

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(os.environ.get("SHOTCLOCK_PEERS", ROOT / ".venv-peers"))
"""Where `make peers` puts an environment for each peer."""


class PeerError(RuntimeError):
    """A peer's process ended, or answered that it could not."""


def interpreter(name: str) -> str | None:
    """The Python of a peer's environment; `None` where there is none."""
    if name in OWN:
        return sys.executable
    path = ENVIRONMENTS / name / "bin" / "python"
    return str(path) if path.exists() else None


def there(names: Sequence[str] = tuple(PEERS)) -> list[str]:
    """The peers that have an environment."""
    return [name for name in names if interpreter(name)]


class Process:
    """A peer that is kept alive.

    Args:
        name: of the peer.
    """

    def __init__(self, name: str) -> None:
        python = interpreter(name)
        if python is None:
            raise PeerError(f"{name} has no environment under {ENVIRONMENTS}: make it with `make peers`")
        self.name = name
        # What tracing and paths this user has set up stays out of another library's environment.
        strange = ("LANGSMITH_", "LANGCHAIN_") if name in OWN else ("LANGSMITH_", "LANGCHAIN_", "PYTHONPATH")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115  # lives as long as the process
        self._process = subprocess.Popen(
            [python, "-m", "bench.peers.worker", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=ROOT,
            env=kept | {"PYTHONWARNINGS": "ignore"},
        )  # fmt: skip

    def ask(self, do: str, **values: Any) -> Any:
        """Have something done, and wait for it.

        Raises:
            PeerError: it could not.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, "with": values}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"{self.name} died: {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.name} could not {do}: {answer['error']}")
        return answer["answer"]

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-500:]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@cache
def kept(name: str) -> Process:
    """A peer's process that lasts as long as this one."""
    return Process(name)
