"""Events that wait for whoever reads a stream: nothing here makes the run wait, and little is kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import replace

from .events import AudioChunk, CallProgress, Event, Provisional, TextDelta, TextWithdrawn

MOST_SOUND = 8 << 20
"""Bytes of sound that wait; beyond them the oldest pieces are left out."""


class Backlog:
    """The events of one run that its consumer has not read yet. Used in the run's loop only.

    | event                                  | while it waits                                                       |
    |----------------------------------------|----------------------------------------------------------------------|
    | text                                   | grows by the pieces of the same draft that follow                    |
    | text that is withdrawn, and its sound  | are left out; so is the withdrawal, where nothing of it had been read |
    | progress of a call, the best answer    | is replaced by the newest                                            |
    | pieces of sound                        | stay, up to 8 MiB: beyond them the oldest are left out               |
    | calls, files, verdicts, warnings, and  | stay, every one                                                      |
    | the result                             |                                                                      |

    So a consumer that never reads costs the text of one draft, some sound, and of what is never left out as many as
    the run has calls and checks.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, Event | _Text] = OrderedDict()
        self._number = 0
        self._growing: _Text | None = None
        self._sound: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._read: int | None = None
        self._ended = False
        self._reader: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self._ended

    def put(self, event: Event) -> None:
        """Add an event."""
        match event:
            case TextDelta():
                self._grow(event)
            case TextWithdrawn():
                self._withdraw(event)
            case CallProgress(call=call, inner=inner):
                self._renew(("progress", call, *(each.id for each in inner)), event)
            case Provisional():
                self._renew("best", event)
            case AudioChunk(data=data):
                self._add(event)
                self._sound.append((self._number, len(data)))
                self._bytes += len(data)
                while self._bytes > MOST_SOUND and len(self._sound) > 1:
                    self._waiting.pop(self._silence(), None)
            case _:
                self._add(event)
        self._wake()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._wake()

    def take(self) -> Event | None:
        """The oldest event, or `None` where none waits."""
        if not self._waiting:
            return None
        _, first = self._waiting.popitem(last=False)
        if isinstance(first, _Text):
            if first is self._growing:
                self._growing = None
            self._read = first.last.draft
            return first.whole()
        if isinstance(first, AudioChunk):
            self._silence()
            self._read = self._read if first.draft is None else first.draft
        return first

    async def wait(self, until: float | None) -> bool:
        """Wait until there is something to take or nothing more comes, or until the instant `until` of the loop's
        clock; whether that came first."""
        if self._waiting or self._ended:
            return False
        loop = asyncio.get_running_loop()
        self._reader = loop.create_future()
        timer = None if until is None else loop.call_at(until, self._wake)
        try:
            await self._reader
        finally:
            self._reader = None
            if timer is not None:
                timer.cancel()
        return not (self._waiting or self._ended)

    def _silence(self) -> int:
        """The number of the oldest piece of sound that waits, which does so no longer."""
        number, size = self._sound.popleft()
        self._bytes -= size
        return number

    def _add(self, event: Event | _Text) -> None:
        self._number += 1
        self._waiting[self._number] = event
        self._growing = event if isinstance(event, _Text) else None

    def _renew(self, key: Hashable, event: Event) -> None:
        self._waiting.pop(key, None)
        self._waiting[key] = event
        self._growing = None

    def _grow(self, delta: TextDelta) -> None:
        growing = self._growing
        if growing is not None and growing.last.draft == delta.draft:
            growing.add(delta)
        else:
            self._add(_Text(delta))

    def _withdraw(self, event: TextWithdrawn) -> None:
        unread = [key for key, each in self._waiting.items() if isinstance(each, _Text) and each.of(event.draft)]
        for key in unread:
            del self._waiting[key]
        self._hush(event.draft)
        if self._read == event.draft:
            self._add(event)
        self._growing = None

    def _hush(self, draft: int) -> None:
        """The sound of a draft is left out as far as it waits."""
        unread = {key for key, each in self._waiting.items() if isinstance(each, AudioChunk) and each.draft == draft}
        for key in unread:
            del self._waiting[key]
        self._sound = deque(piece for piece in self._sound if piece[0] not in unread)
        self._bytes = sum(size for _, size in self._sound)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class _Text:
    """Pieces of one draft that nothing else came between."""

    __slots__ = ("last", "parts")

    def __init__(self, delta: TextDelta) -> None:
        self.last = delta
        self.parts = [delta.text]

    def of(self, draft: int) -> bool:
        return self.last.draft == draft

    def add(self, delta: TextDelta) -> None:
        self.last = delta
        self.parts.append(delta.text)

    def whole(self) -> TextDelta:
        return self.last if len(self.parts) == 1 else replace(self.last, text="".join(self.parts))
