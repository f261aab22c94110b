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

NAME = "openapi"
"""What verdicts call this check."""


class ResponseCheck:
    """Whether an answer is what one of the operation's successes declares.

    It has no opinion where none declares JSON, and is unsure where a schema cannot be used: one that refers to another
    document, or that is too large to check in bounded time.
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
        schemas = Schemas(self._document, "response")
        read = []
        for _, response in successes(self._document, self._operation):
            content = response.get("content")
            if not isinstance(content, Mapping) or not content:
                return None  # a success may be without a body, and its status is all there is to say
            described = [each for media, each in content.items() if is_json(media)]
            if not described or "schema" not in described[0]:
                return None
            read.append(schemas.read(described[0]["schema"]))
        if not read:
            return None
        whole = read[0] if len(read) == 1 else {"anyOf": read}
        if isinstance(whole, bool):
            return None
        return DeclaredSchema(self._label, self._label, {}, {**whole, "$defs": schemas.definitions()})
