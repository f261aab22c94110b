"""Transcripts: what a tool of the product's writes down of a sound stands for it where no model hears."""

from __future__ import annotations

import asyncio
import time

import pytest

from shotclock import Agent, Audio, Budget, Document, Policy, Text, ToolError, Video, tool
from shotclock.policies.errors import UsageError
from shotclock.policies.media import Media
from shotclock.testing import ScriptedModel

from ..tools.media.files import mp4, wav
from .test_media import Hearing, Sighted, content, shown

SAID = "The total of invoice 7 is 12 euros."


def scribe(heard: list | None = None, **how):
    """A tool that has heard what it is given, and says what it always says."""

    @tool(read_only=True, **how)
    async def transcribe(audio: Audio) -> str:
        """Write down what is said."""
        if heard is not None:
            heard.append(audio)
        return SAID

    return transcribe


async def asked(parts, model, transcribe, *, budget=None, **settings):
    agent = Agent(model, transcribe=transcribe, policy=Policy(media=Media(**settings)))
    return await agent.run(parts, budget=budget or Budget(latency=8))


CALL = ["What is the total of invoice 7?", Audio(data=wav(2), name="call.wav")]


async def test_a_model_that_does_not_hear_answers_from_the_transcript():
    """The transcript is shown, marked as one and fenced, and what is answered from it is checked against it."""
    heard, model = [], ScriptedModel(["The total is 12 euros."])
    result = await asked(CALL, model, scribe(heard))
    assert "[audio call.wav, a transcript by transcribe]" in content(model)
    assert f"<untrusted>\n{SAID}" in content(model)
    assert result.verified
    (item,) = result.evidence
    assert (item.tool, item.content, item.trusted) == ("attachment", SAID, False)
    assert "transcript by transcribe" in item.verdict.reason
    assert [(each.data, each.label) for each in heard] == [(wav(2), "call.wav")]
    assert not any("left out" in warning for warning in result.warnings)
    assert result.spend.tool_calls == 1


async def test_the_embedded_model_answers_from_a_sound():
    """`rules` answers from a transcript as from any document."""
    assert "12 euros" in (await asked(CALL, "rules", scribe())).answer


async def test_a_model_that_hears_is_handed_the_sound():
    """Where the model takes sound nothing is written down."""
    heard, model = [], Hearing(["12 euros."])
    await asked(CALL, model, scribe(heard))
    assert [piece.kind for piece in shown(model)] == ["audio"]
    assert not heard


async def test_a_model_is_never_offered_the_scribe():
    """The tool is the run's own: no model is told of it."""
    model = ScriptedModel(["12 euros."])
    await asked(CALL, model, scribe())
    assert all(not request.tools for request in model.requests)


async def test_a_video_is_shown_with_a_transcript_of_its_sound(tmp_path):
    """A model that sees and does not hear is handed the pictures, and the transcript beside them."""
    model = Sighted(["12 euros."])
    parts = ["What is the total?", Video(mp4(tmp_path / "a.mp4", sound=True), name="a.mp4")]
    result = await asked(parts, model, scribe())
    assert {piece.kind for piece in shown(model)} == {"image"}
    assert SAID in content(model)
    assert any("with a transcript of its sound by transcribe" in warning for warning in result.warnings)


async def test_what_the_pictures_of_a_video_show_stays_open(tmp_path):
    """An answer about the pictures is left open and not refused for what the transcript does not say."""
    parts = ["What colour is the door?", Video(mp4(tmp_path / "a.mp4", sound=True), name="a.mp4")]
    result = await asked(parts, Sighted(["The sign at the door says 4711."]), scribe())
    assert result.answer == "The sign at the door says 4711."
    assert result.verdict.outcome == "unsure"
    assert "a.mp4" in result.verdict.reason


async def test_a_long_sound_is_written_down_as_far_as_it_would_be_handed_over():
    """Of a sound over the limit the beginning is heard, and it is said; with `refuse` nothing is."""
    heard = []
    result = await asked([CALL[0], Audio(data=wav(9), name="call.wav")], ScriptedModel(["?"]), scribe(heard),
                         audio_seconds=2)  # fmt: skip
    assert len(heard[0].data) == pytest.approx(2 * 32_000, abs=200)
    assert any("of its first 2 s (media.audio_seconds)" in warning for warning in result.warnings), result.warnings
    result = await asked([CALL[0], Audio(data=wav(9))], ScriptedModel(["?"]), scribe(heard), audio_seconds=2,
                         audio="refuse")  # fmt: skip
    assert len(heard) == 1
    assert any("left out" in warning for warning in result.warnings)


async def test_a_long_transcript_is_shown_by_what_fits_the_question():
    """What is said for hours is shown in part, under the limit of all documents of the run."""

    async def transcribe(audio: Audio) -> str:
        """Write down what is said."""
        return "We speak of the weather.\n" * 2_000 + SAID + "\nWe speak of the sea." * 2_000

    model = ScriptedModel(["12 euros."])
    parts = [*CALL, Document(data=b"A note.\n" * 100, name="note.txt")]
    result = await asked(parts, model, transcribe, characters=4_000)
    assert SAID in content(model)
    assert "A note." in content(model)
    assert sum(len(part.text) for item in result.evidence for part in item.passages) <= 4_000
    assert any("characters are shown (media.characters)" in warning for warning in result.warnings)


async def hangs(audio: Audio) -> str:
    """Write down what is said, some day."""
    await asyncio.sleep(60)
    return SAID


async def fails(audio: Audio) -> str:
    """Write down what is said, or not."""
    raise ToolError("it is all noise")


async def silent(audio: Audio) -> str:
    """Write down what is said, which is nothing."""
    return " "


@pytest.mark.parametrize(
    ("transcribe", "says"),
    [(hangs, "not read within"), (fails, "it is all noise"), (silent, "there is no transcript of it: empty result")],
)
async def test_where_no_transcript_comes_the_sound_is_left_out(transcribe, says):
    """A scribe that hangs, fails or hears nothing costs the sound and a warning; the answer comes in time."""
    began = time.monotonic()
    result = await asked(CALL, ScriptedModel(["I cannot hear it."]), transcribe, budget=Budget(latency=2))
    assert time.monotonic() - began < 2.05
    assert result.answer == "I cannot hear it."
    assert any("Call.wav is left out" in warning and says in warning for warning in result.warnings), result.warnings


async def test_a_transcript_is_a_call_under_the_budget():
    """Where no call is left nothing is written down, and it is said."""
    heard = []
    result = await asked(CALL, ScriptedModel(["?"]), scribe(heard), budget=Budget(latency=5, tool_calls=0))
    assert not heard
    assert any("Call.wav is left out: there is no transcript of it" in warning for warning in result.warnings)
    paid = await asked(CALL, ScriptedModel(["?"]), scribe(cost_usd=0.25), budget=Budget(latency=5, cost_usd=1))
    assert paid.spend.cost_usd == pytest.approx(0.25)


async def test_a_sound_that_a_tool_returns_is_written_down():
    """What a tool returns is treated as what is attached."""
    from shotclock.testing import ask

    @tool(read_only=True)
    def voicemail() -> Audio:
        """The last message."""
        return Audio(data=wav(1), name="message.wav")

    model = ScriptedModel([ask(("voicemail", {})), "12 euros."])
    await Agent(model, [voicemail], transcribe=scribe()).run("What does the message say?", budget=Budget(latency=8))
    assert SAID in str(model.requests[-1].messages)


def changes(audio: Audio) -> str:
    """Write down, and send it somewhere."""
    return ""


def reads(text: str) -> str:
    """Takes no sound."""
    return ""


def two(audio: Audio, language: str) -> str:
    """Takes more than the sound."""
    return ""


@pytest.mark.parametrize(
    ("given", "says"),
    [(tool(changes), "must be read_only=True"), (reads, "must take an Audio"), (two, "must take an Audio")],
    ids=["changes", "reads", "two"],
)
def test_what_is_no_scribe_is_refused(given, says):
    """A tool that changes something, or takes something else, is refused when the agent is made."""
    with pytest.raises(UsageError, match=says):
        Agent("rules", transcribe=given)


async def test_text_alone_calls_nobody():
    """A query without sound has no transcript."""
    heard = []
    await asked([Text("What is the total?")], ScriptedModel(["?"]), scribe(heard))
    assert not heard
