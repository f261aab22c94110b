"""Results of tools that are kept for a while, and calls in flight that are shared: across runs, by their arguments."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import hashlib
import ipaddress
import itertools
import json
import pathlib
import threading
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from pydantic import AnyUrl, BaseModel

from ..policies.deadline import NEVER, Deadline
from ..policies.errors import InvalidPolicy
from .scope import clock

T = TypeVar("T")

Source = Literal["hit", "shared", "miss"]
"""Where a result came from: kept from before, another call's that was under way, or this call's own work."""

MAX_ENTRIES = 1024
"""Results a cache keeps at most."""

LONGEST_KEY = 256
"""Characters of a canonical form; a longer one is replaced by its digest, so that keys stay small."""

_FAITHFUL = (
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID, complex, bytes,
    pathlib.PurePath, AnyUrl, ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network,
    ipaddress.IPv6Network, ipaddress.IPv4Interface, ipaddress.IPv6Interface,
)  # fmt: skip
"""Types whose `repr` says all there is to say of a value."""

_JSON = frozenset({str, int, float, bool, type(None)})

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

_unique = itertools.count()


class Cache(Generic[T]):
    """Keeps what tools returned, for as long as each tool allows, and lets equal calls under way share one attempt.

    Callers that wait for another's attempt get what the tool itself said; what the other's run did to its attempt
    (cancelled, timed out, skipped for its budget) is not theirs: one of them takes over with its own work, and the rest
    wait for that. Results are handed on as they are: whoever may change one copies it first.

    A cache may be used from several event loops and threads: what is kept is shared by all, a call under way by those
    of its own loop.

    Args:
        keeps: whether a result is good enough to be kept.
        shares: whether a result is the tool's own, for everybody who waited for it.
        max_entries: results kept at most; the one not used for longest goes first. `0` keeps none. Default 1024.
        now: the clock; the running loop's by default.

    Raises:
        InvalidPolicy: `max_entries` is negative.
    """

    def __init__(
        self,
        keeps: Callable[[T], bool],
        shares: Callable[[T], bool],
        max_entries: int = MAX_ENTRIES,
        *,
        now: Callable[[], float] = clock,
    ) -> None:
        if max_entries < 0:
            raise InvalidPolicy(f"cache max_entries must be 0 or more results, got {max_entries!r}")
        self._keeps = keeps
        self._shares = shares
        self._max_entries = max_entries
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._flights: dict[asyncio.AbstractEventLoop, dict[Hashable, asyncio.Future[T | None]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget what is kept; calls under way are not touched."""
        with self._lock:
            self._kept.clear()

    async def get_or_run(
        self, key: Hashable, ttl: float, start: Callable[[], Awaitable[T]], *, until: Deadline = NEVER
    ) -> tuple[T | None, Source]:
        """The kept result, another call's, or that of `start()`, which runs in the task that asks.

        Args:
            key: the tool and its `canonical` arguments.
            ttl: seconds a result is kept from its arrival; `0` shares calls under way and keeps nothing.
            start: does the work, bounded in time by itself.
            until: the instant at which waiting for another's attempt ends, with `None`.
        """
        loop = asyncio.get_running_loop()
        while True:
            kept, found = self._look_up(key, loop)
            if kept is not None:
                return kept, "hit"
            if found is None:
                return await self._lead(key, ttl, start, loop), "miss"
            # asyncio.wait leaves the shared future alone where this follower is cancelled.
            await asyncio.wait((found,), timeout=None if until.never else until.remaining(self._now()))
            if not found.done():
                return None, "shared"
            if (result := found.result()) is not None:
                return result, "shared"

    def _look_up(
        self, key: Hashable, loop: asyncio.AbstractEventLoop
    ) -> tuple[T | None, asyncio.Future[T | None] | None]:
        """What is kept, what is under way, or neither: then the caller has become the leader."""
        with self._lock:
            entry = self._kept.get(key)
            if entry is not None and self._now() < entry[0]:
                self._kept.move_to_end(key)
                return entry[1], None
            if entry is not None:
                del self._kept[key]
            flights = self._flights_of(loop)
            if key in flights:
                return None, flights[key]
            flights[key] = loop.create_future()
            return None, None

    async def _lead(
        self, key: Hashable, ttl: float, start: Callable[[], Awaitable[T]], loop: asyncio.AbstractEventLoop
    ) -> T:
        shared: T | None = None
        try:
            result = await start()
            shared = result if self._shares(result) else None
            return result
        finally:
            # On a cancellation as well, and even when the loop dies: then followers take over.
            self._land(key, ttl, shared, loop)

    def _land(self, key: Hashable, ttl: float, shared: T | None, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            future = self._flights_of(loop).pop(key, None)
            if shared is not None and ttl > 0 and self._keeps(shared):
                self._keep(key, self._now() + ttl, shared)
        if future is not None and not future.done() and not loop.is_closed():
            future.set_result(shared)

    def _keep(self, key: Hashable, until: float, result: T) -> None:
        self._kept[key] = (until, result)
        self._kept.move_to_end(key)
        while len(self._kept) > self._max_entries:
            self._kept.popitem(last=False)

    def _flights_of(self, loop: asyncio.AbstractEventLoop) -> dict[Hashable, asyncio.Future[T | None]]:
        flights = self._flights.get(loop)
        if flights is None:
            for closed in [other for other in self._flights if other.is_closed()]:
                del self._flights[closed]
            flights = self._flights[loop] = {}
        return flights


def canonical(arguments: Mapping[str, Any]) -> str:
    """One text for equal arguments and different texts for different ones, whatever order they were given in.

    Types are told apart (`1`, `1.0`, `true` and `"1"` are four values). Where an argument has no faithful text, a
    secret or an object of an unknown class, the text is a new one each time: such a call is never answered from a
    cache.
    """
    try:
        text = _dumps(_plain(dict(arguments)))
    except (TypeError, ValueError, RecursionError):
        return f"unique-{next(_unique)}"
    return text if len(text) <= LONGEST_KEY else f"sha256-{hashlib.sha256(text.encode()).hexdigest()}"


def _dumps(value: Any) -> str:
    return _ENCODER.encode(value)


def _plain(value: Any) -> Any:
    """The value in terms of JSON, with a tag for what is not JSON."""
    if type(value) in _JSON:
        return value
    if isinstance(value, dict):
        return _plain_dict(value)
    if type(value) in (list, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return {"$set": sorted((_plain(item) for item in value), key=_dumps)}
    return {f"${type(value).__module__}.{type(value).__qualname__}": _parts(value)}


def _plain_dict(value: dict[Any, Any]) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: _plain(item) for key, item in value.items()}
    # JSON would make a text of every key; and a key that begins like a tag must not be taken for one.
    return {"$dict": sorted(([_plain(key), _plain(item)] for key, item in value.items()), key=_dumps)}


def _parts(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, BaseModel):
        return _plain({**value.__dict__, **(value.__pydantic_extra__ or {})})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, _FAITHFUL):
        return repr(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind.__repr__(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")
