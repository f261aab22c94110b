"""The client of the scripted model for who waits for a whole turn, with the timeout and retries that clients have."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..mind import Asked, Done, Mind, Ready, Refused, Said, Text, Wait

RETRIES = 2
"""Further attempts of a model call, as OpenAI's client makes."""

BACKOFF = 0.05
"""Seconds before the first retry, doubling."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model said in one call: a text or calls, and the tokens it read and wrote."""

    text: str = ""
    calls: tuple[Asked, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0


async def think(mind: Mind, messages: Sequence[Said], tools: Collection[str], scale: float) -> Turn:
    """One attempt of a model call.

    Raises:
        ConnectionError: the endpoint refuses.
    """
    text, calls, sent, written = "", [], 0, 0
    for event in mind.respond(messages, tools):
        match event:
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds * scale)
            case Refused():
                raise ConnectionError("429 Too Many Requests")
            case Text(text=piece):
                text += piece
            case Ready(call=call):
                calls.append(call)
            case Done(input_tokens=sent, output_tokens=written):
                pass
    return Turn(text, tuple(calls), sent, written)


async def patiently(
    mind: Mind, messages: Sequence[Said], tools: Collection[str], scale: float, seconds: float, retries: int = RETRIES
) -> Turn:
    """A model call of which each attempt may take `seconds` of the tape.

    Raises:
        TimeoutError: the last attempt took too long.
        ConnectionError: it was refused.
    """
    for attempt in range(retries):
        try:
            return await asyncio.wait_for(think(mind, messages, tools, scale), seconds * scale)
        except (TimeoutError, ConnectionError):
            await asyncio.sleep(BACKOFF * 2**attempt * scale)
    return await asyncio.wait_for(think(mind, messages, tools, scale), seconds * scale)
