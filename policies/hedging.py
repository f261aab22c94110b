"""When a second attempt races the first: at most one, late, where history says that it pays.

Parameters: "The Tail at Scale" (Dean and Barroso 2013) and gRPC's hedging design (A6) for one hedge at about p95;
SingleR (Kaler, He, Elnikety, SPAA 2017) for an earlier one with a probability that keeps the extra load; Finagle's
BackupRequestFilter for the largest extra load and for the loser, which is a censored sample. Under a tight deadline the
moment is when a second attempt has become likely enough to end in time where the first does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .errors import InvalidPolicy

RECENT = 20
"""Hedges whose wins are remembered."""

FADE = 200
"""Attempts over which the share of hedges is averaged."""


class HedgeState(NamedTuple):
    """What a tool's hedges have brought.

    Attributes:
        extra: hedges an attempt, averaged over some 200 attempts; urgent ones are counted apart.
        urgent: the same of the urgent ones.
        fired: hedges that are remembered, at most 20.
        won: which of them won, one bit each, the latest lowest.
        withheld: attempts that would have been hedged had hedges won more often, since the last one that was.
    """

    extra: float = 0.0
    fired: int = 0
    won: int = 0
    withheld: int = 0
    urgent: float = 0.0

    @property
    def wins(self) -> int:
        """How many of the remembered hedges won."""
        return self.won.bit_count()


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeSituation:
    """What is known when an attempt begins that could be raced.

    Attributes:
        tool: the tool's name.
        n: samples its forecast rests on.
        p50: seconds it takes in half of the cases.
        p95: seconds it takes in 95 % of the cases.
        p99: seconds it takes in 99 % of the cases.
        remaining: seconds the attempt may take; infinite where nothing bounds it.
        extra: hedges an attempt, lately.
        fired: hedges that are remembered.
        wins: how many of them won.
        withheld: attempts not hedged for too few wins, since the last hedge.
        lends: whether the tool's bucket lends extra attempts.
        calls_left: tool calls the budget has left beside this attempt; infinite where they are not limited.
        late: chance that the attempt is still running at `remaining` minus the median.
        moments: seconds after the beginning at which a second attempt could begin, ascending.
        gains: how likely one that begins at each of them ends in time where the first, still running then, does not.
        urgent: urgent hedges an attempt, lately.
        cost_usd: US dollars an attempt costs.
        draw: a random number from 0 to below 1, drawn for this decision.
    """

    tool: str
    n: int
    p50: float
    p95: float
    p99: float
    remaining: float
    extra: float = 0.0
    fired: int = 0
    wins: int = 0
    withheld: int = 0
    lends: bool = True
    calls_left: float = float("inf")
    late: float = 0.0
    moments: tuple[float, ...] = ()
    gains: tuple[float, ...] = ()
    urgent: float = 0.0
    cost_usd: float = 0.0
    draw: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TwiceSituation:
    """What is known when a model is asked that could be asked twice at once.

    Attributes:
        model: the model's name.
        n: calls its forecast rests on.
        usual: seconds a call usually takes.
        remaining: seconds until what it gives is of no use any more; infinite where there is no deadline.
        calls_left: model calls the budget has left beside this one; infinite where they are not limited.
        price: share of the money, and of the tokens, left in the budget that the second call takes at most; infinite
            where the budget limits no money, the price is unknown or there is none.
        urgent: calls that were made twice, a call, lately.
    """

    model: str
    n: int
    usual: float
    remaining: float
    calls_left: float = float("inf")
    price: float = float("inf")
    urgent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Begin a second attempt where the first still runs `after` seconds from its start; `urgent` says that it is for
    the deadline at hand and not for the tool's tail."""

    after: float
    reason: str
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHedge:
    """Let the attempt run alone. `losing` says that hedges won too rarely and nothing else was against one."""

    reason: str
    losing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedging:
    """Hedge attempts of tools that hang or have a long tail, a few in a hundred.

    Attributes:
        quantile: share of attempts that end before a hedge would begin, from 0.5 to below 1. Default 0.95.
        learn_from: attempts that must have been seen. Default 20.
        tail: p99 over p50 from which a tail is long. Default 3. Under it a second attempt ends no sooner.
        hangs: share of attempts outrun by their hedge from which a tool counts as one that hangs, whatever its tail
            looks like: hedging hides the tail from the forecast. Default 0.005.
        most_extra: largest share of hedges among attempts, from 0 to 1; `0` never hedges. Default 0.1.
        least_wins: share of the last 20 hedges that must have won, from 0 to 1. Default 0.1.
        probe: attempts after which one is hedged again although hedges won too rarely. Default 20.
        spare_calls: tool calls a hedge must leave in the budget, for what the model still wants. Default 1.
        smallest: seconds under which no hedge begins: timers of a busy loop are no finer. Default 0.005.
        urgent_gain: how likely a second attempt must end in time where the first does not for it to be begun, at the
            first moment at which that holds, whatever the tail; between 0 and 1. Only of tools that cost nothing.
            Default 0.04. A choice of ours, on the training seeds of `bench/world`.
        urgent_from: attempts that must have been seen for one that is urgent, or calls of a model for one that is made
            twice. Default 5: by then a forecast covers its quantiles, and a deadline does not wait for more.
        urgent_extra: largest share of such hedges among attempts, from 0 to 1; `0` makes none. Default 0.8: where all
            deadlines are tight, a service that grows slow is asked twice as much until its bucket is empty.
        twice: share of the time left that a call of the model usually takes from which it is asked twice at once, and
            who speaks first goes on; from 0 to 1, where `1` never does. Default 0.2. A choice of ours, on the training
            seeds of `bench/world`.
        twice_price: largest share of the money, and of the tokens, left in the budget that the second call may take at
            its worst, from 0 to 1. Default 0.25. Where the budget limits no money nobody has said what the run may
            cost, and no model is asked twice; nor one that costs nothing, as it mostly runs on the caller's machine.

    Raises:
        InvalidPolicy: a value is out of range.
    """

    quantile: float = 0.95
    learn_from: int = 20
    tail: float = 3.0
    hangs: float = 0.005
    most_extra: float = 0.1
    least_wins: float = 0.1
    probe: int = 20
    spare_calls: int = 1
    smallest: float = 0.005
    urgent_gain: float = 0.04
    urgent_from: int = 5
    urgent_extra: float = 0.8
    twice: float = 0.2
    twice_price: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.urgent_gain < 1:
            raise InvalidPolicy(f"hedging.urgent_gain must be between 0 and 1, got {self.urgent_gain!r}")
        if not 0.5 <= self.quantile < 1:
            raise InvalidPolicy(f"hedging.quantile must be from 0.5 to below 1, got {self.quantile!r}")
        for name in ("most_extra", "least_wins", "urgent_extra", "twice", "twice_price"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidPolicy(f"hedging.{name} must be a share from 0 to 1, got {getattr(self, name)!r}")
        for name in ("learn_from", "urgent_from", "probe"):
            if not getattr(self, name) >= 1:
                raise InvalidPolicy(f"hedging.{name} must be at least 1, got {getattr(self, name)!r}")
        for name in ("tail", "hangs", "spare_calls", "smallest"):
            if not getattr(self, name) >= 0:
                raise InvalidPolicy(f"hedging.{name} must be 0 or more, got {getattr(self, name)!r}")

    def decide(self, s: HedgeSituation) -> Hedge | NoHedge:
        """When the second attempt begins, or why there is none."""
        urgent = self._urgent(s)
        if urgent is not None:
            return urgent
        against = self._against(s)
        if against is not None:
            return NoHedge(reason=against)
        if s.fired >= RECENT and s.wins < self.least_wins * s.fired and s.withheld < self.probe:
            return NoHedge(reason=f"{s.wins} of the last {s.fired} hedges of {s.tool} won", losing=True)
        after = max(s.p95, self.smallest)
        if after + s.p50 <= s.remaining:
            return Hedge(after=after, reason=f"{s.tool} usually ends within {after:.3g} s")
        return self._early(s)

    def pressing(self, chance: float | None) -> bool:
        """Whether an attempt that ends in time with this chance could be worth an urgent hedge at some moment."""
        # The latest moment looked at is when 90 % have ended: one that still runs then is ten times as likely late.
        return chance is not None and self.urgent_extra > 0 and 10 * (1 - chance) >= self.urgent_gain

    def at_once(self, s: TwiceSituation) -> Hedge | NoHedge:
        """Whether a model is asked twice at once: where its call takes much of the time that is left, the quicker of
        two leaves more of it to the tools."""
        usual = f"a call of {s.model} usually takes {s.usual:.2f} s of the {max(0.0, s.remaining):.2f} s that are left"
        against = self._against_twice(s)
        if against is not None:
            return NoHedge(reason=f"{usual}; {against}")
        return Hedge(after=0.0, reason=f"{usual}; the quicker of two leaves more of it", urgent=True)

    def _against_twice(self, s: TwiceSituation) -> str | None:
        if s.n < self.urgent_from:
            return f"{s.n} calls were seen, hedging.urgent_from={self.urgent_from}"
        if self.twice >= 1 or s.usual < self.twice * s.remaining:
            return f"hedging.twice={self.twice:g}"
        if s.usual >= s.remaining:
            return "it ends too late as often as not"
        if s.price == float("inf"):
            return "the budget limits no money, or the model has no price"
        if s.price > self.twice_price:
            return f"another one takes {s.price:.0%} of the money left, hedging.twice_price={self.twice_price:g}"
        if s.calls_left <= self.spare_calls:
            return f"{s.calls_left:g} model calls would be left, hedging.spare_calls={self.spare_calls}"
        if s.urgent >= self.urgent_extra:
            return f"{s.urgent:.1%} of the calls were made twice, hedging.urgent_extra={self.urgent_extra:g}"
        return None

    def _urgent(self, s: HedgeSituation) -> Hedge | None:
        """The first moment at which a second attempt is likely enough to save the call."""
        if s.n < self.urgent_from or s.urgent >= self.urgent_extra or s.cost_usd > 0:
            return None
        if not s.lends or s.calls_left <= self.spare_calls:
            return None
        pairs = zip(s.moments, s.gains, strict=True)
        found = next(((after, gain) for after, gain in pairs if gain >= self.urgent_gain), None)
        if found is None:
            return None
        after, gain = max(found[0], self.smallest), found[1]
        reason = f"a second attempt after {after:.3g} s saves the call with probability {gain:.2f}"
        return Hedge(after=after, reason=reason, urgent=True)

    def _against(self, s: HedgeSituation) -> str | None:
        if s.n < self.learn_from:
            return f"{s.n} attempts of {s.tool} were seen, hedging.learn_from={self.learn_from}"
        outrun = s.extra * s.wins / s.fired if s.fired else 0.0
        if s.p99 < self.tail * s.p50 and outrun < self.hangs:
            return f"p99 of {s.tool} is {s.p99 / s.p50:.2g} times its p50, hedging.tail={self.tail:g}"
        if s.extra >= self.most_extra:
            return f"{s.extra:.1%} of the attempts of {s.tool} are hedges, hedging.most_extra={self.most_extra:g}"
        if not s.lends:
            return f"{s.tool} fails too often: its bucket lends no extra attempts"
        if s.calls_left <= self.spare_calls:
            return f"{s.calls_left:g} tool calls would be left, hedging.spare_calls={self.spare_calls}"
        return None

    def _early(self, s: HedgeSituation) -> Hedge | NoHedge:
        """Where a hedge at p95 would come too late: at the last useful moment, for as many as the extra load allows."""
        after = s.remaining - s.p50
        if after < max(s.p50, self.smallest):
            return NoHedge(reason=f"{s.remaining:.3g} s are too little for two attempts of {s.tool}")
        share = 1.0 if s.late <= 0 else min(1.0, self.most_extra / s.late)
        if s.draw >= share:
            return NoHedge(reason=f"{share:.0%} of the attempts under a tight deadline are hedged")
        return Hedge(after=after, reason=f"a hedge after {after:.3g} s can still end in time")

    def after(
        self, state: HedgeState, *, hedged: bool, won: bool = False, losing: bool = False, urgent: bool = False
    ) -> HedgeState:
        """The state after an attempt: whether it was hedged, urgently or not, whether the hedge won, or that it was
        withheld as `losing`."""
        usual = hedged and not urgent
        extra = state.extra + (usual - state.extra) / FADE
        pressed = state.urgent + ((hedged and urgent) - state.urgent) / FADE
        if not usual:
            return HedgeState(extra, state.fired, state.won, state.withheld + losing, pressed)
        wins = (state.won << 1 | won) & ((1 << RECENT) - 1)
        return HedgeState(extra, min(RECENT, state.fired + 1), wins, 0, pressed)
