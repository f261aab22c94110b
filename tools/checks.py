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

import re
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from ..policies.agreement import Meaning, meaning, same
from ..policies.errors import UsageError
from ..policies.facts import quoted_in
from ..policies.outcome import Verdict
from .checking import Check, CheckResult
from .fields import MISSING, called, field_of, numbers_of, timestamp, values_of
from .shapes import MAX_VALUES, short


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
        numbers = numbers_of(result, field)
        if isinstance(numbers, str):
            return numbers
        bad = next((number for number in numbers if not low <= number <= high), None)
        return True if bad is None else f"{called(field)} is {bad}{beside}, not within {low} to {high}{beside}"

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
        found = field_of(result, field)
        moment = None if found is MISSING else timestamp(found)
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
        found = field_of(result, field)
        if found is MISSING:
            return f"{called(field)} is missing"
        return True if found in allowed else f"{called(field)} is {short(repr(found))}, not one of {short(allowed)}"

    return _named(check, "one_of", field)


def monotone(field: str | None = None, increasing: bool = True) -> Check:
    """A check that a list of numbers never falls, or never rises with `increasing=False`; equal neighbours are fine.

    `field` names the list in the result, or, where the result is a list of records, the number in each.
    """
    word = "falls" if increasing else "rises"

    def check(result: Any) -> CheckResult:
        numbers = numbers_of(result, field)
        if isinstance(numbers, str):
            return numbers
        for at, (one, two) in enumerate(pairwise(numbers), 1):
            if (two < one) if increasing else (two > one):
                return f"{called(field)} {word} from {one} to {two} at position {at}"
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
        found = values_of(result, field)
        bad = next((each for each in found if _unit(each) not in units), None)
        if not found or any(each is MISSING for each in found):
            return f"{called(field)} is missing"
        return True if bad is None else f"{called(field)} is {short(repr(bad))}, no number in {' or '.join(units)}"

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
        found = field_of(result, field)
        if found is MISSING:
            return f"{called(field)} is missing"
        try:
            adapter.validate_json(found) if isinstance(found, str) and kind is not str else adapter.validate_python(
                found
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            return f"{called(field)}{'.' if where else ''}{where}: {short(first['msg'])}"
        return True

    return _named(check, "matches", field)


def has_fields(*names: str) -> Check:
    """A check that the result, or each record of a list, has these fields and none of them is `None`."""

    def check(result: Any) -> CheckResult:
        records = result if isinstance(result, list | tuple) else [result]
        for record in records[:MAX_VALUES]:
            missing = [name for name in names if field_of(record, name) in (MISSING, None)]
            if missing:
                return f"the result has no {', '.join(missing)}"
        return True if records else None

    return _named(check, "has_fields", None)


def echoes(argument: str, field: str | None = None) -> Check:
    """A check that the result is about what was asked: its `field` says what the call's `argument` said.

    Texts are compared by their words, whatever their case and punctuation; an argument that was not given is not asked
    about.

    Args:
        argument: the name of the call's argument.
        field: where in the result it is repeated, `"a.b"` for nested ones; by default the argument's own name.
    """
    place = field or argument

    def check(result: Any, arguments: Mapping[str, Any]) -> CheckResult:
        if arguments.get(argument) is None:
            return None
        found = field_of(result, place)
        asked, got = meaning(arguments[argument]), None if found is MISSING else meaning(found)
        if found is MISSING or got is None:
            return f"{place} is missing"
        if asked is None or same(asked, got, 0.0):
            return None if asked is None else True
        return f"asked for {argument} {short(repr(arguments[argument]))}, got {short(repr(found))}"

    return _named(check, "echoes", argument)


def recomputed(field: str, how: Callable[[Any], Any], *, tolerance: float = 0.001) -> Check:
    """A check that a value follows from the rest of the result, such as a total from its lines::

        recomputed("total", lambda invoice: sum(line["amount"] for line in invoice["lines"]))

    Args:
        field: what is checked, `"a.b"` for nested ones.
        how: makes it again, from the whole result; where it raises, the result is left `unsure`.
        tolerance: relative difference within which two numbers say the same. Whole numbers must be equal. Default
            0.001.

    Raises:
        UsageError: `tolerance` is negative or NaN.
    """
    if not tolerance >= 0:
        raise UsageError(f"recomputed(tolerance={tolerance}): it must be 0 or more")

    def check(result: Any) -> CheckResult:
        found = field_of(result, field)
        if found is MISSING:
            return f"{field} is missing"
        again = how(result)
        one, two = meaning(found), meaning(again)
        if one is None or two is None:
            return Verdict.unsure(f"recomputed({field})", f"{field} says nothing to compare")
        return True if same(one, two, tolerance) else f"{field} is {short(found)}, recomputed it is {short(again)}"

    return _named(check, "recomputed", field)


def quotes(field: str, *, within: str) -> Check:
    """A check that the text in one field stands word for word in another, whatever its spaces and quotation marks.

    Args:
        field: the quotation, or a list of them.
        within: the text that it is taken from.
    """

    def check(result: Any) -> CheckResult:
        found, text = values_of(result, field), field_of(result, within)
        if not isinstance(text, str) or not all(isinstance(each, str) for each in found):
            return f"{field} or {within} is missing or no text"
        bad = next((each for each in found if not quoted_in(each, text)), None)
        return True if bad is None else f"{within} does not say {short(repr(bad))}"

    return _named(check, "quotes", field)


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
        found = field_of(value, self.field)
        return None if found is MISSING else meaning(found, text if self.field is None else "")


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


_AHEAD = 60.0


def _named(check: Check, name: str, field: str | None) -> Check:
    check.__name__ = name if field is None else f"{name}({field})"
    return check


_QUANTITY = re.compile(r"\s*[-+−]?\d[\d.,' ]*(\S.{0,40}?)\s*", re.DOTALL)


def _unit(value: Any) -> str | None:
    """The unit behind a number in a text; `None` where there is none."""
    found = _QUANTITY.fullmatch(value[:200]) if isinstance(value, str) else None
    return None if found is None else found[1]
