"""How answers fared, counted by the kind of query: its modality, the tools that gave something, and the model asked.

Counts only: what processes and machines counted is added, nothing is weighed and nothing of the content is kept.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final, NamedTuple

from .errors import UsageError
from .outcome import VerdictOutcome

MOST_KINDS: Final = 1_000
"""Kinds that are told apart; further ones are counted with `OTHER` tools, each model by itself."""
MOST_OTHERS: Final = 100
"""Models that are told apart then; further ones are counted as `OTHER` too."""
MOST_NAMED: Final = 8
"""Tools that a kind names; a run that used more of them is of the kind that used as many."""
MOST_RECENT: Final = 10_000
"""Runs of this process that feedback can be given to without a store, the newest."""
OTHER: Final = "(other)"

_LONGEST_NAME: Final = 100


def modality_of(query: str, kinds: Iterable[str] = ()) -> str:
    """The modality of a query, such as `text` or, with attached files of these kinds, `image+text`. The one place that
    decides it."""
    return "+".join(sorted({"text", *kinds}))


class Kind(NamedTuple):
    """A kind of query.

    Attributes:
        modality: what was asked in, see `modality_of`.
        tools: the tools that gave something, sorted and joined by `+`; empty where there were none.
        model: the model that was asked. Where it failed and the embedded one answered, that is its quality too.
    """

    modality: str
    tools: str
    model: str

    @classmethod
    def of(cls, modality: str, tools: Iterable[str], model: str) -> Kind:
        """The kind of a run that used these tools, in whatever order and however often."""
        used = sorted(set(tools))
        named = "+".join(used) if len(used) <= MOST_NAMED else f"{len(used)} tools"
        return cls(modality, named, " ".join(model.split())[:_LONGEST_NAME])

    @property
    def words(self) -> str:
        """The kind for people: `text, with calculate and weather, by gpt-5-mini`."""
        *most, last = self.tools.split("+")
        tools = f"{', '.join(most)} and {last}" if most else last
        used = "without tools" if not self.tools else f"with {tools.replace(OTHER, 'other tools')}"
        return f"{self.modality}, {used}, by {self.model.replace(OTHER, 'other models')}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; the tools as a list."""
        return {"modality": self.modality, "tools": self.tools.split("+") if self.tools else [], "model": self.model}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How answers of one kind fared.

    Attributes:
        good: answers that passed their checks.
        bad: answers that failed one.
        unsure: answers that the checks left open; they say nothing of the quality.
        rated: answers that a person rated, whatever the checks said.
        score: the sum of those ratings, each from 0 to 1.
    """

    good: int = 0
    bad: int = 0
    unsure: int = 0
    rated: int = 0
    score: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        rated = max(0, self.rated + other.rated)
        return Counts(
            good=self.good + other.good,
            bad=self.bad + other.bad,
            unsure=self.unsure + other.unsure,
            rated=rated,
            # Taking back a rating may leave a rounding error below nothing.
            score=min(float(rated), max(0.0, self.score + other.score)),
        )

    @property
    def checked(self) -> int:
        """Answers that passed or failed."""
        return self.good + self.bad

    @property
    def share(self) -> float | None:
        """The share of the checked answers that passed; `None` where none was checked."""
        return self.good / self.checked if self.checked else None

    @property
    def mean(self) -> float | None:
        """The mean rating; `None` where nobody rated any."""
        return self.score / self.rated if self.rated else None

    @classmethod
    def read(cls, values: Sequence[Any]) -> Counts:
        """Counts from what was kept, in the order of the attributes.

        Raises:
            UsageError: they are no counts, or the ratings do not lie between 0 and 1.
        """
        *counts, score = values
        if len(counts) != 4 or not all(type(count) is int and count >= 0 for count in counts):
            raise UsageError(f"the stored counts cannot be read ({counts!r}); delete them")
        if not isinstance(score, (int, float)) or not math.isfinite(score) or not 0 <= score <= counts[3]:
            raise UsageError(f"the stored ratings cannot be read ({score!r} of {counts[3]}); delete them")
        return cls(good=counts[0], bad=counts[1], unsure=counts[2], rated=counts[3], score=float(score))

    def values(self) -> tuple[Any, ...]:
        """What `read` reads."""
        return astuple(self)


_ONE: Final[Mapping[VerdictOutcome, Counts]] = {
    "pass": Counts(good=1),
    "fail": Counts(bad=1),
    "unsure": Counts(unsure=1),
}


class Standing:
    """How the answers of an agent's runs fared, here and in earlier processes; safe to use from several threads.

    It holds a bounded number of kinds (see `MOST_KINDS`), so that neither what waits to be kept nor what is known grows
    without end.
    """

    __slots__ = ("_fresh", "_kept", "_lock", "_recent")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Kind, Counts] = {}
        self._fresh: dict[Kind, Counts] = {}
        self._recent: dict[str, tuple[Kind, int]] = {}

    def settled(self, kind: Kind) -> Kind:
        """The kind that such answers are counted as: itself, or `OTHER` where too many are told apart already."""
        with self._lock:
            return settled(kind, self._kept.keys() | self._fresh.keys())

    def of(self, kind: Kind) -> Counts:
        """How answers of this kind fared."""
        with self._lock:
            return self._kept.get(kind, Counts()) + self._fresh.get(kind, Counts())

    def note(self, trace_id: str, kind: Kind, outcome: VerdictOutcome, *, span_id: int = 0) -> None:
        """Count an answer.

        Args:
            trace_id: the run, so that feedback finds its kind.
            kind: its kind, as `settled` gave it.
            outcome: what the checks said.
            span_id: the run's root span, where it is recorded.
        """
        with self._lock:
            self._fresh[kind] = self._fresh.get(kind, Counts()) + _ONE[outcome]
            # Taken out first: a trace with several runs is as recent as the last of them.
            self._recent.pop(trace_id, None)
            self._recent[trace_id] = kind, span_id
            if len(self._recent) > MOST_RECENT:
                del self._recent[next(iter(self._recent))]

    def recent(self, trace_id: str) -> tuple[Kind, int] | None:
        """The kind and the root span of a recent run; `None` where this process ran none of that id."""
        with self._lock:
            return self._recent.get(trace_id)

    def rated(self, kind: Kind, change: Counts) -> None:
        """Take in a rating that is kept already."""
        with self._lock:
            self._kept[kind] = self._kept.get(kind, Counts()) + change

    # What outlives the process.

    def load(self, kept: Mapping[Kind, Counts]) -> None:
        """Take what is kept, in the place of what was taken before; what is not yet kept stays beside it."""
        with self._lock:
            self._kept = dict(kept)

    def hand_over(self, write: Callable[[Mapping[Kind, Counts]], None]) -> int:
        """Give `write` what was counted since the last time, and the number of kinds; what it fails to write, by
        whatever it raises, is handed over the next time."""
        with self._lock:
            taken, self._fresh = self._fresh, {}
        try:
            if taken:
                write(taken)
        except BaseException:
            with self._lock:
                self._fresh = added(taken, self._fresh)
            raise
        with self._lock:
            self._kept = added(self._kept, taken)
        return len(taken)


def settled(kind: Kind, known: Iterable[Kind]) -> Kind:
    """What a kind is counted as beside those that are told apart already; see `MOST_KINDS`."""
    others = known if isinstance(known, (set, frozenset)) else set(known)
    if kind in others or len(others) < MOST_KINDS:
        return kind
    by_model = Kind(kind.modality, OTHER, kind.model)
    if by_model in others or len(others) < MOST_KINDS + MOST_OTHERS:
        return by_model
    return Kind(kind.modality, OTHER, OTHER)


def added(one: Mapping[Kind, Counts], other: Mapping[Kind, Counts]) -> dict[Kind, Counts]:
    """The counts of both."""
    return {kind: one.get(kind, Counts()) + other.get(kind, Counts()) for kind in {**one, **other}}
