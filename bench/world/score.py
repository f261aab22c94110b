"""What answers are worth: goodput and graded credit over the deadline, areas beside the oracle's, gates, intervals.

The area lies under a curve over the logarithm of the deadline, from 1 to 10 times the oracle's median. It is linear in
what each query brought, so that each query has an area of its own, and intervals are a bootstrap over queries, paired:
every system is drawn with the same ones.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .run import Record

MULTIPLES = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Deadlines, as multiples of the median of the clairvoyant oracle."""

TIGHT = MULTIPLES[:5]
"""Where the share of the gap that is closed is reckoned: 1 to 3 times."""

ROUNDS = 1_000
LATE = 0.05
"""Seconds past the deadline that still count as on time for the gate; for goodput none do."""

Query = tuple[str, int, int]
"""A query of the benchmark: fault, seed, index."""

Curve = Mapping[float, float]
Worth = Mapping[Query, Curve]
"""What each query brought, by the multiple of the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What every system has to hold, over all its answers.

    Attributes:
        answers: how many there were.
        on_time: share that came no later than 50 ms past the deadline.
        overspent: how many went beyond the limits of calls or cost.
        errors: how many raised to the caller.
        verified: how many were called verified.
        false_verified: the share of those in which a part was wrong.
        hollow: the share of those in which no part was right: what they call verified is that they have nothing.
        attempts: attempts of tools for each call that was needed.
        attempts_ample: the same at ten times the median, where all that is needed fits.
    """

    answers: int
    on_time: float
    overspent: int
    errors: int
    verified: int
    false_verified: float
    hollow: float
    attempts: float
    attempts_ample: float


def weights(multiples: Sequence[float]) -> dict[float, float]:
    """The share of the area that each deadline stands for: trapezes over the logarithm."""
    logs = [math.log(multiple) for multiple in multiples]
    whole = logs[-1] - logs[0]
    shares = dict.fromkeys(multiples, 0.0)
    for n in range(len(multiples) - 1):
        half = (logs[n + 1] - logs[n]) / 2 / whole
        shares[multiples[n]] += half
        shares[multiples[n + 1]] += half
    return shares


def areas(worth: Worth, multiples: Sequence[float] = MULTIPLES) -> dict[Query, float]:
    """Each query's area, from 0 to 1."""
    shares = weights(multiples)
    return {query: sum(share * curve[multiple] for multiple, share in shares.items()) for query, curve in worth.items()}


def curve(worth: Worth) -> dict[float, float]:
    """The mean over queries at each deadline."""
    return {multiple: mean(each[multiple] for each in worth.values()) for multiple in MULTIPLES}


def mean(values: Iterable[float]) -> float:
    """The mean; 0 of nothing."""
    read = list(values)
    return math.fsum(read) / len(read) if read else 0.0


def ratio(own: Sequence[float], best: Sequence[float]) -> float:
    """A system's area over the oracle's."""
    whole = math.fsum(best)
    return math.fsum(own) / whole if whole else 0.0


def closed(own: Sequence[float], peer: Sequence[float], best: Sequence[float]) -> float:
    """The share of the gap between a peer and the oracle that a system closes; below 0 where the peer is better."""
    gap = math.fsum(best) - math.fsum(peer)
    return (math.fsum(own) - math.fsum(peer)) / gap if gap > 1e-12 else 0.0


def interval(
    statistic: Callable[..., float], *columns: Mapping[Query, float], rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """A statistic of columns of figures by query, and its 95 % interval: a bootstrap over the queries, paired."""
    queries = sorted(columns[0])
    rows = [tuple(column[query] for column in columns) for query in queries]
    value = statistic(*zip(*rows, strict=True))
    chance = random.Random(17)
    drawn = sorted(statistic(*zip(*chance.choices(rows, k=len(rows)), strict=True)) for _ in range(rounds))
    return value, drawn[int(0.025 * rounds)], drawn[int(0.975 * rounds) - 1]


def gates(records: Sequence[tuple[float, Record]]) -> Gates:
    """The gates of a system; `records` are its answers with the multiple of their deadline."""
    plain = [record for _, record in records]
    declared = [record for record in plain if record.verified]
    ample = [record for multiple, record in records if multiple == MULTIPLES[-1]]
    return Gates(
        answers=len(plain),
        on_time=mean(record.elapsed <= record.deadline + LATE for record in plain),
        overspent=sum(record.overspent for record in plain),
        errors=sum(bool(record.error) for record in plain),
        verified=len(declared),
        false_verified=mean(record.wrong > 0 for record in declared),
        hollow=mean(record.credit == 0 and record.wrong == 0 for record in declared),
        attempts=_attempts(plain),
        attempts_ample=_attempts(ample),
    )


def _attempts(records: Sequence[Record]) -> float:
    return sum(record.attempts for record in records) / max(1, sum(record.needed for record in records))
