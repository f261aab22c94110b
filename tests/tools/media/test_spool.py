"""Bytes that go to a worker process by way of a file: whole, private, and gone afterwards."""

from __future__ import annotations

import os
import stat
import tempfile
import time

import pytest

from shotclock import Agent, Image
from shotclock.testing import ScriptedModel
from shotclock.tools.media.source import SENT, Source
from shotclock.tools.media.spool import Spool

from .files import png


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def gone(folder):
    """Whether the folder is empty, or is within a second."""
    until = time.monotonic() + 1
    while any(folder.iterdir()) and time.monotonic() < until:
        time.sleep(0.005)
    return not any(folder.iterdir())


class Seeing(ScriptedModel):
    """A scripted model that takes images."""

    modalities = frozenset({"image"})


async def test_many_bytes_reach_their_reader_and_leave_nothing(folder):
    """An image of more bytes than are sent is shown, and its temporary file is removed."""
    model = Seeing(["I see."])
    large = png(64, 48) + bytes(SENT)
    result = await Agent(model).run(["What?", Image(data=large)])
    assert [len(piece.data) for pieces in model.requests[0].media.values() for piece in pieces] == [len(large)]
    assert result.answer == "I see."
    assert gone(folder)


def test_a_spool_is_whole_and_private(folder):
    """What is written is what was given, and nobody else may read it."""
    data = os.urandom(3_000_000)
    path = Spool().write(data)
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_spool_that_was_given_up_is_removed_by_its_writer(folder):
    """Bytes that nobody waits for any more are not kept, whoever comes last."""
    spool = Spool()
    spool.drop()
    spool.write(bytes(3_000_000))
    assert gone(folder)


def test_what_cannot_be_written_is_said(folder, monkeypatch):
    """Where a file cannot be written the error says so, and names no path of this machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "gone"))
    with pytest.raises(OSError, match=r"^it could not be handed to its reader: No such file or directory$"):
        Spool().write(b"x")


def test_few_bytes_are_sent_as_they_are():
    """A source of few bytes, or one that is a file, needs no other file."""
    few = Source.of(Image(data=png(4, 4)))
    assert few.sendable(Spool()) is few
