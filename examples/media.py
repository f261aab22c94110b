"""Files in a question, and in what tools return. Run it: python examples/media.py"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image as Picture

from shotclock import Agent, Budget, Document, Image, tool
from shotclock.agent.models.base import ModelRequest
from shotclock.testing import ScriptedModel, ask

NOTE = b"Minutes of May 12\n\nThe budget of the garden project is 1,200 euros.\n\nNext meeting: June 3.\n"


def drawn(width: int, height: int) -> bytes:
    """A picture as PNG."""
    out = io.BytesIO()
    Picture.new("RGB", (width, height), "green").save(out, "PNG")
    return out.getvalue()


class Seeing(ScriptedModel):
    """A script in the place of a model that takes images, so that this runs offline: it says what it was handed."""

    modalities = frozenset({"image", "document"})


def handed(request: ModelRequest) -> str:
    """What a request carries beside its texts."""
    pieces = [piece for each in request.media.values() for piece in each]
    return "I was handed " + ", ".join(f"{p.name} ({p.width} x {p.height}, {p.tokens} tokens)" for p in pieces)


@tool(read_only=True)
def camera(place: str) -> Image:
    """A picture of a place, as it is now."""
    return Image(data=drawn(64, 48), name=f"{place}.png")


def show(what: str, query: Sequence[Any], agent: Agent) -> None:
    """Run a query, and print the answer with its warnings."""
    result = agent.run_sync(query if len(query) > 1 else query[0], budget=Budget(latency=10))
    print(f"{what}: {result.answer} (verified: {result.verified})")
    for warning in result.warnings:
        print(f"  {warning}")


if __name__ == "__main__":
    show(
        "a document",
        ["What is the budget of the garden project?", Document(data=NOTE, name="minutes.txt")],
        Agent("rules"),
    )
    show("a large image", ["What is it?", Image(data=drawn(3000, 2000), name="garden.png")], Agent(Seeing([handed])))
    show("a damaged one", ["What is it?", Image(data=drawn(9, 9)[:40], name="cut.png")], Agent(Seeing([handed])))
    show("from a tool", ["How is the garden?"], Agent(Seeing([ask(("camera", {"place": "garden"})), handed]), [camera]))
