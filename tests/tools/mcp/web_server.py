"""An MCP server over HTTP, by the official library, with further paths that misbehave; run as a file with a port."""

import asyncio
import json
import sys

import uvicorn
from mcp.server import MCPServer
from starlette.responses import Response, StreamingResponse

server = MCPServer("web")


@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    if text == "hang":
        try:
            await asyncio.sleep(3600)
        finally:
            print("cancelled", flush=True)
    return f"you said: {text}"


KIND = sys.argv[2]
GOOD = server.streamable_http_app()


async def megabytes():
    while True:
        yield b" " * 1_000_000


async def events():
    yield b": begun\n\n"
    while True:
        yield b"data: " + b"x" * 500_000


async def app(scope, receive, send):
    if scope["type"] != "http" or KIND == "good":
        return await GOOD(scope, receive, send)
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    method = json.loads(body or b"{}").get("method", "")
    if method != "tools/call":
        first = [{"type": "http.request", "body": body, "more_body": False}]

        async def again():
            return first.pop() if first else await receive()

        return await GOOD(scope, again, send)
    answers = {
        "large": lambda: StreamingResponse(megabytes(), media_type="application/json"),
        "event": lambda: StreamingResponse(events(), media_type="text/event-stream"),
        "packed": lambda: Response(b"x", media_type="application/json", headers={"content-encoding": "gzip"}),
        "html": lambda: Response("<h1>Welcome</h1>", media_type="text/html"),
        "broken": lambda: Response("{", media_type="application/json"),
        "error": lambda: Response("bad gateway", status_code=502),
    }
    await answers[KIND]()(scope, receive, send)
    return None


uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
