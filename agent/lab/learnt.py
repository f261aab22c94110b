"""What recorded runs teach of what they did not show: how long, how often it fails, what it costs."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...policies.forecast import PRIORS, Forecast, Prior
from ...policies.latency import LatencyState
from ..models.base import Price
from ..trace import conventions as names
from ..trace.run_view import RunView
from .reading import recording_of
from .recording import Lived, Recording, Thought

DEFAULT_TOKENS = 120
"""Output tokens of a model call of which no endpoint said how many it wrote."""


@dataclass(slots=True)
class Habit:
    """What is known of a tool or a check.

    Attributes:
        expected: seconds it was expected to take, by the last forecast that a trace tells of; `None` where none does.
        outcomes: how often attempts that were over by themselves ended so.
        passing: of its errors, how many may pass.
        read_only: whether it was begun early or raced, which only tools are that change nothing.
        retries: the most further attempts of one call.
        lived: all that was seen, in order.
    """

    expected: float | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    passing: int = 0
    read_only: bool = False
    retries: int = 0
    lived: list[Lived] = field(default_factory=list)
    _forecast: Forecast | None = None

    @property
    def forecast(self) -> Forecast:
        """How long it takes: as it took, and before that as it was expected to."""
        if self._forecast is None:
            state = LatencyState(Prior(p50=self.expected) if self.expected else PRIORS["tool"])
            for lived in self.lived:
                if lived.how != "error" and lived.seconds > 0:
                    state.observe(lived.seconds, censored=lived.how == "cut")
            self._forecast = state.forecast()
        return self._forecast

    def see(self, lived: Lived) -> None:
        """Learn from an attempt."""
        self.lived.append(lived)
        if lived.how != "cut":
            self.outcomes[lived.said or lived.how] += 1
            self.passing += lived.how == "error" and lived.passing

    def draw(self, luck: Luck, *what: object, beyond: float = 0.0) -> float:
        """Seconds of an attempt that is known to take longer than `beyond`."""
        forecast = self.forecast
        low = forecast.probability(beyond) if beyond > 0 else 0.0
        at = low + (1 - low) * luck.share("seconds", *what)
        return max(beyond, forecast.quantile(min(max(at, 1e-4), 0.9999)))

    def fate(self, luck: Luck, *what: object) -> Lived:
        """An attempt of which nothing is known."""
        said = luck.weighted(self.outcomes, "fate", *what) if self.outcomes else "ok"
        failed = said == "error"
        passing = failed and luck.share("passing", *what) * self.outcomes["error"] < self.passing
        return Lived(seconds=self.draw(luck, *what), how="error" if failed else "ok", passing=passing, said=said)


@dataclass(frozen=True, slots=True)
class Luck:
    """Chance that is the same for the same thing, whatever else is drawn: budgets are compared under one luck."""

    seed: str

    def share(self, *what: object) -> float:
        """A number from 0 to below 1."""
        return random.Random(f"{self.seed} {what}").random()

    def weighted(self, counts: Mapping[str, int], *what: object) -> str:
        """One of several that were seen so often."""
        options = sorted(counts)
        return random.Random(f"{self.seed} {what}").choices(options, [counts[each] for each in options])[0]

    def choice(self, options: Sequence[Any], *what: object) -> Any:
        """One of several."""
        return options[int(self.share(*what) * len(options))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What is known of the world of some runs.

    Attributes:
        tools: the tools, by name.
        checks: the product's checks of answers, by name.
        recordings: the runs, for what is drawn whole.
        paces: seconds to the first piece and seconds a token, of each model call that was seen whole.
        grounded: how often the first answers that models wrote fared so against the evidence.
        price: what tokens cost, as far as the calls tell.
        costly: checks that were bought, with US dollars a verdict.
    """

    tools: dict[str, Habit]
    checks: dict[str, Habit]
    recordings: tuple[Recording, ...]
    paces: tuple[tuple[float, float], ...]
    grounded: Mapping[str, int]
    price: Price
    costly: dict[str, float]

    @classmethod
    def of(cls, views: Iterable[RunView]) -> Learnt:
        """What these runs teach, the oldest first."""
        tools: dict[str, Habit] = defaultdict(Habit)
        checks: dict[str, Habit] = defaultdict(Habit)
        recordings, paid, costly = [], list[tuple[int, int, float]](), dict[str, float]()
        for view in sorted(views, key=lambda each: each.root.started_ns):
            recording = recording_of(view)
            recordings.append(recording)
            _see(recording, tools, checks)
            _see_decisions(view, tools, costly)
            paid += _paid(view)
        return cls(
            tools=dict(tools), checks=dict(checks), recordings=tuple(recordings), paces=tuple(_paces(recordings)),
            grounded=_grounded(recordings), price=_price(paid), costly=costly,
        )  # fmt: skip

    @property
    def deadlines(self) -> list[float]:
        """The deadlines the runs had, in seconds."""
        return [each.budget.latency for each in self.recordings if each.budget.latency is not None]

    def of_these(self, recordings: Sequence[Recording]) -> Learnt:
        """What is left where only these of the runs are known; what their tools are is known all the same."""
        tools, checks = defaultdict[str, Habit](Habit), defaultdict[str, Habit](Habit)
        for name, habit in self.tools.items():
            tools[name] = Habit(read_only=habit.read_only, retries=habit.retries, expected=habit.expected)
        for recording in recordings:
            _see(recording, tools, checks)
        known = {name: checks.get(name, self.checks[name]) for name in self.checks}
        return replace(
            self,
            tools=dict(tools),
            checks=known,
            recordings=tuple(recordings),
            paces=tuple(_paces(recordings)),
            grounded=_grounded(recordings),
        )

    def pace(self, luck: Luck, *what: object) -> tuple[float, float]:
        """Seconds to the first piece and a token of a model call of which nothing is known."""
        return luck.choice(self.paces, "pace", *what) if self.paces else (0.0, 0.0)


def _grounded(recordings: Iterable[Recording]) -> Mapping[str, int]:
    return Counter(each.grounded[0] for each in recordings if each.grounded)


def _paces(recordings: Iterable[Recording]) -> list[tuple[float, float]]:
    return [pace for each in recordings for pace in map(_pace, each.thoughts) if pace is not None]


def _pace(thought: Thought) -> tuple[float, float] | None:
    if thought.lived.how != "ok":
        return None
    tokens = max(1, thought.tokens or DEFAULT_TOKENS)
    first = thought.lived.seconds / 2 if thought.first is None else min(thought.first, thought.lived.seconds)
    return first, (thought.lived.seconds - first) / tokens


def _see(recording: Recording, tools: dict[str, Habit], checks: dict[str, Habit]) -> None:
    for turn in recording.turns:
        for wanted in turn.wanted:
            habit = tools[wanted.tool]
            for lived in wanted.attempts:
                habit.see(lived)
    for name, lives in recording.checks.items():
        for lived in lives:
            checks[name].see(lived)


def _see_decisions(view: RunView, tools: dict[str, Habit], costly: dict[str, float]) -> None:
    for made in view.decisions:
        if made.kind == "eager":
            tools[made.choice].read_only |= made.figures.get("read_only") is True
        elif made.kind == "skip" and isinstance(expected := made.figures.get("expected"), float):
            tools[made.choice].expected = expected
        elif made.kind == "verify" and made.choice in ("buy", "not_bought"):
            cost = made.figures.get("cost_usd")
            costly[str(made.figures.get("verifier"))] = cost if isinstance(cost, float) else 0.0
    for _, span in view.spans:
        read = span.attributes.get
        kind, tool = read(names.CALL_KIND), str(read(names.TOOL_NAME))
        if kind is not None and isinstance(expected := read(names.FORECAST_P50), float):
            tools[tool].expected = expected
        if kind == "hedge":
            tools[tool].read_only = True
        elif kind == "retry":
            tools[tool].read_only = True
            number = read(names.CALL_ATTEMPT, 2)
            tools[tool].retries = max(tools[tool].retries, number - 1)


def _paid(view: RunView) -> Iterable[tuple[int, int, float]]:
    for _, span in view.spans:
        read = span.attributes.get
        found = (read(names.USAGE_INPUT_TOKENS), read(names.USAGE_OUTPUT_TOKENS), read(names.CALL_COST_USD))
        if read(names.OPERATION_NAME) == names.CHAT and all(isinstance(value, (int, float)) for value in found):
            yield found  # type: ignore[misc]


def _price(paid: Sequence[tuple[int, int, float]]) -> Price:
    """What a token of input and of output costs, by least squares over the calls; one price where they do not tell."""
    aa = sum(float(a * a) for a, _, _ in paid)
    bb = sum(float(b * b) for _, b, _ in paid)
    ab = sum(float(a * b) for a, b, _ in paid)
    ac, bc = sum(a * c for a, _, c in paid), sum(b * c for _, b, c in paid)
    determinant = aa * bb - ab * ab
    if determinant > 1e-9 * aa * bb > 0:
        into, out = (ac * bb - bc * ab) / determinant, (bc * aa - ac * ab) / determinant
        if into >= 0 and out >= 0:
            return Price(input_per_million=into * 1e6, output_per_million=out * 1e6)
    tokens = sum(a + b for a, b, _ in paid)
    one = sum(c for _, _, c in paid) / tokens * 1e6 if tokens else 0.0
    return Price(input_per_million=one, output_per_million=one)
