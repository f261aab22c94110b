"""The sentences of found texts that speak most of what is asked, word for word."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest

from ...policies.sentences import split
from .lexicon import RELATED
from .windows import narrowed
from .words import Word, stem_set, word_set, words

MAX_READ = 20_000
"""Characters of all texts of one answer that are read for sentences; of more, the parts with words of the question.
A microsecond each: some 20 ms, which fit into what is kept back before the deadline."""

MAX_SENTENCES = 600
"""Sentences of all texts together that are compared."""

MAX_SENTENCE = 400
"""Characters of a sentence that are quoted; a longer one is left out unless nothing else fits."""

_HEADING = re.compile(r"^\s*(?:#{1,6}\s+|\d+(?:\.\d+)*\.?\s+(?=[A-Z]))")
_BULLET = re.compile(r"^\s*(?:[-*•·–>]\s+|\d+[.)]\s+|#{1,6}\s+)+")
_NUMBER_WEIGHT = 0.7
_ENOUGH = 0.4
_RULE = re.compile(r"[\s|:+=-]{3,}")
_DATA = re.compile(r"[\d:|]")
_POINTING = word_set("it they this these that those he she its their such both")
_ANSWERS = {
    "when": re.compile(
        r"\d{4}|\b(?:january|february|march|april|may|june|july|august|september|october|november|december|monday|"
        r"tuesday|wednesday|thursday|friday|saturday|sunday|daily|weekly|monthly|day|week|month|year)s?\b",
        re.IGNORECASE,
    ),
    "how many": re.compile(
        r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|no|none)\b", re.IGNORECASE
    ),
    "who": re.compile(r"(?<!^)\b[A-Z][a-z]+|\b(?:manager|team|director|staff|employee|officer)s?\b"),
    "where": re.compile(r"\b(?:in|at|near|on)\s+(?:the\s+)?\w"),
    "why": re.compile(r"\b(?:because|since|due to|so that|in order to|reason)\b", re.IGNORECASE),
}
_ASKS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            "how many",
            r"\bhow (?:many|much|long|far|old|often|big|tall|high|large|soon)\b|"
            r"\bwhat (?:percentage|number|amount|age)\b",
        ),
        ("when", r"\b(?:when|what (?:date|day|year|time))\b"),
        ("who", r"\b(?:who|whom|whose)\b"),
        ("where", r"\bwhere\b"),
        ("why", r"\bwhy\b"),
    )
)


@dataclass(frozen=True, slots=True)
class Found:
    """A text to choose from: the id of its evidence, how it is cited, and the text."""

    evidence: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence that was chosen, how well it fits, and how it is cited."""

    evidence: str
    source: str
    text: str
    score: float
    order: int


@dataclass(slots=True)
class _Sentence:
    found: Found
    text: str
    order: int
    stems: frozenset[str]
    heading: frozenset[str]
    points: bool
    score: float = 0.0
    matched: frozenset[str] = field(default_factory=frozenset)
    own: frozenset[str] = field(default_factory=frozenset)


class Question:
    """What is asked: the weight of each stem, and the kind of answer that is wanted."""

    def __init__(self, query: str, focus: str = "") -> None:
        """`focus` is the part of the question one search was for; its words weigh full, the others a third."""
        seen = words(query[:4_000])
        self.weights = {word.stem: word.meaning or _NUMBER_WEIGHT for word in seen if _counts(word)}
        focused = {word.stem for word in words(focus[:2_000]) if word.meaning}
        if focused & self.weights.keys():
            self.weights = {s: w if s in focused else w / 3 for s, w in self.weights.items()}
        self.pairs = frozenset(_pairs(seen))
        self._by_field = {field: s for s in self.weights for field in RELATED.get(s, ())}
        asked = focus or query
        self.wants = next((kind for kind, pattern in _ASKS if pattern.search(asked)), "")

    def related(self, stems: frozenset[str]) -> set[str]:
        """The stems of the question that stems of a text are related to, as `leave` is to `vacation`."""
        if not self._by_field:
            return set()
        fields = {field for s in stems for field in RELATED.get(s, ())}
        return {self._by_field[field] for field in fields & self._by_field.keys()}


def best(found: Sequence[Found], question: Question, *, most: int, room: int = MAX_READ) -> list[Extract]:
    """The sentences that fit a question best, at most `most`, in reading order; none where none shares its meaning.

    Of texts that have more than `room` characters together only parts are read.
    """
    sentences = list(_sentences(_read(found, question, room)))
    rarity = _rarity(sentences, question)
    for sentence in sentences:
        _judge(sentence, question, rarity)
    _lend(sentences)
    chosen = _choose(sentences, rarity, most)
    return [
        Extract(s.found.evidence, s.found.source, s.text, s.score, s.order)
        for s in sorted(chosen, key=lambda s: s.order)
    ]


def _read(found: Sequence[Found], question: Question, room: int) -> Iterator[Found]:
    """The texts, or parts of them that may speak of the question; a text that is short leaves its room to others."""
    left = room
    parts: dict[int, Found] = {}
    for number, at in enumerate(sorted(range(len(found)), key=lambda at: len(found[at].text))):
        text = narrowed(found[at].text, question.weights.keys(), left // (len(found) - number))
        left -= min(left, len(text))
        parts[at] = replace(found[at], text=text)
    return (parts[at] for at in range(len(found)))


def opening(found: Sequence[Found], *, most: int) -> list[Extract]:
    """The first sentences of the first text, for a question that names nothing but the source."""
    begins = [replace(each, text=each.text[: 2 * MAX_SENTENCE * (most + 1)]) for each in found[:1]]
    return [Extract(s.found.evidence, s.found.source, s.text, 1.0, s.order) for s in list(_sentences(begins))[:most]]


def _sentences(found: Iterable[Found]) -> Iterator[_Sentence]:
    order = 0
    seen: set[str] = set()
    for text in found:
        heading: frozenset[str] = frozenset()
        for line, header in _lines(text.text):
            plain = _BULLET.sub("", line).strip()
            stems = frozenset(word.stem for word in words(plain) if _counts(word))
            if header or _is_heading(line, plain):
                heading = stems
                continue
            if not stems or plain in seen:
                continue
            seen.add(plain)
            first = plain.split(maxsplit=1)[0].lower()
            yield _Sentence(text, plain, order, stems, heading, first in _POINTING)
            order += 1
            if order >= MAX_SENTENCES:
                return


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """The sentences and lines of a text, and whether each is the head of a table; rows are told with their heads."""
    stretches = [stretch.text for stretch in split(_unwrapped(text))]
    head: list[str] = []
    for line, following in zip_longest(stretches, stretches[1:], fillvalue=""):
        if not line.strip().startswith("|"):
            head = []
            yield line, False
        elif _RULE.fullmatch(following):
            head = _cells(line)
            yield " ".join(head), True
        elif not _RULE.fullmatch(line):
            yield _row(head, _cells(line)), False


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(head: list[str], cells: list[str]) -> str:
    names = [*head, *[""] * len(cells)]
    return ", ".join(f"{name} {cell}".strip() for name, cell in zip(names, cells, strict=False) if cell)


def _counts(word: Word) -> bool:
    """Whether a word tells sentences apart: one with a meaning, or a number."""
    return bool(word.meaning) or word.text.isdigit()


def _unwrapped(text: str) -> str:
    """A text whose hard line breaks within a sentence are spaces: a line that goes on in small letters belongs to the
    last."""
    return re.sub(r"(?<=[\w,;])[ \t]?\n[ \t]*(?=[a-z(])", " ", text)


def _is_heading(line: str, plain: str) -> bool:
    if _HEADING.match(line):
        return True
    closed = plain.endswith((".", "!", "?", ":", ";"))
    return len(plain.split()) <= 7 and not closed and not _DATA.search(plain)


def _rarity(sentences: list[_Sentence], question: Question) -> dict[str, float]:
    """The weight of each stem of the question: the rarer in the texts, the more it tells."""
    counts = Counter(s for sentence in sentences for s in (sentence.stems | sentence.heading) & question.weights.keys())
    size = len(sentences) + 1
    return {s: w * math.log(1 + size / (counts[s] + 0.5)) for s, w in question.weights.items()}


def _judge(sentence: _Sentence, question: Question, rarity: dict[str, float]) -> None:
    own = sentence.stems & rarity.keys()
    lent = ((sentence.heading & rarity.keys()) | question.related(sentence.stems)) - own
    telling = {s for s in own | lent if question.weights[s] >= 0.3 and not s.isdigit()}
    sentence.matched, sentence.own = frozenset(telling), frozenset(telling & own)
    if not telling:
        return
    score = sum(rarity[s] for s in own) + 0.6 * sum(rarity[s] for s in lent)
    pairs = set(_pairs(words(sentence.text))) & question.pairs
    score *= 1 + 0.25 * min(2, len(pairs))
    if question.wants and _ANSWERS[question.wants].search(sentence.text):
        score *= 1.5
    length = len(sentence.text)
    score /= 1 + max(0, length - 200) / 400
    # What a search ranked first is a little likelier to be meant.
    sentence.score = score * (1 + 0.1 / (1 + sentence.order / 10)) * (0.2 if length > MAX_SENTENCE else 1.0)


def _lend(sentences: list[_Sentence]) -> None:
    """A sentence that begins with `It` or `They` speaks of what the one before it does."""
    for before, sentence in pairwise(sentences):
        if sentence.points and before.found is sentence.found and before.score > sentence.score:
            sentence.score += 0.4 * before.score
            sentence.matched |= before.matched


def _choose(sentences: list[_Sentence], rarity: dict[str, float], most: int) -> list[_Sentence]:
    """The best sentence, then those nearly as good or that speak of what is not yet covered."""
    ranked = sorted((s for s in sentences if s.score > 0), key=lambda s: (-s.score, s.order))
    if not ranked or not _tells(ranked[0], rarity):
        return []
    chosen = [ranked[0]]
    covered = set(ranked[0].matched)
    figures = {s for s in ranked[0].stems & rarity.keys() if s.isdigit()}  # "severity 1" is not about severity 2
    for sentence in (s for s in ranked[1:] if figures <= s.stems):
        if len(chosen) >= most:
            break
        new = sentence.own - covered
        if sentence.score >= 0.75 * ranked[0].score or (new and sentence.score >= 0.55 * ranked[0].score):
            chosen.append(sentence)
            covered |= sentence.matched
    return _with_antecedent(chosen, sentences, most)


def _tells(sentence: _Sentence, rarity: dict[str, float]) -> bool:
    """Whether it shares enough of the question: two of its words, or `_ENOUGH` of its weight."""
    total = sum(rarity.values())
    return len(sentence.matched) >= 2 or (
        total > 0 and sum(rarity[s] for s in sentence.matched if s in rarity) >= _ENOUGH * total
    )


def _with_antecedent(chosen: list[_Sentence], sentences: list[_Sentence], most: int) -> list[_Sentence]:
    """A pronoun at the beginning needs the sentence before it to be understood."""
    first = chosen[0]
    if first.points and first.order and len(chosen) < most:
        before = sentences[first.order - 1]
        if before.found is first.found and before not in chosen:
            return [before, *chosen]
    return chosen


def _pairs(seen: Sequence[Word]) -> Iterator[tuple[str, str]]:
    content = [word.stem for word in seen if word.meaning]
    yield from pairwise(content)


def subject_stems(text: str) -> set[str]:
    """The stems of a question that name a subject, without those that only ask for a text to be read."""
    asking = stem_set("summarise summarize summary read fetch open page say document file content contain text")
    return {word.stem for word in words(text) if word.meaning >= 1} - asking
