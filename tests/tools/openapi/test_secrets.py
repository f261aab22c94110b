"""Credentials reach the server as its security scheme says, and nobody else."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from pydantic import SecretStr

from shotclock import Agent, Budget
from shotclock.policies.errors import ToolError, UsageError
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.openapi import openapi_tools

from .strict_api import Reply, serving

KEY = "k3y+with/odd=signs"
SCHEMES: dict[str, dict[str, Any]] = {
    "in_header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "in_query": {"type": "apiKey", "in": "query", "name": "key"},
    "in_cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
    "bearer": {"type": "http", "scheme": "Bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "oauth": {"type": "oauth2", "flows": {}},
    "digest": {"type": "http", "scheme": "digest"},
}


def document(security: list[dict[str, list[str]]] | None, schemes: dict[str, Any] = SCHEMES) -> dict[str, Any]:
    """A document whose one operation needs this; it also lists the carriers among its parameters."""
    places = (("header", "X-Key"), ("query", "key"), ("cookie", "session"), ("query", "q"))
    operation: dict[str, Any] = {
        "operationId": "read",
        "parameters": [{"name": name, "in": place, "schema": {"type": "string"}} for place, name in places],
        "responses": {},
    }
    if security is not None:
        operation["security"] = security
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vault", "version": "1"},
        "paths": {"/read": {"get": operation}},
        "components": {"securitySchemes": schemes},
    }


async def a_token() -> SecretStr:
    return SecretStr(KEY)


PAIR = base64.b64encode(f"ann:{KEY}".encode()).decode()
EXPECTED = {
    "in_header": ("x-key", KEY),
    "in_cookie": ("cookie", "session=k3y%2Bwith%2Fodd%3Dsigns"),
    "bearer": ("authorization", f"Bearer {KEY}"),
    "oauth": ("authorization", f"Bearer {KEY}"),
    "basic": ("authorization", f"Basic {PAIR}"),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("given", [KEY, SecretStr(KEY), lambda: KEY, a_token], ids=["text", "secret", "call", "async"])
async def test_a_credential_is_sent_as_its_scheme_says(name: str, given: Any) -> None:
    """Each kind of scheme, with each kind of credential, alone or by the scheme's name."""
    with serving(document([{name: []}])) as api:
        api.replies["/read"] = Reply(200, b'{"ok": true}')
        given = ("ann", SecretStr(KEY)) if name == "basic" else given
        for auth in (given, {name: given}):
            [tool] = openapi_tools(api.document, base_url=api.url, auth=auth)
            await tool()
            header, text = EXPECTED[name]
            assert api.asked[-1].headers[header] == text
            assert "key=" not in api.asked[-1].target


async def test_a_key_in_the_query_is_sent_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The server reads the key; the clients' logs show the URL without it."""
    caplog.set_level(logging.INFO)
    with serving(document([{"in_query": []}])) as api:
        api.replies["/read"] = Reply(200, b'{"ok": true}')
        [tool] = openapi_tools(api.document, base_url=api.url, auth=KEY)
        await tool(q="x")
        assert api.asked[-1].target == "/read?q=x&key=k3y%2Bwith%2Fodd%3Dsigns"
    assert "k3y" not in caplog.text
    assert "/read?q=x" in caplog.text


async def test_what_carries_a_credential_is_no_argument() -> None:
    """A parameter that is the key's place is not offered to the model; the others are."""
    [tool] = openapi_tools(document([{"in_query": [], "in_header": []}]), base_url="http://localhost", auth=KEY)
    assert list(tool.schema.parameters["properties"]) == ["session", "q"]


def everything_of(result: Any) -> str:
    """All that a run tells: the result, its evidence, and its trace."""
    return repr(result) + json.dumps([each.to_dict() for each in result.evidence], default=str)


@pytest.mark.parametrize("status", [200, 401])
async def test_secrets_stay_out_of_results_errors_and_traces(
    status: int, caplog: pytest.LogCaptureFixture, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the server repeats the credentials in its answer, nobody is shown them."""
    caplog.set_level(logging.INFO)
    traces = tmp_path / "traces.db"
    monkeypatch.setenv("SHOTCLOCK_TRACES", str(traces))
    echo = {"raw": f"Bearer {KEY}", "url": "/read?key=k3y%2Bwith%2Fodd%3Dsigns", "pair": PAIR, "message": "denied"}
    with serving(document([{"bearer": [], "in_query": [], "basic": []}])) as api:
        api.replies["/read"] = Reply(status, json.dumps(echo).encode())
        auth = {"bearer": KEY, "in_query": SecretStr(KEY), "basic": ("ann", KEY)}
        tools = openapi_tools(api.document, base_url=api.url, auth=auth)
        agent = Agent(ScriptedModel([ask(("read", {"q": "x"})), "It says denied."] * 2), tools)
        result = await agent.run("What does the vault say?", budget=Budget(latency=10))
    assert api.asked
    told = everything_of(result) + caplog.text + repr(tools) + repr(vars(tools[0]))
    told += b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode("latin-1")
    assert "denied" in told
    for secret in ("k3y", PAIR):
        assert secret not in told
    assert "[secret]" in told


async def test_a_function_that_fails_tells_nothing() -> None:
    """What a credential's function raises may quote a secret, so only its class is named."""

    def failing() -> str:
        raise RuntimeError(f"could not refresh {KEY}")

    [tool] = openapi_tools(document([{"bearer": []}]), base_url="http://localhost", auth=failing)
    with pytest.raises(ToolError, match=r"'bearer' of this API could not be had \(RuntimeError\)") as caught:
        await tool()
    assert caught.value.__suppress_context__
    [tool] = openapi_tools(document([{"bearer": []}]), base_url="http://localhost", auth=lambda: "two\nlines")
    with pytest.raises(ToolError, match="not printable") as caught:
        await tool()
    assert "two" not in str(caught.value)


async def test_the_first_alternative_that_is_covered_is_sent() -> None:
    """Of several ways to sign in, the one that the credentials cover; none where none is needed."""
    with serving(document([{"basic": [], "bearer": []}, {"in_header": []}])) as api:
        api.replies["/read"] = Reply(200, b'{"ok": true}')
        [tool] = openapi_tools(api.document, base_url=api.url, auth={"bearer": "other", "in_header": KEY})
        await tool()
        assert api.asked[-1].headers["x-key"] == KEY
        assert "authorization" not in api.asked[-1].headers
        for security, auth in (([], KEY), ([{"basic": []}, {}], {"bearer": KEY}), ([{"basic": []}], None)):
            [tool] = openapi_tools(document(security), base_url=api.url, auth=auth)
            await tool()
            assert not {"x-key", "authorization", "cookie"} & set(api.asked[-1].headers)


async def test_a_document_without_schemes_takes_a_bearer_token() -> None:
    """Where the document says nothing of security, one credential is the bearer token."""
    with serving(document(None, {})) as api:
        api.replies["/read"] = Reply(200, b'{"ok": true}')
        for auth in (KEY, {"bearer": KEY}):
            [tool] = openapi_tools(api.document, base_url=api.url, auth=auth)
            await tool()
            assert api.asked[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("security", "auth", "message"),
    [
        ([{"basic": [], "bearer": []}], {"bearer": KEY}, "'read': auth has no credential for 'basic' and 'bearer'"),
        ([{"bearer": []}], {"berer": KEY}, "auth names 'berer'"),
        ([{"bearer": []}], 7, "auth must be a text"),
        ([{"digest": []}], KEY, "which is not known"),
    ],
)
def test_credentials_that_do_not_fit_are_refused_at_once(security: Any, auth: Any, message: str) -> None:
    """A missing, misnamed or impossible credential is an error of the program, said without its value."""
    with pytest.raises(UsageError, match=message) as caught:
        openapi_tools(document(security), base_url="http://localhost", auth=auth)
    assert "k3y" not in str(caught.value)
