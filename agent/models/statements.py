"""A tool's short result as a sentence for people, made of nothing but the result, the arguments and the question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...tools.call import Evidence

SHORT = 300
"""Characters up to which a result is stated whole."""

MAX_ROWS = 5
"""Rows of a list that are stated; behind them stands `…`."""

_SENTENCE_KEYS = ("summary", "answer", "text", "sentence", "message", "description")
_READ = 200_000
_DEEPEST = 50
_CUT = re.compile(r"\n\[cut: [^\n]*\]\s*$")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_OPERATOR = re.compile(r"\d\s*[-+*/^×÷%]|[-+*/^×÷]\s*\d|\w\(")
_ENDS = (".", "!", "?", "…", ".)", '."', ".”")


def parsed(content: str) -> Any:
    """The result as JSON with its numbers as written, or the text itself where it is none."""
    text = _CUT.sub("", content[:_READ]).strip()
    if not text.startswith(("{", "[", '"')):
        return text
    try:
        value = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return text
    return value if _is_shallow(value) else text


def _is_shallow(value: Any) -> bool:
    """Whether a result nests at most `_DEEPEST` levels, so that it can be told at all."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def is_empty(value: Any) -> bool:
    """Whether a result says nothing."""
    return value in (None, "", "null", "None") or (isinstance(value, (dict, list)) and not list(_leaves(value)))


def own_sentence(value: Any) -> str:
    """The sentence a result brings of itself (`summary`, `answer`, `text`, …); empty where it has none."""
    if not isinstance(value, Mapping):
        return ""
    found = next((value[key] for key in _SENTENCE_KEYS if isinstance(value.get(key), str) and value[key].strip()), "")
    return " ".join(found.split())


def statement(evidence: Evidence, value: Any, query: str) -> str:
    """A result in one sentence: its own, else what was asked for and what came back."""
    own = own_sentence(value)
    if own:
        return closed(_as_written(own, query))
    shown = _shown(value)
    if isinstance(value, str) and _is_sentence(shown):
        return closed(shown)
    asked = _asked(evidence)
    sign = (
        " = "
        if _is_arithmetic(asked) and len(evidence.arguments) == 1 and _NUMBER.fullmatch(shown.lstrip("-"))
        else ": "
    )
    label = asked if sign == " = " else _labelled(evidence.tool, asked)
    return closed(f"{_as_written(label, query)}{sign}{shown}")


def rows(value: Any) -> list[str]:
    """A large structured result as lines, one for each record, so that the fitting ones can be chosen."""
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, Mapping):
        lists = [item for item in value.values() if isinstance(item, list) and len(item) > 1]
        if lists:
            return [_shown(item) for item in max(lists, key=len)]
        return [f"{_words(key)}: {_shown(item)}" for key, item in value.items() if not is_empty(item)]
    return str(value).splitlines()


def closed(text: str) -> str:
    """A text with a full stop, where it has no end of its own."""
    text = text.strip()
    return text if text.endswith(_ENDS) else f"{text.rstrip(',;:')}."


def label_of(evidence: Evidence) -> str:
    """A call as people know it: `weather (Oslo)`."""
    asked = _asked(evidence)
    return f"{evidence.tool} ({asked})" if asked and len(asked) <= 60 else evidence.tool


def _asked(evidence: Evidence) -> str:
    """The arguments as words; the one argument alone, several with their names."""
    given = {name: value for name, value in evidence.arguments.items() if not is_empty(value)}
    if len(given) == 1:
        return _shown(next(iter(given.values())))
    return ", ".join(f"{_words(name)} {_shown(value)}" for name, value in given.items())


def _labelled(tool: str, asked: str) -> str:
    name = _words(tool)
    name = name[:1].upper() + name[1:]
    return f"{name} ({asked})" if asked else name


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return _record(value)
    if isinstance(value, list):
        items = [_shown(item) for item in value[:MAX_ROWS]]
        nested = any(isinstance(item, (Mapping, list)) for item in value)
        return ("; " if nested else ", ").join([*items, *(["…"] if len(value) > MAX_ROWS else [])])
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())


def _record(value: Mapping[str, Any]) -> str:
    """A record as `key value` pairs; a value with its unit stands as a quantity."""
    pairs = {str(key): item for key, item in value.items() if not is_empty(item)}
    if "value" in pairs and "unit" in pairs:
        quantity = f"{_shown(pairs.pop('value'))} {_shown(pairs.pop('unit'))}"
        return ", ".join([quantity, *_pairs(pairs)])
    if list(pairs) == ["value"]:
        return _shown(pairs["value"])
    return ", ".join(_pairs(pairs))


def _pairs(pairs: Mapping[str, Any]) -> Iterator[str]:
    for key, item in pairs.items():
        yield f"{_words(key)} ({_shown(item)})" if isinstance(item, Mapping) else f"{_words(key)} {_shown(item)}"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value[:1000]:
            yield from _leaves(item)
    elif value not in (None, ""):
        yield value


def _words(name: str) -> str:
    return re.sub(r"[_\s]+", " ", str(name)).strip()


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= 3 and text[:1].isupper() and text.endswith((".", "!", "?"))


def _is_arithmetic(text: str) -> bool:
    return _OPERATOR.search(text) is not None and any(letter.isdigit() for letter in text)


def _as_written(text: str, query: str) -> str:
    """A text with the thousands of its numbers set apart where the question sets them apart."""
    grouped = {match[0].replace(",", ""): match[0] for match in _GROUPED.finditer(query[:16_000])}
    return _NUMBER.sub(lambda match: grouped.get(match[0], match[0]), text) if grouped and "," not in text else text
