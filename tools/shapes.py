"""What a result looks like, whatever its tool: data, or an error message, nothing, cut off, or not a number."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from ..policies.outcome import Verdict

MAX_TEXT = 200_000
"""Characters of a result's text up to which it is parsed to see whether it was cut off."""

MAX_VALUES = 10_000
"""Values of a result that are looked at for NaN and infinity; the first ones."""

_ERROR_TEXT = re.compile(
    r"\s*(?:[\w.]{0,60}(?:Error|Exception)\b\s*[:(]"
    r"|(?:(?:database|sql|server|network|connection|runtime|syntax|api) )?error\s*[:\-]"
    r"|traceback \(most recent call last\)|fatal:"
    r"|failed to \w+|(?:http(?:/[\d.]+)?\s|status(?: code)?:?\s)?(?:4\d\d|5\d\d)\s(?:bad request|unauthorized"
    r"|payment required|forbidden|not found|method not allowed|request timeout|conflict|gone|too many requests"
    r"|internal server error|not implemented|bad gateway|service unavailable|gateway time-?out)"
    r"|(?:internal server error|bad gateway|service unavailable|gateway time-?out|too many requests|rate limit exceeded"
    r"|access denied|permission denied)\b"
    r"|(?:sorry,? |oops[,!.]? ){0,2}(?:something went wrong|an (?:unexpected |internal )?error (?:has )?occurred)"
    r"|checking your browser before|please enable (?:javascript|cookies)|you have been blocked\b)",
    re.IGNORECASE,
)
_TRACEBACK = "Traceback (most recent call last):"
_LATER_TRACEBACK = f"\n{_TRACEBACK}"
_HTML_ERROR = re.compile(
    r"\s{0,20}<(?:!doctype|html)\b.{0,2000}?<(?:title|h1)[^>]{0,200}>[^<]{0,80}"
    r"(?:\b[45]\d\d\b|not found|forbidden|error|bad gateway|unavailable|denied|unauthori[sz]ed|captcha|just a moment)",
    re.IGNORECASE | re.DOTALL,
)
_STATUS_KEYS = ("status", "status_code", "statusCode", "code")
_FLAGS = ("isError", "is_error")
_WENT = ("success", "ok")
_OF_ERRORS = frozenset(
    {"status", "status_code", "code", "message", "messages", "detail", "details", "reason", "error", "errors", "msg"}
) | {"error_code", "error_message", "type", "title", "timestamp", "time", "path", "request_id", "trace_id", "data"}
"""Keys of an error that say nothing of anything else."""

_MESSAGES = ("error", "errors", "error_message", "exception")
_LISTS = ("results", "result", "items", "data", "rows", "hits", "matches", "records", "documents", "docs", "passages")


def looks_like_error(value: Any) -> str | None:
    """Why a result looks like an error message instead of data; `None` where it does not."""
    if isinstance(value, str):
        return _error_text(value)
    if isinstance(value, Mapping):
        return _error_mapping(value)
    return None


def is_empty(value: Any) -> bool:
    """Whether a result holds nothing: `None`, blank text, an empty collection, or one like `{"results": []}`.

    `0` and `False` are values.
    """
    if isinstance(value, str | bytes):
        return not value.strip() or (
            isinstance(value, str) and len(value) < 80 and _NOTHING.fullmatch(value) is not None
        )
    if value is None:
        return True
    if isinstance(value, Mapping):
        lists = [value[key] for key in _LISTS if key in value]
        others = [key for key in value if key not in _LISTS and key not in _COUNTS]
        empty = bool(lists) and not others and all(map(is_empty, lists))
        return not value or empty or _wraps_nothing(value)
    return isinstance(value, Collection) and len(value) == 0


def _wraps_nothing(value: Mapping[Any, Any]) -> bool:
    """Whether all it holds is an object around a list of nothing, as `{"response": {"docs": [], "numFound": 0}}`."""
    inner = [value[key] for key in value if key in _WRAPPERS]
    others = [key for key in value if key not in _WRAPPERS and key not in _COUNTS]
    return bool(inner) and not others and all(isinstance(each, Mapping) and is_empty(each) for each in inner)


_COUNTS = frozenset(
    {"count", "total", "next", "page", "took", "query", "status", "ok", "success", "has_more", "truncated"}
) | {"numFound", "start", "maxScore", "max_score", "timed_out", "total_count", "totalResults"}
_WRAPPERS = frozenset({"response", "hits", "data", "result", "search", "body"})
_NOTHING = re.compile(
    r"\s*(?:sorry[,.]\s)?(?:no (?:\w+ ){0,2}"
    r"(?:results?|matches|match|records?|rows|entries|documents?|hits|data)"
    r"(?: (?:(?:was|were) )?(?:found|returned|available))?(?: for .{1,40})?|nothing (?:was )?found"
    r"|not found|0 results?)[.!]?\s*",
    re.IGNORECASE,
)


def is_cut_off(text: str) -> bool:
    """Whether a text begins like JSON and does not parse to its end: it was cut on the way.

    Texts over `MAX_TEXT` characters are only asked whether they end with the bracket they begin with.
    """
    text = text.strip()
    if not _JSON_HEAD.match(text):
        return False
    if len(text) > MAX_TEXT:
        return text[-1] != {"{": "}", "[": "]"}[text[0]]
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return not _valid_beginning(text)
    return False


_JSON_HEAD = re.compile(r'\{\s*(?:"|$)|\[\s*(?:[\[{"\d\-]|$)')


def _valid_beginning(text: str) -> bool:
    """Whether a text is prose that merely starts with a bracket, or JSON values one after the other."""
    decoder = json.JSONDecoder()
    try:
        _, end = decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return not _BROKEN_HEAD.match(text)
    return end > 0


_BROKEN_HEAD = re.compile(
    r'\{\s*(?:$|"[^"\n]{0,200}(?:"\s*:|"?\s*$))|\[\s*(?:[\[{]|$|"[^"\n]{0,2000}"?\s*(?:,|$)|-?[\d.]+\s*(?:,|$))'
)


def shape_verdict(tool_name: str, value: Any, content: str) -> Verdict | None:
    """The `fail` of a result that cannot be data whatever the tool: an error message, nothing, cut off, or no number.

    `None` where its shape is that of data.
    """
    error = looks_like_error(value)
    if error is not None:
        return Verdict.failed("error_shape", f"the result of {tool_name} looks like an error message: {error}")
    if is_empty(value):
        return Verdict.failed("empty", f"empty result: {tool_name} found nothing")
    text = value if isinstance(value, str) else ""
    if text and text.lstrip()[:1] not in ("{", "["):
        return None  # prose: nothing more can be wrong with its shape
    if is_cut_off(text):
        return Verdict.failed(
            "cut_off", f"the result of {tool_name} is JSON that was cut off after {len(text)} characters"
        )
    parsed = _parsed(text or ("" if isinstance(value, Mapping | list) else content))
    error = looks_like_error(parsed)
    if error is not None:
        return Verdict.failed("error_shape", f"the result of {tool_name} looks like an error message: {error}")
    if text and parsed is not None and is_empty(parsed):
        return Verdict.failed("empty", f"empty result: {tool_name} found nothing")
    number = next(_not_finite(value if parsed is None else parsed), None)
    if number is not None:
        return Verdict.failed("finite", f"the result of {tool_name} holds {number}, which is no number to answer with")
    return None


def _parsed(text: str) -> Any:
    """The value of a JSON text; `None` where it is none."""
    if len(text) > MAX_TEXT or not _JSON_HEAD.match(text.lstrip()):
        return [] if text.strip() == "[]" else {} if text.strip() == "{}" else None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _error_text(text: str) -> str | None:
    found = _ERROR_TEXT.match(text[:400])
    if found is None and text.lstrip()[:1] == "<":
        found = _HTML_ERROR.match(text[:4000])
    if found is None and not text.startswith(_TRACEBACK) and _LATER_TRACEBACK not in text[:2000]:
        return None
    return short(re.sub(r"<[^>]{0,200}>", " ", text[:2400]))


def _error_mapping(value: Mapping[Any, Any]) -> str | None:
    for flag in _FLAGS:
        if value.get(flag) is True:
            return short(value.get("message") or value.get("content") or flag)
    data = any(value.get(key) not in (None, "", [], {}) for key in _LISTS)
    for key in _MESSAGES:
        if value.get(key) and not data and not _is_measure(value, key):
            return short(value[key])
    if any(value.get(key) is False for key in _WENT) and not data and value.get("message"):
        return short(value["message"])
    for key in _STATUS_KEYS:
        if _is_bad_status(value.get(key), key) and not data and not _is_record(value, key):
            return short(value.get("message") or value.get("detail") or f"{key} {value[key]}")
    return None


def _is_measure(value: Mapping[Any, Any], key: str) -> bool:
    """Whether an error is that of a measurement: a number beside what was measured."""
    given = value[key]
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return number and any(each not in _OF_ERRORS for each in value)


def _is_record(value: Mapping[Any, Any], key: str) -> bool:
    """Whether a status in words is that of the thing that was asked about, such as a job that failed."""
    return not str(value.get(key)).isdecimal() and any(each not in _OF_ERRORS for each in value)


def _is_bad_status(status: Any, key: str) -> bool:
    if isinstance(status, str) and status.isdecimal() and len(status) == 3:
        status = int(status)
    if isinstance(status, int) and not isinstance(status, bool):
        return (400 <= status <= 599 and key != "code") or (
            key == "code" and status in (400, 401, 403, 404, 429, 500, 502, 503)
        )
    return isinstance(status, str) and key == "status" and status.lower() in ("error", "failed", "failure", "fail")


def short(value: Any) -> str:
    """A value on one line of at most 120 characters, for a reason."""
    text = " ".join(str(value)[:400].split())
    return text if len(text) <= 120 else text[:119] + "…"


def _not_finite(value: Any) -> Iterator[float]:
    """The NaN and infinite numbers in a value, to any depth; `MAX_VALUES` values are looked at."""
    waiting = [value]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, float) and not math.isfinite(each):
            yield each
        elif isinstance(each, Mapping):
            waiting.extend(islice(each.values(), MAX_VALUES))
        elif isinstance(each, list | tuple | set | frozenset):
            waiting.extend(list(each)[:MAX_VALUES])
