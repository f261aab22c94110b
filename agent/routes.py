"""Another model in a run: a stronger one where there is doubt, another where one failed or is slow to speak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..policies.deadline import Deadline
from ..policies.hedging import Hedge, HedgeSituation, TwiceSituation
from ..policies.ledger import Claim
from ..policies.outcome import Verdict
from ..policies.quality import Escalate
from ..policies.routing import DoubtSituation, EffortSituation, FailureSituation, Stay, Switch
from . import timing
from .kind import kind_of, known_of
from .lane import Asked, claim_of, input_tokens
from .models.base import Message, Model
from .models.effort import at_effort, usual
from .run import Run
from .turn import Turn

Doubt = Literal["refused", "unsure", "fruitless", "unanswered", "quality"]
"""Why a model is doubted."""


# --- doubt ------------------------------------------------------------------------------------------------------------


def review(run: Run, messages: list[Message]) -> None:
    """Before a turn: a stronger model takes it where the last one brought nothing, or where answers of this kind are
    too often wrong."""
    if run.ladder.stronger(run.model) is None:
        return
    most = run.policy.routing.fruitless
    if most is not None and run.turns.fruitless >= most and _model_at_fault(run):
        rise(run, "fruitless", "its turn brought nothing usable", messages, run.last)
        return
    reason = _too_often_wrong(run)
    if reason:
        rise(run, "quality", reason, messages, run.last)


def rise(run: Run, doubt: Doubt, reason: str, messages: list[Message], until: Deadline) -> Switch | None:
    """Go on with a stronger model, where the policy says so: it is then the run's. `None` where it is not."""
    stronger = run.ladder.stronger(run.model)
    if stronger is None:
        return None
    situation = _doubt(run, stronger, doubt, reason, messages, until)
    decided = run.policy.routing.escalate(situation)
    choice = "escalate" if isinstance(decided, Switch) else "stay"
    run.trace.decision("route", choice, decided.reason, situation)
    if isinstance(decided, Stay):
        return None
    run.model = stronger
    run.ladder.escalated += 1
    return decided


def rise_for(run: Run, verdict: Verdict, messages: list[Message], until: Deadline) -> Switch | None:
    """The same for an answer that its checks refused or left open."""
    return rise(run, "refused" if verdict.outcome == "fail" else "unsure", verdict.reason, messages, until)


def step_back(run: Run, model: Model, turn: Turn) -> None:
    """The stronger model brought nothing: the earlier one is the run's again, and one that failed is not asked
    again."""
    if turn.error is not None or turn.cut:
        run.ladder.fail(run.model)
    run.model = model


def _doubt(
    run: Run, stronger: Model, doubt: Doubt, reason: str, messages: list[Message], until: Deadline
) -> DoubtSituation:
    history = run.memory.history
    writes = doubt in ("refused", "unsure")
    forecast = timing.answer_forecast(history, stronger) if writes else timing.of(history, stronger).forecast()
    tried, helped = run.tally.help(doubt)
    return DoubtSituation(
        model=run.model.name,
        stronger=stronger.name,
        doubt=doubt,
        reason=reason,
        escalated=run.ladder.escalated,
        remaining=until.remaining(run.now()),
        expected=forecast.median,
        q95=forecast.quantile(0.95),
        refusal=_refusal(run, stronger, messages),
        tried=tried,
        helped=helped,
        draw=int(run.trace.trace_id[16:24], 16) / 2**32,
    )


def _refusal(run: Run, model: Model, messages: list[Message]) -> str:
    """Why the ledger has no room for an answer of this model; empty where it has."""
    refused = run.ledger.check(claim_of(model, input_tokens(messages), timing.ANSWER_TOKENS))
    return "" if refused is None else refused.reason


def _model_at_fault(run: Run) -> bool:
    """Whether calls of the last turn ended with something that other calls could change: what was only cut, skipped or
    out of order is not the model's doing."""
    last = max((seen.turn for seen in run.turns.results), default=0)
    return any(seen.turn == last and seen.outcome in ("ok", "error") for seen in run.turns.results)


def _too_often_wrong(run: Run) -> str:
    """Why answers of this kind by the run's model are not good enough; empty where they are, or too little is known of
    what kind this run is."""
    stronger = run.ladder.stronger(run.model)
    if stronger is None or run.policy.quality.threshold is None:
        return ""
    if len(run.toolbox) and not any(item.usable for item in run.evidence):
        return ""
    situation = known_of(run, kind_of(run), stronger.name)
    decided = run.policy.quality.decide(situation)
    if not isinstance(decided, Escalate):
        return ""
    run.trace.decision("route", "doubt", decided.reason, situation)
    return decided.reason


# --- effort -----------------------------------------------------------------------------------------------------------


def ease(run: Run, until: Deadline) -> None:
    """Before a call: ask the model at a lower effort where it would not end in time at its usual one, else at that."""
    base = usual(run.model)
    lower = at_effort(base, run.policy.routing.effort)
    if lower is None:
        return
    known = timing.of(run.memory.history, base)
    remaining = until.remaining(run.now())
    situation = EffortSituation(
        model=base.name,
        lower=lower.name,
        remaining=remaining,
        chance=known.forecast().probability(remaining),
        seen=known.n,
        draw=int(run.trace.trace_id[16:24], 16) / 2**32,
    )
    decided = run.policy.routing.ease(situation)
    eased = isinstance(decided, Switch)
    run.trace.decision("route", "ease" if eased else "usual", decided.reason, situation)
    run.model = lower if eased else base


# --- failure ----------------------------------------------------------------------------------------------------------


def leaves(run: Run, model: Model, turn: Turn, until: Deadline, wait: float, attempt: int) -> bool:
    """Whether a failed model is not asked again, because another one is there sooner."""
    situation = _failure(run, model, turn, until, wait=wait, again=turn.error is not None, attempt=attempt)
    if situation is None:
        return False
    decided = run.policy.routing.fall_back(situation)
    gone = isinstance(decided, Switch)
    run.trace.decision("route", "leave" if gone else "retry", decided.reason, situation)
    return gone


def moved_on(run: Run, model: Model, turn: Turn, until: Deadline, *, reasons: bool) -> bool:
    """Whether another model takes over from one whose call failed, or brought nothing for too long. Where the call
    `reasons`, what it began of calls is there for the other."""
    silent = turn.stopped is not None and turn.stopped.then == "retry"
    if turn.error is None and not silent:
        return False
    run.ladder.fail(model)
    situation, other = _failure(run, model, turn, until), run.ladder.other(model)
    if situation is None or other is None:
        return False
    decided = run.policy.routing.fall_back(situation)
    choice = "fall_back" if isinstance(decided, Switch) else "stay"
    run.trace.decision("route", choice, decided.reason, situation)
    if isinstance(decided, Stay):
        return False
    if reasons:
        run.calls.strand()
    if run.ladder.weaker(model, other):
        run.warn(f"The model {model.name} failed ({situation.problem}); {other.name} took over.")
    run.model = other
    return True


def _failure(
    run: Run, model: Model, turn: Turn, until: Deadline, *, wait: float = 0.0, again: bool = False, attempt: int = 1
) -> FailureSituation | None:
    """What is known of a failure; `None` where nobody else could be asked."""
    other = run.ladder.other(model)
    if other is None:
        return None
    refused = run.ledger.check(Claim(model_calls=1))
    return FailureSituation(
        model=model.name,
        other=other.name,
        problem=str(turn.error) if turn.error is not None else f"nothing came in {turn.took:.2f} s",
        again=again,
        attempt=attempt,
        wait=wait,
        took=turn.took,
        remaining=until.remaining(run.now()),
        expected=timing.of(run.memory.history, other).forecast().median,
        refusal="" if refused is None else refused.reason,
    )


# --- a late first token -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """The hedge of a model call: who is asked beside it, after how many seconds of silence, and why; `urgent` where
    that is for the deadline at hand."""

    model: Model
    after: float
    reason: str
    situation: HedgeSituation | TwiceSituation
    urgent: bool = False


def at_once(run: Run, asked: Asked, until: Deadline) -> FirstToken | None:
    """The same model asked twice at once, where a call of it takes much of the time left and the ledger has the money;
    `None` where that does not pay."""
    left = run.ledger.left()
    if until.never or "cost_usd" not in left:  # most runs: no policy asks twice here, and its figures cost time
        return None
    known = timing.of(run.memory.history, asked.model)
    situation = TwiceSituation(
        model=asked.model.name,
        n=known.n,
        usual=known.forecast().median,
        remaining=until.remaining(run.now()),
        calls_left=left.get("model_calls", math.inf),
        price=_share(asked, left),
        urgent=run.tally.hedges(asked.model.name).urgent,
    )
    decided = run.policy.hedging.at_once(situation)
    if not isinstance(decided, Hedge):
        return None
    return FirstToken(model=asked.model, after=decided.after, reason=decided.reason, situation=situation, urgent=True)


def _share(asked: Asked, left: Mapping[str, float]) -> float:
    """The share of the money, and of the tokens, left that another call like it takes at most; infinite where the price
    is not known. What costs nothing mostly runs on the caller's machine, where two calls hold each other up."""
    claim = asked.claim
    if not claim.cost_usd:
        return math.inf
    money = claim.cost_usd / max(left["cost_usd"], 1e-12)
    tokens = (claim.input_tokens + claim.output_tokens) / max(left.get("tokens", math.inf), 1e-12)
    return max(money, tokens)


def first_token(run: Run, asked: Asked, until: Deadline) -> FirstToken | None:
    """When another model is asked beside one that says nothing; `None` where that does not pay."""
    other = run.ladder.other(asked.model)
    if not run.policy.routing.hedge or other is None or timing.embedded(other):
        return None
    situation = _late(run, asked, other, until)
    decided = run.policy.hedging.decide(situation)
    if isinstance(decided, Hedge):
        return FirstToken(model=other, after=decided.after, reason=decided.reason, situation=situation)
    run.tally.raced(run.policy.hedging, asked.model.name, hedged=False, losing=decided.losing)
    return None


def _late(run: Run, asked: Asked, other: Model, until: Deadline) -> HedgeSituation:
    """As for a tool, of the time to the first token. The other's is taken off what is left where it is longer."""
    history, hedges = run.memory.history, run.tally.hedges(asked.model.name)
    own = timing.first_tokens_of(history, asked.model)
    first, theirs = own.forecast(), timing.first_tokens_of(history, other).forecast()
    left = until.remaining(run.now()) - max(0.0, theirs.median - first.median)
    return HedgeSituation(
        tool=asked.model.name,
        n=own.n,
        p50=first.median,
        p95=first.quantile(run.policy.hedging.quantile),
        p99=first.quantile(0.99),
        remaining=left,
        extra=hedges.extra,
        fired=hedges.fired,
        wins=hedges.wins,
        withheld=hedges.withheld,
        calls_left=run.ledger.left().get("model_calls", math.inf),
        late=0.0 if math.isinf(left) else 1 - first.probability(left - first.median),
        draw=int(run.trace.trace_id[24:32], 16) / 2**32,
    )
