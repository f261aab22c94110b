"""A table of the trace store in which processes add up what they learnt, a row for each key."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from ..policies.errors import StoreError, UsageError
from .trace.schema import transaction
from .trace.store import TraceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A table, and how its rows are read and added to.

    Attributes:
        name: its name.
        schema: the statement that makes it.
        version: of what is kept; rows of another version are theirs who wrote them.
        key: the columns that tell rows apart, beside the version.
        values: the columns that hold what was learnt.
        logger: where it is said that a row was replaced.
    """

    name: str
    schema: str
    version: int
    key: tuple[str, ...]
    values: tuple[str, ...]
    logger: logging.Logger

    def rows(self, store: TraceStore) -> list[tuple[tuple[Any, ...], tuple[Any, ...], int]]:
        """Key, values, and when they were last added to (nanoseconds since 1970), in the order of the keys.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        columns, keys = ", ".join((*self.key, *self.values)), ", ".join(self.key)
        sql = f"SELECT {columns}, updated_ns FROM {self.name} WHERE version = ? ORDER BY {keys}"
        width = len(self.key)
        return [(row[:width], row[width:-1], row[-1]) for row in store.read(sql, (self.version,), table=self.name)]

    def keys(self, connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
        """The keys that there are, inside `writing`."""
        sql = f"SELECT {', '.join(self.key)} FROM {self.name} WHERE version = ?"
        return connection.execute(sql, (self.version,)).fetchall()

    @contextmanager
    def writing(self, store: TraceStore, *further: str) -> Iterator[sqlite3.Connection]:
        """One transaction in which the table is there, and what `further` statements make: no other process's addition
        is lost.

        Raises:
            StoreError: the store cannot be written; nothing was.
        """
        try:
            with closing(store.connect()) as connection, transaction(connection):
                for statement in (self.schema, *further):
                    connection.execute(statement)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise store.unusable(error) from error

    def add(
        self,
        connection: sqlite3.Connection,
        key: Sequence[str],
        words: str,
        onto: Callable[[Sequence[Any] | None], Sequence[Any]],
    ) -> None:
        """Put what `onto` makes of the values that are kept in their place, inside `writing`.

        Args:
            connection: the transaction's.
            key: of which row.
            words: what warnings call it.
            onto: gives the new values; `None` is that nothing is kept. Where it raises `UsageError` because what is
                kept cannot be read, that is replaced, with a warning.
        """
        which = (self.version, *key)
        where = " AND ".join(f"{column} = ?" for column in ("version", *self.key))
        row = connection.execute(f"SELECT {', '.join(self.values)} FROM {self.name} WHERE {where}", which).fetchone()
        try:
            values = onto(row)
        except UsageError as error:
            self.logger.warning("what was kept of %s is replaced: %s", words, error)
            values = onto(None)
        columns = ("version", *self.key, "updated_ns", *self.values)
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT OR REPLACE INTO {self.name} ({', '.join(columns)}) VALUES ({marks})"
        connection.execute(sql, (*which, time.time_ns(), *values))


def problem_of(action: Callable[[], object], what: str, logger: logging.Logger) -> str | None:
    """Do what reads or writes a store; what kept it from that in one sentence, which is logged too, or `None`."""
    try:
        action()
    except StoreError as error:
        problem = f"{what}: {error}"
        logger.warning("%s", problem)
        return problem
    return None
