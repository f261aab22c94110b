"""What lies in an archive, read from its directory: nothing is written anywhere."""

from __future__ import annotations

import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

from ...policies.errors import ToolError
from .unpacking import MAX_READ, Bounded, TooMuch, Unpacked

MAX_MEMBERS: Final = 10_000
"""Members of an archive that are looked at; further ones are not."""
MAX_DIRECTORY: Final = 5_000_000
"""Bytes of a ZIP archive's directory, which is read whole."""
BOMB_RATIO: Final = 200
"""Times its packed size from which on an archive, or a member of it, is called a bomb."""
BOMB_BYTES: Final = 10_000_000
"""Bytes below which nothing is called a bomb."""

_ARCHIVE_NAME = re.compile(r"\.(zip|jar|whl|docx|xlsx|7z|rar|tar|tgz|tbz2?|txz|gz|bz2|xz|zst)$", re.IGNORECASE)
# What the readers raise of archives that are damaged; a member in want of a password is a RuntimeError.
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    RuntimeError,
    OverflowError,
)
_DRIVE = re.compile(r"[A-Za-z]:")

Type = Literal["file", "folder", "link", "special"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of an archive.

    Attributes:
        name: its path, as the archive has it.
        type: what it is.
        bytes: its size unpacked, as the archive says.
        packed_bytes: its size in the archive; `None` where the archive is packed as a whole.
        encrypted: whether a password is needed.
    """

    name: str
    type: Type
    bytes: int
    packed_bytes: int | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The members of an archive, and what is wrong with it in one sentence each."""

    members: tuple[Member, ...]
    warnings: tuple[str, ...] = ()


def packing_of(path: Path) -> str | None:
    """How a tar archive is packed, by its name's ending: `gzip`, `bzip2`, `xz`, or not at all."""
    ending = path.suffix.lower()
    return {".gz": "gzip", ".tgz": "gzip", ".bz2": "bzip2", ".tbz2": "bzip2", ".xz": "xz", ".txz": "xz"}.get(ending)


def is_zip(path: Path) -> bool:
    """Whether a path names a ZIP archive; it is a tar archive else."""
    return path.suffix.lower() == ".zip"


def contents(path: Path) -> Contents:
    """What lies in an archive.

    Raises:
        ToolError: it is damaged, or made to do harm.
        OSError: it cannot be read.
    """
    found = _zip_contents(path) if is_zip(path) else _tar_contents(path)
    return Contents(members=found.members, warnings=(*found.warnings, *hazards(found.members, path.stat().st_size)))


def hazards(members: tuple[Member, ...], archive_bytes: int) -> Iterator[str]:
    """What a person should know before unpacking these members."""
    total = sum(member.bytes for member in members)
    if total > BOMB_BYTES and total > BOMB_RATIO * max(1, archive_bytes):
        yield (f"it may be a decompression bomb: {total:,} bytes in an archive of {archive_bytes:,}; do not unpack it")
    for what, found in (
        ("would be written outside the folder it is unpacked in", [m.name for m in members if _leads_out(m.name)]),
        ("is a link, which may lead anywhere", [m.name for m in members if m.type == "link"]),
        ("is a device or another special file", [m.name for m in members if m.type == "special"]),
        ("is encrypted and cannot be read without its password", [m.name for m in members if m.encrypted]),
        ("is an archive itself, which is not looked into", [m.name for m in members if _nested(m)]),
        ("is there more than once", [name for name, n in Counter(m.name for m in members).items() if n > 1]),
    ):
        if found:
            others = f", and {len(found) - 1:,} more" if len(found) > 1 else ""
            yield f"{_shown(found[0])!r} {what}{others}"


def _shown(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:99]}…"


def _nested(member: Member) -> bool:
    return member.type == "file" and _ARCHIVE_NAME.search(member.name) is not None


def _leads_out(name: str) -> bool:
    plain = name.replace("\\", "/")
    return plain.startswith("/") or ".." in plain.split("/") or _DRIVE.match(plain) is not None


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A ZIP archive whose directory is read in bounded memory.

    Raises:
        ToolError: it is damaged, or its directory is too large.
    """
    with open(path, "rb") as file, _told(path), zipfile.ZipFile(_directory(file)) as archive:
        yield archive


def _directory(file: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", Bounded(file, MAX_DIRECTORY))


@contextmanager
def opened_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive, packed or not, that is read forwards in bounded memory.

    Raises:
        ToolError: it is damaged, or asks for more than is unpacked.
    """
    packing = packing_of(path)
    with open(path, "rb") as file, _told(path):
        stream: Any = Bounded(file, MAX_READ) if packing is None else Unpacked(file, packing)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            yield archive


def entries(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The entries of a tar archive, one by one; the archive itself would keep all of them."""
    keeper: Any = archive
    for info in archive:
        yield info
        keeper.members = []


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What readers raise of archives that are damaged, as one sentence."""
    try:
        yield
    except _DAMAGED as error:
        said = " ".join(str(error).split())[:150] or type(error).__name__
        raise ToolError(f"{path.name} is damaged or cut off ({said})") from None
    except TooMuch:
        raise ToolError(f"{path.name} holds, or claims to hold, more than is looked at of an archive") from None


def _zip_contents(path: Path) -> Contents:
    with opened_zip(path) as archive:
        listed = archive.infolist()
        places = Counter(info.header_offset for info in listed)
        members = tuple(_zip_member(info) for info in listed[:MAX_MEMBERS])
    warnings = [_more(len(listed))] if len(listed) > MAX_MEMBERS else []
    if any(count > 1 for count in places.values()):
        warnings.append("several of its members share the same packed data, as decompression bombs have it")
    return Contents(members=members, warnings=tuple(warnings))


def _zip_member(info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    kind: Type = "link" if stat.S_ISLNK(mode) else "folder" if info.is_dir() else "file"
    return Member(
        name=_text(info.filename),
        type=kind,
        bytes=info.file_size,
        packed_bytes=info.compress_size,
        encrypted=bool(info.flag_bits & 0x1),
    )


def _tar_contents(path: Path) -> Contents:
    members: list[Member] = []
    try:
        with opened_tar(path) as archive:
            for info in entries(archive):
                if len(members) == MAX_MEMBERS:
                    return Contents(members=tuple(members), warnings=(_more(None),))
                members.append(_tar_member(info))
    except ToolError as error:
        if not members:
            raise
        return Contents(
            members=tuple(members), warnings=(f"only its first {len(members):,} members are listed: {error}",)
        )
    return Contents(members=tuple(members))


def _tar_member(info: tarfile.TarInfo) -> Member:
    kind: Type = "folder" if info.isdir() else "link" if info.issym() or info.islnk() else "special"
    return Member(name=_text(info.name), type="file" if info.isreg() else kind, bytes=max(0, info.size))


def _more(count: int | None) -> str:
    number = "more" if count is None else f"{count:,}"
    return f"it has {number} members, of which the first {MAX_MEMBERS:,} were looked at"


def _text(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")
