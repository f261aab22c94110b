"""What a run says to whoever listens, and which text of its models stands meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..policies.markup import Disarming
from ..policies.outcome import Ok, Verdict
from ..tools.call import Evidence
from ..tools.media.results import media_in
from ..tools.progress import Far, Inside, Report, Said, from_inside
from .events import (
    AudioChunk,
    CallFinished,
    CallProgress,
    Event,
    Judged,
    MediaReady,
    Provisional,
    Purpose,
    TextDelta,
    TextWithdrawn,
    Why,
)
from .models.base import AudioDelta
from .models.compose import compose

if TYPE_CHECKING:
    from .ending import Answer
    from .turn import Turn

_QUICK = 8_000
"""Characters of results out of which an answer is put together in some 4 ms at most, which a run can spare a turn."""

_UNCHECKED = Verdict.unsure("grounding", "it was put together from what was found so far, and is not checked")
"""What is said of such an answer."""

Listener = Callable[[Event], None]
"""Who is told of each event of a run; it must be quick."""

_log = logging.getLogger(__name__)


class Voice:
    """Tells one listener what happens in one run; a run that nobody listens to has none.

    At most one draft stands at a time. What a later one supersedes is not shown any further; where it is the answer in
    the end after all, it is given again, whole.

    Args:
        emit: who listens.
        elapsed: seconds since the run began.
    """

    def __init__(self, emit: Listener, elapsed: Callable[[], float]) -> None:
        self._emit = emit
        self._elapsed = elapsed
        self._drafts = 0
        self._standing: int | None = None
        self._shown: list[str] = []
        self._best: tuple[str, Verdict] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def open(self, loop: asyncio.AbstractEventLoop) -> bool:
        """The run goes on in this thread, and in this loop; what is said elsewhere is brought here first. Whether that
        was not known yet."""
        known, self._loop, self._thread = self._loop is not None, loop, threading.get_ident()
        return not known

    def close(self) -> None:
        """The run is over: nothing more is said."""
        self._emit = _nobody

    def say(self, event: Event) -> None:
        """Hand an event on; a listener that raises is told nothing more, and costs the run nothing."""
        try:
            self._emit(event)
        except Exception:
            self.close()
            _log.exception("on_event raised; it is told nothing more of this run")

    def text(self, turn: Turn, text: str, purpose: Purpose) -> None:
        """A model has written a piece of text. What it writes after it has asked for calls is no answer, and is not
        shown."""
        draft = self._draft_of(turn) if text else None
        if draft is None:
            return
        self._shown.append(text)
        turn.unsaid += text
        self.say(TextDelta(text=text, draft=draft, purpose=purpose, at=self._elapsed()))

    def sound(self, turn: Turn, piece: AudioDelta) -> None:
        """A model has said a piece of what it writes."""
        draft = self._draft_of(turn)
        if draft is not None:
            said, turn.unsaid = turn.unsaid, ""
            self.say(AudioChunk(draft=draft, data=piece.data, start=turn.sound, end=turn.sound + piece.seconds,
                                media_type=piece.media_type, transcript=said, at=self._elapsed()))  # fmt: skip

    def _draft_of(self, turn: Turn) -> int | None:
        """The draft that a turn writes, begun where there is none; `None` where it is not shown."""
        if turn.calls or turn.heard:
            return None
        if turn.draft is None:
            turn.draft = self._begin()
        return turn.draft if turn.draft == self._standing else None

    def _begin(self) -> int:
        self.withdraw("superseded")
        self._drafts += 1
        self._standing = self._drafts
        return self._drafts

    def called(self, turn: Turn) -> None:
        """A model asks for a call: what it wrote before was no answer."""
        if turn.draft is not None and turn.draft == self._standing:
            self.withdraw("calls")

    def withdraw(self, why: Why) -> None:
        """The text that stands does so no longer."""
        if self._standing is not None:
            self.say(TextWithdrawn(draft=self._standing, why=why, at=self._elapsed()))
            self._standing = None
            self._shown.clear()

    def result(self, evidence: Evidence) -> None:
        """What the checks say of a result; of a call that gave none they say nothing."""
        if isinstance(evidence.outcome, Ok):
            self.say(Judged(what="result", call=evidence.id, tool=evidence.tool, verdict=evidence.verdict,
                            at=self._elapsed()))  # fmt: skip

    def answer(self, text: str, verdict: Verdict) -> None:
        """What a check says of an answer."""
        draft = self._standing if self._says() == text else None
        self.say(Judged(what="answer", draft=draft, verdict=verdict, at=self._elapsed()))

    def best(self, answer: Answer) -> None:
        """The best answer so far; told where it, or what is said of it, is another than before."""
        if self._best != (answer.text, answer.verdict):
            self._best = answer.text, answer.verdict
            self.say(Provisional(text=answer.text, verdict=answer.verdict, model=answer.by, at=self._elapsed()))

    def found(self, query: str, evidence: Sequence[Evidence]) -> None:
        """A turn has ended: what was found so far makes an answer, which nobody has checked, before a model writes
        one. A lot of it would take long to go through, and is left to the end."""
        usable = [item for item in evidence if item.usable]
        if not usable or sum(len(item.content) for item in usable) > _QUICK:
            return
        composition = compose(query, evidence)
        if composition.unanswered:
            return
        text = composition.text
        if any(item.untrusted for item in usable):
            disarming = Disarming()
            text = disarming.add(text) + disarming.end()
        if self._best is None or self._best[0] != text:
            self._best = text, _UNCHECKED
            self.say(Provisional(text=text, verdict=_UNCHECKED, at=self._elapsed()))

    def end(self, text: str) -> None:
        """The answer is settled on: it stands, word for word, and nothing more is said."""
        if self._says() != text:
            self.withdraw("replaced")
            delta = TextDelta(text=text, draft=self._drafts + 1, purpose="answer", provisional=False,
                              at=self._elapsed())  # fmt: skip
            self.say(delta)
        self.close()

    def _says(self) -> str | None:
        return "".join(self._shown) if self._standing is not None else None

    def finished(self, evidence: Evidence) -> None:
        """A call has ended: what it gave, the files in it, and what its checks say."""
        self.say(CallFinished(evidence=evidence, at=self._elapsed()))
        for part in media_in(evidence.value):
            self.say(MediaReady(call=evidence.id, tool=evidence.tool, part=part, at=self._elapsed()))
        self.result(evidence)

    def meanwhile(self, call: str, tool: str, attempt: int, said: Said) -> None:
        """A tool says something before it returns. Any thread may."""
        event: Event
        inner, said = (said.calls, said.said) if isinstance(said, Inside) else ((), said)
        if isinstance(said, Far):
            event = CallProgress(call=call, tool=tool, inner=inner, **said._asdict(), at=self._elapsed())
        else:
            event = AudioChunk(call=call, tool=tool, inner=inner, attempt=attempt, **said._asdict(), at=self._elapsed())
        if threading.get_ident() == self._thread:
            self.say(event)
        elif self._loop is not None:
            with contextlib.suppress(RuntimeError):  # its loop has been closed, and nobody listens any more
                self._loop.call_soon_threadsafe(self.say, event)


def heard(voice: Voice | None, outer: Report | None) -> Callable[[str, str, int, Said], None] | None:
    """Who is told what the tools of a run say meanwhile: whoever streams it, and whoever streams the run around it.
    `None` where nobody listens."""
    if outer is None:
        return None if voice is None else voice.meanwhile
    around = from_inside(outer)
    if voice is None:
        return around

    def both(call: str, tool: str, attempt: int, said: Said) -> None:
        voice.meanwhile(call, tool, attempt, said)
        around(call, tool, attempt, said)

    return both


def _nobody(event: Event) -> None:
    """Nobody listens any more."""
