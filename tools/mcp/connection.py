"""One server's connection: made ahead of time on a thread of its own, kept, and made again after the server's death.

The thread is there so that a connection outlives the event loop it was asked for in, serves every loop, and is taken
care of while no run is under way. Nothing of a call waits for it: a call that is given up is cancelled at the server by
this thread, on its own time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp.types as types
from mcp import Client, MCPError
from mcp.client.session import ClientSession
from opentelemetry import baggage, context

from ...policies.errors import ToolError
from ..loops import LoopThread
from ..progress import Far, Report, share_of
from ..scope import ENCLOSING
from .limits import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    ERROR_CHARACTERS,
    FIRST_PAUSE,
    LISTINGS,
    LONGEST_PAUSE,
    TOOLS,
)
from .server import McpServer
from .watched import Watched

_log = logging.getLogger(__name__)
# The library logs what a server does wrong with tracebacks, which go to the terminal where nobody has set logging up.
logging.getLogger("mcp").addHandler(logging.NullHandler())


class Unavailable(ConnectionError):
    """The server is gone, or cannot be reached; a later call may find it again."""


class Connection:
    """A connection to one server.

    Attributes:
        server: where the server is.
        name: what it calls itself, or what `server` names it.
        tools: the tools it listed when it was first connected to; what it lists later is not taken over.
    """

    def __init__(self, server: McpServer, connect_timeout: float = CONNECT_SECONDS) -> None:
        self.server = server
        self.name = server.name
        self.tools: tuple[types.Tool, ...] = ()
        self._within = connect_timeout
        self._mode = "auto"
        self._why = "it is not connected"
        self._session: ClientSession | None = None
        self._process: Any = None
        self._lost = asyncio.Event()
        self._settled = asyncio.Event()
        self._closing = False
        self._changed = False
        self._since: float | None = None
        self._probe: asyncio.Task[None] | None = None
        self._thread = LoopThread()
        self._ended: Future[None] | None = None
        self._listed: Future[None] = Future()

    @property
    def shown(self) -> str:
        """What messages call the server."""
        return self.name or self.server.shown

    def open(self) -> Future[None]:
        """Begin to connect; the future ends when the tools are listed, or with an `Unavailable` that says why not."""
        self._ended = self._thread.submit(self._keep())
        self._ended.add_done_callback(lambda _: self._thread.retire())
        return self._listed

    def close(self) -> Future[None]:
        """Begin to end it; the future ends when the server has ended too. Calls fail from now on."""
        assert self._ended is not None
        if not self._ended.done():
            with contextlib.suppress(RuntimeError):  # its thread has ended in between
                self._thread.loop.call_soon_threadsafe(self._end)
        return self._ended

    async def call(self, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call a tool from any loop; a cancelled call is cancelled at the server, and nobody waits for that.

        Raises:
            ToolError: the server refused the call, or answered what is no result.
            Unavailable: there is no connection, or it ended before the answer.
        """
        if self._ended is None or self._ended.done():
            raise Unavailable(f"the connection to {self.shown} is closed")
        return await asyncio.wrap_future(self._thread.submit(self._call(name, dict(arguments), ENCLOSING.get().report)))

    # On the thread.

    async def _call(self, name: str, arguments: dict[str, Any], report: Report | None) -> types.CallToolResult:
        session = await self._connected()
        # The span around the call travels in `_meta`; baggage is the product's own, and none of a server's business.
        context.attach(baggage.clear())
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))
        try:
            told = None if report is None else _progress(report)
            return await session.send_request(request, types.CallToolResult, progress_callback=told)
        except asyncio.CancelledError:
            self._doubt(session)
            raise
        except MCPError as error:
            raise self._failure(session, error) from error
        except (ValueError, TypeError) as error:
            raise ToolError(f"{self.shown} answered what is no tool result: {_first_line(error)}") from error
        except Exception as error:  # whatever a transport raises means that it is of no further use
            self._lose(session)
            raise Unavailable(f"the connection to {self.shown} broke: {_first_line(error)}") from error

    async def _connected(self) -> ClientSession:
        if self._session is None and not self._closing:
            await self._settled.wait()
        if self._session is None or self._lost.is_set():
            raise Unavailable(f"{self.shown} cannot be reached: {self._why}")
        return self._session

    def _failure(self, session: ClientSession, error: MCPError) -> Exception:
        said = " ".join(str(error).split())[:ERROR_CHARACTERS]
        if error.error.code == types.CONNECTION_CLOSED or said == "Session terminated":
            self._lose(session)
            return Unavailable(f"{self.shown} was lost during the call: {self._reason()}")
        if error.error.code == types.INTERNAL_ERROR:
            return RuntimeError(f"{self.shown} failed: {said}")
        return ToolError(f"{self.shown} refused the call: {said}")

    def _reason(self) -> str:
        return self._process.ending if self._process is not None else "the connection was closed"

    def _lose(self, session: ClientSession | None) -> None:
        """Give a connection up, so that another is made; nothing where that was done already."""
        if session is not None and session is self._session:
            self._session = None
            self._settled.clear()
            self._lost.set()

    def _doubt(self, session: ClientSession) -> None:
        """A call was given up: see whether a server that we started still answers, and start it again otherwise."""
        if self.server.command and (self._probe is None or self._probe.done()) and not self._closing:
            self._probe = asyncio.ensure_future(self._ask(session))

    async def _ask(self, session: ClientSession) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await session.send_request(types.ListToolsRequest(), types.ListToolsResult)
        except TimeoutError:
            if session is self._session:
                self._why = f"it did not answer for {ANSWER_SECONDS:g} s after a call was given up"
                _log.warning("%s is started again: %s", self.shown, self._why)
            self._lose(session)
        except Exception:  # it answers, whatever that is; a connection that ended is noticed where it is read
            return

    def _end(self) -> None:
        self._closing = True
        self._why = "it was closed"
        self._lost.set()
        self._settled.set()

    async def _keep(self) -> None:
        """Hold a connection until it is closed, and make another whenever it is lost."""
        pause = FIRST_PAUSE
        while not self._closing:
            self._lost.clear()
            began = anyio.current_time()
            try:
                await self._hold()
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # groups of errors included; a transport may raise anything
                self._note(error)
            stood = self._since is not None and self._since >= began
            if not self._listed.done():
                self._listed.set_exception(Unavailable(f"{self.shown} cannot be connected to: {self._why}"))
                return
            if not stood:
                self._session = None
                self._settled.set()  # calls that wait for it are told
            # One that stood for a while is made again at once, and calls wait for it meanwhile.
            lasting = stood and anyio.current_time() - (self._since or began) >= ANSWER_SECONDS
            pause = FIRST_PAUSE if lasting else min(2 * pause, LONGEST_PAUSE)
            await self._rest(pause)

    async def _rest(self, pause: float) -> None:
        if not self._closing:
            self._lost.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), pause)
        if not self._closing:
            self._settled.clear()

    async def _hold(self) -> None:
        """One connection, from its beginning to its end; both are bounded.

        Raises:
            TimeoutError: it was not made in time.
            Exception: it could not be made.
        """
        with anyio.CancelScope(deadline=anyio.current_time() + self._within) as scope:
            async with self._client() as client:
                await self._take_over(client)
                scope.deadline = float("inf")
                await self._lost.wait()
                scope.deadline = anyio.current_time() + ANSWER_SECONDS
        if scope.cancelled_caught and not self._lost.is_set():
            # Some servers hang on the question that newer clients ask first.
            self._mode = "legacy"
            raise TimeoutError(f"it did not answer within {self._within:g} s")

    async def _take_over(self, client: Client) -> None:
        if not self._listed.done():
            for _ in range(LISTINGS):
                self._changed = False
                self.tools = await _listed(client)
                if not self._changed:
                    break
            self.name = self.name or (client.server_info.name[:64] if client.server_info else "") or self.server.shown
            self._listed.set_result(None)
        self._session = client.session
        self._since = anyio.current_time()
        self._settled.set()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        async with Client(_Transport(self), message_handler=self._hear, mode=self._mode, cache=None) as client:
            yield client

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[Any]:
        """The streams of the transport, watched."""
        if self.server.command:
            from .process import process_streams

            opened: Any = process_streams(self.server, self._started)
        else:
            from .web import web_streams

            opened = web_streams(self.server)
        async with opened as (incoming, outgoing):
            yield Watched(incoming, self._stream_ended), outgoing

    def _started(self, process: Any) -> None:
        self._process = process

    def _stream_ended(self) -> None:
        if self._session is not None:
            self._why = self._reason()
        self._lose(self._session)

    async def _hear(self, message: Any) -> None:
        if not isinstance(message, types.ToolListChangedNotification):
            return
        self._changed = True
        if self._listed.done():
            _log.warning(
                "%s has changed its tools; those that it listed when it was connected to stay in use, so that nothing "
                "reaches a model that nobody has looked at; connect again to take the new ones", self.shown
            )  # fmt: skip

    def _note(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        closed = isinstance(error, MCPError) and error.error.code == types.CONNECTION_CLOSED
        if isinstance(error, FileNotFoundError):
            self._why = f"there is no program {self.server.command[0]!r}" if self.server.command else str(error)
        else:
            self._why = self._reason() if closed else _first_line(error)


def _progress(report: Report) -> Any:
    """What the library calls with a server's account of how far a call is."""

    async def told(progress: float, total: float | None, message: str | None) -> None:
        report(Far(share_of(progress, total), message or ""))

    return told


class _Transport:
    """A connection's streams, as the library wants them: an object that is entered once."""

    def __init__(self, connection: Connection) -> None:
        self._opened = connection.streams()

    async def __aenter__(self) -> Any:
        return await self._opened.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        return await self._opened.__aexit__(*error)


async def _listed(client: Client) -> tuple[types.Tool, ...]:
    found: list[types.Tool] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        following = page.next_cursor
        if not following or following == cursor or len(found) > TOOLS or not page.tools:
            return tuple(found)
        cursor = following


def _first_line(error: BaseException) -> str:
    said = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {said}"[:ERROR_CHARACTERS] if said else type(error).__name__
