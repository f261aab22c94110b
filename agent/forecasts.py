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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..policies.errors import StoreError, UsageError
from ..policies.forecast import key as naming
from ..tools.records import VERSION, Increment, Key
from .trace.schema import FORECASTS_SCHEMA, transaction
from .trace.store import TraceStore

if TYPE_CHECKING:
    from ..tools.history import History
    from .agent import Agent

logger = logging.getLogger(__name__)

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
    try:
        history.load(ForecastStore(path).load())
    except StoreError as error:
        return _logged(f"forecasts are not loaded: {error}")
    return None


def keep(history: History, path: str | Path | None = None) -> str | None:
    """`save_forecasts` for a history that no agent has."""
    try:
        history.hand_over(ForecastStore(path).add)
    except StoreError as error:
        return _logged(f"forecasts are not saved: {error}")
    return None


def _logged(problem: str) -> str:
    logger.warning("%s", problem)
    return problem


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
        sql = "SELECT kind, key, learnt, updated_ns FROM forecasts WHERE version = ? ORDER BY key, kind"
        rows = self._file.read(sql, (VERSION,), table="forecasts")
        return [Entry(Key(kind, name), text, updated) for kind, name, text, updated in rows]

    def add(self, increments: Iterable[Increment]) -> None:
        """Add what was learnt to what is kept, in one transaction: no other process's addition is lost.

        What is kept and cannot be read is replaced, which is logged as a warning.

        Raises:
            StoreError: it cannot be written; nothing was.
        """
        try:
            with closing(self._file.connect()) as connection, transaction(connection):
                connection.execute(FORECASTS_SCHEMA)
                for increment in increments:
                    _add(connection, increment)
                oldest = time.time_ns() - int(KEEP_SECONDS * 1e9)
                connection.execute("DELETE FROM forecasts WHERE updated_ns < ?", (oldest,))
        except (sqlite3.Error, OSError) as error:
            raise self._file.unusable(error) from error

    def clear(self, name: str) -> int:
        """Forget a key and what belongs to it, such as a tool's size classes; the number of keys forgotten.

        Raises:
            StoreError: it cannot be written; the message says what to do.
        """
        if not self._file.exists:
            return 0
        try:
            with closing(self._file.connect()) as connection, transaction(connection):
                connection.execute(FORECASTS_SCHEMA)
                begins = naming(name, "")
                sql = "DELETE FROM forecasts WHERE key = ? OR substr(key, 1, ?) = ?"
                return connection.execute(sql, (name, len(begins), begins)).rowcount
        except (sqlite3.Error, OSError) as error:
            raise self._file.unusable(error) from error


def _add(connection: sqlite3.Connection, increment: Increment) -> None:
    which = (VERSION, *increment.key)
    sql = "SELECT learnt FROM forecasts WHERE version = ? AND kind = ? AND key = ?"
    row = connection.execute(sql, which).fetchone()
    try:
        text = increment.onto(None if row is None else row[0])
    except UsageError as error:
        logger.warning("what was kept of %s is replaced: %s", increment.key.name, error)
        text = increment.onto(None)
    connection.execute(
        "INSERT OR REPLACE INTO forecasts (version, kind, key, updated_ns, learnt) VALUES (?, ?, ?, ?, ?)",
        (*which, time.time_ns(), text),
    )
