"""How far a tool is: said from any kind of tool, seldom enough to be no burden, and heard only while its call runs."""

from __future__ import annotations

import asyncio
import math
import time

import pytest

from shotclock import (
    Agent,
    Audio,
    AudioChunk,
    Budget,
    CallFinished,
    CallProgress,
    Image,
    MediaReady,
    UsageError,
    progress,
    send_audio,
    tool,
)
from shotclock.testing import ScriptedModel, VirtualClock, ask


def told(work, *, budget=None, virtual=False):
    """What a stream tells of a call of this tool, as fraction and message; and where that stood among the events."""
    agent = Agent(ScriptedModel([ask((work.name, {})), "Done."]), [work])

    async def consume():
        return [event async for event in agent.stream("?", budget=budget or Budget(latency=20))]

    events = VirtualClock().run(consume()) if virtual else asyncio.run(consume())
    said = [event for event in events if isinstance(event, CallProgress)]
    (finished,) = [event for event in events if isinstance(event, CallFinished)]
    assert all(event.call == finished.evidence.id and event.tool == work.name for event in said)
    assert all(events.index(event) < events.index(finished) for event in said)
    return [(event.fraction, event.message) for event in said], finished.evidence


@tool(read_only=True, isolation="thread")
def threaded() -> str:
    """Work in a thread."""
    progress(0.5, "half")
    time.sleep(0.1)
    progress(1, "whole")
    return "done"


@tool(read_only=True, isolation="process")
def apart() -> str:
    """Work in a process."""
    progress(0.5, "half")
    time.sleep(0.1)
    progress(1, "whole")
    return "done"


@tool(read_only=True)
async def looped() -> str:
    """Work in the loop."""
    progress(0.5, "half")
    await asyncio.sleep(0.1)
    progress(1, "whole")
    return "done"


@pytest.mark.parametrize("work", [looped, threaded, apart], ids=lambda work: work.name)
def test_any_kind_of_tool_says_how_far_it_is(work):
    """In the loop, in a thread and in a worker process a report arrives while the call runs."""
    said, evidence = told(work)
    assert evidence.outcome.name == "ok", evidence.content
    assert said == [(0.5, "half"), (1.0, "whole")]


def test_what_is_said_too_often_is_left_out_and_the_end_is_not():
    """One report in 50 ms is passed on, and that of the whole always, once."""

    @tool(read_only=True)
    async def chatters() -> str:
        """Say a lot."""
        for n in range(1_000):
            progress(n / 1_000)
            await asyncio.sleep(0.001)
        for _ in range(5):
            progress(1.0)
        return "done"

    said, _ = told(chatters, virtual=True)
    assert 15 <= len(said) <= 21
    assert [fraction for fraction, _ in said].count(1.0) == 1


@tool(read_only=True, isolation="process")
def counts() -> str:
    """Say a lot, out of a process."""
    for n in range(20_000):
        progress(n / 20_000)
    progress(1.0)
    return "done"


def test_a_process_that_says_a_lot_is_not_held_up_by_it():
    """Only what is passed on crosses from a worker process: 20,000 reports take no time to speak of."""
    said, evidence = told(counts)
    assert evidence.outcome.name == "ok", evidence.content
    assert len(said) <= 2 + evidence.duration / 0.05
    assert said[-1] == (1.0, "")


def test_a_share_is_held_between_nothing_and_the_whole():
    """Rounding must not cost a call; what nobody knows stays unknown; long words are cut."""

    @tool(read_only=True)
    async def rounds() -> str:
        """Round."""
        for fraction in (1.0000001, -0.1, None):
            progress(fraction, "x" * 600)
            await asyncio.sleep(1)
        return "done"

    said, _ = told(rounds, virtual=True)
    assert said == [(1.0, "x" * 500), (0.0, "x" * 500), (None, "x" * 500)]


@pytest.mark.parametrize("fraction", [math.nan, "half", True])
def test_what_is_no_share_is_refused(fraction):
    """A mistake of the tool's author is said, listened to or not."""
    with pytest.raises(UsageError, match="fraction must be a number from 0 to 1"):
        progress(fraction)
    with pytest.raises(UsageError, match="message must be a text"):
        progress(0.5, None)


def test_outside_a_run_it_does_nothing():
    """A tool may be called by hand."""
    assert progress(0.5, "half") is None


async def test_where_nobody_listens_nothing_is_made_of_it():
    """In a run that is not streamed a report goes nowhere, and the attempt has nobody to tell."""
    from shotclock.tools.scope import ENCLOSING

    seen = []

    @tool(read_only=True)
    async def looks() -> str:
        """Look."""
        seen.append(ENCLOSING.get().report)
        progress(0.5)
        return "done"

    await Agent(ScriptedModel([ask(("looks", {})), "Done."]), [looks]).run("?")
    assert seen == [None]


# Media


@tool(read_only=True)
async def speaks() -> Audio:
    """Speak."""
    for n in range(3):
        progress(n / 3)
        send_audio(bytes([n]) * 4, n * 0.5, n * 0.5 + 0.5, media_type="audio/mpeg")
        await asyncio.sleep(0.5)
    return Audio(data=b"whole", name="said.mp3")


@tool(read_only=True, isolation="process")
def paints() -> list[Image]:
    """Paint."""
    progress(0.5, "the sky")
    return [Image(data=b"png", name="sky.png"), Image(url="https://example.com/sea.png")]


def events_of(work):
    agent = Agent(ScriptedModel([ask((work.name, {})), "Done."]), [work])

    async def consume():
        return [event async for event in agent.stream("?", budget=Budget(latency=20), tick=None)]

    return VirtualClock().run(consume()) if work.isolation == "loop" else asyncio.run(consume())


def test_sound_comes_in_pieces_with_their_seconds_and_then_whole():
    """Each piece is told as it is made, with the seconds that it is of the whole, and the result as a file."""
    events = events_of(speaks)
    pieces = [event for event in events if isinstance(event, AudioChunk)]
    assert [(each.data, each.start, each.end, each.at) for each in pieces] == [
        (b"\0\0\0\0", 0.0, 0.5, pytest.approx(0.0)),
        (b"\1\1\1\1", 0.5, 1.0, pytest.approx(0.5)),
        (b"\2\2\2\2", 1.0, 1.5, pytest.approx(1.0)),
    ]
    assert pieces[1].to_dict() | {"at": 0} == {
        "type": "audio_chunk", "call": pieces[1].call, "tool": "speaks", "attempt": 1, "draft": None,
        "data": "AQEBAQ==", "start": 0.5, "end": 1.0, "media_type": "audio/mpeg", "transcript": "", "inner": [],
        "at": 0,
    }  # fmt: skip
    (whole,) = [event for event in events if isinstance(event, MediaReady)]
    assert (whole.part.data, whole.part.label) == (b"whole", "said.mp3")
    assert events.index(pieces[-1]) < events.index(whole)


def test_an_image_comes_whole_with_its_progress_before():
    """Images that a tool returns are told once the call has ended, as JSON with their bytes or their address."""
    events = events_of(paints)
    kinds = [type(event) for event in events]
    assert kinds.index(CallProgress) < kinds.index(CallFinished) < kinds.index(MediaReady)
    told = [event.to_dict()["part"] for event in events if isinstance(event, MediaReady)]
    assert told == [
        {"kind": "image", "name": "sky.png", "url": None, "data": "cG5n"},
        {"kind": "image", "name": "sea.png", "url": "https://example.com/sea.png", "data": None},
    ]


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (2, 1), (0, math.inf), (math.nan, 1)])
def test_sound_has_its_seconds(start, end):
    """Seconds that are none are refused, listened to or not; without a listener a good piece goes nowhere."""
    with pytest.raises(UsageError, match="start and end must be seconds"):
        send_audio(b"", start, end)
    with pytest.raises(UsageError, match="data must be bytes"):
        send_audio("sound", 0, 1)
    assert send_audio(b"", 0, 1) is None
