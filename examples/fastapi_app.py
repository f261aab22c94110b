"""An agent behind FastAPI, as JSON and as server-sent events. Serve it: uvicorn examples.fastapi_app:app"""

from __future__ import annotations

import json
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

from fastapi import Body, FastAPI, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.testclient import TestClient

from shotclock import Agent, Budget, UsageError, arriving, local_tracing, tool, while_connected


@tool(read_only=True)
async def price(product: str) -> float:
    """Current price of a product, in euros."""
    return {"lamp": 39.90, "chair": 89.00}.get(product.lower(), 0.0)


@asynccontextmanager
async def lifespan(app: FastAPI):
    """One agent serves every request, so that what it learns of its tools is of use to all; its traces are kept."""
    tracing = local_tracing()
    app.state.agent = Agent("rules", [price], tracer_provider=tracing)
    yield
    tracing.shutdown()


app = FastAPI(lifespan=lifespan, exception_handlers={UsageError: lambda _, e: JSONResponse({"detail": str(e)}, 422)})


@app.post("/ask")
async def ask(request: Request, text: Annotated[str, Body()], seconds: Annotated[float, Body(gt=0, le=30)] = 2.0):
    """The whole result. The caller's deadline and trace are honoured, and a client that leaves cancels the run."""
    with arriving(request.headers):
        run = app.state.agent.run(text, budget=Budget(latency=seconds))
        return (result := await while_connected(request.receive, run)) and result.to_dict()


@app.get("/ask/stream")
async def stream(request: Request, text: str, seconds: Annotated[float, Query(gt=0, le=30)] = 2.0):
    """All that happens. The budget tick of each second is the heartbeat too; a client that leaves cancels the run."""
    events = app.state.agent.stream(text, budget=Budget(latency=seconds), tick=1.0)

    async def sent():
        with arriving(request.headers):
            async with aclosing(events):
                async for event in events:
                    yield f"event: {event.type}\ndata: {json.dumps(event.to_dict())}\n\n"

    return StreamingResponse(sent(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


if __name__ == "__main__":  # it asks itself, and prints what came
    with TestClient(app) as client:
        print(client.post("/ask", json={"text": "What is the price of the lamp?"}).json()["answer"])
        print(client.get("/ask/stream", params={"text": "What is the price of the chair?"}).text)
