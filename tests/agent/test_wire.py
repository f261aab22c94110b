"""Files in requests: written where they belong, whole, and without holding up the loop."""

from __future__ import annotations

import asyncio
import base64
import json
import time

from shotclock.agent.models.base import MediaPiece, Message, ModelRequest
from shotclock.agent.models.wire import Marks, messages_of

SMALL = MediaPiece(kind="image", media_type="image/png", data=b"\x89PNG", name="a.png")
LARGE = MediaPiece(kind="document", media_type="application/pdf", data=bytes(range(256)) * 60_000, name="b.pdf")
PARTS = [{"key": "1", "kind": "image", "name": "a.png"}, {"key": "2", "kind": "document", "name": "b.pdf"}]
QUESTION = Message(role="user", content="What?", parts=PARTS)
REQUEST = ModelRequest(query="What?", messages=(QUESTION,), media={"1": (SMALL,), "2": (LARGE,)})


async def test_what_is_spliced_is_what_is_written_in_full():
    """A request with marks, spliced, is the request written in one go; and no slice of it takes long."""
    marks, longest = Marks(), 0.0
    marked = json.dumps(messages_of(REQUEST, marks.mark)).encode()
    assert len(marked) < 1_000

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    ticking = asyncio.create_task(tick())
    spliced = marks.spliced(marked)
    whole = b"".join([part async for part in spliced])
    ticking.cancel()
    assert len(whole) == spliced.size
    assert json.loads(whole) == messages_of(REQUEST)
    assert longest < 0.05


def test_files_of_results_stand_behind_the_turn():
    """A `tool` message is text alone; the files of a turn's results come behind its last one."""
    turn = [Message(role="tool", content="[image a.png]", call_id=str(n), tool="look", parts=PARTS[:1]) for n in (1, 2)]
    written = messages_of(ModelRequest(query="?", messages=(*turn, Message(role="user", content="Go on.")),
                                       media=REQUEST.media))  # fmt: skip
    assert [each["role"] for each in written] == ["tool", "tool", "user", "user"]
    assert [part["type"] for part in written[2]["content"]] == ["text", "text", "image_url"] * 2
    assert base64.b64encode(SMALL.data).decode() in written[2]["content"][2]["image_url"]["url"]
