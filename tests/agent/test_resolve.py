"""From what a caller writes as `model` to a `Model`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shotclock.agent.models import prices
from shotclock.agent.models.base import Finish, Model, ModelEvent, ModelRequest, Pace, Price
from shotclock.agent.models.resolve import resolve
from shotclock.policies.errors import UnknownModel


class Echo:
    """A model of the caller's own."""

    name, provider, pace = "echo", "test", Pace()
    price: Price | None = None

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        yield Finish()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_rules() -> None:
    """`"rules"` is the embedded model."""
    model = resolve("rules")
    assert isinstance(model, Model)
    assert type(model).__name__ == "Rules"


def test_openai_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """`"openai:NAME"` is that model; what follows the first colon is its name, colons and slashes included."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    assert resolve("openai:gpt-5-mini").name == "gpt-5-mini"
    assert resolve("openai:org/llama:8b").name == "org/llama:8b"


def test_openai_without_a_key() -> None:
    """The official endpoint without a key is refused, and the variable that is missing is named."""
    with pytest.raises(UnknownModel, match="OPENAI_API_KEY"):
        resolve("openai:gpt-5-mini")


def test_another_endpoint_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is asked for by the official endpoint only, however its URL is written."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    assert isinstance(resolve("openai:tiny"), Model)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://API.openai.com/v1/")
    with pytest.raises(UnknownModel, match="OPENAI_API_KEY"):
        resolve("openai:tiny")


def test_an_object_as_it_is() -> None:
    """An object with the protocol is taken as it is."""
    echo: Model = Echo()
    assert resolve(echo) is echo


@pytest.mark.parametrize(
    "wrong",
    ["", "openai", "openai:", "OpenAI:gpt-5", "gpt-5-mini", "anthropic:claude", "Rules", None, 7, object(), Echo],
)
def test_anything_else(wrong: Any) -> None:
    """Anything else is refused in one sentence that lists the forms and says what was given."""
    with pytest.raises(UnknownModel) as caught:
        resolve(wrong)
    message = str(caught.value)
    assert "'rules'" in message
    assert "'openai:NAME'" in message
    assert "Model protocol" in message
    assert "\n" not in message
    assert (repr(wrong) if isinstance(wrong, str) else "Echo" if wrong is Echo else type(wrong).__name__) in message


def test_resolve_loads_no_http_client() -> None:
    """Importing `resolve` loads no HTTP client: a command that uses no model does not pay for one."""
    code = "import sys, shotclock.agent.models.resolve; print('httpx' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_a_price_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, and for a model or an endpoint nobody knows, the price is `None` and not zero."""
    official = "https://api.openai.com/v1"
    assert prices.lookup("no-such-model", official) is None
    assert prices.lookup("gpt-4.1", "http://localhost:8000/v1") is None
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert prices.lookup("gpt-4.1", official) is None


def test_a_price_with_tiers_is_the_highest() -> None:
    """A price that rises with the length of the prompt counts at its highest rate."""
    genai_prices = pytest.importorskip("genai_prices")
    url = "https://generativelanguage.googleapis.com/v1beta/openai"
    found = genai_prices.calc_price(genai_prices.Usage(), "gemini-2.5-pro", provider_api_url=url).model_price
    rates = [
        [float(rate.base), *(float(tier.price) for tier in rate.tiers)]
        for rate in (found.input_mtok, found.output_mtok)
    ]
    assert max(rates[0]) > min(rates[0])
    expected = Price(input_per_million=max(rates[0]), output_per_million=max(rates[1]))
    assert prices.lookup("gemini-2.5-pro", url) == expected


@pytest.mark.parametrize(
    ("attribute", "value", "named"),
    [
        ("pace", None, "attribute pace must be a Pace"),
        ("pace", 0.5, "attribute pace must be a Pace"),
        ("pace", Pace(start="soon"), "attribute pace.start must be a number"),  # type: ignore[arg-type]
        ("price", 3, "attribute price must be a Price"),
        ("price", Price(input_per_million=-1, output_per_million=2), "attribute price.input_per_million"),
        ("name", None, "attribute name must be a text"),
        ("provider", 7, "attribute provider must be a text"),
        ("stream", "text", "attribute stream must be a method"),
    ],
)
def test_an_object_with_an_attribute_of_another_type(attribute: str, value: Any, named: str) -> None:
    """An attribute that would fail in the middle of a run is refused by its name before it."""
    echo = Echo()
    setattr(echo, attribute, value)
    with pytest.raises(UnknownModel, match=named) as caught:
        resolve(echo)
    assert "\n" not in str(caught.value)
