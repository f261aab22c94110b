"""Archives (ZIP and tar): what lies in them, and the text of one member. Nothing is ever unpacked to a disk."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from ...policies.errors import ToolError
from ..call import Passage
from ..tool import Tool
from .members import Contents, Member, contents, entries, is_zip, opened_tar, opened_zip
from .named import Named
from .page import decoded, html_paragraphs, passages, plain_paragraphs
from .paths import Files
from .unpacking import MAX_READ

MAX_LISTED: Final = 200
"""Members that a listing names; the others are counted."""
MAX_TEXT: Final = MAX_READ
"""Bytes of one member that are read as text; a larger one is refused."""
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

MemberName = Annotated[str, Field(description="The member's path in the archive, as list_archive names it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A member as it is shown: its path, its type where it is no file, and its size in bytes."""

    name: str
    bytes: int
    type: str = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What lies in an archive.

    Attributes:
        archive: its name.
        files: how many files are in it.
        folders: how many folders.
        unpacked_bytes: bytes of all of them, as the archive says.
        archive_bytes: bytes of the archive.
        ratio: how many times larger it is unpacked.
        members: the first 200 members.
        warnings: what to know before it is unpacked, one sentence each.
    """

    archive: str
    files: int
    folders: int
    unpacked_bytes: int
    archive_bytes: int
    ratio: float
    members: tuple[Listed, ...]
    warnings: tuple[str, ...] = ()


class Archives:
    """Archives and the tools that look into them, within limits of memory and size whatever the archives say.

    Args:
        files: what `sort_paths` found; its `archives` are taken.
    """

    def __init__(self, files: Files) -> None:
        self._named = Named(files, files.archives, "archive")

    @cached_property
    def list_archive(self) -> Tool:
        """The tool: `list_archive(archive) -> Listing`."""

        def list_archive(archive: str) -> Listing:
            return self.listing(archive)

        says = "What is in an archive: its files with their sizes, and warnings of what could do harm when unpacked."
        return self._named.tool(list_archive, says)

    @cached_property
    def read_archive_text(self) -> Tool:
        """The tool: `read_archive_text(archive, member) -> list[Passage]`."""

        def read_archive_text(archive: str, member: MemberName) -> list[Passage]:
            return self.text(archive, member)

        return self._named.tool(read_archive_text, "Read the text of one file in an archive.")

    def listing(self, archive: str) -> Listing:
        """What lies in the archive of that name.

        Raises:
            ToolError: there is none of that name, it is gone, or it is damaged.
        """
        path = self._named.path(archive)
        found = self._named.read(path, contents)
        return _listing(archive, found, path.stat().st_size)

    def text(self, archive: str, member: str) -> list[Passage]:
        """The text of one member.

        Raises:
            ToolError: there is no such member, it is no text, too large, encrypted or a link.
        """
        path = self._named.path(archive)
        content = self._named.read(path, lambda path: _content(path, member))
        if b"\0" in content[:1024] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ToolError(f"{member} is binary data, not text; ask for a member that is text")
        text = decoded(content, None)
        is_page = content[:1024].lstrip().lower().startswith((b"<!doctype html", b"<html"))
        found = passages(html_paragraphs(text) if is_page else plain_paragraphs(text))
        if not found:
            raise ToolError(f"{member} is empty; ask for another member")
        return [Passage(text=piece, origin=f"{archive}/{member}") for piece in found]


def _listing(archive: str, found: Contents, archive_bytes: int) -> Listing:
    members = found.members
    total = sum(member.bytes for member in members)
    hidden = len(members) - MAX_LISTED
    more = (f"{hidden:,} further members are counted and not named",) if hidden > 0 else ()
    return Listing(
        archive=archive,
        files=sum(member.type == "file" for member in members),
        folders=sum(member.type == "folder" for member in members),
        unpacked_bytes=total,
        archive_bytes=archive_bytes,
        ratio=round(total / max(1, archive_bytes), 1),
        members=tuple(_listed(member) for member in members[:MAX_LISTED]),
        warnings=(*found.warnings, *more),
    )


def _listed(member: Member) -> Listed:
    return Listed(name=member.name, bytes=member.bytes, type=member.type)


def _content(path: Path, member: str) -> bytes:
    return _zip_content(path, member) if is_zip(path) else _tar_content(path, member)


def _zip_content(path: Path, member: str) -> bytes:
    with opened_zip(path) as archive:
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise _absent(path, member, archive.namelist()) from None
        if info.flag_bits & 0x1:
            raise ToolError(f"{member} is encrypted and cannot be read")
        if info.external_attr >> 16 & 0o170000 == 0o120000 or info.is_dir():
            raise ToolError(f"{member} is a link or a folder; ask for a file")
        if info.compress_type not in _PACKINGS:
            raise ToolError(f"{member} is packed in a way that is not read here; only stored and deflated members are")
        _refuse_large(member, info.file_size)
        with archive.open(info) as file:
            return _within(member, file.read(MAX_TEXT + 1))


def _tar_content(path: Path, member: str) -> bytes:
    names: list[str] = []
    with opened_tar(path) as archive:
        for info in entries(archive):
            if info.name == member:
                return _tar_file(archive, info)
            if len(names) < MAX_LISTED:
                names.append(info.name)
    raise _absent(path, member, names)


def _tar_file(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    if not info.isreg():
        raise ToolError(f"{info.name} is a link, a folder or a special file; ask for a file")
    _refuse_large(info.name, info.size)
    file: Any = archive.extractfile(info)
    return _within(info.name, file.read(MAX_TEXT))


def _refuse_large(member: str, size: int) -> None:
    if size > MAX_TEXT:
        raise ToolError(f"{member} has {size:,} bytes; at most {MAX_TEXT:,} of a member are read")


def _within(member: str, content: bytes) -> bytes:
    _refuse_large(member, len(content))  # the archive may have said less
    return content


def _absent(path: Path, member: str, names: Sequence[str]) -> ToolError:
    listed = ", ".join(names[:10]) or "nothing"
    more = ", …" if len(names) > 10 else ""
    return ToolError(f"{path.name} has no member {member[:100]!r}; it has {listed}{more}")
