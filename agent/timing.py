"""When model calls are expected to end: forecasts of a call, of the final answer, of the next turn, of a stream."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import Final, Literal

from ..policies.forecast import PRIORS, Forecast, key
from ..policies.interruption import BeginSituation
from ..policies.latency import LatencyState
from ..policies.pace import PacePolicy
from ..policies.reserve import AnswerSituation, Plan, Reserve, ReserveSituation
from ..policies.sums import mixture, roughly
from ..tools.history import History, ModelHistory
from .models.base import Model, ModelRequest
from .models.rules import Rules
from .run import Run

ANSWER_TOKENS: Final = 300
"""Tokens a final answer is expected to take where none was seen; the p50 of chat traffic is 129, p99 601 (Azure LLM
inference trace 2023)."""

_SEEN: Final = 3
"""Answers after which their own times are a better forecast than the pace and `ANSWER_TOKENS`."""

_EMBEDDED_Q: Final = 0.75
"""How surely the embedded model must end in time where it is to take over."""

_FIRST_SIGMA: Final = 0.7
"""Log deviation of the time to a first token, before any was seen: that of an API."""

_DECLARED_Q: Final = 0.95
"""How surely a first token comes earlier than one that is overdue by what a model's author declares."""

_UNKNOWN: Final = LatencyState(PRIORS["tool"]).forecast()


def embedded(model: Model) -> bool:
    """Whether tokens take the model no time by its own account: then nothing streams, and nothing is worth cutting."""
    return model.pace.per_token == 0


def of(history: History, model: Model) -> ModelHistory:
    """What was learnt of a model's calls."""
    return history.model(model.name, model.pace.prior)


def answers_of(history: History, model: Model) -> ModelHistory:
    """What was learnt of those of its calls that wrote an answer."""
    return history.model(key(model.name, "answer"), model.pace.prior)


def first_tokens_of(history: History, model: Model) -> ModelHistory:
    """What was learnt of the time until something came."""
    return history.model(key(model.name, "first token"), _first_prior(model.pace.start))


@lru_cache(maxsize=64)
def _first_prior(start: float) -> PacePolicy:
    """What is believed of the time to a first token that is declared to take so many seconds."""
    start = PacePolicy.declared(start, 0.0).start
    return PacePolicy(start=start, per_token=start / 100, tokens=1.0, sigma_unknown=_FIRST_SIGMA)


def answer_forecast(history: History, model: Model) -> Forecast:
    """What the model's final answer takes: as its answers took so far, else so many tokens at its pace."""
    if embedded(model):
        return of(history, model).forecast()
    answers = answers_of(history, model)
    return answers.forecast() if answers.n >= _SEEN else of(history, model).forecast(ANSWER_TOKENS)


def plan(history: History, model: Model, policy: Reserve, latency: float | None) -> tuple[ReserveSituation, Plan]:
    """How a run of so many seconds is to end, and what that was decided on."""
    answers = answers_of(history, model)
    situation = ReserveSituation(
        latency=latency,
        answer_q95=answer_forecast(history, model).quantile(0.95),
        usual=of(history, model).forecast().median,
        withheld=answers.withheld,
    )
    decided = policy.plan(situation)
    answers.withheld = answers.withheld + 1 if decided.answer == "composed" else 0
    return situation, decided


def final_answer(run: Run, remaining: float) -> AnswerSituation:
    """What is known when the final answer is due and so many seconds are left to write it."""
    forecast = answer_forecast(run.memory.history, run.model)
    return AnswerSituation(
        planned=run.plan.answer,
        remaining=remaining,
        expected=forecast.median,
        q95=forecast.quantile(0.95),
        failed=run.handed_over is not None,
        probe=run.plan.probe,
    )


def answered(run: Run) -> None:
    """An answer that was asked for whatever answers took before came in time, so the next run asks for one as well."""
    answers_of(run.memory.history, run.model).withheld = run.policy.reserve.probe


def next_turn(run: Run) -> Forecast:
    """What another turn takes: a call of the model, then a tool as those it has used in this run; by convolution.

    Where no time is left, or there is no deadline, nothing depends on the tool, and it is left out.
    """
    model = of(run.memory.history, run.model).forecast()
    if run.last.never or run.last.expired(run.now()):
        return model
    return roughly([model, _typical_tool(run)])


def next_turn_seconds(run: Run, remaining: float) -> float:
    """Seconds another turn takes in half of the cases, or a bound of them where that fits into `remaining` anyway.

    Half of the sums of two times are at most the sum of their third quartiles, as at most a quarter of each exceeds its
    own; that takes no convolution.
    """
    if run.policy.stopping.value_usd is None and not run.last.expired(run.now()):
        used = {item.tool for item in run.evidence if item.attempts}
        tools = [forecast for name in used if (forecast := _tool(run, name)) is not None]
        model = of(run.memory.history, run.model).forecast()
        bound = model.quantile(0.75) + max((each.quantile(0.75) for each in tools), default=0.0)
        if bound <= remaining:
            return bound
    return next_turn(run).median


def _typical_tool(run: Run) -> Forecast:
    """One of the run's calls so far, each as probable."""
    used = Counter(item.tool for item in run.evidence if item.attempts)
    known = [(_tool(run, name), times) for name, times in used.items()]
    return mixture([(forecast, float(times)) for forecast, times in known if forecast is not None])


def _tool(run: Run, name: str) -> Forecast | None:
    tool = run.toolbox.get(name)
    return None if tool is None else run.memory.history.forecast(tool)


def first_turn(run: Run) -> BeginSituation:
    """What is known before the run's first model call."""
    model, remaining = of(run.memory.history, run.model), run.last.remaining(run.now())
    forecast = model.forecast()
    return BeginSituation(
        remaining=remaining,
        expected=forecast.median,
        chance=forecast.probability(remaining),
        seen=model.n,
        draw=_draw(run),
        embedded=can_take_over(run),
    )


def _draw(run: Run) -> float:
    """A number from 0 to 1 that is the run's own, and the same whenever it is asked for."""
    return int(run.trace.trace_id[:8], 16) / 2**32


def can_take_over(run: Run) -> bool:
    """Whether the embedded model could do something better than to compose what there is: it has tools, and nothing was
    found yet."""
    return len(run.toolbox) > 0 and not embedded(run.model) and not any(e.usable for e in run.evidence)


def finds_calls(run: Run) -> bool:
    """Whether the embedded model finds a call to make for the question. It takes some milliseconds, so it is asked only
    where the model would be given up for it, and once."""
    if run.calls.found is None:
        run.calls.found = Rules().finds(ModelRequest(query=run.query, messages=(), tools=run.specs))
    return run.calls.found


def switch_at(run: Run, started: float) -> float:
    """Seconds after `started` at which the embedded model has to take over if it is to bring something in time;
    infinite where it could not.

    A run that probes waits for its model as long as it can: a model that is always cut would always seem too slow.
    """
    if run.last.never or not can_take_over(run) or _draw(run) < run.policy.interruption.probe:
        return math.inf
    tools = [(run.memory.history.forecast(tool) or _UNKNOWN, 1.0) for tool in run.toolbox]
    takes = mixture(tools).quantile(_EMBEDDED_Q)
    at = run.last.less(takes).at - started
    return at if at > 0 else math.inf


def overdue_at(run: Run) -> float:
    """Seconds after which a first token is overdue; infinite where too little is known and nobody else could be
    asked."""
    if embedded(run.model):
        return math.inf
    policy = run.policy.interruption
    first = first_tokens_of(run.memory.history, run.model)
    slack = 1 + run.policy.attempts.slack
    known = first.n >= policy.learn_from
    if not known and run.ladder.other(run.model) is None:
        return math.inf
    # Where another model stands by, what its author declares is enough to go by; that it tells of the far tail is not.
    return max(policy.patience, slack * first.forecast().quantile(policy.overdue if known else _DECLARED_Q))


def learn(
    run: Run,
    model: Model,
    seconds: float,
    tokens: int,
    *,
    first: float | None,
    kind: Literal["answer", "calls", "nothing"],
    censored: bool,
) -> None:
    """Learn from a model call that finished, or that was cut (`censored`); one that failed is no sample.

    Args:
        run: the run it belongs to.
        model: who was called.
        seconds: how long it took.
        tokens: output tokens, as reported or estimated.
        first: seconds until something came; `None` where nothing did.
        kind: what it wrote.
        censored: whether it was cut.
    """
    history = run.memory.history
    of(history, model).observe(seconds, tokens, censored)
    if embedded(model):
        return
    if kind == "answer":
        answers_of(history, model).observe(seconds, tokens, censored)
    if first is not None:
        first_tokens_of(history, model).observe(first)
    elif censored:
        first_tokens_of(history, model).observe(seconds, censored=True)
