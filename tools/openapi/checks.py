"""The check of an answer against the schema that the document has for it, read when there is something to check."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ...policies.errors import InvalidTool
from ...policies.outcome import Verdict
from ..declared import DeclaredSchema
from .bodies import is_json
from .operation import Operation, successes
from .replies import Page
from .schemas import Schemas

LEVELS = (None, 4, 3, 2, 1)
"""References followed one inside the other, all of them or else as many as can be checked in bounded time."""
NAME = "openapi"
"""What verdicts call this check."""


class ResponseCheck:
    """Whether an answer is what one of the operation's successes declares.

    It has no opinion where none declares JSON, and is unsure where a schema refers to another document. One that cannot
    be checked in bounded time is checked as deep as it can.
    """

    __name__ = NAME

    def __init__(self, operation: Operation) -> None:
        self._document = operation.document
        self._label = operation.label
        self._operation = operation.node

    def __call__(self, result: Any) -> Verdict | None:
        try:
            declared = self._declared
        except InvalidTool as error:
            return Verdict.unsure(NAME, f"the answer of {self._label} was not checked: {error}")
        if declared is None:
            return None
        problem = declared.problem_of_result(result["items"] if isinstance(result, Page) else result)
        if problem is None:
            return Verdict.passed(NAME, f"the answer is what {self._label} declares")
        return Verdict.failed(NAME, f"the answer is not what {self._label} declares: {problem}")

    @cached_property
    def _declared(self) -> DeclaredSchema | None:
        *most, last = LEVELS
        for levels in most:
            try:
                return self._read(levels)
            except InvalidTool:
                continue
        return self._read(last)

    def _read(self, levels: int | None) -> DeclaredSchema | None:
        schemas = Schemas(self._document, "response", levels)
        read = []
        for _, response in successes(self._document, self._operation):
            content = response.get("content")
            described = _json_of(content) if isinstance(content, Mapping) else None
            if described is None:
                return None  # of a success without JSON its status is all there is to say
            read.append(schemas.read(described))
        if not read or True in read:
            return None
        whole = read[0] if len(read) == 1 else {"anyOf": read}
        return DeclaredSchema(self._label, self._label, {}, {**whole, "$defs": schemas.definitions()})


def _json_of(content: Mapping[str, Any]) -> Any:
    """The schema of the content that is JSON; `None` where there is none."""
    return next((each.get("schema") for media, each in content.items() if is_json(media)), None)
