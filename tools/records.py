"""What is learnt of one key, what of it is not yet kept, and the text it is kept as."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from ..policies.admission import UNDOUBTED, AdmissionState
from ..policies.calibration import Calibration
from ..policies.errors import UsageError
from ..policies.forecast import DEFAULT, Forecast, ForecastPolicy, Prior
from ..policies.latency import LatencyState
from ..policies.pace import ModelLatency, PacePolicy

VERSION: Final = 1
"""Of the text that is kept."""

MOST_FRESH: Final = 1_000
"""Samples of a key that wait to be kept, the newest: a forecast rests on no more."""

WHOLE: Final = "whole"
"""The scores of forecasts of whole calls."""
BY_TOKENS: Final = "by tokens"
"""The scores of forecasts of model calls whose tokens are known."""

_LARGEST: Final = 1e60
"""What no moment of a pace reaches, and what can still be multiplied."""


class Key(NamedTuple):
    """What a record is kept under: of what kind it is, and its name (see `forecast.key`)."""

    kind: Literal["tool", "model"]
    name: str


Settings = Prior | PacePolicy
State = LatencyState | ModelLatency
Sample = tuple[Any, ...]
"""The arguments of a state's `observe`."""
Scores = Mapping[str, Calibration]
S = TypeVar("S", LatencyState, ModelLatency)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one key.

    Attributes:
        state: what was learnt.
        scores: where its samples fell in their forecasts, by what the forecast knew.
    """

    state: State
    scores: Scores

    @property
    def settings(self) -> Settings:
        """What was believed before."""
        return self.state.prior if isinstance(self.state, LatencyState) else self.state.pace

    def to_json(self) -> str:
        """The text of it."""
        scores = {name: calibration.to_dict() for name, calibration in self.scores.items()}
        data = {"settings": asdict(self.settings), "state": self.state.to_dict(), "scores": scores}
        return json.dumps(data, separators=(",", ":"), allow_nan=False)

    @classmethod
    def read(cls, text: str, settings: Settings | type[Settings], policy: ForecastPolicy = DEFAULT) -> Kept:
        """What `to_json` wrote, under these settings; a class of settings is those that were written.

        Raises:
            UsageError: it is something else.
        """
        try:
            data = json.loads(text, parse_constant=_finite, parse_float=_finite)
            if isinstance(settings, type):
                settings = settings(**data["settings"])
            scores = {str(name): Calibration.from_dict(counts) for name, counts in data["scores"].items()}
            return cls(_state(data["state"], settings, policy), scores)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise UsageError(f"the stored forecast cannot be read ({error!r}); delete it") from error


def blank(settings: Settings, policy: ForecastPolicy = DEFAULT) -> State:
    """What is known before the first sample."""
    return LatencyState(settings, policy) if isinstance(settings, Prior) else ModelLatency(settings, policy)


def _state(data: Mapping[str, Any], settings: Settings, policy: ForecastPolicy) -> State:
    if isinstance(settings, Prior):
        return LatencyState.from_dict(data, settings, policy)
    if not all(abs(moment) < _LARGEST for moment in data["moments"]):
        raise ValueError(f"its moments are {data['moments']!r}")
    return ModelLatency.from_dict(data, settings, policy)


def _finite(text: str) -> float:
    """A number of JSON, which may write numbers that no float holds."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


@dataclass(frozen=True, slots=True)
class Increment:
    """What a process learnt of one key since it was last kept.

    Attributes:
        key: of what.
        samples: in the order they were learnt.
        scores: where they fell in their forecasts.
        settings: what was believed before.
        policy: how fast that was left behind.
    """

    key: Key
    samples: tuple[Sample, ...]
    scores: Scores
    settings: Settings
    policy: ForecastPolicy

    def onto(self, text: str | None) -> str:
        """The text to keep: what is kept already (`None` is nothing), and then these samples.

        They are learnt one by one, as if one process had seen all, so that a change of regime is noticed across
        processes and nothing counts twice.

        Raises:
            UsageError: `text` cannot be read.
        """
        kept = Kept(blank(self.settings, self.policy), {})
        if text is not None:
            kept = Kept.read(text, self.settings, self.policy)
        for sample in self.samples:
            kept.state.observe(*sample)
        return Kept(kept.state, _added(kept.scores, self.scores)).to_json()


def _added(one: Scores, other: Scores) -> Scores:
    """The scores of both."""
    both: dict[str, Calibration] = {}
    for scores in (one, other):
        for name, calibration in scores.items():
            both.setdefault(name, Calibration()).add(calibration)
    return both


class Record(Generic[S]):
    """What a process knows of one key; used under the lock of its history.

    Attributes:
        key: of what.
        state: what was learnt, here and by earlier processes.
        fresh: the samples that are not yet kept, the newest 1,000.
        asked: the forecast that was last handed out.
        doubts: how the calls fared that it spoke against.
    """

    __slots__ = ("_scores", "asked", "doubts", "fresh", "key", "state")

    def __init__(self, key: Key, state: S) -> None:
        self.key = key
        self.state: S = state
        self.fresh: deque[Sample] = deque(maxlen=MOST_FRESH)
        self.asked: Forecast | None = None
        self.doubts: AdmissionState = UNDOUBTED
        self._scores: dict[str, Calibration] = {}

    @property
    def settings(self) -> Settings:
        """What was believed before the first sample."""
        return Kept(self.state, {}).settings

    def learn(self, *sample: Any) -> None:
        """Learn from the arguments of the state's `observe`."""
        self.state.observe(*sample)
        self.fresh.append(sample)

    def forget_cut(self: Record[LatencyState]) -> None:
        """Forget the samples that were cut."""
        self.state.forget_cut()
        self.fresh = deque((sample for sample in self.fresh if not sample[-1]), MOST_FRESH)

    def score(self, what: str, forecast: Forecast | None, seconds: float, censored: bool) -> None:
        """Count where a sample falls in the forecast that was made of it, before it is learnt; none was, none is."""
        if forecast is not None and 0 <= seconds < math.inf:
            scores = self._scores.get(what)
            if scores is None:
                scores = self._scores[what] = Calibration()
            scores.score(forecast, seconds, censored)

    def recall(self, text: str) -> None:
        """Put what was kept under what is fresh.

        Raises:
            UsageError: it cannot be read; the record stays as it is.
        """
        state: Any = Kept.read(text, self.settings, self.state.policy).state
        for sample in self.fresh:
            state.observe(*sample)
        self.state = state

    def under(self, key: Key) -> Record[S]:
        """Another record that has learnt the same, and was not yet asked."""
        copied = Record(key, deepcopy(self.state))
        copied.fresh = self.fresh.copy()
        return copied

    def take(self) -> Increment:
        """What is fresh, which it then is no more."""
        taken = Increment(self.key, tuple(self.fresh), self._scores, self.settings, self.state.policy)
        self.fresh.clear()
        self._scores = {}
        return taken

    def give_back(self, taken: Increment) -> None:
        """Make what was taken fresh again, before what came since."""
        self.fresh = deque((*taken.samples, *self.fresh), MOST_FRESH)
        self._scores = dict(_added(taken.scores, self._scores))
