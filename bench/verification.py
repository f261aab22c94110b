"""Does a judge make more answers right in time? Asked always, never, and where the policy says that it pays.

A writer asks a tool and then answers, wrongly in 30 % of the cases, and is right in 70 % of those in which it is asked
again. A judge of 800 ms refuses 85 % of the wrong answers and 5 % of the right ones. What each of them does is drawn by
query, so that the three ways meet the same luck, on a virtual clock. An answer counts where it is right, there by the
deadline, and not refused.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shotclock import Agent, Answered, Budget, Policy, Result, Verdict, judge, tool
from shotclock.agent.models.base import CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta
from shotclock.agent.verifiers import Verifier
from shotclock.policies.verification import Verification
from shotclock.testing import VirtualClock
from shotclock.tools.call import Call

DEADLINES = (1.0, 2.0, 4.0, 8.0)
RIGHT, SENSITIVITY, SPECIFICITY = 0.7, 0.85, 0.95
CALL, TOOL, ANSWER, JUDGE, SPREAD = 0.35, 0.05, 0.6, 0.8, 0.23
"""Median seconds of a call's turn, the tool, an answer and a verdict, and their log deviation: that of public model
calls."""

# Texts that the check against the evidence leaves open, so that the judge alone can tell.
ANSWERS = {
    True: ("It depends on how one counts.", "It depends on how one counts here."),
    False: ("It depends on how one asks.", "It depends on how one asks here."),
}
QUERY = "How many are there?"

WARM = 50
"""Queries before those that count: how long model and judge take is learnt in service too, and then known."""


@dataclass(slots=True)
class Luck:
    """What happens to one query, whoever asks; set before each run."""

    seed: int = 0

    def draw(self, what: str) -> random.Random:
        """The same chance for the same thing of the same query."""
        return random.Random(f"{what} {self.seed}")


class Spoken:
    """A model whose calls take as long as they do about a median."""

    provider = "bench"

    def __init__(self, name: str, median: float, luck: Luck) -> None:
        self.name = name
        self.price: Price | None = None
        self.pace = Pace(start=0.6 * median, per_token=0.4 * median / 60)
        self.luck = luck

    async def wait(self, what: str, median: float) -> None:
        """Take as long as this does for this query."""
        await asyncio.sleep(median * math.exp(self.luck.draw(f"seconds {what}").gauss(0, SPREAD)))


class Writer(Spoken):
    """Who answers: at first, and when told that the answer was refused."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Ask the tool, then answer."""
        if request.messages[-1]["role"] == "user" and request.tools:
            await self.wait("call", CALL)
            yield CallReady(Call(id="look", tool="look_up", arguments={}))
            yield Finish(reason="tool_calls")
            return
        asked = (each.get("content", "") for each in request.messages if each["role"] == "user")
        again = any("refused" in text for text in asked)
        await self.wait(f"answer {again}", ANSWER)
        yield TextDelta(ANSWERS[self.luck.draw(f"answer {again}").random() < RIGHT][again])
        yield Finish()


class Reader(Spoken):
    """Who judges: mostly as it is."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Reply with a verdict."""
        asked = request.messages[1].get("content", "")
        right = any(text in asked for text in ANSWERS[True])
        again = any(texts[1] in asked for texts in ANSWERS.values())
        refuses = self.luck.draw(f"verdict {again}").random() < (1 - SPECIFICITY if right else SENSITIVITY)
        await self.wait(f"verdict {again}", JUDGE)
        yield TextDelta(f'{{"verdict": "{"fail" if refuses else "pass"}", "reason": "so it is"}}')
        yield Finish()


def ways(luck: Luck) -> dict[str, list[Verifier]]:
    """The three ways to use the judge; a plain function is asked always, whatever it takes."""
    judging = judge(Reader("reader", JUDGE, luck))

    async def always(answered: Answered) -> Verdict:
        return await judging(answered)

    return {"always": [always], "never": [], "gated": [judge(Reader("reader", JUDGE, luck))]}


@tool(read_only=True)
async def look_up() -> str:
    """Look it up."""
    await asyncio.sleep(TOOL)
    return "There are 7 of one kind and 9 of another."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of the queries of one deadline, asked one way: shares of them, but for the seconds."""

    good: tuple[bool, ...]
    right: float
    late: float
    verified: float
    wrong_verified: float
    seconds: float

    @property
    def goodput(self) -> float:
        """Answers that are right, in time and not refused."""
        return sum(self.good) / len(self.good)


def row(deadline: float, way: str, queries: int) -> Row:
    """Ask every query one way; the agent learns from one to the next, as in service."""
    luck = Luck()
    # Without the runs that probe by chance the figures depend on the seeds alone.
    policy = Policy(verification=Verification(probe=0.0))
    agent = Agent(Writer("writer", ANSWER, luck), [look_up], verify=ways(luck)[way], policy=policy)
    clock = VirtualClock()
    results: list[Result] = []
    for luck.seed in range(-WARM, queries):
        results.append(clock.run(agent.run(QUERY, budget=Budget(latency=deadline))))
    del results[:WARM]
    right = [result.answer in ANSWERS[True] for result in results]
    in_time = [result.elapsed <= deadline for result in results]
    refused = [result.verdict.outcome == "fail" for result in results]
    wrong = [result.answer in ANSWERS[False] and result.verified for result in results]
    return Row(
        good=tuple(r and t and not f for r, t, f in zip(right, in_time, refused, strict=True)),
        right=_share([r and t for r, t in zip(right, in_time, strict=True)]),
        late=1 - _share(in_time),
        verified=_share([result.verified for result in results]),
        wrong_verified=_share(wrong),
        seconds=sum(result.elapsed for result in results) / queries,
    )


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def interval(ours: Sequence[bool], theirs: Sequence[bool], rounds: int = 1_000) -> tuple[float, float]:
    """The 95 % interval of the difference, by bootstrap over queries."""
    chance = random.Random(11)
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    means = sorted(sum(chance.choices(differences, k=len(differences))) / len(differences) for _ in range(rounds))
    return means[int(0.025 * rounds)], means[int(0.975 * rounds)]


def main(queries: int) -> None:
    """Print the table."""
    print(f"{queries} queries a row, after {WARM}; goodput: answers that are right, in time and not refused")
    print("deadline  way     goodput  right in time   late  verified, of them wrong  seconds")
    for deadline in DEADLINES:
        rows = {way: row(deadline, way, queries) for way in ways(Luck())}
        for way, each in rows.items():
            print(
                f"{deadline:6.1f} s  {way:<7} {each.goodput:6.1%} {each.right:14.1%} {each.late:6.1%} "
                f"{each.verified:9.1%} {each.wrong_verified:14.1%} {each.seconds:8.2f}"
            )
        for way in ("always", "never"):
            low, high = interval(rows["gated"].good, rows[way].good)
            more = rows["gated"].goodput - rows[way].goodput
            print(f"          gated - {way}: {more:+.1%} [{low:+.1%}, {high:+.1%}]")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
