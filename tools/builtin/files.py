"""Tools for the files one has: search in documents, questions to tables, a look at images and into archives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...policies.errors import InvalidPath
from ..tool import Tool
from .content import SUPPORTED
from .documents import Documents
from .paths import Files, sort_paths
from .tables import Tables

__all__ = ["Files", "builtin_files", "sort_paths"]


def builtin_files(paths: Sequence[str | os.PathLike[str]] | Files) -> list[Tool]:
    """The tools for what is at `paths`: `search_documents` for documents; `describe_table`, `query_table` for tables;
    `describe_image` for images, and `read_image_text` where tesseract is installed; `list_archive`, `read_archive_text`
    for archives.

    Tables are read at once, since the tools name their columns; documents are indexed on the first search. What was
    left out of a folder is in `sort_paths(paths).warnings`.

    Args:
        paths: files and folders, or `Files` that are sorted already.

    Raises:
        InvalidPath: a named file does not exist, cannot be read, is empty, or is not what its name says; or a named
            folder holds nothing that can be read.
        MissingExtra: the extra `files` is not installed and a PDF or a table is among them, or the extra `media` is not
            and an image was named.
    """
    files = paths if isinstance(paths, Files) else sort_paths(paths)
    _refuse_bare_folders(files)
    tools: list[Tool] = []
    if files.documents:
        tools.append(Documents(files).search_documents)
    if files.tables:
        tables = Tables(files)
        if tables.tables:
            tools += [tables.describe_table, tables.query_table]
    if files.images:
        from .images import Images

        tools += Images(files).tools
    if files.archives:
        from .archives import Archives

        archives = Archives(files)
        tools += [archives.list_archive, archives.read_archive_text]
    if files.folders and not tools:
        raise _bare(files.folders[0])
    return tools


def _refuse_bare_folders(files: Files) -> None:
    """Who names a folder expects answers from it: that there can be none is said before the question is asked."""
    found = (*files.documents, *files.tables, *files.images, *files.archives)
    for folder in files.folders:
        if not any(path.is_relative_to(folder) for path in found):
            raise _bare(folder)


def _bare(folder: Path) -> InvalidPath:
    return InvalidPath(
        f"{folder} holds no document, table, image or archive that can be read; supported are {SUPPORTED}"
    )
