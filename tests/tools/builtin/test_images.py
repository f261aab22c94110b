"""Images: what they are is read from their headers, and a hostile one costs neither memory nor time."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import sys
import time
import zlib
from pathlib import Path

import pytest

from shotclock import Agent, ToolError, builtin_tools
from shotclock.policies.errors import InvalidPath, MissingExtra
from shotclock.tools.builtin import images as images_module
from shotclock.tools.builtin import ocr
from shotclock.tools.builtin.cropping import Cut
from shotclock.tools.builtin.images import Images
from shotclock.tools.builtin.paths import sort_paths

Image = pytest.importorskip("PIL.Image")


def images(path: Path) -> Images:
    return Images(sort_paths([path]))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(path: Path, width: int, height: int, *, data: bytes = b"", before: bytes = b"") -> Path:
    """A grey PNG of a size that it claims, with packed data of its own."""
    header = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + before + chunk(b"IDAT", data or zlib.compress(b"\0")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.gif", "GIF"), ("a.webp", "WEBP"), ("a.bmp", "BMP"), ("a.tiff", "TIFF")],
)
def test_size_and_format_are_read(name, kind, tmp_path):
    """Width, height, format by content, and bytes of the file."""
    Image.new("RGB", (64, 48)).save(tmp_path / name)
    facts = images(tmp_path / name).facts(name)
    assert (facts.format, facts.width_pixels, facts.height_pixels) == (kind, 64, 48)
    assert (facts.bytes, facts.frames, facts.warnings) == ((tmp_path / name).stat().st_size, 1, ())


def test_what_a_camera_wrote_is_read(tmp_path):
    """When, with what, how it was held, and whether it says where; the place itself is left out."""
    exif = Image.Exif()
    exif[271], exif[274] = "Lamp\0Works", 6
    exif.get_ifd(0x8769)[36867] = "2026:01:31 12:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    found = images(tmp_path / "a.jpg").facts("a.jpg").exif
    assert found["camera_make"].startswith("Lamp")
    assert (found["orientation"], found["taken"], found["has_position"]) == ("6", "2026:01:31 12:00:00", "yes")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_costs_only_itself(tmp_path):
    """The picture is described, and a warning says what is damaged."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0" + b"\xff" * 30)
    facts = images(tmp_path / "a.jpg").facts("a.jpg")
    assert facts.width_pixels == 8


def test_fifty_megapixels_are_described_from_the_header(tmp_path):
    """A large picture is described at once, whatever its data holds, and its text is not read."""
    path = png(tmp_path / "a.png", 8_000, 6_251)
    made = images(path)
    began = time.process_time()
    facts = made.facts("a.png")
    assert time.process_time() - began < 0.5
    assert (facts.width_pixels, facts.height_pixels, facts.frames) == (8_000, 6_251, None)
    assert "more than the 50,000,000 that are unpacked" in facts.warnings[0]
    for unpack in (made.text, lambda name: made.part(name, Cut())):
        with pytest.raises(ToolError, match="50,008,000 pixels"):
            unpack("a.png")


def test_a_bomb_is_refused(tmp_path):
    """A picture of 2.5 thousand million pixels is not opened, and a text chunk that unpacks without end neither."""
    with pytest.raises(ToolError, match="decompression bomb"):
        images(png(tmp_path / "a.png", 50_000, 50_000)).facts("a.png")
    text = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(80_000_000), 9))
    began = time.process_time()
    with pytest.raises(ToolError):
        images(png(tmp_path / "b.png", 8, 8, before=text)).facts("b.png")
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.tiff"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_cut_image_is_a_sentence(name, share, tmp_path):
    """Whatever is missing of a picture, it is facts or one sentence, never another failure."""
    Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: max(16, int(len(data) * share))])
    made = images(tmp_path / name)
    for call in (made.facts, made.text):
        with contextlib.suppress(ToolError):
            call(name)


def test_names_that_lie_are_refused(tmp_path):
    """A page that is called a picture is not opened as one."""
    (tmp_path / "a.png").write_text("<!doctype html><p>Please log in.</p>")
    with pytest.raises(InvalidPath, match="holds HTML, not a PNG image as its name says"):
        sort_paths([tmp_path / "a.png"])


@pytest.mark.parametrize(
    ("cut", "size"),
    [
        (Cut(), (1_024, 768)),
        (Cut(longest=100), (100, 75)),
        (Cut(left=100, top=50, right=160, bottom=90), (60, 40)),
        (Cut(left=1_900, top=1_400, right=9_999), (100, 100)),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif"])
def test_a_part_is_an_image_of_its_own(name, cut, size, tmp_path):
    """Cropped, made smaller, never larger; what is asked for past the edge ends there."""
    Image.new("RGB", (2_000, 1_500)).save(tmp_path / name)
    part = images(tmp_path / name).part(name, cut)
    shown = Image.open(io.BytesIO(part.data))
    assert (shown.format, shown.size) == ("PNG", size)
    assert part.label.startswith(name)


def test_a_photo_that_was_taken_sideways_is_upright(tmp_path):
    """Its size, the whole of it and its parts are those of the picture as it is seen."""
    exif = Image.Exif()
    exif[274] = 6
    seen = Image.new("RGB", (300, 400), "white")
    seen.paste("black", (0, 0, 300, 100))
    seen.rotate(90, expand=True).save(tmp_path / "a.jpg", exif=exif)
    made = images(tmp_path / "a.jpg")
    facts = made.facts("a.jpg")
    assert (facts.width_pixels, facts.height_pixels) == (300, 400)
    for cut, size, dark in ((Cut(), (300, 400), True), (Cut(top=200), (300, 200), False)):
        part = Image.open(io.BytesIO(made.part("a.jpg", cut).data)).convert("L")
        assert part.size == size
        assert (part.getpixel((150, 20)) < 99) == dark


@pytest.mark.parametrize("cut", [Cut(left=64), Cut(top=60, bottom=50), Cut(right=0)])
def test_a_part_outside_is_said(cut, tmp_path):
    """The message names the size of the whole."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(ToolError, match=r"a\.png is 64 x 64 pixels"):
        images(tmp_path / "a.png").part("a.png", cut)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A program in tesseract's place, which is asked as tesseract is."""

    def stand_in(code: str) -> None:
        program = tmp_path / "bin" / "tesseract"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!{sys.executable}\nimport sys, time\ndata = sys.stdin.buffer.read()\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return stand_in


def rows(*lines: str, sure: int = 90, first: int = 0) -> str:
    """What tesseract writes of these lines, each a paragraph; the first has this number."""
    return "".join(
        f"5\t1\t1\t{number}\t1\t{place}\t0\t0\t9\t9\t{sure}\t{word}\n"
        for number, line in enumerate(lines, first) for place, word in enumerate(line.split())
    )  # fmt: skip


def test_what_tesseract_is_handed(tmp_path, reader):
    """The program is given a grey PNG of ours, no larger than it needs, and its words come as passages."""
    reader("assert data[:4] == b'\\x89PNG' and sys.argv[1:3] == ['stdin', 'stdout']\n"
           "print('level\\tpage_num')\n"
           f"print({rows('lamps', 'and 2 chairs')!r} + {rows('SIZE', first=2)!r}"
           ".replace('SIZE', str(int.from_bytes(data[16:20], 'big'))))")  # fmt: skip
    Image.new("RGB", (4_000, 100)).save(tmp_path / "a.jpg")
    made = images(tmp_path / "a.jpg")
    assert [each.name for each in made.tools] == ["describe_image", "view_image", "read_image_text"]
    [passage] = made.text("a.jpg")
    assert (passage.text, passage.origin) == ("lamps\nand 2 chairs\n3500", "a.jpg")


def test_what_was_read_with_little_confidence_is_left_out(tmp_path, reader):
    """A line that was guessed rather than read is marked, and a picture of such lines alone gives none."""
    reader(f"print({rows('lamps') + rows('2 cha1rs', sure=30, first=1)!r})")
    Image.new("RGB", (90, 90)).save(tmp_path / "a.png")
    assert images(tmp_path / "a.png").text("a.png")[0].text == "lamps\n[illegible]"
    reader(f"print({rows('2 cha1rs', sure=30)!r})")
    with pytest.raises(ToolError, match="too small or too blurred"):
        images(tmp_path / "a.png").text("a.png")


INVOICE = ("Garden Project Ltd", "Invoice 2026-017", "Roses 12 at 3.50", "Total: 1,250.75 EUR")


def invoice(mode="RGB", paper=(255, 255, 255), ink=(0, 0, 0), scale=1.0):
    """A picture of an invoice."""
    from PIL import ImageDraw, ImageFont

    picture = Image.new(mode, (int(640 * scale), int(240 * scale)), paper)
    letters = ImageFont.load_default(28 * scale)
    for number, line in enumerate(INVOICE):
        ImageDraw.Draw(picture).text((40 * scale, (30 + 48 * number) * scale), line, fill=ink, font=letters)
    return picture


def held_sideways() -> tuple[object, dict]:
    exif = Image.Exif()
    exif[274] = 6
    return invoice().rotate(90, expand=True), {"exif": exif}


PICTURES = {
    "plain.png": lambda: (invoice(), {}),
    "small.png": lambda: (invoice(scale=0.5), {}),
    "dark.png": lambda: (invoice(paper=(20, 20, 30), ink=(230, 230, 230)), {}),
    "transparent.png": lambda: (invoice("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)), {}),
    "sideways.png": lambda: (invoice().rotate(90, expand=True), {}),
    "camera.jpg": held_sideways,
    "skewed.webp": lambda: (invoice().rotate(3, expand=True, fillcolor=(255, 255, 255)), {}),
}


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")
@pytest.mark.parametrize("name", PICTURES)
def test_text_is_read_where_tesseract_is_installed(name, tmp_path):
    """The real program reads an invoice word for word: small, dark, transparent, sideways or skewed."""
    picture, how = PICTURES[name]()
    picture.save(tmp_path / name, **how)
    text = "\n".join(passage.text for passage in images(tmp_path / name).text(name))
    assert [line for line in INVOICE if line in text] == list(INVOICE), text


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")
@pytest.mark.parametrize(("scale", "says"), [(0.15, "too small or too blurred|no text"), (None, "no text was found")])
def test_nothing_is_invented_where_nothing_can_be_read(scale, says, tmp_path):
    """Of letters that nobody can read, and of an empty sheet, no text comes back."""
    picture = Image.new("RGB", (640, 240), (255, 255, 255)) if scale is None else invoice(scale=scale)
    picture.save(tmp_path / "a.png")
    with pytest.raises(ToolError, match=says):
        images(tmp_path / "a.png").text("a.png")


@pytest.mark.parametrize(
    ("code", "says"),
    [("time.sleep(30)", "took more than"), ("sys.exit(3)", "status 3"), ("pass", "no text was found")],
)
def test_a_reader_that_hangs_or_fails_is_said(code, says, tmp_path, reader, monkeypatch):
    """It is ended in its time."""
    monkeypatch.setattr(ocr, "SECONDS", 1.0)
    reader(code)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(ToolError, match=says):
        images(tmp_path / "a.png").text("a.png")


def test_the_missing_extra_is_named(tmp_path, monkeypatch):
    """Who names a picture is told what to install; one that lies in a folder is left out with a warning."""
    from shotclock.tools.builtin import paths

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.setattr(images_module, "installed", lambda: False)
    monkeypatch.setattr(paths, "_PILLOW", False)
    with pytest.raises(MissingExtra, match=r"shotclock\[media\]"):
        builtin_tools([tmp_path / "a.png"])
    assert "(1 .png)" in sort_paths([tmp_path]).warnings[0]


def test_the_embedded_model_says_how_large_a_picture_is(tmp_path):
    """A question about a picture is answered from its header."""
    Image.new("RGB", (640, 480)).save(tmp_path / "cat.png")
    result = Agent("rules", builtin_tools([tmp_path])).run_sync("How large is cat.png?")
    assert "640" in result.answer
    assert "480" in result.answer
    assert [each.tool for each in result.evidence] == ["describe_image"]
