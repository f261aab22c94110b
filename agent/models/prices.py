"""What a model costs: by a table of the user's own, by the optional package genai-prices, or by a small table that is
shipped; offline, and `None` where none of them knows."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ...policies.errors import UsageError
from .base import Price

VARIABLE: Final = "SHOTCLOCK_PRICES"
"""The environment variable that names a table of the user's own."""

SHIPPED: Final = Path(__file__).with_name("prices.toml")
"""The table that is shipped, with its sources."""

ANY: Final = "*"
"""The host that stands for every endpoint, in a table of the user's own."""

Table = Mapping[str, Mapping[str, Price]]
"""Prices by host and name."""

_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def lookup(name: str, base_url: str) -> Price | None:
    """The price of the model `name` as served at `base_url`.

    The endpoint counts: a model of a known name behind an unknown URL has no known price. Where a price rises with the
    length of the prompt, the highest rate is given, because the ledger reserves the worst case.

    Args:
        name: the model's name as sent to the endpoint.
        base_url: the endpoint, which tells the provider.

    Returns:
        US dollars per million tokens: as the file that `SHOTCLOCK_PRICES` names says, else as the extra `prices` does,
        else as the shipped table does. `None` where none of them knows (unknown is not free).

    Raises:
        UsageError: the file that `SHOTCLOCK_PRICES` names cannot be read.
    """
    host = urlsplit(base_url).hostname or ""
    own = os.environ.get(VARIABLE, "").strip()
    found = _in(read_table(own), host, name) if own else None
    return found or _by_package(name, base_url) or _in(_shipped(), host, name)


def read_table(path: str | Path) -> Table:
    """Prices from a TOML file: a table for each host, or for `"*"`, every one. It holds each model's price under its
    name, as `NAME = { input = ..., output = ... }` in US dollars per million tokens.

    Raises:
        UsageError: it cannot be read, or an entry is no price.
    """
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"the prices in {str(path)!r} ({VARIABLE}) cannot be read: {said}") from error
    return {host: _prices(path, host, entries) for host, entries in tables.items()}


@cache
def _shipped() -> Table:
    return read_table(SHIPPED)


def _in(table: Table, host: str, name: str) -> Price | None:
    """The price under this host, else under every host; by the name as it is, else without its date."""
    for prices in (table.get(host, {}), table.get(ANY, {})):
        found = prices.get(name) or prices.get(_DATED.sub("", name))
        if found is not None:
            return found
    return None


def _prices(path: str | Path, host: str, entries: Any) -> dict[str, Price]:
    if not isinstance(entries, dict):
        raise UsageError(f'{str(path)!r}: {host!r} must be a table of a host, such as ["api.openai.com"] or ["*"]')
    return {name: _price(f"{str(path)!r}: {host!r}, {name!r}", entry) for name, entry in entries.items()}


def _price(where: str, entry: Any) -> Price:
    if not isinstance(entry, dict) or set(entry) != {"input", "output"}:
        raise UsageError(f"{where} must be {{ input = ..., output = ... }} in US dollars per million tokens")
    for name, rate in entry.items():
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < math.inf:
            raise UsageError(f"{where}: {name} must be US dollars per million tokens, 0 or more, got {rate!r}")
    return Price(input_per_million=float(entry["input"]), output_per_million=float(entry["output"]))


def _by_package(name: str, base_url: str) -> Price | None:
    try:
        import genai_prices
    except ImportError:
        return None
    try:
        found = genai_prices.calc_price(genai_prices.Usage(), name, provider_api_url=base_url)
    except LookupError:
        return None
    per_input, per_output = _highest(found.model_price.input_mtok), _highest(found.model_price.output_mtok)
    if per_input is None or per_output is None:
        return None
    return Price(input_per_million=per_input, output_per_million=per_output)


def _highest(rate: Any) -> float | None:
    """A rate is a number, or a base with tiers."""
    if rate is None:
        return None
    tiers = getattr(rate, "tiers", ())
    return float(max([getattr(rate, "base", rate), *(tier.price for tier in tiers)]))
