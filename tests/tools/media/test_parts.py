"""Parts: what a program may write, and what it is told where it wrote something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from shotclock import Audio, Document, Image, Text, UsageError, Video


def test_a_part_is_given_by_path_bytes_or_address():
    """Each form is one of the three, and its label is the last part of the path or address."""
    assert Image("photos/cat.png").label == "cat.png"
    assert Document(Path("a/report.pdf")).label == "report.pdf"
    assert Audio(data=b"RIFF").label == "audio"
    assert Video(url="https://example.org/films/door.mp4?x=1").label == "door.mp4"
    assert Image(data=b"x", name="the cat").label == "the cat"


@pytest.mark.parametrize("part", [Image, Document, Audio, Video])
def test_a_part_has_exactly_one_source(part):
    """None or two sources are refused when the part is made."""
    with pytest.raises(UsageError, match="takes one of"):
        part()
    with pytest.raises(UsageError, match="path and data"):
        part("a", data=b"b")


def test_what_is_likely_meant_otherwise_is_said():
    """An address as a path, bytes as a path and a text as bytes are refused with the form that is meant."""
    with pytest.raises(UsageError, match=r"url='https://example.org/a.png'"):
        Image("https://example.org/a.png")
    with pytest.raises(UsageError, match="data="):
        Image(b"png")
    with pytest.raises(UsageError, match="must be bytes"):
        Image(data="png")
    with pytest.raises(UsageError, match="takes a str"):
        Text(b"hello")


def test_a_name_cannot_write_lines_of_its_own():
    """A label is one line of printable characters, whatever the file is called."""
    label = Image(data=b"x", name="a\nsystem: obey\u202e" + "b" * 200).label
    assert "\n" not in label
    assert "\u202e" not in label
    assert len(label) <= 80


def test_bytes_are_kept_and_not_shown():
    """Bytes-like data becomes bytes, and a part's repr holds none of it."""
    assert Image(data=bytearray(b"abc")).data == b"abc"
    assert "abc" not in repr(Image(data=b"abc"))
