"""What outlives a run: how long tools take, how they fare, what they returned, and how answers fared. One for each
agent."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field

from ..policies.outcome import Failed, Ok
from ..policies.settings import Policy
from ..policies.standing import Standing
from .cache import Cache
from .gates import Gates
from .history import History
from .landing import Landed, is_small
from .promise import Promise
from .threads import POOL


def kept(landed: Landed) -> bool:
    """Whether a result may be given to later calls: it is one, and no check failed."""
    return isinstance(landed.outcome, Ok) and landed.verdict.outcome != "fail"


def _shared(landed: Landed) -> bool:
    """Whether a result is what the tool itself said, and not what one run did to its attempt."""
    return isinstance(landed.outcome, (Ok, Failed)) and not landed.poor


def copied(landed: Landed) -> Landed | Promise[Landed]:
    """The same with a value of its own, so that whoever changes it changes nobody else's.

    A value that is large, or not of Python's own kinds, is copied in a thread. What cannot be copied stays as it is.
    """
    if not isinstance(landed.outcome, Ok):
        return landed
    return _copy(landed) if is_small(landed.outcome.value) else POOL.run(functools.partial(_copy, landed))


def _copy(landed: Landed) -> Landed:
    if not isinstance(landed.outcome, Ok):
        return landed
    try:
        return landed._replace(outcome=Ok(copy.deepcopy(landed.outcome.value)))
    except BaseException:  # copying runs code of the value's classes, which may raise anything
        return landed


@dataclass(frozen=True, slots=True)
class Memory:
    """Shared by the runs of an agent; safe to use from several threads.

    Attributes:
        history: how long the tools and the model have taken.
        gates: the breaker, the bucket, the places and the hedges of each tool.
        cache: results of tools that are kept, and calls under way that are shared.
        standing: how the answers fared, by the kind of query.
    """

    history: History = field(default_factory=History)
    gates: Gates = field(default_factory=Gates)
    cache: Cache[Landed] = field(default_factory=lambda: Cache(kept, _shared))
    standing: Standing = field(default_factory=Standing)

    @classmethod
    def under(cls, policy: Policy) -> Memory:
        """An empty memory that learns as the policy says."""
        gates = Gates(policy.breaker, policy.bucket, policy.concurrency)
        return cls(history=History(policy.forecast), gates=gates)
