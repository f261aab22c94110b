"""Sizes: by content and header alone, quickly and in flat memory, whatever the file holds."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
import zlib

import pytest

from shotclock import Audio, Document, Image, Video
from shotclock.policies.errors import MissingExtra
from shotclock.tools.media import decode
from shotclock.tools.media.sniff import sniff
from shotclock.tools.media.source import Source

from .files import mp4, pdf, pdf_of, png, sized, sparse_wav, wav, zip_bomb


def test_an_image_is_sized_by_its_header():
    """Width and height come from the header, and the type from the content."""
    found = sized(Image(data=png(40, 30)))
    assert (found.kind, found.media_type, found.width, found.height, found.problem) == (
        "image",
        "image/png",
        40,
        30,
        "",
    )


def test_a_document_is_sized_in_pages():
    """A PDF has the pages it says, and a text file is a document without pages."""
    assert sized(Document(data=pdf("one", "two"))).pages == 2
    text = sized(Document(data=b"Some words.\n"))
    assert (text.kind, text.media_type, text.pages) == ("document", "text/plain", None)


def test_sound_and_video_are_sized_in_seconds(tmp_path):
    """A sound and a video have their length, and a video its picture's size."""
    assert sized(Audio(data=wav(2.5))).seconds == pytest.approx(2.5)
    found = sized(Video(mp4(tmp_path / "a.mp4")))
    assert (found.kind, found.width, found.height) == ("video", 64, 48)
    assert found.seconds == pytest.approx(2.0, abs=0.1)


def test_a_lying_extension_is_found_out(tmp_path):
    """What a file is called changes nothing in what it is."""
    lying = tmp_path / "cat.png"
    lying.write_bytes(pdf("not a cat"))
    assert sized(Image(lying)).kind == "document"
    lying.write_bytes(wav(1))
    assert sized(Image(lying)).kind == "audio"


def test_huge_files_are_sized_in_little_time_and_memory(tmp_path):
    """500 pages, 50 megapixels and an hour of sound take under 100 ms each and no memory of their size."""
    big = tmp_path / "big.png"
    big.write_bytes(png(8000, 6250))
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(*(f"page {n}" for n in range(500))))
    parts = [Image(big), Document(book), Audio(sparse_wav(tmp_path / "hour.wav", 3600))]
    for each in (Image(data=png(1, 1)), Document(data=pdf("a")), Audio(data=wav(0.1))):
        sized(each)  # the readers are imported once
    tracemalloc.start()
    found = []
    for part in parts:
        began = time.process_time()
        found.append(sized(part))
        assert time.process_time() - began < 0.1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [found[0].pixels, found[1].pages, found[2].seconds] == [50_000_000, 500, pytest.approx(3600)]
    assert peak < 2_000_000


MEMORY = """
import resource, sys
from shotclock import Image
from shotclock.tools.media.size import measured
from shotclock.tools.media.sniff import told
from shotclock.tools.media.source import Source

for folder in sys.argv[1:]:
    for name in ("a.png", "a.jpg", "a.pdf", "a.wav", "a.mp4"):
        source = Source.of(Image(f"{folder}/{name}"))
        assert not measured(source.where, told(source)).problem, name
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is the system's own")
def test_huge_files_are_sized_in_the_memory_of_small_ones(tmp_path):
    """A process that has sized small files needs next to no more memory for huge ones, its native readers included."""
    from PIL import Image as Picture

    for folder, side, pages, seconds in (("small", 64, 1, 1), ("huge", 7_072, 500, 3_600)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(png(side, side))
        Picture.new("L", (side, side)).save(tmp_path / folder / "a.jpg")
        (tmp_path / folder / "a.pdf").write_bytes(pdf(*(f"page {n}" for n in range(pages))))
        sparse_wav(tmp_path / folder / "a.wav", seconds)
        mp4(tmp_path / folder / "a.mp4", seconds=min(60, seconds))
    done = subprocess.run([sys.executable, "-c", MEMORY, tmp_path / "small", tmp_path / "huge"], capture_output=True,
                          text=True, check=True)  # fmt: skip
    small, huge = map(int, done.stdout.split())
    assert huge - small < 8_000  # kilobytes; the image alone unpacks to 50,000


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\nrubbish", "damaged"),
        (png(64, 64, claimed=(60_000, 60_000)), "too large to be unpacked"),
        (b"%PDF-1.7\nrubbish", "damaged"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "read|damaged"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 64, "damaged|no picture"),
        (zip_bomb(1), "no kind of file"),
        (b"\x7fELF" + b"\0" * 60, "no kind of file"),
    ],
    ids=["empty", "png", "bomb", "pdf", "wav", "mp4", "zip", "program"],
)
def test_what_is_damaged_says_so(data, says):
    """A damaged file, a bomb and a stranger have a problem in words, and raise nothing."""
    import re

    assert re.search(says, sized(Image(data=data)).problem)


def test_a_page_that_unpacks_to_much_is_not_unpacked_to_be_sized():
    """A PDF whose page holds 200 MB of zeros is sized like any other."""
    squeezed = zlib.compressobj(9)
    content = b"".join(squeezed.compress(bytes(1 << 20)) for _ in range(200)) + squeezed.flush()
    began = time.process_time()
    assert sized(Document(data=pdf_of([content], packed=True))).pages == 1
    assert time.process_time() - began < 0.2


def test_what_is_no_file_is_refused(tmp_path):
    """A missing file, a folder and a pipe are an error in words, and nothing is opened that could block."""
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing.png", tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="it "):
            Source.of(Image(path))


def test_text_is_told_from_binary():
    """Text of several kinds is a document by its own type, and binary rubbish is nothing."""
    assert sniff(b"<!doctype html><html>").media_type == "text/html"
    assert sniff(b'{"a": 1}').media_type == "application/json"
    assert sniff(b"\x01\x00\x02\x00" * 30).kind is None


def test_texts_need_no_extra(monkeypatch):
    """Where the extra `media` is not installed texts are told all the same, and of anything else the extra is named."""
    monkeypatch.setitem(sys.modules, "filetype", None)
    assert sniff(b"# Notes\n\nThe total is 12 euros.\n").kind == "document"
    with pytest.raises(MissingExtra, match=r"shotclock\[media\]"):
        sniff(png(4, 4))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"shotclock\[video\]"):
        decode.sound(wav(1), 1.0)


def test_parts_import_no_reader():
    """Making a part loads none of the libraries that read files."""
    code = (
        "import sys; from shotclock import Image; Image('a'); "
        "assert not {'PIL', 'av', 'pypdfium2', 'filetype', 'tinytag'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
