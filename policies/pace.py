"""How long a model call takes: a start, a time for every token, and what those do not explain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Final

from .errors import InvalidPolicy, UsageError
from .forecast import DEFAULT, Forecast, ForecastPolicy, Prior
from .latency import LatencyState, merge
from .shapes import Scaled
from .sums import from_atoms

_STRATA: Final = 24
_NOISE: Final = tuple(NormalDist().inv_cdf((i + 0.5) / 8) for i in range(8))

FLOOR: Final = 1e-6
"""Seconds to start, and a token, under which none are told apart; a declared 0 is taken as so many."""

_NOTICED: Final = 0.01
"""Seconds from which a call of a model that was declared to take none counts against the declaration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacePolicy:
    """What is believed of a model before its first call, from 98,592 public tool-calling model calls.

    Attributes:
        start: seconds to the first token. Default 0.58.
        per_token: seconds an output token. Default 0.0185.
        doubt: relative standard deviation of both. Default 0.5.
        sigma: log deviation that is left when the tokens are known. Default 0.23.
        sigma_unknown: log deviation where they are not. Default 0.55.
        tokens: median output tokens. Default 129, of chat traffic (Azure LLM inference trace 2023).
        sigma_tokens: their log deviation. Default 0.66, from the p99 of 601 there.
        memory: calls after which what was learnt of the pace weighs 1/e. Default 100.
        own_pace: tokens of a stream at which its own pace weighs as much as the model's. Default 32.
    """

    start: float = 0.58
    per_token: float = 0.0185
    doubt: float = 0.5
    sigma: float = 0.23
    sigma_unknown: float = 0.55
    tokens: float = 129.0
    sigma_tokens: float = 0.66
    memory: float = 100.0
    own_pace: float = 32.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidPolicy(f"pace.{name} must be a finite number above 0, got {getattr(self, name)!r}")

    @classmethod
    def declared(cls, start: float, per_token: float) -> PacePolicy:
        """What is believed of a model whose author declares its pace; 0, of an embedded or a scripted one, is none."""
        return cls(start=max(start, FLOOR), per_token=max(per_token, FLOOR))

    @property
    def instant(self) -> bool:
        """Whether no time at all is declared."""
        return self.start <= FLOOR and self.per_token <= FLOOR

    def taking(self, seconds: float, tokens: int | None) -> PacePolicy:
        """What one call makes believe that took so long: the published pace scaled to it."""
        usual = self.tokens if tokens is None else float(max(tokens, 1))
        factor = seconds / (PUBLISHED.start + PUBLISHED.per_token * usual)
        return replace(self, start=PUBLISHED.start * factor, per_token=PUBLISHED.per_token * factor, tokens=usual)


PUBLISHED: Final = PacePolicy()
"""The pace of public model calls."""


class ModelLatency:
    """Learns how long one model takes from its calls, in their order; write under one lock.

    Args:
        pace: what is believed before the first call.
        policy: of the three forecasts within: of calls whole, of calls against their tokens, of tokens.
    """

    __slots__ = ("_believed", "_moments", "lengths", "pace", "policy", "ratios", "totals")

    def __init__(self, pace: PacePolicy = PUBLISHED, policy: ForecastPolicy = DEFAULT) -> None:
        self.pace = pace
        self.policy = policy
        self._begin(pace)

    def _begin(self, believed: PacePolicy) -> None:
        """Know nothing but this."""
        self._believed = believed
        whole = Prior(p50=believed.start + believed.per_token * believed.tokens, sigma=believed.sigma_unknown)
        self.totals = LatencyState(whole, self.policy)
        self.ratios = LatencyState(Prior(p50=1.0, sigma=believed.sigma), self.policy)
        self.lengths = LatencyState(Prior(p50=believed.tokens, sigma=believed.sigma_tokens), self.policy)
        self._moments = [0.0] * 5

    @property
    def fit(self) -> tuple[float, float]:
        """Seconds to start and seconds a token: least squares of relative errors, shrunk to the policy's pace."""
        pace = self._believed
        aa, ab, bb, a, b = self._moments
        trust_a, trust_b = 1 / (pace.doubt * pace.start) ** 2, 1 / (pace.doubt * pace.per_token) ** 2
        aa, bb = aa + trust_a, bb + trust_b
        a, b = a + trust_a * pace.start, b + trust_b * pace.per_token
        scale = aa * bb - ab * ab
        return max(FLOOR, (bb * a - ab * b) / scale), max(FLOOR, (aa * b - ab * a) / scale)

    def observe(self, seconds: float, tokens: int | None = None, censored: bool = False) -> None:
        """Learn from one call that wrote so many output tokens; a cut one is `censored`.

        The first noticeable call of a model that was declared to take no time stands in for the declaration.
        """
        if self._believed.instant and _NOTICED < seconds < math.inf and self.totals.count < self.policy.conformal_from:
            self._begin(self.pace.taking(seconds, tokens))
        self.totals.observe(seconds, censored)
        if tokens is None:
            return
        if tokens < 0:
            raise UsageError(f"tokens must be 0 or more, got {tokens!r}")
        self.lengths.observe(float(max(tokens, 1)), censored)
        expected = self._expected(tokens)
        # A stream cut after so many tokens ended on its pace: only the call and its length are censored.
        self.ratios.observe(seconds / expected, censored and tokens == 0)
        if not censored:
            self._learn(seconds, tokens, expected)

    def _learn(self, seconds: float, tokens: int, expected: float) -> None:
        """One step of the regression, in which a hang pulls no further than three deviations: of the noise, and of
        what is not yet known of the pace (all of it again after a change of regime)."""
        pace = self._believed
        far = math.exp(3 * math.hypot(pace.sigma, pace.doubt / math.sqrt(self.ratios.count)))
        taken = min(max(seconds, expected / far), expected * far)
        weight = 1 / (pace.sigma * (pace.start + pace.per_token * tokens)) ** 2
        kept = math.exp(-1 / pace.memory)
        step = (1.0, tokens, tokens * tokens, taken, taken * tokens)
        self._moments = [kept * old + weight * new for old, new in zip(self._moments, step, strict=True)]

    def _expected(self, tokens: float) -> float:
        start, per_token = self.fit
        return start + per_token * tokens

    def forecast(self, tokens: int | None = None) -> Forecast:
        """What a call takes that writes so many tokens; `None` is as many as calls usually write."""
        if tokens is None:
            return self.totals.forecast()
        known = self.ratios.forecast()
        return Forecast(Scaled(known.shape, math.log(self._expected(tokens))), known.n)

    def tokens_within(self, seconds: float, q: float = 0.95) -> int:
        """The most output tokens a call writes within so many seconds with probability `q`; 0 where it writes none."""
        start, per_token = self.fit
        left = seconds / self.ratios.forecast().quantile(q) - start
        return max(0, int(min(left / per_token, 1e9)))

    def remaining(self, tokens: int, elapsed: float, limit: int | None = None) -> Forecast:
        """Seconds a stream still takes that has written so many tokens in so many seconds.

        Args:
            tokens: output tokens so far; 0 while the first one is awaited.
            elapsed: seconds since the call began.
            limit: tokens at which it ends (`max_tokens`); `None` where there is none.
        """
        if tokens <= 0:
            whole = self.totals.forecast() if limit is None else self._at_most(limit)
            rest = whole.conditional(elapsed)
            return from_atoms(
                [(rest.quantile((i + 0.5) / _STRATA) - elapsed, 1 / _STRATA) for i in range(_STRATA)], rest.n
            )
        own, sigma = self._own_pace(tokens, elapsed), self.pace.sigma
        noise = [own * math.exp(sigma * z) for z in _NOISE]
        share = 1 / (_STRATA * len(noise))
        lefts = self._tokens_left(tokens, limit)
        return from_atoms(sorted((left * pace, share) for left in lefts for pace in noise), self.lengths.count)

    def _at_most(self, limit: int) -> Forecast:
        """The forecast of a call that ends at `limit` tokens, if not earlier."""
        whole, capped = self.totals.forecast(), self.forecast(limit)
        return capped if capped.median < whole.median else whole

    def _own_pace(self, tokens: int, elapsed: float) -> float:
        """Seconds a token of this stream, shrunk to the model's."""
        start, per_token = self.fit
        own = max(elapsed - start, 0.1 * per_token * tokens)
        return (self.pace.own_pace * per_token + own) / (self.pace.own_pace + tokens)

    def _tokens_left(self, tokens: int, limit: int | None) -> list[float]:
        """Tokens that are still to come, as even parts of their distribution."""
        rest = self.lengths.forecast().conditional(float(tokens))
        most = math.inf if limit is None else float(limit)
        return [max(0.0, min(rest.quantile((i + 0.5) / _STRATA), most) - tokens) for i in range(_STRATA)]

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of what was learnt."""
        parts = {name: getattr(self, name).to_dict() for name in ("totals", "ratios", "lengths")}
        believed = [self._believed.start, self._believed.per_token, self._believed.tokens]
        return {"moments": list(self._moments), "believed": believed, **parts}

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], pace: PacePolicy = PUBLISHED, policy: ForecastPolicy = DEFAULT
    ) -> ModelLatency:
        """The state that `to_dict` wrote; a damaged one raises `UsageError`."""
        state = cls(pace, policy)
        try:
            if pace.instant and "believed" in data:
                start, per_token, tokens = (float(figure) for figure in data["believed"])
                state._begin(replace(pace, start=start, per_token=per_token, tokens=tokens))
            for name in ("totals", "ratios", "lengths"):
                prior = getattr(state, name).prior
                setattr(state, name, LatencyState.from_dict(data[name], prior, policy))
            aa, ab, bb, a, b = (float(moment) for moment in data["moments"])
        except (KeyError, TypeError, ValueError, AttributeError, InvalidPolicy) as error:
            raise UsageError(f"the stored pace cannot be read ({error!r}); delete it") from error
        state._moments = [aa, ab, bb, a, b]
        return state

    def merged(self, other: ModelLatency) -> ModelLatency:
        """What both learnt from different calls, with the settings of this one."""
        state = ModelLatency(self.pace, self.policy)
        state._begin(other._believed if self._believed.instant else self._believed)
        for name in ("totals", "ratios", "lengths"):
            setattr(state, name, merge(getattr(self, name), getattr(other, name)))
        state._moments = [x + y for x, y in zip(self._moments, other._moments, strict=True)]
        return state
