"""What a system is to the world: something that answers the query on the stage by a deadline.

The seam for peers: a class with `name` and `answer`, built on a `Stage`, listed in `register.py`. It takes its tools
from `stage.scene.call`, checks their results with `sound`, asks `stage.scene.mind` as its model and `stage.scene.audit`
to confirm an answer. A peer behind another library's interface turns `Mind.respond` into that library's model.
"""

from __future__ import annotations

from typing import Protocol

from ..stage import Reply, Stage


class System(Protocol):
    """One way to answer queries; it lives through all queries of a row, so that it may learn."""

    name: str

    async def answer(self, stage: Stage, deadline: float) -> Reply:
        """Answer the query on the stage, for a caller who waits `deadline` seconds."""
        ...
