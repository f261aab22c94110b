"""A model at another reasoning effort: a model of its own, so that what it takes is learnt apart."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from .base import Model, ModelEvent, ModelRequest

EFFORTS: Final = ("low", "medium", "high")
"""Efforts that every model takes which takes any."""

_THINKS = re.compile(r"(?:o1|o3|o3-mini|o4-mini|gpt-5|gpt-5-mini|gpt-5-nano)(?:-\d{4}-\d{2}-\d{2})?$")


def thinks(name: str) -> bool:
    """Whether a model of this name at OpenAI is known to take `reasoning_effort`."""
    return _THINKS.match(name) is not None


class AtEffort:
    """A model that is asked at an effort; a `Model`.

    Args:
        model: the model, whose requests carry `ModelRequest.effort`.
        effort: the effort, such as `low`.

    Attributes:
        base: the model at its usual effort.
    """

    def __init__(self, model: Model, effort: str) -> None:
        self.base = model
        self.name = f"{model.name} ({effort} effort)"
        self.provider = model.provider
        self.price = model.price
        self.pace = model.pace
        self._effort = effort

    def __repr__(self) -> str:
        return f"AtEffort({self.base!r}, {self._effort!r})"

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """As the model does at this effort."""
        return self.base.stream(replace(request, effort=self._effort))


def at_effort(model: Model, effort: str | None) -> Model | None:
    """The model at this effort; `None` where its requests cannot carry it."""
    base = usual(model)
    # A model that can be asked to think less has `takes_effort(effort)`, which says whether requests may carry one.
    takes = None if effort is None else getattr(base, "takes_effort", None)
    return AtEffort(base, effort) if effort is not None and takes is not None and takes(effort) else None


def usual(model: Model) -> Model:
    """The model at its usual effort."""
    return model.base if isinstance(model, AtEffort) else model
