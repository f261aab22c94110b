"""What an API answers, as a result, a check of it, or an error that says whether to try again."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from shotclock.policies.errors import ToolError
from shotclock.tools.checking import run_checks
from shotclock.tools.landing import failure
from shotclock.tools.openapi import ApiError, openapi_tools
from shotclock.tools.tool import Tool

from .strict_api import Reply, StrictApi, serving

NODE = {
    "type": "object",
    "required": ["value", "password"],
    "properties": {
        "value": {"type": "integer"},
        "password": {"type": "string", "writeOnly": True},
        "next": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Node"}]},
    },
}


def document(responses: dict[str, Any], method: str = "get", **components: Any) -> dict[str, Any]:
    """A document of one operation with these responses."""
    operation = {
        "operationId": "read",
        "responses": responses,
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("page", "per_page", "after")
        ],
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Nodes", "version": "1"},
        "paths": {"/nodes": {method: operation}},
        "components": {"schemas": {"Node": NODE, **components}},
    }


def of_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A success that answers with JSON of the schema."""
    return {"200": {"description": "a node", "content": {"application/json": {"schema": schema}}}}


def one_tool(api: StrictApi, **options: Any) -> Tool:
    """The only tool of an API."""
    [made] = openapi_tools(api.document, base_url=api.url, **options)
    return made


async def answered(api: StrictApi, reply: Reply, **options: Any) -> Any:
    """What the tool returns where the API answers like this."""
    api.replies["/nodes"] = reply
    return await one_tool(api, **options)()


def verdict(tool: Tool, result: Any) -> Any:
    """What the checks of a tool say of a result."""
    return run_checks(tool.name, result, {}, tool.checks)


REF = {"$ref": "#/components/schemas/Node"}


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"value": 1}, "pass"),
        ({"value": 1, "next": {"value": 2, "next": None}}, "pass"),
        ({"value": 1, "next": {"value": "two"}}, "fail"),
        ({"next": None}, "fail"),
        ([1], "fail"),
    ],
)
def test_an_answer_is_checked_against_its_schema(result: Any, outcome: str) -> None:
    """A recursive schema checks to any level, `nullable` allows null, and what is write-only need not come back."""
    [tool] = openapi_tools(document(of_schema(REF)), base_url="http://localhost")
    said = verdict(tool, result)
    assert (said.outcome, said.verifier) == (outcome, "openapi")


def test_where_nothing_is_declared_the_check_has_no_opinion() -> None:
    """Without a schema for a success in JSON, nothing is said to have passed."""
    for responses in (
        {},
        {"204": {"description": "done"}},
        {"200": {"description": "x", "content": {"text/plain": {}}}},
    ):
        [tool] = openapi_tools(document(responses), base_url="http://localhost")
        assert verdict(tool, {"value": "x"}).outcome == "unsure"


def test_a_schema_that_cannot_be_used_leaves_the_check_unsure() -> None:
    """A reference to another document is not fetched; the tool works, and its results are not verified."""
    [tool] = openapi_tools(document(of_schema({"$ref": "https://example.org/a.json"})), base_url="http://localhost")
    said = verdict(tool, {"value": 1})
    assert said.outcome == "unsure"
    assert "nothing is fetched" in said.reason


def test_schemas_that_refer_to_each_other_everywhere_are_checked_as_deep_as_can_be() -> None:
    """Where every object may hold every other, following all references would never end: the outer levels count."""
    names = [f"T{at}" for at in range(30)]
    fields = {name: {"oneOf": [{"type": "string"}, {"$ref": f"#/components/schemas/{name}"}]} for name in names}
    tangled = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, **fields}}
    [tool] = openapi_tools(
        document(of_schema({"$ref": "#/components/schemas/T0"}), **dict.fromkeys(names, tangled)),
        base_url="http://localhost",
    )
    assert verdict(tool, {"id": "a", "T1": {"id": "b", "T2": "c"}}).outcome == "pass"
    assert verdict(tool, {"id": "a", "T1": {"T2": "c"}}).outcome == "fail"


async def test_a_text_is_read_in_its_charset() -> None:
    """The server's charset holds where it is known, and UTF-8 otherwise."""
    with serving(document({})) as api:
        latin = Reply(200, "grün".encode("latin-1"), {"Content-Type": "text/plain; charset=ISO-8859-1"})
        assert await answered(api, latin) == "grün"
        unknown = Reply(200, "grün".encode(), {"Content-Type": "text/plain; charset=nonsense"})
        assert await answered(api, unknown) == "grün"


async def test_a_success_is_its_json() -> None:
    """The value comes back as it is, with umlauts, whatever the charset parameter."""
    with serving(document(of_schema(REF))) as api:
        reply = Reply(200, '{"value": 1, "a": "ü"}'.encode(), {"Content-Type": "application/json; charset=utf-8"})
        assert await answered(api, reply) == {"value": 1, "a": "ü"}
        assert api.asked[0].headers["accept"].startswith("application/json")


async def test_answers_that_are_no_json() -> None:
    """Text is text, of anything else the type and size are told, and an empty answer is its status."""
    with serving(document({})) as api:
        assert await answered(api, Reply(200, b"hello", {"Content-Type": "text/plain"})) == "hello"
        image = await answered(api, Reply(200, b"\x89PNG", {"Content-Type": "image/png"}))
        assert (image["media_type"], image["bytes"]) == ("image/png", 4)
        assert (await answered(api, Reply(204)))["status"] == 204
        with pytest.raises(ToolError, match="JSON that cannot be read"):
            await answered(api, Reply(200, b'{"value": '))


async def test_a_head_request_tells_the_headers() -> None:
    """HEAD is read-only, and its result is the status with what the headers say of the content."""
    with serving(document({}, "head")) as api:
        result = await answered(api, Reply(200, b"12345", {"ETag": '"x"'}))
        assert one_tool(api).read_only
    assert result == {"status": 200, "content-type": "application/json", "content-length": "5", "etag": '"x"'}


async def test_a_next_page_is_told_as_arguments() -> None:
    """A `Link` to the next page becomes the arguments that ask for it, and the items are checked as ever."""
    link = '<https://api.example.org/nodes?page=1>; rel="prev", <https://api.example.org/nodes?page=3&x=1&after=a%3D>'
    with serving(document(of_schema({"type": "array", "items": REF}))) as api:
        tool = one_tool(api)
        page = await answered(api, Reply(200, b'[{"value": 1}]', {"Link": f'{link}; rel="next"'}))
        assert page == {"items": [{"value": 1}], "next": {"page": "3", "after": "a="}}
        assert verdict(tool, page).outcome == "pass"
        assert await answered(api, Reply(200, b"[]", {"Link": '<https://x.org/?page=1>; rel="first"'})) == []


@pytest.mark.parametrize(
    ("status", "retryable", "passing", "throttled"),
    [(404, False, False, False), (429, True, True, True), (503, True, True, False), (400, False, False, False)],
)
async def test_a_refusal_says_whether_to_try_again(
    status: int, retryable: bool, passing: bool, throttled: bool
) -> None:
    """A status outside 2xx is an error with the server's words, its finality and the wait it asks for."""
    with serving(document({})) as api:
        reply = Reply(status, b'{"message": "no such node"}', {"Retry-After": "7"})
        with pytest.raises(ApiError) as caught:
            await answered(api, reply)
    failed = failure(caught.value)
    assert "no such node" in failed.message
    assert (failed.retryable, failed.passing, failed.throttled) == (retryable, passing, throttled)
    assert (caught.value.status_code, failed.retry_after) == (status, 7.0)


async def test_no_answer_may_pass() -> None:
    """Where no connection stands, the failure is known to pass, and names the server only."""
    [tool] = openapi_tools(document({}), base_url="http://127.0.0.1:9")
    with pytest.raises(ApiError) as caught:
        await tool(page="private")
    assert failure(caught.value).passing
    assert "http://127.0.0.1:9" in str(caught.value)
    assert "private" not in str(caught.value)


async def test_an_answer_over_the_limit_is_refused() -> None:
    """The size counts after decompression, so that a few bytes do not become many."""
    body = json.dumps({"value": "x" * 50_000}).encode()
    with serving(document({})) as api:
        zipped = Reply(200, gzip.compress(body), {"Content-Encoding": "gzip"})
        assert len(gzip.compress(body)) < 1_000
        with pytest.raises(ToolError, match="larger than 10,000 bytes"):
            await answered(api, zipped, max_bytes=10_000)
        assert await answered(api, zipped, max_bytes=len(body)) == json.loads(body)
