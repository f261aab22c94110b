"""A server that is started as a process: one JSON message a line on its standard streams.

It is our own transport because a server of strangers may print a line without an end, or words that are no message, and
neither may fill the memory or the terminal of this process.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp.types as types
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from .limits import ERROR_CHARACTERS, EXIT_SECONDS, MESSAGE_BYTES
from .server import McpServer

_alive: set[int] = set()
"""The processes that this one has started and not ended; each leads a group of its own."""


class ServerProcess:
    """A server's process.

    Attributes:
        words: what it last wrote to its standard error, or to its output where that is no message.
        fault: why it is not listened to any more, where that was its fault.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.words = ""
        self.fault = ""
        _alive.add(process.pid)

    @property
    def ending(self) -> str:
        """How it came to its end, in a few words."""
        words = " ".join(self.words.split())
        said = f"; it said last: {words[-300:]}" if words else ""
        if self.fault:
            return self.fault
        code = self._process.returncode
        if code is None:
            return f"it closed its output{said}"
        return (f"it ended with exit code {code}" if code >= 0 else f"it was killed by signal {-code}") + said

    async def read(self, into: Any) -> None:
        """Hand on its messages until its output ends."""
        output = self._process.stdout
        assert output is not None
        async with into:
            while True:
                try:
                    line = await output.readline()
                except ValueError:
                    self.fault = f"it sent a message of more than {MESSAGE_BYTES:,} bytes"
                    return
                if not line:
                    await self._ended()
                    return
                try:
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    self._note(line)
                    await anyio.lowlevel.checkpoint()
                    continue
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await into.send(SessionMessage(message))

    async def _ended(self) -> None:
        # A moment, so that the exit code and the last words are there when somebody asks.
        with anyio.move_on_after(EXIT_SECONDS):
            await self._process.wait()

    async def write(self, out_of: Any) -> None:
        """Send it messages until there are no more."""
        given = self._process.stdin
        assert given is not None
        async with out_of:
            async for message in out_of:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                try:
                    given.write(text.encode() + b"\n")
                    await given.drain()
                except (OSError, RuntimeError):
                    return

    async def listen(self) -> None:
        """Keep the last words of its standard error, so that it neither fills the terminal nor waits for a reader."""
        errors = self._process.stderr
        assert errors is not None
        while chunk := await errors.read(65_536):
            self._note(chunk)

    def _note(self, chunk: bytes) -> None:
        self.words = (self.words + chunk[-ERROR_CHARACTERS:].decode("utf-8", "replace"))[-ERROR_CHARACTERS:]

    async def end(self) -> None:
        """Close its input, then tell it to end, then kill it and what it has started; about a second at most."""
        given = self._process.stdin
        if given is not None:
            given.close()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with anyio.move_on_after(EXIT_SECONDS):
                await self._process.wait()
            if self._process.returncode is not None and sign is signal.SIGTERM:
                break
            _signal(self._process.pid, sign)
        _signal(self._process.pid, signal.SIGKILL)  # what it has started and left behind
        _alive.discard(self._process.pid)
        transport = getattr(self._process, "_transport", None)  # its pipes may be held open by a process that escaped
        if transport is not None:
            transport.close()


def _signal(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sign)


@atexit.register
def _end_all() -> None:
    for pid in list(_alive):
        _signal(pid, signal.SIGKILL)


@asynccontextmanager
async def process_streams(server: McpServer, started: Callable[[ServerProcess], None]) -> AsyncIterator[Any]:
    """Start the server; the streams to read its messages from and to write ours to.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *server.command,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**get_default_environment(), **server.env}, cwd=server.cwd, limit=MESSAGE_BYTES, start_new_session=True,
    )  # fmt: skip
    running = ServerProcess(process)
    started(running)
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.read, to_us)
        tasks.start_soon(running.write, from_us)
        tasks.start_soon(running.listen)
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):
                incoming.close()
                await running.end()
            tasks.cancel_scope.cancel()
