"""What a word of a claim or of a label stands for when the two are compared: one sense for words that name one thing.

Finer than `lexicon.stem`, which takes `rose` and `fell` for one word of change: here `first` and `last`, `departs` and
`arrives`, `high` and `low` differ, and `price`, `costs` and `pays` are one.
"""

from __future__ import annotations

from functools import lru_cache

from .lexicon import STOP_WORDS, stem

_ALIKE = """
    total sum altogether overall
    cost costs price prices priced trade trades traded pay pays charge charges fee fees
    depart departs departed departure dep leave leaves left leaving
    arrive arrives arrived arrival arr land lands landed
    open opens opening opened
    close closes closing closed
    begin begins began begun start starts started starting commence join joined joins
    end ends ended finish finished finishes
    inhabitant inhabitants population people resident residents person persons habitant habitants
    earn earns earned salary salaries wage wages
    lead leads led leader head heads headed manages
    direct directs directed director
    runtime run runs duration lasts lasted takes took last_long
    write writes wrote written author authors authored
    reporter reported reports report
    high max maximum highest peak
    low min minimum lowest
    tall height elevation altitude summit rising
    weigh weighs weighed weight
    length long
    depth deep
    area covers covered cover
    use uses used using
    free available
    supply supplies supplied
    vat tax
    employ employs employed employee employees staff
    win wins won
    lose loses lost
    release releases released
    buy buys bought purchase purchased acquire acquired acquires
    found founded founder founders founds
    ship ships shipped shipping
    subscription plan
    mail email emails mails
    delay delays delayed
    protein proteins
    deputy deputies
    temperature temp temperatures
    year years annual annually
    fat fats
    distance far
    fail fails failed failure failures
    pass passes passed
    skip skips skipped
    send sends sent
    make makes made
    build builds built
    hold holds held
    teach teacher teaches
    transport transit
    drive drives driving
    reopen reopens reopened
    withdraw withdraws withdrawal withdrawn
    deposit deposits deposited
"""
_SENSES = {word: line.split()[0] for line in _ALIKE.strip().splitlines() for word in line.split()}
_SENSES.update({"last": "last", "first": "first", "rose": "rise", "rises": "rise", "risen": "rise", "fell": "fall"})
_SENSES.update({"falls": "fall", "fallen": "fall", "higher": "high", "lower": "low", "up": "rise", "down": "fall"})
_SENSES.update({"increase": "rise", "increased": "rise", "grew": "rise", "dropped": "fall", "decreased": "fall"})

ROLES = {
    "from": "@from",
    "to": "@to",
    "until": "@to",
    "till": "@to",
    "by": "@by",
    "than": "@than",
    "before": "@before",
    "after": "@after",
    "since": "@from",
}
"""Prepositions that say which part a name or value plays, to the mark it bears for them."""

_BEARING = frozenset(
    [
        "total",
        "cost",
        "costs",
        "weigh",
        "weighs",
        "buys",
        "takes",
        "reaches",
        "measures",
        "comes",
        "gets",
        "runs",
        "leaves",
        "departs",
        "lasts",
        "used",
        "first",
        "second",
        "last",
        "most",
        "more",
        "before",
        "after",
        "below",
        "above",
        "under",
        "over",
        "own",
        "few",
        "no",
        "not",
        "none",
        "without",
        "high",
        "low",
        "against",
        "asked",
        "won",
        "list",
    ]
)
LIGHT = (STOP_WORDS - _BEARING) | frozenset(["s", "t", "d", "no", "not", "none"])
"""Words that tell no slot from another."""


@lru_cache(maxsize=16384)
def sense(word: str) -> str:
    """The one sense of an English word in lower case; other words are their own, or their stem."""
    found = _SENSES.get(word)
    if found is not None:
        return found
    root = stem(word)
    return word if root == "grow" else _SENSES.get(root, root)


RELATED = {
    "total": frozenset(["cost"]),
    "cost": frozenset(["total", "rate"]),
    "rate": frozenset(["cost"]),
    "rise": frozenset(["change", "growth", "delta"]),
    "fall": frozenset(["change", "growth", "delta"]),
}
"""Senses that may stand for each other where nothing fits better."""

DECISIVE = frozenset(
    ["approv", "reject", "accept", "forbid", "allow", "pass", "fail", "adopt", "active", "inactive", "legal"]
)
"""Senses that leave no doubt in prose either."""

ANTONYMS = {
    frozenset(pair.split("/"))
    for pair in [
        "open/close",
        "active/inactive",
        "on/off",
        "approv/reject",
        "adopt/reject",
        "pass/reject",
        "grant/refus",
        "grant/reject",
        "accept/refus",
        "accept/reject",
        "win/lose",
        "allow/forbid",
        "pass/fail",
        "enabl/disabl",
        "before/after",
        "high/low",
        "rise/fall",
        "first/last",
        "buy/sell",
        "legal/illegal",
        "safe/unsafe",
        "guilty/innocent",
        "alive/dead",
        "public/private",
        "hot/cold",
        "north/south",
        "east/west",
        "cheap/expensiv",
        "sold/unsold",
        "paid/unpaid",
        "confirm/cancel",
        "present/absent",
        "online/offline",
    ]
}
"""Pairs of senses of which one denies the other."""

OPPOSITE = {
    one: frozenset(b for pair in ANTONYMS if one in pair for b in pair if b != one) for p in ANTONYMS for one in p
}
"""A sense to those that deny it."""

MOST = frozenset(
    ["most", "highest", "largest", "biggest", "longest", "tallest", "oldest", "greatest", "heaviest", "deepest"]
)
"""Words that say that a value is above all others."""

LEAST = frozenset(["least", "lowest", "smallest", "fewest", "shortest", "youngest", "cheapest", "lightest"])
"""Words that say that a value is below all others."""
