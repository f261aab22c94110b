"""What an answer says could not be found: `The price could not be found.`, `There is no data on Oslo.`"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .sentences import Stretch

_NOT = r"(?:could\snot|couldn['’]t|cannot|can['’]t|can\snot)"
_SOUGHT = (
    r"(?:found|determined|retrieved|located|established|identified|obtained|confirmed|verified|looked\sup|fetched)"
)
_GIVEN = (
    r"(?:found|given|listed|mentioned|stated|available|known|specified|provided|recorded|included|reported|disclosed"
    r"|published|shown|documented|returned|indicated)"
)
_SEEK = (
    r"(?:find(?:\sout)?|determine|locate|see|get|retrieve|confirm|verify|obtain|look\sup|fetch|identify|establish"
    r"|tell|say|know|provide|give)"
)
_FOUND = r"(?:information|data|records?|entry|entries|results?|evidence|mention|details?|indication|figures?|hits?)"
_TEXT = (
    r"(?:sources?|evidence|documents?|pages?|articles?|reports?|texts?|agreement|contract|study|files?|tables?|results?"
    r"|search|data|records?|database|handbook|leaflet|website|site|tools?|passages?|abstract|log|catalogue)"
)
_ABSENT = re.compile(
    rf"""^\W*(?:(?:sorry|unfortunately|however|also)\W+(?:but\s)?)?(?:
      (?:i|we)\s(?:{_NOT}|(?:was|were|am|are)\s(?:unable|not\sable)\sto|(?:did|do)(?:\snot|n['’]t)|failed\sto)\s(?:yet\s)?
        {_SEEK}\b(?P<sought>.*)
    | (?:i|we)(?:['’]ve|\shave)?\s(?:found|got|have|see|know)\s(?:no(?:thing)?|not\sany)\b(?P<none>.*)
    | (?:i|we)\s(?:have|did)(?:\snot|n['’]t)\s(?:found|find)\b(?P<unfound>.*)
    | there\s(?:is|are|was|were|exists?|seems\sto\sbe)\s(?:no|not\sany|n['’]t\sany)\s(?:[\w-]+\s)?{_FOUND}\b
        (?P<nodata>.*)
    | nothing\s(?:(?:was|is|could\sbe)\s)?(?:found|known|said|stated|given|listed)\b(?P<nothing>.*)
    | no\s(?P<no>.{{1,120}}?)\s(?:(?:was|were|is|are)|(?:has|have)\sbeen|could\sbe)\s{_GIVEN}\b(?P<rest>.*)
    | (?:the\s|my\s|a\s|our\s)?(?:[\w-]+\s)?(?:search|query|look-?up)\b(?P<searched>.{{0,120}}?)\s
        (?:returned|gave|found|brought|yielded|came\sback\swith)\s(?:no|nothing|empty|without)\b(?P<vain>.*)
    | .{{0,60}}?\b{_TEXT}\b.{{0,40}}?\s(?:does|do|did)(?:\snot|n['’]t)\s
        (?:say|mention|list|give|state|contain|include|specify|show|name|provide|indicate|have)\b(?P<unsaid>.*)
    | (?P<passive>.{{1,160}}?)\s{_NOT}\s(?:yet\s)?be\s{_SOUGHT}\b.*
    | (?P<ungiven>.{{1,160}}?)\s(?:is|are|was|were|has\sbeen|have\sbeen)(?:\snot|n['’]t)\s(?:yet\s)?
        (?:been\s)?{_GIVEN}\b(?!\sto\b)(?P<more>.*)
    | (?P<unknown>.{{1,160}}?)\s(?:is|are|was|were|remains?)\s(?:still\s|currently\s)?
        (?:unknown|unspecified|unclear|undisclosed|unlisted|missing)\b(?P<beside>.*)
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_BY_TOOL = re.compile(r"^\W*nothing\s(?:was\s)?found\sby\b", re.IGNORECASE)
_PART = re.compile(
    r";\s+|,?\s+(?:but|though|although|however|while|whereas|yet)\s+|,\s+(?:and|so)\s+"
    r"|\s+and\s+(?=(?:i|we|no|there|nothing|the|its?)\s)",
    re.IGNORECASE,
)
_HINT = re.compile(
    r"\b(?:not|no|nothing|unknown|unclear|missing|un\w+ed|unable|failed|cannot)\b|n['’]t\b", re.IGNORECASE
)
_LEAST = 3
"""Words of a part of a sentence that is read for itself."""


def subject_of(text: str) -> str | None:
    """What a sentence says could not be found, in its own words, empty where it names nothing; `None` where it says no
    such thing."""
    if _HINT.search(text) is None or _BY_TOOL.match(text):
        return None
    found = _ABSENT.match(text)
    if found is None:
        return None
    return " ".join(part.strip() for part in found.groups() if part).strip()


def parted(stretch: Stretch) -> Iterator[Stretch]:
    """A sentence, in parts where one of them says that something could not be found."""
    if _HINT.search(stretch.text) is None:
        yield stretch
        return
    at, parts = 0, list[tuple[int, int]]()
    for match in _PART.finditer(stretch.text):
        parts.append((at, match.start()))
        at = match.end()
    parts.append((at, len(stretch.text)))
    texts = [stretch.text[low:high] for low, high in parts]
    denying = [subject_of(text) is not None for text in texts]
    if len(parts) < 2 or not any(denying) or all(denying) or min(len(text.split()) for text in texts) < _LEAST:
        yield stretch
        return
    for (low, high), text in zip(parts, texts, strict=True):
        yield Stretch(text, stretch.start + low, stretch.start + high)
