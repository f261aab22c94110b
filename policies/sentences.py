"""Sentences of an answer or a source: where they lie, their stems, what they deny and what they go on from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .lexicon import ABBREVIATIONS, FALL, FOREIGN_WORDS, NEGATIONS, RISE, STOP_WORDS, stem

NEGATION_REACH = 4
"""Content words after a negation that it is taken to deny, within its clause."""

LONGEST = 1_000
"""Characters of the longest piece of prose that is read as one."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sentence of prose, or a line or record of data: its text and its place in the whole."""

    text: str
    start: int
    end: int


_END = re.compile(
    r"[\n.!?…。！？}\]]"  # one set of characters first: the search skips to them
    r"(?:(?<=\n)(?<![,{\[]\n)(?!\s{0,40}[}\]])\n*+|(?<=[.!?…])[\"'”’)\]*_]{0,4}\s++(?=[^a-z\s])|(?<=[。！？])"
    r"|(?<=\})\s*+,?\s*+(?=[{\[])|(?<=\])(?=\s{0,2}\{))"
)
_WORDS = re.compile(r"[^\W\d_]+")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_CLAUSE = re.compile(r"[,;()](?=\D|$)|\s(?:but|and|while|whereas|although)\s")
_NEGATION = re.compile(r"n['’]t\b|\b(?:" + "|".join(sorted(NEGATIONS)) + r")\b(?![\"']\s?:)")
_DENYING = ("no", "n't", "n’t", "never", "without", "neither", "hardly")
_BOUND_HIGH = re.compile(
    r"\b(?:more than|at least|no less than|no fewer than|minimum of|not before)\b|\b(?:over|above)\s[$€£]?\d"
)
_BOUND_LOW = re.compile(
    r"\b(?:no more than|not more than|at most|up to|less than|fewer than|maximum of|no later than)\b|\bunder\s[$€£]?\d"
)
_MORE, _LESS = frozenset({"more", "higher", "larger"}), frozenset({"less", "fewer", "lower", "smaller"})
_COMPARED = re.compile(r"\d\s?(?:%|percent|per\scent)\s(more|higher|larger|less|fewer|lower|smaller)\b")
_CHANGED = (RISE | FALL) - frozenset(
    {"higher", "lower", "below", "exceeds", "exceeded", "loss", "lost", "losing", "loses", "growth", "gain", "gains"}
)
_BOUNDING = frozenset({"than", "least", "most", "minimum", "maximum", "before", "over", "above", "under", "to"})
_BOUND = re.compile(r"\b(?:no|not) (?:more|less|fewer|later|earlier) than\b|\bnot only\b|^\W*no[,.]\s")
_COULD_NOT = (
    r"(?:finish|answer|find|complete|verify|reach|get|determine|look\sup|retrieve|confirm|check|run|say|tell|obtain"
    r"|fetch|do|read)"
)
_REPORT = re.compile(
    rf"""^\W*(?:(?:sorry|unfortunately|however)\W+(?:but\s)?)?(?:
      (?:i|we)\s(?:could\snot|couldn['’]t|cannot|can['’]t|can\snot|(?:was|were|am|are)\sunable\sto|did\snot|didn['’]t)
        \s(?:yet\s)?{_COULD_NOT}\b
    | (?:i|we)\s(?:do\snot|don['’]t)\sknow\b | (?:i|we)\sran\sout\sof\b
    | (?:this|that|the|one|some)\s(?:\w+\s)?parts?\s(?:of\s(?:the|your)\s(?:question|query)\s)?
        (?:could\snot|was\snot|were\snot)
    | (?:the\s)?(?:[\w-]*_[\w-]*|[\w-]*(?:search|look-?up|tool|call|fetch|query|request)[\w-]*)
        \s(?:timed\sout|was\sskipped|was\snot\srun|was\snot\scalled|did\snot\sfinish|failed)\b(?!\s(?:to|in|on|at))
    | (?:no|not\senough)\s(?:answer|result|results|evidence|information|tool)\b.{{0,40}}
        \b(?:found|available|returned|fits?|time|left)\b
    | nothing\s(?:was\s)?found\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_REFERS = re.compile(r"\b(?:it|its|them|they|their|he|his|him|she|her|there)\b", re.IGNORECASE)
_OWN_NAME = re.compile(r"\b[^\W\d_a-z]\w")
_GOES_ON = re.compile(
    r"\W*(?:(?:it|its|they|their|he|his|she|her|both|this|these|that|those|there)\b|(?:the|in|on|at|by|for)\s[^\W\d_A-Z])",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_a-z][^\W\d_]")
_TURN = re.compile(r";|,?\s(?:but|however|yet|so|and the|and it)\b|\.\s")


def split(text: str) -> Iterator[Stretch]:
    """The sentences, lines and JSON records of a text, in order; a full stop of an abbreviation ends none."""
    start = 0
    for match in _END.finditer(text):
        if match[0][0] == "." and _abbreviated(text, match.start()):
            continue
        end = match.start() + len(match[0].rstrip())
        if text[start:end].strip():
            yield Stretch(text[start:end], start, end)
        start = match.end()
    if text[start:].strip():
        yield Stretch(text[start:], start, len(text))


def pieces(stretch: Stretch) -> Iterator[Stretch]:
    """A stretch in pieces of at most `LONGEST` characters."""
    if len(stretch.text) <= LONGEST:
        yield stretch
        return
    for at in range(0, len(stretch.text), LONGEST):
        text = stretch.text[at : at + LONGEST]
        yield Stretch(text, stretch.start + at, stretch.start + at + len(text))


def _abbreviated(text: str, stop: int) -> bool:
    if text[stop - 1 : stop].isdigit() or (stop > _LONG and text[stop - _LONG : stop].isalpha()):
        return False
    before = text[max(0, stop - 12) : stop].split()
    word = before[-1].lstrip("(").lower() if before and not text[stop - 1].isspace() else ""
    return word in ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i")


_LONG = max(map(len, ABBREVIATIONS)) + 1
"""Letters of a word that is longer than every abbreviation."""


def stems(text: str) -> list[str]:
    """The stems of all words in order, without stop words; scripts that write no spaces give pairs of characters."""
    return [stem(word) for word in words(text) if len(word) > 1 and word not in STOP_WORDS]


def words(text: str) -> list[str]:
    """The words in lower case; scripts that write no spaces give pairs of characters."""
    found: list[str] = _WORDS.findall(text.casefold())
    if text.isascii() or _WIDE.search(text) is None:
        return found
    return [piece for word in found for piece in (_pairs(word) if _WIDE.match(word) else (word,))]


def _pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(max(1, len(word) - 1))]


def foreign(text: str) -> bool:
    """Whether a text in Latin letters is in another language than English, as its function words say."""
    found = words(text)
    other = sum(word in FOREIGN_WORDS for word in found)
    return other >= 2 and other > sum(word in STOP_WORDS for word in found)


def is_english(text: str) -> bool:
    """Whether a text has function words of English, and more of them than of other languages."""
    found = words(text)
    return sum(word in STOP_WORDS for word in found) > sum(word in FOREIGN_WORDS for word in found)


def denied(text: str) -> frozenset[str]:
    """The stems that a sentence denies: up to `NEGATION_REACH` of them after each negation, within its clause."""
    return frozenset(stem for each in denials(text) for stem in each)


def denies(lower: str) -> bool:
    """Whether a text in lower case may have a negation; a quick look."""
    return any(hint in lower for hint in _DENYING)


def denials(text: str) -> list[list[str]]:
    """The stems that each negation of a sentence denies, in their order."""
    text = text.lower()
    if not denies(text):
        return []
    text = _BOUND.sub(" ", text)
    found = []
    for match in _NEGATION.finditer(text):
        clause = _CLAUSE.split(text[match.end() : match.end() + 160], maxsplit=1)[0]
        after = stems(clause)[:NEGATION_REACH]
        if not after and match[0] in ("nothing", "none", "nobody"):  # `they pay nothing`
            after = stems(_CLAUSE.split(text[: match.start()])[-1])[-1:]
        found.append(after)
    return found


def direction(text: str) -> int:
    """1 where a sentence speaks of rising or of a least value, -1 of falling or of a highest value, 0 of both or
    neither."""
    lower = text.lower()
    compared = frozenset(_COMPARED.findall(lower))
    if compared:
        return (not compared.isdisjoint(_MORE)) - (not compared.isdisjoint(_LESS))
    said = set(_WORDS.findall(lower.replace("up to", "to")))
    high, low = bool(said & RISE), bool(said & FALL)
    if said.isdisjoint(_BOUNDING):
        return high - low
    low_bound = _BOUND_LOW.search(lower) is not None
    high_bound = _BOUND_HIGH.search(_BOUND_LOW.sub(" ", lower)) is not None
    return (high or high_bound) - (low or low_bound)


def changes(text: str) -> bool:
    """Whether a sentence says in so many words that something rose or fell, and not only that it is above or below."""
    lower = text.lower()
    return not _CHANGED.isdisjoint(_WORDS.findall(lower)) or _COMPARED.search(lower) is not None


def clause_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The clause of a sentence that holds the characters from `start` to `end`, as a place in the sentence."""
    first, last = 0, len(text)
    for match in _CLAUSE.finditer(text):
        if match.end() <= start:
            first = match.end()
        elif match.start() >= end:
            last = match.start()
            break
    return first, last


def goes_on(text: str) -> bool:
    """Whether a sentence goes on with the subject of the one before it."""
    return _GOES_ON.match(text) is not None or _REFERS.search(text) is not None or _NAME.search(text) is None


def refers(text: str) -> bool:
    """Whether a sentence may speak of something that another has named: by a pronoun, or by no name of its own."""
    return _REFERS.search(text) is not None or _OWN_NAME.search(text, 2) is None


def negations(text: str) -> int:
    """How many negations a sentence has."""
    return len(_NEGATION.findall(_BOUND.sub(" ", text.lower())))


def without_report(text: str) -> str | None:
    """What a sentence claims beyond a report on the run itself; `None` where it is no such report.

    `I could not finish search (timed out), but the price is 40 dollars.` leaves ` the price is 40 dollars.`
    """
    match = _REPORT.search(text)
    if match is None:
        return None
    turn = _TURN.search(text, match.end())
    return text[turn.end() :] if turn else ""
