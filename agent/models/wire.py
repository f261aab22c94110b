"""Messages in the form of OpenAI's chat completions: texts, calls, and the files that belong to them."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from .base import MediaPiece, Message, ModelRequest

_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


Write = Callable[[MediaPiece], str]
"""What is written for the bytes of a file."""

_SLICE = 3 << 16
"""Bytes that are encoded without giving the event loop back, a multiple of three: a fraction of a millisecond."""


def in_full(piece: MediaPiece) -> str:
    """The bytes of a file in base64."""
    return base64.b64encode(piece.data).decode("ascii")


class Marks:
    """Marks that stand for the bytes of files while a request is written: 20 MB in one go would hold up the loop."""

    def __init__(self) -> None:
        self.pieces: dict[bytes, MediaPiece] = {}
        self._secret = secrets.token_hex(16)

    def mark(self, piece: MediaPiece) -> str:
        """A mark that no text of the request can hold."""
        mark = f"{self._secret}.{len(self.pieces)}."
        self.pieces[mark.encode()] = piece
        return mark

    def spliced(self, content: bytes) -> Spliced:
        """The request with the bytes in their places."""
        return Spliced(content, self.pieces)


class Spliced:
    """A request as it is sent: what stands between files, and each file slice by slice. Nothing holds it whole, as
    files of many megabytes would be copied several times, each time without giving the loop back.

    Attributes:
        size: how many bytes it has.
    """

    def __init__(self, content: bytes, pieces: Mapping[bytes, MediaPiece]) -> None:
        self._texts: list[bytes] = []
        for mark in pieces:  # they stand in the order in which they were made
            before, _, content = content.partition(mark)
            self._texts.append(before)
        self._last = content
        self._pieces = tuple(pieces.values())
        written = sum(4 * -(-len(piece.data) // 3) for piece in self._pieces)
        self.size = sum(map(len, self._texts)) + len(content) + written

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for text, piece in zip(self._texts, self._pieces, strict=True):
            yield text
            async for part in sliced(piece):
                yield part
        yield self._last


async def sliced(piece: MediaPiece) -> AsyncIterator[bytes]:
    """The bytes of a file in base64, slice by slice, with a turn of the event loop after each."""
    for start in range(0, len(piece.data), _SLICE):
        yield base64.b64encode(piece.data[start : start + _SLICE])
        await asyncio.sleep(0)


def messages_of(request: ModelRequest, write: Write = in_full) -> list[dict[str, Any]]:
    """The messages of a request.

    A `tool` message takes text alone, and must be followed by the others of its turn: the files of results come in a
    message of the user's behind them.
    """
    written: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    for message in request.messages:
        if held and message.get("role") != "tool":
            written.append({"role": "user", "content": held})
            held = []
        written.append(_message(message, request.media, write))
        if message.get("role") == "tool":
            held += _behind(message, request.media, write)
    return [*written, {"role": "user", "content": held}] if held else written


def _message(message: Message, media: Mapping[str, tuple[MediaPiece, ...]], write: Write) -> dict[str, Any]:
    role, content, calls = message.get("role", "user"), message.get("content", ""), message.get("calls")
    if role == "tool":
        return {"role": role, "tool_call_id": message.get("call_id", ""), "content": content}
    if role == "assistant" and calls:
        return {"role": role, "content": content or None, "tool_calls": [_call(call) for call in calls]}
    if role == "user" and (files := _files(message, media, write)):
        return {"role": role, "content": [{"type": "text", "text": content}, *files]}
    return {"role": role, "content": content}


def _behind(message: Message, media: Mapping[str, tuple[MediaPiece, ...]], write: Write) -> list[dict[str, Any]]:
    """The files of a result, with whose they are."""
    files = _files(message, media, write)
    return [{"type": "text", "text": f"[what {message.get('tool', 'a tool')} returned]"}, *files] if files else []


def _files(message: Message, media: Mapping[str, tuple[MediaPiece, ...]], write: Write) -> list[dict[str, Any]]:
    pieces = [piece for ref in message.get("parts", ()) for piece in media.get(ref["key"], ())]
    return [
        written for piece in pieces for written in ({"type": "text", "text": f"[{piece.name}]"}, _file(piece, write))
    ]


def _file(piece: MediaPiece, write: Write) -> dict[str, Any]:
    data = write(piece)
    if piece.kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": data, "format": _FORMATS[piece.media_type]}}
    uri = f"data:{piece.media_type};base64,{data}"
    if piece.kind == "document":
        return {"type": "file", "file": {"filename": piece.name, "file_data": uri}}
    return {"type": "image_url", "image_url": {"url": uri}}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return {"id": call["id"], "type": "function", "function": {"name": call["tool"], "arguments": arguments}}
