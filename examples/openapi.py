"""An API as tools: its OpenAPI document is all that is needed. Run it: python -m examples.openapi"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shotclock import Agent, Budget, openapi_tools
from shotclock.testing import ScriptedModel, ask

KEY = "k-83f1c7"
SHOP = """
openapi: 3.1.0
info: {title: A shop, version: "1"}
security: [{key: []}]
paths:
  /lamps:
    get:
      operationId: lamps/find
      summary: Find lamps by their color
      parameters: [{name: color, in: query, required: true, schema: {type: string}}]
      responses:
        200: {content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Lamp"}}}}}
    delete: {operationId: lamps/clear, responses: {}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas: {Lamp: {type: object, required: [name, price_eur], properties: {price_eur: {type: number}}}}
"""


class Shop(BaseHTTPRequestHandler):
    """The API itself. Its red lamps do not come as its document says."""

    def do_GET(self) -> None:
        """Answer `lamps/find` to whoever has the key."""
        color = parse_qs(urlsplit(self.path).query)["color"][0]
        lamps = [{"name": f"{color} lamp", "price_eur": "cheap" if color == "red" else 39.9}]
        self.send_response(200 if self.headers.get("X-Key") == KEY else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(lamps).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        [find] = openapi_tools(SHOP, include="GET /*", base_url=f"http://127.0.0.1:{server.server_port}", auth=KEY)
        print(f"{find.name}: {find.description}. It takes {', '.join(find.schema.parameters['properties'])}.")
        for color in ("green", "red"):
            model = ScriptedModel([ask(("lamps_find", {"color": color})), f"The {color} lamp costs 39.9 euros."] * 2)
            result = Agent(model, [find]).run_sync(f"What does a {color} lamp cost?", budget=Budget(latency=5))
            print(f"{color}: verified: {result.verified}, {result.evidence[0].verdict.reason}")
        server.shutdown()
