"""What a document becomes: which operations, under which names, with which schemas, and how fast."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from shotclock.policies.errors import InvalidPath, InvalidTool, MissingExtra, UsageError
from shotclock.tools.openapi import openapi_tools
from shotclock.tools.tool import Tool

PETS = """\
openapi: 3.0.3
info: {title: Pets, version: 2020-01-01}
servers: [{url: https://pets.example.org}]
paths:
  /pets/{petId}:
    parameters:
      - {name: petId, in: path, required: true, schema: {type: string}}
    get:
      operationId: pets/get-by-id
      tags: [reading]
      summary: Get a pet.
      description: Get a <b>pet</b>, see [the guide](https://example.org/guide). More of it.
      responses:
        200: {description: a pet}
    delete:
      operationId: pets.delete
      deprecated: true
      tags: [writing]
      responses: {default: {description: gone}}
  /pets:
    put: {tags: [writing], responses: {}}
    post: {operationId: pets/get_by_id, tags: [writing], responses: {}}
    patch: {operationId: PatchAll, description: Change all pets., responses: {}}
"""


def names(document: Any, **options: Any) -> list[str]:
    """The names of the tools."""
    return [tool.name for tool in openapi_tools(document, **options)]


def of_schema(schema: Any, version: str = "3.0.3", **schemas: Any) -> dict[str, Any]:
    """The argument schema of an operation with a JSON body."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    document = {"openapi": version, "info": {}, "servers": [{"url": "https://example.org"}],
                "components": {"schemas": schemas},
                "paths": {"/a": {"post": {"requestBody": body, "responses": {}}}}}  # fmt: skip
    [tool] = openapi_tools(document)
    parameters: dict[str, Any] = tool.schema.parameters
    return parameters


def refused(tool_schema: dict[str, Any], body: Any) -> bool:
    """Whether arguments with this body are refused by the schema."""
    from shotclock.tools.declared import DeclaredSchema

    return not isinstance(DeclaredSchema("t", "t", tool_schema).read({"body": body}), dict)


def test_names_are_valid_and_unique() -> None:
    """Ids become names that models accept; two that would be equal are told apart, and a missing one is method and
    path."""
    assert names(PETS) == ["pets_get-by-id", "pets_delete", "PUT_pets", "pets_get_by_id", "PatchAll"]
    long = json.loads(json.dumps(_of_ids("x" * 90, "x" * 91, "ä/ö", "a b", "a_b", "a:b")))
    made = names(long)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in made)
    assert len(set(made)) == 6
    assert names(long, prefix="shop_", include="a*") == ["shop_a_b", "shop_a_b_2", "shop_a_b_3"]


def _of_ids(*ids: str) -> dict[str, Any]:
    paths = {f"/{at}": {"get": {"operationId": each, "responses": {}}} for at, each in enumerate(ids)}
    return {"openapi": "3.1.0", "info": {}, "servers": [{"url": "https://example.org"}], "paths": paths}


def test_promises_follow_the_method() -> None:
    """GET is read-only, PUT and DELETE are idempotent, POST and PATCH promise nothing; none is trusted."""
    promised = {tool.name: (tool.read_only, tool.idempotent, tool.trusted) for tool in openapi_tools(PETS)}
    assert promised == {
        "pets_get-by-id": (True, False, False),
        "pets_delete": (False, True, False),
        "PUT_pets": (False, True, False),
        "pets_get_by_id": (False, False, False),
        "PatchAll": (False, False, False),
    }
    assert all(tool.trusted and tool.timeout == 2 for tool in openapi_tools(PETS, trusted=True, timeout="2s"))


def test_descriptions_are_short_and_plain() -> None:
    """Markup and links cost tokens and say nothing; a long text is cut after a sentence."""
    described = {tool.name: tool.description for tool in openapi_tools(PETS)}
    assert described["pets_get-by-id"] == "Get a pet. Get a pet , see the guide. More of it"
    assert described["pets_delete"] == "DELETE /pets/{petId} (deprecated)"
    document = _of_ids("a")
    document["paths"]["/0"]["get"]["description"] = "One sentence. " * 200
    [tool] = openapi_tools(document)
    assert len(tool.description) <= 300
    assert tool.description.endswith("One sentence")


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"include": "pets/get-by-id"}, ["pets_get-by-id"]),
        ({"include": ["tag:reading", "PatchAll"]}, ["pets_get-by-id", "PatchAll"]),
        ({"include": "pets/*"}, ["pets_get-by-id", "pets_get_by_id"]),
        ({"include": "GET /*"}, ["pets_get-by-id"]),
        ({"include": "PUT /pets"}, ["PUT_pets"]),
        ({"exclude": ["tag:writing"]}, ["pets_get-by-id", "PatchAll"]),
        ({"include": "tag:writing", "exclude": "pets*"}, ["PUT_pets"]),
    ],
)
def test_operations_are_chosen(options: dict[str, Any], chosen: list[str]) -> None:
    """By id, by tag, by a pattern of ids, or of method and path; in the document's order."""
    assert names(PETS, **options) == chosen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include": "pets/get"}, "include has 'pets/get', which no operation of Pets is; did you mean 'pets/get"),
        ({"exclude": "tag:wriitng"}, "did you mean 'tag:writing'"),
        ({"include": "PatchAll", "exclude": "P*"}, "no operation of Pets is left; it has 5"),
        ({"include": [7]}, "include and exclude take ids"),
    ],
)
def test_a_choice_of_nothing_is_refused(options: dict[str, Any], message: str) -> None:
    """An entry that names no operation is a slip, and says what comes near."""
    with pytest.raises(UsageError, match=re.escape(message)):
        openapi_tools(PETS, **options)


def test_a_document_comes_in_any_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping, JSON and YAML, as text and as a file, give the same tools; YAML says so where it cannot be read."""
    yaml = tmp_path / "pets.yaml"
    yaml.write_text(PETS, encoding="utf-8")
    import yaml as parser

    mapping = json.loads(json.dumps(parser.load(PETS, parser.BaseLoader)))
    (tmp_path / "pets.json").write_text("\ufeff" + json.dumps(mapping), encoding="utf-8")
    forms = [PETS, yaml, str(yaml), tmp_path / "pets.json", json.dumps(mapping)]
    assert all(names(form) == names(PETS) for form in forms)
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert names(tmp_path / "pets.json") == ["pets_get-by-id", "pets_delete", "PUT_pets", "pets_get_by_id", "PatchAll"]
    with pytest.raises(MissingExtra, match=r"shotclock\[openapi\]"):
        names(PETS)


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ("no/such.json", InvalidPath, "cannot be read: No such file"),
        ('{"swagger": "2.0", "paths": {}}', InvalidTool, "this one is of Swagger 2.0"),
        ('{"openapi": "4.0.0"}', InvalidTool, "this one is of openapi '4.0.0'"),
        ("{nonsense", InvalidTool, "neither JSON nor YAML"),
        ("a: [\nb", InvalidTool, "neither JSON nor YAML"),
        ("- 1\n- 2", InvalidTool, "it holds list, not an object"),
        ({"openapi": "3.0.0", "paths": {"/a": 7}}, InvalidTool, r"no object at paths\['/a'\]"),
    ],
)
def test_what_is_no_document_is_refused(document: Any, error: type[Exception], message: str) -> None:
    """Each says what it found and what to do."""
    with pytest.raises(error, match=message):
        openapi_tools(document)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"parameters": [{"name": "a", "in": "somewhere"}]}, "'a' is in 'somewhere', not in one of: path"),
        ({"parameters": [{"name": "a", "in": "query", "style": "matrix"}]}, "must be one of: form, spaceDelimited"),
        ({"parameters": [{"in": "query"}]}, "a parameter has no name"),
        ({"parameters": [{"$ref": "other.yaml#/a"}]}, "leads out of the OpenAPI document"),
        ({"parameters": [{"$ref": "#/components/no"}]}, "names nothing"),
        ({"parameters": [{"$ref": "#/components/parameters/loop"}]}, "leads in a circle"),
        ({"requestBody": {"required": True, "content": {}}}, "the request body has no media type"),
        ({"parameters": [{"name": "a", "in": "query", "schema": {"$ref": "http://x/y"}}]}, "nothing is fetched"),
        ({"parameters": [{"name": "a", "in": "query", "schema": {"$dynamicRef": "#x"}}]}, "cannot be read"),
    ],
)
def test_an_operation_that_cannot_be_read_is_named(operation: dict[str, Any], message: str) -> None:
    """The error names the operation, and only one that was chosen is read."""
    document = _of_ids("good", "bad")
    document["paths"]["/1"]["get"] |= operation
    document["components"] = {"parameters": {"loop": {"$ref": "#/components/parameters/loop"}}}
    assert names(document, include="good") == ["good"]
    with pytest.raises(
        InvalidTool, match=f"the operation 'bad': .*{re.escape(message)}.*; or leave it out: exclude="
    ) as said:
        openapi_tools(document)
    assert str(said.value).endswith("exclude=['bad']")
    assert names(document, exclude=["bad"]) == ["good"]


def test_a_pattern_of_another_language_is_left_to_the_api() -> None:
    """An expression that cannot be read here refuses nothing, and costs no tool."""
    schema = of_schema({"type": "object", "properties": {
        "ruby": {"type": "string", "pattern": "^(?:{[0-9]{4}})$"}, "plain": {"type": "string", "pattern": "^[0-9]{4}$"},
    }})  # fmt: skip
    assert not refused(schema, {"ruby": "{1234}", "plain": "1234"})
    assert refused(schema, {"plain": "12345"})


def test_a_document_without_operations_says_so() -> None:
    """One of webhooks alone, say, is told apart from a choice of nothing."""
    with pytest.raises(UsageError, match="Hooks has no operations under paths"):
        openapi_tools(
            {"openapi": "3.1.0", "info": {"title": "Hooks"}, "webhooks": {"new": {"post": {"responses": {}}}}}
        )


def test_aliases_of_yaml_do_not_multiply() -> None:
    """A few lines of aliases that stand for billions of values are read in no time, or refused where they are used."""
    lines = ["a0: &a0 {type: object, properties: {x: {type: string}}}"]
    for at in range(1, 40):
        inner = ", ".join(f"p{each}: *a{at - 1}" for each in range(9))
        lines.append(f"a{at}: &a{at} {{type: object, properties: {{{inner}}}}}")
    bomb = PETS + "x-bomb:\n  " + "\n  ".join(lines) + "\n"
    started = time.process_time()
    assert len(names(bomb)) == 5
    used = bomb.replace("schema: {type: string}", "schema: {$ref: '#/x-bomb/a39'}")
    with pytest.raises(InvalidTool, match="more than 20,000 places"):
        names(used)
    assert time.process_time() - started < 2.0


def test_a_path_without_its_parameter_is_refused() -> None:
    """A template that nobody fills would be sent as it stands."""
    document = _of_ids("a")
    document["paths"]["/x/{id}"] = {"get": {"responses": {}}}
    with pytest.raises(InvalidTool, match=r"'GET /x/\{id\}': the path '/x/\{id\}' has no parameter for \{id\}"):
        openapi_tools(document)


def test_references_come_along_once_and_recursive_ones_survive() -> None:
    """A tree of trees is one definition, and validates to any level."""
    tree = {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"},
                                             "value": {"type": "integer"}}}  # fmt: skip
    schema = of_schema({"$ref": "#/components/schemas/Tree"}, Tree=tree, Unused={"type": "string"})
    assert list(schema["$defs"]) == ["Tree"]
    assert not refused(schema, {"left": {"left": {"value": 1}}})
    assert refused(schema, {"left": {"left": {"value": "one"}}})


def test_the_words_of_3_0_are_read() -> None:
    """`nullable` and exclusive bounds of 3.0 mean what they mean there."""
    schema = of_schema(
        {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "nullable": True},
                "e": {"type": "string", "enum": ["a"], "nullable": True},
                "r": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Name"}]},
            },
        },
        Name={"type": "string"},
    )
    assert not refused(schema, {"n": None, "e": None, "r": None})
    assert not refused(schema, {"n": 2, "e": "a", "r": "x"})
    assert all(refused(schema, body) for body in ({"n": 1}, {"e": "b"}, {"r": 1}))


def test_the_words_of_3_1_are_read() -> None:
    """3.1 is JSON Schema: lists of types, numbers as exclusive bounds, `const`, words beside a reference."""
    schema = of_schema(
        {"type": ["object", "null"], "properties": {"n": {"$ref": "#/components/schemas/N", "maximum": 9}}},
        "3.1.0",
        N={"type": "number", "exclusiveMinimum": 1},
    )
    assert not refused(schema, None)
    assert not refused(schema, {"n": 5})
    assert refused(schema, {"n": 1})
    assert refused(schema, {"n": 10})


def test_what_is_read_only_is_not_asked_for() -> None:
    """A model is not shown what only the server writes, though it is required."""
    schema = of_schema(
        {
            "type": "object",
            "required": ["id", "name"],
            "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}},
        }
    )
    body = schema["properties"]["body"]
    assert (list(body["properties"]), body["required"]) == (["name"], ["name"])


@pytest.mark.parametrize(
    ("more", "schema", "offered"),
    [
        ({}, {"type": "object", "properties": {}, "additionalProperties": False}, False),
        ({"required": True}, {"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({}, {"type": "object", "properties": {}}, True),
        ({}, {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}}}, True),
    ],
)
def test_a_body_that_can_hold_nothing_is_not_asked_for(more: Any, schema: Any, offered: bool) -> None:
    """Some documents give every operation a form without fields; a model is not shown what it cannot fill."""
    body = {"content": {"application/x-www-form-urlencoded": {"schema": schema}}, **more}
    paths = {"/a": {"get": {"requestBody": body, "responses": {}}}}
    [made] = openapi_tools({"openapi": "3.0.3", "info": {}, "paths": paths}, base_url="https://example.org")
    paths["/a"]["get"]["requestBody"] = {"content": {}}
    [none] = openapi_tools({"openapi": "3.0.3", "info": {}, "paths": paths}, base_url="https://example.org")
    assert "body" not in none.schema.parameters["properties"]
    assert ("body" in made.schema.parameters["properties"]) is offered


def large_document(operations: int) -> dict[str, Any]:
    """A document in the manner of the large public ones: many operations, each with schemas that refer to others."""
    schemas = {
        f"Thing{at}": {
            "type": "object",
            "properties": {f"field_{each}": {"type": "string", "description": "What this field means. " * 8}
                           for each in range(24)}
            | {"next": {"$ref": f"#/components/schemas/Thing{(at + 1) % operations}"}},
        }
        for at in range(operations)
    }  # fmt: skip
    paths = {
        f"/things{at}/{{id}}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": f"things/get-{at}",
                "tags": [f"group{at % 40}"],
                "description": "Get one thing. " * 20,
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/Thing{at}"}}}}
                },
            },
        }
        for at in range(operations)
    }
    return {"openapi": "3.0.3", "info": {"title": "Large"}, "servers": [{"url": "https://example.org"}],
            "paths": paths, "components": {"schemas": schemas}}  # fmt: skip


def test_a_large_document_loads_quickly(tmp_path: Path) -> None:
    """Of a document of 3 MB, only what was chosen is read: well under a second of this process's time."""
    file = tmp_path / "large.json"
    file.write_text(json.dumps(large_document(500)), encoding="utf-8")
    assert file.stat().st_size > 3_000_000
    started = time.process_time()
    made = openapi_tools(file, include="tag:group7")
    assert time.process_time() - started < 1.0
    assert len(made) == 13
    assert isinstance(made[0], Tool)


def test_a_schema_that_leads_through_the_whole_document_costs_nothing_until_it_is_needed() -> None:
    """A response is read when there is one to check; one too large to be checked in bounded time leaves it unsure."""
    [tool] = openapi_tools(large_document(500), include="things/get-3")
    started = time.process_time()
    said = tool.checks[0]({"field_1": 7})
    assert time.process_time() - started < 2.0
    assert said.outcome in ("fail", "unsure")
