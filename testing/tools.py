"""Tools that are slow or fail on demand."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

from ..tools.tool import Tool


def fake_tool(
    name: str,
    *,
    returns: Any = "ok",
    after: float = 0.0,
    error: BaseException | None = None,
    failures: int | None = None,
    blocking: bool = False,
    **options: Any,
) -> Tool:
    """A tool that takes any `text`, waits `after` seconds and returns `returns`, or raises `error`.

    Args:
        name: the tool's name.
        returns: what it returns.
        after: seconds it takes; on the virtual clock where that runs.
        error: what it raises instead of returning.
        failures: how many of its first attempts raise; every one where not given.
        blocking: whether it is a plain function that blocks a thread for real seconds.
        options: as for `@tool`.
    """
    attempts = itertools.count()

    def finish() -> Any:
        if error is not None and (failures is None or next(attempts) < failures):
            raise error
        return returns

    async def run_async(text: str = "") -> Any:
        """A tool that does what a test asks of it."""
        if after:
            await asyncio.sleep(after)
        return finish()

    def run_blocking(text: str = "") -> Any:
        """A tool that does what a test asks of it."""
        time.sleep(after)
        return finish()

    return Tool(run_blocking if blocking else run_async, name, **options)
