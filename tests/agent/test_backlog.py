"""What waits for a slow consumer: text in one piece, the newest of what only the newest of counts, and all the rest."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock import (
    AudioChunk,
    CallProgress,
    CallStarted,
    Judged,
    Provisional,
    TextDelta,
    TextWithdrawn,
    Verdict,
    Warned,
)
from shotclock.agent.backlog import Backlog
from shotclock.testing import VirtualClock
from shotclock.tools.call import Call

UNSURE = Verdict.unsure("grounding", "nothing to check")


def delta(text, draft=1, at=0.0):
    return TextDelta(text=text, draft=draft, at=at)


def gone(draft=1):
    return TextWithdrawn(draft=draft, why="calls", at=0.0)


def warned(message):
    return Warned(message=message, at=0.0)


def progress(call, fraction):
    return CallProgress(call=call, tool="t", fraction=fraction, at=0.0)


def rest(backlog):
    return list(iter(backlog.take, None))


def after(*events):
    backlog = Backlog()
    for event in events:
        backlog.put(event)
    return backlog


def test_text_of_one_draft_waits_in_one_piece():
    """Pieces that follow one another are read as one, of the instant of the last."""
    assert rest(after(delta("a"), delta("b", at=1.0), delta("c", at=2.0))) == [delta("abc", at=2.0)]


def test_text_does_not_overtake_what_came_between():
    """Where something else came between two pieces, they stay two."""
    events = [delta("a"), warned("w"), delta("b")]
    assert rest(after(*events)) == events


def test_a_piece_that_was_read_does_not_grow():
    """What is read is out of the backlog; the next piece is another."""
    backlog = after(delta("a"))
    assert backlog.take() == delta("a")
    backlog.put(delta("b"))
    assert rest(backlog) == [delta("b")]


def test_withdrawn_text_is_left_out():
    """Nobody is shown text that has been withdrawn already, nor told so."""
    assert rest(after(warned("w"), delta("a"), gone(), delta("b", 2))) == [warned("w"), delta("b", 2)]


def test_the_withdrawal_of_text_that_was_read_is_told():
    """A screen that shows a piece of a draft is told when it goes; the pieces it has not read are left out."""
    backlog = after(delta("a"))
    backlog.take()
    backlog.put(delta("b"))
    backlog.put(gone())
    assert rest(backlog) == [gone()]


def test_of_progress_and_of_the_best_answer_only_the_newest_waits():
    """They are told once, as of the last, in the place of the last; calls are told apart."""
    old, new = (Provisional(text=text, verdict=UNSURE, at=0.0) for text in "ab")
    backlog = after(progress("1", 0.1), progress("2", 0.1), old, progress("1", 0.9), new)
    assert rest(backlog) == [progress("2", 0.1), progress("1", 0.9), new]


def test_what_is_never_left_out_is_all_there_in_order():
    """Calls, verdicts and warnings stay, every one."""
    calls = [CallStarted(call=Call(id=str(n), tool="t"), at=0.0) for n in range(100)]
    verdicts = [Judged(what="answer", verdict=UNSURE, at=float(n)) for n in range(100)]
    events = [*itertools.chain.from_iterable(zip(calls, verdicts, strict=True)), *map(warned, "abc")]
    assert rest(after(*events)) == events


def test_a_consumer_that_never_reads_costs_little():
    """A flood of drafts, progress and best answers leaves the text of one draft, and a handful of events."""
    backlog = Backlog()
    for n in range(1, 2_001):
        for _ in range(20):
            backlog.put(delta("word ", n))
            backlog.put(progress(str(n % 3), 0.5))
        backlog.put(gone(n))
        backlog.put(Provisional(text="text", verdict=UNSURE, at=0.0))
    backlog.put(delta("last", 2_001))
    assert len(backlog) == 5  # three calls, the best answer, and the text that stands
    assert sum(len(event.text) for event in rest(backlog) if isinstance(event, TextDelta)) == 4


EVENTS = st.lists(st.sampled_from(["text", "text", "next", "gone", "warn", "progress", "read"]), max_size=60)


@given(EVENTS)
def test_however_it_is_read_the_same_text_stands(words):
    """A consumer that reads now and then ends with the text of one that reads at once, and misses no warning."""
    backlog, draft, stands, shown, number = Backlog(), 1, "", {}, itertools.count()
    warnings, heard, written = [], [], False

    def read(event):
        match event:
            case TextDelta():
                shown[event.draft] = shown.get(event.draft, "") + event.text
            case TextWithdrawn():
                del shown[event.draft]
            case Warned():
                heard.append(event.message)

    for word in words:
        match word:
            case "text":
                text = str(next(number))
                stands, written = stands + text, True
                backlog.put(delta(text, draft))
            case "next" | "gone" if written:
                backlog.put(gone(draft))
                draft, stands, written = draft + 1, "", False
            case "warn":
                warnings.append(str(next(number)))
                backlog.put(warned(warnings[-1]))
            case "progress":
                backlog.put(progress("1", 0.5))
            case "read" if (event := backlog.take()) is not None:
                read(event)
    for event in rest(backlog):
        read(event)
    assert ("".join(shown.values()), heard) == (stands, warnings)


@pytest.mark.parametrize(("until", "timed_out"), [(None, False), (0.5, True), (5.0, False)])
def test_whoever_waits_is_woken_by_an_event_the_end_or_the_instant(until, timed_out):
    """Waiting ends with what comes first, and says whether that was the instant."""
    import asyncio

    async def wait():
        backlog = Backlog()
        asyncio.get_running_loop().call_later(1.0, backlog.put, warned("w"))
        return await backlog.wait(until)

    assert VirtualClock().run(wait()) is timed_out


def test_sound_waits_up_to_its_bound():
    """Beyond 8 MiB the oldest pieces are left out, and the seconds say which; what was read makes place."""

    def piece(n):
        return AudioChunk(
            call="1", tool="t", attempt=1, data=bytes(1 << 20), start=n, end=n + 1, media_type="a", at=0.0
        )

    backlog = after(warned("first"), *map(piece, range(20)))
    assert [getattr(event, "start", None) for event in rest(backlog)] == [None, *range(12, 20)]
    for n in range(20, 28):
        backlog.put(piece(n))
    assert [event.start for event in rest(backlog)] == [*range(20, 28)]


def said(draft, start=0.0):
    """A piece of a model's sound."""
    return AudioChunk(draft=draft, data=bytes(1 << 20), start=start, end=start + 1, media_type="a", at=0.0)


def test_sound_is_withdrawn_with_its_draft():
    """Sound of a draft that was withdrawn is left out as far as it waits, and makes place; the withdrawal is told where
    some of it had been read."""
    tool = AudioChunk(call="1", tool="t", data=b"x", start=0.0, end=1.0, media_type="a", at=0.0)
    assert rest(after(delta("a"), said(1), tool, said(1), gone(1), said(2))) == [tool, said(2)]
    backlog = after(said(1), said(1))
    assert backlog.take() == said(1)
    backlog.put(gone(1))
    for n in range(9):
        backlog.put(said(2, n))
    assert rest(backlog) == [gone(1), *(said(2, n) for n in range(1, 9))]
