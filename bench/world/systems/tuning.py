"""Timeouts of the hand-written loop and of peers: quantiles of a training tape, the best of a few on its queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

from ..faults import Faults
from ..run import Clock, play
from ..stage import Stage
from ..tape import AUDIT_P50, AUDIT_SIGMA, CLASSES, Tape
from .base import System
from .loop import Loop, Timeouts

Build = Callable[[Stage, Timeouts], System]
"""How a system with timeouts is made."""

TRAINING_SEED = 90_001
"""No reporting seed."""

_SHARES = (0.9, 0.95, 0.98, 0.995)
_MODEL_SHARES = (0.95, 0.995)
_SAMPLES = 600
_QUERIES = 40
_DEADLINE = 12.0
"""Seconds: a middling deadline of the benchmark."""


@cache
def tuned(faults: Faults) -> Timeouts:
    """The timeouts with which the loop answered most training queries under these faults."""
    return best(faults, (Loop,))[1]


def best(faults: Faults, builds: Sequence[Build], clock: Clock | None = None) -> tuple[Build, Timeouts]:
    """Of several ways to build a system and eight settings of its timeouts, those that answered most."""

    def worth(way: tuple[Build, Timeouts]) -> float:
        build, option = way
        stage = Stage(TRAINING_SEED, faults)
        records = play(build(stage, option), stage, range(_QUERIES), _DEADLINE, clock=clock)
        return sum(record.credit - 0.01 * record.elapsed / _DEADLINE for record in records)

    options = [timeouts(faults, tools, model) for tools in _SHARES for model in _MODEL_SHARES]
    return max(product(builds, options), key=worth)


def timeouts(faults: Faults, tools: float, model: float) -> Timeouts:
    """The quantiles of a training tape: of tools, and of whole model calls that write some 60 tokens."""
    tapes = [Tape(TRAINING_SEED, index, faults) for index in range(_SAMPLES)]
    thoughts = [tape.thought("training", 1) for tape in tapes]
    return Timeouts(
        tools={
            tool: _quantile([tape.attempt(tool, "training", 1).seconds for tape in tapes], tools) for tool in CLASSES
        },
        model=_quantile([thought.start + 120 * thought.per_token for thought in thoughts], model),
        audit=AUDIT_P50 * 2.718 ** (2 * AUDIT_SIGMA),
    )


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
