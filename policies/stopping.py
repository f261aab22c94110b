"""When reasoning ends: enough evidence, no progress, a turn not worth its price, or no room for another."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from .errors import InvalidPolicy
from .outcome import VerdictOutcome

TEXT = 500
"""Characters of a result that a rule is shown."""
FRUITLESS = 3
"""Turns in a row without anything usable after which reasoning ends. A model that is told why its calls failed usually
mends them in the next turn; a third failure in a row is more likely a tool that is down than a typing error."""
TOLERANCE = 0.01
"""Relative difference within which two measured numbers say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One result, as far as a rule needs it.

    Attributes:
        tool: the tool's name.
        outcome: how the call ended: `ok`, `error`, `timed_out`, `cancelled` or `skipped`.
        verdict: what the checks said: `pass`, `fail` or `unsure` (nothing to check).
        score: the checks' confidence in `pass`, from 0 to 1.
        text: what the model was shown, its first `TEXT` characters; empty in records where content is not captured.
        turn: the turn it came in, from 1.
    """

    tool: str
    outcome: str
    verdict: VerdictOutcome
    score: float = 0.0
    text: str = ""
    turn: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSituation:
    """What is known after a turn was verified.

    Everything in it is plain, so that it can be written down and decided on again: `TurnSituation(**figures)` takes
    what `dataclasses.asdict` and JSON made of one, and `results` as a list of mappings or as the JSON text of one.

    Attributes:
        turn: turns so far, from 1.
        most_turns: most turns a run may have.
        remaining: seconds to the soft deadline; infinite where there is none.
        next_turn: seconds another turn is expected to take.
        passed: results so far that passed their checks.
        repeated: whether every call of this turn repeated an earlier one.
        cut: whether the deadline interrupted the turn.
        exhausted: the limit that refused calls of this turn and will refuse every further one; `None` where none does.
        elapsed: seconds since the run began.
        tool_calls: attempts of tools so far.
        model_calls: model calls so far.
        cost_usd: US dollars so far; `None` where a price is unknown.
        agreeing: most sources whose results passed and say the same; 0 where nobody asked (see `Stopping.agree`).
        gains: turns so far that brought a new result that passed.
        fruitless: turns in a row, this one included, that brought nothing usable.
        results: every result so far, in the order of the turns.
    """

    turn: int
    most_turns: int
    remaining: float
    next_turn: float
    passed: int
    repeated: bool = False
    cut: bool = False
    exhausted: str | None = None
    elapsed: float = 0.0
    tool_calls: int = 0
    model_calls: int = 0
    cost_usd: float | None = None
    agreeing: int = 0
    gains: int = 0
    fruitless: int = 0
    results: tuple[Seen, ...] = ()

    def __post_init__(self) -> None:
        if not (type(self.results) is tuple and all(type(row) is Seen for row in self.results[-1:])):
            rows: Iterable[Any] = json.loads(self.results) if isinstance(self.results, str) else self.results
            results = tuple(Seen(**row) if isinstance(row, Mapping) else row for row in rows)
            object.__setattr__(self, "results", results)
        # A record may hold infinity as a word, because not every exporter can write it as a number.
        object.__setattr__(self, "remaining", float(self.remaining))
        object.__setattr__(self, "next_turn", float(self.next_turn))


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Reason again. `faults` says in a sentence each which rules could not be asked."""

    reason: str = "there is room for another turn"
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Answer now; `stop_reason` is the run's if nothing else ends it, `reason` says it in words. `faults` as in
    `Go`."""

    stop_reason: str
    reason: str
    faults: tuple[str, ...] = ()


Rule = Callable[[TurnSituation], str | None]
"""A product team's own rule: the reason to stop in words, or `None` to leave it to the others."""


def _only_functions(value: Any) -> Any:
    # A file can name no function, and an empty list in one was meant to say something too.
    if not isinstance(value, (list, tuple)) or not value or not all(callable(rule) for rule in value):
        raise ValueError("rules are functions and cannot be read from a file; give them in code: Stopping(rules=(f,))")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Stop where the evidence suffices, or where another turn would not fit, bring nothing or not be worth its price.

    The first that applies decides, in this order:

    | # | rule                                                        | `stop_reason`             |
    |---|-------------------------------------------------------------|---------------------------|
    | 1 | the deadline interrupted the turn                           | `deadline`                |
    | 2 | a limit refused calls and will refuse every further one     | the limit                 |
    | 3 | `enough` results passed their checks                        | `enough`                  |
    | 4 | `agree` sources passed their checks and say the same        | `enough`                  |
    | 5 | one of `rules` gives a reason                               | `enough`                  |
    | 6 | `limits.turns` turns were taken                             | `enough`                  |
    | 7 | every call of the turn was made before                      | `enough`                  |
    | 8 | `fruitless` turns in a row brought nothing usable           | `enough`                  |
    | 9 | another turn does not fit into the time left                | `deadline`                |
    | 10| another turn is worth less than it costs (`value_usd`)      | `enough`                  |

    What has already been cut or refused comes first, because the result is to say so. What is satisfied comes before
    what could not go on: a run that has enough was not ended by its deadline.

    Worth and cost: with a Beta(`prior`) over "a turn brings a new result that passes", updated by each turn of the run,
    another one is worth its mean × `value_usd`; it costs the seconds it is expected to take × `second_usd`, and the
    money an average turn of this run took. A result without checks never passes, so give the tools some.

    Attributes:
        enough: results that passed their checks after which reasoning ends; `None` (default) leaves it to the model.
        agree: different sources that must say the same, in results that passed, for reasoning to end; `None` (default)
            never. A source is a tool with an origin it named, else with its arguments. Meant for tools that look the
            same thing up in several places: two different questions may have the same answer by chance. Whole numbers
            must be equal, as must numbers in texts; case, space and punctuation do not count.
        tolerance: relative difference within which two numbers of which one is no whole number are the same. Default
            0.01.
        fruitless: turns in a row in which no call gave anything usable (all failed, timed out, were skipped or failed
            their checks) after which reasoning ends; `None` never. Default 3.
        value_usd: what one more new result that passes is worth, US dollars; only together with `second_usd`. `None`
            (default) looks at no price.
        second_usd: what a second of the user's waiting costs, US dollars; only together with `value_usd`. Default
            `None`.
        prior: the two parameters of the Beta before the first turn, as if so many turns had brought something and so
            many nothing. Default (1, 1): every chance is as likely as another.
        rules: functions of your own, in code only. They run in the event loop after each turn and must be quick: no
            I/O, no waiting. One that raises, or gives something else than a text or `None`, costs a warning in the
            result and stops nothing. Default: none.

    Raises:
        InvalidPolicy: a setting is out of range, one of `value_usd` and `second_usd` is missing, or a rule is no
            function.
    """

    enough: int | None = None
    agree: int | None = None
    tolerance: float = TOLERANCE
    fruitless: int | None = FRUITLESS
    value_usd: float | None = None
    second_usd: float | None = None
    prior: tuple[float, float] = (1.0, 1.0)
    rules: Annotated[tuple[Rule, ...], BeforeValidator(_only_functions)] = ()

    def __post_init__(self) -> None:
        for name, least in (("enough", 1), ("agree", 2), ("fruitless", 1)):
            _whole(name, getattr(self, name), least)
        if not 0 <= self.tolerance < 1:
            raise InvalidPolicy(f"stopping.tolerance must be from 0 to below 1, got {self.tolerance!r}")
        self._check_prices()
        object.__setattr__(self, "prior", _pair(self.prior))
        object.__setattr__(self, "rules", _functions(self.rules))

    def _check_prices(self) -> None:
        for name in ("value_usd", "second_usd"):
            price = getattr(self, name)
            if price is not None and not 0 <= price < math.inf:
                raise InvalidPolicy(f"stopping.{name} must be 0 or more US dollars, or left out, got {price!r}")
        if (self.value_usd is None) != (self.second_usd is None):
            missing = "value_usd" if self.value_usd is None else "second_usd"
            raise InvalidPolicy(f"stopping.{missing} is missing: value_usd and second_usd only mean something together")

    def decide(self, situation: TurnSituation) -> Go | Stop:
        """Go on, or stop and why."""
        stop = self._ended(situation) or self._satisfied(situation)
        if stop is not None:
            return stop
        said, faults = self._ask(situation)
        if said is not None:
            return Stop(stop_reason="enough", reason=said, faults=faults)
        stop = self._stuck(situation) or self._unfit(situation) or self._overpriced(situation)
        if stop is not None:
            return Stop(stop_reason=stop.stop_reason, reason=stop.reason, faults=faults)
        return Go(faults=faults)

    def chance(self, situation: TurnSituation) -> float:
        """How likely another turn brings a new result that passes: the mean of the Beta after the turns so far."""
        brought, nothing = self.prior
        return (brought + situation.gains) / (brought + nothing + situation.turn)

    def _ended(self, s: TurnSituation) -> Stop | None:
        """What has ended the turns already."""
        if s.cut:
            return Stop(stop_reason="deadline", reason="the deadline interrupted the turn")
        if s.exhausted is not None:
            return Stop(stop_reason=s.exhausted, reason=f"{s.exhausted} is used up and calls were refused")
        return None

    def _satisfied(self, s: TurnSituation) -> Stop | None:
        if self.enough is not None and s.passed >= self.enough:
            return Stop(stop_reason="enough", reason=f"{s.passed} checked results, enough={self.enough} were asked for")
        if self.agree is not None and s.agreeing >= self.agree:
            return Stop(
                stop_reason="enough", reason=f"{s.agreeing} checked sources say the same, agree={self.agree} are enough"
            )
        return None

    def _ask(self, s: TurnSituation) -> tuple[str | None, tuple[str, ...]]:
        """The first reason that a rule gives, and which rules could not be asked."""
        faults: list[str] = []
        for rule in self.rules:
            try:
                said = rule(s)
            except Exception as error:  # a stranger's rule may raise anything, and it costs the rule only
                faults.append(f"the stop rule {_name(rule)} raised {_in_words(error)}")
                continue
            if isinstance(said, str) and said.strip():
                return f"{_name(rule)}: {said.strip()[:TEXT]}", tuple(faults)
            if said is not None:
                faults.append(_refused(rule, said))
        return None, tuple(faults)

    def _stuck(self, s: TurnSituation) -> Stop | None:
        if s.turn >= s.most_turns:
            return Stop(stop_reason="enough", reason=f"limits.turns={s.most_turns} turns were taken")
        if s.repeated:
            return Stop(stop_reason="enough", reason="every call of the turn was made before: no progress")
        if self.fruitless is not None and s.fruitless >= self.fruitless:
            reason = f"{s.fruitless} turns in a row brought nothing usable, fruitless={self.fruitless}: no progress"
            return Stop(stop_reason="enough", reason=reason)
        return None

    def _unfit(self, s: TurnSituation) -> Stop | None:
        if s.next_turn <= s.remaining:
            return None
        reason = f"another turn takes about {s.next_turn:.2f} s and {s.remaining:.2f} s are left"
        return Stop(stop_reason="deadline", reason=reason)

    def _overpriced(self, s: TurnSituation) -> Stop | None:
        if self.value_usd is None or self.second_usd is None:
            return None
        worth = self.chance(s) * self.value_usd
        wait = s.next_turn * self.second_usd if self.second_usd else 0.0
        # An unknown price is not zero, but it cannot be weighed either: what is compared is the least a turn costs.
        money = (s.cost_usd or 0.0) / max(1, s.turn)
        if worth >= wait + money:
            return None
        least = "at least " if s.cost_usd is None else ""
        reason = (
            f"another turn is worth {worth:.2g} USD (chance {self.chance(s):.2f}) and costs {least}{wait + money:.2g} "
            f"USD ({s.next_turn:.2f} s of waiting: {wait:.2g})"
        )
        return Stop(stop_reason="enough", reason=reason)


def _whole(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise InvalidPolicy(f"stopping.{name} must be a whole number of at least {least}, or left out, got {value!r}")


def _pair(prior: Any) -> tuple[float, float]:
    pair = tuple(prior) if isinstance(prior, (list, tuple)) else ()
    if len(pair) != 2 or not all(isinstance(n, (int, float)) and 0 < n < math.inf for n in pair):
        raise InvalidPolicy(f"stopping.prior must be two numbers above 0, such as (1, 1), got {prior!r}")
    return float(pair[0]), float(pair[1])


def _functions(rules: Any) -> tuple[Rule, ...]:
    if not isinstance(rules, (list, tuple)) or not all(callable(rule) for rule in rules):
        raise InvalidPolicy(f"stopping.rules must be a tuple of functions of a TurnSituation, got {rules!r}")
    return tuple(rules)


def _refused(rule: Rule, said: Any) -> str:
    if inspect.iscoroutine(said):
        said.close()
        return f"the stop rule {_name(rule)} is async; a rule must answer at once"
    given = "an empty text" if isinstance(said, str) else f"a {type(said).__name__}"
    return f"the stop rule {_name(rule)} gave {given}; give the reason to stop in words, or None"


def _name(rule: Rule) -> str:
    return str(getattr(rule, "__name__", type(rule).__name__))


def _in_words(error: Exception) -> str:
    try:
        said = str(error).strip()
    except Exception:  # its own `__str__` raised
        said = "its message cannot be read"
    return f"{type(error).__name__}: {said}"[:TEXT].removesuffix(": ")
