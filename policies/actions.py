"""What an answer claims was done by the run, `I have booked …`, `It is cancelled.`, and whether a source shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lexicon import ACTIONS, ACTIONS_NOW, stem
from .pages import Page
from .sentences import words

_VERB = "|".join(sorted(ACTIONS))
_NOW = "|".join(sorted(ACTIONS_NOW))
_ADVERBS = r"(?:\s(?:also|just|now|already|successfully|then|both|currently))*"
_MAIL = (
    r"(?:e-?mails?|messages?|mails?|reminders?|invitations?|confirmations?|letters?|replacements?|notifications?"
    r"|invoices?)"
)
_DEED = {
    "cancellation": "cancelled", "booking": "booked", "reservation": "reserved", "payment": "paid",
    "transfer": "transferred", "refund": "refunded", "registration": "registered", "deletion": "deleted",
    "submission": "submitted", "purchase": "purchased", "appointment": "scheduled", "reminder": "scheduled",
}  # fmt: skip
"""What stands for an act done, to the verb."""

_NOUN = "|".join(_DEED)
_CLAIM = re.compile(
    rf"""\b(?:i|we)(?:['’]ve|\shave|\shad)?{_ADVERBS}\s(?:(?:went|gone)\sahead\sand\s)?(?P<mine>{_VERB})\b
    | \b(?:i|we)(?:['’]ve|\shave)\s(?P<care>taken\scare\sof)\b
    | \b(?:i['’]m|we['’]re|i\sam|we\sare){_ADVERBS}\s(?P<now>{_NOW})\b(?!\sto\b)
    | \b(?:has|have|was|were|is|are)\s(?:(?:now|just|already|successfully)\s)?(?:been\s|being\s)?(?:successfully\s)?
        (?P<passive>{_VERB})\b
    | \bsuccessfully\s(?P<success>{_VERB})\b
    | \b(?P<mail>{_MAIL})\b[^.;]{{0,60}}\s(?:(?:is|are)\s(?:now\s)?(?:on\s(?:its|their|the)\sway|going\sout)
        |(?:has|have)\sgone\sout|went\sout)
    | \b(?P<deed>{_NOUN})\b[^.;]{{0,40}}\s(?:(?:is|was|are|were|has\sbeen|have\sbeen)\s(?:now\s|being\s)?
        (?:complete|completed|done|finished|processed|through|successful|issued|set|made|on\s(?:its|the)\sway)\b)
    | ^\W*(?:(?:the|your|a)\s)?(?P<note>{_NOUN})\s(?:issued|set|sent|made|completed?|processed|done)\b
    | ^\W*(?:it['’]s\s|it\sis\s|all\s|that['’]s\s|consider\s(?:it|that)\s)?
        (?P<bare>done|all\sset|finished|completed|taken\scare\sof|{_VERB})\s*(?:[.!]|$)""",
    re.VERBOSE | re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:no|not|nothing|none|nobody|never|neither|nor|whether|if|unless|once|until|who|when|why|how|what|which)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:.]\s|\s(?:and|but|though|while)\s")
_FURTHER = re.compile(rf"(?:\band|,){_ADVERBS}\s(?:i\s|have\s)?({_VERB})\b", re.IGNORECASE)
_YOURS = re.compile(r"\b(?:your|you|as requested|for you|now)\b", re.IGNORECASE)
_TOLD = re.compile(
    rf"\b(?:is|are|was|were|has|have)\s(?:been\s|being\s|now\s)*(?P<verb>{_VERB}|informed)\b", re.IGNORECASE
)
_STATES = frozenset(
    re.findall(
        r"\w+",
        "closed placed shared signed written moved renamed assigned saved changed created published arranged enabled"
        " disabled printed installed deployed merged registered approved rejected confirmed added delivered updated"
        " filed posted removed",
    )
)
"""Actions whose passive is as often a state of the world as something that was done on demand."""

WRITING = frozenset(["added", "written", "arranged", "removed", "merged", "changed", "moved", "placed", "printed"])
"""Actions of the run that may be of its answer only."""

_READING = frozenset(
    re.findall(r"\w+", "get find list search read fetch lookup query check show view count describe track")
)
_RECORD = frozenset(["status", "history", "state", "log", "list", "search", "info", "details", "lookup"])
_ALIKE = [
    frozenset(
        [
            "sent",
            "emailed",
            "mailed",
            "messaged",
            "forwarded",
            "notified",
            "informed",
            "contacted",
            "replied",
            "transmitted",
        ]
    ),
    frozenset(["booked", "reserved", "scheduled", "rescheduled"]),
    frozenset(["bought", "purchased", "ordered"]),
    frozenset(["deleted", "removed"]),
    frozenset(["changed", "updated", "moved", "rescheduled", "renamed"]),
]
"""Actions of which one call may do any."""

_WIDE = {stem(each): frozenset(map(stem, group)) for group in _ALIKE for each in group}
_DEEDS = frozenset(map(stem, ACTIONS))
_CALL = re.compile(r"([\w.-]{1,80})[\s:(]{0,3}\{")
_BARE = frozenset({"done", "all", "finished", "completed", "taken"})
_SUCCESS = re.compile(
    r"\"(?:done|ok|success|successful|completed|finished|confirmed)\"|\b(?:done|successfully|completed|finished)\b"
)


def claimed(text: str) -> tuple[str, ...]:
    """The actions that a sentence claims were done by the run, or are being: `booked`, `sent`, `done`, or several."""
    for match in _CLAIM.finditer(text):
        if match["passive"] is None or (
            (_is_news(match[0]) or (len(text.split()) < 7 and _YOURS.search(text))) and not _open(text, match.start())
        ):
            return (_action(match), *(each.lower() for each in _FURTHER.findall(text, match.end())))
    return ()


def is_own(text: str) -> bool:
    """Whether a sentence claims that the run itself did something: `I have sent it.`, `Done.`, `Your seat is booked`"""
    return _YOURS.search(text) is not None or any(match["passive"] is None for match in _CLAIM.finditer(text))


def is_mine(text: str) -> bool:
    """Whether a sentence says that the run itself has done something, or is doing it: `I have sent it.`"""
    return any(match["mine"] or match["now"] or match["care"] for match in _CLAIM.finditer(text))


def told(text: str) -> tuple[str, ...]:
    """The actions that a sentence says were done, by whomever: `The invoice was mailed.`, `The order is cancelled.`"""
    return tuple(
        each["verb"].lower()
        for each in _TOLD.finditer(text)
        if each["verb"].lower() not in _STATES and not _open(text, each.start())
    )


def is_asked(action: str, asked: frozenset[str]) -> bool:
    """Whether an action is what a question asked for, by the stems of its words."""
    root = stem(action)
    return not _WIDE.get(root, frozenset((root,))).isdisjoint(asked)


def _open(text: str, start: int) -> bool:
    """Whether what is said there is denied or asked: `nothing has been approved`, `whether it was sent`."""
    return _OPEN.search(_CLAUSE.split(text[:start])[-1]) is not None


def _action(match: re.Match[str]) -> str:
    name = match.lastgroup or ""
    word = match[name].lower()
    if name == "now":
        return ACTIONS_NOW[word]
    if name == "mail":
        return "sent"
    if name in ("deed", "note"):
        return _DEED[word]
    return "taken care of" if name == "care" else word


def _is_news(passive: str) -> bool:
    """Whether a passive says that something has happened or is happening, not that it does happen."""
    said = passive.lower().split()
    return said[0] in ("has", "have") or not {"successfully", "now", "just", "already", "being"}.isdisjoint(said)


def shows(page: Page, action: str) -> bool:
    """Whether a source shows that an action was done: its tool is named for it, or its result says so."""
    call = _CALL.match(page.text)
    root = stem(action)
    if call is not None and _does(words(call[1].replace("_", " ")), _WIDE.get(root, frozenset((root,)))):
        return True
    if action.split()[0] in _BARE:
        return _SUCCESS.search(page.lower) is not None
    done = (
        rf"\"[^\"\n]{{0,60}}\b{action}\b|\b(?:has|have|was|were)\s(?:been\s)?(?:successfully\s)?{action}\b"
        rf"|\bsuccessfully\s{action}\b"
    )
    return action in page.lower and re.search(done, page.lower) is not None


def acts(page: Page) -> bool:
    """Whether a source is a call that did something, by its tool's name: what else it brought about nobody can tell."""
    call = _CALL.match(page.text)
    return call is not None and _does(words(call[1].replace("_", " ")), _DEEDS)


def _does(name: Sequence[str], roots: frozenset[str]) -> bool:
    """Whether a tool's name says that it does something of the kind, and not that it reads about it."""
    if not name or name[0] in _READING or name[-1] in _RECORD:
        return False
    return not roots.isdisjoint(map(stem, name))


def speaks_of(page: Page, action: str) -> bool:
    """Whether a source has a word of the action at all."""
    return bool(page.postings.holding(stem(action)))
