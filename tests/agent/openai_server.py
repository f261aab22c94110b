"""A scriptable server of chat completions on a real socket, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

HOLD = "hold"
"""A step: send nothing more until the client hangs up, and note when it did."""
CUT = "cut"
"""A step: abort the connection (the client sees a reset)."""
SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "data" / "openai_chat.schema.json"
"""OpenAI's published document, beside the repository where it is at hand."""

Framing = Literal["chunked", "length", "close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server does with one request: status, headers, then the steps.

    A step is bytes to send, seconds to wait, `HOLD` or `CUT`.
    """

    steps: tuple[bytes | float | str, ...] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/event-stream"),)
    framing: Framing = "chunked"
    silent: bool = False  # not even headers are sent before the steps


@dataclass(slots=True, kw_only=True)
class Received:
    """A request as it came in; `connection` counts connections from 1."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int


@dataclass(slots=True)
class OpenAIServer:
    """Use it as a context manager. Answers are served in order, one a request.

    Attributes:
        received: the requests so far.
        hung_up: instants (`time.monotonic`) at which a client was seen to hang up during `HOLD`.
        invalid: where a request's body broke OpenAI's schema; empty too where the schema is not at hand.
    """

    received: list[Received] = field(default_factory=list)
    hung_up: list[float] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    holding: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    _answers: deque[Answer] = field(default_factory=deque)
    _ready: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _over: asyncio.Event | None = None
    _thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, *answers: Answer) -> None:
        self._answers.extend(answers)

    def __enter__(self) -> OpenAIServer:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._over is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()  # what still runs is cancelled with the loop

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await self._one(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server is stopping
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
        self.received.append(
            Received(path=head[0].split(" ")[1], headers=headers, body=body, connection=number),
        )
        self.invalid += [f"{error.json_path}: {error.message}"[:500] for error in complaints(body)]
        return await self._answer(self._answers.popleft(), reader, writer)

    async def _answer(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if not answer.silent:
            writer.write(_head(answer))
        for step in answer.steps:
            if step == HOLD:
                return await self._hold(reader)
            if step == CUT:
                await writer.drain()
                writer.transport.abort()
                return False
            if isinstance(step, float):
                await asyncio.sleep(step)
                continue
            assert isinstance(step, bytes)
            writer.write(b"%x\r\n%b\r\n" % (len(step), step) if answer.framing == "chunked" else step)
            await writer.drain()
        if answer.framing == "chunked":
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return answer.framing != "close"

    async def _hold(self, reader: asyncio.StreamReader) -> bool:
        self.holding.set()
        try:
            await reader.read()
        finally:
            self.hung_up.append(time.monotonic())
            self.left.set()
        return False


def _head(answer: Answer) -> bytes:
    framing = {
        "chunked": ("Transfer-Encoding", "chunked"),
        "length": ("Content-Length", str(sum(len(step) for step in answer.steps if isinstance(step, bytes)))),
        "close": ("Connection", "close"),
    }[answer.framing]
    lines = [f"HTTP/1.1 {answer.status} Said"] + [f"{name}: {value}" for name, value in (*answer.headers, framing)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@cache
def _validator() -> Any:
    if not SCHEMA.is_file():
        return None
    import jsonschema  # type: ignore[import-untyped]  # it publishes no types

    document = json.loads(SCHEMA.read_text())
    reference = {"$ref": "#/components/schemas/CreateChatCompletionRequest", "components": document["components"]}
    return jsonschema.Draft202012Validator(reference)


def complaints(body: Any) -> Iterable[Any]:
    """Where a request's body breaks OpenAI's schema; nothing where the schema is not at hand."""
    return () if _validator() is None else _validator().iter_errors(body)


# --- writing answers --------------------------------------------------------------------------------------------------


def sse(*chunks: Any, done: bool = True, newline: str = "\n") -> bytes:
    """Chunks as an event stream: a dict is JSON, a str is written as it is, with `data: ` before it."""
    written = [chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    lines = [f"data: {text}" for text in written] + (["data: [DONE]"] if done else [])
    return "".join(line + newline * 2 for line in lines).encode()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """One chunk of a completion."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice], **fields}


def piece(arguments: Any = None, *, index: int | None = 0, id: str | None = None, name: str | None = None) -> Any:
    """A piece of a tool call."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {"index": index, "id": id, "type": "function", "function": function}
    return {key: value for key, value in call.items() if value is not None}


def usage(input_tokens: int = 10, output_tokens: int = 5) -> dict[str, Any]:
    """The last chunk, which has no choices."""
    return {"choices": [], "usage": {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}}


def sliced(data: bytes, size: int) -> tuple[bytes, ...]:
    """The same bytes in HTTP chunks of `size`: no boundary of an event, of JSON or of a character is respected."""
    return tuple(data[i : i + size] for i in range(0, len(data), size))
