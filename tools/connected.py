"""A web request's run, which ends when its client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


async def while_connected(
    receive: Callable[[], Awaitable[Mapping[str, Any]]], running: Coroutine[Any, Any, T]
) -> T | None:
    """Await a run for a web request; a client that leaves cancels it, so that nothing is spent on an answer which
    nobody takes::

        @app.post("/ask")
        async def ask(request: Request, text: Annotated[str, Body()]):
            result = await while_connected(request.receive, agent.run(text))
            return result and result.to_dict()

    It works with every ASGI server, and with what hands its `receive` on, such as Starlette and FastAPI. A response
    that is streamed needs none of it: the server closes the stream.

    Args:
        receive: the request's `receive`, once its body has been read: all that it still tells is that the client left.
        running: the run, such as `agent.run(...)`, not awaited yet.

    Returns:
        What `running` returned; `None` where the client left first. Nobody reads the response then, whatever it is.
    """
    run, left = asyncio.ensure_future(running), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((run, left), return_when=asyncio.FIRST_COMPLETED)
        return run.result() if run.done() else left.result()
    finally:
        for task in (left, run):
            task.cancel()
        # A run ends within a turn or two of the loop, and its trace is whole then.
        await asyncio.wait((left, run))


async def _left(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
