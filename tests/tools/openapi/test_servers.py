"""Where requests go: to the author's server, to a public one of the document, and over redirects no further."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from shotclock import Agent, Budget
from shotclock.policies.errors import ToolError, UsageError
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.clients import held
from shotclock.tools.openapi import ApiError, openapi_tools

from .strict_api import Reply, StrictApi, serving


def document(method: str = "get", **more: Any) -> dict[str, Any]:
    """A document of one operation."""
    operation = {"operationId": "read", "responses": {}}
    return {"openapi": "3.0.0", "info": {"title": "Here"}, "paths": {"/read": {method: operation}}, **more}


async def called(api: StrictApi, **options: Any) -> Any:
    """The result of the API's one tool, with a token."""
    [tool] = openapi_tools(api.document, base_url=api.url, auth="token-1234", **options)
    return await tool()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://169.254.169.254/v1", "http://[::1]:9", "http://0:9"])
async def test_a_server_of_the_document_must_be_public(url: str) -> None:
    """A document cannot point the tools at private addresses; a `base_url` may."""
    [tool] = openapi_tools(document(servers=[{"url": url}]), auth="token-1234")
    with pytest.raises(ToolError, match="private or local address"):
        await tool()
    [tool] = openapi_tools(document(), base_url="http://127.0.0.1:9")
    with pytest.raises(ApiError, match="no connection"):
        await tool()


async def test_a_public_server_of_the_document_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address is judged public, the request arrives whole, key in the query and all."""
    from shotclock.tools.openapi import guarded

    monkeypatch.setattr(guarded, "is_public", lambda address: True)
    keyed = {"securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "key"}}}
    with serving(document(components=keyed, security=[{"key": []}])) as api:
        api.replies["/v1/read"] = Reply(200, b'{"ok": true}')
        named = {**api.document, "servers": [{"url": f"{api.url}/v1/"}]}
        [tool] = openapi_tools(named, auth="k 1234")
        assert await tool() == {"ok": True}
        assert await tool() == {"ok": True}
        assert [each.target for each in api.asked] == ["/v1/read?key=k%201234"] * 2


async def test_nothing_is_sent_to_a_private_server_of_the_document() -> None:
    """The address is judged before anything is connected."""
    with serving(document()) as api:
        [tool] = openapi_tools(document(servers=[{"url": api.url}]))
        with pytest.raises(ToolError, match="private or local"):
            await tool()
        assert not api.asked


async def test_a_redirect_at_the_same_origin_is_followed() -> None:
    """With the credentials, as the server is the same; no more than five times."""
    with serving(document()) as api:
        api.replies["/read"] = Reply(302, headers={"Location": "/there?x=1#part"})
        api.replies["/there"] = Reply(200, b'{"ok": true}')
        assert await called(api) == {"ok": True}
        assert [each.target for each in api.asked] == ["/read", "/there?x=1"]
        assert api.asked[-1].headers["authorization"] == "Bearer token-1234"
        api.replies["/there"] = Reply(307, headers={"Location": "/there"})
        with pytest.raises(ToolError, match="more than 5 times"):
            await called(api)


@pytest.mark.parametrize("where", ["other", "http://169.254.169.254/latest/meta-data", "http://localhost:9/"])
async def test_a_redirect_to_a_private_address_is_refused(where: str) -> None:
    """An API of the author's own cannot send the tools to another private address; nothing is connected there."""
    with serving(document()) as api, serving(document()) as other:
        api.replies["/read"] = Reply(302, headers={"Location": f"{other.url}/read" if where == "other" else where})
        with pytest.raises(ToolError, match="private or local address"):
            await called(api)
        assert not other.asked


async def test_a_redirect_to_a_public_address_takes_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """At another origin the token, the key and the cookies are left behind."""
    from shotclock.tools.openapi import sending

    async def judged_public(url: str) -> httpx.AsyncClient:
        return await held(httpx.AsyncClient)

    monkeypatch.setattr(sending, "guarded_client", judged_public)
    with serving(document()) as api, serving(document()) as other:
        api.replies["/read"] = Reply(302, headers={"Location": f"{other.url}/elsewhere"})
        other.replies["/elsewhere"] = Reply(302, headers={"Location": f"{api.url}/back"})
        api.replies["/back"] = Reply(200, b'{"ok": true}')
        assert await called(api) == {"ok": True}
        assert "authorization" in api.asked[0].headers
        assert "authorization" not in other.asked[0].headers
        assert "authorization" not in api.asked[1].headers


async def test_a_redirect_of_a_change_is_not_followed() -> None:
    """What was to be changed at one place is not changed at another."""
    with serving(document("post")) as api:
        api.replies["/read"] = Reply(307, headers={"Location": "/there"})
        with pytest.raises(ApiError, match="307"):
            await called(api)
        assert len(api.asked) == 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://a:b@127.0.0.1/", "gopher://x"])
async def test_a_redirect_to_no_web_address_is_refused(location: str) -> None:
    """Other schemes, and credentials in the address, are not followed."""
    with serving(document()) as api:
        api.replies["/read"] = Reply(302, headers={"Location": location})
        with pytest.raises(ToolError, match="not an http or https URL"):
            await called(api)


async def test_the_nearest_server_with_its_variables_is_taken() -> None:
    """The operation's servers come before the path's and the document's, with the defaults of their variables."""
    from shotclock.tools.openapi.document import Document
    from shotclock.tools.openapi.servers import server_of

    variables = {"region": {"default": "eu", "enum": ["eu", "us"]}}
    root = document(servers=[{"url": "https://{region}.example.org/v1/", "variables": variables}])
    read = Document(root)
    assert server_of(read, {}, {}, None).url == "https://eu.example.org/v1"
    assert server_of(
        read, {"servers": [{"url": "https://o.org"}]}, {"servers": [{"url": "https://p.org"}]}, None
    ).url == ("https://o.org")
    assert not server_of(read, {}, {}, None).trusted
    assert server_of(read, {}, {}, "http://10.0.0.1/").trusted


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        ({}, {}, "Here names no server"),
        ({"servers": [{"url": "/v1"}]}, {}, "the document's server must be an http or https URL"),
        ({}, {"base_url": "ftp://example.org"}, "base_url must be an http or https URL"),
        ({}, {"base_url": "https://me:pw@example.org"}, "must not carry a user name"),
        ({"servers": [{"url": "https://example.org"}]}, {"client": object()}, "client needs base_url"),
        ({}, {"base_url": "https://example.org", "max_bytes": 0}, "max_bytes must be"),
    ],
)
def test_a_server_that_cannot_be_is_refused(more: Any, options: Any, message: str) -> None:
    """A missing, relative or odd server is an error of the program, found when the tools are made."""
    with pytest.raises(UsageError, match=message):
        openapi_tools(document(**more), **options)


async def test_a_client_of_the_authors_own_sends_the_requests() -> None:
    """Its headers are added, its transport is used, and it does not follow redirects by itself."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": True})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, headers={"X-Signed": "yes"}, follow_redirects=True) as client:
        [tool] = openapi_tools(document(), base_url="https://api.example.org/v2/", client=client, auth="token-1234")
        assert await tool() == {"ok": True}
    assert str(seen[0].url) == "https://api.example.org/v2/read"
    assert seen[0].headers["x-signed"] == "yes"
    assert seen[0].headers["authorization"] == "Bearer token-1234"


async def test_an_api_that_never_answers_costs_its_time_only() -> None:
    """A run with a hanging API ends by its deadline, and the connection is closed."""
    closed = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            pass
        closed.set()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        tools = openapi_tools(document(), base_url=f"http://127.0.0.1:{port}")
        agent = Agent(ScriptedModel([ask(("read", {})), "Nothing came."]), tools)
        result = await agent.run("What is there?", budget=Budget(latency=0.5))
        assert result.spend.latency < 0.6
        assert not result.verified
        await asyncio.wait_for(closed.wait(), 5)
