"""The systems by name, each made afresh for a row of the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shotclock import Policy

from ...peers.register import WORLD as LIBRARIES
from ..stage import Stage
from .base import System
from .loop import Loop
from .ours import Ours
from .tuning import tuned


def _loop(stage: Stage) -> System:
    return Loop(stage, tuned(stage.faults))


def _plain(stage: Stage) -> System:
    return Loop(stage, tuned(stage.faults), "loop-plain", lists=False)


def _changed(name: str, *, retry: int | None = None, **tables: dict[str, Any]) -> Callable[[Stage], System]:
    """Ours with some settings changed: what a setting is worth is the difference to `ours`."""
    return lambda stage: Ours(stage, name, policy=Policy.from_dict(tables), retry=retry)


_COMPOSE: dict[str, Any] = {"reserve": {"largest_share": 0.0}}
_ADMIT: dict[str, Any] = {"admission": {"least_chance": 0.0}}
_HEDGE: dict[str, Any] = {
    "hedging": {"quantile": 0.6, "most_extra": 1.0, "learn_from": 5, "tail": 0.0, "least_wins": 0.0, "spare_calls": 0}
}
_ASK: dict[str, Any] = {"interruption": {"probe": 1.0}}

CHANGED: dict[str, Callable[[Stage], System]] = {
    "ours-turns": _changed("ours-turns", speculation={"plans": False}),
    "ours-retry": _changed("ours-retry", retry=2),
    "ours-compose": _changed("ours-compose", **_COMPOSE),
    "ours-admit": _changed("ours-admit", **_ADMIT),
    "ours-hedge": _changed("ours-hedge", **_HEDGE),
    "ours-ask": _changed("ours-ask", **_ASK),
    "ours-once": _changed("ours-once", hedging={"twice": 1.0}),
    "ours-wary": _changed("ours-wary", admission={"slim_chance": 1 / 3}),
    "ours-calm": _changed("ours-calm", hedging={"urgent_extra": 0.0}),
    "ours-levers": _changed(
        "ours-levers",
        retry=2,
        **_COMPOSE,
        **_ADMIT,
        **_HEDGE,
        interruption=_ASK["interruption"],
    ),
}
"""Ours with settings changed, one by one and together: plans off; two retries; tools run until an answer can just be
composed; calls begun however slim their chance; hedges at p60 of any tool; a slow
model asked all the same; the model never asked twice; no call begun on a slim chance; no second attempt for a tight
deadline, and so no model asked twice either."""

SYSTEMS: dict[str, Callable[[Stage], System]] = {"ours": Ours, "loop": _loop, "loop-plain": _plain} | CHANGED
"""Every system that runs here; the oracles are reckoned, and other libraries run in environments of their own."""

PEERS = ("loop", "loop-plain", *LIBRARIES)
"""Those that ours are compared with."""
