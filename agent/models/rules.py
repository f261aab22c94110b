"""The embedded model: chooses tools by what their schemas say, and answers with what they returned. Offline and free.

`Rules` has no code for any tool. It reads a question for typed spans (arithmetic, quantities, places, dates, addresses,
quoted text, …), reads each tool's name, description and JSON Schema, and asks for the calls whose parameters it can
fill
and whose words the question shares. It asks for independent calls in one turn, and never for one it has asked for
before.

For authors of tools, what the schema of a parameter may say, in the order of its weight:

| in the schema                              | is filled with                                                      |
|--------------------------------------------|---------------------------------------------------------------------|
| `enum`                                     | the value whose words, or an English synonym, the question has      |
| `format`: `expression`                     | arithmetic, in the usual symbols: `17.5% of 2480`, `sqrt(144)`      |
| `format`: `unit`, `quantity`               | a unit (`miles`), a number with its unit (`26.2 miles`)             |
| `format`: `place`, `time-zone`             | a city, country or zone                                             |
| `format`: `uri`, `email`, `path`, `sql`    | what looks like one                                                 |
| `format`: `date`                           | a date as `2025-03-04`; `tomorrow` and `on Friday` are understood   |
| `format`: `identifier`                     | a code such as `AAPL` or `ORD-123`, shaped like the `examples`      |
| `format`: `query`                          | the clause itself: a search                                         |
| `format`: `currency`, `language`           | `EUR`; `French`, or `fr` where the `examples` have two letters      |
| type `number`, `integer`, `boolean`        | a number; whether the parameter's name is mentioned                 |
| no format, but a telling name              | as above: `city`, `url`, `ticker`, `text`, `from_currency`, …       |

`from_…` and `to_…` tell two parameters of one kind apart. `where_column` (an enum) and `where_value` make a condition;
`x-values` in the schema of either maps each column to its known values, so that "in the north" means `region`. A
required
parameter that cannot be filled means that the tool is not called; an optional one is filled only from what fits well.
A tool whose description opens with a verb that changes something (`Send`, `Book`, `Delete`) is called only on a
command that opens with that verb.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from itertools import count

from ...policies.asked import speaks_of
from ...tools.call import Call
from .base import CallReady, Finish, ModelEvent, ModelRequest, Pace, Price, TextDelta, Usage
from .compose import DEFAULT_LIMIT, compose
from .planning import Plan, Planner

_CHARACTERS_PER_TOKEN = 4
_MAX_OFFERS = 6


class Rules:
    """A model of rules, embedded and offline; it implements the `Model` protocol.

    Args:
        today: gives the date that `tomorrow` counts from. Default: the system's date.

    It costs nothing, reads at most 16,000 characters of a question and raises nothing for what a question says.
    """

    name = "rules"
    provider = "shotclock"

    def __init__(self, *, today: Callable[[], date] = date.today) -> None:
        self.price: Price | None = Price(input_per_million=0.0, output_per_million=0.0)
        self.pace = Pace(start=0.005, per_token=0.0)
        self._planner = Planner(today=today)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """One turn: the calls that are still to be made, or the answer from the evidence."""
        plan = self._planner.plan(request) if request.tools and request.purpose == "reason" else Plan()
        if plan.calls:
            for event in _calls(request, plan):
                yield event
            yield Usage(input_tokens=0, output_tokens=0)
            yield Finish(reason="tool_calls")
            return
        text, unanswered = _answer(request, plan)
        yield TextDelta(text)
        yield Usage(input_tokens=0, output_tokens=0)
        yield Finish(reason="stop", unanswered=unanswered)

    def finds(self, request: ModelRequest) -> bool:
        """Whether there is a call that it would make for this question; a few milliseconds."""
        return bool(self._planner.plan(request).calls)


def _calls(request: ModelRequest, plan: Plan) -> list[CallReady]:
    used = {evidence.id for evidence in request.evidence}
    used |= {call["id"] for message in request.messages for call in message.get("calls", ())}
    fresh = (name for n in count(1) if (name := f"rules_{n}") not in used)
    return [
        CallReady(Call(id=identity, tool=tool, arguments=arguments))
        for (tool, arguments), identity in zip(plan.calls, fresh, strict=False)
    ]


def _answer(request: ModelRequest, plan: Plan) -> tuple[str, bool]:
    if not request.evidence and request.tools:
        return _cannot(request, plan), True
    limit = DEFAULT_LIMIT
    if request.max_tokens is not None:
        limit = max(1, min(limit, request.max_tokens * _CHARACTERS_PER_TOKEN))
    composed = compose(request.query, request.evidence, limit=limit)
    left = [] if composed.unanswered else [_part(clause, plan) for clause in _open(request, plan, composed.text)]
    text = " ".join([composed.text, *left])
    return (text if len(text) <= limit else composed.text), composed.unanswered


def _open(request: ModelRequest, plan: Plan, text: str) -> Sequence[str]:
    """The parts that no call serves; where something was found without one, as an attached file is, those of which the
    answer does not speak either."""
    if all(item.attempts for item in request.evidence if item.usable):
        return plan.unserved
    return [clause for clause in plan.unserved if not speaks_of(clause, text)]


def _cannot(request: ModelRequest, plan: Plan) -> str:
    """What is said when no tool fits: that none does, what is missing where one nearly did, and what the tools can
    do."""
    if plan.missing:
        return f"I cannot answer this as it is asked: {', '.join(plan.missing[:_MAX_OFFERS])}."
    offers = [f"{tool} ({_lowered(says)})" if says else tool for tool, says in plan.offers[:_MAX_OFFERS]]
    more = ", …" if len(plan.offers) > _MAX_OFFERS else ""
    return f"I cannot answer this with the tools I have: {', '.join(offers)}{more}."


def _part(clause: str, plan: Plan) -> str:
    because = f" ({plan.missing[0]})" if len(plan.missing) == len(plan.unserved) == 1 else ""
    return f"I could not answer this part: “{clause}”{because}."


def _lowered(says: str) -> str:
    """A sentence as part of another: with a small letter at its beginning, unless that is a name in capitals."""
    return says if says[1:2].isupper() else says[:1].lower() + says[1:]
