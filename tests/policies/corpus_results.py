"""Results of tools made from seeds: good ones, and ones that are corrupted in a named way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Returned = tuple[str, str, str, dict[str, Any], Any, list[str]]
"""What a result is, the rung that can see it, and the tool's name, arguments, value and checks."""

CITIES = ["Aarhus", "Brno", "Cork", "Dresden", "Espoo", "Ghent", "Leeds", "Nantes"]


def weather(rng: random.Random) -> Iterator[Returned]:
    """A record with numbers in a range and a unit."""
    city = rng.choice(CITIES)
    good = {"city": city, "temp": f"{rng.randrange(-20, 35)} °C", "humidity": rng.randrange(20, 99)}
    checks = ["has_fields:city,temp,humidity", "in_unit:°C:temp", "in_range:0:100:humidity", "echoes:city"]
    yield "good", "", "weather", {"city": city}, good, checks
    yield "swapped unit", "unit", "weather", {"city": city}, good | {"temp": "61 °F"}, checks
    yield "out of range", "range", "weather", {"city": city}, good | {"humidity": rng.randrange(101, 900)}, checks
    yield "schema drift", "schema", "weather", {"city": city}, {"name": city, "main": good}, checks
    other = rng.choice([each for each in CITIES if each != city])
    yield "plausible wrong entity", "entity", "weather", {"city": city}, good | {"city": other}, checks
    yield "wrong number", "none", "weather", {"city": city}, good | {"humidity": 50.5}, checks


def quotes(rng: random.Random) -> Iterator[Returned]:
    """A record that goes stale."""
    good = {"symbol": "ACM", "price": rng.randrange(10, 900) / 4, "at": "@-20m", "currency": "EUR"}
    checks = ["not_older_than:3600:at", "one_of:EUR,USD:currency"]
    yield "good", "", "quote", {"symbol": "ACM"}, good, checks
    yield "stale date", "freshness", "quote", {"symbol": "ACM"}, good | {"at": f"@-{rng.randrange(2, 90)}d"}, checks
    yield "stale date", "freshness", "quote", {"symbol": "ACM"}, good | {"at": "@+3d"}, checks
    yield "unknown value", "enum", "quote", {"symbol": "ACM"}, good | {"currency": "credits"}, checks


def invoices(rng: random.Random) -> Iterator[Returned]:
    """A record whose total follows from its lines."""
    lines = [{"item": each, "amount": rng.randrange(100, 9000) / 100} for each in ("a", "b", "c")]
    total = round(sum(line["amount"] for line in lines), 2)  # type: ignore[misc]
    good = {"id": rng.randrange(999), "lines": lines, "total": total}
    yield "good", "", "invoice", {"id": good["id"]}, good, ["adds_up:total:lines.amount", "echoes:id"]
    wrong = good | {"total": round(total + rng.choice([1, 10, 0.9]), 2)}
    yield (
        "number computed wrongly",
        "re-derivation",
        "invoice",
        {"id": good["id"]},
        wrong,
        ["adds_up:total:lines.amount"],
    )
    yield "plausible wrong entity", "entity", "invoice", {"id": 1000}, good, ["echoes:id"]


def series(rng: random.Random) -> Iterator[Returned]:
    """Rows in the order of their time."""
    rows = [{"t": 1_000 + 60 * n, "meter": 200 + 3 * n + rng.randrange(3)} for n in range(6)]
    yield "good", "", "readings", {}, rows, ["monotone:t", "monotone:meter"]
    at = rng.randrange(1, 5)
    rows = [row | {"meter": row["meter"] // 10} if n == at else row for n, row in enumerate(rows)]
    yield "not monotone", "monotony", "readings", {}, rows, ["monotone:t", "monotone:meter"]


def lists(rng: random.Random) -> Iterator[Returned]:
    """A list as JSON text."""
    text = json.dumps({"items": [{"id": n, "name": rng.choice(CITIES)} for n in range(8)]})
    yield "good", "", "list", {}, text, []
    yield "truncated JSON", "error-shaped", "list", {}, text[: rng.randrange(20, len(text) - 3)], []
    yield "truncated JSON", "error-shaped", "list", {}, text[: text.rindex("{")], []
    empty: list[Any] = [
        {"items": []},
        "[]",
        "{}",
        "",
        {"results": [], "count": 0},
        None,
        {"hits": {"total": 0, "hits": []}},
    ]
    yield "empty", "empty", "list", {}, rng.choice(empty), []


def errors(rng: random.Random) -> Iterator[Returned]:
    """Errors that come as results."""
    code, text = rng.choice(
        [(401, "Unauthorized"), (404, "Not Found"), (429, "Too Many Requests"), (503, "Service Unavailable")]
    )
    shapes: list[Any] = [
        {"error": {"code": code, "message": text}},
        {"status": code, "message": text},
        {"statusCode": code, "body": text},
        f"HTTP {code} {text}",
        f"Error: {text.lower()}",
        f"<html><head><title>{code} {text}</title></head></html>",
        f"requests.exceptions.HTTPError: {code} Client Error: {text}",
        {"ok": False, "error": text},
        {"success": False, "message": text},
        {"data": None, "errors": [{"message": text}]},
        json.dumps({"error": text}),
        {"detail": text, "status_code": code},
    ]
    for shape in rng.sample(shapes, 4):
        yield "error text with status 200", "error-shaped", "api", {}, shape, []
    goods: list[Any] = [
        {"error_rate": 0.02, "status": "degraded", "requests": rng.randrange(9999)},
        {"id": code, "title": text, "state": "open"},
        f"The word error appears {code} times in the book.",
        {"items": [{"code": code, "meaning": text}]},
        {"status": 200, "error": None, "data": {"id": code}},
        {"success": True, "message": "stored", "id": code},
    ]
    for shape in rng.sample(goods, 3):
        yield "good", "", "api", {}, shape, []


def passages(rng: random.Random) -> Iterator[Returned]:
    """A record that quotes a text it comes with."""
    city = rng.choice(CITIES)
    text = f"The harbour of {city} was dredged in {rng.randrange(1850, 1990)}. It has twelve cranes."
    good = {"text": text, "quote": f"harbour of {city} was dredged"}
    yield "good", "", "cite", {}, good, ["cites:quote:text"]
    wrong = good | {"quote": f"harbour of {city} was never dredged"}
    yield "quotation altered", "re-derivation", "cite", {}, wrong, ["cites:quote:text"]


RESULTS: list[Callable[[random.Random], Iterator[Returned]]] = [
    weather, quotes, invoices, series, lists, errors, passages,
]  # fmt: skip
"""What results are made by; each is a group of its own."""
