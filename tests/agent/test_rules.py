"""The embedded model: which calls a question leads to, and what it says where there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import pytest

from shotclock import Agent, Budget, builtin_tools
from shotclock.agent.models.base import (
    CallMessage,
    CallReady,
    Finish,
    Message,
    Model,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolSpec,
    Usage,
)
from shotclock.agent.models.rules import Rules
from shotclock.policies.outcome import Failed, Ok, Verdict
from shotclock.tools.call import Evidence

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}


def spec(tool: str, description: str, /, **parameters: dict[str, Any]) -> ToolSpec:
    required = [name for name, schema in parameters.items() if "default" not in schema]
    schema = {"type": "object", "properties": parameters, "required": required}
    return ToolSpec(name=tool, description=description, parameters=schema)


def optional(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "default": None, **more}


CALCULATE = spec(
    "calculate",
    "Evaluate arithmetic: + - * / powers, percentages (17.5% of 2,480), functions sqrt, log.",
    expression=TEXT | {"format": "expression"},
)
CONVERT = spec(
    "convert_units",
    "Convert a quantity from one unit to another.",
    value=NUMBER,
    from_unit=TEXT | {"format": "unit"},
    to_unit=TEXT | {"format": "unit"},
)
TIME = spec(
    "world_time", "Current local time and date in a city, country or time zone.", place=TEXT | {"format": "place"}
)
SEARCH = spec(
    "search_documents",
    "Search the folder of documents (text, Markdown, HTML, PDF). Titles: Employee handbook, Travel policy.",
    query=TEXT | {"format": "query"},
)
_COLUMNS = TEXT | {"enum": ["order_id", "region", "amount", "status"]}
TABLE = spec(
    "describe_table",
    "Count rows or describe a column of sales.csv (orders). Columns: order_id, region (text), amount (number), status.",
    statistic=TEXT | {"enum": ["count", "sum", "mean", "median", "minimum", "maximum"]},
    column=optional(_COLUMNS),
    where_column=optional(_COLUMNS),
    where_value=optional(TEXT, **{"x-values": {"region": ["North", "South", "East"], "status": ["open", "shipped"]}}),
)
QUERY = spec("query_table", "Run a read-only SQL query on sales.csv (orders).", sql=TEXT | {"format": "sql"})
FETCH = spec("fetch_url", "Fetch a web page and return its text.", url=TEXT | {"format": "uri"})
BUILTIN = (CALCULATE, CONVERT, TIME, SEARCH, TABLE, QUERY, FETCH)

WEATHER = spec("weather", "Current weather in a city.", city=TEXT)
STOCK = spec("stock_price", "Latest price of a stock.", ticker=TEXT | {"examples": ["AAPL"]})
BOOK = spec(
    "book_room",
    "Book a meeting room for a day.",
    room=TEXT | {"enum": ["blue", "green", "red"]},
    date=TEXT | {"format": "date"},
)
TRANSLATE = spec(
    "translate",
    "Translate text into another language.",
    text=TEXT,
    language=TEXT | {"enum": ["French", "German", "Spanish"]},
)
DEFINE = spec("define", "Define a word.", word=TEXT)
MONEY = spec(
    "convert_currency", "Convert money between currencies.", amount=NUMBER, from_currency=TEXT, to_currency=TEXT
)
DISTANCE = spec("distance", "Distance between two cities.", from_city=TEXT, to_city=TEXT)
DELETE = spec("delete_page", "Delete a web page.", url=TEXT | {"format": "uri"})
EMPLOYEE = spec("lookup_employee", "Look up an employee by name.", name=TEXT)
ORDERS = spec("list_orders", "List the latest orders.", limit={"type": "integer", "default": 10})
EVERY = (*BUILTIN, WEATHER, STOCK, BOOK, TRANSLATE, DEFINE, MONEY, DISTANCE, DELETE, EMPLOYEE)


async def turn(
    query: str,
    tools: Sequence[ToolSpec] = EVERY,
    *,
    evidence: Sequence[Evidence] = (),
    messages: Sequence[Message] = (),
    **more: Any,
) -> list[ModelEvent]:
    request = ModelRequest(query=query, tools=tuple(tools), evidence=tuple(evidence), messages=tuple(messages), **more)
    return [event async for event in Rules(today=lambda: date(2025, 1, 1)).stream(request)]


async def calls(query: str, tools: Sequence[ToolSpec] = EVERY, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    events = await turn(query, tools, **more)
    return [(e.call.tool, dict(e.call.arguments)) for e in events if isinstance(e, CallReady)]


def said(events: Sequence[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def found(tool: str, arguments: dict[str, Any], content: str, identity: str = "rules_1") -> Evidence:
    verdict = Verdict.passed("schema", "fine")
    return Evidence(id=identity, tool=tool, arguments=arguments, outcome=Ok(content), content=content, verdict=verdict)


def broken(tool: str, arguments: dict[str, Any], message: str = "no such thing") -> Evidence:
    outcome = Failed("ToolError", message)
    return Evidence(
        id="rules_1", tool=tool, arguments=arguments, outcome=outcome, verdict=Verdict.failed("outcome", message)
    )


def units(value: float, source: str, target: str) -> tuple[str, dict[str, Any]]:
    return "convert_units", {"value": value, "from_unit": source, "to_unit": target}


def where(value: str, column: str = "region") -> dict[str, str]:
    return {"where_column": column, "where_value": value}


def test_it_is_a_model_that_costs_nothing() -> None:
    """`Rules` has the protocol of a model, is known to be free and to answer within milliseconds."""
    model = Rules()
    assert isinstance(model, Model)
    assert (model.name, model.provider) == ("rules", "shotclock")
    assert model.price is not None
    assert model.price.of(1_000_000, 1_000_000) == 0
    assert model.pace.seconds(1_000) == 0.005


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("What is 17.5% of 2,480?", [("calculate", {"expression": "17.5% of 2480"})]),
        ("12 times 12", [("calculate", {"expression": "12 * 12"})]),
        ("Convert 26.2 miles to kilometres", [units(26.2, "miles", "kilometres")]),
        ("How many km is 26.2 miles?", [units(26.2, "miles", "km")]),
        ("100 F in celsius", [units(100, "fahrenheit", "celsius")]),
        ("Convert 5 miles to km and 3 kg to pounds", [units(5, "miles", "km"), units(3, "kg", "pounds")]),
        (
            "What is 12*37 and what time is it in Lima?",
            [("calculate", {"expression": "12*37"}), ("world_time", {"place": "Lima"})],
        ),
        ("What time is it in Lima? And in Tokyo?", [("world_time", {"place": p}) for p in ("Lima", "Tokyo")]),
        (
            "What does the handbook say about parental leave?",
            [("search_documents", {"query": "What does the handbook say about parental leave"})],
        ),
        ("How many orders are there?", [("describe_table", {"statistic": "count"})]),
        (
            "How many orders are there in the north and what is their average amount?",
            [
                ("describe_table", {"statistic": "count"} | where("North")),
                ("describe_table", {"statistic": "mean", "column": "amount"} | where("North")),
            ],
        ),
        (
            "What are the highest and lowest amount in the south?",
            [
                ("describe_table", {"statistic": "maximum", "column": "amount"} | where("South")),
                ("describe_table", {"statistic": "minimum", "column": "amount"} | where("South")),
            ],
        ),
        (
            "average amount where status is open",
            [("describe_table", {"statistic": "mean", "column": "amount"} | where("open", "status"))],
        ),
        (
            "Compare the average amount in North and South",
            [("describe_table", {"statistic": "mean", "column": "amount"} | where(r)) for r in ("North", "South")],
        ),
        (
            "total amount per region",
            [
                ("describe_table", {"statistic": "sum", "column": "amount"} | where(region))
                for region in ("North", "South", "East")
            ],
        ),
        (
            "select count(*) from sales where amount > 3",
            [("query_table", {"sql": "select count(*) from sales where amount > 3"})],
        ),
        ("What does https://example.com/x say about dogs?", [("fetch_url", {"url": "https://example.com/x"})]),
    ],
)
async def test_builtin_kinds_of_tools_are_called(query: str, expected: list[tuple[str, dict[str, Any]]]) -> None:
    """Every part of a question leads to the call whose schema it fills, all of them in one turn."""
    assert await calls(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Is it raining in Oslo?", [("weather", {"city": "Oslo"})]),
        ("weather oslo", [("weather", {"city": "oslo"})]),
        ("What's the weather in Oslo, Lima and Tokyo?", [("weather", {"city": c}) for c in ("Oslo", "Lima", "Tokyo")]),
        ("I'm going to Oslo. Will it rain there?", [("weather", {"city": "Oslo"})]),
        ("What is the price of TSLA and MSFT?", [("stock_price", {"ticker": t}) for t in ("TSLA", "MSFT")]),
        ("Book the blue room for 2025-03-04", [("book_room", {"room": "blue", "date": "2025-03-04"})]),
        ("Please book the red room for tomorrow.", [("book_room", {"room": "red", "date": "2025-01-02"})]),
        ('Translate "what time is it in Lima?" into French',
         [("translate", {"text": "what time is it in Lima?", "language": "French"})]),
        ("define serendipity", [("define", {"word": "serendipity"})]),
        ("Convert 100 USD to EUR",
         [("convert_currency", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})]),
        ("How far is it from Oslo to Lima?", [("distance", {"from_city": "Oslo", "to_city": "Lima"})]),
        ("Look up employee Ada Lovelace", [("lookup_employee", {"name": "Ada Lovelace"})]),
        ("Delete https://example.com/x", [("delete_page", {"url": "https://example.com/x"})]),
    ],
)  # fmt: skip
async def test_a_tool_that_a_user_adds_works_the_same_way(query: str, expected: list[tuple[str, Any]]) -> None:
    """A tool unknown to the project is called by its name, description and schema alone."""
    assert await calls(query) == expected


@pytest.mark.parametrize("query", ["blorp fizzle wug?", "asdf qwer", "", "?!", "hello", "42"])
async def test_nonsense_calls_nothing_and_says_so(query: str) -> None:
    """What no tool fits gets no call but an honest sentence that names what the tools can do."""
    events = await turn(query)
    assert not [event for event in events if isinstance(event, CallReady)]
    assert "cannot answer" in said(events)
    assert "calculate (evaluate arithmetic)" in said(events)
    assert events[-1] == Finish(reason="stop", unanswered=True)


@pytest.mark.parametrize(
    "query",
    [
        "What is the best time to visit Lima?",  # the clock knows one word of three
        "How many orders are not in the north?",  # a negation
        "How many orders over 100 are there?",  # a condition on a number
        "How many shipped orders are in the north?",  # two conditions
        "How many regions are there?",  # counts different values
        "Which room did Anna book on 2025-03-04?",  # a question is no booking
        "Is the office open 24/7?",  # no division
        "What is the average age of employees?",  # a figure the table has not
    ],
)
async def test_it_never_guesses(query: str) -> None:
    """A tool that would ignore a part of the question, or change something unasked, is not called."""
    assert {tool for tool, _ in await calls(query)} <= {"search_documents"}


async def test_a_deed_that_no_tool_does_is_not_replaced() -> None:
    """A command to change something calls no tool that only reads; a noun that is also a verb commands nothing."""
    assert await calls("Delete all orders in the north", BUILTIN) == []
    assert await calls("Cancel the travel policy", BUILTIN) == []
    assert [tool for tool, _ in await calls("Order amount total in the north", BUILTIN)] == ["describe_table"]


async def test_a_number_alone_calls_nothing() -> None:
    """A number in the question is no reason to call a tool that takes one."""
    double = spec("double_amount", "Double an amount of paint.", amount=NUMBER)
    assert await calls("The 3 bears walked 5 times round the house", [double]) == []
    assert await calls("Double the paint amount of 3", [double]) == [("double_amount", {"amount": 3})]


async def test_an_optional_number_needs_its_name_beside_it() -> None:
    """An optional parameter is filled only from a span that the question ties to it."""
    assert await calls("List the latest orders", [ORDERS]) == [("list_orders", {})]
    assert await calls("List the latest orders with limit 5", [ORDERS]) == [("list_orders", {"limit": 5})]


async def test_a_missing_parameter_is_named() -> None:
    """A tool that fits but for one parameter is not called, and the answer says what is missing."""
    events = await turn("What time is it?")
    assert "world_time needs the place" in said(events)
    assert events[-1] == Finish(reason="stop", unanswered=True)


async def test_a_condition_by_the_examples_finds_its_column_in_the_description() -> None:
    """Without `x-values`, an example value belongs to the column that the description names before it."""
    table = spec(
        "describe_table",
        "Count rows of sales (orders). Columns: region (North, South), status (open, shipped), amount.",
        statistic=TEXT | {"enum": ["count", "mean"]},
        where_column=optional(TEXT | {"enum": ["region", "status", "amount"]}),
        where_value=optional(TEXT, examples=["North", "South", "open", "shipped"]),
    )
    assert await calls("How many shipped orders are there?", [table]) == [
        ("describe_table", {"statistic": "count"} | where("shipped", "status"))
    ]


async def test_names_of_columns_match_in_any_spelling() -> None:
    """`snake_case` and `CamelCase` names are matched by their words, in plural or singular."""
    sensor = spec(
        "measure", "Figures of a sensor.", field=TEXT | {"enum": ["waterTemperature", "air_pressure", "depth"]}
    )
    assert await calls("Show the sensor figures of air pressures", [sensor]) == [("measure", {"field": "air_pressure"})]
    assert await calls("sensor water temperature", [sensor]) == [("measure", {"field": "waterTemperature"})]


async def test_a_reference_in_the_schema_is_followed() -> None:
    """An enum behind `$ref`, as pydantic writes it, is read like one in place."""
    schema = {
        "type": "object",
        "properties": {"size": {"$ref": "#/$defs/Size"}},
        "required": ["size"],
        "$defs": {"Size": {"enum": ["small", "large"], "type": "string"}},
    }
    pizza = ToolSpec(name="pizza_price", description="Price of a pizza.", parameters=schema)
    assert await calls("What does a large pizza cost?", [pizza]) == [("pizza_price", {"size": "large"})]


async def test_a_search_that_points_back_takes_its_subject_along() -> None:
    """A clause with `it` is searched with the words of the clause before it."""
    queries = [arguments["query"] for _, arguments in await calls("Who wrote the handbook and when was it updated?")]
    assert queries[0] == "Who wrote the handbook"
    assert "updated" in queries[1]
    assert "handbook" in queries[1]


async def test_a_call_is_not_made_twice() -> None:
    """A call whose result is at hand is not repeated, though that shows validated arguments; the answer follows."""
    arguments = {"statistic": "count", "column": None, "where_column": "region", "where_value": "North"}
    events = await turn("How many orders are in the north?", evidence=[found("describe_table", arguments, "24")])
    assert "24" in said(events)
    assert events[-1] == Finish(reason="stop", unanswered=False)


async def test_the_same_question_twice_is_one_call() -> None:
    """Two clauses that ask the same lead to one call."""
    assert await calls("What is 3*4? What is 3*4?") == [("calculate", {"expression": "3*4"})]


async def test_only_what_is_new_is_called() -> None:
    """A turn after the first asks only for what was not asked for yet."""
    evidence = [found("calculate", {"expression": "12*37"}, "444")]
    assert await calls("What is 12*37 and what time is it in Lima?", evidence=evidence) == [
        ("world_time", {"place": "Lima"})
    ]


async def test_a_call_in_the_messages_counts_as_made_in_this_run_only() -> None:
    """A call behind the last user message is not repeated; one of an earlier question is made again."""
    asked = CallMessage(id="a", tool="calculate", arguments={"expression": "3*4"})
    user = Message(role="user", content="What is 3*4?")
    assistant = Message(role="assistant", content="", calls=[asked])
    assert await calls("What is 3*4?", messages=[user, assistant]) == []
    assert await calls("What is 3*4?", messages=[user, assistant, user]) == [("calculate", {"expression": "3*4"})]


async def test_a_failed_call_is_not_repeated_and_the_answer_says_so() -> None:
    """What failed is not asked for again; the answer names it and is not an answer."""
    events = await turn(
        "What is 1/0 + 2?", evidence=[broken("calculate", {"expression": "1/0 + 2"}, "divided by zero")]
    )
    assert "could not finish calculate (divided by zero)" in said(events)
    assert events[-1] == Finish(reason="stop", unanswered=True)


async def test_a_second_search_stands_in_for_one_that_failed() -> None:
    """Where a search gave nothing usable, the next search that fits is tried."""
    wiki = spec("search_wiki", "Search an encyclopedia.", query=TEXT)
    question = "Who painted the handbook cover?"
    first = await calls(question, [SEARCH, wiki])
    assert [tool for tool, _ in first] == ["search_documents"]
    second = await calls(question, [SEARCH, wiki], evidence=[broken(*first[0])])
    assert [tool for tool, _ in second] == ["search_wiki"]


async def test_a_part_without_a_tool_is_named_in_the_answer() -> None:
    """Where one part of a question has no tool, the answer to the other says so."""
    evidence = [found("calculate", {"expression": "3*4"}, "12")]
    events = await turn("What is 3*4? Is it raining in Oslo?", [CALCULATE], evidence=evidence)
    assert said(events) == "3*4 = 12. I could not answer this part: “Is it raining in Oslo”."


async def test_without_tools_it_only_composes() -> None:
    """With the purpose `answer`, or without tools, no call is asked for."""
    evidence = [found("calculate", {"expression": "3*4"}, "12")]
    for more in ({"purpose": "answer"}, {"tools": ()}):
        events = await turn("What is 3*4 and 5*6?", evidence=evidence, **more)
        assert said(events) == "3*4 = 12."
        assert events[-2:] == [Usage(input_tokens=0, output_tokens=0), Finish(reason="stop", unanswered=False)]


async def test_identities_of_calls_are_new_in_the_run() -> None:
    """A call's id is none that the run has used, whoever used it."""
    evidence = [found("calculate", {"expression": "1+1"}, "2", identity="rules_1")]
    events = await turn("What is 3*4 and what time is it in Lima?", evidence=evidence)
    assert [e.call.id for e in events if isinstance(e, CallReady)] == ["rules_2", "rules_3"]
    assert events[-1] == Finish(reason="tool_calls")


async def test_a_long_text_is_read_for_its_question() -> None:
    """In 2,000 words the question is found wherever it stands, and the prose around it calls nothing."""
    prose = "The committee met on several occasions to discuss how the rules affect 25 members of staff. " * 130
    expected = [("calculate", {"expression": "12*37"})]
    assert await calls(f"{prose} What is 12*37?") == expected
    assert await calls(f"What is 12*37? {prose}") == expected


def test_a_turn_takes_milliseconds() -> None:
    """A turn over sixteen tools takes under 10 ms by the median, for short questions and for 2,000 words."""
    prose = "The committee met on several occasions to discuss how the rules affect 25 members of staff. " * 130
    query = "How many orders are there in the north and what is their average amount?"
    model = Rules()

    async def timed(text: str) -> float:
        start = process_time()
        async for _ in model.stream(ModelRequest(query=text, messages=(), tools=EVERY)):
            pass
        return process_time() - start

    for text in (query, f"{prose} {query}"):
        asyncio.run(timed(text))
        # The limit is doubled: on a core that is shared, the same work takes twice the processor time.
        assert median(asyncio.run(timed(text)) for _ in range(9)) < 0.020


@pytest.mark.parametrize("text", ["x" * 1_000_000, "and what " * 2_000, "Oslo, " * 3_000, "1 " * 8_000, "((1+" * 4_000])
async def test_no_query_makes_it_slow(text: str) -> None:
    """Hostile queries are cut before they cost: well under half a second each."""
    start = process_time()
    await turn(text)
    assert process_time() - start < 0.5


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"type": "object"},
        {"properties": {"x": True}},
        {"properties": {"x": {"$ref": "#/nowhere"}}, "required": ["x"]},
        {"properties": {"x": {"type": "object"}}, "required": ["x"]},
        {"properties": {"x": {"enum": []}}, "required": ["x"]},
    ],
)
async def test_odd_schemas_do_no_harm(parameters: dict[str, Any]) -> None:
    """A schema that says little, or that cannot be filled, raises nothing."""
    tool = ToolSpec(name="odd", description="", parameters=parameters)
    assert (await turn("What is odd in Lima about 3 x?", [tool]))[-1].__class__ is Finish


SALES = "region,net price,active,qty\nNorth,100.5,yes,1\nSouth,20,no,2\nEast,,yes,3\nWest,50,no,4\nNorth,5,yes,5\n"


@pytest.fixture(scope="module")
def seller(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    path: Path = tmp_path_factory.mktemp("sales") / "sales.csv"
    path.write_text(SALES, encoding="utf-8")
    return Agent("rules", builtin_tools([path]))


@pytest.mark.parametrize(
    "question",
    [
        "How many rows are there without a region?",
        "How many rows are not active?",
        "How many rows have no net price?",
        "How many active rows are there?",
        "Which row has the largest qty?",
        "Show the row with the largest qty",
        "What is 1,5 + 2?",
        "What is 2 + 1,5?",
        "What is 3 plus 4 times 2 all squared?",
        "Convert 5 feet 10 inches to cm",
        "What time will it be in Tokyo in 3 hours?",
        "What time will it be in Tokyo in an hour?",
        "What time was it in Tokyo yesterday?",
    ],
)
def test_what_no_parameter_can_say_is_refused(seller: Agent, question: str) -> None:
    """A negation, a leftover number, operator or time, and "which row" are refused, not answered without them."""
    result = seller.run_sync(question, budget=Budget(latency=10))
    assert not result.verified, result.answer
    assert result.evidence == () or not any(item.usable for item in result.evidence)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("How many rows are active?", "where active is yes: 3"),
        ("How many rows have a net price?", "with a value in net price: 4"),
        ("What is the largest qty?", "5"),
        ("What time is it in Tokyo?", "Tokyo"),
        ("What is 3 plus 4 times 2?", "11"),
        ("Convert 5 feet to cm", "152.4"),
    ],
)
def test_what_the_parameters_can_say_is_still_answered(seller: Agent, question: str, says: str) -> None:
    """The same questions without what cannot be said are answered."""
    result = seller.run_sync(question, budget=Budget(latency=10))
    assert result.verified, result.verdict.reason
    assert says in result.answer
