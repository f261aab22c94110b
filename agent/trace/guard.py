"""Recording a run never fails it: what a tracer or its processors raise costs a span, and is said in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_told: Final[set[type]] = set()


def guarded(record: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What `record` gives, or `None` where it raised; each kind of error is a warning once, later ones are silent."""
    try:
        return record(*args, **kwargs)
    except Exception as error:  # whoever records is a stranger to the run, and may raise anything
        if type(error) not in _told:
            _told.add(type(error))
            logger.warning("a span could not be recorded; the run goes on without it", exc_info=error)
        return None
