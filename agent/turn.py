"""What one model call gave."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ..policies.errors import ModelError
from ..policies.interruption import Cut
from ..policies.ledger import Refusal
from ..policies.markup import Disarming
from ..tools.call import Call
from .identity import TurnIds
from .models.base import Finish, Usage

CHARACTERS_PER_TOKEN: Final = 4
"""Characters of English a token is reckoned at where the endpoint does not count."""

SPOKEN: Final = 80
"""Characters that a second of sound counts as: 20 tokens (platform.openai.com/docs/guides/realtime-costs)."""


@dataclass(slots=True)
class Turn:
    """What one model call gave, as far as it got.

    Attributes:
        written: how many characters it wrote.
        sound: how many seconds of sound it gave.
        unsaid: what was shown of its text since the last piece of sound.
        heard: characters of calls' arguments that came in pieces; a sign of life, and no text.
        first: seconds until its first event; `None` where none came.
        limited: the limit its tokens were bounded by, where it had not finished when they were used up.
        stopped: why it was cut before its time was up, and what comes then.
        draft: the number of its text among what is shown of the run; `None` where nothing of it was.
        disarming: takes out of what is shown meanwhile what a screen would fetch.
        calls: the calls whose arguments were complete.
        ids: what the run calls them.
        finish: why it ended on its own; `None` where it was cut.
        usage: what the endpoint reported.
        error: what went wrong, where something did.
        refusal: the limit that did not allow the call at all.
        cut: whether its time was up first.
        by: the name of the model that gave it.
        took: seconds it took.
    """

    calls: list[Call] = field(default_factory=list)
    ids: TurnIds = field(default_factory=TurnIds)
    finish: Finish | None = None
    usage: Usage = field(default_factory=Usage)
    error: ModelError | None = None
    refusal: Refusal | None = None
    cut: bool = False
    written: int = 0
    sound: float = 0.0
    unsaid: str = ""
    heard: int = 0
    first: float | None = None
    limited: str | None = None
    stopped: Cut | None = None
    by: str = ""
    took: float = 0.0
    draft: int | None = None
    disarming: Disarming = field(default_factory=Disarming)
    _parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it wrote."""
        return "".join(self._parts)

    @property
    def tokens(self) -> int:
        """Output tokens: as reported, else estimated."""
        if self.usage.output_tokens is not None:
            return self.usage.output_tokens
        return estimated_tokens(self.written + int(SPOKEN * self.sound), self.calls)

    @property
    def came(self) -> int:
        """Characters of all that has come so far, calls in pieces and sound included."""
        return self.written + self.heard + int(SPOKEN * self.sound)

    @property
    def kind(self) -> Literal["answer", "calls", "nothing"]:
        """What it wrote."""
        return "calls" if self.calls else "answer" if self.written else "nothing"

    def write(self, text: str) -> None:
        """Add a piece of text."""
        self._parts.append(text)
        self.written += len(text)


def estimated_tokens(written: int, calls: Sequence[Call] = ()) -> int:
    """Output tokens reckoned from characters, where the endpoint does not count."""
    characters = written + sum(len(call.tool) + len(json.dumps(dict(call.arguments))) for call in calls)
    return math.ceil(characters / CHARACTERS_PER_TOKEN)
