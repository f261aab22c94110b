"""Which checks of an answer or a result are bought, what they say together, and what follows where one refuses it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from .errors import InvalidPolicy
from .outcome import VerdictOutcome

MOST_RESAMPLES = 5
"""Answers that may be asked for again: further ones bring little (resampling limits, arXiv 2411.17501)."""

DOUBT: Final = 1.0
"""Log deviation that the time of a check is given the benefit of after its first verdict; a tenth after a hundred."""

REFUSED_PRIOR: Final = {"pass": (1.0, 9.0), "unsure": (3.0, 7.0), "fail": (9.0, 1.0)}
"""Beta over "a costly check refuses", after each verdict of the cheaper ones, before the first was seen: what they pass
is wrong once in ten times, what they leave open three times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungSituation:
    """What is known when a check that costs time or money could be asked.

    Attributes:
        verifier: its name.
        verdict: what the cheaper ones say.
        slack: seconds in which its verdict is still of use; infinite where there is no deadline.
        expected: seconds it usually takes.
        q95: seconds within which it gives 95 % of its verdicts.
        seen: verdicts that the two rest on; 0 is what its author declares.
        latency: seconds the run has in all; infinite where there is no deadline.
        spent: seconds that costly checks have taken of the run so far.
        generate: seconds that what it checks usually takes to make; 0 where that takes no time.
        again: seconds until another answer could be there that takes the place of a refused one; `None` where none is
            to be had, whatever time is left.
        asked: how often it was asked after such a verdict, over the runs of the agent.
        refused: how often it refused then.
        cost_usd: US dollars it costs at most; `None` where that is unknown.
        refusal: the limit that refuses it; empty where none does.
        refusal_again: the limit that would allow no other answer after it; empty where none does.
        draw: a number from 0 to 1 that is the run's own.
    """

    verifier: str
    verdict: VerdictOutcome
    slack: float
    expected: float
    q95: float
    seen: int = 0
    latency: float = math.inf
    spent: float = 0.0
    generate: float = 0.0
    again: float | None = None
    asked: int = 0
    refused: int = 0
    cost_usd: float | None = 0.0
    refusal: str = ""
    refusal_again: str = ""
    draw: float = 1.0


@dataclass(frozen=True, slots=True)
class Buy:
    """Ask it, and wait at most so many seconds for it."""

    seconds: float
    reason: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class NotBought:
    """Do not ask it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainSituation:
    """What is known when an answer was refused.

    Attributes:
        reason: why.
        resampled: how often the model was asked again so far.
        remaining: seconds to write another answer in; infinite where there is no deadline.
        expected: seconds an answer usually takes.
        embedded: whether the embedded model wrote it, which would say the same again.
        refusal: the limit that has no model call left; empty where none refuses.
        unfounded: whether it was refused for want of evidence, of which there is none: another one would be too.
        turn: seconds that asking with the tools takes: the model, a tool, the answer; infinite where no call is left.
    """

    reason: str
    resampled: int
    remaining: float
    expected: float
    embedded: bool = False
    refusal: str = ""
    unfounded: bool = False
    turn: float = math.inf


@dataclass(frozen=True, slots=True)
class Again:
    """Tell the model why, and ask once more; with `tools` it may look things up again, and else only write."""

    reason: str
    tools: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep the answer, marked as what it is."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSituation:
    """What is known when a call that changes something follows results that costly checks are judging.

    Attributes:
        tool: what would be called.
        unsettled: results that still have no verdict at the soft deadline.
        refused: results that were refused after the model had seen them, and asked for this call.
        waited: seconds the call has waited for the verdicts.
    """

    tool: str
    unsettled: int
    refused: int
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not call it; the model is told why, and may ask again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """Call it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Checks that cost nothing are always made; others are bought where they pay, and a refused answer is asked for
    again where another one fits.

    A costly check, such as a judge, is not bought where one of these holds; the first that does is the reason:

    1. a limit has no room for it;
    2. 95 % of its verdicts would take longer than is left for them;
    3. it would bring the time of such checks over `share` of the run's;
    4. it usually takes longer than `ratio` times what making the answer or the result takes: where checking is not
       cheaper, asking again is;
    5. what it checks has passed already, and of such it refuses fewer than `least_chance`;
    6. the chance that it refuses, times `value_usd`, is below its price;
    7. another answer could be had, but not any more after its verdict, so that a refused one could only be marked
       (`marks`).

    Attributes:
        resamples: how often a model is asked again after its answer was refused, from 0 to 5. Default 1.
        compose: whether the answer composed from the evidence is taken where the model's was refused for good and the
            composed one passes. Default false: it is what was found, which may not be what was asked or meant to be
            told, and a model's answer that is marked says so.
        share: the largest share of a run's time that costly checks are expected to take, from 0 to 1. Default 0.25.
        ratio: how many times as long as making it checking may take. Default 1.
        least_chance: the least chance that a check refuses what has passed already, from 0 to 1. Default 0.02.
        probe: the share of runs in which 3, 4 and 5 are passed over, and the median is enough for 2 and 7: of what is
            never asked nothing is learnt. Default 0.05.
        patience: how many times its 95th percentile a check is waited for, and longer within `share`, as far as time
            for another answer is left beside it; a quarter more is the 99th. Default 1.25.
        value_usd: what finding a wrong answer is worth, US dollars; `None` leaves money to the limits. Default `None`.
        omit: whether the sentences that the evidence does not bear out are left out of an answer that was refused for
            good, where the rest passes; it says that they are missing. Default true.
        unsettled: what becomes of a call that changes something where a costly check that was bought has not judged a
            result in time that it may rest on: `"hold"` skips it, `"allow"` makes it. Default `"hold"`.
        marks: whether a costly check is also bought where it is too late for another answer. Default false: the answer
            is there sooner, and as often right.
    """

    resamples: int = 1
    compose: bool = False
    share: float = 0.25
    ratio: float = 1.0
    least_chance: float = 0.02
    probe: float = 0.05
    patience: float = 1.25
    value_usd: float | None = None
    omit: bool = True
    unsettled: Literal["hold", "allow"] = "hold"
    marks: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.resamples <= MOST_RESAMPLES:
            raise InvalidPolicy(f"verification.resamples must be from 0 to {MOST_RESAMPLES}, got {self.resamples!r}")
        for name in ("share", "least_chance", "probe"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"verification.{name} must be a share from 0 to 1, got {getattr(self, name)!r}")
        for name in ("ratio", "value_usd"):
            if (value := getattr(self, name)) is not None and not value >= 0:
                raise InvalidPolicy(f"verification.{name} must be 0 or more, got {value!r}")
        if self.unsettled not in ("hold", "allow"):
            raise InvalidPolicy(f"verification.unsettled must be 'hold' or 'allow', got {self.unsettled!r}")
        if not self.patience >= 1:
            raise InvalidPolicy(f"verification.patience must be 1 or more, got {self.patience!r}")

    def chance(self, s: RungSituation) -> float:
        """The chance that the check refuses: as often as it did so far, beginning at `REFUSED_PRIOR`."""
        refused, rest = REFUSED_PRIOR[s.verdict]
        return (refused + s.refused) / (refused + rest + s.asked)

    def decide(self, s: RungSituation) -> Buy | NotBought:
        """Whether a costly check is asked now."""
        against = self._room(s) or self._price(s) or self._late(s)
        if against:
            return NotBought(against)
        left = s.slack if self.marks or s.again is None else s.slack - s.again
        share = 0.0 if math.isinf(s.latency) else self._allowed(s) - s.spent
        seconds = min(left, max(share, self.patience * s.q95))
        return Buy(
            seconds,
            f"95 % of the verdicts of {s.verifier} take up to {s.q95:.2f} s, {s.slack:.2f} s are left for it, and it "
            f"refuses {self.chance(s):.0%}{_beside(s)}",
        )

    def _allowed(self, s: RungSituation) -> float:
        """Seconds of the run that may go to costly checks."""
        return self.share * s.latency if self.share else 0.0

    def _room(self, s: RungSituation) -> str:
        """Why it does not fit; empty where it does."""
        if s.refusal:
            return s.refusal
        if s.slack < self._needed(s):
            return f"95 % of the verdicts of {s.verifier} take up to {s.q95:.2f} s and {s.slack:.2f} s are left for it"
        if s.spent + self._surely(s) > self._allowed(s) and s.draw >= self.probe:
            return (
                f"{s.verifier} takes about {s.expected:.2f} s, {s.spent:.2f} s went to such checks, and "
                f"verification.share={self.share:g} of {s.latency:.2f} s is the most"
            )
        return ""

    def _price(self, s: RungSituation) -> str:
        """Why it is not worth what it costs; empty where it is."""
        chance = self.chance(s)
        if s.generate > 0 and self._surely(s) > self.ratio * s.generate and s.draw >= self.probe:
            return (
                f"{s.verifier} takes about {s.expected:.2f} s and making what it checks {s.generate:.2f} s; "
                f"verification.ratio={self.ratio:g} is the most"
            )
        if s.verdict == "pass" and chance < self.least_chance and s.draw >= self.probe:
            return f"what has passed {s.verifier} refuses in {chance:.1%} of the cases ({s.refused} of {s.asked})"
        if self.value_usd is None:
            return ""
        if s.cost_usd is None:
            return f"the price of {s.verifier} is unknown, and verification.value_usd={self.value_usd:g} is set"
        if chance * self.value_usd < s.cost_usd:
            return f"{s.verifier} costs {s.cost_usd:.2g} USD and is worth {chance * self.value_usd:.2g} USD"
        return ""

    def _late(self, s: RungSituation) -> str:
        """Why nothing better would follow from its verdict; empty where it would, or none is to be had at all."""
        if self.marks or s.again is None:
            return ""
        if s.refusal_again:
            return f"a refused answer could only be marked: after {s.verifier} {s.refusal_again}"
        if s.slack < self._needed(s) + s.again:
            return (
                f"a refused answer could only be marked: {s.verifier} and another answer take up to "
                f"{s.q95 + s.again:.2f} s and {s.slack:.2f} s are left"
            )
        return ""

    @staticmethod
    def _surely(s: RungSituation) -> float:
        """Seconds it takes at least, as far as is known: a few slow verdicts must not be the last that were asked for,
        or it would never be known that it is quicker."""
        return s.expected * math.exp(-DOUBT / math.sqrt(s.seen)) if s.seen else s.expected

    def _needed(self, s: RungSituation) -> float:
        """Seconds that have to be left for it; a run that probes makes do with what it usually takes."""
        return s.expected if s.draw < self.probe else s.q95

    def hold(self, s: HoldSituation) -> Hold | Release:
        """Whether a call that changes something is made after results that were being judged."""
        if s.refused:
            return Hold(f"{_results(s.refused)} refused meanwhile that it may rest on")
        if s.unsettled and self.unsettled == "hold":
            return Hold(f"{_results(s.unsettled)} not judged in time that it may rest on")
        if s.unsettled:
            return Release(f"{_results(s.unsettled)} not judged in time, and verification.unsettled=allow")
        return Release(f"what was judged was not refused; it waited {s.waited:.2f} s for that")

    def again(self, s: AgainSituation) -> Again | Keep:
        """Whether the model is asked once more."""
        if s.embedded:
            return Keep("the embedded model would say the same again")
        if s.unfounded:
            return Keep("no tool has found anything that another answer could rest on")
        if s.resampled >= self.resamples:
            return Keep(f"it was asked {s.resampled} times more, verification.resamples={self.resamples}")
        if s.refusal:
            return Keep(s.refusal)
        if s.remaining < s.expected:
            return Keep(f"an answer takes about {s.expected:.2f} s and {max(0.0, s.remaining):.2f} s are left")
        if s.turn <= s.remaining:
            return Again(f"the answer was refused ({s.reason}), and another turn with the tools fits", tools=True)
        return Again(f"the answer was refused ({s.reason}), and another one fits")


def _results(number: int) -> str:
    return "one result is" if number == 1 else f"{number} results are"


def _beside(s: RungSituation) -> str:
    """How long the check takes beside what it checks, in words; empty where that takes no time."""
    return f"; it takes {s.expected / s.generate:.2g} times as long as making what it checks" if s.generate else ""
