"""What of the content goes into a trace."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.agent.trace.content import _PATTERNS, MAX_LENGTH, ContentRule, content, message, message_text, redact

SECRETS = [
    ("sk-proj-abcdefghijklmnop1234", "key sk-proj-abcdefghijklmnop1234 works"),
    ("ghp_abcdefghijklmnopqrstuvwxyz123456", "clone with ghp_abcdefghijklmnopqrstuvwxyz123456"),
    ("AKIAIOSFODNN7EXAMPLE", "id AKIAIOSFODNN7EXAMPLE"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
    ("abc123def456", "Authorization: Bearer abc123def456"),
    ("hunter2", "password=hunter2&user=me"),
    ("hunter2", "DB_PASSWORD: hunter2"),
    ("hunter2", "postgres://me:hunter2@db/prod"),
    ("MIIEow", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"),
]


@pytest.mark.parametrize(("secret", "text"), SECRETS)
def test_secrets_are_taken_out_of_text(secret: str, text: str) -> None:
    """A key, token, password or bearer credential never survives in content."""
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text", ["Is it raining in Oslo?", "500 tokens: enough", "a task-oriented talk", "mail me@example.org", "12:30"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Text without secrets is kept to the letter."""
    assert redact(text) == text


def test_secrets_in_arguments_go_by_key_and_by_shape() -> None:
    """A value under a secret's name is taken out whatever it looks like, one in plain text by its shape."""
    shown = json.loads(content({"api_key": "1", "nested": [{"userPassword": "x"}], "note": "token=abcdef", "n": 3}))
    assert shown == {
        "api_key": "[redacted]",
        "nested": [{"userPassword": "[redacted]"}],
        "note": "token=[redacted]",
        "n": 3,
    }


def test_long_content_is_cut_and_says_so() -> None:
    """Content past the limit is cut, with the number of characters that are missing."""
    assert content("x" * (MAX_LENGTH + 7)).endswith("… [7 characters cut]")


def test_capture_is_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content is captured only where the standard variable says so."""
    variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    monkeypatch.delenv(variable, raising=False)
    assert not ContentRule.of().capture
    monkeypatch.setenv(variable, "false")
    assert not ContentRule.of().capture
    monkeypatch.setenv(variable, "True")
    assert ContentRule.of().capture


def test_a_message_is_read_back() -> None:
    """The text of a captured message is the text that was written; what is no message has none."""
    assert message_text(message("user", 'how "far"?')) == 'how "far"?'
    assert message_text(None) is None
    assert message_text("[]") is None


PIECES = st.sampled_from(
    ["sk-", "password", ":", "=", " ", "Bearer ", "://u:", "@host", "AKIA", "eyJ", ".", "abcdefgh12345678",
     "ABCDEFGHIJ123456",
     "token", "ghp_", "the answer is 42", "\n", "-----BEGIN PRIVATE KEY-----", "api_key",
     "Authorization", "a", "basic", "hf_", "aaaaaaaaaa"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=8).map("".join))
def test_looking_for_words_first_misses_nothing(text: str) -> None:
    """What all the patterns would take out of a text is taken out, whatever words are looked for before."""
    expected = text
    for _, pattern, replacement in _PATTERNS:
        expected = pattern.sub(replacement, expected)
    assert redact(text) == expected
