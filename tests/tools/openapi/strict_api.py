"""A strict API over a real socket: it reads requests back by the document's own rules, and refuses what breaks them.

It shares no code with what is tested: it decodes the wire by the tables of the standard and validates what comes out
with `jsonschema`. A request that it refuses is answered with 400 and the reason.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import jsonschema

DEFAULTS = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
SEPARATORS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


class Refused(Exception):
    """A request that the document does not allow."""


@dataclass
class Asked:
    """A request as it came over the wire, and what the strict reading of it gave."""

    method: str
    target: str
    headers: Mapping[str, str]
    raw: bytes
    given: dict[str, Any] = field(default_factory=dict)
    body: Any = None


@dataclass
class Reply:
    """What is answered: by default what was read, so that a test sees it from both sides."""

    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class StrictApi:
    """An API of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.asked: list[Asked] = []
        self.replies: dict[str, Reply] = {}
        self.url = ""

    def answer(self, asked: Asked) -> Reply:
        """What the document's operation makes of a request."""
        path = asked.target.partition("?")[0]
        if path in self.replies:
            return self.replies[path]
        try:
            self._read(asked, path)
        except (Refused, jsonschema.ValidationError, ValueError) as error:
            return Reply(400, json.dumps({"refused": str(error).splitlines()[0]}).encode())
        return Reply(200, json.dumps({"given": asked.given, "body": asked.body}).encode())

    def _read(self, asked: Asked, path: str) -> None:
        operation, segments = self._operation(asked.method, path)
        query = [tuple(pair.partition("=")[::2]) for pair in asked.target.partition("?")[2].split("&") if pair]
        cookies = [tuple(pair.partition("=")[::2]) for pair in asked.headers.get("cookie", "").split("; ") if pair]
        for each in operation.get("parameters", ()):
            place, name = each["in"], each["name"]
            if place == "path":
                value = unlisted(each, segments[name])
            elif place == "header":
                raw = asked.headers.get(name.lower())
                value = None if raw is None else simple(each, raw, plain=True)
            else:
                value = paired(each, query if place == "query" else cookies)
            if value is None:
                if each.get("required"):
                    raise Refused(f"{name} is missing in {place}")
                continue
            schema = each["schema"] if "schema" in each else each["content"]["application/json"]["schema"]
            jsonschema.validate(value, schema)
            asked.given[f"{place}.{name}"] = value
        if query or [pair for pair in cookies if pair[0] != "session"]:
            raise Refused(f"nobody asked for {query or cookies}")
        self._read_body(asked, operation)

    def _operation(self, method: str, path: str) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        for template, item in self.document["paths"].items():
            names = re.findall(r"\{([^}]*)\}", template)
            pattern = re.sub(r"\\\{[^}]*\\\}", "([^/]*)", re.escape(template))
            if (match := re.fullmatch(pattern, path)) and method.lower() in item:
                return item[method.lower()], dict(zip(names, match.groups(), strict=True))
        raise Refused(f"there is no {method} {path}")

    def _read_body(self, asked: Asked, operation: Mapping[str, Any]) -> None:
        if "requestBody" not in operation:
            if asked.raw:
                raise Refused("a body that nobody asked for")
            return
        content = operation["requestBody"]["content"]
        kind, _, parameters = asked.headers.get("content-type", "").partition(";")
        if kind not in content:
            raise Refused(f"the content type {kind!r} is not one of {list(content)}")
        described = content[kind]
        if kind == "application/json":
            asked.body = json.loads(asked.raw)
        elif kind == "application/x-www-form-urlencoded":
            asked.body = form_fields(asked.raw.decode("ascii"), described)
        elif kind == "multipart/form-data":
            asked.body = multipart_fields(asked.raw, f"{kind};{parameters}", described["schema"])
        else:
            asked.body = asked.raw.decode()
        jsonschema.validate(asked.body, described.get("schema", {}))


def typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A text as the type that the schema asks for."""
    kind = schema.get("type", "string")
    if kind == "integer":
        if not re.fullmatch(r"-?\d+", text):
            raise Refused(f"{text!r} is no integer")
        return int(text)
    if kind == "number":
        return float(text)
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Refused(f"{text!r} is no boolean")
        return text == "true"
    return text


def collected(parts: list[str], schema: Mapping[str, Any], *, assigned: bool, plain: bool = False) -> Any:
    """The parts of a list or of an object, each still encoded."""
    decode = (lambda text: text) if plain else strictly_unquoted
    if schema["type"] == "array":
        return [typed(decode(part), schema["items"]) for part in parts]
    pairs = [part.split("=", 1) for part in parts] if assigned else list(zip(parts[::2], parts[1::2], strict=True))
    return {decode(key): typed(decode(text), schema["properties"][decode(key)]) for key, text in pairs}


def strictly_unquoted(text: str) -> str:
    """The text decoded; a character that must be encoded and is not is refused."""
    if not re.fullmatch(r"(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*", text):
        raise Refused(f"{text!r} is not encoded")
    return unquote(text, errors="strict")


def simple(each: Mapping[str, Any], raw: str, *, plain: bool = False) -> Any:
    """Style simple."""
    schema = each["schema"]
    if schema["type"] not in ("array", "object"):
        return typed(raw if plain else strictly_unquoted(raw), schema)
    return collected(raw.split(","), schema, assigned=each.get("explode", False), plain=plain)


def unlisted(each: Mapping[str, Any], raw: str) -> Any:
    """A path segment."""
    style, explode = each.get("style", "simple"), each.get("explode", False)
    if style == "simple":
        return simple(each, raw)
    mark = "." if style == "label" else ";"
    if not raw.startswith(mark):
        raise Refused(f"{raw!r} does not begin with {mark!r}")
    schema = each["schema"]
    if schema["type"] not in ("array", "object"):
        return typed(strictly_unquoted(raw[1:].removeprefix(f"{each['name']}=") if mark == ";" else raw[1:]), schema)
    if style == "label":
        return collected(raw[1:].split("." if explode else ","), schema, assigned=explode)
    if not explode:
        return collected(raw[1:].removeprefix(f"{each['name']}=").split(","), schema, assigned=False)
    parts = raw[1:].split(";")
    if schema["type"] == "array":
        parts = [part.removeprefix(f"{each['name']}=") for part in parts]
    return collected(parts, schema, assigned=True)


def paired(each: Mapping[str, Any], pairs: list[Any]) -> Any:
    """A parameter of a query or a cookie; the pairs it is made of are taken out."""
    name, style = each["name"], each.get("style", "form")
    explode = each.get("explode", style == "form")
    if "content" in each:
        texts = taken(pairs, lambda key: key == name)
        return json.loads(strictly_unquoted(texts[0][1])) if texts else None
    schema = each["schema"]
    if style == "deepObject":
        inner = taken(pairs, lambda key: key.startswith(f"{name}["))
        named = [(key[len(name) + 1 : -1], text) for key, text in inner]
        found = {key: typed(strictly_unquoted(text), schema["properties"][key]) for key, text in named}
        return found or None
    if schema["type"] == "object" and explode:
        inner = taken(pairs, lambda key: key in schema["properties"])
        return {k: typed(strictly_unquoted(t), schema["properties"][k]) for k, t in inner} or None
    texts = [text for _, text in taken(pairs, lambda key: key == name)]
    if not texts:
        return None
    if schema["type"] == "array" and explode:
        return [typed(strictly_unquoted(text), schema["items"]) for text in texts]
    if len(texts) != 1:
        raise Refused(f"{name} is given {len(texts)} times")
    if schema["type"] in ("array", "object"):
        return collected(texts[0].split(SEPARATORS[style]), schema, assigned=False)
    return typed(strictly_unquoted(texts[0]), schema)


def taken(pairs: list[Any], wanted: Any) -> list[tuple[str, str]]:
    """The pairs of the wanted names, decoded, which are taken out."""
    found = [(strictly_unquoted(key), text) for key, text in pairs if wanted(strictly_unquoted(key))]
    pairs[:] = [(key, text) for key, text in pairs if not wanted(strictly_unquoted(key))]
    return found


def form_fields(raw: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """A form body, by its schema and encoding."""
    pairs: list[Any] = [tuple(pair.partition("=")[::2]) for pair in raw.split("&") if pair]
    found = {}
    for name, schema in described["schema"]["properties"].items():
        how = described.get("encoding", {}).get(name, {})
        if schema["type"] == "object" and "style" not in how:
            texts = taken(pairs, lambda key, name=name: key == name)
            value = json.loads(strictly_unquoted(texts[0][1])) if texts else None
        else:
            value = paired({"name": name, "schema": schema, **how}, pairs)
        if value is not None:
            found[name] = value
    if pairs:
        raise Refused(f"nobody asked for {pairs}")
    return found


def multipart_fields(raw: bytes, content_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A multipart body, read by the standard library's parser of mail."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + raw)
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        inner = schema["properties"][name]
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_content_type() == "application/json":
            value: Any = json.loads(content)
        elif inner.get("format") == "binary":
            value = f"{part.get_filename()}|{part.get_content_type()}|{content.hex()}"
        else:
            value = typed(content.decode(), inner.get("items", inner))
        if inner["type"] == "array":
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


_idle: list[StrictApi] = []
"""Servers that are up and serve nobody: starting one takes longer than most tests."""


@contextmanager
def serving(document: Mapping[str, Any]) -> Iterator[StrictApi]:
    """A strict API of the document on loopback, on a socket of its own for as long as it is used."""
    api = _idle.pop() if _idle else started(StrictApi({}))
    api.document, api.asked, api.replies = document, [], {}
    try:
        yield api
    finally:
        _idle.append(api)


def started(api: StrictApi) -> StrictApi:
    """Serve an API on loopback for as long as this process lives."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together: apart, the second waits some 40 ms for the first to be confirmed

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            asked = Asked(self.command, self.path, headers, raw)
            api.asked.append(asked)
            reply = api.answer(asked)
            body = b"" if reply.body is None else reply.body
            self.send_response(reply.status)
            for name, text in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    return api
