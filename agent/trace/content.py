"""Whether content goes into traces, and how secrets are taken out of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .conventions import (
    CAPTURE_CONTENT_ENV,
    OPENINFERENCE_ENV,
    OPENINFERENCE_INPUT,
    OPENINFERENCE_KIND,
    OPENINFERENCE_KINDS,
    OPENINFERENCE_OUTPUT,
)

REDACTED: Final = "[redacted]"
MAX_LENGTH: Final = 16_384
"""Characters kept of one piece of content; what is cut is said."""

SHORTEST: Final = 13
"""Characters of the shortest text without a colon or an equals sign that a pattern matches."""

_ON = frozenset({"true", "1", "span_only", "span_and_event"})

_SECRET_WORDS = (
    r"pass(?:word|wd|phrase)|secret|api[_-]?key|access[_-]?key|private[_-]?key|token|credentials?|authorization"
)
_SECRET_KEY = re.compile(rf"(?:{_SECRET_WORDS}|cookie)$", re.IGNORECASE)
# Beside each pattern stand words, in lower case, one of which every text that it matches holds: looking for them takes
# a twentieth of the time, and nearly no text holds any.
_SECRET_VALUES = (
    (("-----begin",), r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    (("eyj",), r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"),  # JSON web tokens
    (("sk-", "sk_", "pk-", "pk_", "rk-", "rk_"), r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_\-]{12,}"),  # of models and payments
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "pypi-"),
        r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hf_|npm_|pypi-)[A-Za-z0-9_\-]{10,}",
    ),
    (("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    (("aiza",), r"\bAIza[A-Za-z0-9_\-]{30,}"),
)
# The word before the secret is kept, so that a reader sees what was there.
_NAMED_SECRETS = (
    (("bearer", "basic"), r"(\b(?:bearer|basic)\s+)[A-Za-z0-9+/=._~\-]{6,}"),
    (
        (
            "password",
            "passwd",
            "passphrase",
            "secret",
            "apikey",
            "api_key",
            "api-key",
            "accesskey",
            "access_key",
            "access-key",
            "privatekey",
            "private_key",
            "private-key",
            "token",
            "credential",
            "authorization",
        ),
        rf"""((?:{_SECRET_WORDS})["']?\s*[:=]\s*["']?)(?!\[|bearer|basic)[^\s"'&,;}}]{{3,}}""",
    ),
    (("://",), r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),
)
_PATTERNS: Final = (
    *((hints, re.compile(pattern, re.DOTALL), REDACTED) for hints, pattern in _SECRET_VALUES),
    *((hints, re.compile(pattern, re.IGNORECASE), rf"\g<1>{REDACTED}") for hints, pattern in _NAMED_SECRETS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRule:
    """What a trace may hold beyond names and figures.

    Attributes:
        capture: whether the query, arguments, results, error messages and the answer are written. Off by default.
        openinference: whether OpenInference's attributes are written beside ours. Off by default.
    """

    capture: bool = False
    openinference: bool = False

    @classmethod
    def of(cls, provider: object = None) -> ContentRule:
        """As the environment asks for it, or a tracer provider that has `openinference`."""
        openinference = _asked(OPENINFERENCE_ENV) or getattr(provider, "openinference", False) is True
        return cls(capture=_asked(CAPTURE_CONTENT_ENV), openinference=openinference)

    def kind(self, operation: str) -> dict[str, Any]:
        """OpenInference's kind of an operation, where it was asked for."""
        return {OPENINFERENCE_KIND: OPENINFERENCE_KINDS[operation]} if self.openinference else {}

    def io(self, *, input: str | None = None, output: str | None = None) -> dict[str, Any]:
        """OpenInference's input and output of a span, where it was asked for."""
        if not self.openinference:
            return {}
        pairs = {OPENINFERENCE_INPUT: input, OPENINFERENCE_OUTPUT: output}
        return {name: value for name, value in pairs.items() if value is not None}


def _asked(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in _ON


def redact(text: str) -> str:
    """The text with keys, tokens, passwords and bearer credentials replaced, cut at `MAX_LENGTH` characters."""
    if len(text) < SHORTEST and ":" not in text and "=" not in text:
        return text
    text = _cut(text)
    lowered = text.lower()
    for hints, pattern, replacement in _PATTERNS:
        for hint in hints:
            if hint in lowered:
                text = pattern.sub(replacement, text)
                break
    return text


def content(value: Any) -> str:
    """A value as text for an attribute: JSON unless it is text, with secrets taken out by their key and their shape."""
    if isinstance(value, str):
        return redact(value)
    return _cut(json.dumps(_without_secrets(value), ensure_ascii=False))


def message(role: str, text: str) -> str:
    """One message in the form that `gen_ai.input.messages` and `gen_ai.output.messages` prescribe."""
    return conversation([{"role": role, "content": text}])


def conversation(messages: Iterable[Mapping[str, Any]]) -> str:
    """Messages in that form, the text of each; the oldest of a long conversation are left out."""
    written: list[dict[str, Any]] = []
    left = MAX_LENGTH
    for each in reversed(list(messages)):
        text = redact(str(each.get("content", "")))
        left -= len(text)
        if written and left < 0:
            break
        written.append({"role": each["role"], "parts": [{"type": "text", "content": text}]})
    return json.dumps(written[::-1], ensure_ascii=False)


def message_text(messages: object) -> str | None:
    """The text of the first message of an attribute written by `message`, or `None` where it is not one."""
    try:
        text = json.loads(str(messages))[0]["parts"][0]["content"]
    except (ValueError, LookupError, TypeError):
        return None
    return str(text)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): REDACTED if _SECRET_KEY.search(str(key)) else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_without_secrets(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else redact(str(value))


def _cut(text: str) -> str:
    extra = len(text) - MAX_LENGTH
    return text if extra <= 0 else f"{text[:MAX_LENGTH]}… [{extra} characters cut]"
