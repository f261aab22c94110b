"""What outlives a run: how long tools take, how they fare, what they returned, and how answers fared. One for each
agent."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..policies.outcome import Failed, Ok
from ..policies.settings import Policy
from ..policies.standing import Standing
from .cache import Cache
from .gate import Gates
from .history import History
from .landing import Landed


def kept(landed: Landed) -> bool:
    """Whether a result may be given to later calls: it is one, and no check failed."""
    return isinstance(landed.outcome, Ok) and landed.verdict.outcome != "fail"


def _shared(landed: Landed) -> bool:
    """Whether a result is what the tool itself said, and not what one run did to its attempt."""
    return isinstance(landed.outcome, (Ok, Failed))


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
