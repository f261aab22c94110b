"""From what a caller writes as `model` to a `Model`."""

from __future__ import annotations

from typing import Any

from ...policies.errors import UnknownModel
from .base import Model


def resolve(model: str | Model | Any) -> Model:
    """The model that is meant.

    | written as                 | means                                                                    |
    |----------------------------|--------------------------------------------------------------------------|
    | `"rules"`                  | `Rules()`: embedded, offline                                             |
    | `"openai:NAME"`            | `OpenAI("NAME")`: the endpoint of `OPENAI_BASE_URL`, or the official one |
    | an object that is a `Model`| that object, as it is                                                    |

    Raises:
        UnknownModel: it is none of these, or its key is missing.
    """
    # The adapters are imported where they are used: `shotclock --help` must not pay for an HTTP client.
    if isinstance(model, str) and model == "rules":
        from .rules import Rules

        return Rules()
    if isinstance(model, str) and model.startswith("openai:") and model != "openai:":
        from .openai import OpenAI

        return OpenAI(model.removeprefix("openai:"))
    # A class has the attributes of its instances too, and is a likely slip: `Agent(Scripted)`.
    if isinstance(model, Model) and not isinstance(model, type):
        return model
    raise UnknownModel(
        "model must be 'rules', 'openai:NAME' (such as 'openai:gpt-5-mini') or an object with the Model protocol "
        f"(name, provider, price, pace, stream), got {_described(model)}"
    )


def _described(model: object) -> str:
    if isinstance(model, str):
        return repr(model if len(model) <= 80 else model[:80] + "…")
    if isinstance(model, type):
        return f"the class {model.__name__}; pass an instance of it"
    return f"a value of type {type(model).__name__}"
