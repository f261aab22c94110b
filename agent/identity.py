"""What calls are called: a model's ids may repeat, turn by turn or in one turn; those of a run do not."""

from __future__ import annotations


class TurnIds:
    """The ids of one turn's calls: the model's own, which go back to it, and those in the run."""

    def __init__(self) -> None:
        self._own: dict[str, str] = {}
        self._begun: dict[str, str] = {}

    def begun(self, own: str, taken: set[str]) -> str:
        """The id in the run of a call that is still being written; it is added to those that are `taken`."""
        if own not in self._begun:
            self._begun[own] = _free(own, taken)
            taken.add(self._begun[own])
        return self._begun[own]

    def ready(self, own: str, taken: set[str]) -> str:
        """The id in the run of a call that is complete; the next call of the same name is another one."""
        identity = self.begun(own, taken)
        del self._begun[own]
        self._own[identity] = _free(own, set(self._own.values()))
        return identity

    def own(self, identity: str) -> str:
        """What the model is told a complete call was called: its own word, unless that says two calls of the turn."""
        return self._own[identity]


def _free(own: str, taken: set[str]) -> str:
    """The id itself, or with the first number that makes it new; endpoints take letters, digits, `_` and `-`."""
    identity, number = own, 1
    while identity in taken:
        number += 1
        identity = f"{own}-{number}"
    return identity
