"""Which calls a question asks for: every clause against every tool."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from .base import ModelRequest, ToolSpec
from .clauses import Clause, Reading, read
from .filling import Filling, Form
from .lexicon import ASKING, PLAIN_EFFECTS
from .profiles import Profile, profile
from .words import LIGHT_WEIGHT, Word, stem

ENOUGH = 0.5
"""Share of a clause's own words that a tool must know, where no span alone justifies the call."""

_ALL = 0.99
_SEARCH_BASE = 0.2
_SEARCH_WEIGHT = 0.75
_STRONG_BONUS = 0.5
_KEPT_FORMS = 64
_MAX_CONTEXT = 120
_MAX_QUERY = 300

Planned = tuple[str, dict[str, Any]]
"""A tool and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do next.

    Attributes:
        calls: tools with their arguments, none of which was asked for before.
        unserved: the texts of clauses that no tool fits.
        missing: why a tool that would fit cannot be called, as a sentence without its full stop.
        offers: every tool with the first sentence of its description.
    """

    calls: tuple[Planned, ...] = ()
    unserved: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    offers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    tool: str
    arguments: tuple[dict[str, Any], ...]
    score: float
    searches: bool


class Planner:
    """Plans the calls of a turn; what it keeps between turns is only what it has read of the tools' schemas."""

    def __init__(self, *, today: Callable[[], date] = date.today) -> None:
        self._today = today
        self._forms: OrderedDict[tuple[str, str, int], tuple[ToolSpec, Form]] = OrderedDict()

    def plan(self, request: ModelRequest) -> Plan:
        """The calls that the question asks for and that were not made yet."""
        reading = read(request.query, today=self._today)
        forms = [self._form(spec) for spec in request.tools]
        made = _Made(request, {form.profile.name: form.profile for form in forms})
        calls: dict[str, Planned] = {}
        unserved: list[str] = []
        missing: dict[str, str] = {}
        for index in reading.requests():
            candidates = self._candidates(forms, reading, index, missing)
            if not candidates:
                unserved.append(reading.clauses[index].text)
            for call in _next_calls(candidates, made):
                calls.setdefault(made.key(*call), call)
        return Plan(
            calls=tuple(calls.values()), unserved=tuple(unserved), missing=tuple(missing.values()),
            offers=tuple((form.profile.name, form.profile.says) for form in forms),
        )  # fmt: skip

    def _form(self, spec: ToolSpec) -> Form:
        key = (spec.name, spec.description, id(spec.parameters))
        kept = self._forms.get(key)
        if kept is None:
            # The spec is kept with the form, so that the identity of its schema stays its own.
            kept = self._forms[key] = (spec, Form(profile(spec)))
            while len(self._forms) > _KEPT_FORMS:
                self._forms.popitem(last=False)
        return kept[1]

    def _candidates(self, forms: list[Form], reading: Reading, index: int, missing: dict[str, str]) -> list[_Candidate]:
        """The tools that fit a clause, best first; `missing` is told of those that fit but for a parameter."""
        clause = reading.clauses[index]
        if clause.lead in PLAIN_EFFECTS - ASKING:  # nothing may stand in for a deed that no tool does
            forms = [form for form in forms if form.profile.effect]
        found: list[_Candidate] = []
        lacking = 0.0
        for form in forms:
            if not (_allowed(form.profile, clause) and form.may_fit(_topic(reading, index))):
                continue
            filling = form.fill(reading, index)
            score = _score(form.profile, filling, reading, index)
            if filling.missing and score > ENOUGH and (filling.refused or _names(form.profile, clause)):
                missing.setdefault(form.profile.name, _lack(form.profile, filling))
                share = _share(form.profile, filling, _topic(reading, index), clause)[0]
                lacking = max(lacking, 1.0 if filling.strong else share)
            elif score > 0 and not filling.missing:
                arguments = _with_context(form.profile, filling, reading, index)
                found.append(_Candidate(form.profile.name, arguments, score, _is_search(form.profile)))
        # A search that knows little of it would only distract from what must be asked back; and where the tool that
        # lacks a parameter knows every word of the clause, so would any search.
        if lacking:
            least = _SEARCH_BASE + _SEARCH_WEIGHT * (ENOUGH if lacking < _ALL else 1.0)
            found = [candidate for candidate in found if candidate.score > least]
        return sorted(found, key=lambda candidate: -candidate.score)


def _lack(tool: Profile, filling: Filling) -> str:
    if filling.refused:
        return f"{tool.name} cannot take the condition in the question"
    return f"{tool.name} needs the {filling.missing.replace('_', ' ')}, which the question does not say"


def _allowed(tool: Profile, clause: Clause) -> bool:
    """A tool that changes something is called only on a command that opens with its verb."""
    return not tool.effect or (clause.shape == "command" and stem(clause.lead) == tool.effect)


def _names(tool: Profile, clause: Clause) -> bool:
    return any(tool.vocabulary.get(word.stem, 0.0) >= 0.9 and word.meaning >= 1 for word in clause.words)


def _score(tool: Profile, filling: Filling, reading: Reading, index: int) -> float:
    """How well a tool fits a clause: 0 is not at all, above `ENOUGH` is well."""
    clause = reading.clauses[index]
    share, known = _share(tool, filling, _topic(reading, index), clause)
    if _is_search(tool):
        return _SEARCH_BASE + _SEARCH_WEIGHT * share if _is_searchable(clause, known) else 0.0
    if filling.refused and not filling.places:
        return 1.0 if known else 0.0
    if filling.strong:
        return ENOUGH + _STRONG_BONUS + 0.5 * share
    if not (known or filling.topical) or share <= ENOUGH:
        return 0.0
    return share + 0.05 * len(filling.places)


def _topic(reading: Reading, index: int) -> tuple[Word, ...]:
    """The words that say what a clause is about; an elliptic one has those of the clause before it."""
    clause = reading.clauses[index]
    if not (clause.elliptic or (clause.joined and clause.shape == "fragment")):
        return clause.words
    earlier = next((reading.clauses[n] for n in range(index - 1, -1, -1) if not reading.clauses[n].elliptic), clause)
    spans = [(span.start, span.end) for span in earlier.spans]
    return clause.words + tuple(w for w in earlier.words if not any(a <= w.start < b for a, b in spans))


def _share(tool: Profile, filling: Filling, topic: tuple[Word, ...], clause: Clause) -> tuple[float, int]:
    """The share of a clause's uncovered words that the tool knows, by weight, and how many it knows.

    A number that no parameter took counts as a word the tool does not know: it is a condition that would be ignored.
    """
    total = known = 0.0
    hits = 0
    for word in topic:
        if any(start <= word.start < end for start, end in filling.places):
            continue
        weight = word.meaning or (1.0 if word.text[0].isdigit() and not _is_search(tool) else 0.0)
        if word.lower == clause.lead:
            weight *= LIGHT_WEIGHT
        affinity = tool.affinity(word.stem) if weight else 0.0
        total += weight
        known += weight * affinity
        hits += affinity >= 0.6 and word.meaning >= 1
    if total <= LIGHT_WEIGHT and not known:  # nothing is left but the verb of the command, or a word that says little
        return (1.0 if filling.topical or filling.strong else 0.0), hits
    return known / total, hits


def _is_search(tool: Profile) -> bool:
    """Whether free text is all that a tool must be given."""
    return [p.role for p in tool.parameters if p.required] == ["query"]


def _is_searchable(clause: Clause, known: int) -> bool:
    """Whether a clause has the shape of an English question with something to look for, or words the tool knows."""
    content = sum(word.meaning >= 1 for word in clause.words)
    if known:
        return True
    small = sum(not word.meaning for word in clause.words)
    return content > 0 and (clause.asks or (clause.shape == "fragment" and small > 0 and content > 1))


def _with_context(tool: Profile, filling: Filling, reading: Reading, index: int) -> tuple[dict[str, Any], ...]:
    """The arguments, with the subject of an earlier clause added to a search that only points at it."""
    query = next((p.name for p in tool.parameters if p.role == "query"), None)
    if query is None:
        return filling.arguments
    clause = reading.clauses[index]
    subject = _subject(reading, index) if clause.pointing or clause.elliptic else ""
    text = " ".join(part for part in (clause.text[:_MAX_QUERY], subject) if part)
    return tuple(arguments | {query: text} if query in arguments else arguments for arguments in filling.arguments)


def _subject(reading: Reading, index: int) -> str:
    for other in range(index - 1, -1, -1):
        content = [word.text for word in reading.clauses[other].words if word.meaning >= 1]
        if content:
            return " ".join(content)[:_MAX_CONTEXT]
    return ""


def _next_calls(candidates: list[_Candidate], made: _Made) -> Iterator[Planned]:
    """The calls of the best tool; those of the next best that fits where the best was tried and gave nothing usable."""
    for candidate in candidates:
        if candidate.score <= ENOUGH and not candidates[0].searches:
            return  # what hardly fits does not stand in for what fits and failed
        fresh = [(candidate.tool, a) for a in candidate.arguments if not made.was(candidate.tool, a)]
        yield from fresh
        if fresh or any(made.gave(candidate.tool, arguments) for arguments in candidate.arguments):
            return


class _Made:
    """The calls that were asked for since the question was put, and what came of them."""

    def __init__(self, request: ModelRequest, profiles: Mapping[str, Profile]) -> None:
        self._profiles = profiles
        usable = {evidence.id: evidence.usable for evidence in request.evidence}
        self._calls = {self.key(e.tool, e.arguments): e.usable for e in request.evidence}
        for identity, tool, arguments in _asked(request):
            key = self.key(tool, arguments)
            self._calls[key] = self._calls.get(key, False) or usable.get(identity, False)

    def was(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether this very call was asked for."""
        return self.key(tool, arguments) in self._calls

    def gave(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether it was asked for and its result is usable."""
        return self._calls.get(self.key(tool, arguments), False)

    def key(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """The same for two calls that ask the same: defaults left out, numbers and letters levelled."""
        known = self._profiles.get(tool)
        defaults = {p.name: p.schema.get("default") for p in known.parameters} if known else {}
        kept = {
            name: _levelled(value)
            for name, value in arguments.items()
            if value is not None and value != defaults.get(name)
        }
        return f"{tool} {json.dumps(kept, sort_keys=True, default=str)}"


def _levelled(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.lower().split())
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e15 else value


def _asked(request: ModelRequest) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The calls in the messages behind the last question; what an earlier run of the thread found is not this run's."""
    last = max((n for n, m in enumerate(request.messages) if m.get("role") == "user"), default=-1)
    for message in request.messages[last + 1 :]:
        for call in message.get("calls", ()):
            yield call["id"], call["tool"], call["arguments"]
