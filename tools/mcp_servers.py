"""The tools of MCP servers, for agents."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import wait
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..policies.errors import InvalidTool, MissingExtra, UsageError
from .content import sound
from .declared import from_schema, tool_name
from .mcp.limits import CLOSE_SECONDS, CONNECT_SECONDS, DESCRIPTION_CHARACTERS, SCHEMA_CHARACTERS, TOOLS
from .mcp.server import McpServer
from .tool import Tool

if TYPE_CHECKING:
    from .mcp.connection import Connection

_log = logging.getLogger(__name__)


class McpTools(Collection[Tool]):
    """The tools of one or more MCP servers, connected to before a run needs them; make it with `mcp_tools`.

    It is a collection of tools once it is connected, and a context manager of both kinds. The connections live on
    threads of their own: they serve agents in any event loop, and `run_sync`.

    Attributes:
        warnings: what was left out of what the servers offer, and why; and names of `only` and `flags` that no server
            has.
    """

    def __init__(self, servers: Collection[McpServer], connect_timeout: float, options: _Options) -> None:
        self._servers = tuple(servers)
        self._within = connect_timeout
        self._options = options
        self._connections: list[Connection] = []
        self._tools: tuple[Tool, ...] = ()
        self.warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, tool: object) -> bool:
        return tool in self._tools

    def open(self) -> McpTools:
        """Connect, and wait for it in this thread: seconds, where a server has to start.

        Raises:
            UsageError: a server cannot be started, reached or understood in time; nothing is left running.
            MissingExtra: the extra `mcp` is not installed.
        """
        try:
            for listed in self._begin():
                listed.result()
            self._take()
        except BaseException as error:
            self.close()
            raise _unusable(error) from error
        return self

    async def connect(self) -> McpTools:
        """Connect, as `open` does, without holding up the event loop."""
        try:
            for listed in self._begin():
                await asyncio.wrap_future(listed)
            self._take()
        except BaseException as error:
            await self.aclose()
            raise _unusable(error) from error
        return self

    def close(self) -> None:
        """End the connections and the servers that were started, and wait for it: about a second at most for each."""
        wait([connection.close() for connection in self._connections], CLOSE_SECONDS)
        self._connections.clear()

    async def aclose(self) -> None:
        """End them, as `close` does, without holding up the event loop."""
        ended = [asyncio.wrap_future(connection.close()) for connection in self._connections]
        self._connections.clear()
        if ended:
            await asyncio.wait(ended, timeout=CLOSE_SECONDS)

    def __enter__(self) -> McpTools:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> McpTools:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _begin(self) -> list[Any]:
        if self._connections:
            raise UsageError("these MCP tools are connected already; make others with mcp_tools(...)")
        try:
            from .mcp.connection import Connection
        except ImportError as error:
            raise MissingExtra("an MCP server", "mcp") from error
        self._connections = [Connection(server, self._within) for server in self._servers]
        return [connection.open() for connection in self._connections]

    def _take(self) -> None:
        warnings = self._options.misnamed([spec.name for c in self._connections for spec in c.tools])
        offered = [(c, spec) for c in self._connections for spec in self._wanted(c, warnings)]
        counts = Counter(tool_name(spec.name) for _, spec in offered)
        taken: dict[str, Tool] = {}
        for connection, spec in offered:
            plain = tool_name(spec.name)
            name = plain if counts[plain] == 1 else _free(tool_name(connection.name, spec.name), taken)
            try:
                taken[name] = self._options.tool(connection, spec, name)
            except InvalidTool as error:
                warnings.append(f"{connection.server.shown}: a tool is left out: {error}")
        self._tools = tuple(taken.values())
        self.warnings = tuple(warnings)
        for warning in warnings:
            _log.warning("MCP tools: %s", warning)

    def _wanted(self, connection: Connection, warnings: list[str]) -> list[Any]:
        wanted = [spec for spec in connection.tools if self._options.takes(spec.name)]
        if len(wanted) > TOOLS:
            warnings.append(f"{connection.server.shown} has more than {TOOLS} tools; name those you need with only=...")
        return wanted[:TOOLS]


class _Options:
    """What the caller of `mcp_tools` says of the tools."""

    def __init__(
        self, only: Collection[str] | None, trust_annotations: bool, trusted: bool, flags: Mapping[str, Any]
    ) -> None:
        self._only = only
        self._believes = trust_annotations
        self._trusted = trusted
        self._flags = flags

    def takes(self, name: str) -> bool:
        return self._only is None or name in self._only

    def misnamed(self, known: Collection[str]) -> list[str]:
        """What to warn of: names that no server has."""
        named = {"only": self._only or (), "flags": self._flags}
        return [
            f"{parameter} names {each!r}, and the servers have {', '.join(sorted(known)) or 'no tools'}"
            for parameter, names in named.items()
            for each in names
            if each not in known
        ]

    def tool(self, connection: Connection, spec: Any, name: str) -> Tool:
        """The tool that calls the server's.

        Raises:
            InvalidTool: its schema is too long or cannot be used, or it can be called in another way only.
        """
        from .mcp.results import value_of

        if spec.execution is not None and spec.execution.task_support == "required":
            raise InvalidTool(f"tool {name!r} can only be called as a task, which is not done here")
        structured = spec.output_schema is not None
        for schema in (spec.input_schema, spec.output_schema or {}):
            if (size := len(json.dumps(schema))) > SCHEMA_CHARACTERS:
                raise InvalidTool(f"tool {name!r}: a schema of {size:,} characters is over {SCHEMA_CHARACTERS:,}")

        async def call(**arguments: Any) -> Any:
            return value_of(await connection.call(spec.name, arguments), name, structured=structured)

        said = sound(spec.description or spec.title or spec.name)[:DESCRIPTION_CHARACTERS]
        flags = {"trusted": self._trusted, **self._promises(spec.annotations), **self._flags.get(spec.name, {})}
        return from_schema(name, said, spec.input_schema, call, result_schema=spec.output_schema, **flags)

    def _promises(self, hints: Any) -> dict[str, bool]:
        if hints is None or not self._believes:
            return {}
        # A tool that calls itself read-only and destructive is believed to be the worse of the two.
        read_only = bool(hints.read_only_hint) and not hints.destructive_hint
        return {"read_only": read_only, "idempotent": bool(hints.idempotent_hint)}


def mcp_tools(
    *servers: str | McpServer,
    only: Collection[str] | None = None,
    trust_annotations: bool = False,
    trusted: bool = False,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
    connect_timeout: float = CONNECT_SECONDS,
) -> McpTools:
    """The tools of MCP servers. Connect before you answer queries, as a server takes seconds to start::

        async with mcp_tools("npx -y @modelcontextprotocol/server-filesystem /data") as tools:
            agent = Agent("openai:gpt-5-mini", tools=[*tools])
            await agent.run("Which files are there?", budget=Budget(latency=5.0))

        with mcp_tools("http://localhost:8000/mcp") as tools:          # without an event loop
            Agent("openai:gpt-5-mini", tools=[*tools]).run_sync("…")

    A server that dies is started or connected to again; a call meanwhile waits for that within its own time. A call
    that is given up is cancelled at the server, and a server process that answers nothing afterwards is started again.
    The tools and their descriptions stay those of the first connection. Two tools of one name get their servers' names
    in front.

    Args:
        servers: command lines, http or https URLs, or `McpServer` values.
        only: the names of the tools to take, as the servers call them. Default: all. A name that no server has is
            warned of.
        trust_annotations: whether to believe a server that calls a tool read-only or idempotent, so that it may be
            started early, retried and hedged. By default nothing of the kind is assumed.
        trusted: whether results may be read as more than data. By default they are fenced as untrusted content.
        flags: what you promise of tools yourself, by the server's name of the tool: what `@tool` takes, such as
            `{"search": {"read_only": True, "timeout": 2.0}}`.
        connect_timeout: seconds in which a server must have started and listed its tools. Default: 30.

    Raises:
        UsageError: no server, or one that cannot be read.
    """
    if not servers:
        raise UsageError("mcp_tools needs a server: a command line, a URL or an McpServer")
    if isinstance(only, str):
        raise UsageError(f"only must be a collection of tool names, got the text {only!r}; write [{only!r}]")
    read = [each if isinstance(each, McpServer) else McpServer.read(each) for each in servers]
    return McpTools(read, connect_timeout, _Options(only, trust_annotations, trusted, flags or {}))


def _free(name: str, taken: Collection[str]) -> str:
    chosen, number = name, 2
    while chosen in taken:
        chosen, number = f"{name[:60]}_{number}", number + 1
    return chosen


def _unusable(error: BaseException) -> BaseException:
    """What to raise for an error of connecting: a mistake of the caller's, found early."""
    return UsageError(f"{error}") if isinstance(error, ConnectionError) else error
