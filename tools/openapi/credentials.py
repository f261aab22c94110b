"""Credentials: how each security scheme sends them, and that nothing else ever sees them."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from ...policies.errors import InvalidTool, ToolError, UsageError
from .document import Document, Node

Secret = str | SecretStr | tuple[str, str | SecretStr]
"""A key or token, or the user and password of HTTP Basic."""
Credential = Secret | Callable[[], Secret | Awaitable[Secret]]
"""A secret, or a function without arguments that gives it anew before each request; it may be async."""
Auth = Credential | Mapping[str, Credential]
"""One credential for whatever an operation asks for, or one for each security scheme, by the document's name of it."""

SHORTEST_SCRUBBED = 4
"""Characters of a secret from which on it is taken out of what a server says; a shorter one occurs by chance."""
HIDDEN = "[secret]"
"""What stands in a server's words where a secret stood."""
BEARER = "bearer"
"""The scheme of a document that names none: the token in the header `Authorization`."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What credentials add to one request, and the secrets in it. Its `repr` shows none of them."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def scrubbed(self, text: str) -> str:
        """The text without the secrets, as they are and as JSON and URLs write them."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= SHORTEST_SCRUBBED:
                for form in dict.fromkeys((secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret))):
                    text = text.replace(form, HIDDEN)
        return text


@dataclass(frozen=True, slots=True)
class _Scheme:
    """One security scheme, and the credential for it."""

    name: str
    place: str
    key: str
    prefix: str
    credential: Credential = field(repr=False)

    async def value(self) -> tuple[str, set[str]]:
        """What is sent, and the secrets in it."""
        secret = await self._asked() if callable(self.credential) else self.credential
        if self.prefix == "Basic":
            return _basic(self.name, secret)
        if isinstance(secret, tuple):
            raise ToolError(f"the credential {self.name!r} of this API must be one text; its owner must correct it")
        text = _clean(self.name, secret)
        return (f"{self.prefix} {text}" if self.prefix else text), {text}

    async def _asked(self) -> Any:
        assert callable(self.credential)
        try:
            given = self.credential()
            return await given if inspect.isawaitable(given) else given
        except Exception as error:  # it is the author's, and what it says may quote a secret: only its class is named
            raise ToolError(
                f"the credential {self.name!r} of this API could not be had ({type(error).__name__})"
            ) from None


class Credentials:
    """What one operation sends; made by `Wallet.of`."""

    def __init__(self, schemes: Sequence[_Scheme]) -> None:
        self._schemes = tuple(schemes)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Place and name of the parameters that carry them."""
        return [(scheme.place, scheme.key) for scheme in self._schemes]

    async def signature(self) -> Signature:
        """What they add to a request now.

        Raises:
            ToolError: a credential is empty, or a function gave none; its value is not said.
        """
        added: dict[str, dict[str, str]] = {"header": {}, "query": {}, "cookie": {}}
        secrets: set[str] = set()
        for scheme in self._schemes:
            added[scheme.place][scheme.key], inner = await scheme.value()
            secrets |= inner
        return Signature(added["header"], added["query"], added["cookie"], frozenset(secrets))


class Wallet:
    """The credentials for the operations of a document.

    Args:
        document: it says which operation needs what.
        auth: the credentials; `None` sends none, whatever the document says.

    Raises:
        UsageError: `auth` names a scheme that the document does not have, or holds something else than credentials.
    """

    def __init__(self, document: Document, auth: Auth | None) -> None:
        self._document = document
        components = document.root.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
        self._schemes: Node = schemes if isinstance(schemes, Mapping) else {}
        self._by_name = dict(auth) if isinstance(auth, Mapping) else {}
        self._any = None if isinstance(auth, Mapping) else auth
        self._check()

    def of(self, operation: Node) -> Credentials:
        """The credentials that an operation sends: of its alternatives the first that `auth` covers.

        Raises:
            UsageError: `auth` was given and covers none of them.
            InvalidTool: a scheme is of a kind that is not known.
        """
        if self._any is None and not self._by_name:
            return Credentials(())
        needs = operation.get("security", self._document.root.get("security"))
        if not isinstance(needs, list):
            needs = [] if self._schemes else [{BEARER: []}]
        for need in needs:
            names = [name for name in need if not self._is_certificate(name)]
            if need and all(self._covers(name) for name in names):
                return Credentials([self._scheme(name) for name in names])
        if needs and {} not in needs:
            wanted = " or ".join(" and ".join(map(repr, need)) for need in needs)
            raise UsageError(f"auth has no credential for {wanted}; add it by that name, or leave the operation out")
        return Credentials(())

    def _covers(self, name: str) -> bool:
        return name in self._by_name or self._any is not None

    def _is_certificate(self, name: str) -> bool:
        return name in self._schemes and self._document.resolved(self._schemes[name]).get("type") == "mutualTLS"

    def _scheme(self, name: str) -> _Scheme:
        credential = self._by_name.get(name, self._any)
        assert credential is not None
        if name not in self._schemes:
            if name != BEARER or self._schemes:
                raise InvalidTool(f"the security scheme {name!r} is not among the document's securitySchemes")
            return _Scheme(name, "header", "Authorization", "Bearer", credential)
        place, key, prefix = _sent(name, self._document.resolved(self._schemes[name]))
        return _Scheme(name, place, key, prefix, credential)

    def _check(self) -> None:
        known = list(self._schemes) or [BEARER]
        for name in self._by_name:
            if name not in known:
                raise UsageError(f"auth names {name!r}, but the document's security schemes are: {', '.join(known)}")
        given: Iterable[Any] = self._by_name.values() if self._by_name else () if self._any is None else (self._any,)
        for each in given:
            if not isinstance(each, (str, SecretStr, tuple)) and not callable(each):
                raise UsageError(
                    f"auth must be a text, a SecretStr, a pair of user and password, a function that gives one, or a "
                    f"mapping of these by security scheme, got {type(each).__name__}"
                )


def _sent(name: str, scheme: Node) -> tuple[str, str, str]:
    """Place, name and prefix of what a scheme sends."""
    kind = scheme.get("type")
    if kind == "apiKey":
        place, key = scheme.get("in"), scheme.get("name")
        if place in ("header", "query", "cookie") and isinstance(key, str) and key:
            return str(place), key, ""
        raise InvalidTool(f"the security scheme {name!r} has no place and name for its key; correct it")
    if kind in ("oauth2", "openIdConnect"):
        return "header", "Authorization", "Bearer"
    how = str(scheme.get("scheme", "")).lower()
    if kind == "http" and how in ("bearer", "basic"):
        return "header", "Authorization", how.title()
    raise InvalidTool(
        f"the security scheme {name!r} is of the type {kind!r} {how!r}, which is not known; "
        "leave auth out and give a client that signs its requests"
    )


def _basic(name: str, secret: Any) -> tuple[str, set[str]]:
    user, password = secret if isinstance(secret, tuple) and len(secret) == 2 else _plain(secret).partition(":")[::2]
    user, password = _plain(user), _plain(password)
    if not user + password:
        raise ToolError(f"the credential {name!r} of this API is empty; its owner must correct it")
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Basic {pair}", {pair, password} if password else {pair}


def _plain(secret: Any) -> str:
    return (
        str(secret.get_secret_value()) if isinstance(secret, SecretStr) else secret if isinstance(secret, str) else ""
    )


def _clean(name: str, secret: Any) -> str:
    text = _plain(secret)
    if not text or not text.isprintable() or not text.isascii():
        # Without the value: it goes to the model and into traces.
        raise ToolError(f"the credential {name!r} of this API is empty or not printable; its owner must correct it")
    return text
