"""Models that speak, over a real socket: their sound in pieces with its seconds, their words checked like any text."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from shotclock import Agent, AudioChunk, Budget, Judged, TextDelta, TextWithdrawn, tool
from shotclock.agent.models import base
from shotclock.agent.models.base import AnswerForm, ModelRequest, Price
from shotclock.agent.models.openai import OpenAI
from shotclock.agent.models.pcm import Samples
from shotclock.policies.errors import UsageError

from .openai_server import HOLD, Answer, OpenAIServer, chunk, piece, sse, usage

WORDS = ("There ", "are ", "7 ", "apples.")
SOUND = [bytes([n]) * 12_000 for n in range(1, 5)]
"""A quarter of a second each."""


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running
    assert running.invalid == []


@tool(read_only=True)
def apples() -> str:
    """How many apples there are."""
    return "There are 7 apples."


def heard(data: bytes) -> dict:
    return chunk({"audio": {"data": base64.b64encode(data).decode()}})


def spoken(*words: str) -> list[dict]:
    """A spoken answer as OpenAI streams it: the transcript runs ahead of the sound."""
    said = [chunk({"audio": {"transcript": word}}) for word in words]
    begun = [chunk({"role": "assistant", "content": None, "audio": {"id": "audio_1", "transcript": ""}})]
    return [*begun, *said[:2], heard(SOUND[0]), *said[2:], *map(heard, SOUND[1:]),
            chunk({"audio": {"expires_at": 1_767_225_600}}), chunk(finish="stop"), usage()]  # fmt: skip


CALL = sse(chunk({"tool_calls": [piece("{}", id="a", name="apples")]}), chunk(finish="tool_calls"), usage())


def agent_of(server: OpenAIServer, **settings) -> Agent:
    return Agent(OpenAI("speaker", base_url=server.base_url, voice="alloy", **settings), [apples])


async def streamed(server: OpenAIServer, *answers: Answer, latency: float = 5.0) -> list:
    server.script(Answer(steps=(CALL,)), *answers)
    stream = agent_of(server).stream("How many apples are there?", budget=Budget(latency=latency), tick=None)
    return [event async for event in stream]


def of(events: list, kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


async def test_a_spoken_answer_comes_in_pieces_with_their_seconds_and_words(server):
    """Each piece of sound is told as it comes, in whole samples that follow one another, with the words since the one
    before; the words are the answer's text, and are checked like it."""
    events = await streamed(server, Answer(steps=(sse(*spoken(*WORDS)),)))
    pieces = of(events, AudioChunk)
    assert b"".join(each.data for each in pieces) == b"".join(SOUND)
    assert [(each.start, each.end) for each in pieces] == [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]
    assert [each.transcript for each in pieces] == ["There are ", "7 apples.", "", ""]
    assert {(each.draft, each.call, each.media_type) for each in pieces} == {(1, None, "audio/pcm;rate=24000")}
    texts = of(events, TextDelta)
    assert "".join(each.text for each in texts) == "There are 7 apples."
    assert all(each.provisional for each in texts)
    assert any(
        each.what == "answer" and each.draft == 1 and each.verdict.outcome == "pass" for each in of(events, Judged)
    )
    assert (events[-1].answer, events[-1].verified) == ("There are 7 apples.", True)
    assert pieces[0].to_dict()["data"] == base64.b64encode(SOUND[0]).decode()


async def test_sound_is_asked_for_in_the_voice(server):
    """Requests name the voice and the one format that is streamed, but for an answer that has to be JSON."""
    await streamed(server, Answer(steps=(sse(*spoken(*WORDS)),)))
    for request in server.received:
        assert request.body["modalities"] == ["text", "audio"]
        assert request.body["audio"] == {"voice": "alloy", "format": "pcm16"}
    model = OpenAI("speaker", base_url=server.base_url, voice="alloy")
    form = AnswerForm(name="count", schema={"type": "object"})
    assert "audio" not in model.body(ModelRequest(query="?", messages=(), form=form))
    assert "audio" not in OpenAI("writer", base_url=server.base_url).body(ModelRequest(query="?", messages=()))


async def test_sound_comes_while_it_is_made(server):
    """The first piece is there while the endpoint still holds the rest back."""
    server.script(Answer(steps=(CALL,)), Answer(steps=(sse(*spoken(*WORDS)[:4], done=False), HOLD)))
    stream = agent_of(server).stream("How many apples?", budget=Budget(latency=20), tick=None)
    async for event in stream:
        if isinstance(event, AudioChunk):
            break
    assert event.data == SOUND[0]
    await stream.aclose()
    assert server.left.wait(1)


async def test_an_interruption_cuts_the_sound(server):
    """At the deadline nothing more is said: the connection is shut, the draft is withdrawn where it was no whole
    sentence, and what is answered was checked."""
    began = time.monotonic()
    events = await streamed(server, Answer(steps=(sse(*spoken(*WORDS)[:4], done=False), HOLD)), latency=1.0)
    assert time.monotonic() - began < 1.05
    assert [each.data for each in of(events, AudioChunk)] == SOUND[:1]
    assert [(each.draft, each.why) for each in of(events, TextWithdrawn)] == [(1, "replaced")]
    assert events[-1].answer == "There are 7 apples."
    assert events[-1].status == "fallback"
    assert server.left.wait(1)


async def test_a_spoken_answer_that_is_refused_is_withdrawn(server):
    """What was said and the evidence does not bear out is withdrawn with its sound, and said again in another draft."""
    wrong, right = spoken("There ", "are ", "9 ", "apples."), spoken(*WORDS)
    events = await streamed(server, Answer(steps=(sse(*wrong),)), Answer(steps=(sse(*right),)))
    assert [(each.draft, each.why) for each in of(events, TextWithdrawn)] == [(1, "refused")]
    assert [each.draft for each in of(events, AudioChunk)] == [1] * 4 + [2] * 4
    assert [each.start for each in of(events, AudioChunk)][4:] == [0.0, 0.25, 0.5, 0.75]
    assert (events[-1].answer, events[-1].verified) == ("There are 7 apples.", True)


async def test_what_a_model_says_before_it_asks_for_a_call_is_no_answer(server):
    """Sound before a call is withdrawn with its words."""
    call = [chunk({"tool_calls": [piece("{}", id="b", name="apples")]}), chunk(finish="tool_calls"), usage()]
    thinking = sse(chunk({"audio": {"transcript": "Let me see."}}), heard(SOUND[0]), done=False)
    # What is withdrawn before anybody has taken it is not told at all, so the call comes later.
    server.script(Answer(steps=(thinking, 0.1, sse(*call))), Answer(steps=(sse(*spoken(*WORDS)),)))
    stream = agent_of(server).stream("How many apples are there?", budget=Budget(latency=5), tick=None)
    events = [event async for event in stream]
    assert [each.why for each in of(events, TextWithdrawn)] == ["calls"]
    assert events[-1].answer == "There are 7 apples."


async def test_words_that_come_twice_are_taken_once(server):
    """Where an endpoint writes what it says as the content too, the transcript is left out."""
    both = [chunk({"content": word, "audio": {"transcript": word}}) for word in WORDS]
    events = await streamed(server, Answer(steps=(sse(*both, heard(SOUND[0]), chunk(finish="stop"), usage()),)))
    assert events[-1].answer == "There are 7 apples."


async def test_a_piece_that_is_no_base64_costs_itself_alone(server):
    """A broken piece of sound is left out, and the answer is whole."""
    broken = chunk({"audio": {"data": "no base64!"}})
    events = await streamed(server, Answer(steps=(sse(*spoken(*WORDS)[:5], broken, *spoken(*WORDS)[5:]),)))
    assert events[-1].answer == "There are 7 apples."
    assert len(of(events, AudioChunk)) == 4


async def test_sound_costs_a_run_that_nobody_listens_to_nothing(server):
    """`run` gives the words as the answer."""
    server.script(Answer(steps=(CALL,)), Answer(steps=(sse(*spoken(*WORDS)),)))
    result = await agent_of(server).run("How many apples are there?", budget=Budget(latency=5))
    assert (result.answer, result.verified) == ("There are 7 apples.", True)


@pytest.mark.parametrize("size", [1, 3, 5, 4_000])
def test_pieces_of_any_length_are_whole_samples(size):
    """Base64 that is cut anywhere gives the same bytes, two by two, and their seconds."""
    data = bytes(range(250)) * 20
    text = base64.b64encode(data).decode()
    samples = Samples()
    given = [each for at in range(0, len(text), size) if (each := samples.add(text[at : at + size])) is not None]
    assert b"".join(each.data for each in given) == data
    assert all(len(each.data) % 2 == 0 for each in given)
    assert sum(each.seconds for each in given) == pytest.approx(len(data) / 48_000)


async def test_sound_without_end_is_stopped(monkeypatch):
    """A model that speaks for ever is stopped, and gives the loop back meanwhile."""
    monkeypatch.setattr("shotclock.agent.stream.MOST_SECONDS", 60.0)

    class Endless:
        name, provider, price, pace = (
            "endless",
            "scripted",
            Price(input_per_million=0, output_per_million=0),
            base.Pace(),
        )

        async def stream(self, request):
            yield base.TextDelta("There are 7 apples.")
            while True:
                yield base.AudioDelta(bytes(4_800), 0.1, "audio/pcm;rate=24000")

    ticks = []

    async def tick():
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    events = [event async for event in Agent(Endless()).stream("Say 7 apples.", budget=Budget(latency=5), tick=None)]
    ticking.cancel()
    assert of(events, AudioChunk)[-1].end == pytest.approx(60.1, abs=0.2)
    assert max(b - a for a, b in pairwise(ticks)) < 0.1


@pytest.mark.parametrize("voice", ["", "  ", 3])
def test_a_voice_is_a_name(voice):
    """What is no name of a voice is refused with what to write."""
    with pytest.raises(UsageError, match="voice must be the name of a voice such as 'alloy'"):
        OpenAI("speaker", base_url="http://localhost:1", voice=voice)


def test_the_price_of_sound_is_not_guessed():
    """A model that speaks has no price unless it is told: the published one is that of text."""
    assert OpenAI("gpt-4.1-mini", api_key="sk-x").price is not None
    assert OpenAI("gpt-4.1-mini", api_key="sk-x", voice="alloy").price is None
    told = Price(input_per_million=2.5, output_per_million=80.0)
    assert OpenAI("gpt-4.1-mini", api_key="sk-x", voice="alloy", price=told).price == told
