"""Promise 1 and 3, for files: each kind, alone and together, small and huge, damaged and hostile, is sized at once,
handed to a model over a real socket, and answered within the budget with a warning where less was shown."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.server
import io
import itertools
import subprocess
import sys
import threading
import time
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotclock import Agent, Audio, Budget, Document, Image, Policy, Video
from shotclock.agent.models.openai import OpenAI
from shotclock.policies.media import Media
from shotclock.testing import Hang, ScriptedModel
from shotclock.tools import processes
from shotclock.tools.media import remote

from ..agent.openai_server import Answer, OpenAIServer, chunk, sse, usage
from ..tools.media.files import mp4, pdf, pdf_of, png, sized, sparse_wav, wav, zip_bomb

pytestmark = pytest.mark.alone

LATENCY = 5.0
KINDS = ("image", "document", "audio")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.script(*[Answer(steps=(sse(chunk({"content": "I see."}), chunk(finish="stop"), usage()),))] * 3)
        yield running


@pytest.fixture(scope="module")
def huge(tmp_path_factory) -> dict[str, object]:
    """A 500-page PDF, an image of 50 megapixels and an hour of sound, on the disk."""
    folder = tmp_path_factory.mktemp("huge")
    (folder / "book.pdf").write_bytes(
        pdf(*(f"Page {n} tells of {'whales' if n == 321 else 'ships'}." for n in range(500)))
    )
    (folder / "map.png").write_bytes(png(8_000, 6_250))
    sparse_wav(folder / "hour.wav", 3_600)
    return {
        "document": Document(folder / "book.pdf"),
        "image": Image(folder / "map.png"),
        "audio": Audio(folder / "hour.wav"),
    }


def small(folder: Path) -> dict[str, object]:
    return {
        "document": Document(data=pdf("The total of the invoice is 12 euros.")),
        "image": Image(data=png(64, 48)),
        "audio": Audio(data=wav(1)),
        "video": Video(mp4(folder / "door.mp4", sound=True)),
    }


async def answered(server: OpenAIServer, *parts: object, latency: float = LATENCY):
    """The result of a run over these parts, back in time."""
    agent = Agent(OpenAI("seer", base_url=server.base_url, modalities=KINDS))
    began = time.monotonic()
    result = await agent.run(["Where are whales?", *parts], budget=Budget(latency=latency))
    took = time.monotonic() - began
    assert took < latency + 0.05, (took, result.elapsed, result.warnings)
    assert result.answer == "I see."
    return result


def sent(server: OpenAIServer) -> list[dict]:
    """What the model was sent beside texts."""
    content = server.received[-1].body["messages"][-1]["content"]
    return [] if isinstance(content, str) else [part for part in content if part["type"] != "text"]


ALL = ("image", "document", "audio", "video")
TOGETHER = [*itertools.combinations(ALL, 1), *itertools.combinations(ALL, 2), ALL]


@pytest.mark.parametrize("kinds", TOGETHER, ids="+".join)
async def test_small_files_alone_and_together(server, tmp_path, kinds):
    """Each kind reaches the endpoint in the form that chat completions prescribe."""
    parts = small(tmp_path)
    await answered(server, *(parts[kind] for kind in kinds))
    forms = {
        "image": {"image_url"},
        "document": {"file"},
        "audio": {"input_audio"},
        "video": {"image_url", "input_audio"},
    }
    assert {part["type"] for part in sent(server)} == set().union(*(forms[kind] for kind in kinds))
    assert not [line for line in server.invalid if "file" not in line]


@pytest.mark.parametrize("kinds", [("image",), ("document",), ("audio",), KINDS], ids="+".join)
async def test_huge_files_alone_and_together(server, huge, kinds):
    """Each huge file is made to fit, said so, and answered in time: a shrunk image, the pages that fit the question,
    and the beginning of a sound reach the model."""
    result = await answered(server, *(huge[kind] for kind in kinds), latency=10.0)
    told = " ".join(result.warnings)
    assert "left out" not in told
    limits = {"image": "image_pixels", "document": "pages", "audio": "audio_seconds"}
    assert all(f"media.{limits[kind]}" in told for kind in kinds)
    parts = {part["type"]: part for part in sent(server)}
    if "image" in kinds:
        assert len(base64.b64decode(parts["image_url"]["image_url"]["url"].rpartition(",")[2])) < 1_000_000
    if "audio" in kinds:
        with wave.open(io.BytesIO(base64.b64decode(parts["input_audio"]["input_audio"]["data"]))) as sound:
            assert sound.getnframes() / sound.getframerate() > 60
    if "document" in kinds:
        text = str(server.received[-1].body["messages"])
        assert "whales" in text.replace("Where are whales", "")


def test_huge_files_are_sized_at_once(huge):
    """Sizing takes under 100 ms each."""
    for part in huge.values():
        sized(part)
        began = time.process_time()
        sized(part)
        assert time.process_time() - began < 0.1


ALL_KINDS = """
import asyncio, sys
from shotclock import Agent, Audio, Document, Image, Video
from shotclock.testing import ScriptedModel

class Seer(ScriptedModel):
    modalities = frozenset({"image", "document", "audio"})

model = Seer(["I see."])
parts = [kind(path) for kind, path in zip((Image, Document, Audio, Video), sys.argv[1:])]
result = asyncio.run(Agent(model).run(["What?", *parts]))
shown = [piece.kind for pieces in model.requests[0].media.values() for piece in pieces]
assert shown[:3] == ["image", "document", "audio"] and "image" in shown[3:], (shown, result.warnings)
assert not {"PIL", "av", "pypdfium2", "tinytag"} & set(sys.modules)
"""


@pytest.fixture
def one_of_each(tmp_path) -> list[Path]:
    """A small file of each kind."""
    paths = [tmp_path / name for name in ("a.png", "a.pdf", "a.wav")]
    for path, data in zip(paths, (png(64, 48), pdf("Whales."), wav(1)), strict=True):
        path.write_bytes(data)
    return [*paths, mp4(tmp_path / "a.mp4")]


def test_readers_of_files_are_never_loaded_in_the_program(one_of_each):
    """Files of every kind are sized and read in worker processes: what reads them neither holds up the program while
    it is imported nor can take it down."""
    done = subprocess.run([sys.executable, "-c", ALL_KINDS, *one_of_each], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_program_without_a_standard_error_reads_files(one_of_each):
    """A service that has closed its standard error reads files like any other program."""
    code = ALL_KINDS.replace("import asyncio, sys", "import asyncio, os, sys; os.close(2)")
    assert subprocess.run([sys.executable, "-c", code, *one_of_each]).returncode == 0


async def test_workers_that_never_begin_cost_the_files_alone(server, tmp_path, monkeypatch):
    """Where no worker process begins, files are left out with a warning, and the answer is there in time."""
    stuck = tmp_path / "python"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    pool = processes.ProcessPool()
    monkeypatch.setattr("shotclock.tools.media.elsewhere.PROCESSES", pool)
    monkeypatch.setattr("shotclock.tools.process.sys.executable", str(stuck))
    result = await answered(server, Image(data=png(64, 48), name="cat.png"), Document(data=b"A note.", name="note.txt"))
    pool.close()
    assert any("Cat.png is left out: it was not read within" in warning for warning in result.warnings)
    assert "A note." in str(server.received[-1].body["messages"])


async def test_many_long_documents_hold_up_nothing():
    """Beside a model that hangs, an answer is put together from 32 long documents in time: what is shown of documents
    is limited in all."""
    texts = [f"Whale number {n} is {n} m long. " * 2_000 for n in range(32)]
    parts = [Document(data=text.encode(), name=f"{n}.txt") for n, text in enumerate(texts)]
    agent = Agent(ScriptedModel([Hang()]), policy=Policy(media=Media(characters=20_000)))
    began = time.monotonic()
    result = await agent.run(["How long is whale 7?", *parts], budget=Budget(latency=1.5))
    assert time.monotonic() - began < 1.55
    assert result.status == "fallback"
    assert 10_000 < sum(len(part.text) for item in result.evidence for part in item.passages) <= 20_000


def page_bomb() -> bytes:
    """A PDF of 300 kB whose page is 300 MB of operators."""
    squeezed = zlib.compressobj(9)
    line = b"0 0 m 1 1 l S\n" * 75_000
    return pdf_of([b"".join(squeezed.compress(line) for _ in range(300)) + squeezed.flush()], packed=True)


HOSTILE = {
    "an image bomb": lambda: Image(data=png(64, 64, claimed=(60_000, 60_000))),
    "an image that lies of its size": lambda: Image(data=png(64, 64, claimed=(9_000, 9_000))),
    "a cut image": lambda: Image(data=png(3_000, 3_000)[:-500]),
    "a zip bomb": lambda: Document(data=zip_bomb(20)),
    "a cut PDF": lambda: Document(data=pdf(*("word " * 9 for _ in range(9)))[:600]),
    "a program as a document": lambda: Document(data=b"\x7fELF" + b"\0" * 600),
    "an empty file": lambda: Audio(data=b""),
    "rubbish as a video": lambda: Video(data=b"\x00\x00\x00\x18ftypmp42" + b"\x01" * 900),
    "a cut sound": lambda: Audio(data=b"OggS\0\2" + b"\x07" * 600),
    "a missing file": lambda: Image("nowhere/cat.png"),
    "a private address": lambda: Image(url="http://169.254.169.254/latest/meta-data"),
    "a lying extension": lambda: Image(data=pdf("The whales are in the north sea."), name="cat.png"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_files_cost_a_warning(server, name):
    """Damaged files, bombs and lies are a warning that names the file, and the run answers."""
    part = HOSTILE[name]()
    result = await answered(server, part, "Say it.")
    assert any(part.label.lower() in warning.lower() for warning in result.warnings), result.warnings


async def test_a_page_that_unpacks_to_gigabytes_is_given_up(server):
    """A PDF bomb is killed when its share of the time is used up; other tasks of the loop go on meanwhile."""
    part, ticks = Document(data=page_bomb(), name="bomb.pdf"), []

    async def tick() -> None:
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    result = await answered(server, part)
    ticking.cancel()
    assert max(b - a for a, b in itertools.pairwise(ticks)) < 0.2
    assert any("bomb.pdf" in warning.lower() for warning in result.warnings)


class Files(http.server.BaseHTTPRequestHandler):
    """Serves an image, a file that never ends, and one that says nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        if self.path == "/cat.png":
            self.wfile.write(png(20, 10))
        elif self.path == "/slow.png":
            threading.Event().wait(8)
        else:
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 20))

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def web(monkeypatch) -> Iterator[str]:
    """A server of files on this machine, which is let through as a public one would be."""
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    allowed = frozenset({"127.0.0.1"})
    monkeypatch.setattr(
        "shotclock.agent.attach.FileFetcher",
        lambda *, max_bytes: remote.FileFetcher(allow_private_hosts=allowed, max_bytes=max_bytes),
    )
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()


async def test_an_address_is_fetched_in_time(server, web):
    """An image at an address is fetched and sent."""
    await answered(server, Image(url=f"{web}/cat.png"))
    data = sent(server)[0]["image_url"]["url"]
    assert base64.b64decode(data.rpartition(",")[2]) == png(20, 10)


@pytest.mark.parametrize(("path", "says"), [("slow.png", "was not read within"), ("endless.png", "larger than")])
async def test_an_address_that_stalls_or_floods_is_given_up(server, web, path, says):
    """An address that says nothing, or too much, costs a warning and no more than its share of the time."""
    result = await answered(server, Image(url=f"{web}/{path}"))
    assert any(says in warning for warning in result.warnings), result.warnings
