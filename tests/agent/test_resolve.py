"""From what a caller writes as `model` to a `Model`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from shotclock.agent.models import prices
from shotclock.agent.models.base import Finish, Model, ModelEvent, ModelRequest, Pace, Price
from shotclock.agent.models.resolve import resolve
from shotclock.policies.errors import UnknownModel, UsageError

OFFICIAL = "https://api.openai.com/v1"


class Echo:
    """A model of the caller's own."""

    name, provider, pace = "echo", "test", Pace()
    price: Price | None = None

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        yield Finish()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "SHOTCLOCK_PRICES"):
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
    ["", "openai", "openai:", "OpenAI:gpt-5", "gpt-5-mini", "anthropic:", "Rules", None, 7, object(), Echo],
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
    """With the extra and without it, a model or an endpoint nobody knows has the price `None`, which is not zero."""
    for _ in range(2):
        assert prices.lookup("no-such-model", OFFICIAL) is None
        assert prices.lookup("gpt-4.1", "http://localhost:8000/v1") is None
        monkeypatch.setitem(sys.modules, "genai_prices", None)


def test_without_the_extra_the_shipped_table_knows_common_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dated name is looked up without its date too."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    nano = Price(input_per_million=0.05, output_per_million=0.4)
    assert prices.lookup("gpt-5-nano", OFFICIAL) == prices.lookup("gpt-5-nano-2025-08-07", OFFICIAL) == nano


def test_the_shipped_table_agrees_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """What both know costs the same by both, as long as the package is of the version the table was made from."""
    pytest.importorskip("genai_prices")
    if version("genai_prices") != "0.2.3":
        pytest.skip("the package has moved on; the table names its own date")
    shipped = prices.read_table(prices.SHIPPED)["api.openai.com"]
    both = {name: prices.lookup(name, OFFICIAL) for name in shipped if not name.endswith("-luna")}
    assert both == {name: shipped[name] for name in both}
    assert len(both) >= 16


def test_a_table_of_ones_own_holds_before_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name a host or every one, and free is a price; what it does not name is looked up as ever."""
    file = tmp_path / "prices.toml"
    file.write_text(
        '["*"]\n"mine" = { input = 0, output = 0.0 }\n["api.openai.com"]\n"gpt-5" = { input = 9, output = 99 }\n'
    )
    monkeypatch.setenv("SHOTCLOCK_PRICES", str(file))
    assert prices.lookup("gpt-5", OFFICIAL) == Price(input_per_million=9.0, output_per_million=99.0)
    assert prices.lookup("mine", "http://localhost:8000/v1") == Price(input_per_million=0.0, output_per_million=0.0)
    assert prices.lookup("gpt-5-mini", OFFICIAL) is not None
    assert prices.lookup("gpt-5", "http://localhost:8000/v1") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "cannot be read"),
        ("gpt = 3", "must be a table of a host"),
        ('["*"]\ngpt = 3', "must be { input = ..., output = ... }"),
        ('["*"]\ngpt = { input = 3 }', "must be { input"),
        ('["*"]\ngpt = { input = -1, output = 1 }', "input must be US dollars per million tokens, 0 or more, got -1"),
        ('["*"]\ngpt = { input = 1, output = true }', "output must be"),
        (None, "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, says: str
) -> None:
    """A mistake in it is found when the model is made, with the file and the entry: no run goes on with a wrong
    price."""
    file = tmp_path / "prices.toml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("SHOTCLOCK_PRICES", str(file))
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        prices.lookup("gpt", OFFICIAL)
    assert str(file) in str(caught.value)


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
