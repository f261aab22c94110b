"""Archives: what lies in them is said, what could do harm is named, and nothing they claim costs memory or time."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import struct
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from shotclock import Agent, ToolError, builtin_tools
from shotclock.policies.errors import InvalidPath
from shotclock.tools.builtin.archives import Archives
from shotclock.tools.builtin.members import MAX_MEMBERS
from shotclock.tools.builtin.paths import sort_paths

PACKINGS = {"": lambda data: data, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def archives(path: Path) -> Archives:
    return Archives(sort_paths([path]))


def zipped(path: Path, **members: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path.write_bytes(PACKINGS[path.suffix if path.suffix != ".tar" else ""](raw.getvalue()))
    return path


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_a_zip_is_listed_with_sizes_and_ratio(tmp_path):
    """Names, sizes, and how many times larger it is unpacked."""
    path = zipped(tmp_path / "a.zip", **{"one.txt": "x" * 5_000, "sub/two.csv": "a,b\n1,2\n"})
    listing = archives(path).listing("a.zip")
    assert [(m.name, m.bytes) for m in listing.members] == [("one.txt", 5_000), ("sub/two.csv", 8)]
    assert (listing.files, listing.unpacked_bytes, listing.archive_bytes) == (2, 5_008, path.stat().st_size)
    assert listing.ratio == round(5_008 / path.stat().st_size, 1)
    assert listing.warnings == ()


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_tar_is_listed_and_read_however_it_is_packed(packing, tmp_path):
    """A member's text comes as passages that name the archive and the member."""
    path = tarred(tmp_path / f"a.tar{packing}", (info("notes/one.txt"), b"There are 7 lamps."), (info("b.txt"), b"b"))
    made = archives(path)
    assert [m.name for m in made.listing(path.name).members] == ["notes/one.txt", "b.txt"]
    [passage] = made.text(path.name, "notes/one.txt")
    assert (passage.text, passage.origin) == ("There are 7 lamps.", f"{path.name}/notes/one.txt")


def test_what_could_do_harm_is_said(tmp_path):
    """Paths that lead out, links, special files, nested archives, doubles and passwords are warned of."""
    path = tarred(
        tmp_path / "a.tar",
        (info("../../etc/passwd"), b""),
        (info("/root/.ssh/key"), b""),
        (info("link", tarfile.SYMTYPE, "/etc"), b""),
        (info("device", tarfile.CHRTYPE), b""),
        (info("inner.zip"), b"PK"),
        (info("twice"), b""),
        (info("twice"), b""),
    )
    said = " ".join(archives(path).listing("a.tar").warnings)
    assert "'../../etc/passwd' would be written outside" in said
    assert "and 1 more" in said
    for part in (
        "'link' is a link",
        "'device' is a device",
        "'inner.zip' is an archive itself",
        "'twice' is there more",
    ):
        assert part in said
    locked = zipped(tmp_path / "b.zip", secret="s" * 50)
    data = bytearray(locked.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    locked.write_bytes(data)
    assert "encrypted" in archives(locked).listing("b.zip").warnings[0]
    with pytest.raises(ToolError, match="encrypted"):
        archives(locked).text("b.zip", "secret")


@pytest.mark.parametrize("member", ["link", "folder"])
def test_what_is_no_file_is_not_read(member, tmp_path):
    """A link is never followed, in a tar archive or a ZIP."""
    path = tarred(
        tmp_path / "a.tar", (info("link", tarfile.SYMTYPE, "/etc/passwd"), b""), (info("folder", tarfile.DIRTYPE), b"")
    )
    with pytest.raises(ToolError, match="ask for a file"):
        archives(path).text("a.tar", member)
    zip_info = zipfile.ZipInfo("link")
    zip_info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(zip_info, "/etc/passwd")
    assert "is a link" in archives(tmp_path / "b.zip").listing("b.zip").warnings[0]
    with pytest.raises(ToolError, match="ask for a file"):
        archives(tmp_path / "b.zip").text("b.zip", "link")


def bounded(call) -> object:
    """What a call gives, in at most 5 s and 30 MB."""
    tracemalloc.start()
    began = time.process_time()
    try:
        return call()
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 30_000_000
        assert time.process_time() - began < 5


def test_a_bomb_in_a_zip_is_named_and_not_unpacked(tmp_path):
    """A member of 300 MB of zeros is listed, warned of, and refused as text."""
    with (
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w") as out,
    ):
        for _ in range(300):
            out.write(bytes(1_000_000))
    made = archives(tmp_path / "bomb.zip")
    listing = bounded(lambda: made.listing("bomb.zip"))
    assert "decompression bomb" in listing.warnings[0]
    with pytest.raises(ToolError, match="300,000,000 bytes"):
        made.text("bomb.zip", "zeros")


def test_a_member_that_is_larger_than_the_archive_says_is_refused(tmp_path):
    """The size in the directory is believed for a message, and for nothing else."""
    path = zipped(tmp_path / "a.zip", lie="y" * 3_000_000)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<L", 10)
    path.write_bytes(data)
    with pytest.raises(ToolError):
        bounded(lambda: archives(path).text("a.zip", "lie"))


def test_a_bomb_in_a_packed_tar_is_cut_off(tmp_path):
    """Past 100 MB nothing more is unpacked; what came before is listed, with a warning."""
    head = tarred(tmp_path / "a.tar", (info("first.txt"), b"1")).read_bytes()[:1024]
    big = info("zeros")
    big.size = 8_000_000_000
    raw = zipfile.zlib.compressobj(9, wbits=31)
    packed = raw.compress(head + big.tobuf(tarfile.GNU_FORMAT))
    for _ in range(120):
        packed += raw.compress(bytes(1_000_000))
    (tmp_path / "bomb.tar.gz").write_bytes(packed + raw.flush())
    listing = bounded(lambda: archives(tmp_path / "bomb.tar.gz").listing("bomb.tar.gz"))
    assert [m.name for m in listing.members] == ["first.txt", "zeros"]
    assert "only its first 2 members are listed" in listing.warnings[0]
    assert "decompression bomb" in listing.warnings[1]


def test_a_header_that_claims_a_lot_costs_nothing(tmp_path):
    """A tar header of 8 GB and a ZIP directory of 3 GB are refused before a byte of them is read."""
    pax = info("pax", tarfile.XHDTYPE)
    pax.size = 8_000_000_000
    (tmp_path / "a.tar").write_bytes(pax.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(ToolError, match="claims to hold"):
        bounded(lambda: archives(tmp_path / "a.tar").listing("a.tar"))
    path = zipped(tmp_path / "b.zip", a="a")
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<L", 3_000_000_000)
    path.write_bytes(data)
    with pytest.raises(ToolError):
        bounded(lambda: archives(path).listing("b.zip"))


def test_many_members_are_counted_up_to_the_limit(tmp_path):
    """An archive of very many members is looked at in part, which is said; 200 of them are named."""
    path = tarred(tmp_path / "a.tar.gz", *((info(f"f{n}"), b"") for n in range(MAX_MEMBERS + 5)))
    listing = archives(path).listing("a.tar.gz")
    assert (listing.files, len(listing.members)) == (MAX_MEMBERS, 200)
    assert f"the first {MAX_MEMBERS:,}" in listing.warnings[0]
    assert "9,800 further members" in listing.warnings[-1]


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_archive_is_a_sentence(ending, share, tmp_path):
    """Whatever is missing of an archive, it is a listing or one sentence, never another failure."""
    path = tmp_path / f"a.{ending}"
    content = bytes(range(256)) * 40
    _ = zipped(path, x=content) if ending == "zip" else tarred(path, (info("x"), content), (info("y"), content))
    data = path.read_bytes()
    path.write_bytes(data[: max(600 if ending == "tar" else 40, int(len(data) * share))])
    made = archives(path)
    for call in (lambda: made.listing(path.name), lambda: made.text(path.name, "y")):
        with contextlib.suppress(ToolError):
            call()


def test_names_that_lie_are_refused(tmp_path):
    """A picture that is called an archive is not opened as one, and a 7z archive is no kind that is read."""
    (tmp_path / "a.zip").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(InvalidPath, match="holds a PNG image, not a ZIP archive"):
        sort_paths([tmp_path / "a.zip"])
    (tmp_path / "b.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(40))
    with pytest.raises(InvalidPath, match=r"not supported \(\.7z\)"):
        sort_paths([tmp_path / "b.7z"])


def test_binary_and_absent_members_are_said(tmp_path):
    """The message names what there is."""
    path = zipped(tmp_path / "a.zip", data=bytes(100), note="hi", page="<!doctype html><p>Seven lamps.</p>")
    made = archives(path)
    with pytest.raises(ToolError, match="binary data"):
        made.text("a.zip", "data")
    with pytest.raises(ToolError, match="it has data, note, page"):
        made.text("a.zip", "absent")
    with pytest.raises(ToolError, match=r"there are: a\.zip"):
        made.listing("b.zip")
    assert [p.text for p in made.text("a.zip", "page")] == ["Seven lamps."]


def test_the_embedded_model_looks_into_an_archive(tmp_path):
    """A question about an archive is answered by its listing."""
    path = zipped(tmp_path / "archive.zip", **{"lamp.txt": "seven"})
    result = Agent("rules", builtin_tools([path])).run_sync("What is in archive.zip?")
    assert "lamp.txt" in result.answer
    assert [each.tool for each in result.evidence] == ["list_archive"]
