"""How long tools took in the wild: the quantiles that benchmarks draw from."""

from __future__ import annotations

import math
import random
from bisect import bisect_right

RECORDED = {
    0.0: 0.0384, 0.1: 0.0491, 0.25: 0.0542, 0.4: 0.0587, 0.5: 0.0635, 0.6: 0.0747, 0.65: 0.0998, 0.7: 0.1437,
    0.75: 0.2065, 0.8: 0.251, 0.85: 0.3189, 0.9: 0.479, 0.92: 0.5751, 0.94: 0.8987, 0.95: 1.0803, 0.96: 1.4001,
    0.97: 1.7229, 0.98: 2.9296, 0.985: 3.5, 0.99: 4.176, 0.992: 5.2032, 0.994: 8.2104, 0.995: 26.0142, 0.997: 35.2974,
    0.999: 113.2567, 1.0: 120.1031,
}  # fmt: skip
"""Quantiles, in seconds, of 987 recorded tool delays of coding agents (mlcommons/endpoints,
examples/11_Edge_Agentic_Example/agentic_coding_2.5h.jsonl, Apache-2.0)."""


def recorded(chance: random.Random) -> float:
    """Seconds of a tool call, drawn log-linearly between the quantiles."""
    shares, values = list(RECORDED), list(RECORDED.values())
    at = chance.random()
    i = min(bisect_right(shares, at), len(shares) - 1)
    part = (at - shares[i - 1]) / (shares[i] - shares[i - 1])
    return math.exp(math.log(values[i - 1]) + part * (math.log(values[i]) - math.log(values[i - 1])))
