"""What of a claim says which place of a source is meant: words, names, and values beside the one that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .spans import Fact

Kind = Literal["word", "name", "fact"]
"""What stands at a place."""

Key = tuple[Kind, tuple[str, ...], str, Fact | None, str]
"""What tells one anchor from another, wherever it stands and whatever it weighs."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What of a claim says which slot is meant: a word, a name, or a value beside the one that is looked at."""

    kind: Kind
    start: int
    end: int
    senses: tuple[str, ...] = ()
    fact: Fact | None = None
    weight: float = 1.0
    text: str = ""
    role: str = ""

    def weighing(self, weight: float) -> Anchor:
        """The same anchor with another weight."""
        return Anchor(self.kind, self.start, self.end, self.senses, self.fact, weight, self.text, self.role)

    @property
    def key(self) -> Key:
        """What a record is asked of it."""
        return self.kind, self.senses, self.role, self.fact, self.text
