"""The luck of the world: what attempt j of a call takes and how it ends, as pure functions.

What befalls an attempt depends on (seed, query, tool, arguments, j) and on nothing else, so that every system meets the
same luck whatever its order. Windows (spikes, bursts, drift) lie on the nominal time at which a query arrives, which is
`ARRIVAL` seconds after the one before it, whoever answers.

Latencies: a model call takes 0.58 s + 18.5 ms a token times a log-normal with σ .23 (98,592 public tool-calling model
calls); tools are of three classes, recorded (987 tool delays of coding agents), API (p50 .3 s, σ .7) and slow (p50 5 s,
σ .55), the latter two assumed. Two attempts of one call are correlated by .33, the lag-1 autocorrelation of the
recorded delays. Hangs (100 s in 1.3 % of calls) and bursts of 429 were seen in public logs; other faults are assumed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from statistics import NormalDist
from typing import Literal

from ..delays import RECORDED
from .faults import Faults

ARRIVAL = 10.0
"""Nominal seconds between two queries."""

MODEL_START, MODEL_PER_TOKEN, MODEL_SIGMA = 0.58, 0.0185, 0.23
HANG = 100.0
WINDOW = 30.0
"""Seconds of a window of spikes or of refusals."""

DRIFT_WINDOW = 120.0
SPIKE = 10.0
RHO = 0.33
REFUSED_SECONDS = 0.04
AUDIT_P50, AUDIT_SIGMA = 0.15, 0.5
"""The second register that confirms answers: an assumed quick API."""

CAUGHT = 0.9
"""Share of wrong values that the second register knows to be wrong."""

CLASSES = {
    "registry": "recorded", "ledger": "recorded", "catalog": "api", "roster": "api", "tariff": "api", "archive": "slow",
}  # fmt: skip
"""The tools and their classes of latency."""

How = Literal["ok", "refused", "garbage", "wrong"]
Manner = Literal["polite", "stubborn", "tidying", "blocking"]

_NORMAL = NormalDist()
_SHARES, _DELAYS = list(RECORDED), [math.log(value) for value in RECORDED.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What befalls one attempt: `how` it ends after `seconds`, and its manner when it is cancelled.

    `drifted` says that the service answers in another shape than it used to; `flavour` chooses the kind of garbage.
    """

    seconds: float
    how: How
    manner: Manner = "polite"
    drifted: bool = False
    flavour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """What befalls one model call: seconds to begin, seconds a token, and whether it is refused instead."""

    start: float
    per_token: float
    refused: bool = False


@lru_cache(maxsize=200_000)
def unit(*key: object) -> float:
    """A number from 0 to below 1 that is the key's own."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def normal(*key: object) -> float:
    """A standard normal number that is the key's own."""
    return _NORMAL.inv_cdf(min(max(unit(*key), 1e-12), 1 - 1e-12))


def latency(kind: str, z: float) -> float:
    """Seconds of a tool of a class at the normal score `z`."""
    if kind == "api":
        return 0.3 * math.exp(0.7 * z)
    if kind == "slow":
        return 5.0 * math.exp(0.55 * z)
    at = _NORMAL.cdf(z)
    i = min(bisect_right(_SHARES, at), len(_SHARES) - 1)
    part = (at - _SHARES[i - 1]) / (_SHARES[i] - _SHARES[i - 1])
    return math.exp(_DELAYS[i - 1] + part * (_DELAYS[i] - _DELAYS[i - 1]))


@dataclass(frozen=True, slots=True)
class Tape:
    """The luck of one query under some faults."""

    seed: int
    query: int
    faults: Faults

    @property
    def arrives(self) -> float:
        """Nominal seconds at which the query arrives."""
        return self.query * ARRIVAL

    def attempt(self, tool: str, arguments: str, j: int) -> Attempt:
        """Attempt `j`, counted from 1, of a call."""
        faults, key = self.faults, (self.seed, self.query, tool, arguments)
        if self._window("burst", tool, faults.bursts) and j <= _refusals(unit("refusals", *key)):
            return Attempt(seconds=REFUSED_SECONDS, how="refused")
        z = math.sqrt(RHO) * normal("call", *key) + math.sqrt(1 - RHO) * normal("attempt", *key, j)
        seconds = latency(CLASSES[tool], z) * self._spiked(tool)
        hangs = unit("hang", *key, j) < faults.hangs
        manner = self._manner(unit("manner", *key, j))
        fate = unit("garbage", *key, j)
        how: How = "wrong" if fate < faults.wrong else "garbage" if fate < faults.wrong + faults.garbage else "ok"
        return Attempt(
            seconds=HANG if hangs or manner != "polite" else seconds,
            how=how,
            manner=manner,
            drifted=self._window("drift", tool, faults.drift, DRIFT_WINDOW),
            flavour=unit("flavour", *key, j),
        )

    def thought(self, turn: str, j: int) -> Thought:
        """Attempt `j`, counted from 1, of the model call that stands at `turn`."""
        key = (self.seed, self.query, turn)
        if self._window("burst", "model", self.faults.bursts) and j <= min(3, _refusals(unit("model refusals", *key))):
            return Thought(start=REFUSED_SECONDS, per_token=0.0, refused=True)
        # What a prompt takes is mostly its own: two calls of one prompt share their luck as two attempts of a tool do.
        z = math.sqrt(RHO) * normal("prompt", *key) + math.sqrt(1 - RHO) * normal("model", *key, j)
        factor = math.exp(MODEL_SIGMA * z) * self._spiked("model")
        start = HANG if unit("model hang", *key, j) < self.faults.hangs else MODEL_START * factor
        return Thought(start=start, per_token=MODEL_PER_TOKEN * factor)

    def audit_seconds(self, j: int) -> float:
        """Seconds of attempt `j` of the check of an answer; it is dead in some windows, or always."""
        if self._window("dead", "audit", self.faults.dead_verifier, DRIFT_WINDOW):
            return 10 * HANG
        return AUDIT_P50 * math.exp(AUDIT_SIGMA * normal("audit", self.seed, self.query, j)) * self._spiked("audit")

    def catches(self, code: str) -> bool:
        """Whether the second register knows that a wrong code is wrong."""
        return unit("catches", self.seed, self.query, code) < CAUGHT

    def _spiked(self, service: str) -> float:
        return SPIKE if self._window("spike", service, self.faults.spikes) else 1.0

    def _window(self, what: str, service: str, share: float, length: float = WINDOW) -> bool:
        return share > 0 and unit(what, self.seed, service, int(self.arrives // length)) < share

    def _manner(self, at: float) -> Manner:
        faults = self.faults
        kinds: tuple[tuple[Manner, float], ...] = (
            ("stubborn", faults.stubborn), ("tidying", faults.tidying), ("blocking", faults.blocking),
        )  # fmt: skip
        for manner, share in kinds:
            if at < share:
                return manner
            at -= share
        return "polite"


def _refusals(at: float) -> int:
    """How many attempts of a call in a row are refused inside a burst: one, two, three, or all in a fifth of calls."""
    return 1 if at < 0.3 else 2 if at < 0.6 else 3 if at < 0.8 else 1_000


@cache
def quantile(kind: str, share: float) -> float:
    """Seconds within which a share of the attempts of a class ends, where nothing is at fault."""
    return latency(kind, _NORMAL.inv_cdf(share))
