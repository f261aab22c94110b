"""The store in a browser: a server on this machine, for the one who started it, that only reads."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ....policies.errors import ShotclockError, UsageError
from ..schema import RUN_COLUMNS, run_from
from ..select import Selection, views
from ..store import TraceStore
from .command import title_of
from .data import report
from .detail import detail
from .page import page

HOST: Final = "127.0.0.1"
COOKIE: Final = "shotclock"
_NAMES: Final = (HOST, "localhost")


class Server:
    """Serves the newest runs on `127.0.0.1`, to whoever holds its token.

    The address it prints holds a random token, which becomes a cookie: another user of the machine does not have it.
    The `Host` header must name this machine, so that no page on the web reaches it through a name of its own (DNS
    rebinding). There is nothing but GET, and the store is opened to read.

    Args:
        store: what to show.
        port: the port; 0 takes any that is free.
        limit: the most runs on the page.

    Raises:
        UsageError: the port is taken or none.
    """

    def __init__(self, store: TraceStore, *, port: int = 0, limit: int = 500) -> None:
        self.store = store
        self.limit = limit
        self.token = secrets.token_urlsafe(24)
        try:
            self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        except (OSError, OverflowError) as error:
            raise UsageError(f"--port {port} cannot be had on {HOST}: {error}; name another, or 0 for any") from error
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where to look, with the token."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def serve(self) -> None:
        """Answer until `close`, or until the user interrupts."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            pass
        finally:
            self._server.server_close()

    def close(self) -> None:
        """End `serve`, from another thread."""
        self._server.shutdown()

    # What it answers.

    def index(self) -> str:
        """The page on the newest runs."""
        runs = Selection(limit=self.limit).runs(self.store)
        notes = [f"The newest {self.limit:,} runs are shown: --limit."] if len(runs) == self.limit else []
        return page(report(views(self.store, runs), details=0, live=True, notes=notes), title_of(runs))

    def run(self, key: str) -> dict[str, Any] | None:
        """One run whole, by its key; `None` where there is none."""
        trace_id, _, span_id = key.partition(".")
        sql = f"SELECT {RUN_COLUMNS} FROM runs WHERE trace_id = ? AND span_id = ?"
        runs = [run_from(row) for row in self.store.read(sql, (trace_id, span_id))]
        return next((detail(view) for view in views(self.store, runs)), None)

    def since(self, instant_ms: int) -> dict[str, int]:
        """How many runs began after an instant."""
        sql = "SELECT count(*) FROM runs WHERE started_ns >= ?"
        rows = self.store.read(sql, ((instant_ms + 1) * 1_000_000,))
        return {"runs": rows[0][0] if rows else 0}


class _Request(BaseHTTPRequestHandler):
    """One request of what `shown` shows."""

    shown: Server

    server_version = "shotclock"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Refuse strangers, then answer."""
        parts = urlsplit(self.path)
        if not self._is_local():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to 127.0.0.1 and localhost alone")
        elif self._matches(parse_qs(parts.query).get("token", [""])[0]):
            cookie = f"{COOKIE}-{self.shown.port}={self.shown.token}; HttpOnly; SameSite=Strict; Path=/"
            self._answer(HTTPStatus.SEE_OTHER, "", {"Location": "/", "Set-Cookie": cookie})
        elif not self._is_known():
            said = "open the address that `shotclock trace serve` printed: it holds the token"
            self._answer(HTTPStatus.FORBIDDEN, said)
        else:
            self._read(unquote(parts.path))

    def _is_local(self) -> bool:
        host = self.headers.get("Host", "")
        return host in {f"{name}:{self.shown.port}" for name in _NAMES} | (
            set(_NAMES) if self.shown.port == 80 else set()
        )

    def _is_known(self) -> bool:
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        found = cookies.get(f"{COOKIE}-{self.shown.port}")
        return found is not None and self._matches(found.value)

    def _matches(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self.shown.token.encode())

    def _read(self, path: str) -> None:
        try:
            self._route(path)
        except ShotclockError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    def _route(self, path: str) -> None:
        match path.strip("/").split("/"):
            case [""]:
                self._answer(HTTPStatus.OK, self.shown.index(), {"Content-Type": "text/html; charset=utf-8"})
            case ["run", key]:
                self._json(self.shown.run(key))
            case ["since", instant] if instant.isdecimal() and len(instant) < 16:
                self._json(self.shown.since(int(instant)))
            case _:
                self._json(None)

    def _json(self, value: Any) -> None:
        status = HTTPStatus.NOT_FOUND if value is None else HTTPStatus.OK
        self._answer(status, json.dumps(value), {"Content-Type": "application/json"})

    def _answer(self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        always = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        }
        for name, value in {**always, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the token would stand in the log."""


def _handler(server: Server) -> type[_Request]:
    return type("Request", (_Request,), {"shown": server})
