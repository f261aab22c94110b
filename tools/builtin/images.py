"""Images: what they are, from their headers alone, parts of them, and their text where tesseract is installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import Field

from ...policies.errors import MissingExtra, ToolError
from ..call import Passage
from ..media.parts import Image as Part
from ..tool import Tool
from .cropping import LONGEST, MOST, ORIENTATION, Cut, cut_out, upright
from .named import Named
from .ocr import PROGRAM, prepared, text_in
from .page import passages, plain_paragraphs
from .paths import Files

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

Left = Annotated[int, Field(description="Pixels from the left edge at which the part begins.", ge=0)]
Top = Annotated[int, Field(description="Pixels from the upper edge at which the part begins.", ge=0)]
Right = Annotated[int | None, Field(description="Pixels from the left edge at which it ends; the right edge if null.")]
Bottom = Annotated[
    int | None, Field(description="Pixels from the upper edge at which it ends; the lower edge if null.")
]
Longest = Annotated[int, Field(description="Pixels of its longer side at most.", ge=1, le=MOST)]

MAX_FILE: Final = 100_000_000
"""Bytes of an image file that is opened at all."""
MAX_PIXELS: Final = 50_000_000
"""Pixels of an image that is unpacked, as for reading its text; larger ones are described only."""
MAX_FRAMES_FILE: Final = 5_000_000
"""Bytes of a file whose frames are counted, which means to go through all of it."""
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""The only readers that are tried: others are made for rare formats, and each is more code that strangers can reach."""
_EXIF: Final = {271: "camera_make", 272: "camera_model", ORIENTATION: "orientation", 306: "changed", 36867: "taken"}
_EXIF_PART: Final = 0x8769
_GPS_PART: Final = 0x8825
_MAX_EXIF: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an image is.

    Attributes:
        image: its name.
        format: such as `PNG` or `JPEG`, by its content.
        width_pixels: its width, as it is held upright.
        height_pixels: its height.
        megapixels: both together.
        colours: such as `RGB`, `RGBA`, `grey` or `palette`.
        bytes: the size of the file.
        frames: how many pictures it holds; `None` where that was not counted.
        exif: what the camera wrote: `taken`, `camera_make`, `camera_model`, `orientation`, `has_position`.
        warnings: what is odd about it, one sentence each.
    """

    image: str
    format: str
    width_pixels: int
    height_pixels: int
    megapixels: float
    colours: str
    bytes: int
    frames: int | None = None
    exif: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Images:
    """Images and the tools that look at them.

    Args:
        files: what `sort_paths` found; its `images` are taken.

    Raises:
        MissingExtra: the extra `media` is not installed.
    """

    def __init__(self, files: Files) -> None:
        if not installed():
            raise MissingExtra("looking at images", "media")
        self._named = Named(files, files.images, "image")

    @property
    def tools(self) -> list[Tool]:
        """The tools that work on this machine."""
        return [self.describe_image, self.view_image, *([self.read_image_text] if shutil.which(PROGRAM) else [])]

    @cached_property
    def describe_image(self) -> Tool:
        """The tool: `describe_image(image) -> Facts`."""

        def describe_image(image: str) -> Facts:
            return self.facts(image)

        says = "How large an image is (width and height in pixels, bytes), its format, and what its camera wrote of it."
        return self._named.tool(describe_image, says)

    @cached_property
    def view_image(self) -> Tool:
        """The tool: `view_image(image, left=0, top=0, right=None, bottom=None, longest=1024) -> Image`."""

        def view_image(
            image: str,
            left: Left = 0,
            top: Top = 0,
            right: Right = None,
            bottom: Bottom = None,
            longest: Longest = LONGEST,
        ) -> Part:
            return self.part(image, Cut(left=left, top=top, right=right, bottom=bottom, longest=longest))

        return self._named.tool(view_image, "Crop an image, or make it smaller, to look at it.")

    @cached_property
    def read_image_text(self) -> Tool:
        """The tool: `read_image_text(image) -> list[Passage]`, by tesseract."""

        def read_image_text(image: str) -> list[Passage]:
            return self.text(image)

        return self._named.tool(read_image_text, "Read the text that is written in an image.")

    def facts(self, image: str) -> Facts:
        """What the image of that name is, from its header.

        Raises:
            ToolError: there is none of that name, or it is damaged.
        """
        path = self._named.path(image)
        return self._named.read(path, lambda path: _facts(image, path))

    def part(self, image: str, cut: Cut) -> Part:
        """A part of the image of that name, as an image.

        Raises:
            ToolError: there is none of that name, it is too large or damaged, or the part lies outside of it.
        """
        path = self._named.path(image)
        return self._named.read(path, lambda path: _unpacked(image, path, lambda picture: cut_out(image, picture, cut)))

    def text(self, image: str) -> list[Passage]:
        """The text in the image of that name.

        Raises:
            ToolError: there is none that can be read, the image is too large or damaged, or it took too long.
        """
        path = self._named.path(image)
        png = self._named.read(path, lambda path: _unpacked(image, path, prepared))
        found = passages(plain_paragraphs(text_in(image, png)))
        return [Passage(text=piece, origin=image) for piece in found]


def installed() -> bool:
    """Whether images can be looked at."""
    return find_spec("PIL") is not None


def _opened(name: str, path: Path) -> Image.Image:
    """An image whose header is read."""
    from PIL import Image

    size = path.stat().st_size
    if size > MAX_FILE:
        raise ToolError(f"{name} has {size:,} bytes; an image may have {MAX_FILE:,}")
    try:
        return Image.open(path, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ToolError(f"{name} may be a decompression bomb and is not opened: {error}") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise ToolError(f"{name} is damaged, or no {', '.join(_FORMATS)}") from None
    except Exception as error:  # the readers are made for good files, and damaged ones make them raise anything
        raise _damaged(name, error) from None


def _damaged(name: str, error: BaseException) -> ToolError:
    return ToolError(f"{name} is damaged ({' '.join(str(error).split())[:100] or type(error).__name__})")


def _facts(name: str, path: Path) -> Facts:
    with _opened(name, path) as image:
        exif, odd = _exif(image)
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            odd.append(
                f"it has {pixels:,} pixels, more than the {MAX_PIXELS:,} that are unpacked; only its header was read"
            )
        width, height = upright(image.size, exif.get("orientation", ""))
        return Facts(
            image=name,
            format=image.format or "unknown",
            width_pixels=width,
            height_pixels=height,
            megapixels=round(pixels / 1e6, 2),
            colours={"L": "grey", "1": "black and white", "P": "palette"}.get(image.mode, image.mode),
            bytes=path.stat().st_size,
            frames=_frames(image, path),
            exif=exif,
            warnings=tuple(odd),
        )


def _frames(image: Image.Image, path: Path) -> int | None:
    if image.width * image.height > MAX_PIXELS or path.stat().st_size > MAX_FRAMES_FILE:
        return None
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # damaged further on; the header was good
        return None


def _exif(image: Image.Image) -> tuple[dict[str, str], list[str]]:
    """What a camera wrote, and what is wrong with it; only what stands before the picture is read."""
    from PIL import Image

    raw = image.info.get("exif")
    if not isinstance(raw, bytes):
        return {}, []
    try:
        read = Image.Exif()
        read.load(raw)
        tags: dict[int, Any] = {**read, **read.get_ifd(_EXIF_PART)}
        found = {name: _text(tags[tag]) for tag, name in _EXIF.items() if tags.get(tag) not in (None, "")}
        return found | ({"has_position": "yes"} if read.get_ifd(_GPS_PART) else {}), []
    except Exception:  # as for the image itself
        return {}, ["what its camera wrote of it is damaged"]


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return " ".join(text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8").split())[:_MAX_EXIF]


def _unpacked(name: str, path: Path, how: Callable[[Image.Image], T]) -> T:
    """What `how` makes of an image that is small enough to be unpacked."""
    with _opened(name, path) as image:
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise ToolError(f"{name} has {pixels:,} pixels; images of at most {MAX_PIXELS:,} are unpacked")
        try:
            return how(image)
        except ToolError:
            raise
        except Exception as error:  # as for the header
            raise _damaged(name, error) from None
