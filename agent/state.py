"""What the graph hands from node to node."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from .models.base import Message


class State(TypedDict):
    """What a resumed run needs, as plain JSON values; the same with and without a checkpointer.

    Keys:
        messages: the conversation; a thread's earlier questions come before this one's.
        evidence: what calls gave, as `Evidence.to_dict` writes it.
        turn: rounds of reason → act → verify so far.
    """

    messages: Annotated[list[Message], operator.add]
    evidence: Annotated[list[dict[str, Any]], operator.add]
    turn: int
