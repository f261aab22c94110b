"""Checks of one tool result, as it arrives: deterministic, without a model, within a few milliseconds.

A check is what a tool's author writes in `@tool(checks=[...])`::

    def has_city(result, arguments):
        return arguments["city"].lower() in result["place"].lower()

    @tool(checks=[has_city, in_range(-60, 60, field="temp_c")])
    def weather(city: str) -> dict: ...

It takes `(result, arguments)` or `(result)` and says one of:

===========  ==================================================
`Verdict`    as it stands
`True`       it passed
`False`      it failed
a `str`      it failed, and this is why, in one sentence
`None`       it has no opinion (nothing in this result to check)
===========  ==================================================
"""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from ..policies.agreement import Meaning, meaning
from ..policies.errors import UsageError
from ..policies.outcome import Verdict
from .shapes import MAX_VALUES, shape_verdict, short

CheckResult = Verdict | bool | str | None
"""What a check may say."""

Check = Callable[..., CheckResult]
"""A check: `(result, arguments)` or `(result)`, see this module's table."""


def run_checks(
    tool_name: str,
    value: Any,
    arguments: Mapping[str, Any],
    checks: Sequence[Check] = (),
    content: str = "",
    *,
    schema_checked: bool = False,
) -> Verdict:
    """Run the built-in checks on a tool's result, then the author's; the first that fails decides.

    Args:
        tool_name: the tool's name, for the reasons.
        value: what the tool returned.
        arguments: the validated arguments of the call.
        checks: the author's checks, in order.
        content: the result as text, as the model sees it; read where the value itself is text or unknown.
        schema_checked: whether the value was validated against a declared return type, which counts as a check passed.

    Returns:
        `fail` where the result looks like an error message, is empty (no answer may rest on nothing), is cut off, holds
        NaN or infinity, or an author's check refused it. `unsure` where a check raised (it is named, with what it
        raised), said `unsure`, or where nothing substantial was checked. `pass` where the return type or a check of the
        author's passed. It raises nothing but `KeyboardInterrupt` and `SystemExit`.
    """
    if not checks:
        # Most results: what was looked at took microseconds, which are not worth a measurement of their own.
        return shape_verdict(tool_name, value, content) or (_TYPED if schema_checked else _UNCHECKED)
    started = time.perf_counter()
    verdict = shape_verdict(tool_name, value, content) or _authors(value, arguments, checks, schema_checked)
    return replace(verdict, duration=time.perf_counter() - started)


def _authors(value: Any, arguments: Mapping[str, Any], checks: Sequence[Check], schema_checked: bool) -> Verdict:
    doubts: list[Verdict] = []
    passed: list[Verdict] = []
    for check in checks:
        verdict = _run(check, value, arguments)
        if verdict is not None and verdict.outcome == "fail":
            return verdict
        if verdict is not None:
            (passed if verdict.outcome == "pass" else doubts).append(verdict)
    if doubts:
        return doubts[0]
    if passed:
        names = ", ".join(verdict.verifier for verdict in passed)
        return Verdict.passed(names, f"passed {names}", min(verdict.score for verdict in passed))
    return _TYPED if schema_checked else _UNCHECKED


_TYPED = Verdict.passed("schema", "the result has the declared type")
_UNCHECKED = Verdict.unsure("checks", "nothing to check")


def _run(check: Check, value: Any, arguments: Mapping[str, Any]) -> Verdict | None:
    name = check_name(check)
    try:
        said = check(value, arguments) if _takes_arguments(check) else check(value)
        return verdict_of(name, said)
    except BaseException as error:  # a check is user code: whatever it raises says nothing about the result
        return Verdict.unsure(name, f"the check {name} raised {type(error).__name__}: {short(error)}")


def is_costly(check: Any) -> bool:
    """Whether a check takes time or money of a run, such as a judge: the run asks it, and the pipeline does not."""
    return callable(getattr(check, "ask", None)) and callable(getattr(check, "claim", None))


def check_name(check: Callable[..., Any]) -> str:
    """What traces and reasons call a check: its `__name__`, or its type's."""
    name = getattr(check, "__name__", None)
    return name if isinstance(name, str) else type(check).__name__


def _takes_arguments(check: Check) -> bool:
    try:
        parameters = inspect.signature(check).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature, such as some types
        return False
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    required = [each for each in places if each.default is each.empty]
    takes_any = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return takes_any or len(required) >= 2 or (len(places) >= 2 and places[1].name == "arguments")


def verdict_of(name: str, said: CheckResult) -> Verdict | None:
    """What a check says, as a verdict; `None` where it says nothing."""
    if said is None or isinstance(said, Verdict):
        return said
    if isinstance(said, str):
        return Verdict.failed(name, said)
    if isinstance(said, bool):
        return Verdict.passed(name, f"passed {name}") if said else Verdict.failed(name, f"the check {name} said no")
    kind = type(said).__name__
    return Verdict.unsure(name, f"the check {name} returned {kind}; it must be a Verdict, bool, str or None")


def in_range(low: float, high: float, *, field: str | None = None, unit: str | None = None) -> Check:
    """A check that a number, or each number of a list, lies from `low` to `high`, both included.

    Args:
        low: the least value.
        high: the highest value; not below `low`.
        field: where it stands in the result, `"a.b"` for nested ones; `None` is the result itself.
        unit: for the reason only.

    Raises:
        UsageError: `low` is above `high`, or one is NaN.
    """
    if not low <= high:
        raise UsageError(f"in_range(low={low}, high={high}): low must not be above high; swap them")
    beside = f" {unit}" if unit else ""

    def check(result: Any) -> CheckResult:
        numbers = _numbers(result, field)
        if isinstance(numbers, str):
            return numbers
        bad = next((number for number in numbers if not low <= number <= high), None)
        return True if bad is None else f"{_called(field)} is {bad}{beside}, not within {low} to {high}{beside}"

    return _named(check, "in_range", field)


def not_older_than(seconds: float, *, field: str) -> Check:
    """A check that a time in the result is at most `seconds` old, and not more than a minute in the future.

    The field may hold seconds or milliseconds since 1970, an ISO date or datetime (UTC where it names no zone), or a
    `datetime`. A date alone counts as its last moment.

    Raises:
        UsageError: `seconds` is negative or NaN.
    """
    if not seconds >= 0:
        raise UsageError(f"not_older_than(seconds={seconds}): it must be 0 or more")

    def check(result: Any) -> CheckResult:
        found = _field(result, field)
        moment = None if found is _MISSING else _timestamp(found)
        if moment is None:
            return f"{field} is missing or no time"
        age = time.time() - moment
        if age < -_AHEAD:
            return f"{field} lies {-age:.0f} s in the future"
        return True if age <= seconds else f"{field} is {age:.0f} s old; at most {seconds:g} s are allowed"

    return _named(check, "not_older_than", field)


def one_of(values: Iterable[Any], field: str | None = None) -> Check:
    """A check that the result, or its `field`, is one of `values`."""
    allowed = list(values)

    def check(result: Any) -> CheckResult:
        found = _field(result, field)
        if found is _MISSING:
            return f"{_called(field)} is missing"
        return True if found in allowed else f"{_called(field)} is {short(repr(found))}, not one of {short(allowed)}"

    return _named(check, "one_of", field)


def monotone(field: str | None = None, increasing: bool = True) -> Check:
    """A check that a list of numbers never falls, or never rises with `increasing=False`; equal neighbours are fine.

    `field` names the list in the result, or, where the result is a list of records, the number in each.
    """
    word = "falls" if increasing else "rises"

    def check(result: Any) -> CheckResult:
        numbers = _numbers(result, field)
        if isinstance(numbers, str):
            return numbers
        for at, (one, two) in enumerate(pairwise(numbers), 1):
            if (two < one) if increasing else (two > one):
                return f"{_called(field)} {word} from {one} to {two} at position {at}"
        return True

    return _named(check, "monotone", field)


def in_unit(*units: str, field: str | None = None) -> Check:
    """A check that a text, or each text of a list, is a number with one of these units behind it, as `"21.5 °C"`.

    Where the unit stands in a field of its own, `one_of` checks it.

    Raises:
        UsageError: no unit is given.
    """
    if not units:
        raise UsageError("in_unit(): name at least one unit, such as in_unit('km')")

    def check(result: Any) -> CheckResult:
        found = _values(result, field)
        bad = next((each for each in found if _unit(each) not in units), None)
        if not found or any(each is _MISSING for each in found):
            return f"{_called(field)} is missing"
        return True if bad is None else f"{_called(field)} is {short(repr(bad))}, no number in {' or '.join(units)}"

    return _named(check, "in_unit", field)


def matches(kind: Any, *, field: str | None = None) -> Check:
    """A check that the result, or its `field`, has a type or is what a pydantic model describes, such as
    `list[Reading]`; a text that begins like JSON is read as JSON.

    Where the whole result has a type, the tool's return annotation says the same.

    Raises:
        UsageError: pydantic cannot check that type.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
    except (PydanticUserError, PydanticSchemaGenerationError) as error:
        raise UsageError(f"matches({kind!r}): pydantic cannot check it: {short(error)}") from error

    def check(result: Any) -> CheckResult:
        found = _field(result, field)
        if found is _MISSING:
            return f"{_called(field)} is missing"
        try:
            adapter.validate_json(found) if isinstance(found, str) and kind is not str else adapter.validate_python(
                found
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            return f"{_called(field)}{'.' if where else ''}{where}: {short(first['msg'])}"
        return True

    return _named(check, "matches", field)


def has_fields(*names: str) -> Check:
    """A check that the result, or each record of a list, has these fields and none of them is `None`."""

    def check(result: Any) -> CheckResult:
        records = result if isinstance(result, list | tuple) else [result]
        for record in records[:MAX_VALUES]:
            missing = [name for name in names if _field(record, name) in (_MISSING, None)]
            if missing:
                return f"the result has no {', '.join(missing)}"
        return True if records else None

    return _named(check, "has_fields", None)


class AgreesWith:
    """The check that `agrees_with` makes; the run makes it once both results are there.

    Attributes:
        other: the tool that must say the same.
        field: what is compared; `None` is the whole result.
        tolerance: relative difference of numbers that say the same.
    """

    def __init__(self, other: str, field: str | None, tolerance: float) -> None:
        self.__name__ = f"agrees_with({other})"
        self.other = other
        self.field = field
        self.tolerance = tolerance

    def __call__(self, result: Any) -> CheckResult:
        """A result alone says nothing."""
        return None

    def read(self, value: Any, text: str) -> Meaning | None:
        """What a result says as far as it is compared; `None` where it says nothing of the kind."""
        found = _field(value, self.field)
        return None if found is _MISSING else meaning(found, text if self.field is None else "")


def agrees_with(other: str, *, field: str | None = None, tolerance: float = 0.01) -> AgreesWith:
    """A check that another tool, asked the same, says the same; of the tool itself, that two of its calls do.

    Two results are of the same question where their arguments have the same values, whatever the names. Where both say
    the same, both pass, with a higher score; where they do not, both are `unsure`, the model and the user are told, and
    no answer that rests on one of them alone is verified.

    Args:
        other: the other tool's name.
        field: where in both results stands what is compared, `"a.b"` for nested ones; `None` is the whole result.
        tolerance: relative difference within which two numbers say the same. Default 0.01.

    Raises:
        UsageError: `tolerance` is negative or NaN.
    """
    if not tolerance >= 0:
        raise UsageError(f"agrees_with(tolerance={tolerance}): it must be 0 or more")
    return AgreesWith(other, field, tolerance)


_MISSING = object()
_AHEAD = 60.0


def _named(check: Check, name: str, field: str | None) -> Check:
    check.__name__ = name if field is None else f"{name}({field})"
    return check


def _called(field: str | None) -> str:
    return "the result" if field is None else field


def _field(value: Any, field: str | None) -> Any:
    """A field by its dotted path, from mappings and objects alike; `_MISSING` where there is none."""
    for part in field.split(".") if field else ():
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else getattr(value, part, _MISSING)
        if value is _MISSING:
            return _MISSING
    return value


_QUANTITY = re.compile(r"\s*[-+−]?\d[\d.,' ]*(\S.{0,40}?)\s*", re.DOTALL)


def _unit(value: Any) -> str | None:
    """The unit behind a number in a text; `None` where there is none."""
    found = _QUANTITY.fullmatch(value[:200]) if isinstance(value, str) else None
    return None if found is None else found[1]


def _values(result: Any, field: str | None) -> list[Any]:
    """What stands in the field: of a record, of each record of a list, or each of the values of a list."""
    if field is not None and isinstance(result, list | tuple):
        return [_field(record, field) for record in result[:MAX_VALUES]]
    one = _field(result, field)
    return list(one[:MAX_VALUES]) if isinstance(one, list | tuple) else [one]


def _numbers(result: Any, field: str | None) -> list[float] | str:
    """The numbers to check, or why there are none."""
    found = _values(result, field)
    bad = next((each for each in found if isinstance(each, bool) or not isinstance(each, int | float)), None)
    if any(each is _MISSING for each in found):
        return f"{_called(field)} is missing"
    return found if bad is None and None not in found else f"{_called(field)} is {short(repr(bad))}, not a number"


def _timestamp(value: Any) -> float | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value / 1000 if abs(value) > 1e11 else float(value)
    try:
        moment = datetime.fromisoformat(value if len(value) > 10 else f"{value}T23:59:59.999999")
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
