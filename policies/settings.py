"""The frozen bundle of policies, and how an SRE changes one without touching code."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from functools import cache
from os import PathLike
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from .admission import Admission
from .approval import Approval
from .attempts import Attempts
from .breaker import Breaker
from .bucket import Bucket
from .concurrency import Concurrency
from .errors import InvalidPolicy
from .forecast import ForecastPolicy
from .hedging import Hedging
from .interruption import Interruption
from .limits import Limits
from .media import Media
from .quality import Quality
from .reserve import Reserve
from .routing import Routing
from .speculation import Speculation
from .stopping import Stopping
from .trust import Trust
from .verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides a run; every part is a frozen value with documented defaults.

    Attributes:
        reserve: how much time is kept back for the final answer.
        admission: whether a call is begun.
        attempts: how long one attempt may take, and whether another follows.
        hedging: when a second attempt races a slow one.
        breaker: when a tool that keeps failing is not called.
        bucket: when extra attempts of a tool are worth making.
        concurrency: how many attempts of a tool may be under way.
        forecast: how fast what is believed of a latency gives way to what is seen.
        interruption: when a model call is begun, waited for or cut.
        speculation: what is begun before the model has finished its turn, and whether it may hand over plans.
        stopping: when reasoning ends.
        verification: whether a model is asked again after its answer was refused.
        routing: which of an agent's models is asked.
        trust: what untrusted content may lead to.
        approval: which calls a person has to approve.
        quality: when a user is warned that answers of a kind are too often wrong.
        limits: how large queries, results and answers may be.
        media: what becomes of attached files, and the time they add.
    """

    reserve: Reserve = field(default_factory=Reserve)
    admission: Admission = field(default_factory=Admission)
    attempts: Attempts = field(default_factory=Attempts)
    hedging: Hedging = field(default_factory=Hedging)
    breaker: Breaker = field(default_factory=Breaker)
    bucket: Bucket = field(default_factory=Bucket)
    concurrency: Concurrency = field(default_factory=Concurrency)
    forecast: ForecastPolicy = field(default_factory=ForecastPolicy)
    interruption: Interruption = field(default_factory=Interruption)
    speculation: Speculation = field(default_factory=Speculation)
    stopping: Stopping = field(default_factory=Stopping)
    verification: Verification = field(default_factory=Verification)
    routing: Routing = field(default_factory=Routing)
    trust: Trust = field(default_factory=Trust)
    approval: Approval = field(default_factory=Approval)
    quality: Quality = field(default_factory=Quality)
    limits: Limits = field(default_factory=Limits)
    media: Media = field(default_factory=Media)

    def __post_init__(self) -> None:
        for name, kind in _kinds().items():
            part = getattr(self, name)
            if not isinstance(part, kind):
                raise InvalidPolicy(
                    f"policy.{name} must be a {kind.__name__}, got {part!r}; write {name}={kind.__name__}(...), "
                    "or read tables of plain values with Policy.from_dict"
                )

    @classmethod
    def from_toml(cls, path: str | PathLike[str]) -> Policy:
        """Read a policy from a TOML file whose tables and keys are named like the attributes; the rest keeps its
        default. TOML has no `None`: write `"none"`, such as `failures = "none"` for a breaker that never opens.

        Args:
            path: the file.

        Raises:
            InvalidPolicy: the file cannot be read, a key is unknown, or a value is out of range.
        """
        try:
            with open(path, "rb") as file:
                tables = tomllib.load(file)
        except (OSError, tomllib.TOMLDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InvalidPolicy(f"policy file {str(path)!r} cannot be read: {said}") from error
        return cls.from_dict(tables, source=str(path))

    @classmethod
    def from_dict(cls, tables: dict[str, Any], *, source: str = "policy") -> Policy:
        """The same from nested dicts.

        Args:
            tables: the settings that differ from their defaults, by table and name: `{"attempts": {"retries": 1}}`.
            source: what messages call them. Default `"policy"`.

        Raises:
            InvalidPolicy: a key is unknown, or a value is out of range.
        """
        parts: dict[str, Any] = {}
        kinds = _kinds()
        for name, table in tables.items():
            if name not in kinds:
                raise InvalidPolicy(f"{source}: unknown table [{name}]; the tables are {', '.join(kinds)}")
            parts[name] = _read(kinds[name], name, table, source)
        return cls(**parts)


@cache
def _kinds() -> dict[str, type]:
    """The tables of a policy file, and what each is read as."""
    hints = get_type_hints(Policy)
    return {each.name: hints[each.name] for each in dataclasses.fields(Policy)}


def _read(kind: type, name: str, table: Any, source: str) -> Any:
    if not isinstance(table, dict):
        raise InvalidPolicy(f"{source}: [{name}] must be a table of settings, got {table!r}")
    known = [f.name for f in dataclasses.fields(kind)]
    for key in table:
        if key not in known:
            raise InvalidPolicy(f"{source}: unknown setting {name}.{key}; [{name}] has {', '.join(known)}")
    hints = get_type_hints(kind, include_extras=True)
    values = {key: _value(f"{source}: {name}.{key}", hints[key], value) for key, value in table.items()}
    try:
        return kind(**values)
    except InvalidPolicy as error:
        raise InvalidPolicy(f"{source}: {error}") from error


def _value(where: str, kind: Any, value: Any) -> Any:
    """A setting as its field's type; strictly, because a flag is no number and a text no flag."""
    if value == "none":
        value = None
    try:
        return TypeAdapter(kind).validate_python(tuple(value) if isinstance(value, list) else value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InvalidPolicy(f"{where}: {first['msg']}, got {value!r}") from error
