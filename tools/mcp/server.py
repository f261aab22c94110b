"""Where an MCP server is: a command that is started, or a URL."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...policies.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """An MCP server that is started as a process and spoken to over its standard streams, or reached by HTTP.

    Attributes:
        command: the program and its arguments; empty for a server with a URL.
        url: the address of a server that speaks streamable HTTP; empty for one that is started.
        env: further environment variables of the process; of ours it inherits only a few, such as `PATH` and `HOME`.
        cwd: the process's working folder; ours by default.
        headers: HTTP headers of every request, such as `Authorization`.
        name: the name that tools are prefixed with where two servers have one of the same name; what the server calls
            itself by default.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = ""

    def __post_init__(self) -> None:
        if bool(self.command) == bool(self.url):
            raise UsageError("an MCP server needs either a command or a url; write McpServer(command=('npx', ...))")
        if isinstance(self.command, str):
            raise UsageError(f"command must be a tuple of words, got {self.command!r}; use McpServer.read for a text")
        if self.url and not _is_url(self.url):
            raise UsageError(f"url must be http or https with a host, got {self.url!r}")

    @classmethod
    def read(cls, text: str) -> McpServer:
        """A server from one text: an http or https URL, or a command line as a shell reads it.

        Raises:
            UsageError: it is empty, or its quotes do not match.
        """
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"an MCP server must be a command line, a URL or an McpServer, got {text!r}")
        if _is_url(text.strip()):
            return cls(url=text.strip())
        try:
            return cls(command=tuple(shlex.split(text)))
        except ValueError as error:
            raise UsageError(f"the command of an MCP server cannot be read: {error}: {text!r}") from error

    @property
    def shown(self) -> str:
        """What messages call it: its name, its program or its host."""
        if self.name:
            return self.name
        if self.url:
            return urlsplit(self.url).netloc.rpartition("@")[2]
        return " ".join((Path(self.command[0]).name, *self.command[1:]))[:80]


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
