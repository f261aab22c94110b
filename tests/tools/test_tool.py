"""Tools: a signature is a schema, a docstring a description, and what cannot be meant is refused in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from shotclock import Tool, tool
from shotclock.policies.errors import InvalidTool
from shotclock.tools.schema import Problem
from shotclock.tools.toolbox import Toolbox


class Place(BaseModel):
    """A nested parameter."""

    city: str
    country: str = "NO"


@tool(read_only=True, timeout="2s", latency=0.3, cost_usd=0.01)
async def weather(place: Place, days: Annotated[int, Field(ge=1, le=7)] = 3, unit: Literal["C", "F"] = "C") -> str:
    """Current weather in a city.

    It knows every city.

    Args:
        days: how many days ahead,
            counted from today.

    Returns:
        a sentence.
    """
    return f"{place.city}: {days} days in {unit}"


def test_the_signature_is_the_schema():
    """Types, bounds, defaults and nested models reach the JSON Schema; nothing else is allowed in."""
    schema = weather.schema.parameters
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["days"] == {
        "type": "integer", "minimum": 1, "maximum": 7, "default": 3,
        "description": "how many days ahead, counted from today.",
    }  # fmt: skip
    assert schema["properties"]["unit"]["enum"] == ["C", "F"]
    assert "Place" in schema["$defs"]


def test_the_docstring_is_the_description_without_its_sections():
    """What the model reads is the text before `Args:`."""
    assert weather.description == "Current weather in a city.\n\nIt knows every city."


def test_options_are_read():
    """Durations may be written as texts."""
    assert (weather.timeout, weather.latency, weather.cost_usd, weather.read_only) == (2.0, 0.3, 0.01, True)
    assert weather.isolation == "loop"


async def test_a_decorated_function_still_works_as_before():
    """Calling a tool calls its function."""
    assert await weather(Place(city="Oslo")) == "Oslo: 3 days in C"


def test_arguments_are_validated_and_converted():
    """What a model wrote becomes what the function expects."""
    read = weather.schema.read({"place": {"city": "Oslo"}, "days": "2"})
    assert read == {"place": Place(city="Oslo"), "days": 2, "unit": "C"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "place: Field required"),
        ({"place": {"city": "Oslo"}, "days": 9}, "days: Input should be less than or equal to 7, got 9"),
        ({"place": {"city": "Oslo"}, "when": 1}, "when: Extra inputs are not permitted"),
        ({"place": {}}, "place.city: Field required"),
        ({"place": {"city": "Oslo"}, "unit": "K" * 500}, "unit: Input should be 'C' or 'F', got"),
    ],
)
def test_bad_arguments_are_one_clear_message(arguments, says):
    """A message names the parameter, what is wrong with it and what the tool takes; it is short whatever was sent."""
    problem = weather.schema.read(arguments)
    assert isinstance(problem, Problem)
    assert says in problem.message
    assert problem.message.endswith("It takes: place, days, unit.")
    assert len(problem.message) < 400


class Shop:
    """A shop with a tool."""

    def __init__(self, name: str) -> None:
        self.name = name

    @tool
    def stock(self, item: str) -> str:
        """How many there are."""
        return f"{self.name} has 3 {item}"


class Greeter:
    """A callable object."""

    async def __call__(self, name: str) -> str:
        """Greet somebody."""
        return f"Hello {name}"


def test_methods_are_tools_of_their_instance():
    """A decorated method, read from an instance, is bound to it."""
    first, second = Shop("first"), Shop("second")
    assert first.stock.function(item="pens") == "first has 3 pens"
    assert second.stock.function(item="pens") == "second has 3 pens"
    assert list(first.stock.schema.parameters["properties"]) == ["item"]


def test_a_method_without_its_instance_is_refused():
    """The class's own attribute cannot be called, and the message says what to pass."""
    with pytest.raises(InvalidTool, match=r"stock.*is a method; pass it from an instance"):
        Toolbox([Shop.stock])


def test_plain_functions_methods_and_callables_become_tools():
    """A toolbox takes what can be called."""
    names = [each.name for each in Toolbox([Shop("a").stock, Tool(Greeter(), "greet")])]
    assert names == ["stock", "greet"]
    assert Tool(Greeter(), "greet").is_async


def undocumented(x: int) -> int:
    return x


def unannotated(x):  # it is the case under test
    """Has no types."""
    return x


def variadic(*items: int) -> int:
    """Takes any number."""
    return len(items)


def unschematic(x: Shop) -> int:
    """Takes something without a schema."""
    return 1


def unresolved(x: Nowhere) -> int:  # noqa: F821  # a name that does not exist is the case under test
    """Takes something unknown."""
    return 1


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (undocumented, "tool 'undocumented' has no docstring"),
        (unannotated, "tool 'unannotated': parameter 'x' has no annotation; write for example x: str"),
        (variadic, "tool 'variadic': parameter .*items.* cannot be described"),
        (unschematic, "tool 'unschematic'.*no JSON Schema"),
        (unresolved, "tool 'unresolved': its signature cannot be read.*Nowhere"),
        (lambda: 1, "must be 1 to 64 letters"),
        (3, "must be a function"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_one_sentence(function, says):
    """The mistake is found where the tool is made, and the message says what to write."""
    with pytest.raises(InvalidTool, match=says) as caught:
        Tool(function)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"timeout": -1}, "timeout of tool 'f' must be 0 or more seconds"),
        ({"timeout": "soon"}, "timeout of tool 'f' must be a duration"),
        ({"retry": 2}, "retry=2 needs read_only=True or idempotent=True"),
        ({"isolation": "rocket"}, "isolation must be 'auto', 'loop', 'thread' or 'process', got 'rocket'"),
        ({"cost_usd": float("nan")}, "cost_usd of tool 'f'"),
        ({"name": "has space"}, "'has space' must be 1 to 64 letters"),
    ],
)
def test_bad_options_name_the_tool(options, says):
    """An option that cannot be meant is refused with the tool's name and the value."""

    def f(x: int) -> int:
        """F."""
        return x

    with pytest.raises(InvalidTool, match=says):
        tool(**options)(f)


def test_two_tools_of_one_name_are_refused():
    """Two tools cannot share a name, and the message says how to rename one."""
    with pytest.raises(InvalidTool, match=r"two tools are named 'weather'; rename one: @tool\('weather_2'\)"):
        Toolbox([weather, weather])


def test_an_unknown_tool_is_answered_with_what_there_is():
    """A model that mistypes a name is told the closest one and the list."""
    assert Toolbox([weather]).unknown("wether") == (
        "There is no tool named 'wether' (did you mean 'weather'?). The tools are: weather."
    )


@dataclass
class Found:
    """A declared result."""

    count: int


def test_declared_results_are_checked():
    """What a tool returns is held to its return annotation, and nothing is where none is declared."""

    def find() -> Found:
        """Find."""
        return Found(1)

    def anything():
        """Anything."""

    assert Tool(find).schema.problem_of_result(Found(1)) is None
    assert Tool(find).schema.problem_of_result({"count": "x"}).startswith("count: Input should be a valid integer")
    assert not Tool(anything).schema.declares_result


def plain(x: int) -> int:
    """Give it back."""
    return x


@pytest.mark.parametrize(
    ("tools", "says"),
    [
        (None, "tools must be a list of tools, got None"),
        (5, "tools must be a list of tools, got a value of type int"),
        ("plain", "tools must be a list of tools, got a value of type str"),
        (plain, r"write tools=\[plain\]"),
        (weather, r"write tools=\[weather\]"),
    ],
)
def test_what_is_no_list_of_tools_is_refused(tools, says):
    """`None` and a single tool are one sentence that says what to write."""
    with pytest.raises(InvalidTool, match=says):
        Toolbox(tools)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"checks": 5}, "checks must be a list of functions of the result, got 5"),
        ({"checks": ["x"]}, "checks must hold functions of the result, got 'x'"),
        ({"checks": plain}, r"write checks=\[plain\]"),
        ({"fallback": 5}, "fallback must be another tool, made with @tool, got 5"),
        ({"fallback": plain}, "fallback must be another tool"),
    ],
)
def test_checks_and_fallback_of_another_type_are_refused(options, says):
    """An option that would fail in the middle of a run is refused where the tool is made."""
    with pytest.raises(InvalidTool, match=says):
        tool(**options)(plain)


@pytest.mark.parametrize("name", ["_x", "__x", "model_config", "model_fields", "model_post_init"])
def test_a_parameter_that_would_vanish_from_the_schema_is_refused(name):
    """A name that cannot stand in the schema is named."""
    scope = {}
    exec(f"def f({name}: int) -> int:\n    'Give it back.'\n    return {name}", scope)
    with pytest.raises(InvalidTool, match=f"parameter '{name}' .* rename it"):
        Tool(scope["f"])


def test_a_parameter_with_another_name_of_pydantic_is_taken():
    """Only what would vanish is refused: `schema`, `json` and `model_name` are parameters like others."""

    @tool
    def f(schema: str, json: int, model_name: str) -> str:
        """Join them."""
        return f"{schema}{json}{model_name}"

    given = {"schema": "a", "json": 1, "model_name": "b"}
    assert f.schema.read(given) == given


@pytest.mark.parametrize("wrapper", [classmethod, property])
@pytest.mark.parametrize("name", [None, "find"])
def test_tool_over_a_classmethod_is_refused_clearly(wrapper, name):
    """The sentence names the decorator and what to do instead."""
    with pytest.raises(InvalidTool, match=f"@tool cannot stand over @{wrapper.__name__}; leave @tool off"):
        tool(wrapper(plain)) if name is None else tool(name)(wrapper(plain))


def test_a_bound_classmethod_is_a_tool():
    """What the sentence advises works."""

    class Shop:
        @classmethod
        def find(cls, name: str) -> str:
            """Find a thing."""
            return name

    assert [made.name for made in Toolbox([Shop.find])] == ["find"]


async def stream():
    """Give numbers."""
    yield 1


def numbers():
    """Give numbers."""
    yield 1


class Numbers:
    """Give numbers."""

    def __call__(self):
        yield 1


@pytest.mark.parametrize("function", [stream, numbers, Numbers()])
def test_a_generator_is_no_tool(function):
    """A tool that would give a stream is refused where it is made."""
    with pytest.raises(InvalidTool, match="returns a stream, as it has a 'yield'; return a value"):
        Tool(function, "numbers")


def test_a_fallback_takes_what_its_tool_takes():
    """A fallback with other parameters could never be called in its place, and is refused where it is given."""

    def other(y: int) -> int:
        """Other."""
        return y

    def more(x: str, y: int) -> int:
        """More."""
        return y

    for fallback, says in ((Tool(other), "it does not take x"), (Tool(more), "it needs y")):
        with pytest.raises(InvalidTool, match=f"must take the same parameters, but {says}"):

            @tool(fallback=fallback)
            def f(x: str) -> str:
                """F."""
                return x


@pytest.mark.parametrize("declared", [str, int, float, bool, bytes, Literal["a"], Annotated[int, Field(gt=1)]])
def test_a_result_of_the_declared_type_is_judged_as_pydantic_judges_it(declared):
    """Plain ones are not validated, and nothing passes for that which pydantic would refuse."""

    def find():
        """Find."""

    find.__annotations__["return"] = declared
    schema, adapter = Tool(find).schema, TypeAdapter(declared)
    for value in ("a", "ü", "bad \ud800", "", 0, 1, 2, True, 1.5, float("nan"), float("inf"), b"", b"\xff", None, []):
        try:
            adapter.validate_python(value)
        except ValidationError:
            assert schema.problem_of_result(value) is not None
        else:
            assert schema.problem_of_result(value) is None
