"""The tools that come along: they do real work offline, and read what the user points them at."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from ..tool import Tool


def builtin_tools(paths: Iterable[str | PathLike[str]] = ()) -> list[Tool]:
    """The built-in tools: arithmetic, units, world time and web pages, and those that read `paths`.

    Args:
        paths: files and folders. Documents (text, Markdown, HTML, PDF) can be searched; tables (CSV, Parquet, JSON,
            SQLite) can be described and queried, images (PNG, JPEG, GIF, WebP, BMP, TIFF) described, and archives (ZIP,
            tar) looked into.

    Raises:
        InvalidPath: a path does not exist, cannot be read, is empty, or is of another type than its name says.
        MissingExtra: reading `paths` needs the extra `files`, or for images `media`.
    """
    # Each is imported here, so that a product that takes one tool does not load the others.
    from .calculate import calculate
    from .clock import world_time
    from .units import convert_units
    from .web import fetch_url

    tools = [calculate, convert_units, world_time, fetch_url]
    chosen = list(paths)
    if chosen:
        from .files import builtin_files

        tools += builtin_files(chosen)
    return tools
