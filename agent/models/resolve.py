"""From what a caller writes as `model` to a `Model`."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from typing import Any

from ...policies.errors import UnknownModel
from .base import Model, Pace, Price

_PROVIDER = re.compile(r"(?!openai:)[a-z][a-z0-9_-]*:\S.*")
"""A model of another provider, by the name that LangChain has for that one."""


def resolve(model: str | Model | Any) -> Model:
    """The model that is meant.

    | written as                 | means                                                                    |
    |----------------------------|--------------------------------------------------------------------------|
    | `"rules"`                  | `Rules()`: embedded, offline                                             |
    | `"openai:NAME"`            | `OpenAI("NAME")`: the endpoint of `OPENAI_BASE_URL`, or the official one |
    | a LangChain chat model     | that one, as `ChatModel` adapts it                                       |
    | `"PROVIDER:NAME"`          | the chat model that LangChain's `init_chat_model` makes of it            |
    | an object that is a `Model`| that object, as it is                                                    |

    Raises:
        UnknownModel: it is none of these, its key or its provider's package is missing, or one of its attributes is not
            what `Model` says.
        MissingExtra: it is a `"PROVIDER:NAME"`, and LangChain is not installed.
    """
    # The adapters are imported where they are used: `shotclock --help` must not pay for an HTTP client.
    if isinstance(model, str) and model == "rules":
        from .rules import Rules

        return Rules()
    if isinstance(model, str) and model.startswith("openai:") and model != "openai:":
        from .openai import OpenAI

        return OpenAI(model.removeprefix("openai:"))
    if isinstance(model, str) and _PROVIDER.fullmatch(model):
        from .langchain import named

        return named(model)
    if is_chat_model(model):
        from .langchain import ChatModel

        return ChatModel(model)
    # A class has the attributes of its instances too, and is a likely slip: `Agent(Scripted)`.
    if isinstance(model, Model) and not isinstance(model, type):
        _check(model)
        return model
    raise UnknownModel(
        "model must be 'rules', 'openai:NAME' (such as 'openai:gpt-5-mini'), another provider's 'PROVIDER:NAME' "
        "(such as 'anthropic:claude-sonnet-4-5'), a LangChain chat model or an object with the Model protocol "
        f"(name, provider, price, pace, stream), got {_described(model)}"
    )


def is_chat_model(value: object) -> bool:
    """Whether it is a LangChain chat model, or one with arguments bound. Nothing is imported for it: whoever has made
    one has imported its class."""
    base = getattr(sys.modules.get("langchain_core.language_models.chat_models"), "BaseChatModel", None)
    binding = getattr(sys.modules.get("langchain_core.runnables.base"), "RunnableBinding", None)
    bound = value.bound if binding is not None and isinstance(value, binding) else value
    return base is not None and isinstance(bound, base)


def resolve_all(model: str | Model | Sequence[str | Model] | Any) -> tuple[Model, ...]:
    """The models that are meant, cheapest first: a list of what `resolve` takes, or one of it.

    Raises:
        UnknownModel: the list is empty, or one of them is none that `resolve` takes.
    """
    if not isinstance(model, (list, tuple)):
        return (resolve(model),)
    if not model:
        raise UnknownModel("model is an empty list; name at least one, such as ['openai:gpt-5-nano', 'openai:gpt-5']")
    return tuple(map(resolve, model))


def _check(model: Any) -> None:
    """Refuse now what would otherwise fail in the middle of a run: an attribute of another type."""
    for name in ("name", "provider"):
        if not isinstance(getattr(model, name), str):
            raise _wrong(model, name, "a text", getattr(model, name))
    if not callable(model.stream):
        raise _wrong(model, "stream", "a method", model.stream)
    if not isinstance(model.pace, Pace):
        raise _wrong(model, "pace", "a Pace, such as Pace(start=0.6, per_token=0.02)", model.pace)
    _check_numbers(model, "pace", {"start": model.pace.start, "per_token": model.pace.per_token})
    if model.price is None:
        return
    if not isinstance(model.price, Price):
        raise _wrong(model, "price", "a Price, or None where it is unknown", model.price)
    rates = {"input_per_million": model.price.input_per_million, "output_per_million": model.price.output_per_million}
    _check_numbers(model, "price", rates)


def _check_numbers(model: Any, attribute: str, numbers: dict[str, Any]) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise _wrong(model, f"{attribute}.{name}", "a number of 0 or more", value)


def _wrong(model: Any, attribute: str, wanted: str, got: object) -> UnknownModel:
    shown = repr(got) if got is None or isinstance(got, (int, float)) else f"a value of type {type(got).__name__}"
    return UnknownModel(f"the model {type(model).__name__}: its attribute {attribute} must be {wanted}, got {shown}")


def _described(model: object) -> str:
    if isinstance(model, str):
        return repr(model if len(model) <= 80 else model[:80] + "…")
    if isinstance(model, type):
        return f"the class {model.__name__}; pass an instance of it"
    return f"a value of type {type(model).__name__}"
