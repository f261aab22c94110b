"""Credentials in a text, whatever they are wrapped in: by their shape, and by their value."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

MOST_READ = 200_000
"""Characters of a text that are looked at; a longer argument is refused elsewhere, by the sizes of tools."""

LEAST_SECRET = 8
"""Characters a secret of the environment has at least: shorter ones stand in ordinary text by chance."""

_LEAST_SPACED = 16
"""Letters and digits of a secret that is also found where something stands between them."""

_MOST_BLOBS = 64
"""Encoded pieces of a text that are decoded."""

SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""Names of environment variables that hold secrets."""

_SHAPES = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a JSON web token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*")),
    ("an API key", re.compile(r"(?<![A-Za-z0-9])(?:sk|pk|rk)[-_](?=[A-Za-z0-9_\-]*\d)[A-Za-z0-9_\-]{16,}")),
    ("a GitHub token", re.compile(r"(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,}")),
    ("a GitLab token", re.compile(r"glpat-[A-Za-z0-9_\-]{16,}")),
    ("a Slack token", re.compile(r"xox[abeprs]-[A-Za-z0-9\-]{10,}|hooks\.slack\.com/services/\w+/\w+/\w+")),
    ("a package registry's token", re.compile(r"(?<![A-Za-z0-9])(?:npm_|pypi-|hf_)[A-Za-z0-9_\-]{20,}")),
    ("an AWS access key", re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("a Google API key", re.compile(r"AIza[A-Za-z0-9_\-]{30,}|\bya29\.[A-Za-z0-9_\-]{20,}")),
    ("a mail service's key", re.compile(r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}")),
    ("a bearer credential", re.compile(r"\bbearer\s+(?=[A-Za-z0-9+/=._~\-]*\d)[A-Za-z0-9+/=._~\-]{16,}", re.I)),
    ("a password in a URL", re.compile(r"://[^/\s:@]+:[^/\s@]+(?=@)")),
    (
        "a named secret",
        re.compile(
            r"(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token)[\"']?\s*[:=]\s*[\"']?"
            r"(?=[^\s\"'&,;}]*\d)(?=[^\s\"'&,;}]*[A-Za-z])[^\s\"'&,;}]{8,}",
            re.IGNORECASE,
        ),
    ),
)  # fmt: skip

_HINT = re.compile(
    r"-----BEGIN|eyJ|[spr]k[-_]|gh[pousr]_|github_pat_|glpat-|xox|hooks\.slack|npm_|pypi-|hf_|AKIA|ASIA|AIza|ya29|SG\."
    r"|bearer|://|pass|secret|key|token",
    re.IGNORECASE,
)
"""What every shape holds: most texts hold none of it, and are read once."""

_BLOB = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential in a text: what kind it is, and the text itself, which belongs into no record."""

    kind: str
    value: str


def shaped(text: str) -> list[Credential]:
    """What has the shape of a credential in a text, or in what it holds encoded."""
    found: dict[str, Credential] = {}
    for layer in unwrapped(text):
        if not _HINT.search(layer):
            continue
        for kind, shape in _SHAPES:
            for match in shape.finditer(layer):
                found.setdefault(match[0], Credential(kind, match[0]))
    return list(found.values())


def known(text: str, secrets: Mapping[str, str]) -> list[Credential]:
    """The `secrets`, by their names, whose exact values stand in a text: as they are, encoded, or spaced out."""
    if not secrets:
        return []
    layers = list(unwrapped(text))
    squeezed = _NO_WORD.sub("", text)
    return [
        Credential(f"the value of {name}", value)
        for name, value in secrets.items()
        if any(form in layer for layer in layers for form in _forms(value)) or _spaced(value) in squeezed
    ]


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose names end like a secret's and whose values are no ordinary words."""
    named = ((name, value.strip()) for name, value in environment.items() if _is_secret(name))
    return {name: value for name, value in named if len(value) >= LEAST_SECRET and _kinds(value) >= 2}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def unwrapped(text: str) -> Iterator[str]:
    """A text, then what it holds percent-encoded, in Base64 or in hexadecimal digits, twice over."""
    layers = [text[:MOST_READ]]
    for _ in range(3):
        yield from layers
        layers = list(dict.fromkeys(inner for layer in layers for inner in _inner(layer)))


def _inner(text: str) -> Iterable[str]:
    if "%" in text and (plain := unquote(text)) != text:
        yield plain
    for number, match in enumerate(_BLOB.finditer(text)):
        if number >= _MOST_BLOBS:
            return
        for decoded in (_base64(match[0]), _hex(match[0])):
            if decoded:
                yield decoded


def _base64(blob: str) -> str:
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _hex(blob: str) -> str:
    return _readable(bytes.fromhex(blob)) if _HEX.fullmatch(blob) else ""


def _readable(raw: bytes) -> str:
    """Bytes as text, where they are one: nearly everything decodes to something."""
    text = raw.decode("utf-8", "ignore")
    return text if len(text) >= 6 and len(text) >= 0.9 * len(raw) and text.replace("\n", " ").isprintable() else ""


@lru_cache(maxsize=256)
def _forms(value: str) -> tuple[str, ...]:
    """A value as it is and as it would stand encoded somewhere in a longer text."""
    raw = value.encode()
    shifted = []
    for lead in range(3):  # what stands before it decides how Base64 cuts it
        coded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        shifted.append(coded[(0, 2, 3)[lead] : len(coded) - 1])
    web = [form.replace("+", "-").replace("/", "_") for form in shifted]
    return tuple(dict.fromkeys([value, value[::-1], quote(value, safe=""), raw.hex(), *shifted, *web]))


def _spaced(value: str) -> str:
    """A value without what may stand between its letters; nothing that is found where it is too short for that."""
    squeezed = _NO_WORD.sub("", value)
    return squeezed if len(squeezed) >= _LEAST_SPACED else "\0"


def _kinds(value: str) -> int:
    return sum(
        (
            any(c.islower() for c in value),
            any(c.isupper() for c in value),
            any(c.isdigit() for c in value),
            any(not c.isalnum() for c in value),
        )
    )
