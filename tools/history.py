"""How long an agent's tools and models have taken, and so how long they will take.

What was learnt can be kept beyond the process: `hand_over` gives what is new to whoever writes it, `load` takes what
was kept. See `records` for what is handed over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..policies.admission import UNDOUBTED
from ..policies.errors import UsageError
from ..policies.forecast import PRIORS, Forecast, ForecastPolicy, Prior, key, size_class
from ..policies.latency import LatencyState
from ..policies.pace import PUBLISHED, ModelLatency, PacePolicy
from .records import BY_TOKENS, WHOLE, Increment, Key, Record
from .tool import Tool

logger = logging.getLogger(__name__)

BATCH = 16
"""Attempts that are learnt together, once forecasts come from sketches: those are taken anew more rarely (see
`latency`), and learning them one by one costs twice the time."""

QUICK = 0.001
"""Seconds under which an attempt is one of many: those are learnt `BATCH_OF_QUICK` together."""

BATCH_OF_QUICK = 64
"""Quick attempts that are learnt together: some sixteenth of a second's at most, and a sixteenth of a forecast's."""

ENOUGH = 20
"""Samples a size class needs before it speaks for itself."""


class History:
    """The latencies of an agent's tools and models, learnt from its runs and shared by them; safe to use from several
    threads.

    A tool's attempts are learnt as one, and each class of their arguments' size for itself (see `size_class`). Where
    several classes were seen, one with 20 samples or more forecasts its own attempts.

    Args:
        policy: how what is learnt replaces what was believed before.
    """

    def __init__(self, policy: ForecastPolicy | None = None) -> None:
        self._policy = policy or ForecastPolicy()
        self._lock = threading.Lock()
        self._tools: dict[str, ToolHistory] = {}
        self._models: dict[str, ModelHistory] = {}
        self._kept: dict[Key, str] = {}

    def forecast(self, tool: Tool, *, size: int | None = None) -> Forecast | None:
        """How long the next attempt takes; `None` where its author declared nothing and it was never seen.

        Args:
            tool: what is called.
            size: bytes of its arguments, roughly; `None` is not known.
        """
        return self.tool(tool).forecast(size)

    def tool(self, tool: Tool) -> ToolHistory:
        """What was learnt of a tool; the same object for the same name."""
        found = self._tools.get(tool.name)
        if found is not None:
            return found
        with self._lock:
            return self._tools.get(tool.name) or self._begin(tool)

    def observe(self, tool: Tool, seconds: float, *, size: int | None = None, censored: bool = False) -> None:
        """Learn from an attempt. One that was cut is `censored`: it would have taken longer. A failure is no sample.

        Raises:
            UsageError: `seconds` is negative, NaN or infinite.
        """
        self.tool(tool).observe(seconds, size=size, censored=censored)

    def model(self, name: str, prior: PacePolicy | None = None) -> ModelHistory:
        """What was learnt of a model; the same object for the same name.

        Args:
            name: the model's name.
            prior: what is believed before its first call; the one that is given first holds. Default: the pace of
                public model calls.
        """
        with self._lock:
            found = self._models.get(name)
            if found is None:
                record = Record(Key("model", name), ModelLatency(prior or PUBLISHED, self._policy))
                self._recall(record)
                found = self._models[name] = ModelHistory(record, self._lock)
            return found

    # What outlives the process.

    def load(self, kept: Mapping[Key, str]) -> None:
        """Take what was kept of earlier processes, beside what is not yet handed over.

        A text is read when its key is first asked for; one that cannot be read is left out, and that is logged.
        """
        with self._lock:
            self._kept.update(kept)
            for sizes in self._tools.values():
                self._recall_sizes(sizes)
            for model in self._models.values():
                self._recall(model.record)

    def hand_over(self, write: Callable[[list[Increment]], None]) -> int:
        """Give `write` what was learnt since the last time, and the number of keys; what `write` fails to write, by
        whatever it raises, is handed over the next time."""
        with self._lock:
            for model in self._models.values():
                model.fold()
            taken = [increment for sizes in self._tools.values() for increment in sizes.take()]
            taken += [model.record.take() for model in self._models.values() if model.record.fresh]
        try:
            if taken:
                write(taken)
        except BaseException:
            with self._lock:
                for record, increment in ((r, i) for r in self._records() for i in taken if i.key == r.key):
                    record.give_back(increment)
            raise
        return len(taken)

    def _records(self) -> list[Record[Any]]:
        tools = [record for sizes in self._tools.values() for record in sizes.records()]
        return [*tools, *(model.record for model in self._models.values())]

    def _begin(self, tool: Tool) -> ToolHistory:
        """A tool that is met for the first time, with what was kept of it."""
        prior = Prior(p50=tool.latency) if tool.latency else PRIORS["tool"]
        made = ToolHistory(tool.name, prior, self._policy, self._lock, declared=bool(tool.latency))
        self._recall_sizes(made)
        self._tools[tool.name] = made
        return made

    def _recall_sizes(self, sizes: ToolHistory) -> None:
        sizes.fold()
        begins = key(sizes.name, "")
        for kept in self._kept:
            if kept.kind == "tool" and kept.name.startswith(begins):
                sizes.of(kept.name.removeprefix(begins))
        for record in sizes.records():
            self._recall(record)
        sizes.join()

    def _recall(self, record: Record[Any]) -> None:
        """Put what was kept of a key under what was learnt since."""
        if record.key not in self._kept:
            return
        try:
            record.recall(self._kept.pop(record.key))
        except UsageError as error:
            logger.warning("what was kept of %s is left out: %s", record.key.name, error)


class ToolHistory:
    """What was learnt of one tool, whole and by the size of its arguments; made by `History.tool`, and safe to use from
    several threads: what a caller outside this module calls takes the lock.

    Of most tools only one size is ever seen. While that is so, in `only`, its record is the whole one, and nothing is
    learnt twice; it gets a record of its own with the first sample that is not of its size.
    """

    __slots__ = ("_declared", "_lock", "_waiting", "classes", "name", "only", "policy", "prior", "whole")

    def __init__(
        self, name: str, prior: Prior, policy: ForecastPolicy, lock: threading.Lock, *, declared: bool
    ) -> None:
        self._lock = lock
        self._declared = declared
        self._waiting: list[tuple[Forecast | None, float, int | None, bool]] = []
        self.name = name
        self.prior = prior
        self.policy = policy
        self.whole = self._record(name)
        self.classes: dict[str, Record[LatencyState]] = {}
        self.only: str | None = None

    def forecast(self, size: int | None = None) -> Forecast | None:
        """How long the next attempt takes, with so many bytes of arguments; `None` where its author declared nothing
        and it was never seen."""
        record = self.speaking_of(size)
        return None if record is None else record.asked

    def speaking_of(self, size: int | None) -> Record[LatencyState] | None:
        """The record that forecasts an attempt with so many bytes of arguments, and its forecast in `asked`; `None` as
        in `forecast`."""
        with self._lock:
            record = self.whole
            if not (self._declared or record.state.count):
                return None
            if len(self.classes) > 1:
                self.fold()
                record = self.speaking(None if size is None else size_class(size))
            record.asked = record.state.forecast()
            return record

    def observe(self, seconds: float, *, size: int | None = None, censored: bool = False) -> None:
        """Learn from an attempt; see `History.observe`."""
        with self._lock:
            self._waiting.append((self.whole.asked, seconds, size, censored))
            if _enough(len(self._waiting), seconds) or censored or not self.whole.state.sketched:
                self.fold()

    def fold(self) -> None:
        """Learn what waits; under the lock."""
        waiting, self._waiting = self._waiting, []
        for asked, seconds, size, censored in waiting:
            named = None if size is None else size_class(size)
            told = self.whole if len(self.classes) < 2 else self.speaking(named)
            told.score(WHOLE, asked if told is self.whole else told.asked, seconds, censored)
            if named != self.only:
                self.tell_apart(named)
            self.whole.learn(seconds, censored)
            if named is not None and named != self.only:
                self.of(named).learn(seconds, censored)

    def recovered(self) -> None:
        """Forget the attempts that were cut: they were the tool's outage's, and that is over."""
        with self._lock:
            for record in self.records():  # which learns what waits first
                record.forget_cut()
                record.doubts = UNDOUBTED

    def tell_apart(self, size: str | None) -> None:
        """A sample of this size comes that is not of the only one: what was learnt is so far that one's, if there is
        one, and this is the only one if nothing was learnt."""
        if self.only is not None:
            only, self.only = self.only, None
            self.classes[only] = self.whole.under(Key("tool", key(self.name, only)))
        elif not (self.classes or self.whole.fresh or self.whole.state.count):
            self.only = size

    def join(self) -> None:
        """Keep no record of an only size that has learnt just what the whole one has, as earlier processes' have."""
        if len(self.classes) == 1:
            size, alone = next(iter(self.classes.items()))
            if alone.fresh == self.whole.fresh and alone.state.to_dict() == self.whole.state.to_dict():
                self.only, self.classes = size, {}

    def take(self) -> Iterable[Increment]:
        """What is fresh of each record; that of the only size is that of the whole."""
        taken = [record.take() for record in self.records() if record.fresh]
        if self.only is not None:
            taken += [replace(whole, key=Key("tool", key(self.name, self.only)), scores={}) for whole in taken]
        return taken

    def of(self, size: str) -> Record[LatencyState]:
        """The record of a size class, which is then told apart."""
        if self.only is not None:
            self.tell_apart(size)
        record = self.classes.get(size)
        if record is None:
            record = self.classes[size] = self._record(key(self.name, size))
        return record

    def speaking(self, size: str | None) -> Record[LatencyState]:
        """The record that forecasts an attempt of this size class."""
        if size is None or len(self.classes) < 2:
            return self.whole
        own = self.classes.get(size)
        return own if own is not None and own.state.count >= ENOUGH else self.whole

    def _record(self, name: str) -> Record[LatencyState]:
        return Record(Key("tool", name), LatencyState(self.prior, self.policy))

    def records(self) -> Iterable[Record[LatencyState]]:
        """All of them, with what waits learnt."""
        self.fold()
        return (self.whole, *self.classes.values())


class ModelHistory:
    """What was learnt of one model; made by `History.model`, and safe to use from several threads.

    Attributes:
        withheld: plans in a row that left it out of the final answer.
    """

    __slots__ = ("_lock", "_waiting", "record", "withheld")

    def __init__(self, record: Record[ModelLatency], lock: threading.Lock) -> None:
        self.record = record
        self.withheld = 0
        self._lock = lock
        self._waiting: list[tuple[float, int | None, bool]] = []

    @property
    def _state(self) -> ModelLatency:
        return self.record.state

    @property
    def n(self) -> int:
        """Calls it rests on; 0 is the prior alone."""
        with self._lock:
            return self._state.totals.count + len(self._waiting)

    @property
    def fit(self) -> tuple[float, float]:
        """Seconds to start, and seconds an output token."""
        with self._lock:
            return self._state.fit

    def forecast(self, tokens: int | None = None) -> Forecast:
        """What a call takes that writes so many output tokens; `None` is as many as calls usually write."""
        with self._lock:
            return self._state.forecast(tokens)

    def observe(self, seconds: float, tokens: int | None = None, censored: bool = False) -> None:
        """Learn from a call that wrote so many output tokens; `None` is not known, and a cut call is `censored`.

        Raises:
            UsageError: `seconds` is negative, NaN or infinite, or `tokens` is negative.
        """
        with self._lock:
            self._waiting.append((seconds, tokens, censored))
            if _enough(len(self._waiting), seconds) or censored or not self._state.totals.sketched:
                self.fold()

    def fold(self) -> None:
        """Learn what waits; under the lock. What waits was forecast alike."""
        waiting, self._waiting = self._waiting, []
        record, state = self.record, self.record.state
        forecasts = [(state.forecast(), state.forecast(tokens) if tokens else None) for _, tokens, _ in waiting]
        for (seconds, tokens, censored), (whole, by_tokens) in zip(waiting, forecasts, strict=True):
            record.score(WHOLE, whole, seconds, censored)
            record.score(BY_TOKENS, by_tokens, seconds, censored)
            record.learn(seconds, tokens, censored)

    def tokens_within(self, seconds: float, q: float = 0.95) -> int:
        """The most output tokens a call writes within so many seconds with probability `q`; 0 where it writes none."""
        with self._lock:
            return self._state.tokens_within(seconds, q)

    def remaining(self, tokens: int, elapsed: float, limit: int | None = None) -> Forecast:
        """Seconds a stream still takes that has written so many tokens in so many seconds; `limit` is its
        `max_tokens`, `None` where there is none."""
        with self._lock:
            return self._state.remaining(tokens, elapsed, limit)


def _enough(waiting: int, seconds: float) -> bool:
    """Whether so many samples are learnt now, of which the last one took so long."""
    return waiting >= BATCH_OF_QUICK or (waiting >= BATCH and seconds >= QUICK)
