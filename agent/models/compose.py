"""An answer from evidence without a model: short results stated, texts quoted by their best sentences, failures named.

Everything it states stands word for word in the evidence, the arguments or the question, so that the check of the
answer
against its evidence can hold it to that. It takes milliseconds and never fails for what the evidence says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...policies.outcome import Cancelled, Failed, Skipped, TimedOut
from ...tools.call import Evidence
from .extracts import MAX_READ, Extract, Found, Question, best, opening, subject_stems
from .statements import SHORT, closed, is_empty, label_of, own_sentence, parsed, rows, statement

DEFAULT_LIMIT = 1200
"""Characters an answer has at most, unless the caller says otherwise."""

_MOST_SENTENCES = 3
_MOST_STATEMENTS = 12
_MOST_REPORTS = 4
_URL = re.compile(r"\b(?:https?://|www\.)\S+|\S+\.(?:pdf|md|txt|csv|html?|docx?)\b", re.IGNORECASE)
_CHECKABLE = re.compile(r"\d[\d.,]*|https?://\S+")
_SUMMARY = re.compile(r"\b(?:summar(?:y|ise|ize)|overview|gist)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*?)(\d{1,9})")
_FIRST = re.compile(r"[.!?](?=\s|$)|[;\n]")

EMPTY = "empty"
"""The check that fails for a result that holds nothing."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A composed answer.

    Attributes:
        text: the answer; never empty.
        unanswered: whether nothing in the evidence answers the question, and the text says so.
        used: the ids of the evidence it rests on, in the order in which they are used.
        stated: what of the text states something: what follows it only reports on calls that gave nothing.
    """

    text: str
    unanswered: bool
    used: tuple[str, ...] = ()
    stated: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    used: tuple[str, ...]


def compose(query: str, evidence: Sequence[Evidence], *, limit: int = DEFAULT_LIMIT) -> Composition:
    """Compose an answer to `query` from what was found, in at most `limit` characters.

    Short results are stated, each in a sentence; passages and long texts give the one to three sentences that share
    most with the question, with their source in brackets. Of each call that gave nothing usable one sentence says why.
    Without evidence, or where none of it speaks of the question, the answer is `unanswered` and says that.

    Args:
        query: what was asked.
        evidence: what was found, usable or not, in any order.
        limit: most characters of the text. Default 1,200.
    """
    evidence = _in_order(evidence)
    usable = [item for item in evidence if item.usable]
    lines = _lines(query, usable)[:_MOST_STATEMENTS]
    reports = _reports([item for item in evidence if not item.usable], _answered_by_others(evidence), query)
    if not lines:
        text = " ".join([_nothing(query, evidence), *reports])
        return Composition(_cut(text, limit), unanswered=True)
    room = limit - sum(len(report) + 1 for report in reports)
    kept = _fitting(lines, max(room, limit // 2))
    stated = " ".join(line.text for line in kept)
    used = tuple(dict.fromkeys(i for line in kept for i in line.used))
    return Composition(_cut(" ".join([stated, *reports]), limit), False, used, _cut(stated, limit))


def _in_order(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """The evidence in the order in which it was asked for, where numbered ids tell it; else as given."""
    found = [match for item in evidence if (match := _NUMBERED.fullmatch(item.id))]
    if len(found) < len(evidence) or len({match[1] for match in found}) > 1:
        return evidence
    return sorted(evidence, key=lambda item: int(item.id[len(found[0][1]) :]))


def _answered_by_others(evidence: Sequence[Evidence]) -> set[str]:
    """Calls that failed and later succeeded with the same arguments: nothing of them is missing."""
    done = {(item.tool, str(sorted(item.arguments.items()))) for item in evidence if item.usable}
    return {item.id for item in evidence if (item.tool, str(sorted(item.arguments.items()))) in done}


def _lines(query: str, usable: Sequence[Evidence]) -> list[_Line]:
    texts = [item for item in usable if _is_text(item)]
    most = _MOST_SENTENCES if len(texts) <= 1 else 2
    lines: list[_Line] = []
    quoted: set[str] = set()
    for item in usable:
        found = _quotations(query, item, most, len(texts)) if _is_text(item) else _statements(query, item)
        for line in found:
            if line.text not in quoted:
                quoted.add(line.text)
                lines.append(line)
    return lines


def _is_text(item: Evidence) -> bool:
    """Whether sentences are to be chosen from a result, as it is too long to be stated."""
    if item.passages:
        return True
    return len(item.content) > SHORT and not own_sentence(parsed(item.content))


def _statements(query: str, item: Evidence) -> list[_Line]:
    value = parsed(item.content)
    if is_empty(value):
        return []
    text = statement(item, value, query)
    return [_Line(_cut(text, 2 * SHORT), (item.id,))]


def _quotations(query: str, item: Evidence, most: int, searches: int) -> list[_Line]:
    found = _texts(item)
    focus = _focus(query, item) if searches > 1 else ""
    chosen = best(found, Question(query, focus), most=most, room=MAX_READ // searches)
    if (chosen and _SUMMARY.search(query)) or not (chosen or subject_stems(_URL.sub(" ", query))):
        chosen = opening(found, most=most)
    return _cited(chosen)


def _texts(item: Evidence) -> list[Found]:
    if item.passages:
        return [Found(item.id, passage.source, passage.text) for passage in item.passages]
    value: Any = parsed(item.content)
    source = item.origin if item.origin and item.origin != item.tool else ""
    if isinstance(value, str):
        return [Found(item.id, source, value)]
    return [Found(item.id, source, "\n".join(closed(row) for row in rows(value)))]


def _focus(query: str, item: Evidence) -> str:
    """The argument that is text of the question, where there is one: what this one call was for."""
    words = [str(value) for value in item.arguments.values() if isinstance(value, str)]
    return next((text for text in words if text and text.lower() in query.lower()), "")


def _cited(chosen: Sequence[Extract]) -> list[_Line]:
    """The sentences with their source; those that follow one another from one source are cited once, at the end."""
    lines: list[_Line] = []
    for n, extract in enumerate(chosen):
        last = n + 1 == len(chosen) or chosen[n + 1].source != extract.source
        text = _with_source(extract.text, extract.source) if last and extract.source else closed(extract.text)
        lines.append(_Line(text, (extract.evidence,)))
    return lines


def _with_source(text: str, source: str) -> str:
    text = text.strip()
    mark = text[-1] if text[-1:] in ".!?" else "."
    return f"{text.rstrip('.!?')} ({source}){mark}"


def _fitting(lines: Sequence[_Line], room: int) -> list[_Line]:
    kept: list[_Line] = []
    for line in lines:
        if len(line.text) + 1 <= room:
            kept.append(line)
            room -= len(line.text) + 1
    return kept or [_Line(_cut(lines[0].text, max(1, room)), lines[0].used)]


def _cut(text: str, limit: int) -> str:
    """A text of at most `limit` characters, cut between words."""
    if len(text) <= limit:
        return text
    head = text[: max(0, limit - 2)]
    return f"{head.rsplit(' ', 1)[0]} …" if limit > 8 else text[:limit]


def _nothing(query: str, evidence: Sequence[Evidence]) -> str:
    if not evidence:
        return "I could not answer this: nothing was looked up."
    if not any(item.usable for item in evidence):
        return "I could not answer this."
    tools = ", ".join(dict.fromkeys(item.tool for item in evidence if item.usable))
    return f"I could not answer this: nothing that {tools} returned speaks of it."


def _reports(broken: Sequence[Evidence], done: set[str], query: str) -> list[str]:
    """One sentence for each call that is missing; equal ones once."""
    missing = [item for item in broken if item.id not in done]
    several = len({item.tool for item in missing}) < len(missing)
    sentences = [_report(item, query, named=several) for item in missing]
    return list(dict.fromkeys(sentences))[:_MOST_REPORTS]


def _report(item: Evidence, query: str, *, named: bool) -> str:
    called = label_of(item) if named else item.tool
    if item.outcome.name == "ok" and item.verdict.verifier == EMPTY:
        return f"Nothing was found by {called}."
    return f"I could not finish {called} ({_why(item, query)})."


def _why(item: Evidence, query: str) -> str:
    outcome = item.outcome
    if isinstance(outcome, TimedOut):
        return "timed out"
    if isinstance(outcome, Skipped):
        return "skipped, no time left" if outcome.limit == "deadline" else f"skipped, {outcome.limit.replace('_', ' ')}"
    if isinstance(outcome, Cancelled):
        return "stopped before it ended"
    if isinstance(outcome, Failed):
        return _plain_reason(outcome.message, query) or "it failed"
    return _plain_reason(item.verdict.reason, query) or "its result did not pass its checks"


def _plain_reason(message: str, query: str) -> str:
    """The first sentence of an error where it can be said as it is: short, with no figure that only it knows."""
    end = _FIRST.search(message)
    text = " ".join((message[: end.start()] if end else message).split())
    figures = [found.rstrip(".,") for found in _CHECKABLE.findall(text)]
    plain = 0 < len(text) <= 160 and "(" not in text and all(figure in query for figure in figures)
    return text if plain else ""
