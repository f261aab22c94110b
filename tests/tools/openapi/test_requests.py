"""What a model writes arrives as the document says: each place, style and body, over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from shotclock.policies.errors import InvalidTool, ToolError
from shotclock.tools.openapi import openapi_tools
from shotclock.tools.tool import Tool

from .strict_api import Reply, StrictApi, serving

NASTY = "a,b;c=d&e/f?g#h%i+j k.l|ü\u20ac~\"'[]{}"
TEXT = {"type": "string"}
VALUES: dict[str, tuple[dict[str, Any], Any]] = {
    "text": (TEXT, NASTY),
    "integer": ({"type": "integer"}, -7),
    "number": ({"type": "number"}, 2.5),
    "boolean": ({"type": "boolean"}, True),
    "list": ({"type": "array", "items": TEXT}, ["blue", NASTY]),
    "numbers": ({"type": "array", "items": {"type": "integer"}}, [1, 2, 3]),
    "object": (
        {"type": "object", "properties": {"R": {"type": "integer"}, NASTY: TEXT}},
        {"R": 100, NASTY: NASTY},
    ),
}
STYLES = [
    (place, style, explode)
    for place, styles in {
        "path": ("simple", "label", "matrix"),
        "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
        "header": ("simple",),
        "cookie": ("form",),
    }.items()
    for style in styles
    for explode in (False, True)
]
KINDS = {
    "deepObject": ["object"],
    "spaceDelimited": ["list", "numbers", "object"],
    "pipeDelimited": ["list", "numbers"],
}


def api_of(operation: dict[str, Any], path: str = "/things", method: str = "post", **more: Any) -> dict[str, Any]:
    """A document of one operation."""
    whole = {"operationId": "op", "responses": {"200": {"description": "done"}}, **operation}
    return {"openapi": "3.0.3", "info": {"title": "Things", "version": "1"}, "paths": {path: {method: whole}}, **more}


def one_tool(api: StrictApi, **options: Any) -> Tool:
    """The only tool of an API."""
    [made] = openapi_tools(api.document, base_url=api.url, **options)
    return made


async def called(tool: Tool, **arguments: Any) -> Any:
    """A call as the pipeline makes it: what the schema refuses is not sent."""
    read = tool.schema.read(arguments)
    assert isinstance(read, dict), read.message
    return await tool(**read)


@pytest.mark.parametrize(("place", "style", "explode"), STYLES)
async def test_a_parameter_arrives_as_it_was_given(place: str, style: str, explode: bool) -> None:
    """Whatever the place, the style and the type, the server reads the very value that the model wrote."""
    path = "/things/{color}" if place == "path" else "/things"
    for kind in KINDS.get(style, VALUES):
        schema, value = VALUES[kind]
        if place == "header" or style.endswith("Delimited"):
            value = _without_delimiters(value)
            schema = {**schema, "properties": {"R": {"type": "integer"}, "G": TEXT}} if kind == "object" else schema
        parameter = {"name": "color", "in": place, "style": style, "explode": explode, "required": True,
                     "schema": schema}  # fmt: skip
        with serving(api_of({"parameters": [parameter]}, path, "get")) as api:
            got = await called(one_tool(api), color=value)
        assert got["given"] == {f"{place}.color": value}, kind


def _without_delimiters(value: Any) -> Any:
    """Headers are not encoded, and a space or `|` is encoded as what separates the parts."""
    plain = "a-b.c"
    if isinstance(value, dict):
        return {"R": 100, "G": plain}
    if isinstance(value, list):
        return [plain if isinstance(each, str) else each for each in value]
    return plain if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("place", "style", "part"), [("header", "simple", "a,b"), ("query", "pipeDelimited", "a|b"),
                                 ("query", "spaceDelimited", "a b")]
)  # fmt: skip
async def test_a_part_that_would_be_read_as_two_is_refused(place: str, style: str, part: str) -> None:
    """Where what separates the parts of a list cannot be encoded, a part that holds it is not sent."""
    parameter = {"name": "color", "in": place, "style": style, "explode": False, "schema": VALUES["list"][0]}
    with serving(api_of({"parameters": [parameter]}, method="get")) as api:
        with pytest.raises(ToolError, match="separates the parts"):
            await called(one_tool(api), color=[part, "c"])
        assert not api.asked


@pytest.mark.parametrize(
    ("style", "explode", "value", "target"),
    [
        ("label", False, ["blue", "black"], "/p/.blue,black"),
        ("label", True, {"R": 1, "G": 2}, "/p/.R=1.G=2"),
        ("matrix", False, ["blue", "black"], "/p/;color=blue,black"),
        ("matrix", True, ["blue", "black"], "/p/;color=blue;color=black"),
        ("matrix", True, {"R": 1, "G": 2}, "/p/;R=1;G=2"),
        ("simple", True, {"R": 1, "G": 2}, "/p/R=1,G=2"),
        ("simple", False, {"R": 1, "G": 2}, "/p/R,1,G,2"),
        ("form", False, ["blue", "black"], "/p?color=blue,black"),
        ("form", True, ["blue", "black"], "/p?color=blue&color=black"),
        ("form", False, {"R": 1, "G": 2}, "/p?color=R,1,G,2"),
        ("form", True, {"R": 1, "G": 2}, "/p?R=1&G=2"),
        ("form", True, "", "/p?color="),
        ("spaceDelimited", False, ["blue", "black"], "/p?color=blue%20black"),
        ("pipeDelimited", False, ["blue", "black"], "/p?color=blue%7Cblack"),
        ("deepObject", True, {"R": 1, "in": {"a": [True, 2.0]}}, "/p?color%5BR%5D=1&color%5Bin%5D%5Ba%5D%5B0%5D=true"
         "&color%5Bin%5D%5Ba%5D%5B1%5D=2"),
    ],
)  # fmt: skip
async def test_the_styles_are_those_of_the_standard(style: str, explode: bool, value: Any, target: str) -> None:
    """The bytes on the wire are those of the standard's table of styles."""
    place = "path" if style in ("label", "matrix", "simple") else "query"
    parameter = {"name": "color", "in": place, "style": style, "explode": explode, "required": True, "schema": {}}
    path = "/p/{color}" if place == "path" else "/p"
    with serving(api_of({"parameters": [parameter]}, path, "get")) as api:
        api.replies[target.partition("?")[0]] = _ok()
        await called(one_tool(api), color=value)
        assert api.asked[0].target == target


def _ok() -> Any:
    from .strict_api import Reply

    return Reply(200, b'{"done": true}')


async def test_json_parameters_and_reserved_characters() -> None:
    """`content` writes JSON, and `allowReserved` leaves the characters that do not end the value."""
    inner = {"type": "object", "properties": {"a": {"type": "integer"}}}
    parameters = [
        {"name": "filter", "in": "query", "content": {"application/json": {"schema": inner}}},
        {"name": "path", "in": "query", "allowReserved": True, "schema": TEXT},
    ]
    with serving(api_of({"parameters": parameters}, method="get")) as api:
        api.replies["/things"] = _ok()
        await called(one_tool(api), filter={"a": 1}, path="x/y:z&w#v+u[0]")
        assert api.asked[0].target == "/things?filter=%7B%22a%22%3A1%7D&path=x/y:z%26w%23v%2Bu%5B0%5D"


PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": TEXT,
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": TEXT},
        "home": {"type": "object", "properties": {"city": TEXT}},
    },
}
SOMEBODY = {"name": NASTY, "age": 3, "tags": ["x", NASTY], "home": {"city": "Ål"}}


@pytest.mark.parametrize(
    ("media", "more"),
    [
        ("application/json", {}),
        ("application/x-www-form-urlencoded", {}),
        ("application/x-www-form-urlencoded", {"home": {"style": "deepObject", "explode": True}}),
        ("application/x-www-form-urlencoded", {"tags": {"style": "form", "explode": False}}),
        ("multipart/form-data", {}),
    ],
)
async def test_a_body_arrives_as_it_was_given(media: str, more: dict[str, Any]) -> None:
    """JSON, form and multipart bodies are read back as the very object that the model wrote."""
    body = {"required": True, "content": {media: {"schema": PERSON, "encoding": more}}}
    with serving(api_of({"requestBody": body})) as api:
        got = await called(one_tool(api), body=SOMEBODY)
    assert got["body"] == SOMEBODY


async def test_files_are_sent_as_text_or_from_a_data_url() -> None:
    """A file of a form is its text, or the bytes and type that a `data:` URL says."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "binary"},
                                               "b": {"type": "string", "format": "binary"}}}  # fmt: skip
    with serving(api_of({"requestBody": {"content": {"multipart/form-data": {"schema": schema}}}})) as api:
        made = one_tool(api)
        got = await called(made, body={"a": "hello", "b": "data:image/png;base64,iVAA/w=="})
        assert got["body"] == {"a": "a|application/octet-stream|68656c6c6f", "b": "b|image/png|895000ff"}
        assert "data: URL" in str(made.schema.parameters)
        with pytest.raises(ToolError, match="no valid base64"):
            await called(made, body={"a": "data:image/png;base64,%%%"})


async def test_text_bodies_and_no_body() -> None:
    """Text is sent as it is; where no body is given, none is sent, and no content type."""
    with serving(api_of({"requestBody": {"content": {"text/plain": {"schema": TEXT}}}})) as api:
        made = one_tool(api)
        assert (await called(made, body=NASTY))["body"] == NASTY
        with pytest.raises(Exception, match="content type ''"):
            await called(made)
        assert "content-type" not in api.asked[-1].headers


async def test_json_is_preferred_to_forms_and_forms_to_files() -> None:
    """Of several media types the one that a model writes best is sent."""
    described = {"schema": PERSON}
    content = {"application/octet-stream": {}, "text/plain": {}, "multipart/form-data": described,
               "application/x-www-form-urlencoded": described, "application/json": described}  # fmt: skip
    with serving(api_of({"requestBody": {"content": content}})) as api:
        for media in reversed(list(content)):
            await one_tool(api)(body={"name": "x"} if content[media] else "x")
            assert api.asked[-1].headers["content-type"].partition(";")[0] == media
            del content[media]


@pytest.mark.parametrize("value", ["", ".", "..", "%2e%2e"])
async def test_a_path_is_not_left(value: str) -> None:
    """A value can neither vanish from the path nor climb out of it; nothing is sent."""
    parameter = {"name": "id", "in": "path", "required": True, "schema": TEXT}
    with serving(api_of({"parameters": [parameter]}, "/things/{id}/parts", "delete")) as api:
        made = one_tool(api)
        if value == "%2e%2e":
            assert (await called(made, id=value))["given"] == {"path.id": value}
            return
        with pytest.raises(ToolError, match="id must not be empty" if not value else "must not be left"):
            await called(made, id=value)
        assert not api.asked


async def test_a_header_cannot_be_split() -> None:
    """A line break in a header's value is refused before anything is sent."""
    parameter = {"name": "X-Note", "in": "header", "schema": TEXT}
    with serving(api_of({"parameters": [parameter]}, method="get")) as api:
        made = one_tool(api)
        with pytest.raises(ToolError, match="X-Note takes printable ASCII only"):
            await called(made, **{"X-Note": "a\r\nX-Admin: yes"})
        assert not api.asked


async def test_headers_that_frame_the_message_are_not_offered() -> None:
    """A document cannot have the model write the host, the credentials or the length."""
    names = ["Host", "Authorization", "Content-Length", "Transfer-Encoding", "Cookie", "X-Mine"]
    parameters = [{"name": name, "in": "header", "schema": TEXT} for name in names]
    with serving(api_of({"parameters": parameters})) as api:
        assert list(one_tool(api).schema.parameters["properties"]) == ["X-Mine"]


async def test_equal_names_in_different_places_are_told_apart() -> None:
    """Each parameter has an argument of its own, with a name that models accept."""
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": TEXT},
        {"name": "id", "in": "query", "schema": TEXT},
        {"name": "body", "in": "query", "schema": TEXT},
        {"name": "self", "in": "query", "schema": TEXT},
        {"name": "filter[name]", "in": "query", "schema": TEXT},
    ]
    body = {"content": {"application/json": {"schema": PERSON}}}
    with serving(api_of({"parameters": parameters, "requestBody": body}, "/things/{id}")) as api:
        given = {"path_id": "1", "query_id": "2", "query_body": "3", "self": "4", "filter_name": "5"}
        got = await called(one_tool(api), **given, body={"name": "6"})
    assert got == {
        "given": {"path.id": "1", "query.id": "2", "query.body": "3", "query.self": "4", "query.filter[name]": "5"},
        "body": {"name": "6"},
    }


async def test_whole_numbers_and_absent_values() -> None:
    """`3.0` is sent as the integer that it is, and `null` is not sent."""
    parameters = [
        {"name": "n", "in": "query", "schema": {"type": "integer"}},
        {"name": "m", "in": "query", "schema": {"type": "integer", "nullable": True}},
    ]
    with serving(api_of({"parameters": parameters}, method="get")) as api:
        assert (await called(one_tool(api), n=3.0, m=None))["given"] == {"query.n": 3}


async def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    """The arguments are validated against the document's schemas, and the model is told what is wrong."""
    parameter = {"name": "n", "in": "query", "required": True, "schema": {"type": "integer", "maximum": 5}}
    with serving(api_of({"parameters": [parameter]}, method="get")) as api:
        schema = one_tool(api).schema
        for wrong in ({}, {"n": 6}, {"n": "x"}, {"n": 1, "other": 2}):
            assert not isinstance(schema.read(wrong), dict)
        assert not api.asked


async def test_a_query_in_a_path_is_sent_as_one() -> None:
    """The standard has none there, and documents do: fixed pairs, and templates of either kind of parameter."""
    parameters = [{"name": name, "in": place, "required": True, "schema": TEXT}
                  for name, place in (("lat", "path"), ("page", "query"))]  # fmt: skip
    document = api_of({"parameters": parameters}, "/rest?method=list&lat={lat}&page={page}", "get")
    with serving(document) as api:
        api.replies["/rest"] = Reply(200, b"{}")
        await called(one_tool(api), lat="1/2&3", page="4")
        assert [each.target for each in api.asked] == ["/rest?method=list&lat=1%2F2%263&page=4"]
        with pytest.raises(InvalidTool, match=r"has no parameter for \{what\}"):
            openapi_tools(api_of({}, "/rest?is={what}"), base_url=api.url)


async def test_the_media_type_of_json_is_sent_as_the_document_writes_it() -> None:
    """Its parameters are part of what a server may ask for."""
    kind = "application/json; version=2"
    with serving(api_of({"requestBody": {"content": {kind: {"schema": {"type": "object"}}}}})) as api:
        api.replies["/things"] = Reply(200, b"{}")
        await called(one_tool(api), body={"a": 1})
        assert api.asked[0].headers["content-type"] == kind
