"""Files in queries and results: what models are handed, what users are told, and what the checks make of it."""

from __future__ import annotations

import json

import pytest

from shotclock import Agent, Audio, Budget, Document, Image, Policy, Text, Video, builtin_tools, tool
from shotclock.agent.lab.replay import replay
from shotclock.policies.errors import InvalidQuery
from shotclock.policies.media import Media
from shotclock.testing import ScriptedModel, ask

from ..tools.media.files import mp4, pdf, png, wav


class Seeing(ScriptedModel):
    """A scripted model that takes files."""

    modalities = frozenset({"image", "document", "audio"})


def shown(model) -> list:
    """What the model was handed in its last request."""
    return [piece for pieces in model.requests[-1].media.values() for piece in pieces]


def content(model) -> str:
    """The last message of the user in the model's first request."""
    return next(m["content"] for m in reversed(model.requests[0].messages) if m["role"] == "user")


async def asked(query, model=None, **settings):
    model = model or Seeing(["Fine."])
    agent = Agent(model, policy=Policy(media=Media(**settings)))
    return await agent.run(query, budget=Budget(latency=8)), model


async def test_an_image_is_handed_over_as_it_is():
    """A small image reaches the model byte for byte, and the question stays a text."""
    picture = png(40, 30)
    result, model = await asked(["What is it?", Image(data=picture, name="cat.png")])
    assert result.answer == "Fine."
    assert [(p.kind, p.media_type, p.data, p.width, p.tokens) for p in shown(model)] == [
        ("image", "image/png", picture, 40, 2)
    ]
    assert model.requests[0].query == "What is it?"
    assert "cat.png is attached" in content(model)


async def test_every_kind_alone_and_together(tmp_path):
    """Text, image, document, sound and video go through in one query, each in its form."""
    parts = [Text("Compare."), Image(data=png(9, 9)), Document(data=pdf("The total is 12 euros, all taxes included.")),
             Audio(data=wav(1)), Video(mp4(tmp_path / "a.mp4"))]  # fmt: skip
    result, model = await asked(parts)
    kinds = [piece.kind for piece in shown(model)]
    assert kinds[:3] == ["image", "document", "audio"]
    assert set(kinds[3:]) == {"image"}
    assert any("shown by 12 pictures" in warning for warning in result.warnings)
    quality = next(d for d in result.decisions if d["kind"] == "quality")
    assert quality["figures"]["modality"] == "audio+document+image+text+video"


async def test_a_model_that_reads_only_text_is_given_the_text():
    """A document becomes its text, fenced, for a model without modalities; and answers are checked against it."""
    model = ScriptedModel(["The total is 12 euros."])
    result, _ = await asked(
        ["What is the total?", Document(data=pdf("The total is 12 euros, all taxes included."))], model
    )
    assert "<untrusted>" in content(model)
    assert "12 euros" in content(model)
    assert result.verified
    assert [item.tool for item in result.evidence] == ["attachment"]
    assert result.evidence[0].passages[0].page == 1


async def test_the_embedded_model_says_of_no_part_that_a_file_answers_that_it_is_open():
    """With tools beside, none of which fits, what a file answers is not said to be unanswered; another part is."""
    page = pdf("The total of invoice 7 is 12 euros, taxes included.")
    agent = Agent("rules", builtin_tools())
    alone = await agent.run(["What is the total of invoice 7?", Document(data=page)], budget=Budget(latency=8))
    assert "12 euros" in alone.answer
    assert "could not answer" not in alone.answer
    both = await agent.run(
        ["What is the total of invoice 7? Who won the chess tournament?", Document(data=page)], budget=Budget(latency=8)
    )
    assert "could not answer this part: “Who won the chess tournament" in both.answer


async def test_the_embedded_model_answers_from_a_document():
    """`rules` composes its answer from a document's text."""
    text = "Invoices\n\nThe total of invoice 7 is 12 euros.\n\nOther things are unrelated."
    result, _ = await asked(["What is the total of invoice 7?", Document(data=text.encode())], "rules")
    assert "12 euros" in result.answer


async def test_what_a_model_cannot_take_is_left_out_with_a_warning():
    """An image for a model of text alone is named and left out, and the user is told."""
    result, model = await asked(
        ["What is it?", Image(data=png(4, 4), name="cat.png")], ScriptedModel(["I cannot see."])
    )
    assert any(w.startswith("Cat.png is left out: scripted does not take image") for w in result.warnings)
    assert "cat.png is not shown" in content(model)
    assert not model.requests[0].media


async def test_a_model_that_takes_it_is_asked_instead():
    """Where the first model takes no images and a later one does, that one is asked."""
    blind, seeing = ScriptedModel(["Blind."], name="blind"), Seeing(["A cat."], name="seeing")
    result = await Agent([blind, seeing]).run(["What is it?", Image(data=png(4, 4))])
    assert result.answer == "A cat."
    assert not blind.requests
    assert any(d["choice"] == "modality" for d in result.decisions)


async def test_an_answer_about_a_picture_is_left_open_not_refused():
    """What a picture shows cannot be checked: the answer stands, unverified, and the reason names the picture."""
    result, _ = await asked(["How much?", Image(data=png(4, 4), name="bill.png")], Seeing(["It says 99.50 dollars."]))
    assert result.answer == "It says 99.50 dollars."
    assert not result.verified
    assert "bill.png" in result.verdict.reason


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Image(data=b"\x89PNG\r\n\x1a\nrubbish", name="a"), "a is left out: it is damaged"),
        (Image(data=png(64, 64, claimed=(60_000, 60_000)), name="a"), "too large to be unpacked"),
        (Image(data=png(64, 64, claimed=(9_000, 12_000)), name="a"), "media.unpacked_pixels"),
        (Image(data=png(64, 64, claimed=(8_000, 8_000)), name="a"), "damaged"),
        (Document(data=b"%PDF-1.4\nrubbish", name="a"), "damaged"),
        (Document(data=b"PK\x03\x04" + b"\0" * 60, name="a"), "no kind of file"),
        (Image("/nowhere/cat.png"), "cat.png is left out: it cannot be read"),
        (Image(url="http://127.0.0.1:9/cat.png"), "private or local address"),
    ],
    ids=["png", "bomb", "large", "cut", "pdf", "zip", "missing", "ssrf"],
)
async def test_what_is_damaged_or_hostile_costs_a_warning(part, says):
    """A file that cannot be shown is a warning in words, and the run answers."""
    result, _ = await asked(["What is it?", part])
    assert result.answer == "Fine."
    assert any(says in warning for warning in [w[0].lower() + w[1:] for w in result.warnings]), result.warnings


async def test_a_lying_part_is_read_as_what_it_is():
    """A PDF that is given as an image is read as a document, and the user is told."""
    result, model = await asked(["What?", Image(data=pdf("Some words that stand on the page."), name="cat.png")])
    assert [piece.kind for piece in shown(model)] == ["document"]
    assert any("its content is application/pdf" in warning for warning in result.warnings)


async def test_oversize_is_made_to_fit_and_said():
    """An image is shrunk, a PDF shown by the pages that fit the question, a sound cut: each with a warning."""
    book = pdf(*(f"Chapter {n} speaks of {'penguins and ice' if n == 37 else 'the weather'}." for n in range(60)))
    parts = ["Where are penguins?", Image(data=png(2000, 1500), name="big.png"), Document(data=book, name="book.pdf"),
             Audio(data=wav(9), name="talk.wav")]  # fmt: skip
    result, model = await asked(parts, audio_seconds=2, pages=5, image_pixels=10_000)
    image, sound = shown(model)
    assert image.media_type == "image/jpeg"
    assert image.width * image.height <= 10_000
    assert (sound.media_type, sound.seconds) == ("audio/wav", 2)
    assert "penguins and ice" in content(model)
    assert content(model).count("[page ") == 5
    for name in ("Big.png is shrunk", "Book.pdf is shown in part", "Talk.wav is cut"):
        assert any(warning.startswith(name) for warning in result.warnings), result.warnings


async def test_a_page_longer_than_all_that_is_shown_is_shown_in_part():
    """Of a page, or a text, that is longer than the limit those pieces are shown that fit the question."""
    long = " ".join(f"Ship {n} is at sea." if n != 300 else "The penguin Ann lives on the ice." for n in range(600))
    for part in (Document(data=pdf(long), name="a.pdf"), Document(data=long.encode(), name="a.txt")):
        result, model = await asked(["Where does the penguin live?", part], ScriptedModel(["On the ice."]),
                                    characters=2_000)  # fmt: skip
        assert "penguin Ann lives on the ice" in content(model)
        assert sum(len(passage.text) for item in result.evidence for passage in item.passages) <= 2_000
        assert any("are shown" in warning for warning in result.warnings), result.warnings


async def test_a_sound_that_takes_long_to_read_is_handed_over_as_far_as_it_was_read():
    """Of a sound the first seconds are handed over that fit into `bytes`, and it is said how many."""
    result, model = await asked(["What?", Audio(data=wav(20, rate=44_100), name="a.wav")], bytes=320_100)
    assert [(piece.kind, round(piece.seconds)) for piece in shown(model)] == [("audio", 10)]
    assert any("its first 10 s are handed over (media.bytes)" in warning for warning in result.warnings)


class Hearing(ScriptedModel):
    """A scripted model that takes sound alone."""

    modalities = frozenset({"audio"})


class Sighted(ScriptedModel):
    """A scripted model that takes images alone."""

    modalities = frozenset({"image"})


@pytest.mark.parametrize(
    ("model", "pictures", "seconds", "says"),
    [
        (Seeing, True, 2.0, "with its sound"),
        (Sighted, True, None, "without its sound, which scripted does not take"),
        (Hearing, False, 2.0, "by no picture, as scripted takes none, with its sound"),
    ],
)
async def test_a_video_is_handed_over_with_its_sound(tmp_path, model, pictures, seconds, says):
    """Pictures and sound of a video reach a model that takes them, and what is left out is said."""
    film = Video(mp4(tmp_path / "a.mp4", sound=True))
    result, asked_model = await asked(["What happens?", film], model(["Fine."]))
    pieces = shown(asked_model)
    assert any(piece.kind == "image" for piece in pieces) == pictures
    sounds = [piece.seconds for piece in pieces if piece.kind == "audio"]
    assert sounds == ([] if seconds is None else [pytest.approx(seconds, abs=0.1)])
    assert any(says in warning for warning in result.warnings), result.warnings


def mute(film):
    """A video whose sound is overwritten."""
    import av

    with av.open(str(film)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(film.read_bytes())
    for place, size in places:
        data[place : place + size] = b"\xff" * size
    film.write_bytes(data)
    return film


async def test_a_sound_track_that_is_broken_leaves_the_pictures(tmp_path):
    """Where the sound of a video cannot be read its pictures are handed over, and it is said."""
    film = mute(mp4(tmp_path / "a.mp4", sound=True))
    result, model = await asked(["What happens?", Video(film)])
    assert {piece.kind for piece in shown(model)} == {"image"}
    assert any("a part of it is left out: it is damaged" in warning for warning in result.warnings), result.warnings


async def test_files_that_together_cost_too_many_tokens_are_left_out():
    """Each of two images fits the tokens that are left, and both do not: the second is left out."""
    model = Seeing(["Fine."])
    parts = [Image(data=png(1_000, 1_000), name=name) for name in ("a", "b")]
    result = await Agent(model).run(["What?", *parts], budget=Budget(latency=5, tokens=2_500))
    assert [piece.name for piece in shown(model)] == ["a"]
    assert any("B is left out: it costs about 1,334 tokens" in warning for warning in result.warnings), result.warnings


async def test_oversize_is_refused_where_the_policy_says_so():
    """With `refuse` an image over the limit is left out, and the limit is named."""
    result, model = await asked(["What?", Image(data=png(200, 100))], image="refuse", image_pixels=10_000)
    assert not shown(model)
    assert any("media.image_pixels=10,000" in warning for warning in result.warnings)


async def test_what_costs_more_tokens_than_are_left_is_left_out():
    """An image whose tokens the budget does not hold is not sent."""
    model = Seeing(["Fine."])
    result = await Agent(model).run(["What?", Image(data=png(1000, 1000))], budget=Budget(latency=5, tokens=1_000))
    assert any("the tokens that are left" in warning for warning in result.warnings)
    assert all(not request.media for request in model.requests)


async def test_files_extend_the_agents_own_budget_and_no_other():
    """The agent's latency grows by the rule; a budget given to the run stays as it is."""
    agent = Agent(Seeing(["Fine."]), budget=Budget(latency=3))
    assert (await agent.run(["What?", Image(data=png(4, 4)), Document(data=b"text")])).budget.latency == 6
    assert (await agent.run(["What?", Image(data=png(4, 4))], budget=Budget(latency=3))).budget.latency == 3
    assert (await agent.run("What?")).budget.latency == 3


async def test_after_an_untrusted_file_nothing_is_changed():
    """A file is data: a tool that may change something is refused after it, unless the part is trusted."""
    done = []

    @tool
    def send(text: str) -> str:
        """Send a text."""
        done.append(text)
        return "sent"

    for trusted in (False, True):
        model = Seeing([ask(("send", {"text": "hello"})), "Done."])
        await Agent(model, tools=[send]).run(["Send it.", Image(data=png(4, 4), trusted=trusted)])
    assert done == ["hello"]


async def test_a_tool_may_return_an_image():
    """What a tool returns is handed to a model that takes it, and described in the text of the result."""
    picture = png(20, 10)

    @tool(read_only=True)
    def chart(of: str) -> Image:
        """A chart."""
        return Image(data=picture, name="chart.png")

    model = Seeing([ask(("chart", {"of": "sales"})), "It rises."])
    result = await Agent(model, tools=[chart]).run("How are sales?")
    assert [piece.data for piece in shown(model)] == [picture]
    item = result.evidence[0]
    assert item.content == f"[image chart.png, {len(picture)} bytes]"
    assert len(json.dumps(item.to_dict())) < 1_000


async def test_a_tool_may_return_texts_and_files():
    """A list of texts and files is both: the texts to every model, the files to one that takes them."""

    @tool(read_only=True)
    def look() -> list:
        """Look."""
        return ["A red door.", Image(data=png(4, 4), name="door.png")]

    blind = ScriptedModel([ask(("look", {})), "A red door."])
    result = await Agent(blind, tools=[look]).run("What colour is the door?")
    assert "A red door.\n[image door.png" in result.evidence[0].content
    assert any("door.png is left out" in warning.lower() for warning in result.warnings)


async def test_checkpoints_hold_no_bytes():
    """Graph state names files by their keys; a later question of the thread says that they are gone."""
    from langgraph.checkpoint.memory import InMemorySaver

    saver, model = InMemorySaver(), Seeing(["A cat.", "Still a cat."])
    agent = Agent(model, checkpointer=saver)
    await agent.run(["What is it?", Image(data=png(300, 300), name="cat.png")], thread_id="t")
    state = (await agent.graph.aget_state({"configurable": {"thread_id": "t"}})).values
    assert [part["name"] for part in state["messages"][0]["parts"]] == ["cat.png"]
    assert len(json.dumps(state)) < 2_000
    await agent.run("And now?", thread_id="t")
    assert any("not at hand any more" in m["content"] for m in model.requests[-1].messages)
    assert [item["origin"] for item in state["evidence"]] == ["cat.png"]


async def test_a_conversation_stays_held_to_the_files_it_was_shown():
    """In a later run of a thread a tool that may change something is refused after an earlier untrusted file."""
    from langgraph.checkpoint.memory import InMemorySaver

    done = []

    @tool
    def send(text: str) -> str:
        """Send a text."""
        done.append(text)
        return "sent"

    model = Seeing(
        [lambda request: "A cat." if len(request.messages) < 4 else ask(("send", {"text": "hello"})), "Done."]
    )
    agent = Agent(model, tools=[send], checkpointer=InMemorySaver())
    await agent.run(["What is it?", Image(data=png(4, 4), name="cat.png")], thread_id="t")
    result = await agent.run("Send hello.", thread_id="t")
    assert not done
    assert any("send was not called" in warning for warning in result.warnings)


async def test_decisions_about_files_are_made_again():
    """What was decided of files comes out the same when it is replayed."""
    result, _ = await asked(["What?", Image(data=png(200, 100)), Audio(data=wav(1))], image_pixels=10_000)
    media = [d for d in result.decisions if d["kind"] == "media" and d["situation"]]
    assert len(media) == 2
    again = replay(media, Policy(media=Media(image_pixels=10_000)))
    assert all(each.same for each in again)


@pytest.mark.parametrize(
    ("query", "says"),
    [([], "query is empty"), (["a", 3], r"query\[1\] must be"), ([Image(data=b"x")] * 33, "media.files=32")],
)
async def test_a_list_that_is_no_query_is_refused(query, says):
    """An empty list, a stranger among the parts and too many files are mistakes of the program."""
    with pytest.raises(InvalidQuery, match=says):
        await Agent(Seeing(["x"])).run(query)


def test_sync_runs_and_streams_take_parts():
    """`run_sync` takes what `run` takes."""
    model = Seeing(["A cat."])
    assert Agent(model).run_sync(["What?", Image(data=png(4, 4))]).answer == "A cat."
    assert shown(model)


async def test_a_run_that_waited_for_a_person_is_told_that_its_files_are_gone():
    """A run that is resumed goes on without the bytes, which were never kept, and its model is told."""
    from langgraph.checkpoint.memory import InMemorySaver

    @tool(approval=True)
    def send(text: str) -> str:
        """Send a text."""
        return "sent"

    model = Seeing([ask(("send", {"text": "hello"})), "Sent."])
    agent = Agent(model, tools=[send], checkpointer=InMemorySaver())
    parts = ["Send it.", Image(data=png(200, 200), name="cat.png", trusted=True)]
    assert (await agent.run(parts, thread_id="t")).status == "suspended"
    state = (await agent.graph.aget_state({"configurable": {"thread_id": "t"}})).values
    assert len(json.dumps(state, default=str)) < 4_000
    result = await agent.resume("t", True)
    assert result.answered
    assert any("not at hand any more" in m["content"] for m in model.requests[-1].messages)


async def test_a_stream_takes_parts():
    """`stream` takes what `run` takes, and says at once what is wrong with it."""
    events = [event async for event in Agent(Seeing(["A cat."])).stream(["What?", Image(data=png(4, 4))])]
    assert events[-1].answer == "A cat."
    with pytest.raises(InvalidQuery):
        Agent(Seeing(["A cat."])).stream(["What?", 3])
