"""What is wrong with the world, and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares of attempts, or of windows of time, that are at fault; 0 is a world in order.

    Attributes:
        name: the row's name.
        hangs: share of attempts of tools and of the model that take 100 s.
        spikes: share of windows of 30 s, of each service by itself, in which all takes ten times as long.
        bursts: share of windows of 30 s in which a service refuses the first attempts of each call (429).
        garbage: share of results that nobody would take for one: an error page, nothing, somebody else's record.
        wrong: share of results that look right and are not.
        drift: share of windows of 120 s in which a tool answers in another shape.
        stubborn: share of attempts that take 100 s and go on for 10 s when they are cancelled.
        tidying: share of attempts that take 100 s and tidy up for 3 s when they are cancelled.
        blocking: share of attempts that block the event loop for 3 s; on the wall clock only.
        dead_verifier: share of windows of 120 s in which the check of answers never answers; 1 is always.
        jump: whether the wall clock jumps by an hour every second.
    """

    name: str
    hangs: float = 0.0
    spikes: float = 0.0
    bursts: float = 0.0
    garbage: float = 0.0
    wrong: float = 0.0
    drift: float = 0.0
    stubborn: float = 0.0
    tidying: float = 0.0
    blocking: float = 0.0
    dead_verifier: float = 0.0
    jump: bool = False


FAULTS = {
    each.name: each
    for each in (
        Faults(name="none"),
        Faults(name="hangs", hangs=0.013),
        Faults(name="spikes", spikes=0.1),
        Faults(name="bursts", bursts=0.1),
        Faults(name="garbage", garbage=0.03, wrong=0.02),
        Faults(name="drift", drift=0.25),
        Faults(name="manners", stubborn=0.01, tidying=0.01),
        Faults(name="verifier", dead_verifier=1.0),
        Faults(name="jump", jump=True),
        Faults(
            name="all", hangs=0.013, spikes=0.1, bursts=0.1, garbage=0.03, wrong=0.02, drift=0.25, stubborn=0.005,
            tidying=0.005, dead_verifier=0.2, jump=True,
        ),
    )
}  # fmt: skip
"""The rows of the benchmark; `blocking` is a row of its own on the wall clock."""

BLOCKING = Faults(name="blocking", blocking=0.02)
