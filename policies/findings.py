"""A fact of an answer and where a page holds it, as findings that can be told."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

from .grounded import GroundedFact
from .lexicon import MONTHS, WEEKDAYS
from .pages import Page
from .passages import Reading
from .sentences import Stretch, without_report
from .spans import Fact


def excused(fact: Fact, stretch: Stretch) -> bool:
    """Names, and times it took, in a report on the run: they say nothing of the world."""
    rest = without_report(stretch.text)
    if rest is None or fact.start >= stretch.end - len(rest):
        return False
    return fact.kind in ("name", "quotation") or fact.unit in ("s", "ms", "minute")


def place_of(fact: Fact, page: Page) -> tuple[int, int] | None:
    """Where a page holds a quotation, citation, URL or name."""
    value = str(fact.value)
    if fact.kind == "quotation":
        return page.find_quote(value) or _place_parts(value, page)
    if fact.kind == "citation":
        return page.find(value) or page.find(value.replace(", page ", ", p. "))
    if fact.kind == "url":
        return page.find_url(value)
    return _place_name(value, page)


def _place_parts(quotation: str, page: Page) -> tuple[int, int] | None:
    """Where a quotation with something left out begins, if all its parts stand in the page."""
    parts = [part.strip(" .,;") for part in _LEFT_OUT.split(quotation)]
    found = [page.find_quote(part) for part in parts if part]
    return found[0] if len(found) > 1 and all(found) else None


_LEFT_OUT = re.compile(r"\.\.\.|…|\[[^\]]{0,40}\]")


def _place_name(value: str, page: Page) -> tuple[int, int] | None:
    parts = value.split()
    return page.find(value) or (page.find_together(parts) if len(parts) > 1 else None)


def is_share(fact: Fact, candidate: Fact) -> bool:
    """Whether a percentage was found as a share of one: `0.175` for `17.5%`."""
    return fact.unit == "percent" and isinstance(candidate.value, Decimal) and abs(candidate.value) <= 1


def is_lone(fact: Fact) -> bool:
    """Whether a name is one word that begins its sentence, and so may be an ordinary word."""
    one_word = fact.kind == "name" and fact.initial and fact.text.isalpha()
    return one_word and (fact.value == "may" or fact.value not in (*MONTHS, *WEEKDAYS))


def without_first(fact: Fact) -> Fact:
    """The name without the first word, which begins the sentence."""
    rest = fact.text.partition(" ")[2]
    return replace(fact, text=rest, value=rest.lower(), start=fact.end - len(rest), initial=False)


def wrong_weekday(fact: Fact, candidate: Fact) -> str:
    """Why the weekday said beside a date is wrong; empty where it is not."""
    if fact.weekday < 0 or not isinstance(candidate.value, tuple) or 0 in candidate.value:
        return ""
    try:
        weekday = date(*candidate.value).weekday()
    except ValueError:
        return f"the date {fact.text} does not exist"
    return "" if weekday == fact.weekday else f"{fact.text} is a {WEEKDAYS[weekday].title()}"


def unplaced(fact: Fact) -> GroundedFact:
    """A fact as it stands in the answer, not yet found."""
    return GroundedFact(kind=fact.kind, text=fact.text, span=(fact.start, fact.end))


def grounded(fact: Fact, reading: Reading, place: tuple[int, int]) -> GroundedFact:
    """A fact with the place of a source that holds it."""
    return replace(unplaced(fact), source=reading.id, source_span=reading.page.original(*place))


def ungrounded(fact: Fact, problem: str) -> GroundedFact:
    """A fact with why it is not grounded."""
    return replace(unplaced(fact), problem=problem)


def shortened(text: str, most: int = 60) -> str:
    """A text of at most so many characters, on one line."""
    text = " ".join(text[: 2 * most].split())
    return text if len(text) <= most else text[: most - 1] + "…"
