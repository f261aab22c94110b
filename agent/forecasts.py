"""Forecasts kept beyond the process, in the file the traces are kept in.

    agent = Agent(...)
    load_forecasts(agent)    # as the process starts
    ...
    save_forecasts(agent)    # from time to time, and before it ends

What a process learnt is added to what is kept, so that processes side by side know what all of them saw.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..policies.forecast import key as naming
from ..tools.records import VERSION, Increment, Key
from .keyed import Keyed, problem_of
from .trace.schema import FORECASTS_SCHEMA
from .trace.store import TraceStore

if TYPE_CHECKING:
    from ..tools.history import History
    from .agent import Agent

logger = logging.getLogger(__name__)

_TABLE: Final = Keyed(
    name="forecasts",
    schema=FORECASTS_SCHEMA,
    version=VERSION,
    key=("key", "kind"),
    values=("learnt",),
    logger=logger,
)

KEEP_SECONDS: Final = 90 * 86_400.0
"""Seconds after which a forecast that nothing was added to is dropped: 90 days."""


def load_forecasts(agent: Agent, path: str | Path | None = None) -> str | None:
    """Let an agent begin with what earlier processes learnt of its tools and models.

    It takes a few milliseconds. Called again, it takes up what other processes saved since.

    Args:
        agent: which learns.
        path: the store's file; `None` is that of the traces.

    Returns:
        What kept the store from being read, in one sentence, which is logged too; `None` where all is well. The agent
        then begins with what it was told.
    """
    return recall(agent.memory.history, path)


def save_forecasts(agent: Agent, path: str | Path | None = None) -> str | None:
    """Add what an agent learnt since it was last saved to what is kept.

    It takes some milliseconds, and a quarter of a second more where another process writes: in an event loop call it
    by `await asyncio.to_thread(save_forecasts, agent)`.

    Args:
        agent: which learnt.
        path: the store's file; `None` is that of the traces.

    Returns:
        What kept the store from being written, in one sentence, which is logged too; `None` where all is well. The
        next call saves what this one could not.
    """
    return keep(agent.memory.history, path)


def recall(history: History, path: str | Path | None = None) -> str | None:
    """`load_forecasts` for a history that no agent has."""
    return problem_of(lambda: history.load(ForecastStore(path).load()), "forecasts are not loaded", logger)


def keep(history: History, path: str | Path | None = None) -> str | None:
    """`save_forecasts` for a history that no agent has."""
    return problem_of(lambda: history.hand_over(ForecastStore(path).add), "forecasts are not saved", logger)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one key.

    Attributes:
        key: of what.
        text: what was learnt, see `records.Kept`.
        updated_ns: when something was last added, nanoseconds since 1970.
    """

    key: Key
    text: str
    updated_ns: int


class ForecastStore:
    """The table of forecasts. Opening it touches nothing; each call opens the file and closes it.

    Args:
        path: the file; `None` is that of the traces.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._file = TraceStore(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def load(self) -> dict[Key, str]:
        """What is kept of every key.

        Raises:
            StoreError: it cannot be read; the message says what to do.
        """
        return {entry.key: entry.text for entry in self.entries()}

    def entries(self) -> list[Entry]:
        """What is kept, in the order of the keys; what other versions wrote is theirs.

        Raises:
            StoreError: it cannot be read; the message says what to do.
        """
        rows = _TABLE.rows(self._file)
        return [Entry(Key(kind, name), text, updated) for (name, kind), (text,), updated in rows]

    def add(self, increments: Iterable[Increment]) -> None:
        """Add what was learnt to what is kept, in one transaction: no other process's addition is lost.

        What is kept and cannot be read is replaced, which is logged as a warning.

        Raises:
            StoreError: it cannot be written; nothing was.
        """
        with _TABLE.writing(self._file) as connection:
            for increment in increments:
                _add(connection, increment)
            oldest = time.time_ns() - int(KEEP_SECONDS * 1e9)
            connection.execute("DELETE FROM forecasts WHERE updated_ns < ?", (oldest,))

    def clear(self, name: str) -> int:
        """Forget a key and what belongs to it, such as a tool's size classes; the number of keys forgotten.

        Raises:
            StoreError: it cannot be written; the message says what to do.
        """
        if not self._file.exists:
            return 0
        with _TABLE.writing(self._file) as connection:
            begins = naming(name, "")
            sql = "DELETE FROM forecasts WHERE key = ? OR substr(key, 1, ?) = ?"
            return connection.execute(sql, (name, len(begins), begins)).rowcount


def _add(connection: sqlite3.Connection, increment: Increment) -> None:
    kind, name = increment.key
    _TABLE.add(connection, (name, kind), name, lambda row: (increment.onto(None if row is None else row[0]),))
