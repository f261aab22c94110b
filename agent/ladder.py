"""The models of a run, cheapest first, and which of them have failed in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .models.base import Model
from .models.effort import usual


class Ladder:
    """Who else could be asked in a run; used by the run's loop only.

    Args:
        models: the agent's models, cheapest first.

    Attributes:
        escalated: how often the run has gone on with a stronger model.
    """

    __slots__ = ("_failed", "_models", "escalated")

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = tuple(models)
        self._failed: set[int] = set()
        self.escalated = 0

    def __iter__(self) -> Iterator[Model]:
        """Those that have not failed, cheapest first."""
        return iter(self._well(self._models))

    def __len__(self) -> int:
        return len(self._models)

    def fail(self, model: Model) -> None:
        """Note that a model has failed: it is not asked again in this run."""
        self._failed.add(id(usual(model)))

    def stronger(self, model: Model) -> Model | None:
        """The next stronger one that has not failed."""
        at = self._place(model)
        return None if at is None else next(iter(self._well(self._models[at + 1 :])), None)

    def other(self, model: Model) -> Model | None:
        """Who takes over from a model: the next stronger one, else the strongest weaker one."""
        at = self._place(model)
        if at is None:
            return None
        return next(iter(self._well([*self._models[at + 1 :], *reversed(self._models[:at])])), None)

    def weaker(self, model: Model, other: Model) -> bool:
        """Whether `other` is weaker than `model`."""
        at, to = self._place(model), self._place(other)
        return at is not None and to is not None and to < at

    def named(self, name: str) -> Model | None:
        """The model of that name, the cheapest one where several have it."""
        return next((each for each in self._models if each.name == name), None)

    def _well(self, models: Sequence[Model]) -> list[Model]:
        return [each for each in models if id(each) not in self._failed]

    def _place(self, model: Model) -> int | None:
        # By identity: the same name may be served at two endpoints.
        return next((at for at, each in enumerate(self._models) if each is usual(model)), None)
