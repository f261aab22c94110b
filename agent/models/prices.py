"""What a model costs, from the optional package genai-prices: offline, and `None` where it does not know."""

from __future__ import annotations

from typing import Any

from .base import Price


def lookup(name: str, base_url: str) -> Price | None:
    """The price of the model `name` as served at `base_url`.

    The endpoint counts: a model of a known name behind an unknown URL has no known price. Where a price rises with the
    length of the prompt, the highest rate is given, because the ledger reserves the worst case.

    Args:
        name: the model's name as sent to the endpoint.
        base_url: the endpoint, which tells the provider.

    Returns:
        US dollars per million tokens, or `None` where the model or the provider is unknown, or the extra `prices` is
        not installed (unknown is not free).
    """
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
