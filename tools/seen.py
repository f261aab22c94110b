"""What the model of a run has been shown, and by whose word it stands there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..policies.credentials import LEAST_SECRET, Credential, known, secrets_of, shaped
from ..policies.links import Conversation, host_of, urls, vouched
from ..policies.trust import TrustSituation
from .call import Evidence
from .tool import Tool

MOST_NAMED = 5
"""Origins, tools or hosts that one record names."""

_PLAIN = (int, float, bool, type(None))

LONGEST_NAME = 120
"""Characters that one record spends on an origin."""


class Seen:
    """The account of what a run's model knows; the pipeline asks it before a call, the answer before it is settled.

    Args:
        query: what was asked.
        instructions: what the agent's author told the model.
        outer: untrusted content that the enclosing run's model had been shown when it asked for this one, as tools by
            their origins. The query is then no user's own.
    """

    def __init__(self, query: str = "", instructions: str = "", outer: Mapping[str, str] | None = None) -> None:
        self._users = not outer
        self.origins: dict[str, str] = dict(outer or {})
        """Where untrusted content that the model was shown came from, each with the tool that brought it."""
        self._vouching = [instructions] if outer else [query, instructions]
        self._texts = [query, instructions]
        self._shown: set[str] = set()
        self._environment: dict[str, str] | None = None

    @property
    def tainted(self) -> bool:
        """Whether the model has been shown untrusted content."""
        return bool(self.origins)

    @property
    def vouching(self) -> tuple[str, ...]:
        """Texts whose word counts: the user's, the author's, and what trusted tools gave before untrusted content."""
        return tuple(self._vouching)

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything the model was shown."""
        return tuple(self._texts)

    def said(self, text: str) -> None:
        """The user said this too, earlier in the conversation."""
        if text not in self._texts:
            self._texts.append(text)
            self._vouching += [text] * self._users

    def show(self, evidence: Iterable[Evidence]) -> list[Evidence]:
        """The model is about to be shown this; what of it is untrusted and new is returned."""
        fresh = [item for item in evidence if item.id not in self._shown]
        self._shown.update(item.id for item in fresh)
        if not self.tainted:
            self._vouching += [item.content for item in fresh if item.usable and item.trusted]
        self._texts += [item.content for item in fresh]
        untrusted = [item for item in fresh if item.untrusted]
        for item in untrusted:
            self.origins.setdefault(_name(item.origin or item.tool), item.tool)
        return untrusted

    def resume(self, evidence: Iterable[Mapping[str, Any]]) -> None:
        """Earlier runs of the conversation found this, as `Evidence.to_dict` wrote it; it is before the model too."""
        for item in evidence:
            self._texts.append(str(item["content"]))
            if not item["trusted"] and item["outcome"] in ("ok", "error"):
                self.origins.setdefault(_name(str(item["origin"] or item["tool"])), str(item["tool"]))

    def nothing_of(self, arguments: Mapping[str, Any], drawn_from: Mapping[str, str]) -> bool:
        """Whether there is nothing to weigh: no untrusted content so far, and no text long enough to be a secret."""
        if self.origins or drawn_from:
            return False
        for value in arguments.values():
            short = len(value) < LEAST_SECRET if isinstance(value, str) else type(value) in _PLAIN
            if not short:
                return False
        return True

    def situation(
        self, tool: Tool, arguments: Mapping[str, Any], drawn_from: Mapping[str, str], *, approval: bool = False
    ) -> TrustSituation:
        """What is known of a call; `drawn_from` is the untrusted content a plan made it from, tools by origin, and
        `approval` says whether every call of the tool is put to a person anyway."""
        origins = self.origins if not drawn_from else {**self.origins, **drawn_from}
        strings = [text for text in _strings(arguments) if len(text) >= LEAST_SECRET]
        return TrustSituation(
            tool=tool.name,
            effects=not (tool.read_only or tool.judges_inside),
            through=_listed(origins.values()),
            origins=_listed(origins),
            secrets=self._secrets(strings, bool(origins)) if strings else "",
            leaks=self._leaks(strings) if strings and origins else "",
            approval=approval,
        )

    def _secrets(self, strings: list[str], tainted: bool) -> str:
        """Kinds of credentials that must not leave: nobody gave them, or somebody else may be asking for them."""
        found: list[Credential] = []
        if self._environment is None:  # read once: each look at it costs as much as a small call
            self._environment = secrets_of(os.environ)
        secrets = self._environment
        for text in strings:
            found += [*known(text, secrets), *shaped(text)]
        given = () if tainted else self._vouching
        return _listed(each.kind for each in found if not any(each.value in text for text in given))

    def _leaks(self, strings: list[str]) -> str:
        """Hosts that nobody vouched for, with what a URL would carry there."""
        named = [url for text in strings for url in urls(text)]
        strangers = [(host_of(url), url) for url in named if not vouched(host_of(url), self._vouching)]
        if not strangers:
            return ""
        conversation = Conversation(self._texts)
        carried = [(host, conversation.carries(url)) for host, url in strangers]
        return _listed(f"{what} to {_short(host)}" for host, what in carried if what)


def _strings(value: Any) -> Iterator[str]:
    """Every text among the arguments, names of fields included."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, (bytes, bytearray)):
            yield bytes(item).decode("utf-8", "replace")
        elif depth > 40 or isinstance(item, _PLAIN):
            continue
        elif isinstance(item, Mapping):
            waiting += [(each, depth + 1) for pair in item.items() for each in pair]
        elif isinstance(item, (list, tuple, set, frozenset)):
            waiting += [(each, depth + 1) for each in item]
        elif isinstance(fields := getattr(item, "__dict__", None), dict):
            waiting.append((fields, depth + 1))
        else:
            yield str(item)


def _listed(names: Iterable[str]) -> str:
    kept = list(dict.fromkeys(names))
    more = f" and {len(kept) - MOST_NAMED} more" if len(kept) > MOST_NAMED else ""
    return f"{', '.join(kept[:MOST_NAMED])}{more}"


def _short(host: str) -> str:
    """A host without what stands before its domain, where data may be."""
    return _name(".".join(host.split(".")[-2:]) if not host[-1:].isdigit() else host)


def _name(origin: str) -> str:
    """An origin on one line, in printable characters and not too many of them."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in origin).split())
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"
