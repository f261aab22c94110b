"""What a run is asked, within what and by which rules, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..policies.budget import Budget
from ..policies.errors import InvalidBudget, InvalidPolicy, InvalidQuery
from ..policies.settings import Policy
from ..tools.media.parts import Attachment, Part
from .attachments import question_of, read_parts

Query = str | Sequence[str | Part]
"""What a run is asked: a text, or a list of texts and files."""

Labels = Mapping[str, Any]
"""What a caller marks a run's trace with: short values by name."""


def read_query(query: Query, policy: Policy) -> tuple[str, list[Attachment]]:
    """The question as a text, and the files that belong to it.

    Raises:
        InvalidQuery: it is empty, too long, no text, or holds what is no part.
    """
    if isinstance(query, str):
        return read_text(query, policy), []
    if not isinstance(query, (list, tuple)):
        raise InvalidQuery(
            f"query must be a text, got {type(query).__name__}; files go in a list: ['Who?', Image('a.png')]"
        )
    texts, files = read_parts(query, policy.media.files)
    return read_text(question_of(texts, files), policy), files


def read_text(query: str, policy: Policy) -> str:
    """The question as text that fits into any request, trace and terminal.

    Raises:
        InvalidQuery: it is empty or too long.
    """
    most = policy.limits.query
    if not query.strip():
        raise InvalidQuery("query is empty; ask something")
    if len(query) > most:
        raise InvalidQuery(
            f"query has {len(query):,} characters and limits.query={most:,}; shorten it or raise the limit"
        )
    # A lone surrogate, as a shell makes of bytes that are no UTF-8, fits nowhere.
    return query.encode("utf-8", "replace").decode("utf-8")


def read_budget(budget: Any) -> Budget | None:
    """The limits of a run; `None` where none are given.

    Raises:
        InvalidBudget: they are of another type.
    """
    if budget is not None and not isinstance(budget, Budget):
        raise InvalidBudget(f"budget must be a Budget, got {budget!r} of type {type(budget).__name__}")
    return budget


def read_policy(policy: Any) -> Policy:
    """The policy of an agent; the default where none is given.

    Raises:
        InvalidPolicy: it is of another type.
    """
    if policy is not None and not isinstance(policy, Policy):
        raise InvalidPolicy(f"policy must be a Policy, got {policy!r} of type {type(policy).__name__}")
    return Policy() if policy is None else policy


def read_metadata(metadata: Any) -> Labels | None:
    """The labels of a run's trace; `None` where none are given.

    Raises:
        InvalidQuery: they are no mapping.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidQuery(
            f"metadata must map names to short values, such as {{'user': 'u-17'}}, got a {type(metadata).__name__}"
        )
    return metadata
