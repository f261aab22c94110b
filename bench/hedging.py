"""What hedging saves: the same runs with and without it, over tools that hang, as paired ratios.

::

    python -m bench.hedging            # 3 seeds of 400 runs each, on the virtual clock

A run asks one model twice and four tools at once in between. Attempt j of a call takes what the tape says for (seed,
run, tool, j), so that both ways meet the same luck and the second attempt of a call is the same whoever makes it.
Latencies of tools: log-normal, p50 0.3 s and log deviation 0.7 (an API), of which 1.3 % hang for 100 s, as public logs
show. Of the model: 0.58 s + 18.5 ms for each of 40 tokens, residual log deviation 0.23.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
from collections import Counter
from dataclasses import dataclass

from shotclock import Agent, Budget
from shotclock.policies.hedging import Hedging
from shotclock.policies.settings import Policy
from shotclock.policies.verification import Verification
from shotclock.testing import Say, ScriptedModel, VirtualClock, ask
from shotclock.tools.tool import Tool

TOOLS = ("stock", "price", "weather", "route")
DEADLINES = (2.5, 3.0, 4.0, 6.0)
HANG, HANGING = 100.0, 0.013
NEVER = Hedging(most_extra=0.0, urgent_extra=0.0)
"""Neither against a tail nor for a deadline."""


@dataclass(frozen=True)
class Outcome:
    """One run: seconds it took, how many results it had, and attempts it started."""

    seconds: float
    results: int
    attempts: int


def tape(seed: int, run: int, tool: str, attempt: int) -> float:
    """Seconds of attempt `attempt` of the call of `tool` in `run`."""
    draw = random.Random(f"{seed} {run} {tool} {attempt}")
    return HANG if draw.random() < HANGING else draw.lognormvariate(-1.204, 0.7)


def model_seconds(seed: int, run: int, turn: int) -> float:
    """Seconds of a model call of 40 tokens."""
    return (0.58 + 0.0185 * 40) * random.Random(f"{seed} {run} model {turn}").lognormvariate(0, 0.23)


class World:
    """An agent over tools that take what the tape says; one run after the other, so that a call knows its run."""

    def __init__(self, seed: int, policy: Policy) -> None:
        self.seed = seed
        self.run = 0
        self.attempts: Counter[str] = Counter()
        model = ScriptedModel(
            [
                lambda _: ask(*((name, {}) for name in TOOLS), after=model_seconds(self.seed, self.run, 0)),
                lambda _: Say("Done.", after=model_seconds(self.seed, self.run, 1)),
            ]
        )
        self.agent = Agent(model, [self._tool(name) for name in TOOLS], policy=policy)

    def _tool(self, name: str) -> Tool:
        async def look_up(text: str = "") -> str:
            """Look something up."""
            self.attempts[name] += 1
            await asyncio.sleep(tape(self.seed, self.run, name, self.attempts[name]))
            return f"{name} is 7"

        return Tool(look_up, name, read_only=True)

    async def go(self, runs: int, deadline: float) -> list[Outcome]:
        """So many runs."""
        outcomes = []
        for self.run in range(runs):
            self.attempts.clear()
            result = await self.agent.run("What is there?", budget=Budget(latency=deadline))
            results = sum(item.usable for item in result.evidence)
            outcomes.append(Outcome(result.elapsed, results, self.attempts.total()))
        return outcomes


def play(seed: int, runs: int, deadline: float, policy: Policy) -> list[Outcome]:
    """The runs of a seed under a policy; the first 100 teach it and are left out."""
    return VirtualClock().run(World(seed, policy).go(runs + 100, deadline))[100:]


def interval(pairs: list[tuple[float, float]], draw: random.Random) -> tuple[float, float, float]:
    """The ratio of sums and its 95 % bootstrap interval over the pairs."""

    def ratio(sample: list[tuple[float, float]]) -> float:
        return sum(a for a, _ in sample) / max(1e-9, sum(b for _, b in sample))

    ratios = sorted(ratio(draw.choices(pairs, k=len(pairs))) for _ in range(300))
    return ratio(pairs), ratios[7], ratios[292]


def main(seeds: int, runs: int) -> None:
    """Print a line for each deadline."""
    # The answer is one word, which no evidence bears out: it is not asked for again.
    once = Verification(resamples=0)
    usual, never = Policy(verification=once), Policy(verification=once, hedging=NEVER)
    print("deadline  all four results: with  without   missing results, ratio (95 %)   latency p50, p95: with / without"
          "   attempts")  # fmt: skip
    for deadline in DEADLINES:
        hedged = [o for seed in range(seeds) for o in play(seed, runs, deadline, usual)]
        alone = [o for seed in range(seeds) for o in play(seed, runs, deadline, never)]
        full = [statistics.mean(o.results == len(TOOLS) for o in outcomes) for outcomes in (hedged, alone)]
        missing = [(4.0 - a.results, 4.0 - b.results) for a, b in zip(hedged, alone, strict=True)]
        ratio, low, high = interval(missing, random.Random(1))
        cuts = [statistics.quantiles([o.seconds for o in outcomes], n=20) for outcomes in (hedged, alone)]
        extra = sum(o.attempts for o in hedged) / sum(o.attempts for o in alone)
        print(f"{deadline:6.1f} s  {full[0]:22.1%}  {full[1]:7.1%}   {ratio:20.2f} ({low:.2f} to {high:.2f})   "
              f"{cuts[0][9]:.2f}, {cuts[0][18]:.2f} / {cuts[1][9]:.2f}, {cuts[1][18]:.2f} s   {extra:.3f}")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, int(sys.argv[2]) if len(sys.argv) > 2 else 400)
