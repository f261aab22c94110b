"""Values of an enum, and conditions on a column, as ordinary English mentions them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .clauses import Clause
from .lexicon import choice_phrases
from .options import Option, offset_of
from .profiles import Parameter, Profile
from .words import STOP, Word, name_words, stem, stem_set, word_set

MAX_GROUPS = 6
"""Most values of a column that "per region" or "by month" fans out to."""

_MINOR = stem_set("code no num number date at is usd eur gbp chf kg pct percent value total type")
_KEYS = frozenset(("id", "key", "uuid", "guid"))
_NEGATION = word_set(
    """
    not except without excluding isn't aren't wasn't weren't don't doesn't didn't no never nor outside other
    neither than
    """
)
_EACH = word_set("by per each every which")
_BEING = word_set("is are was were be been being")
_TRUE = word_set("yes true y t on 1")
_TRUTHS = _TRUE | word_set("no false n f off 0")
_CONDITION = re.compile(r"\s*(?:(?:is|are|was|equals?|equal to|=|==|:)\s*)+(?:the\s+)?", re.IGNORECASE)
_OPERAND = re.compile(r"[\"'“‘]([^\"'”’\n]{1,80})[\"'”’]|([\w.&/-]{1,60})")


class Mention(NamedTuple):
    """Where a clause speaks of a value, and how surely."""

    start: int
    end: int
    score: float


def choice_options(parameter: Parameter, clause: Clause) -> list[Option]:
    """Ways to fill a parameter that has an enum, best first; those the clause names first come first."""
    grouping = "group" in parameter.stems or parameter.name in ("by", "per")
    found: list[Option] = []
    for choice in parameter.choices:
        phrases = choice_phrases(str(choice))
        mention = mention_of(choice, phrases, clause)
        if mention is None or grouping != _is_grouped(mention.start, clause):
            continue
        found.append(
            Option(
                values={parameter.name: [choice] if parameter.many else choice},
                places=((mention.start, mention.end),),
                score=mention.score,
                # "rows" is the table's word; "average" is everyone's.
                topical=not phrases or not any(_says(phrase, mention, clause) for phrase in phrases),
            )
        )
    return sorted(found, key=lambda option: (-option.score, option.places[0]))


def _says(phrase: str, mention: Mention, clause: Clause) -> bool:
    """Whether what was found is a phrase of ordinary English."""
    found = [word.stem for word in clause.words if mention.start <= word.start < mention.end]
    return tuple(found) == _phrase_stems(phrase)


def mention_of(choice: Any, phrases: tuple[str, ...], clause: Clause) -> Mention | None:
    """Where a clause names a value by its own words, or by a phrase of ordinary English that means it."""
    best: Mention | None = None
    for phrase in phrases:
        stems = _phrase_stems(phrase)
        found = _phrase(stems, phrase, clause.words) if stems[0] in clause.stems else None
        if found is not None and (best is None or found.score > best.score):
            best = found
    named = _stems(str(choice))
    own = None if clause.stems.isdisjoint(named) else _own_words(named, clause.words)
    if own is not None and (best is None or own.score > best.score):
        return None if str(choice).lower() == "mean" and _means(clause.words) else own
    return best


@lru_cache(maxsize=4096)
def _stems(name: str) -> tuple[str, ...]:
    return tuple(stem(part) for part in name_words(name)) or (name.lower(),)


@lru_cache(maxsize=1024)
def _phrase_stems(phrase: str) -> tuple[str, ...]:
    return tuple(map(stem, phrase.split()))


def _phrase(stems: tuple[str, ...], phrase: str, seen: tuple[Word, ...]) -> Mention | None:
    size = len(stems)
    for n in range(len(seen) - size + 1):
        if all(seen[n + k].stem == stems[k] for k in range(size)):
            if size == 1 and (_after_at(seen, n) or (phrase == "mean" and _means(seen))):
                continue
            return Mention(seen[n].start, seen[n + size - 1].end, 0.85 + 0.05 * size)
    return None


def _after_at(seen: tuple[Word, ...], n: int) -> bool:
    """Whether it is the `least` of "at least"."""
    return n > 0 and seen[n - 1].lower == "at"


def _means(seen: tuple[Word, ...]) -> bool:
    """Whether `mean` is the verb of "what does it mean"."""
    return any(word.lower in ("does", "do", "did", "you", "i") for word in seen)


def _own_words(stems: tuple[str, ...], seen: tuple[Word, ...]) -> Mention | None:
    """A name is mentioned when the words that matter in it are; a key such as `order_id` only with its `id`."""
    places = {word.stem: word for word in reversed(seen) if word.stem in stems and not _is_small(word, stems)}
    if not places:
        return None
    missing = [part for part in stems if part not in places]
    if _KEYS.intersection(missing):
        return None
    weight = sum(_weight(part) for part in stems if part in places) / sum(map(_weight, stems))
    if weight < 0.5:
        return None
    return _span_of(places.values(), weight)


def _is_small(word: Word, stems: tuple[str, ...]) -> bool:
    return len(stems) == 1 and word.lower in STOP and not word.text.isupper()


def _weight(part: str) -> float:
    return 0.3 if part in _MINOR else 1.0


def _span_of(found: Iterable[Word], weight: float) -> Mention:
    places = list(found)
    return Mention(min(w.start for w in places), max(w.end for w in places), weight)


def _is_grouped(place: int, clause: Clause) -> bool:
    before = [word.lower for word in clause.words if word.end <= place]
    return bool(before) and before[-1] in _EACH


def _is_counted(place: int, clause: Clause) -> bool:
    """Whether what stands at a place is what "how many" or "number of" counts."""
    before = tuple(word.lower for word in clause.words if word.end <= place)
    return before[-2:] in (("how", "many"), ("number", "of"))


def is_predicate(place: int, clause: Clause) -> bool:
    """Whether what stands at a place is said of something, as `active` is in "which are active"."""
    before = [word.lower for word in clause.words if word.end <= place]
    return bool(before) and before[-1] in _BEING


def is_extreme(choice: Any) -> bool:
    """Whether a value of an enum asks for the smallest or the largest."""
    return bool({"minimum", "maximum"}.intersection(choice_phrases(str(choice))))


def is_count(choice: Any) -> bool:
    """Whether a value of an enum asks how many there are."""
    return "how many" in choice_phrases(str(choice))


def columns_named(column: Parameter, clause: Clause) -> list[Mention]:
    """Where a clause names columns."""
    found = (_own_words(_stems(str(choice)), clause.words) for choice in column.choices)
    return [mention for mention in found if mention is not None]


class FilterFinder:
    """Finds a condition on a column: by a value the schema knows, or by "where <column> is <value>"."""

    def __init__(self, column: Parameter, value: Parameter, profile: Profile) -> None:
        self.column, self.value = column, value
        self.known = dict(_known_values(column, value, profile))
        self.by_stem: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
        for name, values in self.known.items():
            for written in values:
                stems = tuple(stem(part) for part in re.findall(r"[^\W_]+", written))
                if stems:
                    self.by_stem.setdefault(stems[0], []).append((stems, name, written))

    def __call__(self, clause: Clause) -> list[Option] | None:
        """The conditions a clause sets; `None` where it sets one that this pair of parameters cannot say."""
        found = (
            list(self._mentioned(clause)) or list(self._stated(clause)) or self._flagged(clause) or self._each(clause)
        )
        if found is None:
            return None
        columns = {option.values[self.column.name] for option in found}
        negated = found and any(word.lower in _NEGATION for word in clause.words)
        return None if negated or len(columns) > 1 else found

    def leaves(self, clause: Clause, taken: Sequence[tuple[int, int]]) -> bool:
        """Whether a clause sets a condition that the places taken do not cover: a negation, or a yes-or-no column."""
        return any(word.lower in _NEGATION for word in clause.words) or any(
            named is not None and not any(start <= named.start < end for start, end in taken)
            for named in (_own_words(_stems(column), clause.words) for column in self._truths())
        )

    def _truths(self) -> Iterator[str]:
        """The columns that hold only yes and no."""
        return (name for name, values in self.known.items() if values and _TRUTHS.issuperset(map(str.lower, values)))

    def _flagged(self, clause: Clause) -> list[Option]:
        """The condition in "are active", where that column holds yes and no."""
        found = []
        for column in self._truths():
            named = _own_words(_stems(column), clause.words)
            value = next((value for value in self.known[column] if value.lower() in _TRUE), None)
            if named is not None and value is not None and is_predicate(named.start, clause):
                values = {self.column.name: self._choice(column), self.value.name: value}
                found.append(Option(values=values, places=((named.start, named.end),), topical=True))
        return found

    def _mentioned(self, clause: Clause) -> Iterator[Option]:
        for n, word in enumerate(clause.words):
            for stems, column, written in self.by_stem.get(word.stem, ()):
                run = clause.words[n : n + len(stems)]
                if tuple(w.stem for w in run) == stems and self._is_meant(written, column, run, clause):
                    yield self._option(column, written, clause, (run[0].start, run[-1].end))

    def _is_meant(self, written: str, column: str, run: tuple[Word, ...], clause: Clause) -> bool:
        """A value that is also a small word or a bare figure counts only beside its column."""
        plain = written.lower() not in STOP and not (written.isdigit() and len(written) < 4) and len(written) > 1
        if plain or (written == run[0].text and written.isupper() and len(written) > 1):
            return True
        near = _own_words(_stems(column), clause.words)
        return near is not None and abs(run[0].start - near.end) <= 12

    def _option(self, column: str, written: str, clause: Clause, place: tuple[int, int]) -> Option:
        named = _own_words(_stems(column), clause.words)
        places = [place]
        if named is not None and (0 <= place[0] - named.end <= 12 or 0 <= named.start - place[1] <= 2):
            places.append((named.start, named.end))
        values = {self.column.name: self._choice(column), self.value.name: written}
        return Option(values=values, places=tuple(places), score=1.0, topical=True)

    def _choice(self, column: str) -> Any:
        return next((c for c in self.column.choices if str(c) == column), column)

    def _stated(self, clause: Clause) -> Iterator[Option]:
        text, offset = clause.text, offset_of(clause)
        for choice in self.column.choices:
            named = _own_words(_stems(str(choice)), clause.words)
            if named is None or not (condition := _CONDITION.match(text, named.end - offset)):
                continue
            operand = _OPERAND.match(text, condition.end())
            before = [w.lower for w in clause.words if w.end <= named.start]
            if operand is None or not before or not {"where", "whose", "which"}.intersection(before[-3:]):
                continue
            end = operand.end() + offset
            written = (operand[1] or operand[2]).rstrip(".,")
            yield Option(
                values={self.column.name: choice, self.value.name: self._spelling(str(choice), written)},
                places=((named.start, end),), score=1.0, topical=True,
            )  # fmt: skip

    def _spelling(self, column: str, written: str) -> str:
        """A value as the table spells it, where the schema says."""
        return next((v for v in self.known.get(column, ()) if v.lower() == written.lower()), written)

    def _each(self, clause: Clause) -> list[Option] | None:
        """One condition for every value of a column in "per region"; `None` where they are unknown or too many.

        Also `None` for "how many regions": that asks for different values, which no condition counts.
        """
        for choice in self.column.choices:
            named = _own_words(_stems(str(choice)), clause.words)
            if named is not None and str(choice) in self.known and _is_counted(named.start, clause):
                return None
            if named is not None and _is_grouped(named.start, clause):
                values = self.known.get(str(choice), ())
                if not 0 < len(values) <= MAX_GROUPS:
                    return None
                return [
                    Option(
                        values={self.column.name: choice, self.value.name: value},
                        places=((named.start, named.end),), topical=True,
                    )
                    for value in values
                ]  # fmt: skip
        return []


def _known_values(column: Parameter, value: Parameter, profile: Profile) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each column's values: from `x-values`, else the examples, whose column the description names before them."""
    mapping = dict(value.values) | dict(column.values)
    if mapping:
        yield from mapping.items()
        return
    described = " ".join(
        str(text)
        for text in (value.schema.get("description"), column.schema.get("description"), profile.description)
        if text
    )[:8000]
    assigned: dict[str, list[str]] = {}
    for example in value.examples:
        owner = _owner(str(example), column, described)
        if owner is not None:
            assigned.setdefault(owner, []).append(str(example))
    yield from ((name, tuple(values)) for name, values in assigned.items())


def _owner(example: str, column: Parameter, described: str) -> str | None:
    """The column named last before a value in the description; the only column where there is but one."""
    place = described.find(example)
    if place < 0:
        return str(column.choices[0]) if len(column.choices) == 1 else None
    named = [(described.rfind(str(choice), 0, place), str(choice)) for choice in column.choices]
    at, owner = max(named, default=(-1, ""))
    return owner if at >= 0 else None
