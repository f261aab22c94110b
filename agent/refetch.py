"""Quotations of an answer looked up again where they are said to stand, as a verifier."""

from __future__ import annotations

from collections.abc import Iterator

from ..policies.errors import UsageError
from ..policies.facts import extract, quoted_in
from ..policies.forecast import PRIORS, Forecast
from ..policies.latency import LatencyState
from ..policies.ledger import Claim
from ..policies.outcome import Verdict
from ..policies.sentences import split
from ..tools.call import Call
from ..tools.checking import CheckResult
from ..tools.shapes import short
from .run import Run
from .verifiers import Answered, Terms

MOST_PAGES = 5
"""Pages that one verdict may look at."""

_UNKNOWN = LatencyState(PRIORS["tool"]).forecast()


class Refetch:
    """The verifier that `refetch` makes."""

    def __init__(self, tool: str, argument: str, most: int) -> None:
        self.__name__ = f"refetch({tool})"
        self._tool = tool
        self._argument = argument
        self._most = most

    async def __call__(self, answered: Answered) -> Verdict:
        """Outside a run there is nothing to fetch with."""
        return Verdict.unsure(self.__name__, "it makes calls of a run, and there is none")

    def forecast(self, run: Run) -> Forecast:
        """As long as the tool takes; pages are fetched one after the other."""
        tool = run.toolbox.get(self._tool)
        return (None if tool is None else run.memory.history.forecast(tool)) or _UNKNOWN

    def claim(self, run: Run, answered: Answered) -> Claim:
        """One attempt of the tool for each page that is quoted."""
        tool, pages = run.toolbox.get(self._tool), self._pages(answered)
        if tool is None or not pages:
            return Claim()
        return Claim(tool=tool.name, tool_calls=len(pages), cost_usd=len(pages) * tool.cost_usd)

    async def ask(self, run: Run, answered: Answered, terms: Terms) -> CheckResult:
        """Fetch what is cited, and look for what is quoted from it."""
        terms.reservation.release()  # the pipeline reserves each attempt itself
        tool, pages = run.toolbox.get(self._tool), self._pages(answered)
        if not pages:
            return None
        if tool is None or not tool.repeatable:
            return Verdict.unsure(self.__name__, f"there is no tool {self._tool} that may be called twice")
        for number, (url, quotations) in enumerate(pages.items()):
            page = await run.pipeline.call(
                Call(id=f"quoted.{number}", tool=self._tool, arguments={self._argument: url}, drawn_from={})
            )
            if not page.usable:
                return Verdict.unsure(self.__name__, f"{url} could not be fetched: {short(page.content)}")
            bad = next((each for each in quotations if not quoted_in(each, page.content)), None)
            if bad is not None:
                return f"{url} does not say {short(bad)!r}"
        return True

    def _pages(self, answered: Answered) -> dict[str, list[str]]:
        """What is quoted from where, for the first few pages."""
        found: dict[str, list[str]] = {}
        for url, quotation in _cited(answered):
            if url in found or len(found) < self._most:
                found.setdefault(url, []).append(quotation)
        return found


def _cited(answered: Answered) -> Iterator[tuple[str, str]]:
    """The quotations of an answer, each with the URL in its sentence, or else that of the evidence it stands in."""
    for sentence in split(answered.text):
        facts = extract(sentence.text)
        urls = [str(fact.value) for fact in facts if fact.kind == "url" and "//" in fact.text]
        for fact in facts:
            if fact.kind == "quotation":
                url = urls[0] if urls else _origin(answered, str(fact.value))
                if url:
                    yield url, str(fact.value)


def _origin(answered: Answered, quotation: str) -> str:
    for item in answered.evidence:
        if item.usable and item.origin.startswith(("http://", "https://")) and quoted_in(quotation, item.content):
            return item.origin
    return ""


def refetch(tool: str = "fetch_url", *, argument: str = "url", most: int = 3) -> Refetch:
    """A verifier that fetches what an answer cites once more, and refuses it where a quotation does not stand there.

    It is a costly one: each page takes a call of the tool, which must be `read_only` or `idempotent`. A quotation
    belongs to the URL in its sentence, else to the page of the evidence that it stands in; one without either is passed
    over.
    That all stand where they are said to is no objection; it vouches for nothing.

    Args:
        tool: the tool that fetches. Default `fetch_url`.
        argument: its argument that takes the URL. Default `url`.
        most: pages that are fetched at most, from 1 to 5. Default 3.

    Raises:
        UsageError: `most` is not from 1 to 5.
    """
    if not 1 <= most <= MOST_PAGES:
        raise UsageError(f"refetch(most={most}): it must be from 1 to {MOST_PAGES}")
    return Refetch(tool, argument, most)
