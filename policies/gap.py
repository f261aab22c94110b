"""What is left of an answer without the sentences that its evidence does not bear out: an honest gap."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .grounded import Grounding
from .sentences import Stretch, split

_LEANS = re.compile(
    r"\W{0,3}(?:it|its|they|their|them|this|that|these|those|he|his|she|her|such|so|therefore|thus|hence|also|both|"
    r"otherwise|instead|then|the (?:former|latter|same))\b",
    re.IGNORECASE,
)
"""How a sentence begins that leans on the one before it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An answer without some of its sentences.

    Attributes:
        text: what is left.
        left_out: the sentences that are not, as they stood.
    """

    text: str
    left_out: tuple[str, ...]

    @property
    def note(self) -> str:
        """What the reader is told of it."""
        number = len(self.left_out)
        what = "One sentence was" if number == 1 else f"{number} sentences were"
        return f"({what} left out: the evidence does not bear {'it' if number == 1 else 'them'} out.)"


def without_unborne(answer: str, found: Grounding) -> Gap | None:
    """The answer without the sentences that its check refuses, and without those that lean on one of them.

    Args:
        answer: the answer.
        found: what its check found.

    Returns:
        What is left; `None` where nothing is refused, nothing would be left, or it says that something was done which
        nothing shows: who asked for that must be told.
    """
    if any(sentence.problem == "claim" for sentence in found.sentences):
        return None
    wrong = [fact.span for fact in found.facts if fact.source is None]
    wrong += [sentence.span for sentence in found.sentences if sentence.problem != "weak"]
    kept: list[Stretch] = []
    left_out: list[Stretch] = []
    after = False
    for stretch in split(answer):
        after = _meets(stretch, wrong) or (after and _LEANS.match(stretch.text) is not None)
        (left_out if after else kept).append(stretch)
    if not left_out or not kept:
        return None
    return Gap(_joined(answer, kept), tuple(stretch.text.strip() for stretch in left_out))


def _meets(stretch: Stretch, spans: list[tuple[int, int]]) -> bool:
    return any(start < stretch.end and stretch.start < end for start, end in spans)


def _joined(answer: str, kept: list[Stretch]) -> str:
    """What is kept, with the blanks that stood before each: lines stay lines."""
    parts = []
    for stretch in kept:
        before = answer[: stretch.start]
        parts += [before[len(before.rstrip()) :] or " ", stretch.text]
    return "".join(parts).strip()
