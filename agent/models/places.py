"""Names and places in a question: by their capital letters, by the gazetteer, by the preposition before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .lexicon import ASKING, AUXILIARY, CURRENCIES, EFFECTS, LANGUAGES, MONTHS, PLACES, QUESTION, WEEKDAYS, ZONES
from .span import Kind, Span
from .units import unit_at
from .words import STOP, Word, word_set

_CONNECTORS = word_set("de da do del di du la le el al van von der of the")
_PLACE_BEFORE = word_set("in at near to from for around visiting between inside outside")
_LOOSE_BEFORE = word_set("in at near for")
_TITLES = word_set("st dr mr mrs ms mt ft prof")
_NO_PLACE = word_set(
    """
    morning evening afternoon night noon midnight day week month year total general fact particular order time
    english advance short detail full part stock case future past moment while
    """
)
_PLACE_STARTS = frozenset(name.split()[0].removesuffix(".") for name in PLACES) | ZONES
_LOWER_ONLY_AFTER = frozenset(("nice", "lima", "uk", "perth"))
_NOT_PROPER = QUESTION | AUXILIARY | ASKING | EFFECTS | STOP


def places(text: str, seen: tuple[Word, ...]) -> Iterator[Span]:
    """Names by their capital letters, and places by the gazetteer or by the preposition before them."""
    index = 0
    while index < len(seen):
        size = _known_place(seen, index)
        proper = _proper_run(text, seen, index)
        length = max(size, proper)
        if not length:
            yield from _loose_place(text, seen, index)
            index += 1
            continue
        known = size >= proper
        if known and _country_follows(text, seen, index + length):
            length += 1
        yield from _name(text, seen, index, length, known=known)
        index += length


def _known_place(seen: tuple[Word, ...], index: int) -> int:
    if seen[index].lower not in _PLACE_STARTS:
        return 0
    for size in (3, 2, 1):
        run = seen[index : index + size]
        name = " ".join(word.lower for word in run)
        known = name in PLACES or (size == 1 and name in ZONES)
        # "nice" is a place only with a capital letter or a place's preposition before it
        plain = name not in _LOWER_ONLY_AFTER or run[0].text[0].isupper() or _after(seen, index)
        if len(run) == size and known and plain:
            return size
    return 0


def _after(seen: tuple[Word, ...], index: int) -> bool:
    return index > 0 and seen[index - 1].lower in _PLACE_BEFORE


def _proper_run(text: str, seen: tuple[Word, ...], index: int) -> int:
    """How many words from here on are one name: capitalised, with small connectors between."""
    if not _capital(seen, index) or (seen[index].lower in _NOT_PROPER and not _inner_capital(text, seen, index)):
        return 0
    size = 1
    while index + size < len(seen):
        after = index + size
        gap = text[seen[after - 1].end : seen[after].start]
        if gap not in (" ", "-") and not (gap == ". " and seen[after - 1].lower in _TITLES):
            break
        if _capital(seen, after):
            size += 1
        elif seen[after].lower in _CONNECTORS and after + 1 < len(seen) and _capital(seen, after + 1):
            size += 2
        else:
            break
    return size


def _capital(seen: tuple[Word, ...], index: int) -> bool:
    word = seen[index]
    return (
        word.text[0].isupper() and word.lower not in LANGUAGES and word.text not in ("I", "I'm", "I'd", "I've", "I'll")
    )


def _inner_capital(text: str, seen: tuple[Word, ...], index: int) -> bool:
    """Whether a capital letter stands where none is due: not at the start of a sentence."""
    if seen[index].lower in QUESTION | AUXILIARY or index == 0:
        return False
    return not re.search(r"[.?!:;\n]\s*$", text[seen[index - 1].end : seen[index].start])


def _name(text: str, seen: tuple[Word, ...], index: int, length: int, *, known: bool) -> Iterator[Span]:
    first, last = seen[index], seen[index + length - 1]
    start, end = first.start, last.end
    written = text[start:end]
    kind: Kind = "zone" if written.lower() in ZONES else "place"
    if not known:
        yield Span(kind="proper", text=written, value=written, start=start, end=end, sure=0.9 if index else 0.6)
    if known or not (written.isupper() or written.lower() in MONTHS or written.lower() in WEEKDAYS):
        sure = 1.0 if known else 0.9 if _after(seen, index) else 0.5
        yield Span(kind=kind, text=written, value=written, start=start, end=end, sure=sure)


def _country_follows(text: str, seen: tuple[Word, ...], index: int) -> bool:
    """Whether a state or country stands behind a comma, as in `Lima, Peru`, and the list does not go on."""
    if index >= len(seen) or text[seen[index - 1].end : seen[index].start] != ", ":
        return False
    goes_on = (index + 1 < len(seen) and seen[index + 1].lower in ("and", "or")) or text[seen[index].end :][:1] == ","
    return not goes_on and _known_place(seen, index) == 1


def _loose_place(text: str, seen: tuple[Word, ...], index: int) -> Iterator[Span]:
    """What stands behind `in`, `at`, `near` or `for` in small letters: perhaps a place."""
    if index == 0 or seen[index - 1].lower not in _LOOSE_BEFORE or not _may_be_place(seen[index]):
        return
    last = seen[index]
    following = seen[index + 1] if index + 1 < len(seen) else None
    if following is not None and _may_be_place(following) and text[last.end : following.start] == " ":
        last = following
    written = text[seen[index].start : last.end]
    yield Span(kind="place", text=written, value=written, start=seen[index].start, end=last.end, sure=0.4)


def _may_be_place(word: Word) -> bool:
    lower = word.lower
    known = STOP | _NO_PLACE | MONTHS.keys() | WEEKDAYS.keys() | LANGUAGES.keys() | CURRENCIES.keys()
    return word.text.isalpha() and lower not in known and len(lower) > 2 and unit_at(word.text, 0) is None
