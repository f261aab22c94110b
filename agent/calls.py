"""The calls of one run: how they are named, which were begun before their turn was complete, and what each gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .early import EarlyStarts, Started
from .models.base import Message


@dataclass(slots=True, kw_only=True, eq=False)
class Calls:
    """What is known of a run's calls beside their evidence. Used by the run's loop, but for `used`.

    Attributes:
        ids: the ids of every call so far; each is unique in the run, whatever its model calls it.
        begun: calls and plans of this turn that were started while the model still wrote, by id.
        early: the account of what was started so.
        gave: the ids of what each call of a turn gave: of a plan by the ids of its steps, else under the empty one.
        listed: the ids of what only the request for the final answer showed to the model.
        withheld: tools that were not offered because they are out of order.
        found: whether the embedded model finds a call to make; `None` until somebody asks.
    """

    ids: set[str] = field(default_factory=set)
    begun: dict[str, Started] = field(default_factory=dict)
    early: EarlyStarts = field(default_factory=EarlyStarts)
    gave: dict[str, dict[str, str]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    found: bool | None = None

    def recall(self, messages: Iterable[Message]) -> None:
        """Take the ids that a conversation has used: none of them is given again."""
        for message in messages:
            self.ids.update(call.get("key", call["id"]) for call in message.get("calls", ()))

    def given(self, key: str) -> Mapping[str, str]:
        """The ids of what a call gave; of one that is not known here, which an earlier run made, its own."""
        return self.gave.get(key, {"": key})

    def stop(self) -> None:
        """What was begun of this turn and was not taken over begins nothing further."""
        for begun in self.begun.values():
            begun.stop()
        self.begun.clear()

    def strand(self) -> None:
        """The turn came to nothing: its plans begin no further step, and what was begun is there for who asks the
        same."""
        self.stop()
        self.early.strand(self._taken())

    def used(self) -> set[str]:
        """The ids of all that a turn asked for or the model was shown. From any thread."""
        return self._taken() | self.listed

    def _taken(self) -> set[str]:
        # A copy: where the loop is blocked this is another thread.
        return {each for gave in list(self.gave.values()) for each in gave.values()}
