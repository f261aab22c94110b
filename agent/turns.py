"""What the turns of one run brought, kept up turn by turn so that a long run costs no more a turn than a short one."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence

from ..policies.agreement import Meaning, meaning, same
from ..policies.stopping import TEXT, Seen
from ..tools.call import Evidence

MOST_RECORDED = 12_000
"""Characters of results that a decision's record holds, the newest results: a trace cuts what is longer than 16,384."""

TRIES = 3
"""How often a call that gave nothing may be made before another one is no progress."""

# Made once: an encoder costs as much to make as a row to write.
_ROW = json.JSONEncoder().encode
_ARGUMENTS = json.JSONEncoder(sort_keys=True, default=str).encode


class Turns:
    """What has been asked and what came of it, for one run. Used by the run's loop only.

    Args:
        tolerance: the relative tolerance of numbers that say the same; `None` where nobody asks whether any do.
        text: whether results are recorded with their text.

    Attributes:
        passed: results that passed their checks.
        gains: turns that brought a new result that passed.
        fruitless: turns in a row, the last one included, that brought nothing usable.
        repeated: whether every call of the last turn repeated one of earlier turns that gave something usable, or
            nothing `TRIES` times.
        results: every result so far.
    """

    def __init__(self, *, tolerance: float | None, text: bool) -> None:
        self.passed = 0
        self.gains = 0
        self.fruitless = 0
        self.repeated = False
        self.results: list[Seen] = []
        self._tolerance = tolerance
        self._text = text
        self._tried: dict[str, int] = {}
        self._rows: dict[int, str] = {}
        self._groups: list[tuple[Meaning, set[str]]] = []

    @property
    def agreeing(self) -> int:
        """Most sources whose results passed and say the same."""
        return max((len(sources) for _, sources in self._groups), default=0)

    def take(self, turn: int, items: Sequence[Evidence]) -> None:
        """Note what a turn brought. `items` are the results of its calls."""
        keys = [_key(item) for item in items]
        new = [item for item, key in zip(items, keys, strict=True) if self._tried.get(key, 0) < TRIES]
        passed = [item for item in items if item.verdict.outcome == "pass"]
        for item, key in zip(items, keys, strict=True):
            self._tried[key] = TRIES if item.usable else self._tried.get(key, 0) + 1
        self.repeated = bool(items) and not new
        self.passed += len(passed)
        self.gains += any(item.verdict.outcome == "pass" for item in new)
        self.fruitless = 0 if any(item.usable for item in items) else self.fruitless + 1
        for item in items:
            self._keep(turn, item)
        if self._tolerance is not None:
            for item in passed:
                self._compare(item, self._tolerance)

    def forget(self) -> None:
        """An answer was refused: what was asked for may be asked for again."""
        self._tried.clear()

    def record(self) -> Callable[[], str]:
        """What makes the newest results so far as JSON, as far as a record holds them; without text where that is not
        to be written. Most records are never read."""
        return functools.partial(self._record, len(self.results))

    def _record(self, start: int) -> str:
        rows: list[str] = []
        size = 0
        while start and (size := size + len(self._row(start - 1)) + 1) <= MOST_RECORDED:
            start -= 1
            rows.append(self._row(start))
        return f"[{','.join(reversed(rows))}]"

    def _row(self, at: int) -> str:
        known = self._rows.get(at)
        if known is None:
            row = {name: getattr(self.results[at], name) for name in Seen.__slots__}
            known = self._rows[at] = _ROW(row if self._text else row | {"text": ""})
        return known

    def _keep(self, turn: int, item: Evidence) -> None:
        seen = Seen(
            tool=item.tool,
            outcome=item.outcome.name,
            verdict=item.verdict.outcome,
            score=item.verdict.score,
            text=item.content[:TEXT],
            turn=turn,
        )
        self.results.append(seen)

    def _compare(self, item: Evidence, tolerance: float) -> None:
        """Put a result to those that say the same; each group is known by its first."""
        if item.truncated:
            return
        says = meaning(item.value, " ".join(passage.text for passage in item.passages) or item.content)
        if says is None:
            return
        for first, sources in self._groups:
            if same(first, says, tolerance):
                sources.add(_source(item))
                return
        self._groups.append((says, {_source(item)}))


def _source(item: Evidence) -> str:
    """Who says it: a tool, with the origin it named or else with its arguments."""
    return f"{item.tool} {item.origin}" if item.origin not in ("", item.tool) else _key(item)


def _key(item: Evidence) -> str:
    """What makes two calls the same; one that was refused for its arguments is new where the refusal says something
    new."""
    refused = item.content if item.verdict.verifier == "arguments" else ""
    try:
        arguments = _ARGUMENTS(dict(item.arguments))
    except Exception:  # arguments of strangers' types may raise anything; such a call is like no other
        arguments = item.id
    return f"{item.tool} {arguments} {refused}"
